package lualpeg

import (
	"errors"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
)

// newHost returns the functions that make Lua values of captures.
func (b *Binding) newHost() *lpeg.Host[lua.LValue] {
	return &lpeg.Host[lua.LValue]{
		Nil:      lua.LNil,
		Text:     b.box.text,
		Number:   func(n int) lua.LValue { return lua.LNumber(n) },
		Const:    func(v any) lua.LValue { return v.(lua.LValue) },
		Value:    b.toLua,
		Table:    b.table,
		Reuses:   true,
		Call:     b.call,
		Query:    b.query,
		AsText:   asText,
		Decide:   decide,
		TypeName: func(v lua.LValue) string { return v.Type().String() },
	}
}

// foreign lets lpeg.Values use what is Lua's.
func (b *Binding) foreign() *lpeg.ForeignHost {
	return &lpeg.ForeignHost{
		Const: func(v any) lpeg.Value { return fromLua(v.(lua.LValue)) },
		Call: func(fn any, args, out []lpeg.Value) ([]lpeg.Value, error) {
			in := make([]lua.LValue, len(args), len(args)+4)
			for i, a := range args {
				in[i] = b.toLua(a)
			}
			res, err := b.call(fn, in, in)
			for _, v := range res[min(len(in), len(res)):] {
				out = append(out, fromLua(v))
			}
			return out, err
		},
		Query: func(table any, key lpeg.Value) (lpeg.Value, bool, error) {
			v, ok, err := b.query(table, b.toLua(key))
			return fromLua(v), ok, err
		},
	}
}

// call runs a function operand and appends its results to out.
func (b *Binding) call(fn any, args, out []lua.LValue) ([]lua.LValue, error) {
	if f, ok := fn.(lpeg.Folder); ok {
		return b.callFolder(f, args, out)
	}
	f := fn.(*lua.LFunction)
	if f == b.rawset && len(args) >= 3 {
		if t, ok := args[0].(*lua.LTable); ok && args[1] != lua.LNil {
			t.RawSet(args[1], args[2])
			return append(out, t), nil
		}
	}
	L := b.current
	top := L.GetTop()
	L.Push(f)
	for _, a := range args {
		L.Push(a)
	}
	L.Call(len(args), lua.MultRet)
	for i := top + 1; i <= L.GetTop(); i++ {
		out = append(out, L.Get(i))
	}
	L.SetTop(top)
	b.current = L
	return out, nil
}

func (b *Binding) callFolder(f lpeg.Folder, args, out []lua.LValue) ([]lua.LValue, error) {
	in := make([]lpeg.Value, len(args))
	for i, a := range args {
		in[i] = fromLua(a)
	}
	v, err := f.Fold(in)
	return append(out, b.toLua(v)), err
}

func (b *Binding) query(table any, key lua.LValue) (lua.LValue, bool, error) {
	t := table.(*lua.LTable)
	v := t.RawGet(key)
	if v == lua.LNil && t.Metatable != lua.LNil {
		v = b.current.GetTable(t, key)
	}
	return v, v != lua.LNil, nil
}

func asText(v lua.LValue) (string, bool) {
	switch s := v.(type) {
	case lua.LString:
		return string(s), true
	case lua.LNumber:
		return numberText(s), true
	}
	return "", false
}

// decide reads the first result of a match-time function as LPeg does.
func decide(v lua.LValue) lpeg.Decision {
	switch r := v.(type) {
	case *lua.LNilType:
		return lpeg.Decision{}
	case lua.LBool:
		return lpeg.Decision{Match: bool(r), Keep: true}
	case lua.LNumber:
		return lpeg.Decision{Match: true, Position: int(r)}
	case lua.LString:
		if n, ok := parseNumber(string(r)); ok {
			return lpeg.Decision{Match: true, Position: int(n)}
		}
	}
	return lpeg.Decision{Match: true}
}

// fail turns an error of package lpeg into a Lua error with LPeg's text.
func fail(L *lua.LState, err error) {
	raise.Error(L, "%s", err.Error())
}

// argError raises Lua's "bad argument" error.
func argError(L *lua.LState, n int, fn, message string) {
	raise.Error(L, "bad argument #%d to '%s' (%s)", n, fn, message)
}

// isArgError tells the errors LPeg reports as a bad first argument.
func isArgError(err error) bool {
	for _, e := range []error{
		lpeg.ErrNotFixed, lpeg.ErrBehindCaptures, lpeg.ErrBehindTooLong, lpeg.ErrArgIndex,
		lpeg.ErrSelectIndex, lpeg.ErrInvalidRange,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
