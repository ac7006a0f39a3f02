package lua

import (
	"hash/maphash"
	"math"
	"unsafe"
)

const defaultArrayCap = 32
const defaultHashCap = 32

// maxLinear is how many keys a table has before it gets an index: up to here
// looking at each is faster than hashing.
const maxLinear = 12

// maxGap is how many nils a store behind the end of the array part may leave in
// it; a store further away goes to the hash part.
const maxGap = 8

// What a table takes in the heap, in bytes.
const (
	sizeOfTable = 112
	sizeOfValue = 16
	sizeOfSlot  = int(unsafe.Sizeof(slot{}))
)

var hashSeed = maphash.MakeSeed()

// slot is one key of the hash part. A slot whose value is nil is dead: its key
// stays until the part is packed, so that a traversal which assigns nil goes on.
type slot struct {
	val LValue
	key LValue // nil for a string that was not boxed yet
	str string // the key, if it is a string
}

func (s *slot) isString() bool {
	if s.key == nil {
		return true
	}
	_, ok := s.key.(LString)
	return ok
}

func (s *slot) boxed() LValue {
	if s.key == nil {
		s.key = LString(s.str)
	}
	return s.key
}

func isNil(v LValue) bool {
	_, ok := v.(*LNilType)
	return ok
}

type lValueArraySorter struct {
	L      *LState
	Fn     *LFunction
	Values []LValue
}

func (lv lValueArraySorter) Len() int {
	return len(lv.Values)
}

func (lv lValueArraySorter) Swap(i, j int) {
	lv.Values[i], lv.Values[j] = lv.Values[j], lv.Values[i]
}

func (lv lValueArraySorter) Less(i, j int) bool {
	if lv.Fn != nil {
		lv.L.Push(lv.Fn)
		lv.L.Push(lv.Values[i])
		lv.L.Push(lv.Values[j])
		lv.L.Call(2, 1)
		return LVAsBool(lv.L.reg.Pop())
	}
	return lessThan(lv.L, lv.Values[i], lv.Values[j])
}

func newLTable(acap int, hcap int) *LTable {
	return newMeteredTable(nil, acap, hcap)
}

func newMeteredTable(m *Meter, acap int, hcap int) *LTable {
	tb := &LTable{Metatable: LNil, meter: m}
	size := sizeOfTable
	if acap > 0 {
		tb.array = make([]LValue, 0, acap)
		size += acap * sizeOfValue
	}
	if hcap > 0 {
		tb.slots = make([]slot, 0, hcap)
		size += hcap * sizeOfSlot
	}
	m.Alloc(size)
	return tb
}

// Len returns length of this LTable without using __len. The last element of the
// array part is never nil, and the key behind it never is in the hash part.
func (tb *LTable) Len() int { return len(tb.array) }

// MaxN returns a maximum number key that nil value does not exist before it.
func (tb *LTable) MaxN() int { return len(tb.array) }

// Array returns the values of the keys 1 to Len, with LNil where there is none.
// It is the table's own memory: valid until the next store.
func (tb *LTable) Array() []LValue { return tb.array }

// Keys returns how many keys the hash part holds, dead ones included.
func (tb *LTable) Keys() int { return len(tb.slots) }

// Bytes returns what the table itself takes in the heap.
func (tb *LTable) Bytes() int {
	return sizeOfTable + sizeOfValue*cap(tb.array) + sizeOfSlot*cap(tb.slots) + 4*len(tb.index)
}

// Clear removes all keys and keeps the memory, for tables that are filled again
// and again. A traversal in progress ends.
func (tb *LTable) Clear() {
	clear(tb.array)
	tb.array = tb.array[:0]
	clear(tb.slots)
	tb.slots = tb.slots[:0]
	clear(tb.index)
	tb.dead, tb.first, tb.last, tb.ints = 0, 0, 0, false
}

// Append appends a given LValue to this LTable.
func (tb *LTable) Append(value LValue) {
	if isNil(value) {
		return
	}
	tb.push(value)
}

func (tb *LTable) push(value LValue) {
	if len(tb.array) == cap(tb.array) {
		tb.growArray(len(tb.array) + 1)
	}
	tb.array = append(tb.array, value)
	if tb.ints {
		tb.migrate()
	}
}

func (tb *LTable) growArray(need int) {
	size := max(4, need, 2*cap(tb.array))
	if cap(tb.array) > 1<<12 {
		size = max(need, cap(tb.array)+cap(tb.array)/2)
	}
	tb.meter.Alloc(size * sizeOfValue)
	array := make([]LValue, len(tb.array), size)
	copy(array, tb.array)
	tb.array = array
}

