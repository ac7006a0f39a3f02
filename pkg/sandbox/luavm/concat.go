package luavm

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// concatValues is what a..b..c compiles to. It joins from the right, so that
// __concat metamethods see the same operands as in Lua.
func (vm *VM) concatValues(L *lua.LState) int {
	n := L.GetTop()
	size := 0
	for i := 1; i <= n; i++ {
		switch v := L.Get(i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 8
		default:
			return vm.concatMixed(L, n)
		}
	}
	vm.Charge(L, size)
	out := make([]byte, 0, size+16)
	for i := 1; i <= n; i++ {
		out = appendText(out, L.Get(i))
	}
	pushBytes(L, out)
	return 1
}

func appendText(out []byte, v lua.LValue) []byte {
	switch v := v.(type) {
	case lua.LString:
		return append(out, v...)
	case lua.LNumber:
		return AppendNumber(out, float64(v))
	}
	return out
}

func (vm *VM) concatMixed(L *lua.LState, n int) int {
	right := L.Get(n)
	for i := n - 1; i >= 1; i-- {
		right = vm.concatPair(L, i, L.Get(i), right)
	}
	L.Push(right)
	return 1
}

func (vm *VM) concatPair(L *lua.LState, i int, left, right lua.LValue) lua.LValue {
	a, okA := ToString(left)
	b, okB := ToString(right)
	if okA && okB {
		vm.Charge(L, len(a)+len(b))
		return lua.LString(a + b)
	}
	handler := metaOf(L, left, "__concat")
	if handler == lua.LNil {
		handler = metaOf(L, right, "__concat")
	}
	if handler == lua.LNil {
		culprit, position := left, i
		if okA {
			culprit, position = right, i+1
		}
		raise(L, "%s", vm.concatError(L, position-1, culprit))
	}
	L.Push(handler)
	L.Push(left)
	L.Push(right)
	L.Call(2, 1)
	out := L.Get(-1)
	L.Pop(1)
	return out
}

func metaOf(L *lua.LState, v lua.LValue, event string) lua.LValue {
	if mt, ok := L.GetMetatable(v).(*lua.LTable); ok {
		return mt.RawGetString(event)
	}
	return lua.LNil
}

func (vm *VM) concatError(L *lua.LState, operand int, culprit lua.LValue) string {
	f := vm.frameOf(L)
	return vm.typeText(L, f, "concatenate", culprit.Type().String(), func(s *site) []variable {
		if s.op == opConcat && operand < len(s.operands) {
			return s.operands[operand : operand+1]
		}
		return nil
	})
}

// openStringMetatable makes s:method() work, and gives arithmetic on strings
// PUC Lua's reading of numbers.
func (vm *VM) openStringMetatable() {
	L := vm.L
	mt := L.NewTable()
	mt.RawSetString("__index", L.G.Global.RawGetString("string"))
	arithmetic := []struct {
		event, operator string
		opcode          func(a, b float64) float64
	}{
		{"__add", "+", func(a, b float64) float64 { return a + b }},
		{"__sub", "-", func(a, b float64) float64 { return a - b }},
		{"__mul", "*", func(a, b float64) float64 { return a * b }},
		{"__div", "/", func(a, b float64) float64 { return a / b }},
		{"__mod", "%", luaMod},
		{"__pow", "^", luaPow},
		{"__unm", "unm", func(a, _ float64) float64 { return -a }},
	}
	for _, op := range arithmetic {
		mt.RawSetString(op.event, L.NewFunction(func(L *lua.LState) int {
			left, right := L.Get(1), L.Get(2)
			if op.event == "__unm" {
				right = lua.LNumber(0)
			}
			a, okA := ToNumber(left)
			b, okB := ToNumber(right)
			if okA && okB {
				L.Push(lua.LNumber(op.opcode(a, b)))
				return 1
			}
			if h := otherHandler(L, left, right, op.event); h != nil {
				L.Push(h)
				L.Push(left)
				L.Push(right)
				L.Call(2, 1)
				return 1
			}
			first, second := left.Type().String(), right.Type().String()
			if okA {
				first = "number"
			}
			text := vm.arithText(L, vm.frameOf(L), op.operator, first, second)
			L.Error(lua.LString(position(L, 1)+text), 0)
			return 0
		}))
	}
	L.SetMetatable(lua.LString(""), mt)
}

// otherHandler finds the metamethod of the operand that is no string.
func otherHandler(L *lua.LState, left, right lua.LValue, event string) lua.LValue {
	for _, v := range [2]lua.LValue{left, right} {
		if _, ok := v.(lua.LString); ok {
			continue
		}
		if h := metaOf(L, v, event); h != lua.LNil {
			return h
		}
	}
	return nil
}

// invalidValue is table.concat's complaint.
func invalidValue(v lua.LValue, i int) string {
	return fmt.Sprintf("invalid value (%s) at index %d in table for 'concat'", v.Type(), i)
}
