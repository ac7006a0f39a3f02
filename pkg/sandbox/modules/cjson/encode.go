package cjson

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/number"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
)

func itoa(n int) string { return strconv.Itoa(n) }

func (m *module) encode(L *lua.LState) int {
	if L.GetTop() != 1 {
		luavm.ArgError(L, 1, "expected 1 argument")
	}
	var err error
	m.buf, err = m.appendValue(m.buf[:0], L.Get(1), 0)
	if err != nil {
		raise.Error(L, "%s", err.Error())
	}
	raise.Charge(L, len(m.buf))
	L.Push(lua.LString(m.buf))
	if cap(m.buf) > maxKeptBuffer {
		m.buf = nil
	}
	return 1
}

const maxKeptBuffer = 1 << 20

var errOutputLimit = errors.New("strbuf output_limit exceeded")

func (m *module) appendValue(dst []byte, v lua.LValue, depth int) ([]byte, error) {
	switch v := v.(type) {
	case lua.LString:
		dst = appendString(dst, string(v))
	case lua.LNumber:
		return m.appendNumber(dst, float64(v))
	case lua.LBool:
		dst = strconv.AppendBool(dst, bool(v))
	case *lua.LNilType:
		dst = append(dst, "null"...)
	case *lua.LTable:
		return m.appendTable(dst, v, depth+1)
	case *lua.LUserData:
		if v != m.null {
			return dst, cannot(v, "type not supported")
		}
		dst = append(dst, "null"...)
	default:
		return dst, cannot(v, "type not supported")
	}
	if m.opts.MaxOutput > 0 && len(dst) > m.opts.MaxOutput {
		return dst, errOutputLimit
	}
	return dst, nil
}

// refusal is an error in the module's own wording.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

func cannot(v lua.LValue, why string) error {
	return refuse("Cannot serialise %s: %s", v.Type(), why)
}

func (m *module) appendNumber(dst []byte, n float64) ([]byte, error) {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		switch m.encodeInvalid {
		case invalidNull:
			return append(dst, "null"...), nil
		case invalidRefused:
			return dst, cannot(lua.LNumber(n), "must not be NaN or Inf")
		}
	}
	dst = number.AppendG(dst, n, m.precision)
	if m.opts.MaxOutput > 0 && len(dst) > m.opts.MaxOutput {
		return dst, errOutputLimit
	}
	return dst, nil
}

func (m *module) appendTable(dst []byte, t *lua.LTable, depth int) ([]byte, error) {
	if depth > m.encodeMaxDepth {
		return dst, refuse("Cannot serialise, excessive depth (%d)", depth)
	}
	length, err := m.arrayLength(t)
	if err != nil {
		return dst, err
	}
	if length > 0 {
		dst = append(dst, '[')
		for i := 1; i <= length; i++ {
			if i > 1 {
				dst = append(dst, ',')
			}
			if dst, err = m.appendValue(dst, t.RawGetInt(i), depth); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	}
	return m.appendObject(dst, t, depth)
}

func (m *module) appendObject(dst []byte, t *lua.LTable, depth int) ([]byte, error) {
	var err error
	dst = append(dst, '{')
	first := true
	for key, value := range t.All() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if n, ok := key.Number(); ok {
			dst = append(dst, '"')
			if dst, err = m.appendNumber(dst, n); err != nil {
				return dst, err
			}
			dst = append(dst, '"')
		} else if key.IsText() {
			dst = appendString(dst, key.Text)
		} else {
			return dst, cannot(t, "table key must be a number or string")
		}
		dst = append(dst, ':')
		if dst, err = m.appendValue(dst, value, depth); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// arrayLength returns the length of t as an array, 0 or less when t is to be
// written as an object.
func (m *module) arrayLength(t *lua.LTable) (int, error) {
	longest, items := 0, 0
	for key := range t.All() {
		n, ok := key.Number()
		if !ok || n < 1 || n != math.Floor(n) || n > maxInt {
			return -1, nil
		}
		items++
		longest = max(longest, int(n))
	}
	if m.sparseRatio > 0 && longest > items*m.sparseRatio && longest > m.sparseSafe {
		if !m.sparseConvert {
			return 0, cannot(t, "excessively sparse array")
		}
		return -1, nil
	}
	return longest, nil
}

const hexDigits = "0123456789abcdef"

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c != '/' && c != 0x7f {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\', '/':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
