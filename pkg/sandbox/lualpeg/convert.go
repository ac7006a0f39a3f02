package lualpeg

import (
	"errors"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
)

var (
	errNoValue  = errors.New("value expected")
	errBase     = errors.New("base out of range")
	errNoString = errors.New("string expected")
)

// toLua makes a Lua value of v; tables are copied.
func (b *Binding) toLua(v lpeg.Value) lua.LValue {
	switch v.Kind {
	case lpeg.KindText:
		return lua.LString(v.Text)
	case lpeg.KindNumber:
		return b.current.Number(v.Number)
	case lpeg.KindBool:
		return lua.LBool(v.Bool)
	case lpeg.KindTable:
		src := v.Table()
		t := b.current.CreateTable(len(src.Array), len(src.Named))
		for i, e := range src.Array {
			t.RawSetInt(i+1, b.toLua(e))
		}
		for _, e := range src.Named {
			t.RawSetString(e.Name, b.toLua(e.Value))
		}
		return t
	case lpeg.KindOther:
		if l, ok := v.Ref.(lua.LValue); ok {
			return l
		}
	}
	return lua.LNil
}

// fromLua makes an lpeg.Value of v; what is neither text, number nor boolean
// stays a Lua value.
func fromLua(v lua.LValue) lpeg.Value {
	switch x := v.(type) {
	case nil, *lua.LNilType:
		return lpeg.Value{}
	case lua.LString:
		return lpeg.TextValue(string(x))
	case lua.LNumber:
		return lpeg.NumberValue(float64(x))
	case lua.LBool:
		return lpeg.BoolValue(bool(x))
	}
	return lpeg.Value{Kind: lpeg.KindOther, Ref: v}
}
