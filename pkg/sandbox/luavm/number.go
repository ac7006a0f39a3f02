package luavm

import lua "github.com/yuin/gopher-lua"

// FormatNumber writes a number as Lua 5.1 does, with C's %.14g.
func FormatNumber(f float64) string { return lua.FormatNumber(f) }

// AppendNumber appends what FormatNumber returns.
func AppendNumber(dst []byte, f float64) []byte { return lua.AppendNumber(dst, f) }

// ParseNumber reads a number as Lua 5.1 reads strings: C's strtod, or a
// hexadecimal integer, with white space around it.
func ParseNumber(s string) (float64, bool) { return lua.ParseNumber(s) }

const spaces = " \t\n\v\f\r"

// maxNumeral is the longest text that is read as a number.
const maxNumeral = lua.MaxNumeral

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

// ToNumber converts a number or a numeric string.
func ToNumber(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return ParseNumber(string(v))
	}
	return 0, false
}

// ToString converts a string or a number; other values have no text.
func ToString(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return FormatNumber(float64(v)), true
	}
	return "", false
}
