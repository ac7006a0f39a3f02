package logstream_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/inputs/logstream"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

var (
	modelRuns = flag.Uint64("model-runs", 100, "random histories of the model test")
	modelSeed = flag.Uint64("model-seed", 1, "seed of the first one")
)

// TestEveryLineHasOneIdentity runs random histories of a folder and of the
// process that reads it, and holds what was emitted against what was written:
// no line under two identities, no two lines under one, and none lost but those
// whose file was taken away before they were read.
func TestEveryLineHasOneIdentity(t *testing.T) {
	for seed := *modelSeed; seed < *modelSeed+*modelRuns; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newModel(t, seed).run() })
		})
	}
}

var errKilled = errors.New("killed")

// model is the folder, the process, and what should come of them.
type model struct {
	t     *testing.T
	rnd   *rand.Rand
	dir   string
	data  string
	dated bool
	cfg   logstream.Config
	steps *logstream.Steps
	story []string // what happened, for a failure

	next      int
	day       int
	files     map[string][]string // path -> complete lines in it
	half      string              // the beginning of a line that is being written to app.log
	excused   map[string]bool     // lines that may be lost
	barred    map[string]bool     // those of them that nobody could read: no journal could be written as long as there were
	full      bool                // no journal can be written
	disks     int                 // how often that changed
	born      map[string]int      // line -> disks, then
	delivered map[string]bool
	ids       map[string]message.UUID
	lines     map[message.UUID]string
	pending   []string // emitted since the last commit, and held
	budget    int      // records until a kill; negative: none
	killAt    bool     // the next commit is one
	hold      bool
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		t: t, rnd: rand.New(rand.NewPCG(seed, 7)), dir: t.TempDir(), data: t.TempDir(), files: map[string][]string{}, excused: map[string]bool{},
		barred: map[string]bool{}, born: map[string]int{}, delivered: map[string]bool{}, ids: map[string]message.UUID{}, lines: map[message.UUID]string{}, budget: -1,
	}
	m.dated, m.hold = seed%3 == 0, seed%4 == 0
	m.cfg = logstream.DefaultConfig()
	m.cfg.LogDirectory = m.dir
	m.cfg.FileMatch, m.cfg.Priority = `app\.log\.?(?P<Seq>\d*)`, []string{"^Seq"}
	if m.dated {
		m.cfg.FileMatch, m.cfg.Priority = `app\.log(-(?P<Day>\d+))?`, []string{"Day"}
		m.cfg.Translation = map[string]map[string]int{"Day": {"missing": 99999999}}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(strings.Join(m.story, "\n"))
		}
	})
	return m
}

// Emit, Commit and Close are the stream the input writes to.
func (m *model) Emit(msg *message.Message) error {
	if m.budget == 0 {
		return errKilled
	}
	m.budget--
	line := strings.Clone(strings.TrimSuffix(msg.Payload, "\n"))
	if id, ok := m.ids[line]; ok && id != msg.UUID {
		for name, lines := range m.files {
			m.note("in %s: %v of %d", name, slices.Index(lines, line), len(lines))
		}
		journal, _ := os.ReadFile(filepath.Join(m.data, "logstreamer", "app.json"))
		m.note("%s", journal)
		require.Failf(m.t, "a line has two identities", "%.40s", line)
	}
	if before, ok := m.lines[msg.UUID]; ok && before != line {
		require.Failf(m.t, "two lines have one identity", "%.40s and %.40s", before, line)
	}
	m.ids[line], m.lines[msg.UUID] = msg.UUID, line
	m.pending = append(m.pending, line)
	m.note("  emit %.20s %x", line, msg.UUID)
	return nil
}

func (m *model) Commit(context.Context) (int, error) {
	if m.killAt {
		return 0, errKilled
	}
	held := 0
	if m.hold {
		held = min(m.rnd.IntN(4), len(m.pending))
	}
	return held, m.deliver(len(m.pending) - held)
}

func (m *model) Close(context.Context) error { return m.deliver(len(m.pending)) }

