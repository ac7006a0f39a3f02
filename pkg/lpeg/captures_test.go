package lpeg_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
)

// digits captures whole numbers as numbers, in Go.
func digits(t *testing.T, b *lpeg.Builder) *lpeg.Pattern {
	t.Helper()
	ok := must(t)
	number := lpeg.FoldFunc(func(args []lpeg.Value) (lpeg.Value, error) {
		n := 0.0
		for _, c := range args[0].Text {
			n = n*10 + float64(c-'0')
		}
		return lpeg.NumberValue(n), nil
	})
	return b.Func(ok(b.Repeat(ok(b.Range("09")), 1)), number)
}

func TestNamedCapturesInTables(t *testing.T) {
	var b lpeg.Builder
	ok := must(t)
	word := ok(b.Repeat(b.Set(lpeg.RangeOf('a', 'z')), 1))
	pair := b.Cg(b.Ct(b.Seq(b.Cg(word, "value"), b.Cg(b.Cc("B"), "representation"))), "size")
	p := b.Ct(b.Seq(b.Cg(digits(t, &b), "pid"), b.Literal(" "), pair, b.C(b.Any(1))))
	ev := lpeg.NewValues(nil)
	for _, subject := range []string{"12 ab!", "7 xyz?"} {
		vals, end, err := ev.Match(p, subject, 0, nil)
		require.NoError(t, err)
		require.Equal(t, len(subject), end)
		tab := vals[0].Table()
		require.Len(t, tab.Named, 2)
		pid, found := tab.Get("pid")
		require.True(t, found)
		require.Equal(t, lpeg.KindNumber, pid.Kind)
		size, _ := tab.Get("size")
		value, _ := size.Table().Get("value")
		require.Equal(t, strings.Trim(subject[2:len(subject)-1], " "), value.Text)
		require.Equal(t, subject[len(subject)-1:], tab.Array[0].Text)
		_, found = tab.Get("none")
		require.False(t, found)
	}
}

func TestCapturesWithoutHostFunctions(t *testing.T) {
	var b lpeg.Builder
	ok := must(t)
	any1 := b.C(b.Any(1))
	add := lpeg.FoldFunc(func(args []lpeg.Value) (lpeg.Value, error) {
		return lpeg.NumberValue(args[0].Number + args[1].Number), nil
	})
	sum := b.Cf(b.Seq(digits(t, &b), ok(b.Repeat(b.Seq(b.Literal("+"), digits(t, &b)), 0))), add)
	for _, c := range []struct {
		name    string
		p       *lpeg.Pattern
		subject string
		want    []lpeg.Value
	}{
		{"fold", sum, "1+20+300", []lpeg.Value{lpeg.NumberValue(321)}},
		{"position", b.Seq(b.Any(2), b.Cp()), "ab", []lpeg.Value{lpeg.NumberValue(3)}},
		{"nested text", b.C(b.Seq(any1, any1)), "ab", []lpeg.Value{lpeg.TextValue("ab"), lpeg.TextValue("a"), lpeg.TextValue("b")}},
		{"format", b.Format(b.Seq(any1, any1), "%2-%1 %0 %%"), "ab", []lpeg.Value{lpeg.TextValue("b-a ab %")}},
		{"select", ok(b.Select(b.Seq(any1, any1), 2)), "ab", []lpeg.Value{lpeg.TextValue("b")}},
		{"drop", ok(b.Select(b.Seq(any1, any1), 0)), "ab", nil},
		{"substitute", b.Cs(ok(b.Repeat(b.Choice(b.Format(b.Literal("a"), "<%0>"), b.Any(1)), 0))), "xay", []lpeg.Value{lpeg.TextValue("x<a>y")}},
		{"back", b.Seq(b.Cg(b.Any(1), "k"), b.Cb("k"), b.Cb("k")), "q", []lpeg.Value{lpeg.TextValue("q"), lpeg.TextValue("q")}},
		{"constants", b.Cc("s", 2, true, nil), "", []lpeg.Value{lpeg.TextValue("s"), lpeg.NumberValue(2), lpeg.BoolValue(true), {}}},
		{"alternative leaves nothing behind", b.Choice(b.Seq(any1, b.Literal("!")), any1), "ab", []lpeg.Value{lpeg.TextValue("a")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			vals, end := match(t, c.p, c.subject)
			require.GreaterOrEqual(t, end, 0)
			require.Equal(t, c.want, append([]lpeg.Value(nil), vals...))
		})
	}
}