// migrate moves the keys that now follow the array from the hash part to it.
func (tb *LTable) migrate() {
	for {
		i := tb.find(LNumber(len(tb.array) + 1))
		if i < 0 || isNil(tb.slots[i].val) {
			return
		}
		v := tb.slots[i].val
		tb.bury(i)
		if len(tb.array) == cap(tb.array) {
			tb.growArray(len(tb.array) + 1)
		}
		tb.array = append(tb.array, v)
	}
}

// Insert inserts a given LValue at position `i` in this table.
func (tb *LTable) Insert(i int, value LValue) {
	if i > len(tb.array) {
		tb.RawSetInt(i, value)
		return
	}
	if i <= 0 {
		tb.RawSet(LNumber(i), value)
		return
	}
	i -= 1
	tb.push(tb.array[len(tb.array)-1])
	copy(tb.array[i+1:], tb.array[i:len(tb.array)-1])
	tb.array[i] = value
	tb.trim()
}

// trim drops the nils at the end of the array part.
func (tb *LTable) trim() {
	n := len(tb.array)
	for n > 0 && isNil(tb.array[n-1]) {
		n--
	}
	tb.array = tb.array[:n]
}

// Remove removes from this table the element at a given position.
func (tb *LTable) Remove(pos int) LValue {
	larray := len(tb.array)
	if larray == 0 {
		return LNil
	}
	i := pos - 1
	oldval := LNil
	switch {
	case i >= larray:
		return LNil
	case i == larray-1 || i < 0:
		oldval = tb.array[larray-1]
	default:
		oldval = tb.array[i]
		copy(tb.array[i:], tb.array[i+1:])
	}
	tb.array[larray-1] = LNil
	tb.trim()
	return oldval
}

// RawSet sets a given LValue to a given index without the __newindex metamethod.
// It is recommended to use `RawSetString` or `RawSetInt` for performance
// if you already know the given LValue is a string or number.
func (tb *LTable) RawSet(key LValue, value LValue) {
	switch v := key.(type) {
	case LNumber:
		if i := int(v); LNumber(i) == v && i > 0 {
			tb.RawSetInt(i, value)
			return
		}
	case LString:
		tb.setString(string(v), key, value)
		return
	}
	tb.setOther(key, value)
}

// RawSetInt sets a given LValue at a position `key` without the __newindex metamethod.
func (tb *LTable) RawSetInt(key int, value LValue) {
	i, n := key-1, len(tb.array)
	if uint(i) < uint(n) {
		tb.array[i] = value
		if i == n-1 && isNil(value) {
			tb.trim()
		}
		return
	}
	if i < 0 || i > n+maxGap {
		tb.setOther(LNumber(key), value)
		return
	}
	if tb.ints {
		// A key that was far behind the end, before the end came nearer.
		if at := tb.find(LNumber(key)); at >= 0 {
			tb.setAt(at, value)
			return
		}
	}
	if isNil(value) {
		return
	}
	if i > n {
		if tb.ints && tb.fromHash(n, i) {
			tb.setOther(LNumber(key), value)
			return
		}
		if i >= cap(tb.array) {
			tb.growArray(i + 1)
		}
		for ; n < i; n++ {
			tb.array = append(tb.array, LNil)
		}
	}
	tb.push(value)
}

// fromHash tells whether one of the keys from n+1 to i lives in the hash part.
func (tb *LTable) fromHash(n, i int) bool {
	for ; n < i; n++ {
		if at := tb.find(LNumber(n + 1)); at >= 0 && !isNil(tb.slots[at].val) {
			return true
		}
	}
	return false
}

// RawSetString sets a given LValue to a given string index without the __newindex metamethod.
func (tb *LTable) RawSetString(key string, value LValue) {
	tb.setString(key, nil, value)
}

func (tb *LTable) setString(key string, boxed LValue, value LValue) {
	if i := tb.findString(key); i >= 0 {
		tb.setAt(i, value)
		return
	}
	if !isNil(value) {
		tb.add(slot{val: value, key: boxed, str: key})
	}
}

// RawSetH sets a given LValue to a given index without the __newindex metamethod.
func (tb *LTable) RawSetH(key LValue, value LValue) {
	if s, ok := key.(LString); ok {
		tb.setString(string(s), key, value)
		return
	}
	tb.setOther(key, value)
}

func (tb *LTable) setOther(key LValue, value LValue) {
	if i := tb.find(key); i >= 0 {
		tb.setAt(i, value)
		return
	}
	if !isNil(value) {
		if _, ok := key.(LNumber); ok {
			tb.ints = true
		}
		tb.add(slot{val: value, key: key})
	}
}

func (tb *LTable) setAt(i int, value LValue) {
	s := &tb.slots[i]
	if isNil(value) {
		if !isNil(s.val) {
			tb.bury(i)
		}
		return
	}
	if isNil(s.val) {
		tb.dead--
		tb.first = min(tb.first, int32(i))
	}
	s.val = value
}

