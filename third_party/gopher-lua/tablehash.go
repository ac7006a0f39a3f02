package lua

import (
	"hash/maphash"
	"math"
	"unsafe"
)

// maxLinear is how many keys a table has before it gets an index: up to here
// looking at each is faster than hashing.
const maxLinear = 12

var hashSeed = maphash.MakeSeed()

// slot is one key of the hash part. A slot whose value is nil is dead: its key
// stays until the part is packed, so that a traversal which assigns nil goes on.
type slot struct {
	val LValue
	str string // the key, if it is a string; other keys are in side.keys
}

// side is what few tables need of the hash part.
type side struct {
	keys  []LValue // key by slot: those that are no strings, and strings a traversal met; nil while there are none
	index []uint32 // of slots by hash, slot number + 1; nil while there are few
}

// Tables with room for a few keys in the same piece of memory: most tables of a
// decoder live for one record, and what they cost is being allocated.
type (
	tableOf2 struct {
		LTable
		room [2]slot
	}
	tableOf4 struct {
		LTable
		room [4]slot
	}
	tableOf8 struct {
		LTable
		room [8]slot
	}
	tableOf12 struct {
		LTable
		room [maxLinear]slot
	}
)

// keys returns the keys by slot, or nil.
func (tb *LTable) keys() []LValue {
	if tb.side == nil {
		return nil
	}
	return tb.side.keys
}

func (tb *LTable) index() []uint32 {
	if tb.side == nil {
		return nil
	}
	return tb.side.index
}

func (tb *LTable) needSide() *side {
	if tb.side == nil {
		tb.meter.Alloc(int(unsafe.Sizeof(side{})))
		tb.side = &side{}
	}
	return tb.side
}

// needKeys makes room for the keys of all slots there are and fit.
func (tb *LTable) needKeys() []LValue {
	sd := tb.needSide()
	if sd.keys == nil {
		tb.meter.Alloc(cap(tb.slots) * sizeOfValue)
		sd.keys = make([]LValue, len(tb.slots), cap(tb.slots))
	}
	return sd.keys
}

// isString tells whether the key of slot i is a string.
func (tb *LTable) isString(i int) bool {
	keys := tb.keys()
	if keys == nil || keys[i] == nil {
		return true
	}
	_, ok := keys[i].(LString)
	return ok
}

