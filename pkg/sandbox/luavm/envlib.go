package luavm

import (
	"os"

	lua "github.com/yuin/gopher-lua"
)

// functionAt returns the function named by an argument of getfenv and setfenv:
// a function, or a level of the stack.
func functionAt(L *lua.LState, n int) *lua.LFunction {
	if f, ok := L.Get(n).(*lua.LFunction); ok {
		return f
	}
	level := OptInt(L, n, 1)
	if level < 0 {
		ArgError(L, n, "level must be non-negative")
	}
	if level > 200_000 {
		ArgError(L, n, "invalid level")
	}
	dbg, ok := L.GetStack(level)
	if !ok {
		ArgError(L, n, "invalid level")
	}
	f, err := L.GetInfo("f", dbg, lua.LNil)
	if err != nil {
		ArgError(L, n, "invalid level")
	}
	fn, ok := f.(*lua.LFunction)
	if !ok {
		raise(L, "no function environment for tail call at level %d", level)
	}
	return fn
}

func baseGetfenv(L *lua.LState) int {
	if level, ok := ToNumber(L.Get(1)); ok && level == 0 {
		L.Push(L.Env)
		return 1
	}
	fn := functionAt(L, 1)
	if fn.IsG {
		// Host functions live in the global table.
		L.Push(L.G.Global)
		return 1
	}
	L.Push(fn.Env)
	return 1
}

func baseSetfenv(L *lua.LState) int {
	env := checkTable(L, 2)
	if level, ok := ToNumber(L.Get(1)); ok && level == 0 {
		L.Env = env
		L.SetTop(0)
		return 0
	}
	if _, ok := L.Get(1).(*lua.LFunction); !ok {
		CheckNumber(L, 1)
	}
	fn := functionAt(L, 1)
	if fn.IsG {
		raise(L, "'setfenv' cannot change environment of given object")
	}
	fn.Env = env
	L.Push(fn)
	return 1
}

// pushChunk compiles text for load and its kin and pushes the function, or nil
// and a message.
func (vm *VM) pushChunk(L *lua.LState, name, source string) int {
	fn, err := vm.Compile(name, source)
	if err != nil {
		L.Push(lua.LNil)
		L.Push(lua.LString(err.Error()))
		return 2
	}
	L.Push(fn)
	return 1
}

func (vm *VM) loadstring(L *lua.LState) int {
	source := CheckString(L, 1)
	return vm.pushChunk(L, OptString(L, 2, stringChunk(source)), source)
}

func (vm *VM) load(L *lua.LState) int {
	reader := checkFunction(L, 1)
	name := OptString(L, 2, "=(load)")
	var source []byte
	for {
		L.Push(reader)
		if err := vm.protect(L, 0, 1); err != nil {
			return vm.failed(L, errorValue(err))
		}
		piece := L.Get(-1)
		L.Pop(1)
		if piece == lua.LNil || piece == lua.LString("") {
			return vm.pushChunk(L, name, string(source))
		}
		text, ok := ToString(piece)
		if !ok {
			return vm.failed(L, lua.LString(position(L, 1)+"reader function must return a string"))
		}
		source = append(source, text...)
	}
}

// failed pushes nil and what load failed with, unless the limits of the state did.
func (vm *VM) failed(L *lua.LState, value lua.LValue) int {
	if cause := vm.meter.cause; cause != nil {
		raise(L, "%s", cause.Error())
	}
	L.Push(lua.LNil)
	L.Push(value)
	return 2
}

func (vm *VM) readSource(L *lua.LState) (name, source string, err error) {
	if isNone(L, 1) {
		var text []byte
		in := vm.io.stdin
		in.clear()
		for before := -1; len(text) > before; {
			before = len(text)
			text = in.appendSome(text, bufferSize)
		}
		return "=stdin", fileText(string(text)), in.err
	}
	path := CheckString(L, 1)
	b, err := os.ReadFile(path)
	return "@" + path, fileText(string(b)), err
}

func (vm *VM) loadfile(L *lua.LState) int {
	name, source, err := vm.readSource(L)
	if err != nil {
		L.Push(lua.LNil)
		L.Push(lua.LString(openError(name[1:], err)))
		return 2
	}
	return vm.pushChunk(L, name, source)
}

func (vm *VM) dofile(L *lua.LState) int {
	name, source, err := vm.readSource(L)
	if err != nil {
		L.Error(lua.LString(openError(name[1:], err)), 0)
	}
	fn, err := vm.Compile(name, source)
	if err != nil {
		L.Error(lua.LString(err.Error()), 0)
	}
	L.SetTop(0)
	L.Push(fn)
	L.Call(0, lua.MultRet)
	return L.GetTop()
}
