package cjson

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
)

func (m *module) decode(L *lua.LState) int {
	if L.GetTop() != 1 {
		luavm.ArgError(L, 1, "expected 1 argument")
	}
	text := luavm.CheckString(L, 1)
	if m.opts.MaxInput > 0 && len(text) > m.opts.MaxInput {
		raise.Error(L, "JSON text of %d bytes is too long; at most %d are decoded", len(text), m.opts.MaxInput)
	}
	if len(text) >= 2 && (text[0] == 0 || text[1] == 0) {
		raise.Error(L, "JSON parser does not support UTF-16 or UTF-32")
	}
	raise.Charge(L, 4*len(text))
	d := decoder{m: m, s: text, L: L}
	v, err := d.value(0)
	if err == nil {
		d.space()
		if d.i < len(d.s) {
			err = d.expected("the end")
		}
	}
	if err != nil {
		raise.Error(L, "%s", err.Error())
	}
	L.Push(v)
	return 1
}

// decoder reads one text; i is the position of the next byte.
type decoder struct {
	m *module
	L *lua.LState
	s string
	i int
}

func (d *decoder) space() {
	for d.i < len(d.s) {
		switch d.s[d.i] {
		case ' ', '\t', '\n', '\r':
			d.i++
		default:
			return
		}
	}
}

// expected describes what stands at the position instead of what should.
func (d *decoder) expected(what string) error {
	return d.expectedAt(what, d.token(), d.i)
}

func (d *decoder) expectedAt(what, found string, at int) error {
	return refuse("Expected %s but found %s at character %d", what, found, at+1)
}

func (d *decoder) token() string {
	if d.i >= len(d.s) {
		return "T_END"
	}
	switch c := d.s[d.i]; {
	case c == '{':
		return "T_OBJ_BEGIN"
	case c == '}':
		return "T_OBJ_END"
	case c == '[':
		return "T_ARR_BEGIN"
	case c == ']':
		return "T_ARR_END"
	case c == ':':
		return "T_COLON"
	case c == ',':
		return "T_COMMA"
	case c == '"':
		return "T_STRING"
	case c == '-' || c >= '0' && c <= '9':
		return "T_NUMBER"
	}
	rest := d.s[d.i:]
	switch {
	case strings.HasPrefix(rest, "true"), strings.HasPrefix(rest, "false"):
		return "T_BOOLEAN"
	case strings.HasPrefix(rest, "null"):
		return "T_NULL"
	}
	return "invalid token"
}

func (d *decoder) value(depth int) (lua.LValue, error) {
	d.space()
	if d.i >= len(d.s) {
		return nil, d.expected("value")
	}
	switch c := d.s[d.i]; c {
	case '"':
		s, err := d.text()
		return lua.LString(s), err
	case '{':
		return d.object(depth + 1)
	case '[':
		return d.array(depth + 1)
	}
	rest := d.s[d.i:]
	switch {
	case strings.HasPrefix(rest, "true"):
		d.i += 4
		return lua.LTrue, nil
	case strings.HasPrefix(rest, "false"):
		d.i += 5
		return lua.LFalse, nil
	case strings.HasPrefix(rest, "null"):
		d.i += 4
		if d.m.decodeNull {
			return d.m.null, nil
		}
		return lua.LNil, nil
	}
	return d.number()
}

func (d *decoder) deep(depth int) error {
	if depth > d.m.decodeMaxDepth {
		return refuse("Found too many nested data structures (%d)", depth)
	}
	return nil
}

func (d *decoder) object(depth int) (lua.LValue, error) {
	if err := d.deep(depth); err != nil {
		return nil, err
	}
	t := d.L.CreateTable(0, 4)
	d.i++
	d.space()
	if d.i < len(d.s) && d.s[d.i] == '}' {
		d.i++
		return t, nil
	}
	for {
		d.space()
		if d.i >= len(d.s) || d.s[d.i] != '"' {
			return nil, d.expected("object key string")
		}
		key, err := d.text()
		if err != nil {
			return nil, err
		}
		d.space()
		if d.i >= len(d.s) || d.s[d.i] != ':' {
			return nil, d.expected("colon")
		}
		d.i++
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		t.RawSetString(key, v)
		d.space()
		switch {
		case d.i < len(d.s) && d.s[d.i] == ',':
			d.i++
		case d.i < len(d.s) && d.s[d.i] == '}':
			d.i++
			return t, nil
		default:
			return nil, d.expected("comma or object end")
		}
	}
}