// boxed returns the key of slot i.
func (tb *LTable) boxed(i int) LValue {
	keys := tb.needKeys()
	if keys[i] == nil {
		keys[i] = LString(tb.slots[i].str)
	}
	return keys[i]
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

// add appends a key. boxed is the key as a value; it may be nil for a string.
func (tb *LTable) add(key string, boxed LValue, value LValue) {
	if len(tb.slots) == cap(tb.slots) {
		tb.makeRoom()
	}
	i := len(tb.slots)
	tb.slots = append(tb.slots, slot{val: value, str: key})
	if sd := tb.side; sd != nil {
		if sd.keys != nil {
			sd.keys = append(sd.keys, boxed)
		}
		if sd.index != nil {
			tb.enter(i)
			return
		}
	}
	if len(tb.slots) > maxLinear {
		tb.reindex()
	}
}

// makeRoom packs the hash part when a quarter of it is dead, else it doubles it.
func (tb *LTable) makeRoom() {
	live := len(tb.slots) - int(tb.dead)
	size := cap(tb.slots)
	same := 4*int(tb.dead) >= size && size > 0
	if same {
		if size > 4*maxLinear && 8*live < size {
			size, same = 2*live, false
		}
	} else if size = max(4, 2*size); size > 4 && size < 2*maxLinear {
		size = maxLinear
	}
	from, keys := tb.slots, tb.keys()
	to, toKeys := from[:0], keys[:0]
	if !same {
		tb.learn(size)
		tb.meter.Alloc(size * sizeOfSlot)
		to = make([]slot, 0, size)
		if keys != nil {
			tb.meter.Alloc(size * sizeOfValue)
			toKeys = make([]LValue, 0, size)
		}
	}
	if tb.dead == 0 {
		to, toKeys = append(to, from...), append(toKeys, keys...)
	} else {
		for i := range from {
			if isNil(from[i].val) {
				continue
			}
			to = append(to, from[i])
			if keys != nil {
				toKeys = append(toKeys, keys[i])
			}
		}
		if same {
			clear(from[len(to):])
			clear(keys[len(toKeys):])
		}
	}
	tb.slots, tb.dead, tb.first, tb.last = to, 0, 0, 0
	if tb.side != nil {
		tb.side.keys = toKeys
		if tb.side.index != nil {
			tb.reindex()
		}
	}
}

// reindex builds the index for as many keys as there is room for.
func (tb *LTable) reindex() {
	sd := tb.needSide()
	size := 32
	for 3*size < 4*cap(tb.slots) {
		size *= 2
	}
	if size == len(sd.index) {
		clear(sd.index)
	} else {
		tb.meter.Alloc(4 * size)
		sd.index = make([]uint32, size)
	}
	for i := range tb.slots {
		tb.enter(i)
	}
}

func (tb *LTable) enter(i int) {
	var h uint64
	if tb.isString(i) {
		h = maphash.String(hashSeed, tb.slots[i].str)
	} else {
		h = hashOf(tb.side.keys[i])
	}
	index := tb.side.index
	mask := uint64(len(index) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		if index[at] == 0 {
			index[at] = uint32(i + 1)
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
	index := tb.index()
	if index == nil {
		for i := range tb.slots {
			if tb.slots[i].str == key && (key != "" || tb.isString(i)) {
				return i
			}
		}
		return -1
	}
	mask := uint64(len(index) - 1)
	for at := maphash.String(hashSeed, key) & mask; ; at = (at + 1) & mask {
		i := int(index[at]) - 1
		if i < 0 {
			return -1
		}
		if tb.slots[i].str == key && (key != "" || tb.isString(i)) {
			return i
		}
	}
}

// find returns the slot of a key that is no string, dead or live, or -1.
func (tb *LTable) find(key LValue) int {
	keys, index := tb.keys(), tb.index()
	if keys == nil {
		return -1
	}
	if index == nil {
		for i := range keys {
			if keys[i] == key {
				return i
			}
		}
		return -1
	}
	mask := uint64(len(index) - 1)
	for at := hashOf(key) & mask; ; at = (at + 1) & mask {
		i := int(index[at]) - 1
		if i < 0 {
			return -1
		}
		if keys[i] == key {
			return i
		}
	}
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

// withRoom allocates a table with room for hcap keys, if they are few.
func withRoom(hcap int) *LTable {
	switch {
	case hcap <= 0 || hcap > maxLinear:
		return &LTable{}
	case hcap <= 2:
		tb := &tableOf2{}
		tb.slots = tb.room[:0]
		return &tb.LTable
	case hcap <= 4:
		tb := &tableOf4{}
		tb.slots = tb.room[:0]
		return &tb.LTable
	case hcap <= 8:
		tb := &tableOf8{}
		tb.slots = tb.room[:0]
		return &tb.LTable
	}
	tb := &tableOf12{}
	tb.slots = tb.room[:0]
	return &tb.LTable
}

// How many keys the tables made by one instruction had in the end, in
// sixteenths: a table that grows raises it, each new table lowers it by one.
const (
	sizeShare = 16
	sizeSites = 1 << 8
)

// newSitedTable makes an empty table with as much room as those needed that the
// same instruction made before.
func newSitedTable(m *Meter, at uint) *LTable {
	at %= sizeSites
	keys := int(m.sizes[at]+sizeShare-1) / sizeShare
	if keys > 0 {
		m.sizes[at]--
	}
	tb := newMeteredTable(m, 0, keys)
	tb.site = uint16(at) + 1
	return tb
}

// learn tells the instruction that made the table how much room it needs.
func (tb *LTable) learn(keys int) {
	if tb.site != 0 && keys <= maxLinear {
		tb.meter.sizes[tb.site-1] = uint8(keys * sizeShare)
	}
}
