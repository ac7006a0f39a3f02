package luavm

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) tableFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"concat":   vm.tableConcat,
		"foreach":  vm.tableForeach,
		"foreachi": vm.tableForeachi,
		"getn":     tableGetn,
		"insert":   vm.tableInsert,
		"maxn":     vm.tableMaxn,
		"remove":   vm.tableRemove,
		"setn":     tableSetn,
		"sort":     vm.tableSort,
	}
}

func (vm *VM) tableConcat(L *lua.LState) int {
	t := checkTable(L, 1)
	sep := OptString(L, 2, "")
	i := OptInt(L, 3, 1)
	last := 0
	if isNone(L, 4) {
		last = t.Len()
	} else {
		last = CheckInt(L, 4)
	}
	var out []byte
	booked := 0
	for from := i; i <= last; i++ {
		if i > from {
			out = append(out, sep...)
		}
		v := t.RawGet(lua.LNumber(i))
		if !lua.LVCanConvToString(v) {
			raise(L, "%s", invalidValue(v, i))
		}
		out = appendText(out, v)
		if len(out)-booked > 1<<16 {
			booked = vm.grow(L, len(out), booked)
		}
		if (i-from)&(1<<10-1) == 1<<10-1 {
			vm.ChargeSteps(L, 1<<10)
		}
	}
	vm.grow(L, len(out), booked)
	pushBytes(L, out)
	return 1
}

func (vm *VM) tableForeach(L *lua.LState) int {
	t, f := checkTable(L, 1), checkFunction(L, 2)
	for k, v := vm.successor(L, t, lua.LNil); k != lua.LNil; k, v = vm.successor(L, t, k) {
		if out := call2(L, f, k, v); out != lua.LNil {
			L.Push(out)
			return 1
		}
	}
	return 0
}

func (vm *VM) tableForeachi(L *lua.LState) int {
	t, f := checkTable(L, 1), checkFunction(L, 2)
	n := t.Len()
	for i := 1; i <= n; i++ {
		if out := call2(L, f, lua.LNumber(i), t.RawGetInt(i)); out != lua.LNil {
			L.Push(out)
			return 1
		}
	}
	return 0
}

func call2(L *lua.LState, f, a, b lua.LValue) lua.LValue {
	L.Push(f)
	L.Push(a)
	L.Push(b)
	L.Call(2, 1)
	out := L.Get(-1)
	L.Pop(1)
	return out
}

func tableGetn(L *lua.LState) int {
	L.Push(lua.LNumber(checkTable(L, 1).Len()))
	return 1
}

func tableSetn(L *lua.LState) int {
	checkTable(L, 1)
	raise(L, "'setn' is obsolete")
	return 0
}

func (vm *VM) tableMaxn(L *lua.LState) int {
	t := checkTable(L, 1)
	most := float64(t.Len())
	vm.ChargeSteps(L, t.Keys())
	for key := range t.All() {
		if n, ok := key.Number(); ok {
			most = max(most, n)
		}
	}
	L.Push(lua.LNumber(most))
	return 1
}

func (vm *VM) tableInsert(L *lua.LState) int {
	t := checkTable(L, 1)
	end := t.Len() + 1
	switch L.GetTop() {
	case 2:
		t.RawSet(lua.LNumber(end), L.Get(2))
		return 0
	case 3:
	default:
		raise(L, "wrong number of arguments to 'insert'")
	}
	pos, v := CheckInt(L, 2), L.Get(3)
	if pos >= 1 && pos < end {
		vm.charge(L, sizeSlot*(end-pos), 0)
		t.Insert(pos, v)
		return 0
	}
	if pos < 1 && end-pos > 1<<16 {
		vm.ChargeSteps(L, 16*min(end-pos, 1<<40))
	}
	end = max(end, pos)
	for i := end; i > pos; i-- {
		t.RawSet(lua.LNumber(i), t.RawGet(lua.LNumber(i-1)))
	}
	t.RawSet(lua.LNumber(pos), v)
	return 0
}

func (vm *VM) tableRemove(L *lua.LState) int {
	t := checkTable(L, 1)
	end := t.Len()
	pos := OptInt(L, 2, end)
	if pos < 1 || pos > end {
		return 0
	}
	vm.charge(L, sizeSlot*(end-pos+1), 0)
	L.Push(t.Remove(pos))
	return 1
}

const invalidOrder = "invalid order function for sorting"

// sorter is PUC Lua's quicksort, which notices an inconsistent order function
// instead of running out of bounds.
type sorter struct {
	vm   *VM
	L    *lua.LState
	less *lua.LFunction // nil: the < operator
	v    []lua.LValue   // 1-based
}

func (vm *VM) tableSort(L *lua.LState) int {
	t := checkTable(L, 1)
	n := t.Len()
	s := sorter{vm: vm, L: L}
	if !isNone(L, 2) {
		s.less = checkFunction(L, 2)
	}
	vm.charge(L, sizeSlot*n, sizeSlot*n)
	s.v = make([]lua.LValue, n+1)
	for i := 1; i <= n; i++ {
		s.v[i] = t.RawGetInt(i)
	}
	s.sort(1, n)
	for i := 1; i <= n; i++ {
		t.RawSetInt(i, s.v[i])
	}
	return 0
}

func (s *sorter) lt(i, j lua.LValue) bool {
	if s.less != nil {
		return lua.LVAsBool(call2(s.L, s.less, i, j))
	}
	switch a := i.(type) {
	case lua.LNumber:
		if b, ok := j.(lua.LNumber); ok {
			s.vm.ChargeSteps(s.L, 1)
			return a < b
		}
	case lua.LString:
		if b, ok := j.(lua.LString); ok {
			s.vm.ChargeSteps(s.L, 1+min(len(a), len(b))/16)
			return a < b
		}
	}
	s.vm.ChargeSteps(s.L, 4)
	if i.Type() != j.Type() {
		s.L.Error(lua.LString(fmt.Sprintf("attempt to compare %s with %s", i.Type(), j.Type())), 0)
	}
	return s.L.LessThan(i, j)
}

func (s *sorter) swap(i, j int) { s.v[i], s.v[j] = s.v[j], s.v[i] }

func (s *sorter) sort(l, u int) {
	for l < u {
		if s.lt(s.v[u], s.v[l]) {
			s.swap(l, u)
		}
		if u-l == 1 {
			return
		}
		i := (l + u) / 2
		if s.lt(s.v[i], s.v[l]) {
			s.swap(i, l)
		} else if s.lt(s.v[u], s.v[i]) {
			s.swap(i, u)
		}
		if u-l == 2 {
			return
		}
		i = s.partition(l, u, i)
		// Recurse into the smaller half.
		if i-l < u-i {
			s.sort(l, i-1)
			l = i + 1
		} else {
			s.sort(i+1, u)
			u = i - 1
		}
	}
}

func (s *sorter) partition(l, u, middle int) int {
	pivot := s.v[middle]
	s.swap(middle, u-1)
	i, j := l, u-1
	for {
		for i++; s.lt(s.v[i], pivot); i++ {
			if i >= u {
				raise(s.L, invalidOrder)
			}
		}
		for j--; s.lt(pivot, s.v[j]); j-- {
			if j <= l {
				raise(s.L, invalidOrder)
			}
		}
		if j < i {
			s.swap(u-1, i)
			return i
		}
		s.swap(i, j)
	}
}
