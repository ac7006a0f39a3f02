package lualpeg

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
)

// Version is what lpeg.version returns: the LPeg whose behaviour is followed.
const Version = "1.0.2"

// newLib makes the module table and the metatable of patterns.
func (b *Binding) newLib(L *lua.LState) *lua.LTable {
	lib := L.NewTable()
	for name, fn := range map[string]func(*lua.LState, string) int{
		"P": b.libP, "S": b.libS, "R": b.libR, "V": b.libV, "B": b.libB,
		"C": b.unary((*lpeg.Builder).C), "Ct": b.unary((*lpeg.Builder).Ct), "Cs": b.unary((*lpeg.Builder).Cs),
		"Cr": b.libCr, "Cc": b.libCc, "Cg": b.libCg, "Cb": b.libCb, "Cp": b.libCp, "Carg": b.libCarg,
		"Cf": b.withFunction((*lpeg.Builder).Cf), "Cmt": b.withFunction((*lpeg.Builder).Cmt),
		"match": b.libMatch, "type": b.libType, "version": b.libVersion, "locale": b.libLocale,
		"setmaxstack": b.libSetMaxStack, "ptree": b.libDebug, "pcode": b.libDebug,
	} {
		lib.RawSetString(name, b.function(L, name, fn))
	}
	meta := L.NewTable()
	for name, fn := range map[string]func(*lua.LState, string) int{
		"__add": b.binary((*lpeg.Builder).Choice2), "__mul": b.binary((*lpeg.Builder).Seq2),
		"__sub": b.binary((*lpeg.Builder).Diff), "__pow": b.opPow, "__div": b.opDiv,
		"__unm": b.unary((*lpeg.Builder).Not), "__len": b.unary((*lpeg.Builder).And),
	} {
		meta.RawSetString(name, b.function(L, "?", fn))
	}
	meta.RawSetString("__index", lib)
	b.meta = meta
	return lib
}

// function makes a Lua function that knows its own name.
func (b *Binding) function(L *lua.LState, name string, fn func(*lua.LState, string) int) *lua.LFunction {
	return L.NewFunction(func(L *lua.LState) int { return fn(L, name) })
}

// result pushes a pattern, or raises the error of making it.
func (b *Binding) result(L *lua.LState, fn string, p *lpeg.Pattern, err error) int {
	if err == nil {
		err = b.builder.Err()
	}
	if err != nil {
		if isArgError(err) {
			argError(L, 1, fn, err.Error())
		}
		fail(L, err)
	}
	L.Push(b.wrap(L, p))
	return 1
}

// pattern makes a pattern of argument n, as lpeg.P does.
func (b *Binding) pattern(L *lua.LState, n int, fn string) *lpeg.Pattern {
	v := L.Get(n)
	switch x := v.(type) {
	case *lua.LUserData:
		if p, ok := x.Value.(*lpeg.Pattern); ok {
			return p
		}
	case lua.LString:
		return b.builder.Literal(string(x))
	case lua.LNumber:
		return b.builder.Any(clampInt(float64(x)))
	case lua.LBool:
		if x {
			return b.builder.True()
		}
		return b.builder.False()
	case *lua.LFunction:
		return b.builder.Cmt(b.builder.True(), x)
	case *lua.LTable:
		return b.grammar(L, x)
	}
	argError(L, n, fn, "lpeg-pattern expected, got "+typeName(L, n))
	return nil
}

// clampInt converts a Lua number to an int, cutting what no pattern can hold.
func clampInt(f float64) int {
	const limit = 1 << 30
	switch {
	case f != f:
		return 0
	case f > limit:
		return limit
	case f < -limit:
		return -limit
	}
	return int(f)
}

func typeName(L *lua.LState, n int) string {
	if n > L.GetTop() {
		return "no value"
	}
	return L.Get(n).Type().String()
}

// ruleName converts a Lua value to the name of a rule or a group.
func ruleName(v lua.LValue) any {
	switch n := v.(type) {
	case lua.LString:
		return string(n)
	case lua.LNumber:
		return float64(n)
	}
	return objectName{v}
}

// objectName is a name that is neither a string nor a number.
type objectName struct {
	v lua.LValue
}