func TestRefusals(t *testing.T) {
	var b lpeg.Builder
	ok := must(t)
	star := ok(b.Repeat(b.Literal("a"), 0))
	grammar := func(rules ...lpeg.Rule) error {
		_, err := b.Grammar(rules)
		return err
	}
	second := func(_ *lpeg.Pattern, err error) error { return err }
	_, outside := b.V("x").Compile()
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"empty loop", second(b.Repeat(star, 0)), lpeg.ErrEmptyLoop},
		{"left recursion", grammar(lpeg.Rule{"a", b.Seq(star, b.V("b"))}, lpeg.Rule{"b", b.V("a")}), lpeg.ErrLeftRecursive},
		{"unknown rule", grammar(lpeg.Rule{"a", b.V("b")}), lpeg.ErrUndefinedRule},
		{"empty rule", grammar(lpeg.Rule{"a", ok(b.Repeat(b.V("b"), 0))}, lpeg.Rule{"b", star}), lpeg.ErrEmptyRule},
		{"no rule", grammar(), lpeg.ErrEmptyGrammar},
		{"outside a grammar", outside, lpeg.ErrOutsideGrammar},
		{"range", second(b.Range("abc")), lpeg.ErrInvalidRange},
		{"behind a loop", second(b.Behind(star)), lpeg.ErrNotFixed},
		{"behind a capture", second(b.Behind(b.C(b.Any(1)))), lpeg.ErrBehindCaptures},
		{"argument", second(b.Carg(0)), lpeg.ErrArgIndex},
		{"too big", second(b.Repeat(b.Literal("a"), 1<<30)), lpeg.ErrTooBig},
	} {
		t.Run(c.name, func(t *testing.T) { require.ErrorIs(t, c.err, c.want) })
	}
}

func TestLimits(t *testing.T) {
	var b lpeg.Builder
	ok := must(t)
	nested := ok(b.Grammar([]lpeg.Rule{{1, b.Choice(b.Seq(b.Literal("("), b.V(1), b.Literal(")")), b.Literal("x"))}}))
	slow := ok(b.Grammar([]lpeg.Rule{{1, b.Choice(b.Seq(ok(b.Repeat(b.Literal("a"), 0)), b.Literal("b")), b.Seq(b.Any(1), b.V(1)))}}))
	for _, c := range []struct {
		name    string
		limits  lpeg.Limits
		p       *lpeg.Pattern
		subject string
		want    error
	}{
		{"stack", lpeg.Limits{}, nested, strings.Repeat("(", 1000), lpeg.ErrBacktrack},
		{"steps", lpeg.Limits{Steps: 1000}, slow, strings.Repeat("a", 3000), lpeg.ErrSteps},
		{"captures", lpeg.Limits{Captures: 10}, ok(b.Repeat(b.C(b.Any(1)), 0)), "12345678901234", lpeg.ErrTooManyCaptures},
		{"within", lpeg.Limits{Steps: 100, Stack: 20, Captures: 10}, nested, "(((x)))", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			ev := lpeg.NewValues(nil)
			ev.SetLimits(c.limits)
			_, end, err := ev.Match(c.p, c.subject, 0, nil)
			require.ErrorIs(t, err, c.want)
			if c.want == nil {
				require.Equal(t, len(c.subject), end)
			}
		})
	}
}

func TestNoAllocations(t *testing.T) {
	var b lpeg.Builder
	ok := must(t)
	word := ok(b.Repeat(b.Set(lpeg.RangeOf('a', 'z')), 1))
	list := b.Seq(word, ok(b.Repeat(b.Seq(b.Literal(","), word), 0)))
	prog, err := list.Compile()
	require.NoError(t, err)
	var m lpeg.Machine
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = m.Match(prog, "ab,cd,ef", 0) }))

	table := b.Ct(b.Seq(b.Cg(word, "a"), b.Literal(","), b.Cg(b.Ct(b.C(word)), "b")))
	ev := lpeg.NewValues(nil)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _, _ = ev.Match(table, "ab,cd", 0, nil) }), 1.0)
}

func TestEqualPatternsAreOne(t *testing.T) {
	var b lpeg.Builder
	build := func() *lpeg.Pattern {
		p, err := b.Grammar([]lpeg.Rule{{"S", b.Choice(b.C(b.Literal("x")), b.Seq(b.Any(1), b.V("S")))}})
		require.NoError(t, err)
		return p
	}
	require.Same(t, build(), build())
	require.NotSame(t, b.C(b.Any(1)), b.C(b.Any(2)))
}

// FuzzRe reads any text as the notation of re and matches what comes of it.
func FuzzRe(f *testing.F) {
	f.Add("S <- '(' ([^()] / S)* ')'", "(a(b))")
	f.Add("{| {:n: %d+ :} (',' {%a*})^-2 -> '%1' |}", "12,ab")
	f.Add("{~ ('a' -> 'b' / .)* ~} =x !. &[^]-z]", "aab")
	f.Fuzz(func(t *testing.T, text, subject string) {
		var b lpeg.Builder
		p, err := b.Re(text, nil)
		if err != nil {
			return
		}
		ev := lpeg.NewValues(nil)
		ev.SetLimits(lpeg.Limits{Steps: 100_000})
		_, end, err := ev.Match(p, subject, 0, nil)
		if err == nil {
			require.LessOrEqual(t, end, len(subject))
		}
	})
}