func (d *decoder) array(depth int) (lua.LValue, error) {
	if err := d.deep(depth); err != nil {
		return nil, err
	}
	t := d.L.NewTable()
	d.i++
	d.space()
	if d.i < len(d.s) && d.s[d.i] == ']' {
		d.i++
		return t, nil
	}
	for n := 1; ; n++ {
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		if v != lua.LNil {
			t.RawSetInt(n, v)
		}
		d.space()
		switch {
		case d.i < len(d.s) && d.s[d.i] == ',':
			d.i++
		case d.i < len(d.s) && d.s[d.i] == ']':
			d.i++
			return t, nil
		default:
			return nil, d.expected("comma or array end")
		}
	}
}

// number reads what C's strtod reads: the module accepts more than JSON does,
// unless that was switched off.
func (d *decoder) number() (lua.LValue, error) {
	start := d.i
	end := start
	for end < len(d.s) && isNumberByte(d.s[end]) {
		end++
	}
	text := d.s[start:end]
	if text == "" {
		return nil, d.expectedAt("value", "invalid token", start)
	}
	if !d.m.decodeInvalid && !strictNumber(text) {
		return nil, d.expectedAt("value", "invalid number", start)
	}
	n, ok := parse(text)
	if !ok {
		found := "invalid number"
		if c := text[0]; c != '-' && (c < '0' || c > '9') {
			found = "invalid token"
		}
		return nil, d.expectedAt("value", found, start)
	}
	d.i = end
	return lua.LNumber(n), nil
}

func isNumberByte(c byte) bool {
	return c == '+' || c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func strictNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	if s == "" || s[0] < '0' || s[0] > '9' || len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' {
		return false
	}
	return !strings.ContainsAny(s, "xXnN")
}

func parse(s string) (float64, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && s[0] != '+' {
		return float64(n), true
	}
	body := strings.TrimPrefix(s, "-")
	if len(body) > 2 && (body[:2] == "0x" || body[:2] == "0X") {
		u, err := strconv.ParseUint(body[2:], 16, 64)
		n := float64(u)
		if len(body) != len(s) {
			n = -n
		}
		return n, err == nil
	}
	if s[0] == '+' || s[0] == '.' {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil && math.IsInf(n, 0) {
		err = nil // beyond the range of a double, as strtod reads it
	}
	return n, err == nil
}

// text reads a string; the position is at its opening quote.
func (d *decoder) text() (string, error) {
	start := d.i
	for i := start + 1; i < len(d.s); i++ {
		switch d.s[i] {
		case '"':
			d.i = i + 1
			return d.s[start+1 : i], nil
		case '\\':
			return d.escapedText(start, i)
		}
	}
	return "", d.expectedAt("value", "unexpected end of string", len(d.s))
}

func (d *decoder) escapedText(start, i int) (string, error) {
	buf := append([]byte(nil), d.s[start+1:i]...)
	for i < len(d.s) {
		c := d.s[i]
		if c == '"' {
			d.i = i + 1
			return string(buf), nil
		}
		if c != '\\' {
			buf = append(buf, c)
			i++
			continue
		}
		if i+1 >= len(d.s) {
			break
		}
		if d.s[i+1] == 'u' {
			r, n := unicodeEscape(d.s[i:])
			if n == 0 {
				return "", d.expectedAt("value", "invalid unicode escape code", i)
			}
			buf = utf8.AppendRune(buf, r)
			i += n
			continue
		}
		plain, ok := unescape(d.s[i+1])
		if !ok {
			return "", d.expectedAt("value", "invalid escape code", i)
		}
		buf = append(buf, plain)
		i += 2
	}
	return "", d.expectedAt("value", "unexpected end of string", len(d.s))
}

func unescape(c byte) (byte, bool) {
	switch c {
	case '"', '\\', '/':
		return c, true
	case 'b':
		return '\b', true
	case 't':
		return '\t', true
	case 'n':
		return '\n', true
	case 'f':
		return '\f', true
	case 'r':
		return '\r', true
	}
	return 0, false
}

// unicodeEscape reads \uXXXX, or a surrogate pair of them, at the start of s.
func unicodeEscape(s string) (r rune, n int) {
	hi, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if hi&0xF800 != 0xD800 {
		return rune(hi), 6
	}
	if hi&0x400 != 0 || len(s) < 12 {
		return 0, 0
	}
	lo, ok := hex4(s[6:])
	if !ok || lo&0xFC00 != 0xDC00 {
		return 0, 0
	}
	return rune(0x10000 + (hi&0x3FF)<<10 + lo&0x3FF), 12
}

func hex4(s string) (uint32, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(s[2:6], 16, 32)
	return uint32(v), err == nil
}
