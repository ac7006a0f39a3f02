package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func tocsinTest(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = runTest(t.Context(), streams{strings.NewReader(""), &o, &e}, args)
	return code, o.String(), e.String()
}

// The exit codes are part of the interface: 0 passed, 1 failed, 2 wrong usage,
// 78 unreadable.
func TestTestCommand(t *testing.T) {
	data := filepath.Join("..", "..", "pkg", "alarmtest", "testdata")
	good, bad := filepath.Join(data, "good.yml"), filepath.Join(data, "bad.yml")
	broken := filepath.Join(t.TempDir(), "broken.yml")
	require.NoError(t, os.WriteFile(broken, []byte("tests: [{name: a, stepz: []}]"), 0o600))
	for _, c := range []struct {
		args []string
		code int
		want string // in what was printed
	}{
		{[]string{good}, exitOK, "5 passed, 0 failed"},
		{[]string{"--run", "^a load", good}, exitOK, "2 passed"},
		{[]string{good, "--run=load error"}, exitOK, "1 passed"},
		{[]string{bad}, exitFindings, "FAIL " + bad + ":3: wrong status"},
		{[]string{data}, exitFindings, "21 passed, 17 failed"},
		{[]string{"--run", "nothing is called so", good}, exitUsage, "no test matches"},
		{[]string{}, exitUsage, "at least one"},
		{[]string{"--output", "xml", good}, exitUsage, `"xml"`},
		{[]string{"--frob", good}, exitUsage, "frob"},
		{[]string{"--run", "(", good}, exitUsage, "regular expression"},
		{[]string{broken}, exitConfig, "stepz"},
		{[]string{filepath.Join(data, "gone.yml")}, exitConfig, "gone.yml"},
		{[]string{t.TempDir()}, exitConfig, "no file below"},
		{[]string{"--help"}, exitOK, "Usage: tocsin test"},
		{[]string{"--mutate", bad}, exitFindings, "needs tests that pass"},
		{[]string{"--mutate", "--min-score", "10", good}, exitOK, "mutants noticed"},
		{[]string{"--mutate", good}, exitFindings, "SURVIVED policy worst"},
	} {
		code, out, errs := tocsinTest(t, c.args...)
		require.Equal(t, c.code, code, "%q: %s%s", c.args, out, errs)
		require.Contains(t, out+errs, c.want, "%q", c.args)
	}
}

func TestTestCommandJSON(t *testing.T) {
	good := filepath.Join("..", "..", "pkg", "alarmtest", "testdata", "good.yml")
	code, out, _ := tocsinTest(t, "--output", "json", good)
	require.Equal(t, exitOK, code)
	var report struct {
		Passed, Failed int
		Tests          []struct {
			Name       string
			OK         bool
			Mismatches []string
			Steps      []struct {
				At      float64
				Emitted []map[string]any
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Equal(t, 5, report.Passed)
	require.True(t, report.Tests[0].OK)
	require.NotNil(t, report.Tests[0].Mismatches)
	steps := report.Tests[0].Steps
	require.Equal(t, "critical", steps[len(steps)-5].Emitted[0]["status"], "the last tick comes at 80, before the data until 100")

	code, out, _ = tocsinTest(t, "--mutate", "--output", "json", "--min-score", "0", good)
	require.Equal(t, exitOK, code)
	var score struct {
		Score         float64
		Total, Killed int
		Survivors     []map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(out), &score))
	require.Equal(t, score.Total-score.Killed, len(score.Survivors))
	require.Positive(t, score.Score)
}
