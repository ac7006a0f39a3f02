package lua

import "unsafe"

// iface is an internal representation of the go-interface.
type iface struct {
	itab unsafe.Pointer
	word unsafe.Pointer
}

// preloadLimit is how many small numbers are boxed once for all.
const preloadLimit LNumber = 1024

var preloads [int(preloadLimit)]LValue

func init() {
	for i := 0; i < int(preloadLimit); i++ {
		preloads[i] = LNumber(i)
	}
}

// allocator boxes numbers in blocks. A block is freed when none of its numbers is
// in use any more.
type allocator struct {
	size   int
	room   []LNumber
	meter  *Meter
	number LValue // any number: lends its type word
}

func newAllocator(size int) *allocator {
	return &allocator{size: size, number: LNumber(0)}
}

// Number makes a value of a number. Numbers are allocated by the block, which
// takes less than one for each.
func (ls *LState) Number(n float64) LValue { return ls.alloc.LNumber2I(LNumber(n)) }

// LNumber2I boxes a number.
func (al *allocator) LNumber2I(v LNumber) LValue {
	if v >= 0 && v < preloadLimit && LNumber(int(v)) == v && !signbit(v) {
		return preloads[int(v)]
	}
	if len(al.room) == 0 {
		al.meter.Alloc(8 * al.size)
		al.room = make([]LNumber, al.size)
	}
	p := &al.room[0]
	al.room = al.room[1:]
	*p = v
	out := al.number
	(*iface)(unsafe.Pointer(&out)).word = unsafe.Pointer(p)
	return out
}
