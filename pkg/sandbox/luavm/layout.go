package luavm

import (
	"context"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// The structs below mirror gopher-lua 1.1.2, the version pinned in go.mod. They
// give read access to what no method shows: the registers in use. TestLayout compares every offset.

type registryLayout struct {
	array []lua.LValue
	top   int
	_     int
	_     int
}

type frameLayout struct {
	_         int
	fn        *lua.LFunction
	parent    *frameLayout
	pc        int
	_         int
	localBase int
	_         int
	_         int
	_         int
	_         int
}

type stateLayout struct {
	g            *lua.Global
	parent       *lua.LState
	env          *lua.LTable
	panicFn      func(*lua.LState)
	dead         bool
	options      lua.Options
	stop         int32
	reg          *registryLayout
	stack        unsafe.Pointer
	alloc        unsafe.Pointer
	currentFrame *frameLayout
	wrapped      bool
	uvcache      unsafe.Pointer
	mainLoop     func(*lua.LState, unsafe.Pointer)
	ctx          context.Context
	ctxCancelFn  context.CancelFunc
}

func stateOf(L *lua.LState) *stateLayout { return (*stateLayout)(unsafe.Pointer(L)) }
