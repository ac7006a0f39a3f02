package lpeg_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
)

// expr is an expression of the reference matcher: a direct reading of the
// definition of parsing expressions, slow and without any cleverness.
type expr struct {
	op   byte
	text string
	set  lpeg.Set
	n    int
	a, b *expr
}

// exprReader makes expressions of fuzz input, one byte a decision.
type exprReader struct {
	data  []byte
	depth int
}

func (r *exprReader) next() byte {
	if len(r.data) == 0 {
		return 0
	}
	c := r.data[0]
	r.data = r.data[1:]
	return c
}

var words = []string{"a", "b", "c", "ab", "ba", "abc", "aab", "bc"}

func (r *exprReader) expr() *expr {
	r.depth++
	defer func() { r.depth-- }()
	c := r.next()
	if r.depth > 8 || len(r.data) == 0 {
		return &expr{op: 'l', text: words[int(c)%len(words)]}
	}
	switch c % 16 {
	case 0, 1:
		return &expr{op: 'l', text: words[int(c/16)%len(words)]}
	case 2:
		return &expr{op: 's', set: lpeg.SetOf(words[3+int(c/16)%5])}
	case 3:
		return &expr{op: '.', n: 1 + int(c/16)%2}
	case 4, 5, 6:
		return &expr{op: '*', a: r.expr(), b: r.expr()}
	case 7, 8:
		return &expr{op: '+', a: r.expr(), b: r.expr()}
	case 9:
		return &expr{op: '^', n: int(c/16) % 3, a: r.expr()}
	case 10:
		return &expr{op: '?', n: 1 + int(c/16)%3, a: r.expr()}
	case 11:
		return &expr{op: '!', a: r.expr()}
	case 12:
		return &expr{op: '&', a: r.expr()}
	case 13:
		return &expr{op: 'C', a: r.expr()}
	case 14:
		return &expr{op: 'V', n: int(c/16) % 2}
	case 15:
		if c/16%2 == 1 {
			return &expr{op: 'f', a: r.expr()}
		}
	}
	return &expr{op: '-', a: r.expr(), b: r.expr()}
}

// build makes the pattern of e.
func build(b *lpeg.Builder, e *expr) (*lpeg.Pattern, error) {
	var x, y *lpeg.Pattern
	var err error
	if e.a != nil {
		if x, err = build(b, e.a); err != nil {
			return nil, err
		}
	}
	if e.b != nil {
		if y, err = build(b, e.b); err != nil {
			return nil, err
		}
	}
	switch e.op {
	case 'l':
		return b.Literal(e.text), nil
	case 's':
		return b.Set(e.set), nil
	case '.':
		return b.Any(e.n), nil
	case '*':
		return b.Seq(x, y), nil
	case '+':
		return b.Choice(x, y), nil
	case '^':
		return b.Repeat(x, e.n)
	case '?':
		return b.Repeat(x, -e.n)
	case '!':
		return b.Not(x), nil
	case '&':
		return b.And(x), nil
	case 'C':
		return b.C(x), nil
	case 'V':
		return b.V(e.n), nil
	case 'f':
		return b.Grammar([]lpeg.Rule{{Name: "f", Pattern: b.Choice(x, b.Seq(b.Any(1), b.V("f")))}})
	}
	return b.Diff(x, y), nil
}

// reference matches by the definition.
type reference struct {
	rules []*expr
	s     string
	steps int
}

var errReference = errors.New("reference matcher gave up")

