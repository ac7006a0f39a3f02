package luavm

import (
	lua "github.com/yuin/gopher-lua"
)

// openLibraries builds the global table: nothing of gopher-lua's own libraries
// is reachable in it except coroutine and debug where the state may have them.
func (vm *VM) openLibraries() {
	L := vm.L
	L.G.Owner = vm
	vm.loaded = L.NewTable()
	L.G.Registry.RawSetString("_LOADED", vm.loaded)
	vm.handler = L.NewFunction(vm.onError)
	vm.nextFn = L.NewFunction(vm.next)
	vm.ipairsFn = L.NewFunction(ipairsStep)
	global := L.G.Global
	vm.fill(global, vm.baseFunctions())
	global.RawSetString("next", vm.nextFn)
	global.RawSetString("_G", global)
	global.RawSetString("_VERSION", lua.LString("Lua 5.1"))
	vm.library("string", vm.stringFunctions())
	vm.openStringMetatable()
	vm.library("table", vm.tableFunctions())
	vm.openMath()
	vm.openOS()
	vm.openPackage()
	if vm.opts.Trusted || vm.opts.Devices {
		vm.openCoroutine()
		vm.openIO()
	}
	if vm.opts.Trusted {
		vm.fill(global, vm.trustedFunctions())
		vm.openNewproxy()
		vm.openDebug()
	}
	vm.loaded.RawSetString("_G", global)
}

func (vm *VM) fill(t *lua.LTable, functions map[string]lua.LGFunction) {
	for name, fn := range functions {
		t.RawSetString(name, vm.L.NewFunction(fn))
	}
}

// library makes a standard library: a global that require returns as well.
func (vm *VM) library(name string, functions map[string]lua.LGFunction) *lua.LTable {
	t := vm.L.CreateTable(0, len(functions))
	vm.fill(t, functions)
	vm.L.G.Global.RawSetString(name, t)
	vm.loaded.RawSetString(name, t)
	return t
}

// foreign opens one of gopher-lua's own libraries.
func (vm *VM) foreign(name string, open lua.LGFunction) *lua.LTable {
	L := vm.L
	L.Push(L.NewFunction(open))
	L.Push(lua.LString(name))
	L.Call(1, 0)
	t, _ := L.G.Global.RawGetString(name).(*lua.LTable)
	vm.loaded.RawSetString(name, t)
	return t
}

func (vm *VM) openNewproxy() {
	L := vm.L
	L.G.Global.RawSetString("newproxy", L.NewFunction(func(L *lua.LState) int {
		ud := L.NewUserData()
		switch arg := L.Get(1).(type) {
		case lua.LBool:
			if arg {
				ud.Metatable = L.NewTable()
			}
		case *lua.LUserData:
			ud.Metatable = arg.Metatable
		}
		L.Push(ud)
		return 1
	}))
}

// openCoroutine opens coroutines whose threads share the meter of the state.
func (vm *VM) openCoroutine() {
	L := vm.L
	t := vm.foreign("coroutine", lua.OpenCoroutine)
	create, _ := t.RawGetString("create").(*lua.LFunction)
	wrap, _ := t.RawGetString("wrap").(*lua.LFunction)
	metered := func(L *lua.LState, th *lua.LState) { vm.charge(L, th.Bytes(), th.Bytes()) }
	t.RawSetString("create", L.NewFunction(func(L *lua.LState) int {
		checkLuaFunction(L)
		n := create.GFunction(L)
		if th, ok := L.Get(-1).(*lua.LState); ok {
			metered(L, th)
		}
		return n
	}))
	t.RawSetString("wrap", L.NewFunction(func(L *lua.LState) int {
		checkLuaFunction(L)
		n := wrap.GFunction(L)
		if fn, ok := L.Get(-1).(*lua.LFunction); ok {
			if th, ok := fn.Upvalues[0].Value().(*lua.LState); ok {
				metered(L, th)
			}
		}
		return n
	}))
	status, _ := t.RawGetString("status").(*lua.LFunction)
	t.RawSetString("status", L.NewFunction(func(L *lua.LState) int {
		checkThread(L)
		return status.GFunction(L)
	}))
	resume, _ := t.RawGetString("resume").(*lua.LFunction)
	t.RawSetString("resume", L.NewFunction(func(L *lua.LState) int {
		checkThread(L)
		n := resume.GFunction(L)
		if cause := vm.meter.cause; cause != nil {
			raise(L, "%s", cause.Error())
		}
		return n
	}))
}

func checkThread(L *lua.LState) {
	if _, ok := L.Get(1).(*lua.LState); !ok {
		ArgError(L, 1, "coroutine expected")
	}
}

func checkLuaFunction(L *lua.LState) {
	if fn, ok := L.Get(1).(*lua.LFunction); !ok || fn.IsG {
		ArgError(L, 1, "Lua function expected")
	}
}
