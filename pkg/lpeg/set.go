package lpeg

import "math/bits"

// Set is a set of bytes. The zero value is the empty set.
type Set [4]uint64

// SetOf returns the set of the bytes of s.
func SetOf(s string) Set {
	var set Set
	for i := range len(s) {
		set.add(s[i])
	}
	return set
}

// RangeOf returns the set of the bytes from lo to hi, both included. It is
// empty when hi is below lo.
func RangeOf(lo, hi byte) Set {
	var set Set
	for c := int(lo); c <= int(hi); c++ {
		set.add(byte(c))
	}
	return set
}

// FullSet returns the set of all 256 bytes.
func FullSet() Set {
	return Set{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
}

// Has reports whether c is in the set.
func (s *Set) Has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }

func (s *Set) add(c byte) { s[c>>6] |= 1 << (c & 63) }

// Union returns the bytes of either set.
func (s Set) Union(t Set) Set {
	return Set{s[0] | t[0], s[1] | t[1], s[2] | t[2], s[3] | t[3]}
}

// Intersect returns the bytes of both sets.
func (s Set) Intersect(t Set) Set {
	return Set{s[0] & t[0], s[1] & t[1], s[2] & t[2], s[3] & t[3]}
}

// Minus returns the bytes of s that are not in t.
func (s Set) Minus(t Set) Set {
	return Set{s[0] &^ t[0], s[1] &^ t[1], s[2] &^ t[2], s[3] &^ t[3]}
}

// Complement returns the bytes that are not in s.
func (s Set) Complement() Set { return FullSet().Minus(s) }

// Empty reports whether the set has no byte.
func (s Set) Empty() bool { return s == Set{} }

// Len returns the number of bytes in the set.
func (s Set) Len() int {
	return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) + bits.OnesCount64(s[2]) + bits.OnesCount64(s[3])
}

func (s Set) disjoint(t Set) bool { return s.Intersect(t).Empty() }

// only returns the single byte of a one-byte set.
func (s Set) only() (byte, bool) {
	if s.Len() != 1 {
		return 0, false
	}
	for w, v := range s {
		if v != 0 {
			return byte(w*64 + bits.TrailingZeros64(v)), true
		}
	}
	return 0, false
}

// table spells the set out, one entry a byte: the form the machine reads.
func (s Set) table() *[256]bool {
	t := new([256]bool)
	for c := range 256 {
		t[c] = s.Has(byte(c))
	}
	return t
}
