package afd_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/afd"
)

// measure sends values from `at` every step seconds, evaluates `fn >= -1e9` at
// now and returns the reported value.
func measure(t *testing.T, rule string, at, step, now int, values ...float64) float64 {
	t.Helper()
	set := afd.NewSet(load(t, "trigger: {t: {severity: warning, rules: [{metric: x, relational_operator: '>=', threshold: -1e9, "+rule+"}]}}\nalarm: {m: {triggers: [t]}}"), afd.Options{}, nil)
	tick(t, set, now-100000)
	for i, v := range values {
		send(t, set, metric("x", at+i*step, v), at+i*step)
	}
	v := tick(t, set, now)
	require.Equal(t, 1, v.status("m"), "%s: %v", rule, v.get("m", "@this"))
	require.Len(t, v.get("m", "alarms").Array(), 1)
	return v.get("m", "alarms.0.value").Float()
}

func TestFunctions(t *testing.T) {
	for _, c := range []struct {
		rule   string
		values []float64
		want   float64
	}{
		{"function: last, window: 60", []float64{1, 9, 7}, 7},
		{"function: min, window: 60", []float64{4, -2, 7}, -2},
		{"function: max, window: 60", []float64{-4, -2, -7}, -2},
		{"function: max, window: 60", []float64{0, 0}, 0},
		{"function: sum, window: 60", []float64{1, 2, 3.5}, 6.5},
		{"function: avg, window: 60", []float64{6, 12, 6}, 8},
		{"function: variance, window: 60", []float64{2, 4, 4, 4, 5, 5, 7, 9}, 4},
		{"function: sd, window: 60", []float64{2, 4, 4, 4, 5, 5, 7, 9}, 2},
		{"function: sd, window: 60", []float64{1e9 + 1, 1e9 + 3}, 1},
		{"function: diff, window: 60", []float64{10, 50, 30}, 20},
		{"function: diff, window: 60", []float64{50, 10}, -40},
		{"function: diff, window: 60", []float64{50}, 0},
		{"function: count, window: 60", []float64{5, 5, 5}, 3},
		{"function: median, window: 60", []float64{9, 1, 5}, 5},
		{"function: median, window: 60", []float64{9, 1, 5, 6}, 5.5},
		{"function: rate, window: 60", []float64{0, 10, 20, 5}, 25.0 / 15},
		{"function: rate, window: 60", []float64{7}, 0},
		{"function: sum, window: 10, periods: 2", []float64{1, 2, 3, 4, 5}, 14}, // 20 s are 4 buckets
		{"function: max, window: 5", []float64{3, 2}, 3},                        // a ring has at least 2 buckets
		{"function: sum, window: 12", []float64{1, 2, 4, 8}, 14},                // ceil(12/5) is 3
	} {
		got := measure(t, c.rule, 10, 5, 10+5*(len(c.values)-1), c.values...)
		require.InDelta(t, c.want, got, 1e-9*math.Max(1, math.Abs(c.want)), "%s of %v", c.rule, c.values)
	}
}

// Several datapoints in one bucket: avg counts each, min and max keep the
// extreme, the others the last one.
func TestOneBucket(t *testing.T) {
	for _, c := range []struct {
		fn   string
		want float64
	}{
		{"last", 4},
		{"min", 1},
		{"max", 9},
		{"sum", 4},
		{"avg", 4.75},
		{"count", 4},
		{"diff", 0},
		{"median", 4},
	} {
		require.InDelta(t, c.want, measure(t, "window: 60, function: "+c.fn, 10, 1, 14, 5, 1, 9, 4), 1e-12, c.fn)
	}
}

func TestOperators(t *testing.T) {
	for _, c := range []struct {
		words            []string
		less, same, more bool
	}{
		{[]string{"==", "eq", "EQ"}, false, true, false},
		{[]string{"!=", "ne"}, true, false, true},
		{[]string{">", "gt"}, false, false, true},
		{[]string{">=", "gte"}, false, true, true},
		{[]string{"<", "lt"}, true, false, false},
		{[]string{"<=", "lte"}, true, true, false},
	} {
		for _, word := range c.words {
			for v, want := range map[float64]bool{4: c.less, 5: c.same, 6: c.more} {
				set := afd.NewSet(load(t, fmt.Sprintf("trigger: {t: {severity: warning, rules: [{metric: x, function: last, relational_operator: '%s', threshold: 5}]}}\nalarm: {m: {triggers: [t]}}", word)), afd.Options{}, nil)
				tick(t, set, 0)
				send(t, set, metric("x", 10, v), 10)
				out := tick(t, set, 10)
				require.Equal(t, want, out.status("m") == 1, "%v %s 5", v, word)
				if want {
					require.Equal(t, word, out.get("m", "alarms.0.operator").Str)
				}
			}
		}
	}
	require.False(t, afd.NotEqual.Compare(math.NaN(), 1), "NaN never matches")
}

// feed sends one value per bucket up to and including the one at `last`.
func feed(t *testing.T, set *afd.Set, last int, values []float64, fields ...string) {
	for i, v := range values {
		at := last - 5*(len(values)-1-i)
		send(t, set, metric("x", at, v, fields...), at)
	}
}

func repeat(n int, values ...float64) []float64 {
	var out []float64
	for range n {
		out = append(out, values...)
	}
	return out
}

func rocStatus(t *testing.T, rule string, values []float64) int {
	set := afd.NewSet(load(t, "trigger: {t: {severity: warning, rules: [{metric: x, "+rule+"}]}}\nalarm: {m: {triggers: [t]}}"), afd.Options{}, nil)
	tick(t, set, -100000)
	feed(t, set, 1000, values)
	out := tick(t, set, 1000)
	if out.status("m") == 1 {
		require.InDelta(t, -1, out.get("m", "alarms.0.value").Float(), 0)
		require.Equal(t, ">", out.get("m", "alarms.0.operator").Str)
	}
	return out.status("m")
}

