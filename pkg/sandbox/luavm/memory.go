package luavm

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// What things cost in the heap, calibrated by TestMemoryEstimate.
const (
	sizeSlot     = 16
	sizeNumber   = 8
	sizeString   = 16
	sizeFunction = 72
	sizeUpvalue  = 56
	sizeUserData = 64
	longString   = 64 // strings from this length on are counted once
)

// Sizer is implemented by the values of userdata that know their size in bytes.
type Sizer interface{ MemoryBytes() int }

// walker adds up what a state reaches.
type walker struct {
	seen    map[unsafe.Pointer]struct{}
	pending []lua.LValue // tables, functions and threads; a list, because a script chooses the depth
	bytes   int
	entries int
}

// measure walks everything that the state reaches, and sets how much may be
// allocated until the next walk.
func (m *meter) measure() int {
	vm := m.vm
	w := &walker{seen: make(map[unsafe.Pointer]struct{}, 256)}
	w.table(vm.L.G.Registry)
	w.table(vm.L.G.Global)
	w.value(vm.L)
	if t := vm.L.G.CurrentThread; t != nil {
		w.value(t)
	}
	for kind := lua.LTBool; kind <= lua.LTThread; kind++ {
		w.value(vm.L.GetMetatable(sample(kind)))
	}
	w.drain()
	m.walked(w.bytes, w.entries)
	m.usage.Memory = w.bytes
	m.usage.MaxMemory = max(m.usage.MaxMemory, w.bytes)
	return w.bytes
}

// sample returns some value of a type whose metatable is shared by the type.
func sample(kind lua.LValueType) lua.LValue {
	switch kind {
	case lua.LTString:
		return lua.LString("")
	case lua.LTNumber:
		return lua.LNumber(0)
	case lua.LTBool:
		return lua.LTrue
	default:
		return lua.LNil
	}
}

func (w *walker) first(p unsafe.Pointer) bool {
	if _, ok := w.seen[p]; ok {
		return false
	}
	w.seen[p] = struct{}{}
	return true
}

func (w *walker) value(v lua.LValue) {
	w.entries++
	switch v := v.(type) {
	case lua.LNumber:
		w.bytes += sizeNumber
	case lua.LString:
		w.string(string(v))
	case *lua.LTable:
		w.table(v)
	case *lua.LFunction:
		w.later(unsafe.Pointer(v), v)
	case *lua.LUserData:
		w.userdata(v)
	case *lua.LState:
		w.later(unsafe.Pointer(v), v)
	}
}

func (w *walker) later(p unsafe.Pointer, v lua.LValue) {
	if w.first(p) {
		w.pending = append(w.pending, v)
	}
}

func (w *walker) string(s string) {
	if len(s) >= longString && !w.first(unsafe.Pointer(unsafe.StringData(s))) {
		return
	}
	w.bytes += sizeString + len(s)
}

func (w *walker) table(t *lua.LTable) {
	if t != nil {
		w.later(unsafe.Pointer(t), t)
	}
}

func (w *walker) function(f *lua.LFunction) {
	w.bytes += sizeFunction
	w.table(f.Env)
	for _, u := range f.Upvalues {
		if u == nil || !w.first(unsafe.Pointer(u)) {
			continue
		}
		w.bytes += sizeUpvalue
		if v := u.Peek(); v != nil {
			w.value(v)
		}
	}
}

func (w *walker) userdata(u *lua.LUserData) {
	if u == nil || !w.first(unsafe.Pointer(u)) {
		return
	}
	w.bytes += sizeUserData
	if s, ok := u.Value.(Sizer); ok {
		w.bytes += s.MemoryBytes()
	}
	w.table(u.Env)
	if mt, ok := u.Metatable.(*lua.LTable); ok {
		w.table(mt)
	}
}

func (w *walker) thread(L *lua.LState) {
	w.bytes += L.Bytes()
	w.table(L.Env)
	for _, v := range L.Registers() {
		if v != nil {
			w.value(v)
		}
	}
	if L.Parent != nil {
		w.value(L.Parent)
	}
}

// drain walks what was found so far and what is found on the way.
func (w *walker) drain() {
	for len(w.pending) > 0 {
		v := w.pending[len(w.pending)-1]
		w.pending = w.pending[:len(w.pending)-1]
		switch v := v.(type) {
		case *lua.LTable:
			w.fields(v)
		case *lua.LFunction:
			w.function(v)
		case *lua.LState:
			w.thread(v)
		}
	}
}

func (w *walker) fields(t *lua.LTable) {
	w.bytes += t.Bytes()
	for _, v := range t.Array() {
		w.value(v)
	}
	for i := range t.Keys() {
		key, str, v := t.Slot(i)
		if key == nil {
			w.bytes += len(str)
		} else {
			w.value(key)
		}
		w.value(v)
	}
	if mt, ok := t.Metatable.(*lua.LTable); ok {
		w.table(mt)
	}
}
