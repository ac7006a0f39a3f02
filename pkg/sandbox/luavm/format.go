package luavm

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// spec is one conversion of string.format.
type spec struct {
	minus, plus, space, sharp, zero bool
	width, precision                int // precision -1 is absent
	verb                            byte
}

func (vm *VM) strFormat(L *lua.LState) int {
	format := CheckString(L, 1)
	out := make([]byte, 0, len(format)+32)
	arg, booked := 1, 0
	for i := 0; i < len(format); {
		next := strings.IndexByte(format[i:], '%')
		if next < 0 {
			out = append(out, format[i:]...)
			break
		}
		out = append(out, format[i:i+next]...)
		i += next + 1
		if i < len(format) && format[i] == '%' {
			out = append(out, '%')
			i++
			continue
		}
		var sp spec
		sp, i = parseSpec(L, format, i)
		arg++
		if arg > L.GetTop() {
			ArgError(L, arg, "no value")
		}
		out = sp.append(L, out, arg)
		if len(out)-booked > 1<<16 {
			booked = vm.grow(L, len(out), booked)
		}
	}
	vm.ChargeSteps(L, 8*arg)
	vm.grow(L, len(out), booked)
	pushBytes(L, out)
	return 1
}

func parseSpec(L *lua.LState, format string, i int) (spec, int) {
	sp := spec{precision: -1}
	start := i
	for ; i < len(format) && strings.IndexByte("-+ #0", format[i]) >= 0; i++ {
		switch format[i] {
		case '-':
			sp.minus = true
		case '+':
			sp.plus = true
		case ' ':
			sp.space = true
		case '#':
			sp.sharp = true
		case '0':
			sp.zero = true
		}
	}
	if i-start >= 6 {
		raise(L, "invalid format (repeated flags)")
	}
	sp.width, i = twoDigits(format, i)
	if i < len(format) && format[i] == '.' {
		sp.precision, i = twoDigits(format, i+1)
	}
	if i < len(format) && isDigit(format[i]) {
		raise(L, "invalid format (width or precision too long)")
	}
	if i < len(format) {
		sp.verb = format[i]
		i++
	}
	return sp, i
}

func twoDigits(s string, i int) (n, next int) {
	for end := i + 2; i < end && i < len(s) && isDigit(s[i]); i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n, i
}

func (sp *spec) append(L *lua.LState, out []byte, arg int) []byte {
	var buf [64]byte
	switch sp.verb {
	case 'c':
		return sp.pad(out, append(buf[:0], byte(CheckInt(L, arg))), 0)
	case 'd', 'i':
		n := toLong(CheckNumber(L, arg))
		digits := strconv.AppendUint(buf[:0], magnitude(n), 10)
		return sp.integer(out, digits, sp.sign(n < 0))
	case 'u', 'o', 'x', 'X':
		return sp.unsigned(out, toUnsigned(CheckNumber(L, arg)))
	case 'e', 'E', 'f', 'g', 'G':
		return sp.float(out, CheckNumber(L, arg))
	case 'q':
		return quote(out, CheckString(L, arg))
	case 's':
		s := CheckString(L, arg)
		if sp.precision >= 0 && sp.precision < len(s) {
			s = s[:sp.precision]
		}
		if sp.width <= len(s) {
			return append(out, s...)
		}
		sp.zero = false
		return sp.pad(out, []byte(s), 0)
	}
	option := ""
	if sp.verb != 0 {
		option = string(rune(sp.verb))
	}
	raise(L, "invalid option '%%%s' to 'format'", option)
	return out
}

// toLong is C's (long) cast of a double on amd64.
func toLong(f float64) int64 {
	if math.IsNaN(f) || f >= 1<<63 || f < -(1<<63) {
		return math.MinInt64
	}
	return int64(f)
}

func toUnsigned(f float64) uint64 {
	switch {
	case f < 0 || math.IsNaN(f):
		return uint64(toLong(f))
	case f >= 1<<64:
		return 0
	}
	return uint64(f)
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func (sp *spec) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case sp.plus:
		return "+"
	case sp.space:
		return " "
	}
	return ""
}

func (sp *spec) unsigned(out []byte, n uint64) []byte {
	var buf [64]byte
	base, prefix := 10, ""
	switch sp.verb {
	case 'o':
		base = 8
	case 'x', 'X':
		base = 16
	}
	digits := strconv.AppendUint(buf[:0], n, base)
	if sp.verb == 'X' {
		for i := range digits {
			digits[i] = upper(digits[i])
		}
	}
	if sp.sharp && n != 0 {
		switch sp.verb {
		case 'o':
			digits = append([]byte{'0'}, digits...)
		case 'x', 'X':
			prefix = "0" + string(rune(sp.verb))
		}
	}
	return sp.integer(out, digits, prefix)
}

// integer applies precision and width to digits behind a sign or prefix.
func (sp *spec) integer(out, digits []byte, prefix string) []byte {
	if sp.precision >= 0 {
		sp.zero = false
		if sp.precision == 0 && len(digits) == 1 && digits[0] == '0' {
			digits = digits[:0]
		}
		if fill := sp.precision - len(digits); fill > 0 {
			digits = append([]byte(strings.Repeat("0", fill)), digits...)
		}
	}
	if prefix == "" {
		return sp.pad(out, digits, 0)
	}
	return sp.pad(out, append([]byte(prefix), digits...), len(prefix))
}

func (sp *spec) float(out []byte, f float64) []byte {
	var buf [400]byte
	precision := sp.precision
	if precision < 0 {
		precision = 6
	}
	text := append(buf[:0], sp.sign(false)...)
	if math.Signbit(f) {
		text = buf[:0]
	}
	switch {
	case math.IsInf(f, 0) || math.IsNaN(f):
		sp.zero = false
		text = lua.AppendSpecial(text, f, isUpper(sp.verb))
	case sp.verb == 'g' || sp.verb == 'G':
		text = lua.AppendG(text, f, precision, sp.verb == 'G', sp.sharp)
	default:
		text = strconv.AppendFloat(text, f, sp.verb, precision, 64)
		if sp.sharp && precision == 0 && sp.verb == 'f' {
			text = append(text, '.')
		}
	}
	signed := 0
	if len(text) > 0 && (text[0] == '-' || text[0] == '+' || text[0] == ' ') {
		signed = 1
	}
	return sp.pad(out, text, signed)
}

// pad appends text in the field's width; zeros go behind the first signed bytes.
func (sp *spec) pad(out, text []byte, signed int) []byte {
	fill := sp.width - len(text)
	switch {
	case fill <= 0:
		return append(out, text...)
	case sp.minus:
		out = append(out, text...)
		return appendRepeated(out, ' ', fill)
	case sp.zero:
		out = append(out, text[:signed]...)
		out = appendRepeated(out, '0', fill)
		return append(out, text[signed:]...)
	}
	return append(appendRepeated(out, ' ', fill), text...)
}

func appendRepeated(out []byte, c byte, n int) []byte {
	for ; n > 0; n-- {
		out = append(out, c)
	}
	return out
}

// quote writes a string that Lua reads back.
func quote(out []byte, s string) []byte {
	out = append(out, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			out = append(out, '\\', c)
		case '\r':
			out = append(out, '\\', 'r')
		case 0:
			out = append(out, `\000`...)
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
