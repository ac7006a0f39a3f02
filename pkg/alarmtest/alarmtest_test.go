package alarmtest_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/alarmtest"
)

func parse(t testing.TB, paths ...string) []*alarmtest.File {
	t.Helper()
	var files []*alarmtest.File
	for _, p := range paths {
		f, err := alarmtest.ParseFile(p)
		require.NoError(t, err, p)
		files = append(files, f)
	}
	return files
}

func TestSharedCases(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "conformance", "alarms", "*.yml"))
	require.NoError(t, err)
	if len(paths) == 0 {
		t.Skip("the shared cases are not beside this checkout")
	}
	results := alarmtest.Run(t.Context(), parse(t, paths...), alarmtest.Options{})
	require.Greater(t, len(results), 50)
	for _, r := range results {
		require.True(t, r.OK, "%s: %s: %s", r.File, r.Name, strings.Join(r.Mismatches, "\n"))
	}
}

func TestGoodFile(t *testing.T) {
	for _, name := range []string{"good", "rules", "clusters", "chain"} {
		for _, r := range alarmtest.Run(t.Context(), parse(t, "testdata/"+name+".yml"), alarmtest.Options{}) {
			require.True(t, r.OK, "%s: %s", r.Name, strings.Join(r.Mismatches, "\n"))
		}
	}
}

// Every test of this file fails: none of the kinds of expectation is blind.
func TestBadFile(t *testing.T) {
	results := alarmtest.Run(t.Context(), parse(t, "testdata/bad.yml"), alarmtest.Options{Parallel: 2})
	require.Len(t, results, 17)
	for _, r := range results {
		require.False(t, r.OK, r.Name)
		require.Len(t, r.Mismatches, 1, r.Name)
	}
}

func TestRunSelects(t *testing.T) {
	results := alarmtest.Run(t.Context(), parse(t, "testdata/good.yml"), alarmtest.Options{Match: regexp.MustCompile("^a load")})
	require.Len(t, results, 2)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, r := range alarmtest.Run(stopped, parse(t, "testdata/good.yml"), alarmtest.Options{Parallel: 1})[1:] {
		require.False(t, r.OK, "a test that did not run did not pass")
	}
}

func TestResultsShowWhatWasEmitted(t *testing.T) {
	results := alarmtest.Run(t.Context(), parse(t, "testdata/good.yml"), alarmtest.Options{Match: regexp.MustCompile("chain")})
	data, err := json.Marshal(results)
	require.NoError(t, err)
	var back []struct {
		Steps []struct {
			At      float64
			Emitted []map[string]any
		}
	}
	require.NoError(t, json.Unmarshal(data, &back))
	steps := back[0].Steps
	last := steps[len(steps)-1]
	for _, s := range steps {
		if s.At == 70 && len(s.Emitted) > 0 {
			last = s
		}
	}
	require.Len(t, last.Emitted, 3)
	require.Equal(t, "cluster", last.Emitted[2]["kind"])
	require.Equal(t, "critical", last.Emitted[2]["status"])
}

