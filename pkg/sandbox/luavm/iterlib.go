package luavm

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

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

// successor is lua_next. Deleted keys stay in gopher-lua's key list; skipping
// them is booked as work, because a script can make millions of them.
func (vm *VM) successor(L *lua.LState, t *lua.LTable, key lua.LValue) (lua.LValue, lua.LValue) {
	tl := tableOf(t)
	i := 0
	if n, ok := key.(lua.LNumber); ok && isArrayIndex(n) && int(n) <= len(tl.array) {
		i = int(n)
	} else if key != lua.LNil {
		at, ok := tl.k2i[key]
		if !ok {
			raise(L, "invalid key to 'next'")
		}
		return vm.nextKey(L, tl, at+1)
	}
	for from := i; i < len(tl.array); i++ {
		if v := tl.array[i]; v != nil && v != lua.LNil {
			return lua.LNumber(i + 1), v
		}
		if i-from == 1<<10 {
			vm.charge(L, unitsPerSkip<<10, 0)
			from = i
		}
	}
	return vm.nextKey(L, tl, 0)
}

func isArrayIndex(n lua.LNumber) bool {
	return n >= 1 && n < lua.LNumber(lua.MaxArrayIndex) && n == lua.LNumber(math.Trunc(float64(n)))
}

func (vm *VM) nextKey(L *lua.LState, tl *tableLayout, i int) (lua.LValue, lua.LValue) {
	for from := i; i < len(tl.keys); i++ {
		k := tl.keys[i]
		var v lua.LValue
		var ok bool
		if s, isString := k.(lua.LString); isString {
			v, ok = tl.strdict[string(s)]
		} else {
			v, ok = tl.dict[k]
		}
		if ok {
			return k, v
		}
		if i-from == 1<<8 {
			vm.charge(L, unitsPerSkip<<8, 0)
			from = i
		}
	}
	return lua.LNil, lua.LNil
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