// String is how errors show the name.
func (n objectName) String() string { return "(a " + n.v.Type().String() + ")" }

// grammar makes the pattern of a table of rules.
func (b *Binding) grammar(L *lua.LState, t *lua.LTable) *lpeg.Pattern {
	first := t.RawGetInt(1)
	var initial lua.LValue = lua.LNumber(1)
	body := first
	switch first.(type) {
	case lua.LString, lua.LNumber:
		initial = first
		body = L.GetTable(t, first)
	}
	p, ok := b.Pattern(body)
	if !ok {
		if body == lua.LNil {
			fail(L, lpeg.ErrEmptyGrammar)
		}
		raise.Error(L, "initial rule '%s' is not a pattern", lua.LVAsString(initial))
	}
	rules := []lpeg.Rule{{Name: ruleName(initial), Pattern: p}}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if k == initial || k == lua.LNumber(1) {
			continue
		}
		p, ok := b.Pattern(v)
		if !ok {
			raise.Error(L, "rule '%s' is not a pattern", lua.LVAsString(k))
		}
		rules = append(rules, lpeg.Rule{Name: ruleName(k), Pattern: p})
	}
	p, err := b.builder.Grammar(rules)
	if err != nil {
		fail(L, err)
	}
	return p
}

// unary makes the Lua function of an operation on one pattern.
func (b *Binding) unary(op func(*lpeg.Builder, *lpeg.Pattern) *lpeg.Pattern) func(*lua.LState, string) int {
	return func(L *lua.LState, fn string) int {
		return b.result(L, fn, op(&b.builder, b.pattern(L, 1, fn)), nil)
	}
}

// binary makes the metamethod of an operation on two patterns.
func (b *Binding) binary(op func(*lpeg.Builder, *lpeg.Pattern, *lpeg.Pattern) *lpeg.Pattern) func(*lua.LState, string) int {
	return func(L *lua.LState, fn string) int {
		x := b.pattern(L, 1, fn)
		return b.result(L, fn, op(&b.builder, x, b.pattern(L, 2, fn)), nil)
	}
}

// withFunction makes the Lua function of a capture with a function operand.
func (b *Binding) withFunction(op func(*lpeg.Builder, *lpeg.Pattern, any) *lpeg.Pattern) func(*lua.LState, string) int {
	return func(L *lua.LState, fn string) int {
		f, ok := L.Get(2).(*lua.LFunction)
		if !ok {
			argError(L, 2, fn, "function expected, got "+typeName(L, 2))
		}
		return b.result(L, fn, op(&b.builder, b.pattern(L, 1, fn), f), nil)
	}
}

func (b *Binding) opPow(L *lua.LState, fn string) int {
	p := b.pattern(L, 1, fn)
	n := integer(L, 2, fn)
	r, err := b.builder.Repeat(p, n)
	return b.result(L, fn, r, err)
}

func (b *Binding) opDiv(L *lua.LState, fn string) int {
	p, ok, err := b.divide(b.pattern(L, 1, fn), L.Get(2))
	if !ok {
		argError(L, 2, fn, "invalid replacement value")
	}
	return b.result(L, fn, p, err)
}

// divide makes "p / v"; ok is false if v is no operand for that.
func (b *Binding) divide(p *lpeg.Pattern, v lua.LValue) (made *lpeg.Pattern, ok bool, err error) {
	switch x := v.(type) {
	case *lua.LFunction:
		if f, ok := b.folders[x]; ok {
			return b.builder.Func(p, f), true, nil
		}
		return b.builder.Func(p, x), true, nil
	case *lua.LTable:
		return b.builder.Query(p, x), true, nil
	case lua.LString:
		return b.builder.Format(p, string(x)), true, nil
	case lua.LNumber:
		made, err = b.builder.Select(p, int(x))
		return made, true, err
	}
	return nil, false, nil
}

// integer reads argument n as a whole number.
func integer(L *lua.LState, n int, fn string) int {
	switch x := L.Get(n).(type) {
	case lua.LNumber:
		return clampInt(float64(x))
	case lua.LString:
		if f, ok := parseNumber(string(x)); ok {
			return clampInt(f)
		}
	}
	argError(L, n, fn, "number expected, got "+typeName(L, n))
	return 0
}
