package crash_test

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/crash"
)

var (
	rounds   = flag.Int("rounds", 8, "rounds of each scenario, of all lanes together: make rounds has 50")
	lanes    = flag.Int("lanes", 4, "how many runs of a scenario go on at a time")
	records  = flag.Int("records", 1000, "records of a round and a feed")
	length   = flag.Duration("length", 600*time.Millisecond, "how long the records of a round are written and things break")
	seed     = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the faults; lane n has this one and n")
	faults   = flag.String("faults", "", "faults to use, separated by semicolons; all by default")
	binaries = flag.String("binaries", "", "folder of the daemons to test; they are built where they are not there, and removed if it is empty")
	clock    = flag.Bool("clock", false, "the daemons are built with a clock that can jump; false: as they are shipped")
	patience = flag.Duration("patience", time.Minute, "how long a round may take to deliver everything")
	limit    = flag.Duration("limit", 24*time.Hour, "begin no round after this time")
	record   = flag.String("record", "", "folder that takes a file of JSON lines, a line a round, for each scenario")
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
			t.Parallel()
			patience := 20 * time.Second
			daemon := crash.Daemon{Name: "fake", Command: []string{self, "collect", c.kind, "{data}", "{logs}", "{sink1}", "{admin}"}}
			if c.lost || c.lied {
				patience = 2 * time.Second
			}
			if c.lied {
				daemon.Ledger = []string{"es"}
			}
			got, err := crash.Run(t.Context(), crash.Options{
				Daemons: []crash.Daemon{daemon},
				Dir:     t.TempDir(), Rounds: c.rounds, Records: 1000, Length: 200 * time.Millisecond, Seed: 1, Patience: patience,
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

// TestRounds is the promise: nothing lost, nothing doubled, and a ledger that says
// so to the last record.
func TestRounds(t *testing.T) {
	bin := daemons(t)
	t.Logf("seed %d", *seed)
	for _, s := range scenarios(bin) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			runLanes(t, s)
		})
	}
}

// runLanes shares the rounds of a scenario among lanes.
func runLanes(t *testing.T, s scenario) {
	t.Helper()
	total := *rounds
	if testing.Short() {
		total = min(total, 2)
	}
	var log io.Writer
	if *record != "" {
		f, err := os.OpenFile(filepath.Join(*record, s.name+".jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		require.NoError(t, err)
		defer f.Close()
		log = f
	}
	var mu sync.Mutex
	var all []crash.Round
	var running sync.WaitGroup
	n := min(*lanes, total)
	for lane := range n {
		opts := s.options
		opts.Dir, opts.Seed = filepath.Join(t.TempDir(), fmt.Sprint(lane)), *seed+uint64(lane)
		require.NoError(t, os.Mkdir(opts.Dir, 0o700))
		opts.Rounds = total*(lane+1)/n - total*lane/n
		opts.Records, opts.Length, opts.Patience, opts.Clock = *records, *length, *patience, *clock
		opts.Until = time.Now().Add(*limit)
		if *faults != "" {
			opts.Faults = strings.Split(*faults, ";")
		}
		if log != nil {
			opts.Log = log
		}
		running.Go(func() {
			got, err := crash.Run(t.Context(), opts)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, got...)
			bad := err != nil
			if err != nil {
				t.Error(err)
			}
			for _, r := range got {
				if !r.OK() {
					bad = true
					t.Errorf("%+v", r)
				}
			}
			if bad {
				keep(t, opts)
			}
		})
	}
	running.Wait()
	require.NotEmpty(t, all, "no round was begun")
	kills, peak, seconds := 0, 0, 0.0
	for _, r := range all {
		kills += r.Kills
		peak = max(peak, r.PeakMiB)
		seconds += r.Seconds
	}
	var table strings.Builder
	require.NoError(t, crash.Summary(&table, all))
	t.Logf("%s: %d rounds of %.1f s, %d kills, %d MiB at most\n%s", s.about, len(all), seconds/float64(max(len(all), 1)), kills, peak, table.String())
}

// keep shows what the daemons of a wrong run said.
func keep(t *testing.T, opts crash.Options) {
	t.Helper()
	for _, d := range opts.Daemons {
		output, _ := os.ReadFile(filepath.Join(opts.Dir, d.Name, "output.txt"))
		t.Logf("%s said: %s", d.Name, output[max(len(output)-3000, 0):])
		if *record != "" {
			if err := os.WriteFile(filepath.Join(*record, fmt.Sprintf("%s-%d.log", d.Name, opts.Seed)), output, 0o600); err != nil {
				t.Log(err)
			}
		}
	}
}

// daemons is the folder of the daemons to test, built where none is named.
func daemons(t *testing.T) string {
	t.Helper()
	dir, root := *binaries, filepath.Join("..", "..")
	commands := []string{"logcollector", "metriccollector", "aggregator"}
	if dir == "" {
		dir = t.TempDir()
	} else if _, err := os.Stat(filepath.Join(dir, commands[2])); err == nil {
		return dir
	}
	if *clock {
		require.NoError(t, crash.Binaries(root, dir, commands...))
		return dir
	}
	for _, c := range commands {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", dir+"/", "./cmd/"+c)
		build.Dir = root
		out, err := build.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return dir
}
