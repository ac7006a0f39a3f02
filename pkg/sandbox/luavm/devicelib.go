package luavm

import (
	"io"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openIO opens gopher-lua's io, with numbers written as Lua writes them and
// standard output going where the options say.
func (vm *VM) openIO() {
	L := vm.L
	t := vm.foreign("io", lua.OpenIo)
	stdout := t.RawGetString("stdout")
	output, _ := t.RawGetString("output").(*lua.LFunction)
	plain, _ := t.RawGetString("write").(*lua.LFunction)
	t.RawSetString("write", L.NewFunction(func(L *lua.LState) int {
		textArguments(L, 1)
		L.Push(output)
		L.Call(0, 1)
		current := L.Get(-1)
		L.Pop(1)
		if current == stdout {
			return vm.writeStdout(L, 1, stdout)
		}
		return forward(L, plain)
	}))
	file, ok := L.GetTypeMetatable("FILE*").(*lua.LTable)
	if !ok {
		return
	}
	methods, ok := file.RawGetString("__index").(*lua.LTable)
	if !ok {
		return
	}
	write, ok := methods.RawGetString("write").(*lua.LFunction)
	if !ok {
		return
	}
	methods.RawSetString("write", L.NewFunction(func(L *lua.LState) int {
		textArguments(L, 2)
		if L.Get(1) == stdout {
			return vm.writeStdout(L, 2, stdout)
		}
		return forward(L, write)
	}))
}

// forward calls fn with the arguments of the running function and returns its
// results; fn needs its own frame, because its upvalues are found there.
func forward(L *lua.LState, fn *lua.LFunction) int {
	n := L.GetTop()
	L.Insert(fn, 1)
	L.Call(n, lua.MultRet)
	return L.GetTop()
}

// writeStdout writes the arguments from n on to the standard output.
func (vm *VM) writeStdout(L *lua.LState, n int, stdout lua.LValue) int {
	for i := n; i <= L.GetTop(); i++ {
		if _, err := io.WriteString(vm.stdout(), CheckString(L, i)); err != nil {
			L.Push(lua.LNil)
			L.Push(lua.LString(systemText(err)))
			return 2
		}
	}
	L.Push(stdout)
	return 1
}

// textArguments replaces numbers from argument n on by their text.
func textArguments(L *lua.LState, n int) {
	for i := n; i <= L.GetTop(); i++ {
		if v, ok := L.Get(i).(lua.LNumber); ok {
			L.Replace(i, lua.LString(FormatNumber(float64(v))))
		}
	}
}

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
