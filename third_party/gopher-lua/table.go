package lua

import "unsafe"

const (
	defaultArrayCap = 32
	defaultHashCap  = 32
)

// maxGap is how many nils a store behind the end of the array part may leave in
// it; a store further away goes to the hash part.
const maxGap = 8

// What a table takes in the heap, in bytes.
const (
	sizeOfTable = int(unsafe.Sizeof(LTable{}))
	sizeOfValue = 16
	sizeOfSlot  = int(unsafe.Sizeof(slot{}))
)

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
	tb := withRoom(hcap)
	tb.Metatable, tb.meter, tb.inline = LNil, m, uint8(cap(tb.slots))
	size := sizeOfTable + cap(tb.slots)*sizeOfSlot
	if acap > 0 {
		tb.array = make([]LValue, 0, acap)
		size += acap * sizeOfValue
	}
	if hcap > maxLinear {
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
	size := sizeOfTable + sizeOfValue*cap(tb.array) + sizeOfSlot*cap(tb.slots)
	if int(tb.inline) != cap(tb.slots) {
		size += sizeOfSlot * int(tb.inline)
	}
	if tb.side != nil {
		size += int(unsafe.Sizeof(side{})) + sizeOfValue*cap(tb.side.keys) + 4*len(tb.side.index)
	}
	return size
}

// Clear removes all keys and keeps the memory, for tables that are filled again
// and again. A traversal in progress ends.
func (tb *LTable) Clear() {
	clear(tb.array)
	tb.array = tb.array[:0]
	clear(tb.slots)
	tb.slots = tb.slots[:0]
	if sd := tb.side; sd != nil {
		clear(sd.keys)
		sd.keys = sd.keys[:0]
		clear(sd.index)
	}
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
		if at := tb.find(LNumber(key)); at >= 0 && !isNil(tb.slots[at].val) {
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
		tb.add(key, boxed, value)
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
		tb.needKeys()
		tb.add("", key, value)
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

// boxInt boxes a small number without allocating.
func boxInt(i int) LValue {
	if i >= 0 && i < int(preloadLimit) {
		return preloads[i]
	}
	return LNumber(i)
}

// Slot returns key i of the hash part, 0 <= i < Keys. The key of a string may be
// nil; then str is it. The value of a dead key is LNil.
func (tb *LTable) Slot(i int) (key LValue, str string, value LValue) {
	if keys := tb.keys(); keys != nil {
		key = keys[i]
	}
	return key, tb.slots[i].str, tb.slots[i].val
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