// bury makes a live slot a dead one.
func (tb *LTable) bury(i int) {
	tb.slots[i].val = LNil
	tb.dead++
	for int(tb.first) < len(tb.slots) && isNil(tb.slots[tb.first].val) {
		tb.first++
	}
}

func (tb *LTable) add(s slot) {
	if len(tb.slots) == cap(tb.slots) {
		tb.makeRoom()
	}
	i := len(tb.slots)
	tb.slots = append(tb.slots, s)
	if tb.index != nil {
		tb.enter(i)
	} else if len(tb.slots) > maxLinear {
		tb.reindex()
	}
}

// makeRoom packs the hash part when a quarter of it is dead, else it doubles it.
func (tb *LTable) makeRoom() {
	live := len(tb.slots) - int(tb.dead)
	size := cap(tb.slots)
	to := tb.slots[:0]
	if 4*int(tb.dead) >= size && size > 0 {
		if size > 4*maxLinear && 8*live < size {
			size = 2 * live
			to = nil
		}
	} else {
		if size = max(4, 2*size); size == 8 {
			size = maxLinear
		}
		to = nil
	}
	if to == nil {
		tb.meter.Alloc(size * sizeOfSlot)
		to = make([]slot, 0, size)
	}
	from := tb.slots
	if tb.dead == 0 {
		to = append(to, from...)
	} else {
		for i := range from {
			if !isNil(from[i].val) {
				to = append(to, from[i])
			}
		}
		if cap(to) == cap(from) {
			clear(from[len(to):])
		}
	}
	tb.slots, tb.dead, tb.first, tb.last = to, 0, 0, 0
	if tb.index != nil {
		tb.reindex()
	}
}

// reindex builds the index for as many keys as there is room for.
func (tb *LTable) reindex() {
	size := 32
	for 3*size < 4*cap(tb.slots) {
		size *= 2
	}
	if size == len(tb.index) {
		clear(tb.index)
	} else {
		tb.meter.Alloc(4 * size)
		tb.index = make([]uint32, size)
	}
	for i := range tb.slots {
		tb.enter(i)
	}
}

func (tb *LTable) enter(i int) {
	s := &tb.slots[i]
	var h uint64
	if s.isString() {
		h = maphash.String(hashSeed, s.str)
	} else {
		h = hashOf(s.key)
	}
	mask := uint64(len(tb.index) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		if tb.index[at] == 0 {
			tb.index[at] = uint32(i + 1)
			return
		}
	}
}

// hashOf hashes a key that is no string: numbers and booleans by value, all else
// by address, which Go does not change.
func hashOf(key LValue) uint64 {
	var h uint64
	switch k := key.(type) {
	case LNumber:
		if k != 0 {
			h = math.Float64bits(float64(k))
		}
	case LBool:
		if k {
			h = 1
		}
	default:
		h = uint64(uintptr((*iface)(unsafe.Pointer(&key)).word))
	}
	h ^= h >> 32
	h *= 0x9E3779B97F4A7C15
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	return h ^ h>>32
}

// findString returns the slot of a string, dead or live, or -1.
func (tb *LTable) findString(key string) int {
	if tb.index == nil {
		for i := range tb.slots {
			if tb.slots[i].str == key && (key != "" || tb.slots[i].isString()) {
				return i
			}
		}
		return -1
	}
	mask := uint64(len(tb.index) - 1)
	for at := maphash.String(hashSeed, key) & mask; ; at = (at + 1) & mask {
		e := tb.index[at]
		if e == 0 {
			return -1
		}
		if s := &tb.slots[e-1]; s.str == key && (key != "" || s.isString()) {
			return int(e - 1)
		}
	}
}

// find returns the slot of a key that is no string, dead or live, or -1.
func (tb *LTable) find(key LValue) int {
	if tb.index == nil {
		for i := range tb.slots {
			if tb.slots[i].key == key {
				return i
			}
		}
		return -1
	}
	mask := uint64(len(tb.index) - 1)
	for at := hashOf(key) & mask; ; at = (at + 1) & mask {
		e := tb.index[at]
		if e == 0 {
			return -1
		}
		if tb.slots[e-1].key == key {
			return int(e - 1)
		}
	}
}

// RawGet returns an LValue associated with a given key without __index metamethod.
func (tb *LTable) RawGet(key LValue) LValue {
	switch v := key.(type) {
	case LNumber:
		if i := int(v) - 1; uint(i) < uint(len(tb.array)) && LNumber(i+1) == v {
			return tb.array[i]
		}
	case LString:
		return tb.RawGetString(string(v))
	}
	return tb.getOther(key)
}

