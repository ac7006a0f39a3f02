package encoders

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// plain marks the bytes a JSON string holds as they are.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		// eight plain bytes at a time: most of a log line is nothing else
		if i+8 <= len(s) && plainWord(s[i:i+8]) {
			i += 8
			continue
		}
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, s[start:i]...), "\ufffd"...)
		} else {
			dst = appendEscape(append(dst, s[start:i]...), c)
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// plainWord reports whether eight bytes need no care: the usual test of a word
// for bytes below 0x20, equal to a quote or a backslash, or above 0x7f.
func plainWord(s string) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	control := w - ones*0x20
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return (control|(quote-ones)|(slash-ones)|w)&tops == 0
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
