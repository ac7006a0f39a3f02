package luavm

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openDebug opens debug for trusted states.
func (vm *VM) openDebug() {
	t := vm.foreign("debug", lua.OpenDebug)
	info, _ := t.RawGetString("getinfo").(*lua.LFunction)
	vm.fill(t, map[string]lua.LGFunction{
		"traceback": debugTraceback,
		"getinfo":   func(L *lua.LState) int { return debugGetinfo(L, info) },
		"sethook":   func(*lua.LState) int { return 0 },
		"gethook":   func(*lua.LState) int { return 0 },
		"getregistry": func(L *lua.LState) int {
			L.Push(L.G.Registry)
			return 1
		},
	})
}

func debugTraceback(L *lua.LState) int {
	first := 1
	if _, ok := L.Get(1).(*lua.LState); ok {
		first = 2
	}
	message := L.Get(first)
	text, ok := ToString(message)
	if !ok && message != lua.LNil {
		L.Push(message)
		return 1
	}
	L.Push(lua.LString(traceback(L, text, OptInt(L, first+1, 1))))
	return 1
}

// debugGetinfo adds the fields that gopher-lua leaves out.
func debugGetinfo(L *lua.LState, plain *lua.LFunction) int {
	what := L.Get(2)
	if w, ok := what.(lua.LString); ok {
		known := strings.Map(func(r rune) rune {
			if strings.ContainsRune("Slunf", r) {
				return r
			}
			return -1
		}, string(w))
		L.Replace(2, lua.LString(known))
	} else {
		L.SetTop(1)
		L.Push(lua.LString("Slunf"))
	}
	n := plain.GFunction(L)
	t, ok := L.Get(-1).(*lua.LTable)
	if !ok {
		return n
	}
	source, _ := ToString(t.RawGetString("source"))
	kind, _ := ToString(t.RawGetString("what"))
	switch {
	case kind == "G" || source == "":
		t.RawSetString("what", lua.LString("C"))
		t.RawSetString("source", lua.LString("=[C]"))
		t.RawSetString("short_src", lua.LString("[C]"))
	default:
		t.RawSetString("short_src", lua.LString(source))
		if !strings.HasPrefix(source, "[") {
			t.RawSetString("source", lua.LString("@"+source))
		}
	}
	t.RawSetString("namewhat", lua.LString(""))
	return n
}
