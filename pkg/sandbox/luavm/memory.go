package luavm

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// What things cost in the heap, calibrated by TestMemoryEstimate.
const (
	sizeTable    = 112
	sizeSlot     = 16
	sizeNumber   = 8
	sizeString   = 16
	sizeMapEntry = 48
	sizeKeyEntry = 56 // in keys and k2i
	sizeFunction = 72
	sizeUpvalue  = 56
	sizeUserData = 64
	sizeThread   = 12 << 10
	longString   = 64 // strings from this length on are counted once
)

// Sizer is implemented by the values of userdata that know their size in bytes.
type Sizer interface{ MemoryBytes() int }

// walker adds up what a state reaches.
type walker struct {
	seen    map[unsafe.Pointer]struct{}
	tables  []*lua.LTable
	bytes   int
	entries int
	compact bool
}

// measure walks everything that the state reaches. With compact it drops the
// dead keys of tables, which is safe only between calls.
func (m *meter) measure(compact bool) int {
	vm := m.vm
	w := &walker{seen: make(map[unsafe.Pointer]struct{}, 256), compact: compact}
	w.table(vm.L.G.Registry)
	w.table(vm.L.G.Global)
	w.thread(vm.L)
	if t := vm.L.G.CurrentThread; t != nil && t != vm.L {
		w.thread(t)
	}
	for kind := lua.LTBool; kind <= lua.LTThread; kind++ {
		w.value(vm.L.GetMetatable(sample(kind)))
	}
	w.drain()
	m.since, m.charged, m.entries = 0, 0, w.entries
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
		w.function(v)
	case *lua.LUserData:
		w.userdata(v)
	case *lua.LState:
		w.thread(v)
	}
}

func (w *walker) string(s string) {
	if len(s) >= longString && !w.first(unsafe.Pointer(unsafe.StringData(s))) {
		return
	}
	w.bytes += sizeString + len(s)
}

func (w *walker) table(t *lua.LTable) {
	if t != nil && w.first(unsafe.Pointer(t)) {
		w.tables = append(w.tables, t)
	}
}

func (w *walker) function(f *lua.LFunction) {
	if f == nil || !w.first(unsafe.Pointer(f)) {
		return
	}
	w.bytes += sizeFunction
	w.table(f.Env)
	for _, u := range f.Upvalues {
		if u == nil || !w.first(unsafe.Pointer(u)) {
			continue
		}
		w.bytes += sizeUpvalue
		if up := upvalueOf(u); up.closed || up.reg == nil || up.index < len(up.reg.array) {
			w.value(u.Value())
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
	if L == nil || !w.first(unsafe.Pointer(L)) {
		return
	}
	w.bytes += sizeThread
	w.table(L.Env)
	if reg := stateOf(L).reg; reg != nil {
		w.bytes += sizeSlot * len(reg.array)
		for _, v := range reg.array[:min(reg.top, len(reg.array))] {
			if v != nil {
				w.value(v)
			}
		}
	}
	if parent := stateOf(L).parent; parent != nil {
		w.thread(parent)
	}
}

// drain walks the tables found so far and those found on the way; a list instead
// of recursion, because a script chooses the depth.
func (w *walker) drain() {
	for len(w.tables) > 0 {
		t := w.tables[len(w.tables)-1]
		w.tables = w.tables[:len(w.tables)-1]
		w.fields(tableOf(t))
	}
}

func (w *walker) fields(t *tableLayout) {
	w.bytes += sizeTable + sizeSlot*cap(t.array)
	for _, v := range t.array {
		if v != nil {
			w.value(v)
		}
	}
	for k, v := range t.strdict {
		w.bytes += sizeMapEntry
		w.string(k)
		w.value(v)
	}
	for k, v := range t.dict {
		w.bytes += sizeMapEntry
		w.value(k)
		w.value(v)
	}
	if mt, ok := t.metatable.(*lua.LTable); ok {
		w.table(mt)
	}
	live := len(t.strdict) + len(t.dict)
	if w.compact && len(t.keys) > 64 && len(t.keys) > 2*live {
		t.dropDeadKeys(live)
	}
	w.bytes += sizeKeyEntry * len(t.keys)
}

// dropDeadKeys rebuilds the order of the keys without those that were deleted;
// gopher-lua keeps every key a table ever had.
func (t *tableLayout) dropDeadKeys(live int) {
	keys := make([]lua.LValue, 0, live)
	k2i := make(map[lua.LValue]int, live)
	for _, k := range t.keys {
		if !t.has(k) {
			continue
		}
		k2i[k] = len(keys)
		keys = append(keys, k)
	}
	t.keys, t.k2i = keys, k2i
	if live == 0 {
		t.strdict, t.dict = nil, nil
	}
}

func (t *tableLayout) has(k lua.LValue) bool {
	if s, ok := k.(lua.LString); ok {
		_, found := t.strdict[string(s)]
		return found
	}
	_, found := t.dict[k]
	return found
}
