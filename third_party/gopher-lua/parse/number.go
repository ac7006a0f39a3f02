package parse

import (
	"math"
	"strconv"
	"strings"
)

const numberSpaces = " \t\n\v\f\r"

// MaxNumeral is the longest text that is read as a number, so that conversions,
// which no limit counts, stay short. PUC Lua has no such bound.
const MaxNumeral = 4096

// Number reads a number as Lua 5.1 reads strings: C's strtod, or a
// hexadecimal integer, with white space around it.
func Number(s string) (float64, bool) {
	if len(s) > MaxNumeral {
		return 0, false
	}
	if len(s) > 0 && len(s) <= 15 {
		if f, ok := parseDecimal(s); ok {
			return f, true
		}
	}
	if end := strings.IndexByte(s, 0); end >= 0 {
		s = s[:end] // as strtod sees it
	}
	s = strings.Trim(s, numberSpaces)
	body := s
	negative := false
	if body != "" && (body[0] == '-' || body[0] == '+') {
		negative = body[0] == '-'
		body = body[1:]
	}
	if body == "" {
		return 0, false
	}
	if len(body) > 2 && body[0] == '0' && (body[1] == 'x' || body[1] == 'X') {
		return parseHex(s, body[2:], negative)
	}
	if c := body[0]; c != '.' && (c < '0' || c > '9') {
		return parseWord(body, negative)
	}
	if strings.ContainsAny(body, "_xXpP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		// Out of range still gives the infinity or zero that strtod gives.
		return f, math.IsInf(f, 0)
	}
	return f, true
}

// parseDecimal is the quick way for a short run of digits.
func parseDecimal(s string) (float64, bool) {
	n := int64(0)
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return float64(n), true
}

func parseHex(s, digits string, negative bool) (float64, bool) {
	if strings.ContainsAny(digits, "_") {
		return 0, false
	}
	if strings.ContainsAny(digits, ".pP") {
		text := s
		if !strings.ContainsAny(digits, "pP") {
			text += "p0"
		}
		f, err := strconv.ParseFloat(text, 64)
		return f, err == nil
	}
	f := 0.0
	for i := 0; i < len(digits); i++ {
		d := digitValue(digits[i])
		if d >= 16 {
			return 0, false
		}
		f = f*16 + float64(d)
	}
	if negative {
		f = -f
	}
	return f, true
}

func parseWord(body string, negative bool) (float64, bool) {
	sign := 1
	if negative {
		sign = -1
	}
	switch strings.ToLower(body) {
	case "inf", "infinity":
		return math.Inf(sign), true
	case "nan":
		return math.Copysign(math.NaN(), float64(sign)), true
	}
	return 0, false
}

func digitValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10
	}
	return 99
}
