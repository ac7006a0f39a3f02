package logstream_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/inputs/logstream"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// recorder is a stream that remembers what it took.
type recorder struct {
	mu      sync.Mutex
	records []string
	ids     []message.UUID
	hold    int // Commit says this many are held back
	logger  string
	begun   int // calls of Begins
}

func (r *recorder) Begins() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun++
}

func (r *recorder) Emit(m *message.Message) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, strings.Clone(strings.TrimSuffix(m.Payload, "\n")))
	r.ids = append(r.ids, m.UUID)
	r.logger = m.Logger
	return nil
}

func (r *recorder) Commit(context.Context) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return min(r.hold, len(r.records)), nil
}

func (r *recorder) Close(context.Context) error { return nil }

func (r *recorder) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.records...)
}

// bench is a folder with logs, one with journals, and what was read.
type bench struct {
	t       *testing.T
	dir     string
	cfg     logstream.Config
	opt     logstream.Options
	streams map[string]*recorder
	mu      sync.Mutex
	cancel  context.CancelFunc
	done    chan error
	input   *logstream.Input
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, dir: t.TempDir(), streams: map[string]*recorder{}}
	b.cfg = logstream.DefaultConfig()
	b.cfg.LogDirectory = b.dir
	b.cfg.FileMatch = `nova/(?P<Service>.+)\.log\.?(?P<Seq>\d*)$`
	b.cfg.Differentiator = []string{"nova", "_", "Service"}
	b.cfg.Priority = []string{"^Seq"}
	b.cfg.RescanInterval = 20 * time.Millisecond
	b.cfg.CheckInterval = 5 * time.Millisecond
	b.opt = logstream.Options{Name: "logs", DataDir: t.TempDir(), Hostname: "node-1", Logger: slog.New(slog.DiscardHandler)}
	t.Cleanup(func() {
		if b.cancel != nil {
			b.stop()
		}
	})
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name, text string) {
	b.t.Helper()
	require.NoError(b.t, os.MkdirAll(filepath.Dir(b.path(name)), 0o755))
	require.NoError(b.t, os.WriteFile(b.path(name), []byte(text), 0o644))
}

func (b *bench) append(name, text string) {
	b.t.Helper()
	f, err := os.OpenFile(b.path(name), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	require.NoError(b.t, err)
	_, err = f.WriteString(text)
	require.NoError(b.t, err)
	require.NoError(b.t, f.Close())
}

func (b *bench) rename(from, to string) {
	b.t.Helper()
	require.NoError(b.t, os.Rename(b.path(from), b.path(to)))
}

func (b *bench) start() {
	b.t.Helper()
	in, err := logstream.New(b.cfg, b.opt)
	require.NoError(b.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	b.input, b.cancel, b.done = in, cancel, make(chan error, 1)
	go func() {
		b.done <- in.Run(ctx, func(name string) (message.Stream, error) { return b.stream(name), nil })
	}()
}

func (b *bench) stream(name string) *recorder {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.streams[name] == nil {
		b.streams[name] = &recorder{}
	}
	return b.streams[name]
}

func (b *bench) stop() {
	b.t.Helper()
	b.cancel()
	require.NoError(b.t, <-b.done)
	b.cancel = nil
}

// expect waits until exactly these records of a stream were read.
func (b *bench) expect(stream string, want ...string) {
	b.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) && len(b.stream(stream).got()) < len(want) {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(60 * time.Millisecond) // anything too much would come now
	require.Equal(b.t, want, b.stream(stream).got())
}

// crash forgets everything after the journals of now: it puts them back after
// the input was stopped.
func (b *bench) crash() {
	b.t.Helper()
	saved := map[string][]byte{}
	dir := b.input.JournalDir()
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(b.t, err)
	for _, n := range names {
		saved[n], err = os.ReadFile(n)
		require.NoError(b.t, err)
	}
	b.stop()
	for n, data := range saved {
		require.NoError(b.t, os.WriteFile(n, data, 0o600))
	}
}
