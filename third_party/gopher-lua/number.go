package lua

import (
	"math"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/parse"
)

// FormatNumber writes a number as Lua 5.1 does, with C's %.14g.
func FormatNumber(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e14 && (f != 0 || !math.Signbit(f)) {
		return strconv.FormatInt(int64(f), 10)
	}
	var buf [32]byte
	return string(AppendNumber(buf[:0], f))
}

// AppendNumber appends what FormatNumber returns.
func AppendNumber(dst []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1e14 && (f != 0 || !math.Signbit(f)) {
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return AppendG(dst, f, 14, false, false)
}

// AppendG is C's %g with a precision: the shorter of %e and %f, without trailing
// zeros unless alternate.
func AppendG(dst []byte, f float64, precision int, upper, alternate bool) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return AppendSpecial(dst, f, upper)
	}
	precision = max(precision, 1)
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', precision-1, 64)
	text := dst[start:]
	mark := len(text) - 1
	for text[mark] != 'e' {
		mark--
	}
	exponent, _ := strconv.Atoi(string(text[mark+1:]))
	if exponent < -4 || exponent >= precision {
		if !alternate {
			mantissa := trimZeros(text[:mark])
			tail := append([]byte{}, text[mark:]...)
			dst = append(dst[:start+len(mantissa)], tail...)
		}
	} else {
		dst = strconv.AppendFloat(dst[:start], f, 'f', precision-1-exponent, 64)
		if !alternate {
			dst = dst[:start+len(trimZeros(dst[start:]))]
		}
	}
	if upper {
		for i := start; i < len(dst); i++ {
			if dst[i] == 'e' {
				dst[i] = 'E'
			}
		}
	}
	return dst
}

func trimZeros(b []byte) []byte {
	dot := false
	for _, c := range b {
		dot = dot || c == '.'
	}
	if !dot {
		return b
	}
	n := len(b)
	for b[n-1] == '0' {
		n--
	}
	if b[n-1] == '.' {
		n--
	}
	return b[:n]
}

// AppendSpecial writes infinities and NaN as glibc does.
func AppendSpecial(dst []byte, f float64, upper bool) []byte {
	word := "nan"
	switch {
	case math.IsInf(f, 1):
		word = "inf"
	case math.IsInf(f, -1):
		word = "-inf"
	case math.Signbit(f):
		word = "-nan"
	}
	if upper {
		word = strings.ToUpper(word)
	}
	return append(dst, word...)
}

// MaxNumeral is the longest text that is read as a number, so that conversions,
// which no limit counts, stay short. PUC Lua has no such bound.
const MaxNumeral = parse.MaxNumeral

// ParseNumber reads a number as Lua 5.1 reads strings: C's strtod, or a
// hexadecimal integer, with white space around it.
func ParseNumber(s string) (float64, bool) { return parse.Number(s) }
