package luavm

import (
	lua "github.com/yuin/gopher-lua"
)

// guard is one protected call in progress.
type guard struct {
	L       *lua.LState
	handler lua.LValue // xpcall's, or nil
}

// noFramesLeft is gopher-lua's panic when an error handler finds no free frame.
const noFramesLeft = "lua callstack overflow"

// protect calls the function below nargs arguments.
func (vm *VM) protect(L *lua.LState, nargs, nret int) error {
	return vm.protectWith(L, nargs, nret, nil)
}

func (vm *VM) protectWith(L *lua.LState, nargs, nret int, handler lua.LValue) error {
	vm.guards = append(vm.guards, guard{L: L, handler: handler})
	depth := len(vm.guards)
	err := L.PCall(nargs, nret, vm.handler)
	vm.guards = vm.guards[:depth-1]
	if err != nil && vm.meter.cause == nil {
		vm.meter.Busy(unitsPerCatch)
	}
	return err
}

// onError runs where the error was raised, before the stack is unwound.
func (vm *VM) onError(L *lua.LState) int {
	value := L.Get(1)
	if len(vm.guards) == 0 {
		L.Push(value)
		return 1
	}
	g := vm.guards[len(vm.guards)-1]
	if len(vm.guards) == 1 {
		vm.traceback = traceback(L, "", 1)
	}
	if g.handler != nil {
		value = vm.handled(L, g.handler, value)
	}
	L.Push(value)
	return 1
}

// handlerTries is how often the handler of xpcall gets an error, the next one its
// own.
const handlerTries = 10

// handled returns what the handler of xpcall makes of an error.
func (vm *VM) handled(L *lua.LState, handler, value lua.LValue) lua.LValue {
	for range handlerTries {
		if vm.meter.cause != nil {
			return value
		}
		L.Push(handler)
		L.Push(value)
		err := L.PCall(1, 1, nil)
		if err == nil {
			return L.Get(-1)
		}
		vm.meter.Busy(unitsPerCatch)
		value = errorValue(err)
	}
	return lua.LString("error in error handling")
}

func (vm *VM) pcall(L *lua.LState) int {
	checkAny(L, 1)
	err := vm.protect(L, L.GetTop()-1, lua.MultRet)
	return vm.protectedResults(L, err)
}

func (vm *VM) xpcall(L *lua.LState) int {
	checkAny(L, 2)
	handler := L.Get(2)
	L.SetTop(1)
	err := vm.protectWith(L, 0, lua.MultRet, handler)
	return vm.protectedResults(L, err)
}

func (vm *VM) protectedResults(L *lua.LState, err error) int {
	if cause := vm.meter.cause; cause != nil {
		raise(L, "%s", cause.Error())
	}
	if err != nil {
		L.SetTop(0)
		L.Push(lua.LFalse)
		L.Push(errorValue(err))
		return 2
	}
	L.Insert(lua.LTrue, 1)
	return L.GetTop()
}

// errorValue returns the Lua value of an error. When the frames are used up
// there is none left for onError; that text is replaced here.
func errorValue(err error) lua.LValue {
	if api, ok := err.(*lua.ApiError); ok && api.Object != nil {
		if api.Object == lua.LString(noFramesLeft) {
			return lua.LString("stack overflow")
		}
		return api.Object
	}
	return lua.LString(err.Error())
}
