// Package number prints numbers as C's printf does with %g, and as Heka's
// payload functions do. It holds no state.
package number

import (
	"bytes"
	"math"
	"strconv"
)

// AppendG appends n as printf's %.<precision>g does; precision is 1 to 17.
// Infinities and not-a-number print as inf, -inf and nan.
func AppendG(dst []byte, n float64, precision int) []byte {
	switch {
	case math.IsNaN(n):
		return append(dst, "nan"...)
	case math.IsInf(n, 1):
		return append(dst, "inf"...)
	case math.IsInf(n, -1):
		return append(dst, "-inf"...)
	case n == math.Trunc(n) && math.Abs(n) < 1e14 && math.Abs(n) < math.Pow10(precision) && (n != 0 || !math.Signbit(n)):
		return strconv.AppendInt(dst, int64(n), 10)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, n, 'e', precision-1, 64)
	mark := start + bytes.LastIndexByte(dst[start:], 'e')
	exponent, _ := strconv.Atoi(string(dst[mark+1:]))
	if exponent < -4 || exponent >= precision {
		var tail [8]byte
		text := append(tail[:0], dst[mark:]...)
		return append(trimZeros(dst[:mark], start), text...)
	}
	dst = strconv.AppendFloat(dst[:start], n, 'f', precision-1-exponent, 64)
	return trimZeros(dst, start)
}

// trimZeros cuts trailing zeros of a fraction that starts after dst[:start].
func trimZeros(dst []byte, start int) []byte {
	if bytes.IndexByte(dst[start:], '.') < 0 {
		return dst
	}
	end := len(dst)
	for dst[end-1] == '0' {
		end--
	}
	if dst[end-1] == '.' {
		end--
	}
	return dst[:end]
}

// AppendPayload prints n as Heka's payload functions do: integers in full, other
// numbers up to 2^31-1 with at most eight decimals and no trailing zeros, bigger
// ones with 17 significant digits.
func AppendPayload(dst []byte, n float64) []byte {
	switch {
	case math.IsNaN(n):
		return append(dst, "nan"...)
	case math.IsInf(n, 1):
		return append(dst, "inf"...)
	case math.IsInf(n, -1):
		return append(dst, "-inf"...)
	case n == math.Trunc(n) && math.Abs(n) <= math.MaxInt32:
		return strconv.AppendInt(dst, int64(n), 10)
	case math.Abs(n) > math.MaxInt32:
		return AppendG(dst, n, 17)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, n, 'f', 8, 64)
	end := len(dst)
	for end > start && dst[end-1] == '0' {
		end--
	}
	if end > start && dst[end-1] == '.' {
		end--
	}
	if text := string(dst[start:end]); text == "-0" {
		return append(dst[:start], '0')
	}
	return dst[:end]
}