func (m *model) deliver(n int) error {
	for _, line := range m.pending[:n] {
		m.delivered[line] = true
	}
	m.pending = m.pending[n:]
	return nil
}

func (m *model) begin() {
	log := slog.New(slog.NewTextHandler(m, &slog.HandlerOptions{Level: slog.LevelDebug}))
	in, err := logstream.New(m.cfg, logstream.Options{Name: "app", DataDir: m.data, Hostname: "node-1", Logger: log})
	require.NoError(m.t, err)
	m.pending, m.budget, m.killAt = nil, -1, false
	m.steps, err = logstream.Begin(in, func(string) (message.Stream, error) { return m, nil })
	require.NoError(m.t, err)
}

func (m *model) kill() {
	m.steps.Kill()
	m.begin()
}

// step lets the process work; it may be killed while it does.
func (m *model) step(scan bool) {
	if scan {
		require.NoError(m.t, m.steps.Scan())
	}
	err := m.steps.Poll(m.t.Context())
	if err != nil {
		require.ErrorIs(m.t, err, errKilled)
		m.pending = nil // a batch that a queue refused is lost
		if m.rnd.IntN(2) == 0 {
			m.note("ended while reading")
			require.NoError(m.t, m.steps.Stop())
			m.begin()
			return
		}
		m.note("killed while reading")
		m.kill()
	}
}

// Write takes the log of the input.
func (m *model) Write(p []byte) (int, error) {
	m.note("  %s", p)
	return len(p), nil
}

func (m *model) note(format string, args ...any) {
	m.story = append(m.story, fmt.Sprintf(format, args...))
}

func (m *model) path(name string) string { return filepath.Join(m.dir, name) }

// run plays a history and then waits until nothing more comes.
func (m *model) run() {
	m.begin()
	ops := []struct {
		weight int
		name   string
		do     func()
	}{
		{30, "append", m.append},
		{4, "append half a line", m.appendHalf},
		{30, "poll", func() { m.step(false) }},
		{20, "scan", func() { m.step(true) }},
		{15, "time passes", func() { time.Sleep(time.Duration(m.rnd.IntN(2000)) * time.Millisecond) }},
		{2, "much time passes", func() { time.Sleep(time.Duration(m.rnd.IntN(60)) * time.Second) }},
		{6, "rotate", m.rotate},
		{5, "copy and truncate", m.copyTruncate},
		{2, "truncate", m.truncate},
		{3, "compress", m.compress},
		{2, "delete", m.delete},
		{3, "kill", m.kill},
		{4, "kill soon", func() { m.budget = m.rnd.IntN(12) }},
		{2, "kill at the commit", func() { m.killAt = true }},
		{2, "stop", func() {
			if m.budget < 0 && !m.killAt {
				require.NoError(m.t, m.steps.Stop())
				m.begin()
			}
		}},
		{2, "disk full", func() { m.disk(true) }},
		{4, "disk free", func() { m.disk(false) }},
	}
	total := 0
	for _, op := range ops {
		total += op.weight
	}
	for range 200 {
		n := m.rnd.IntN(total)
		i := 0
		for n >= ops[i].weight {
			n -= ops[i].weight
			i++
		}
		m.note("%s", ops[i].name)
		ops[i].do()
	}
	m.note("the end")
	m.budget, m.killAt, m.hold = -1, false, false
	m.disk(false)
	m.complete()
	for range 20 {
		time.Sleep(time.Second)
		m.step(true)
	}
	m.settle()
}

// settle checks that what was written has come, and that the model does not excuse
// what the process could have read.
func (m *model) settle() {
	require.Greater(m.t, len(m.delivered), (m.next-len(m.barred))/5, "a history in which little is read proves little")
	for n := range m.next {
		prefix := fmt.Sprintf("line %d ", n)
		found := m.excused[prefix]
		for line := range m.delivered {
			if found {
				break
			}
			found = strings.HasPrefix(line, prefix)
		}
		require.True(m.t, found, "line %d was lost", n)
	}
}
