package luavm

import (
	"fmt"
	"math"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) strGsub(L *lua.LState) int {
	s, src := CheckString(L, 1), CheckString(L, 2)
	repl := L.Get(3)
	switch r := repl.(type) {
	case lua.LNumber:
		repl = lua.LString(FormatNumber(float64(r)))
	case lua.LString, *lua.LTable, *lua.LFunction:
	default:
		ArgError(L, 3, "string/function/table expected")
	}
	limit := OptInt(L, 4, math.MaxInt)
	p := vm.pattern(L, src, false)
	var m matcher
	m.begin(vm, L, p, s)
	var out []byte
	copied, count, booked := 0, 0, 0
	for pos := 0; count < limit; {
		start, end := m.search(p, pos)
		if start < 0 {
			break
		}
		count++
		out = append(out, s[copied:start]...)
		out = m.replace(out, repl, start, end)
		copied = end
		if len(out)-booked > 4096 {
			booked = vm.grow(L, len(out), booked)
		}
		pos = end
		if end == start {
			pos++
		}
		if pos > len(s) || p.anchored {
			break
		}
	}
	m.finish()
	if copied == 0 && len(out) == 0 {
		if count > 0 {
			s = s[copied:]
		}
		L.Push(lua.LString(s))
	} else {
		out = append(out, s[copied:]...)
		vm.grow(L, len(out), booked)
		pushBytes(L, out)
	}
	L.Push(lua.LNumber(count))
	return 2
}

// replace appends what stands for the match [s, e).
func (m *matcher) replace(out []byte, repl lua.LValue, s, e int) []byte {
	var value lua.LValue
	switch r := repl.(type) {
	case lua.LString:
		return m.expand(out, string(r), s, e)
	case *lua.LTable:
		value = m.L.GetTable(r, m.capture(0, s, e))
	case *lua.LFunction:
		m.L.Push(r)
		n := m.pushCaptures(s, e, true)
		// A callback may run other patterns; what it needs is saved by value.
		m.L.Call(n, 1)
		value = m.L.Get(-1)
		m.L.Pop(1)
	}
	switch v := value.(type) {
	case lua.LString:
		return append(out, v...)
	case lua.LNumber:
		return AppendNumber(out, float64(v))
	}
	if lua.LVAsBool(value) {
		m.fail(fmt.Sprintf("invalid replacement value (a %s)", value.Type()))
	}
	return append(out, m.src[s:e]...)
}

// expand appends a replacement string with its %0 to %9.
func (m *matcher) expand(out []byte, repl string, s, e int) []byte {
	booked := len(out)
	for i := 0; i < len(repl); i++ {
		if len(out)-booked > 1<<16 {
			booked = m.vm.grow(m.L, len(out), booked)
		}
		c := repl[i]
		if c != '%' {
			out = append(out, c)
			continue
		}
		i++
		switch {
		case i >= len(repl):
			out = append(out, 0)
		case !isDigit(repl[i]):
			out = append(out, repl[i])
		case repl[i] == '0':
			out = append(out, m.src[s:e]...)
		default:
			text, _ := ToString(m.capture(int(repl[i]-'1'), s, e))
			out = append(out, text...)
		}
		m.step(1)
	}
	return out
}
