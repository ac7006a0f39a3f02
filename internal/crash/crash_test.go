package crash_test

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/crash"
)

var (
	rounds    = flag.Int("rounds", 10, "rounds of the crash test: 50 in CI, 1000 for the record")
	seed      = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the faults")
	faults    = flag.String("faults", "", "faults to use, separated by commas; all by default")
	collector = flag.String("logcollector", "", "the binary to test; built when empty")
	patience  = flag.Duration("patience", time.Minute, "how long a round may take to deliver everything")
	record    = flag.String("record", "", "file that takes a line of JSON for each round")
)

func TestMain(m *testing.M) {
	if len(os.Args) == 7 && os.Args[1] == "collect" {
		c := fakeCollector{kind: os.Args[2], data: os.Args[3], logs: os.Args[4], url: "http://" + os.Args[5], admin: os.Args[6]}
		if err := c.run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	os.Exit(m.Run())
}

// TestHarnessTells runs collectors that are wrong on purpose: a harness that
// finds nothing wrong with them proves nothing about ours.
func TestHarnessTells(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	for _, c := range []struct {
		kind                string
		rounds              int
		lost, doubled, lied bool
	}{{kind: "right", rounds: 6}, {kind: "loses", rounds: 3, lost: true}, {kind: "doubles", rounds: 5, doubled: true}, {kind: "lies", rounds: 1, lied: true}} {
		t.Run(c.kind, func(t *testing.T) {
			patience := time.Minute
			ledger := ""
			if c.lost || c.lied {
				patience = 2 * time.Second
			}
			if c.lied {
				ledger = "es"
			}
			got, err := crash.Run(t.Context(), crash.Options{
				Command: []string{self, "collect", c.kind, "{data}", "{logs}", "{sink}", "{admin}"},
				Dir:     t.TempDir(), Rounds: c.rounds, Records: 1000, Length: 200 * time.Millisecond, Seed: 1, Patience: patience, Ledger: ledger,
				Faults: []string{
					"kill while sink refuses", "kill twice", "kill while sink hangs up", "sink hangs up", "pause",
					"sink takes half", "sink breaks its answer", "sink restarts", "terminate",
				},
			})
			require.NoError(t, err)
			lost, doubled := 0, 0
			for _, r := range got {
				lost = max(lost, r.Lost)
				doubled += r.Doubled
			}
			require.Equal(t, c.lost, lost > 0, "%+v", got)
			require.Equal(t, c.lied, strings.Contains(got[0].Ledger, "arrived"), "%+v", got)
			require.Equal(t, c.doubled, doubled > 0, "%+v", got)
		})
	}
}

// logModel is the configuration of the log collector under test. Its waits are
// short because the rounds are.
const logModel = `
log_collector:
  input:
    app:
      engine: logstreamer
      log_directory: "{logs}"
      file_match: 'app\.log\.?(?P<Index>\d+)?'
      differentiator: [app]
      priority: [^Index]
      rescan_interval: 200ms
      check_data_interval: 20ms
  output:
    elasticsearch:
      engine: elasticsearch
      server: "http://{sink}"
      message_matcher: "TRUE"
      flush_interval: 20ms
      send_timeout: 2s
      retries: {delay: 10ms, max_delay: 100ms}
`

// pointModel sends lines that are points already.
const pointModel = `
log_collector:
  input:
    app:
      engine: logstreamer
      log_directory: "{logs}"
      file_match: 'app\.log\.?(?P<Index>\d+)?'
      differentiator: [app]
      priority: [^Index]
      rescan_interval: 200ms
      check_data_interval: 20ms
  encoder:
    raw: {engine: payload, append_newlines: false}
  output:
    influxdb:
      engine: influxdb
      encoder: raw
      address: "http://{sink}"
      database: crash
      message_matcher: "Type != 'heartbeat'"
      full_action: block
      flush_interval: 20ms
      send_timeout: 2s
      retries: {delay: 10ms, max_delay: 100ms}
`

// point is a point of line protocol with a time of its own.
func point(n int) string {
	return fmt.Sprintf(`requests,node=n%d seq=%09d,text="%s" %d`, n%7, n, strings.Repeat("x", n%61), 1_700_000_000_000_000_000+n)
}

// TestLogCollector is the promise: nothing lost, nothing doubled.
func TestLogCollector(t *testing.T) {
	for _, c := range []struct {
		output, model string
		line          func(n int) string
	}{{"elasticsearch", logModel, nil}, {"influxdb", pointModel, point}} {
		t.Run(c.output, func(t *testing.T) { collect(t, c.output, c.model, c.line) })
	}
}

// collect runs the log collector with one output.
func collect(t *testing.T, name, model string, line func(n int) string) {
	t.Helper()
	binary := collectorBinary(t)
	opts := crash.Options{
		Command: []string{binary, "--no-defaults", "--config", "{config}", "--data-dir", "{data}", "--admin", "{admin}"}, Config: model, Line: line,
		Dir: t.TempDir(), Rounds: *rounds, Seed: *seed, Ledger: name, Patience: *patience,
	}
	if testing.Short() {
		opts.Rounds = min(opts.Rounds, 2)
	}
	if *faults != "" {
		opts.Faults = strings.Split(*faults, ",")
	}
	if *record != "" {
		f, err := os.OpenFile(*record, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		require.NoError(t, err)
		defer f.Close()
		opts.Log = f
	}
	t.Logf("seed %d", *seed)
	got, err := crash.Run(t.Context(), opts)
	output, _ := os.ReadFile(filepath.Join(opts.Dir, "output.txt"))
	tail := string(output[max(len(output)-4000, 0):])
	require.NoError(t, err, "the collector said: %s", tail)
	bad, kills, peak := 0, 0, 0
	for _, r := range got {
		if !r.OK() {
			bad++
			t.Errorf("%+v", r)
		}
		kills += r.Kills
		peak = max(peak, r.PeakMiB)
	}
	var table strings.Builder
	require.NoError(t, crash.Summary(&table, got))
	t.Logf("%d rounds, %d went wrong, %d kills, %d MiB at most\n%s", len(got), bad, kills, peak, table.String())
	if bad > 0 {
		t.Logf("the collector said: %s", tail)
		if *record != "" {
			require.NoError(t, os.WriteFile(*record+".log", output, 0o600))
		}
	}
}

// collectorBinary is the collector to test, built where none is named.
func collectorBinary(t *testing.T) string {
	t.Helper()
	if *collector != "" {
		return *collector
	}
	source := filepath.Join("..", "..", "cmd", "logcollector")
	binary := filepath.Join(t.TempDir(), "logcollector")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./"+source).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}
