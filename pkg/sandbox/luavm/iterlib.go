package luavm

import lua "github.com/yuin/gopher-lua"

func (vm *VM) next(L *lua.LState) int {
	t := checkTable(L, 1)
	k, v := vm.successor(L, t, L.Get(2))
	L.Push(k)
	if k == lua.LNil {
		return 1
	}
	L.Push(v)
	return 2
}

// successor is lua_next. Passing over deleted keys is booked as work, because a
// script can make millions of them.
func (vm *VM) successor(L *lua.LState, t *lua.LTable, key lua.LValue) (lua.LValue, lua.LValue) {
	k, v, skipped, ok := t.Successor(key)
	if !ok {
		raise(L, "invalid key to 'next'")
	}
	if skipped > 64 {
		vm.charge(L, unitsPerSkip*skipped, 0)
	}
	return k, v
}

func (vm *VM) pairs(L *lua.LState) int {
	t := checkTable(L, 1)
	L.Push(vm.nextFn)
	L.Push(t)
	L.Push(lua.LNil)
	return 3
}

func (vm *VM) ipairs(L *lua.LState) int {
	t := checkTable(L, 1)
	L.Push(vm.ipairsFn)
	L.Push(t)
	L.Push(lua.LNumber(0))
	return 3
}

func ipairsStep(L *lua.LState) int {
	t := checkTable(L, 1)
	i := CheckInt(L, 2) + 1
	v := t.RawGet(lua.LNumber(i))
	if v == lua.LNil {
		return 0
	}
	L.Push(lua.LNumber(i))
	L.Push(v)
	return 2
}
