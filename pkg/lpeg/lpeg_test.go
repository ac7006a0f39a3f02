package lpeg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
)

func match(t *testing.T, p *lpeg.Pattern, subject string) ([]lpeg.Value, int) {
	t.Helper()
	vals, end, err := lpeg.NewValues(nil).Match(p, subject, 0, nil)
	require.NoError(t, err)
	return vals, end
}

func must(t *testing.T) func(p *lpeg.Pattern, err error) *lpeg.Pattern {
	t.Helper()
	return func(p *lpeg.Pattern, err error) *lpeg.Pattern {
		t.Helper()
		require.NoError(t, err)
		return p
	}
}

func TestCapturedSpans(t *testing.T) {
	var b lpeg.Builder
	ok := must(t)
	digit := ok(b.Range("09"))
	for least, want := range map[int]string{0: "", 1: "1", 3: "123"} {
		p := b.Seq(b.C(ok(b.Repeat(digit, least))), b.C(b.Any(1)))
		got, end := match(t, p, want+"x")
		require.Equal(t, len(want)+1, end)
		require.Equal(t, []lpeg.Value{lpeg.TextValue(want), lpeg.TextValue("x")}, got)
		if least > 0 {
			_, end = match(t, p, want[1:]+"x")
			require.Equal(t, -1, end, least)
		}
	}
	named := b.Ct(b.Cg(ok(b.Repeat(digit, 1)), "n"))
	got, _ := match(t, named, "12")
	n, found := got[0].Table().Get("n")
	require.True(t, found)
	require.Equal(t, lpeg.TextValue("12"), n)
}

func TestSearches(t *testing.T) {
	var b lpeg.Builder
	ok := must(t)
	search := func(p *lpeg.Pattern) *lpeg.Pattern {
		return ok(b.Grammar([]lpeg.Rule{{1, b.Choice(p, b.Seq(b.Any(1), b.V(1)))}}))
	}
	text, is := search(b.Literal("ab")).Searches()
	require.True(t, is)
	require.Equal(t, "ab", text)
	for _, p := range []*lpeg.Pattern{b.Literal("ab"), search(b.C(b.Literal("ab"))), search(b.Chars("ab")), b.Seq(search(b.Literal("ab")), b.Any(-1))} {
		_, is = p.Searches()
		require.False(t, is)
	}
}

func TestMatchEnds(t *testing.T) {
	var b lpeg.Builder
	ok := must(t)
	digit := ok(b.Range("09"))
	digits := ok(b.Repeat(digit, 1))
	word := ok(b.Repeat(b.Set(lpeg.RangeOf('a', 'z')), 1))
	notEnd := ok(b.Repeat(b.Diff(b.Any(1), b.Literal("end")), 0))
	anywhere := ok(b.Grammar([]lpeg.Rule{{1, b.Choice(b.Literal("cd"), b.Seq(b.Any(1), b.V(1)))}}))
	sets := b.Seq(digit, digit, b.Literal(":"), digit, b.Chars("ab"), b.Chars("ab"), b.Literal("x"))
	option := b.Seq(ok(b.Repeat(b.Literal("len: "), -1)), digits)
	ahead := b.Seq(b.And(anywhere), b.Literal("a"))
	balanced := ok(b.Grammar([]lpeg.Rule{{"S", b.Seq(b.Literal("("),
		ok(b.Repeat(b.Choice(b.Diff(b.Any(1), b.Chars("()")), b.V("S")), 0)), b.Literal(")"))}}))
	for _, c := range []struct {
		name    string
		p       *lpeg.Pattern
		subject string
		want    int
	}{
		{"literal", b.Literal("abc"), "abcd", 3},
		{"literal mismatch", b.Literal("abc"), "abd", -1},
		{"any", b.Any(3), "abc", 3},
		{"any beyond", b.Any(4), "abc", -1},
		{"no byte left", b.Any(-1), "", 0},
		{"digits", digits, "123x", 3},
		{"at least", ok(b.Repeat(digit, 3)), "12", -1},
		{"at most", ok(b.Repeat(digit, -2)), "1234", 2},
		{"choice", b.Choice(b.Literal("ab"), b.Literal("ac"), b.Literal("b")), "ac", 2},
		{"backtrack", b.Choice(b.Seq(digits, b.Literal("x")), b.Seq(digits, b.Literal("y"))), "12y", 3},
		{"until literal", b.Seq(notEnd, b.Literal("end")), "the end", 7},
		{"search", anywhere, "abccd", 5},
		{"search fails", anywhere, "abcc", -1},
		{"sets in a row", sets, "12:3abxy", 7},
		{"sets in a row, wrong in the middle", sets, "12-3abx", -1},
		{"sets in a row, wrong at the end", sets, "12:3aby", -1},
		{"sets in a row, too short", sets, "12:3ab", -1},
		{"option", option, "len: 12", 7},
		{"no option", option, "12", 2},
		{"half an option", option, "len:12", -1},
		{"search of any byte", b.Seq(b.Any(1), ok(b.Grammar([]lpeg.Rule{{1, b.Choice(b.Any(1), b.Seq(b.Any(1), b.V(1)))}}))), "a", -1},
		{"ahead", ahead, "abcd", 1},
		{"nothing ahead", ahead, "abc", -1},
		{"balanced", balanced, "(a(b)c)d", 7},
		{"unbalanced", balanced, "(a(b)c", -1},
		{"and", b.Seq(b.And(b.Literal("ab")), b.Any(1)), "ab", 1},
		{"not", b.Seq(b.Not(digit), b.Any(1)), "1", -1},
		{"behind", b.Seq(b.Any(1), ok(b.Behind(b.Literal("a")))), "ab", 1},
		{"behind fails", b.Seq(b.Any(1), ok(b.Behind(b.Literal("b")))), "ab", -1},
		{"words", b.Seq(word, ok(b.Repeat(b.Seq(b.Literal(","), word), 0))), "ab,cd,", 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, end := match(t, c.p, c.subject)
			require.Equal(t, c.want, end)
		})
	}
}
