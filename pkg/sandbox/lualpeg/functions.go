package lualpeg

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
)

func (b *Binding) libP(L *lua.LState, fn string) int {
	if L.GetTop() == 0 {
		argError(L, 1, fn, "value expected")
	}
	if _, ok := b.Pattern(L.Get(1)); ok {
		L.Push(L.Get(1))
		return 1
	}
	return b.result(L, fn, b.pattern(L, 1, fn), nil)
}

// text reads argument n as a string; numbers are converted.
func text(L *lua.LState, n int, fn string) string {
	s, ok := asText(L.Get(n))
	if !ok {
		argError(L, n, fn, "string expected, got "+typeName(L, n))
	}
	return s
}

func (b *Binding) libS(L *lua.LState, fn string) int {
	return b.result(L, fn, b.builder.Chars(text(L, 1, fn)), nil)
}

func (b *Binding) libR(L *lua.LState, fn string) int {
	ranges := make([]string, L.GetTop())
	for i := range ranges {
		ranges[i] = text(L, i+1, fn)
		if len(ranges[i]) != 2 {
			argError(L, i+1, fn, "range must have two characters")
		}
	}
	p, err := b.builder.Range(ranges...)
	return b.result(L, fn, p, err)
}

func (b *Binding) libV(L *lua.LState, fn string) int {
	if v := L.Get(1); v == lua.LNil {
		argError(L, 1, fn, "non-nil value expected")
	}
	return b.result(L, fn, b.builder.V(ruleName(L.Get(1))), nil)
}

func (b *Binding) libB(L *lua.LState, fn string) int {
	p, err := b.builder.Behind(b.pattern(L, 1, fn))
	return b.result(L, fn, p, err)
}

func (b *Binding) libCr(L *lua.LState, fn string) int {
	p := b.pattern(L, 1, fn)
	t, ok := L.Get(2).(*lua.LTable)
	if !ok {
		t = L.NewTable()
	}
	return b.result(L, fn, b.builder.Cr(p, t), nil)
}

func (b *Binding) libCc(L *lua.LState, fn string) int {
	values := make([]any, L.GetTop())
	for i := range values {
		values[i] = L.Get(i + 1)
	}
	return b.result(L, fn, b.builder.Cc(values...), nil)
}

func (b *Binding) libCg(L *lua.LState, fn string) int {
	p := b.pattern(L, 1, fn)
	if v := L.Get(2); v != lua.LNil {
		return b.result(L, fn, b.builder.Cg(p, ruleName(v)), nil)
	}
	return b.result(L, fn, b.builder.Cg(p, nil), nil)
}

func (b *Binding) libCb(L *lua.LState, fn string) int {
	if L.Get(1) == lua.LNil {
		argError(L, 1, fn, "non-nil value expected")
	}
	return b.result(L, fn, b.builder.Cb(ruleName(L.Get(1))), nil)
}

func (b *Binding) libCp(L *lua.LState, fn string) int {
	return b.result(L, fn, b.builder.Cp(), nil)
}

func (b *Binding) libCarg(L *lua.LState, fn string) int {
	p, err := b.builder.Carg(integer(L, 1, fn))
	return b.result(L, fn, p, err)
}

// libMatch is lpeg.match and the method match of patterns.
func (b *Binding) libMatch(L *lua.LState, fn string) int {
	p := b.pattern(L, 1, fn)
	if err := b.builder.Err(); err != nil {
		fail(L, err)
	}
	subject := text(L, 2, fn)
	init := 0
	if L.GetTop() > 2 && L.Get(3) != lua.LNil {
		init = initial(integer(L, 3, fn), len(subject))
	}
	var args []lua.LValue
	for i := 4; i <= L.GetTop(); i++ {
		args = append(args, L.Get(i))
	}
	return b.run(L, p, subject, init, args)
}

// initial converts an initial position to an offset from 0.
func initial(pos, length int) int {
	switch {
	case pos > length:
		return length
	case pos > 0:
		return pos - 1
	case -pos <= length:
		return length + pos
	}
	return 0
}

// run matches and pushes the results.
func (b *Binding) run(L *lua.LState, p *lpeg.Pattern, subject string, init int, args []lua.LValue) int {
	values, end, err := b.evaluate(L, p, subject, init, args)
	if err != nil {
		fail(L, err)
	}
	if end < 0 {
		L.Push(lua.LNil)
		return 1
	}
	if len(values) == 0 {
		L.Push(lua.LNumber(end + 1))
		return 1
	}
	for _, v := range values {
		L.Push(v)
	}
	return len(values)
}

func (b *Binding) evaluate(L *lua.LState, p *lpeg.Pattern, subject string, init int, args []lua.LValue) ([]lua.LValue, int, error) {
	outer := b.current
	b.current = L
	b.eval.SetLimits(b.Limits)
	values, end, err := b.eval.Match(p, subject, init, args)
	b.current = outer
	if b.Charge != nil {
		b.Charge(L, b.eval.TakeUsed())
	}
	return values, end, err
}

func (b *Binding) libType(L *lua.LState, fn string) int {
	if L.GetTop() == 0 {
		argError(L, 1, fn, "value expected")
	}
	if _, ok := b.Pattern(L.Get(1)); ok {
		L.Push(lua.LString("pattern"))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

func (b *Binding) libVersion(L *lua.LState, _ string) int {
	L.Push(lua.LString(Version))
	return 1
}

func (b *Binding) libLocale(L *lua.LState, fn string) int {
	t, ok := L.Get(1).(*lua.LTable)
	switch {
	case ok:
	case L.Get(1) == lua.LNil:
		t = L.NewTable()
	default:
		argError(L, 1, fn, "table expected, got "+typeName(L, 1))
	}
	for i, class := range lpeg.Classes() {
		if i == len(b.classes) {
			b.classes = append(b.classes, b.wrap(L, b.builder.Set(class.Set)))
		}
		t.RawSetString(class.Name, b.classes[i])
	}
	L.Push(t)
	return 1
}

func (b *Binding) libSetMaxStack(L *lua.LState, fn string) int {
	n := integer(L, 1, fn)
	if n <= 0 {
		argError(L, 1, fn, "out of range")
	}
	limit := b.MaxStack
	if limit <= 0 {
		limit = DefaultMaxStack
	}
	b.Limits.Stack = min(n, limit)
	return 0
}

func (b *Binding) libDebug(L *lua.LState, _ string) int {
	raise.Error(L, "function only implemented in debug mode")
	return 0
}
