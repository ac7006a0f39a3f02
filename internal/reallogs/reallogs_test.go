package reallogs_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/reallogs"
	"github.com/tocsin-lma/tocsin/internal/testserver"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const testdata = "../../testdata/reallogs"

// golden is what is expected of a stream: counts, and a few whole records.
type golden struct {
	Lines    int              `json:"lines"`
	Records  int              `json:"records"`
	Rejected []string         `json:"rejected,omitempty"`
	Samples  []map[string]any `json:"samples"`
}

// TestSamples sends what real servers once logged through the log collector.
func TestSamples(t *testing.T) {
	start, dir := time.Now(), t.TempDir()
	files, err := filepath.Glob(filepath.Join(testdata, "*.log"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		server, log, _ := strings.Cut(filepath.Base(path), ".")
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "logs", server), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "logs", server, log), data, 0o600))
	}
	collect(t, dir)
	streams, err := reallogs.Read(filepath.Join(dir, "logs"), filepath.Join(dir, "records.json"))
	require.NoError(t, err)
	samples := readSamples(t, filepath.Join(dir, "records.json"), start)
	for _, s := range streams {
		t.Run(s.Name, func(t *testing.T) {
			require.Equal(t, s.Lines, s.Covered, "every line is in a record")
			compare(t, s.Name, golden{s.Lines, s.Records, s.Rejected, samples[s.Name]})
		})
	}
}

func compare(t *testing.T, name string, got golden) {
	t.Helper()
	path := filepath.Join(testdata, name+".golden.json")
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	require.NoError(t, enc.Encode(got))
	if *update {
		require.NoError(t, os.WriteFile(path, text.Bytes(), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update once")
	require.Equal(t, string(want), text.String())
}

// readSamples returns the first, the middle and the last record of each stream,
// without what depends on when and where the test runs.
func readSamples(t *testing.T, path string, start time.Time) map[string][]map[string]any {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	all := map[string][]map[string]any{}
	ids := map[string]bool{}
	for line := range bytes.Lines(data) {
		var r map[string]any
		require.NoError(t, json.Unmarshal(line, &r))
		id, name := r["uuid"].(string), r["logger"].(string)
		require.False(t, ids[id], "two records have the identity %s", id)
		ids[id] = true
		delete(r, "uuid")
		if strings.HasPrefix(name, "rsyslog.") || r["hostname"] != "node-1" {
			delete(r, "hostname") // of the machine that runs the test
		}
		ns, err := strconv.ParseInt(r["timestamp_ns"].(string), 10, 64)
		require.NoError(t, err)
		if name == "rsyslog.traditional" || name == "rsyslog.priority" || ns >= start.UnixNano() {
			delete(r, "timestamp_ns") // lines without a year, or without a time
		}
		all[name] = append(all[name], r)
	}
	for name, list := range all {
		all[name] = []map[string]any{list[0], list[len(list)/2], list[len(list)-1]}
	}
	return all
}

// collect runs the log collector over the files until nothing new comes.
func collect(t *testing.T, dir string) {
	t.Helper()
	binary := filepath.Join(dir, "logcollector")
	build := exec.Command("go", "build", "-o", binary, "./cmd/logcollector")
	build.Dir = "../.."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	admin := testserver.Address(t)
	cmd := exec.Command(binary, "--no-defaults", "--config", filepath.Join(testdata, "model.yml"),
		"--data-dir", filepath.Join(dir, "data"), "--admin", admin)
	cmd.Env = append(os.Environ(), "REALLOGS="+dir)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	var sizes []int64
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		info, err := os.Stat(filepath.Join(dir, "records.json"))
		if err != nil {
			return false
		}
		sizes = append(sizes, info.Size())
		// quiet for longer than a record of several lines waits for more
		return len(sizes) > 40 && slices.Max(sizes[len(sizes)-40:]) == slices.Min(sizes[len(sizes)-40:])
	}, time.Minute, 200*time.Millisecond, "%s", &output)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), "%s", &output)
}
