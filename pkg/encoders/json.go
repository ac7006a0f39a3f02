package encoders

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

const hexDigits = "0123456789abcdef"

const (
	// wordSize is how many bytes of a string are looked at, and copied, at once.
	wordSize = 8
	// slack is the room kept behind a string while it is written: for a whole word
	// of which only the beginning counts, the longest escape and the last quote.
	slack = wordSize + len(`\u0000`) + 1

	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// appendString appends s as a JSON string. Invalid UTF-8 becomes U+FFFD.
//
// Every byte of a log line comes through here, and most of them are plain: words
// are copied in the same step in which they are examined.
func appendString(dst []byte, s string) []byte {
	dst = slices.Grow(dst, len(s)+1+slack)
	n := len(dst) + 1
	dst = dst[:cap(dst)]
	dst[n-1] = '"'
	for i := 0; i < len(s); {
		var marks uint64
		if rest := len(s) - i; rest >= wordSize {
			w := word(s[i:])
			binary.LittleEndian.PutUint64(dst[n:], w)
			if marks = special(w); marks == 0 {
				i, n = i+wordSize, n+wordSize
				continue
			}
		} else {
			var w uint64
			if len(s) >= wordSize { // the end of the last word, filled up with spaces
				w = word(s[len(s)-wordSize:])>>(8*(wordSize-rest)) | ones*' '<<(8*rest)
			} else {
				w = shortWord(s[i:])
			}
			binary.LittleEndian.PutUint64(dst[n:], w)
			if marks = special(w); marks == 0 {
				n += rest
				break
			}
		}
		good := bits.TrailingZeros64(marks) / 8
		i, n = i+good, n+good
		if need := len(s) - i + slack; len(dst)-n < need {
			dst = slices.Grow(dst[:n], need)
			dst = dst[:cap(dst)]
		}
		if c := s[i]; c < utf8.RuneSelf {
			n = len(appendEscape(dst[:n], c))
			i++
			continue
		}
		r, length := utf8.DecodeRuneInString(s[i:]) // U+FFFD for a byte that is none
		n = len(utf8.AppendRune(dst[:n], r))
		i += length
	}
	dst[n] = '"'
	return dst[:n+1]
}

// word returns the first eight bytes of s, the first of them lowest.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// shortWord returns the fewer than eight bytes of s, filled up with spaces.
func shortWord(s string) uint64 {
	w := uint64(ones * ' ')
	for i := len(s) - 1; i >= 0; i-- {
		w = w<<8 | uint64(s[i])
	}
	return w
}

// special marks the top bit of bytes that a JSON string does not hold as they
// are: below 0x20, a quote, a backslash, above 0x7f. The lowest mark is right; a
// borrow may put wrong ones above it.
func special(w uint64) uint64 {
	quote, slash := w^ones*'"', w^ones*'\\'
	return ((w - ones*0x20) | (quote - ones) | (slash - ones) | w) & tops
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// appendDouble appends f as a JSON number; JSON has none for NaN and infinities,
// which become null.
func appendDouble(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if i := int64(f); float64(i) == f && i > -1e15 && i < 1e15 && (i != 0 || !math.Signbit(f)) {
		return strconv.AppendInt(dst, i, 10)
	}
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}

func appendValue(dst []byte, v message.Value) []byte {
	switch v.Type {
	case message.Integer:
		return strconv.AppendInt(dst, v.Int(), 10)
	case message.Double:
		return appendDouble(dst, v.Double())
	case message.Bool:
		return strconv.AppendBool(dst, v.Bool())
	}
	return appendString(dst, v.Str())
}

// appendField appends a field's value: one plainly, several as an array.
func appendField(dst []byte, f *message.Field) []byte {
	if f.Len() == 1 {
		return appendValue(dst, f.At(0))
	}
	dst = append(dst, '[')
	for i := range f.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, f.At(i))
	}
	return append(dst, ']')
}
