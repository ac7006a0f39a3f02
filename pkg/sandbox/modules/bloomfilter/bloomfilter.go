// Package bloomfilter is the Lua module bloom_filter: a set that may answer yes
// for a key it never saw, with a chosen probability, but never no for one it did.
package bloomfilter

import (
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/sketch"
)

const typeName = "bloom_filter"

// Filter is one set. Its size never changes.
type Filter struct {
	items       int
	probability float64
	hashes      int
	count       int
	bits        []byte
}

// New makes a filter for that many keys with that probability of a false yes.
func New(items int, probability float64) *Filter {
	bits := math.Ceil(-float64(items) * math.Log(probability) / (math.Ln2 * math.Ln2))
	return &Filter{
		items: items, probability: probability, bits: make([]byte, int(bits)/8+1),
		hashes: max(1, int(math.Round(bits/float64(items)*math.Ln2))),
	}
}

// each calls f for the position of each of the key's bits until f returns false.
func (b *Filter) each(hash uint64, f func(byteIndex uint64, mask byte) bool) {
	step := sketch.Mix(hash) | 1
	size := uint64(len(b.bits)) * 8
	for range b.hashes {
		bit := hash % size
		if !f(bit/8, 1<<(bit%8)) {
			return
		}
		hash += step
	}
}

// Add books a key and reports whether it was new.
func (b *Filter) Add(hash uint64) bool {
	added := false
	b.each(hash, func(i uint64, mask byte) bool {
		if b.bits[i]&mask == 0 {
			b.bits[i] |= mask
			added = true
		}
		return true
	})
	if added {
		b.count++
	}
	return added
}

// Query reports whether the key was probably added.
func (b *Filter) Query(hash uint64) bool {
	found := true
	b.each(hash, func(i uint64, mask byte) bool {
		found = b.bits[i]&mask != 0
		return found
	})
	return found
}

// MemoryBytes is the size of the filter.
func (b *Filter) MemoryBytes() int { return len(b.bits) + 64 }

// AppendText appends the bits.
func (b *Filter) AppendText(dst []byte) []byte { return append(dst, b.bits...) }

// AppendRestore appends Lua statements that make an equal filter.
func (b *Filter) AppendRestore(dst []byte, name string, text func(string) string) []byte {
	bits := text(string(b.bits))
	dst = append(dst, name+` = require("bloom_filter").new(`...)
	dst = append(dst, lua.LNumber(b.items).String()+","+lua.LNumber(b.probability).String()+") "...)
	return append(dst, name+":fromstring("+lua.LNumber(b.count).String()+","+bits+")"...)
}

func (b *Filter) clear() {
	clear(b.bits)
	b.count = 0
}

// Opener returns the function that opens the module; maxBytes caps a filter, 0
// does not.
func Opener(maxBytes int) lua.LGFunction {
	check := func(L *lua.LState) *Filter { return sketch.Check[*Filter](L, 1, typeName) }
	return func(L *lua.LState) int {
		meta := sketch.Meta(L, map[string]lua.LGFunction{
			"add": func(L *lua.LState) int {
				L.Push(lua.LBool(check(L).Add(sketch.Hash(L, 2))))
				return 1
			},
			"query": func(L *lua.LState) int {
				L.Push(lua.LBool(check(L).Query(sketch.Hash(L, 2))))
				return 1
			},
			"count": func(L *lua.LState) int {
				L.Push(lua.LNumber(check(L).count))
				return 1
			},
			"clear": func(L *lua.LState) int {
				check(L).clear()
				return 0
			},
			"fromstring": func(L *lua.LState) int {
				b, count, text := check(L), luavm.CheckInt(L, 2), luavm.CheckString(L, 3)
				if len(text) != len(b.bits) {
					raise.Error(L, "fromstring() bytes found: %d, expected %d", len(text), len(b.bits))
				}
				b.count = count
				copy(b.bits, text)
				return 0
			},
		})
		t := L.CreateTable(0, 1)
		t.RawSetString("new", L.NewFunction(func(L *lua.LState) int {
			items, probability := luavm.CheckInt(L, 1), luavm.CheckNumber(L, 2)
			if items <= 1 {
				luavm.ArgError(L, 1, "items must be > 1")
			}
			if !(probability > 0 && probability < 1) {
				luavm.ArgError(L, 2, "probability must be between 0 and 1")
			}
			if bits := -float64(items) * math.Log(probability) / (math.Ln2 * math.Ln2); bits/8 > limit(maxBytes) {
				raise.Error(L, "not enough memory")
			}
			raise.Charge(L, int(-float64(items)*math.Log(probability)/(math.Ln2*math.Ln2))/8)
			L.Push(sketch.Wrap(L, New(items, probability), meta))
			return 1
		}))
		L.Push(t)
		return 1
	}
}

// limit is the cap in a state without a memory limit: 1 GiB.
func limit(maxBytes int) float64 {
	if maxBytes <= 0 {
		return 1 << 30
	}
	return float64(maxBytes)
}