func TestMutate(t *testing.T) {
	score := alarmtest.Mutate(t.Context(), parse(t, "testdata/good.yml"), alarmtest.Options{})
	require.Greater(t, score.Total, 10)
	var survivors []string
	for _, s := range score.Survivors {
		survivors = append(survivors, s.Element+": "+s.Change)
	}
	require.NotContains(t, strings.Join(survivors, "\n"), "trigger full", "the good tests notice every change to the trigger")
	weak := filepath.Join(t.TempDir(), "weak.yml")
	model, err := filepath.Abs("testdata/model.yml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(weak, []byte("model: ["+model+"]\ntests: [{name: weak, steps: [{at: 0, tick: true}]}]"), 0o600))
	score = alarmtest.Mutate(t.Context(), parse(t, weak), alarmtest.Options{})
	require.Zero(t, score.Killed)
	require.Zero(t, score.Percent())
	require.Len(t, score.Survivors, score.Total)
}

// A folder may be a model: the tests that stand in it are left out.
func TestModelFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"model.yml", "good.yml"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	path := filepath.Join(dir, "all.yml")
	require.NoError(t, os.WriteFile(path, []byte("model: [.]\ntests: [{name: a, steps: [{at: 0, tick: true}, {at: 60, tick: true, expect: [{alarm: root_fs, status: unknown}]}]}]"), 0o600))
	r := alarmtest.Run(t.Context(), parse(t, path), alarmtest.Options{})[0]
	require.True(t, r.OK, "%q", r.Mismatches)
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"tests: [{steps: [{at: 0, tick: true}]}]":                                                            "name is missing",
		"tests: [{name: a}]":                                                                                 "no steps",
		"tests: [{name: a, role: boss, steps: [{at: 0, tick: true}]}]":                                       `"boss"`,
		"tests: [{name: a, steps: [{at: 0}]}]":                                                               "want one of",
		"tests: [{name: a, steps: [{at: 0, metric: x, afd: y, status: okay}]}]":                              "exclude",
		"tests: [{name: a, steps: [{at: 0, metric: x}]}]":                                                    "neither value nor values",
		"tests: [{name: a, steps: [{at: 0, metric: x, value: [1, 2]}]}]":                                     "every",
		"tests: [{name: a, steps: [{at: 0, metric: x, value: 1, until: 9}]}]":                                "every",
		"tests: [{name: a, steps: [{at: 0, metric: x, value: 1, every: 1e-9, until: 9}]}]":                   "more than",
		"tests: [{name: a, steps: [{at: 0, afd: x, status: fine}]}]":                                         `"fine"`,
		"tests: [{name: a, steps: [{at: 0, tick: true, expect: [{status: okay}]}]}]":                         "alarm, cluster, event or rejected",
		"tests: [{name: a, steps: [{at: 0, tick: true, expect: [{alarm: a, status: fine}]}]}]":               `"fine"`,
		"tests: [{name: a, steps: [{at: 0, tick: true, expect: [{event: pager}]}]}]":                         `"pager"`,
		"tests: [{name: a, steps: [{at: 0, tick: true, expect: [{rejected: '/(/'}]}]}]":                      "regular expression",
		"tests: [{name: a, steps: [{at: 0, tick: true, expct: []}]}]":                                        "expct",
		"tests: [{name: a, load_error: '('}]":                                                                "regular expression",
		"tests: [{name: a, load_error: x}, {name: a, load_error: x}]":                                        "the name of",
		"evaluation: lax\ntests: []":                                                                         `"lax"`,
		"model: [gone.yml]\ntests: []":                                                                       "gone.yml",
		"tests: [{name: a, steps: [{ticks: {from: 5, to: 1}}]}]":                                             "from <= to",
		"tests: [{name: a, steps: [{ticks: {from: 0, to: 1}, expect_times: {cluster: c}}]}]":                 "every",
		"tests: [{name: a, steps: [{at: 0, message: {Typ: x}}]}]":                                            `"Typ"`,
		"tests: [{name: a, steps: [{at: 0, tick: true, expect_times: {cluster: c, at: []}}]}]":               "belongs to ticks",
		"tests: [{name: a, steps: [{at: 0, message: {Type: x, Fields: {a: [1, b]}}}]}]":                      "one type",
		"tests: [{name: a, steps: [{at: 0, tick: true, expect: [{alarm: m, alarms: [{message: '/[/'}]}]}]}]": "regular expression",
	} {
		path := filepath.Join(t.TempDir(), "f.yml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := alarmtest.ParseFile(path)
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzParseFile(f *testing.F) {
	for _, name := range []string{"testdata/good.yml", "testdata/bad.yml"} {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(strings.Replace(string(data), "model: [model.yml]", "model: []", 1))
	}
	path := filepath.Join(f.TempDir(), "f.yml")
	longNumber := regexp.MustCompile(`\d{4}|\de`)
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "model:") && !strings.Contains(text, "model: []") || len(text) > 4000 || longNumber.MatchString(text) {
			return // models of this machine, and tests that are meant to run long
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := alarmtest.ParseFile(path)
		if err == nil {
			alarmtest.Run(t.Context(), []*alarmtest.File{file}, alarmtest.Options{})
		}
	})
}
