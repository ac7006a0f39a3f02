package alarms_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/alarms"
	"github.com/tocsin-lma/tocsin/internal/effort"
	"github.com/tocsin-lma/tocsin/pkg/alarmtest"
	"github.com/tocsin-lma/tocsin/pkg/config"
)

func testFiles(t *testing.T) []*alarmtest.File {
	t.Helper()
	var files []*alarmtest.File
	for _, pattern := range []string{"*_test.yml", "roles/*_test.yml"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			f, err := alarmtest.ParseFile(path)
			require.NoError(t, err)
			files = append(files, f)
		}
	}
	return files
}

func TestLibrary(t *testing.T) {
	began := effort.Start()
	results := alarmtest.Run(t.Context(), testFiles(t), alarmtest.Options{})
	require.Greater(t, len(results), 700)
	for _, r := range results {
		require.True(t, r.OK, "%s:%d: %s: %v", r.File, r.Line, r.Name, r.Mismatches)
	}
	require.Less(t, began.Spent(), 10*time.Second)
}

// TestMutants changes everything that is shipped, one thing at a time: of twenty
// changes the tests notice nineteen at least.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("a quarter of a minute of processor time")
	}
	score := alarmtest.Mutate(t.Context(), testFiles(t), alarmtest.Options{})
	require.Greater(t, score.Total, 2000)
	require.GreaterOrEqual(t, score.Percent(), 95.0, "survivors: %v", score.Survivors)
}

// models returns the files that are no tests, by name.
func models(t *testing.T) map[string]*config.Node {
	t.Helper()
	out := map[string]*config.Node{}
	for _, pattern := range []string{"*.yml", "roles/*.yml"} {
		names, err := fs.Glob(alarms.FS, pattern)
		require.NoError(t, err)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.yml") {
				continue
			}
			data, err := alarms.FS.ReadFile(name)
			require.NoError(t, err)
			n, err := config.Load(config.Source{Name: name, Data: data})
			require.NoError(t, err)
			out[name] = n
		}
	}
	return out
}

// Every alarm is seen raised and seen well by a test beside it; every cluster is
// named by one.
func TestEverythingHasTests(t *testing.T) {
	alarmCount, clusterCount, triggerCount := 0, 0, 0
	for name, n := range models(t) {
		text, err := os.ReadFile(strings.TrimSuffix(name, ".yml") + "_test.yml")
		require.NoError(t, err, "%s has no tests beside it", name)
		says := func(pattern string, element string) bool {
			return regexp.MustCompile(strings.ReplaceAll(pattern, "NAME", regexp.QuoteMeta(element))).Match(text)
		}
		for _, role := range []string{"metric_collector", "remote_collector"} {
			triggerCount += len(n.Get(role, "trigger").Keys())
			for _, alarm := range n.Get(role, "alarm").Keys() {
				alarmCount++
				if strings.HasPrefix(name, "roles/") {
					continue // they only tag what linux.yml defines
				}
				require.True(t, says(`alarm: NAME, status: okay, count: 0`, alarm), "%s: no test sees %s well", name, alarm)
				require.True(t, says(`alarm: NAME, status: (warning|critical|down), alarms:`, alarm), "%s: no test sees %s raised", name, alarm)
			}
		}
		for _, cluster := range n.Get("aggregator", "alarm_cluster").Keys() {
			clusterCount++
			require.True(t, says(`cluster: NAME, status: (warning|critical|down)`, cluster), "%s: no test sees the cluster %s raised", name, cluster)
		}
	}
	require.GreaterOrEqual(t, alarmCount, 155)
	require.GreaterOrEqual(t, clusterCount, 128)
	require.GreaterOrEqual(t, triggerCount, 155)
}

func TestEveryTriggerHasADescription(t *testing.T) {
	for name, n := range models(t) {
		for _, role := range []string{"metric_collector", "remote_collector"} {
			for _, trigger := range n.Get(role, "trigger").Keys() {
				text := n.Get(role, "trigger", trigger, "description").Text()
				require.Regexp(t, `^[A-Za-z].{10,}[^.]$`, text, "%s: %s", name, trigger)
			}
		}
	}
}
