package luavm

import (
	"context"
	"sync"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// The structs below mirror gopher-lua 1.1.2, the version pinned in go.mod. They
// give read access to what no method shows: dead keys of a table, the registers
// in use, the open upvalues. TestLayout compares every offset.

type tableLayout struct {
	metatable lua.LValue
	array     []lua.LValue
	dict      map[lua.LValue]lua.LValue
	strdict   map[string]lua.LValue
	keys      []lua.LValue
	k2i       map[lua.LValue]int
}

type registryLayout struct {
	array []lua.LValue
	top   int
	_     int
	_     int
}

type upvalueLayout struct {
	next   *upvalueLayout
	reg    *registryLayout
	index  int
	value  lua.LValue
	closed bool
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
	stack        any
	alloc        unsafe.Pointer
	currentFrame *frameLayout
	wrapped      bool
	uvcache      *upvalueLayout
	hasErrorFunc bool
	mainLoop     func(*lua.LState, unsafe.Pointer)
	ctx          context.Context
	ctxCancelFn  context.CancelFunc
}

func tableOf(t *lua.LTable) *tableLayout      { return (*tableLayout)(unsafe.Pointer(t)) }
func stateOf(L *lua.LState) *stateLayout      { return (*stateLayout)(unsafe.Pointer(L)) }
func upvalueOf(u *lua.Upvalue) *upvalueLayout { return (*upvalueLayout)(unsafe.Pointer(u)) }

// closeUpvalues closes the open upvalues at and above a register, which
// gopher-lua does for all registers or for none when an error unwinds the stack.
func closeUpvalues(L *lua.LState, register int) {
	st := stateOf(L)
	link := &st.uvcache
	for *link != nil && (*link).index < register {
		link = &(*link).next
	}
	open := *link
	*link = nil
	for uv := open; uv != nil; {
		next := uv.next
		if !uv.closed && uv.reg != nil && uv.index < len(uv.reg.array) {
			uv.value = uv.reg.array[uv.index]
		}
		if uv.value == nil {
			uv.value = lua.LNil
		}
		uv.closed, uv.reg, uv.next = true, nil, nil
		uv = next
	}
}

// lowerArrayBound lowers gopher-lua's bound on array indexes once: larger ones
// go to the hash part. It is the library's own setting, the same for every state
// of the process; the gap below it is booked by the meter.
var lowerArrayBound = sync.OnceFunc(func() { lua.MaxArrayIndex = 1 << 20 })