func TestWindowComparisons(t *testing.T) {
	const roc = "function: roc, threshold: 1.9, window: 20, periods: 2" // w 4, 16 rows
	noise := repeat(4, 10, 12)
	with := func(tail ...float64) []float64 { return append(append([]float64{}, noise...), tail...) }
	for _, c := range []struct {
		name, rule string
		values     []float64
		want       int
	}{
		{"beyond", roc, with(11, 11, 11, 11, 13, 13, 13, 13, 0), 1},
		{"within", roc, with(11, 11, 11, 11, 12.8, 12.8, 12.8, 12.8, 0), 0},
		{"the head is left out", roc, with(11, 11, 11, 11, 11, 11, 11, 11, 1000), 0},
		{"a fall counts too", roc, with(13, 13, 13, 13, 11, 11, 11, 11, 0), 1},
		{"flat history", "function: roc, threshold: 100, window: 20, periods: 2", append(repeat(15, 5), 6), 0},
		{"flat history, any change", "function: roc, threshold: 100, window: 20, periods: 2", append(repeat(14, 5), 5.1, 6), 1},
		{"no history", roc, []float64{1, 1, 1, 1, 9, 9, 9, 9, 9}, 0},
		{"one period", "function: roc, threshold: 1, window: 10, periods: 1", []float64{4, 4, 4, 9, 9, 0}, 1},
		{"mww rises", "function: mww, threshold: 0.05, trend: increasing, window: 30, periods: 4", append(repeat(15, 1, 2), 11, 12, 13, 14, 15, 16, 0), 1},
		{"mww looks the other way", "function: mww, pvalue: 0.05, trend: decreasing, window: 30, periods: 4", append(repeat(15, 1, 2), 11, 12, 13, 14, 15, 16, 0), 0},
		{"mww sees no change", "function: mww, threshold: 0.05, window: 30, periods: 4", repeat(19, 1, 2), 0},
		{"mww_nonparametric above", "function: mww_nonparametric, threshold: 0.99, window: 30, periods: 4", append(repeat(15, 1, 2), 11, 12, 13, 14, 15, 16, 0), 1},
		{"mww_nonparametric below", "function: mww_nonparametric, pstat: 0.01, window: 30, periods: 4", append(repeat(15, 11, 12), 1, 2, 3, 4, 5, 6, 0), 1},
		{"mww_nonparametric usual", "function: mww_nonparametric, threshold: 0.6, window: 30, periods: 4", repeat(19, 1, 2), 0},
	} {
		require.Equal(t, c.want, rocStatus(t, c.rule, c.values), c.name)
	}
}

// The original's roc read a silent series as healthy and tested only the first
// series of a group_by.
func TestROCPerSeriesAndSilence(t *testing.T) {
	set := afd.NewSet(load(t, "trigger: {t: {severity: warning, rules: [{metric: x, group_by: [k], function: roc, threshold: 1, window: 20, periods: 2}]}}\nalarm: {m: {triggers: [t]}}"), afd.Options{}, nil)
	tick(t, set, -100000)
	feed(t, set, 1000, repeat(17, 5), "k", "calm")
	feed(t, set, 1000, append(repeat(12, 5), 9, 9, 9, 9, 5), "k", "jump")
	out := tick(t, set, 1000)
	require.Equal(t, 1, out.status("m"))
	require.Equal(t, "jump", out.get("m", "alarms.0.fields.k").Str)
	require.Len(t, out.get("m", "alarms").Array(), 1)
	require.Equal(t, 2, tick(t, set, 1041).status("m"))
}

type scriptFunc func(samples []afd.Sample, now float64) (float64, error)

func (f scriptFunc) Value(samples []afd.Sample, now float64) (float64, error) { return f(samples, now) }

func TestScript(t *testing.T) {
	model := load(t, "trigger: {t: {severity: critical, no_data_policy: okay, rules: [{metric: x, function: lua, script: 'return n', relational_operator: '==', threshold: 2}]}, t2: {severity: warning, rules: [{metric: x, function: last, relational_operator: '<', threshold: 0}]}}\nalarm: {m: {triggers: [t, t2]}}")
	count := func(_, source string) (afd.Script, error) {
		require.Equal(t, "return n", source)
		return scriptFunc(func(s []afd.Sample, now float64) (float64, error) {
			require.InDelta(t, epoch+10, now, 0)
			return float64(len(s)), nil
		}), nil
	}
	run := func(compile afd.CompileFunc) verdicts {
		set := afd.NewSet(model, afd.Options{Compile: compile}, nil)
		tick(t, set, 0)
		send(t, set, metric("x", 5, 1), 5)
		send(t, set, metric("x", 10, 1), 10)
		return tick(t, set, 10)
	}
	require.Equal(t, 3, run(count).status("m"))

	// A broken script makes its alarm UNKNOWN and says so, whatever the
	// no_data_policy and although the next trigger is OKAY.
	for name, compile := range map[string]afd.CompileFunc{
		"compile": func(string, string) (afd.Script, error) { return nil, errors.New("syntax is wrong") },
		"run": func(string, string) (afd.Script, error) {
			return scriptFunc(func([]afd.Sample, float64) (float64, error) { return 0, errors.New("syntax is wrong") }), nil
		},
	} {
		out := run(compile)
		require.Equal(t, 2, out.status("m"), name)
		require.Equal(t, "UNKNOWN", out.get("m", "alarms.0.severity").Str, name)
		require.Contains(t, out.get("m", "alarms.0.message").Str, "syntax is wrong", name)
	}
	require.Equal(t, 2, run(nil).status("m"))
}