// match returns the end of the match of e at i, -1 for failure, and the captures.
func (m *reference) match(e *expr, i int) (int, []string) {
	if m.steps--; m.steps < 0 {
		panic(errReference)
	}
	switch e.op {
	case 'l':
		if strings.HasPrefix(m.s[i:], e.text) {
			return i + len(e.text), nil
		}
		return -1, nil
	case 's':
		if i < len(m.s) && e.set.Has(m.s[i]) {
			return i + 1, nil
		}
		return -1, nil
	case '.':
		if i+e.n <= len(m.s) {
			return i + e.n, nil
		}
		return -1, nil
	case '*':
		j, c := m.match(e.a, i)
		if j < 0 {
			return -1, nil
		}
		k, d := m.match(e.b, j)
		return k, append(c[:len(c):len(c)], d...)
	case '+':
		if j, c := m.match(e.a, i); j >= 0 {
			return j, c
		}
		return m.match(e.b, i)
	case '^', '?':
		return m.repeat(e, i)
	case '!', '-':
		pred := e.a
		if e.op == '-' {
			pred = e.b
		}
		if j, _ := m.match(pred, i); j >= 0 {
			return -1, nil
		}
		if e.op == '-' {
			return m.match(e.a, i)
		}
		return i, nil
	case '&':
		if j, _ := m.match(e.a, i); j < 0 {
			return -1, nil
		}
		return i, nil
	case 'C':
		j, c := m.match(e.a, i)
		if j < 0 {
			return -1, nil
		}
		return j, append([]string{m.s[i:j]}, c...)
	}
	if e.op == 'f' {
		for ; i <= len(m.s); i++ {
			if j, c := m.match(e.a, i); j >= 0 {
				return j, c
			}
		}
		return -1, nil
	}
	return m.match(m.rules[e.n], i)
}

func (m *reference) repeat(e *expr, i int) (int, []string) {
	var all []string
	for n := 0; ; n++ {
		if e.op == '?' && n == e.n {
			return i, all
		}
		j, c := m.match(e.a, i)
		if j < 0 {
			if e.op == '^' && n < e.n {
				return -1, nil
			}
			return i, all
		}
		i, all = j, append(all, c...)
	}
}

func (m *reference) run() (end int, captures []string, err error) {
	defer func() {
		if recover() != nil {
			err = errReference
		}
	}()
	end, captures = m.match(m.rules[0], 0)
	return end, captures, nil
}

// FuzzAgainstReference builds grammars of two rules and compares ends and captures.
func FuzzAgainstReference(f *testing.F) {
	f.Add([]byte{4, 0, 9, 2, 0}, []byte{0}, "abab")
	f.Add([]byte{7, 4, 0, 14, 3}, []byte{16, 2}, "aabc")
	f.Add([]byte{9, 7, 15, 3, 0, 13, 48, 48}, []byte{32}, "xxabcab")
	f.Add([]byte{4, 9, 7, 52, 20, 2, 13, 50, 26, 18, 0}, []byte{7, 0, 48}, "aabbccba")
	f.Add([]byte{4, 12, 31, 48, 4, 4, 2, 16, 18, 13, 9, 2, 0}, []byte{31, 64, 0}, "abcab")
	f.Add([]byte{4, 10, 64, 4, 34, 4, 16, 4, 18, 13, 25, 50, 0}, []byte{31, 4, 0, 13, 2, 0}, "baabcbcc")
	f.Fuzz(func(t *testing.T, first, second []byte, subject string) {
		if len(first) > 200 || len(second) > 200 || len(subject) > 40 {
			return
		}
		ref := &reference{s: subject, steps: 50_000}
		ref.rules = []*expr{(&exprReader{data: first}).expr(), (&exprReader{data: second}).expr()}
		var b lpeg.Builder
		var rules []lpeg.Rule
		for i, e := range ref.rules {
			p, err := build(&b, e)
			if err != nil {
				return
			}
			rules = append(rules, lpeg.Rule{Name: i, Pattern: p})
		}
		p, err := b.Grammar(rules)
		if err != nil {
			return
		}
		want, captures, err := ref.run()
		if err != nil {
			return
		}
		ev := lpeg.NewValues(nil)
		ev.SetLimits(lpeg.Limits{Steps: 1_000_000, Stack: 10_000})
		got, end, err := ev.Match(p, subject, 0, nil)
		require.NoError(t, err)
		require.Equal(t, want, end)
		if end < 0 {
			return
		}
		require.Len(t, got, len(captures))
		for i := range got {
			require.Equal(t, captures[i], got[i].Text)
		}
	})
}
