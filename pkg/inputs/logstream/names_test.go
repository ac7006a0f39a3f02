package logstream_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/inputs/logstream"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// logText is a log that is read while it is written.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestTwoInputsDoNotShareAJournal: that they call two streams alike comes out when
// there are files. The second one says so and leaves them alone.
func TestTwoInputsDoNotShareAJournal(t *testing.T) {
	b := newBench(t)
	var log logText
	b.opt.Journals = &logstream.Journals{}
	b.opt.Logger = slog.New(slog.NewTextHandler(&log, nil))
	b.write("nova/nova-api.log", "a\n")
	b.start()
	b.expect(nova, "a")

	cfg, opt := b.cfg, b.opt
	cfg.Priority, cfg.FileMatch, cfg.Differentiator = nil, `other/(?P<Name>.+)\.log`, []string{"nova_", "Name"}
	opt.Name = "second"
	b.write("other/nova-api.log", "not mine\n")
	b.write("other/free.log", "mine\n")
	second, err := logstream.New(cfg, opt)
	require.NoError(t, err)
	streams, _ := logstream.Clash(b.input, second)
	require.Empty(t, streams, "nobody can know before")
	taken := map[string]*recorder{}
	var mu sync.Mutex
	free := func() []string {
		mu.Lock()
		defer mu.Unlock()
		if taken["nova_free"] == nil {
			return nil
		}
		return taken["nova_free"].got()
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- second.Run(ctx, func(name string) (message.Stream, error) {
			mu.Lock()
			defer mu.Unlock()
			taken[name] = &recorder{}
			return taken[name], nil
		})
	}()
	require.Eventually(t, func() bool { return len(free()) == 1 }, time.Minute, time.Millisecond)
	b.append("nova/nova-api.log", "b\n")
	b.expect(nova, "a", "b")
	cancel()
	require.NoError(t, <-done)
	require.Len(t, taken, 1)
	for _, part := range []string{"level=WARN", "input=second", "stream nova_nova-api has 1 files here, and input logs reads a stream of that name", "nova_nova-api.json", "differentiator or journal_directory"} {
		require.Contains(t, log.String(), part)
	}
	require.Equal(t, 1, strings.Count(log.String(), "log files left out"), "it is told once")

	b.stop()
	positions, err := logstream.Positions(b.input.JournalDir())
	require.NoError(t, err)
	var of []string
	for _, p := range positions {
		of = append(of, p.Stream+" "+strings.TrimPrefix(p.Path, b.dir))
	}
	require.ElementsMatch(t, []string{"nova_free /other/free.log", "nova_nova-api /nova/nova-api.log"}, of)
}
