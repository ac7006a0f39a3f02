package lualpeg

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
)

// Bounds of what re.match and re.find remember: the number of patterns, and the
// length of their text and the size of a pattern that is worth it.
const (
	maxCompiled     = 128
	maxCompiledText = 4096
	maxCompiledSize = 500
)

// reModule is the state of module re.
type reModule struct {
	b     *Binding
	lib   *lua.LTable
	plain map[string]*lpeg.Pattern
	find  map[string]*lpeg.Pattern
}

// LoaderRe is the function for package.preload["re"]: it returns the module,
// and sets the global re as LPeg's module does under Lua 5.1.
func (b *Binding) LoaderRe(L *lua.LState) int {
	if b.re == nil {
		m := &reModule{b: b, lib: L.NewTable()}
		m.forget()
		for name, fn := range map[string]func(*lua.LState, string) int{
			"compile": m.compile, "match": m.match, "find": m.findIn, "gsub": m.gsub,
			"updatelocale": func(*lua.LState, string) int { m.forget(); return 0 },
		} {
			m.lib.RawSetString(name, b.function(L, name, fn))
		}
		b.re = m
	}
	L.SetGlobal("re", b.re.lib)
	L.Push(b.re.lib)
	return 1
}

func (m *reModule) forget() {
	m.plain, m.find = make(map[string]*lpeg.Pattern), make(map[string]*lpeg.Pattern)
}

// definitions reads names from the table of definitions of re.compile.
func (m *reModule) definitions(L *lua.LState, defs lua.LValue) *lpeg.Definitions {
	get := func(name string) lua.LValue {
		if defs == lua.LNil {
			return lua.LNil
		}
		return L.GetField(defs, name)
	}
	apply := func(op func(p *lpeg.Pattern, v lua.LValue) (*lpeg.Pattern, error)) func(*lpeg.Pattern, string) (*lpeg.Pattern, error) {
		return func(p *lpeg.Pattern, name string) (*lpeg.Pattern, error) {
			v := get(name)
			if !lua.LVAsBool(v) {
				return nil, fmt.Errorf("%w name: %s", lpeg.ErrReName, name)
			}
			return op(p, v)
		}
	}
	return &lpeg.Definitions{
		Pattern: func(name string) (*lpeg.Pattern, bool, error) {
			v := get(name)
			if !lua.LVAsBool(v) {
				return nil, false, nil
			}
			L.Push(v)
			p := m.b.pattern(L, L.GetTop(), "P")
			L.Pop(1)
			return p, true, nil
		},
		Divide: apply(func(p *lpeg.Pattern, v lua.LValue) (*lpeg.Pattern, error) {
			r, ok, err := m.b.divide(p, v)
			if !ok {
				argError(L, 2, "?", "invalid replacement value")
			}
			return r, err
		}),
		Runtime: apply(func(p *lpeg.Pattern, v lua.LValue) (*lpeg.Pattern, error) {
			return m.b.builder.Cmt(p, m.needFunction(L, v, "Cmt")), nil
		}),
		Fold: apply(func(p *lpeg.Pattern, v lua.LValue) (*lpeg.Pattern, error) {
			return m.b.builder.Cf(p, m.needFunction(L, v, "Cf")), nil
		}),
	}
}

func (m *reModule) needFunction(L *lua.LState, v lua.LValue, fn string) *lua.LFunction {
	f, ok := v.(*lua.LFunction)
	if !ok {
		argError(L, 2, fn, "function expected, got "+v.Type().String())
	}
	return f
}

// make returns the pattern of argument n, compiled if it is text.
func (m *reModule) make(L *lua.LState, n int, fn string, defs lua.LValue) *lpeg.Pattern {
	if p, ok := m.b.Pattern(L.Get(n)); ok {
		return p
	}
	p, err := m.b.builder.Re(text(L, n, fn), m.definitions(L, defs))
	if err != nil {
		fail(L, err)
	}
	return p
}

func (m *reModule) compile(L *lua.LState, fn string) int {
	return m.b.result(L, fn, m.make(L, 1, fn, L.Get(2)), nil)
}

// known looks a text up in one of the memories, or builds its pattern.
func (m *reModule) known(L *lua.LState, mem map[string]*lpeg.Pattern, n int, fn string, build func(*lpeg.Pattern) *lpeg.Pattern) *lpeg.Pattern {
	key, isText := asText(L.Get(n))
	if p, ok := mem[key]; ok && isText {
		return p
	}
	p := build(m.make(L, n, fn, lua.LNil))
	if len(mem) >= maxCompiled {
		clear(mem)
	}
	if isText && len(key) <= maxCompiledText && p.Size() <= maxCompiledSize {
		mem[key] = p
	}
	return p
}

func (m *reModule) start(L *lua.LState, length int, fn string) int {
	if !lua.LVAsBool(L.Get(3)) {
		return 0
	}
	return initial(integer(L, 3, fn), length)
}

func (m *reModule) match(L *lua.LState, fn string) int {
	subject := text(L, 1, fn)
	p := m.known(L, m.plain, 2, fn, func(p *lpeg.Pattern) *lpeg.Pattern { return p })
	return m.b.run(L, p, subject, m.start(L, len(subject), fn), nil)
}

func (m *reModule) findIn(L *lua.LState, fn string) int {
	subject := text(L, 1, fn)
	p := m.known(L, m.find, 2, fn, func(p *lpeg.Pattern) *lpeg.Pattern {
		bld := &m.b.builder
		none, _ := bld.Select(p, 0)
		g, err := bld.Grammar([]lpeg.Rule{{
			Name:    1,
			Pattern: bld.Choice(bld.Seq(bld.Cp(), none, bld.Cp()), bld.Seq(bld.Any(1), bld.V(1))),
		}})
		if err != nil {
			fail(L, err)
		}
		return g
	})
	values, _, err := m.b.evaluate(L, p, subject, m.start(L, len(subject), fn), nil)
	if err != nil {
		fail(L, err)
	}
	if len(values) < 2 {
		L.Push(lua.LNil)
		return 1
	}
	from, to := values[0], values[1].(lua.LNumber)
	L.Push(from)
	L.Push(to - 1)
	return 2
}

func (m *reModule) gsub(L *lua.LState, fn string) int {
	subject := text(L, 1, fn)
	p := m.make(L, 2, fn, lua.LNil)
	rep, ok, err := m.b.divide(p, L.Get(3))
	if !ok {
		argError(L, 2, "?", "invalid replacement value")
	}
	bld := &m.b.builder
	var all *lpeg.Pattern
	if err == nil {
		all, err = bld.Repeat(bld.Choice2(rep, bld.Any(1)), 0)
	}
	if err != nil {
		fail(L, err)
	}
	return m.b.run(L, bld.Cs(all), subject, 0, nil)
}
