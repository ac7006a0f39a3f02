package lualpeg

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
)

// numberText prints a number as Lua does.
func numberText(n lua.LNumber) string {
	s, _ := lpeg.NumberValue(float64(n)).AsText()
	return s
}

// spaces are the bytes C's isspace accepts.
const spaces = " \t\n\v\f\r"

// parseNumber reads a number as Lua's tonumber does: decimal with exponent,
// hexadecimal whole numbers, white space around.
func parseNumber(s string) (float64, bool) {
	if n, ok := parseDigits(s); ok {
		return n, true
	}
	s = strings.Trim(s, spaces)
	body := strings.TrimLeft(s, "+-")
	if len(s)-len(body) > 1 || body == "" {
		return 0, false
	}
	if len(body) > 2 && body[0] == '0' && (body[1] == 'x' || body[1] == 'X') {
		n, ok := parseBase(body[2:], 16)
		if s[0] == '-' {
			n = -n
		}
		return n, ok
	}
	if c := body[0]; (c < '0' || c > '9') && c != '.' {
		return specialNumber(s, body)
	}
	if strings.ContainsAny(body, "_xXpP") {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(n, 0) {
		return 0, false
	}
	return n, true
}

// parseDigits is the short way for the common case, up to 15 digits.
func parseDigits(s string) (float64, bool) {
	if len(s) == 0 || len(s) > 15 {
		return 0, false
	}
	n := int64(0)
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return float64(n), true
}

// specialNumber reads what C's strtod accepts beside numbers.
func specialNumber(s, body string) (float64, bool) {
	var n float64
	switch strings.ToLower(body) {
	case "inf", "infinity":
		n = math.Inf(1)
	case "nan":
		n = math.NaN()
	default:
		return 0, false
	}
	if s[0] == '-' {
		n = -n
	}
	return n, true
}

func parseBase(s string, base int) (float64, bool) {
	if s == "" {
		return 0, false
	}
	n := 0.0
	for i := range len(s) {
		d := 99
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			d = int(c - '0')
		case c >= 'a' && c <= 'z':
			d = int(c-'a') + 10
		case c >= 'A' && c <= 'Z':
			d = int(c-'A') + 10
		}
		if d >= base {
			return 0, false
		}
		n = n*float64(base) + float64(d)
	}
	return n, true
}

// ToNumber returns the base library's tonumber as a Folder.
func ToNumber() lpeg.Folder {
	return lpeg.FoldFunc(toNumber)
}

func toNumber(args []lpeg.Value) (lpeg.Value, error) {
	if len(args) == 0 {
		return lpeg.Value{}, fmt.Errorf("bad argument #1 to 'tonumber' (%w)", errNoValue)
	}
	v := args[0]
	if len(args) > 1 && args[1].Kind != lpeg.KindNil {
		return toNumberBase(v, args[1])
	}
	switch v.Kind {
	case lpeg.KindNumber:
		return v, nil
	case lpeg.KindText:
		if n, ok := parseNumber(v.Text); ok {
			return lpeg.NumberValue(n), nil
		}
	}
	return lpeg.Value{}, nil
}

func toNumberBase(v, base lpeg.Value) (lpeg.Value, error) {
	radix := base.Number
	if base.Kind == lpeg.KindText {
		radix, _ = parseNumber(base.Text)
	}
	if radix == 10 {
		return toNumber([]lpeg.Value{v})
	}
	if radix < 2 || radix > 36 {
		return lpeg.Value{}, fmt.Errorf("bad argument #2 to 'tonumber' (%w)", errBase)
	}
	text, ok := v.AsText()
	if !ok {
		return lpeg.Value{}, fmt.Errorf("bad argument #1 to 'tonumber' (%w)", errNoString)
	}
	text = strings.Trim(text, spaces)
	negative := strings.HasPrefix(text, "-")
	text = strings.TrimPrefix(text, "-")
	n, ok := parseBase(text, int(radix))
	if !ok {
		return lpeg.Value{}, nil
	}
	if negative {
		n = -n
	}
	return lpeg.NumberValue(n), nil
}
