package message

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// UUID identifies a message for its whole life. The zero value means "none yet".
type UUID [16]byte

// NewUUID returns a random RFC 4122 version 4 identifier.
func NewUUID() UUID {
	var u UUID
	_, _ = rand.Read(u[:]) // never fails since Go 1.24
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

// DerivedUUID returns the version 8 identifier of the n-th message made from
// the record at offset of the stream with that fingerprint: the same record
// gives the same identifier however often it is read.
func DerivedUUID(fingerprint, offset uint64, n uint16) UUID {
	a := mix(fingerprint ^ mix(offset+0x9e3779b97f4a7c15))
	b := mix(a ^ mix(uint64(n)+offset) ^ fingerprint)
	var u UUID
	for i := range 8 {
		u[i] = byte(a >> (8 * i))
		u[8+i] = byte(b >> (8 * i))
	}
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u
}

// mix is the finaliser of splitmix64: a bijection, so distinct offsets of one
// stream never meet in it.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// IsZero reports whether u is the zero value.
func (u UUID) IsZero() bool { return u == UUID{} }

// AppendText appends the RFC 4122 text form.
func (u UUID) AppendText(dst []byte) []byte {
	n := len(dst)
	dst = append(dst, "00000000-0000-0000-0000-000000000000"...)
	text := dst[n : n+36]
	binary.LittleEndian.PutUint64(text, hexDigits(binary.LittleEndian.Uint32(u[0:])))
	middle := hexDigits(binary.LittleEndian.Uint32(u[4:]))
	binary.LittleEndian.PutUint32(text[9:], uint32(middle))
	binary.LittleEndian.PutUint32(text[14:], uint32(middle>>32))
	middle = hexDigits(binary.LittleEndian.Uint32(u[8:]))
	binary.LittleEndian.PutUint32(text[19:], uint32(middle))
	binary.LittleEndian.PutUint32(text[24:], uint32(middle>>32))
	binary.LittleEndian.PutUint64(text[28:], hexDigits(binary.LittleEndian.Uint32(u[12:])))
	return dst
}

// hexDigits returns the eight digits of four bytes, first byte lowest, high digit
// first: each half byte gets a byte of its own, and those above 9 the distance to
// the letters.
func hexDigits(bytes uint32) uint64 {
	const halves, each = 0x000f000f000f000f, 0x0101010101010101
	x := uint64(bytes)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	digits := x>>4&halves | x&halves<<8
	letters := (digits + 6*each) >> 4 & each
	return digits + '0'*each + letters*('a'-'0'-10)
}

// String returns the RFC 4122 text form.
func (u UUID) String() string { return string(u.AppendText(make([]byte, 0, 36))) }

// ParseUUID reads the text form, with or without dashes.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	digits := make([]byte, 0, 32)
	for i := range len(s) {
		if s[i] != '-' {
			digits = append(digits, s[i])
		}
	}
	if len(digits) != 32 {
		return u, fmt.Errorf("parse uuid %q: want 32 hexadecimal digits", s)
	}
	if _, err := hex.Decode(u[:], digits); err != nil {
		return u, fmt.Errorf("parse uuid %q: %w", s, err)
	}
	return u, nil
}

// Derive returns the identifier of the n-th further message made from the
// record u identifies; Derive(0) is u itself.
func (u UUID) Derive(n int) UUID {
	if n == 0 {
		return u
	}
	var a, b uint64
	for i := range 8 {
		a |= uint64(u[i]) << (8 * i)
		b |= uint64(u[8+i]) << (8 * i)
	}
	return DerivedUUID(a, b, uint16(n))
}
