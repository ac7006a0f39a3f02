package lpeg_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
)

// pair captures key=value,flag; the flag under the value's name.
func pair(t *testing.T, b *lpeg.Builder) *lpeg.Pattern {
	letters := letters(t, b)
	return b.Seq(
		b.Cg(letters, "key"), b.Literal("="), b.Cg(letters, "value"),
		b.C(b.Literal(",")),
		b.Cg(b.Format(letters, "<%0>"), "value"),
	)
}

func letters(t *testing.T, b *lpeg.Builder) *lpeg.Pattern {
	t.Helper()
	set, err := b.Range("az")
	require.NoError(t, err)
	p, err := b.Repeat(set, 1)
	require.NoError(t, err)
	return p
}

func TestMatchNamed(t *testing.T) {
	var b lpeg.Builder
	ev := lpeg.NewValues(nil)
	got, end, err := ev.MatchNamed(pair(t, &b), "-a=bc,d;", 1)
	require.NoError(t, err)
	require.Equal(t, 7, end)
	var names []string
	for i, s := range got.Sites {
		names = append(names, s.Name())
		require.GreaterOrEqual(t, s.Index(), i)
	}
	require.Equal(t, []string{"key", "value", "value"}, names)
	require.Equal(t, []lpeg.Value{lpeg.TextValue("a"), lpeg.TextValue("bc"), lpeg.TextValue("<d>")}, got.Values)
	require.Equal(t, []lpeg.Value{lpeg.TextValue(",")}, got.Others)

	got, end, err = ev.MatchNamed(pair(t, &b), "a=bc;", 0)
	require.NoError(t, err)
	require.Equal(t, -1, end)
	require.Nil(t, got)
}

func TestWarmMatchesAllocateNothing(t *testing.T) {
	var b lpeg.Builder
	letters := letters(t, &b)
	p := b.Seq(b.Cg(letters, "key"), b.Literal("="), b.Cg(letters, "value"))
	table := b.Ct(p)
	ev := lpeg.NewValues(nil)
	for name, match := range map[string]func() (int, error){
		"named": func() (int, error) { _, end, err := ev.MatchNamed(p, "a=bc", 0); return end, err },
		"table": func() (int, error) { _, end, err := ev.Match(table, "a=bc", 0, nil); return end, err },
	} {
		end, err := match()
		require.NoError(t, err)
		require.Equal(t, 4, end)
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = match() }), name)
	}
}