func (tb *LTable) getOther(key LValue) LValue {
	if len(tb.slots) == 0 {
		return LNil
	}
	if i := tb.find(key); i >= 0 {
		return tb.slots[i].val
	}
	return LNil
}

// RawGetInt returns an LValue at position `key` without __index metamethod.
func (tb *LTable) RawGetInt(key int) LValue {
	if i := key - 1; uint(i) < uint(len(tb.array)) {
		return tb.array[i]
	}
	if len(tb.slots) == 0 {
		return LNil
	}
	return tb.getOther(LNumber(key))
}

// RawGet returns an LValue associated with a given key without __index metamethod.
func (tb *LTable) RawGetH(key LValue) LValue {
	if s, ok := key.(LString); ok {
		return tb.RawGetString(string(s))
	}
	return tb.getOther(key)
}

// RawGetString returns an LValue associated with a given key without __index metamethod.
func (tb *LTable) RawGetString(key string) LValue {
	if i := tb.findString(key); i >= 0 {
		return tb.slots[i].val
	}
	return LNil
}

// ForEach iterates over this table of elements, yielding each in turn to a given function.
func (tb *LTable) ForEach(cb func(LValue, LValue)) {
	for i, v := range tb.array {
		if !isNil(v) {
			cb(LNumber(i+1), v)
		}
	}
	for i := 0; i < len(tb.slots); i++ {
		if s := &tb.slots[i]; !isNil(s.val) {
			cb(s.boxed(), s.val)
		}
	}
}

// This function is equivalent to lua_next ( http://www.lua.org/manual/5.1/manual.html#lua_next ).
func (tb *LTable) Next(key LValue) (LValue, LValue) {
	k, v, _, _ := tb.Successor(key)
	return k, v
}

// Successor is Next that also says how many dead keys it passed over, and false
// when the table never had the key.
func (tb *LTable) Successor(key LValue) (k, v LValue, skipped int, ok bool) {
	i := 0
	n, isNumber := key.(LNumber)
	index := int(n)
	switch {
	case isNil(key):
	case isNumber && LNumber(index) == n && index > 0 && index <= cap(tb.array):
		i = index
	default:
		at := tb.slotOf(key)
		if at < 0 {
			return LNil, LNil, 0, false
		}
		return tb.fromSlot(at+1, 0)
	}
	for ; i < len(tb.array); i++ {
		if v := tb.array[i]; !isNil(v) {
			return boxInt(i + 1), v, skipped, true
		}
		skipped++
	}
	if isNumber && index > len(tb.array) && len(tb.slots) > 0 {
		// A number behind the end may be a key of the hash part.
		if at := tb.slotOf(key); at >= 0 {
			return tb.fromSlot(at+1, skipped)
		}
	}
	return tb.fromSlot(int(tb.first), skipped)
}

func (tb *LTable) fromSlot(i, skipped int) (LValue, LValue, int, bool) {
	for ; i < len(tb.slots); i++ {
		if s := &tb.slots[i]; !isNil(s.val) {
			tb.last = int32(i)
			return s.boxed(), s.val, skipped, true
		}
		skipped++
	}
	return LNil, LNil, skipped, true
}

func (tb *LTable) slotOf(key LValue) int {
	if at := int(tb.last); at < len(tb.slots) && tb.slots[at].key == key {
		return at
	}
	if s, ok := key.(LString); ok {
		return tb.findString(string(s))
	}
	return tb.find(key)
}

// boxInt boxes a small number without allocating.
func boxInt(i int) LValue {
	if i >= 0 && i < int(preloadLimit) {
		return preloads[i]
	}
	return LNumber(i)
}

// hinted returns the slot of a string that an instruction asks for, dead or live,
// or nil. h remembers where it was the last time.
func (tb *LTable) hinted(key string, h *uint16) *slot {
	if i := int(*h); i < len(tb.slots) {
		if s := &tb.slots[i]; s.str == key && key != "" {
			return s
		}
	}
	i := tb.findString(key)
	if i < 0 {
		return nil
	}
	*h = uint16(i)
	return &tb.slots[i]
}

// Slot returns key i of the hash part, 0 <= i < Keys. The key of a string may be
// nil; then str is it. The value of a dead key is LNil.
func (tb *LTable) Slot(i int) (key LValue, str string, value LValue) {
	s := &tb.slots[i]
	return s.key, s.str, s.val
}

// Void makes all values nil and keeps the keys, for a table that gets the same
// ones again.
func (tb *LTable) Void() {
	clear(tb.array)
	tb.array = tb.array[:0]
	for i := range tb.slots {
		tb.slots[i].val = LNil
	}
	tb.dead, tb.first = int32(len(tb.slots)), int32(len(tb.slots))
}
