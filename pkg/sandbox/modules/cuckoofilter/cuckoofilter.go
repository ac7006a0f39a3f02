// Package cuckoofilter is the Lua module cuckoo_filter: a set like bloom_filter
// that can also forget keys (B. Fan et al., "Cuckoo Filter: Practically Better
// Than Bloom", 2014), with four 16-bit fingerprints a bucket.
package cuckoofilter

import (
	"encoding/binary"
	"math/bits"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/sketch"
)

const (
	typeName   = "cuckoo_filter"
	bucketSize = 4
	maxMoves   = 500
)

// Filter is one set. Its size never changes.
type Filter struct {
	items   int
	count   int
	mask    uint64
	buckets [][bucketSize]uint16 // 0: free
	state   uint64               // chooses which fingerprint moves
}

// New makes a filter for that many keys.
func New(items int) *Filter {
	n := bucketsFor(items)
	return &Filter{items: items, mask: n - 1, buckets: make([][bucketSize]uint16, n)}
}

// bucketsFor returns a power of two with room for items at a load of 95 %.
func bucketsFor(items int) uint64 {
	want := uint64(items)*100/(95*bucketSize) + 1
	return 1 << bits.Len64(want-1)
}

func (c *Filter) place(hash uint64) (fingerprint uint16, i, j uint64) {
	fingerprint = uint16(hash >> 48)
	if fingerprint == 0 {
		fingerprint = 1
	}
	i = hash & c.mask
	return fingerprint, i, c.other(i, fingerprint)
}

func (c *Filter) other(i uint64, fingerprint uint16) uint64 {
	return (i ^ sketch.Mix(uint64(fingerprint))) & c.mask
}

func (c *Filter) replace(i uint64, old, with uint16) bool {
	for k, f := range c.buckets[i] {
		if f == old {
			c.buckets[i][k] = with
			return true
		}
	}
	return false
}

func (c *Filter) has(i uint64, fingerprint uint16) bool {
	for _, f := range c.buckets[i] {
		if f == fingerprint {
			return true
		}
	}
	return false
}

// Query reports whether the key was probably added.
func (c *Filter) Query(hash uint64) bool {
	f, i, j := c.place(hash)
	return c.has(i, f) || c.has(j, f)
}

// Add books a key and reports whether it was new and there was room for it.
func (c *Filter) Add(hash uint64) bool {
	f, i, j := c.place(hash)
	if c.has(i, f) || c.has(j, f) {
		return false
	}
	if c.replace(i, 0, f) || c.replace(j, 0, f) {
		c.count++
		return true
	}
	type move struct {
		bucket uint64
		slot   uint64
	}
	moves := make([]move, 0, maxMoves)
	at := i
	for range maxMoves {
		c.state = sketch.Mix(c.state)
		slot := c.state % bucketSize
		moves = append(moves, move{at, slot})
		c.buckets[at][slot], f = f, c.buckets[at][slot]
		at = c.other(at, f)
		if c.replace(at, 0, f) {
			c.count++
			return true
		}
	}
	// Full: put everything back, so that no key is lost.
	for k := len(moves) - 1; k >= 0; k-- {
		m := moves[k]
		c.buckets[m.bucket][m.slot], f = f, c.buckets[m.bucket][m.slot]
	}
	return false
}

// Delete forgets a key and reports whether it was there.
func (c *Filter) Delete(hash uint64) bool {
	f, i, j := c.place(hash)
	if c.replace(i, f, 0) || c.replace(j, f, 0) {
		c.count--
		return true
	}
	return false
}

// MemoryBytes is the size of the filter.
func (c *Filter) MemoryBytes() int { return len(c.buckets)*bucketSize*2 + 64 }

// AppendText appends the fingerprints.
func (c *Filter) AppendText(dst []byte) []byte {
	for _, bucket := range c.buckets {
		for _, f := range bucket {
			dst = binary.LittleEndian.AppendUint16(dst, f)
		}
	}
	return dst
}

// AppendRestore appends Lua statements that make an equal filter.
func (c *Filter) AppendRestore(dst []byte, name string, text func(string) string) []byte {
	fingerprints := text(string(c.AppendText(nil)))
	dst = append(dst, name+` = require("cuckoo_filter").new(`+lua.LNumber(c.items).String()+") "...)
	return append(dst, name+":fromstring("+lua.LNumber(c.count).String()+","+fingerprints+")"...)
}

func (c *Filter) load(text string) {
	for i := range c.buckets {
		for k := range bucketSize {
			at := (i*bucketSize + k) * 2
			c.buckets[i][k] = uint16(text[at]) | uint16(text[at+1])<<8
		}
	}
}

// Opener returns the function that opens the module; maxBytes caps a filter, 0
// does not.
func Opener(maxBytes int) lua.LGFunction {
	if maxBytes <= 0 {
		maxBytes = 1 << 30
	}
	check := func(L *lua.LState) *Filter { return sketch.Check[*Filter](L, 1, typeName) }
	method := func(f func(*Filter, uint64) bool) lua.LGFunction {
		return func(L *lua.LState) int {
			L.Push(lua.LBool(f(check(L), sketch.Hash(L, 2))))
			return 1
		}
	}
	return func(L *lua.LState) int {
		meta := sketch.Meta(L, map[string]lua.LGFunction{
			"add": method((*Filter).Add), "query": method((*Filter).Query), "delete": method((*Filter).Delete),
			"count": func(L *lua.LState) int {
				L.Push(lua.LNumber(check(L).count))
				return 1
			},
			"clear": func(L *lua.LState) int {
				c := check(L)
				clear(c.buckets)
				c.count = 0
				return 0
			},
			"fromstring": func(L *lua.LState) int {
				c, count, text := check(L), luavm.CheckInt(L, 2), luavm.CheckString(L, 3)
				if want := len(c.buckets) * bucketSize * 2; len(text) != want {
					raise.Error(L, "fromstring() bytes found: %d, expected %d", len(text), want)
				}
				c.count = count
				c.load(text)
				return 0
			},
		})
		t := L.CreateTable(0, 1)
		t.RawSetString("new", L.NewFunction(func(L *lua.LState) int {
			items := luavm.CheckInt(L, 1)
			if items <= 4 {
				luavm.ArgError(L, 1, "items must be > 4")
			}
			if items > maxBytes || bucketsFor(items)*bucketSize*2 > uint64(maxBytes) {
				raise.Error(L, "not enough memory")
			}
			raise.Charge(L, int(bucketsFor(items))*bucketSize*2)
			L.Push(sketch.Wrap(L, New(items), meta))
			return 1
		}))
		L.Push(t)
		return 1
	}
}
