// Package cjson is the Lua module of that name in its sandbox form: JSON null
// decodes to nil, there is no `new`, and both directions are capped.
//
// Invariant: what one Lua state sets with the module's options is seen by that
// state only.
package cjson

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// Options cap the module; 0 means no cap.
type Options struct {
	MaxOutput int // bytes of one encoded text
	MaxInput  int // bytes of one text to decode
}

// module is the state of one opened module.
type module struct {
	opts Options

	sparseConvert  bool
	sparseRatio    int
	sparseSafe     int
	encodeMaxDepth int
	decodeMaxDepth int
	precision      int
	encodeInvalid  invalidNumbers
	decodeInvalid  bool
	decodeNull     bool
	null           *lua.LUserData
	buf            []byte
}

type invalidNumbers uint8

const (
	invalidRefused invalidNumbers = iota
	invalidWritten
	invalidNull
)

// Opener returns the function that opens the module.
func Opener(opts Options) lua.LGFunction {
	return func(L *lua.LState) int {
		m := &module{
			opts: opts, sparseRatio: 2, sparseSafe: 10, encodeMaxDepth: 1000, decodeMaxDepth: 1000,
			precision: 14, decodeInvalid: true, null: &lua.LUserData{},
		}
		t := L.SetFuncs(L.CreateTable(0, 12), map[string]lua.LGFunction{
			"encode":                  m.encode,
			"decode":                  m.decode,
			"encode_sparse_array":     m.setSparse,
			"encode_max_depth":        depthSetter(&m.encodeMaxDepth),
			"decode_max_depth":        depthSetter(&m.decodeMaxDepth),
			"encode_number_precision": m.setPrecision,
			"encode_invalid_numbers":  m.setEncodeInvalid,
			"decode_invalid_numbers":  boolSetter(&m.decodeInvalid),
			"decode_null":             boolSetter(&m.decodeNull),
		})
		t.RawSetString("null", m.null)
		t.RawSetString("_NAME", lua.LString("cjson"))
		t.RawSetString("_VERSION", lua.LString("2.1.0"))
		L.Push(t)
		return 1
	}
}

// setOrGet changes *v to the argument if there is one, within lo and hi, and
// pushes the value.
func intOption(L *lua.LState, arg int, v *int, lo, hi int) {
	if L.Get(arg) != lua.LNil {
		n := luavm.CheckInt(L, arg)
		if n < lo || n > hi {
			luavm.ArgError(L, arg, "expected integer between "+itoa(lo)+" and "+itoa(hi))
		}
		*v = n
	}
	L.Push(lua.LNumber(*v))
}

func boolOption(L *lua.LState, arg int, v *bool) {
	if L.Get(arg) != lua.LNil {
		*v = L.CheckBool(arg)
	}
	L.Push(lua.LBool(*v))
}

const maxInt = 1<<31 - 1

func depthSetter(v *int) lua.LGFunction {
	return func(L *lua.LState) int {
		tooMany(L, 1)
		intOption(L, 1, v, 1, maxInt)
		return 1
	}
}

func boolSetter(v *bool) lua.LGFunction {
	return func(L *lua.LState) int {
		tooMany(L, 1)
		boolOption(L, 1, v)
		return 1
	}
}

func tooMany(L *lua.LState, n int) {
	if L.GetTop() > n {
		luavm.ArgError(L, n+1, "found too many arguments")
	}
}

func (m *module) setSparse(L *lua.LState) int {
	tooMany(L, 3)
	L.SetTop(3) // the results go behind the arguments
	boolOption(L, 1, &m.sparseConvert)
	intOption(L, 2, &m.sparseRatio, 0, maxInt)
	intOption(L, 3, &m.sparseSafe, 0, maxInt)
	return 3
}

func (m *module) setPrecision(L *lua.LState) int {
	tooMany(L, 1)
	intOption(L, 1, &m.precision, 1, 17)
	return 1
}

func (m *module) setEncodeInvalid(L *lua.LState) int {
	tooMany(L, 1)
	switch v := L.Get(1).(type) {
	case *lua.LNilType:
	case lua.LBool:
		m.encodeInvalid = invalidRefused
		if v {
			m.encodeInvalid = invalidWritten
		}
	default:
		switch s := luavm.CheckString(L, 1); s {
		case "null":
			m.encodeInvalid = invalidNull
		case "on":
			m.encodeInvalid = invalidWritten
		case "off":
			m.encodeInvalid = invalidRefused
		default:
			luavm.ArgError(L, 1, "invalid option '"+s+"'")
		}
	}
	switch m.encodeInvalid {
	case invalidNull:
		L.Push(lua.LString("null"))
	default:
		L.Push(lua.LBool(m.encodeInvalid == invalidWritten))
	}
	return 1
}
