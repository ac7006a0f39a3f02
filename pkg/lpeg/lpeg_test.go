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

func TestMatchEnds(t *testing.T) {
	var b lpeg.Builder
	ok := must(t)
	digit := ok(b.Range("09"))
	digits := ok(b.Repeat(digit, 1))
	word := ok(b.Repeat(b.Set(lpeg.RangeOf('a', 'z')), 1))
	notEnd := ok(b.Repeat(b.Diff(b.Any(1), b.Literal("end")), 0))
	anywhere := ok(b.Grammar([]lpeg.Rule{{1, b.Choice(b.Literal("cd"), b.Seq(b.Any(1), b.V(1)))}}))
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
