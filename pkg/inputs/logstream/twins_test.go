package logstream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/inputs/logstream"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// distinct requires that no two of the records of a stream have one identity.
func (b *bench) distinct(stream string) {
	b.t.Helper()
	seen := map[message.UUID]bool{}
	for i, id := range b.stream(stream).ids {
		require.False(b.t, seen[id], "record %d has the identity of another", i)
		seen[id] = true
	}
}

// TestARotatedFileBeginsLikeTheOneBefore: a server writes the same header into
// each new file. Nothing else was in the old one.
func TestARotatedFileBeginsLikeTheOneBefore(t *testing.T) {
	for name, header := range map[string]string{
		"a short line": "start",
		"a long line":  strings.Repeat("Version: 10.11 started with: Tcp port: 3306 ", 40),
	} {
		for _, stopped := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", stopped", false: ", running"}[stopped], func(t *testing.T) {
				b := newBench(t)
				b.write("nova/nova-api.log", header+"\n")
				b.start()
				b.expect(nova, header)
				if stopped {
					b.stop()
				}
				b.rename("nova/nova-api.log", "nova/nova-api.log.1")
				b.write("nova/nova-api.log", header+"\n")
				if stopped {
					b.start()
				}
				b.expect(nova, header, header)
				b.append("nova/nova-api.log", header+"\n")
				b.expect(nova, header, header, header)
				b.distinct(nova)
			})
		}
	}
}

// TestTwoRotationsUnseen: the file in the middle is short, and begins like both.
func TestTwoRotationsUnseen(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "start\na\n")
	b.start()
	b.expect(nova, "start", "a")
	b.stop()
	b.rename("nova/nova-api.log", "nova/nova-api.log.2")
	b.write("nova/nova-api.log.1", "start\n")
	b.write("nova/nova-api.log", "start\nb\n")
	b.start()
	require.Eventually(t, func() bool { return len(b.stream(nova).got()) >= 5 }, 20*time.Second, time.Millisecond)
	require.ElementsMatch(t, []string{"start", "a", "start", "start", "b"}, b.stream(nova).got())
	b.distinct(nova)
}

// TestARemovedFileIsMadeAnew with the same first line, nothing else was in it.
func TestARemovedFileIsMadeAnew(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		b := newBench(t)
		b.write("nova/nova-api.log", "start\n")
		b.start()
		b.expect(nova, "start")
		if stopped {
			b.stop()
		}
		require.NoError(t, os.Remove(b.path("nova/nova-api.log")))
		b.write("nova/keeps-the-inode", "") // or the new file may have it
		b.write("nova/nova-api.log", "start\n")
		if stopped {
			b.start()
		}
		b.expect(nova, "start", "start")
		b.distinct(nova)
		b.stop()
	}
}

// TestAFileThatBeginsEmptyOrTiny grows over every size that tells files apart.
func TestAFileThatBeginsEmptyOrTiny(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "")
	b.start()
	var want []string
	for _, n := range []int{1, 30, 31, 255, 256, 700, 1024, 3000} {
		line := strings.Repeat("y", n)
		want = append(want, line)
		b.append("nova/nova-api.log", line+"\n")
		b.expect(nova, want...)
		b.stop()
		b.start()
	}
	b.expect(nova, want...)
	b.distinct(nova)
}

// TestTruncatedAndBegunAlike: the first lines are those of before, the file is
// shorter than what was read.
func TestTruncatedAndBegunAlike(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		b := newBench(t)
		b.write("nova/nova-api.log", "start\na\nb\n")
		b.start()
		b.expect(nova, "start", "a", "b")
		if stopped {
			b.stop()
		}
		b.write("nova/nova-api.log", "start\na\n")
		if stopped {
			b.start()
		}
		b.expect(nova, "start", "a", "b", "start", "a")
		b.append("nova/nova-api.log", "b\n")
		b.expect(nova, "start", "a", "b", "start", "a", "b")
		b.distinct(nova)
		b.stop()
	}
}

// TestFilesWithTheSameContent of one input are different streams.
func TestFilesWithTheSameContent(t *testing.T) {
	b := newBench(t)
	const text = "same\nsame\nsame\n"
	b.write("nova/nova-api.log", text)
	b.write("nova/nova-other.log.1", text)
	time.Sleep(50 * time.Millisecond) // a file system's clock is coarse
	b.write("nova/nova-other.log", text)
	b.start()
	b.expect(nova, "same", "same", "same")
	require.Eventually(t, func() bool { return len(b.stream("nova_nova-other").got()) >= 6 }, 20*time.Second, time.Millisecond)
	b.expect("nova_nova-other", "same", "same", "same", "same", "same", "same")
	all := append(b.stream(nova).ids, b.stream("nova_nova-other").ids...)
	seen := map[message.UUID]bool{}
	for _, id := range all {
		require.False(t, seen[id])
		seen[id] = true
	}
}

// TestAnInputThatFailedGoesOn: the pipeline runs it again, and all its streams
// are read on, also those that had begun.
func TestAnInputThatFailedGoesOn(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\n")
	b.write("nova/nova-later.log", "b\n")
	in, err := logstream.New(b.cfg, b.opt)
	require.NoError(t, err)
	var fails atomic.Bool
	fails.Store(true)
	open := func(name string) (message.Stream, error) {
		if name == "nova_nova-later" && fails.Load() {
			return nil, errors.New("its decoder is broken")
		}
		return b.stream(name), nil
	}
	require.ErrorContains(t, in.Run(t.Context(), open), "decoder is broken")
	fails.Store(false)
	b.append("nova/nova-api.log", "c\n")
	ctx, cancel := context.WithCancel(t.Context())
	b.input, b.cancel, b.done = in, cancel, make(chan error, 1)
	go func() { b.done <- in.Run(ctx, open) }()
	b.expect("nova_nova-later", "b")
	require.Eventually(t, func() bool { return len(b.stream(nova).got()) >= 2 }, 20*time.Second, time.Millisecond)
	b.distinct("nova_nova-later")
	require.Contains(t, b.stream(nova).got(), "a")
	require.Contains(t, b.stream(nova).got(), "c")
}

// TestAStreamThatWasEmptyIsNotNew: what comes while nobody reads belongs to a
// stream that was followed from its end.
func TestAStreamThatWasEmptyIsNotNew(t *testing.T) {
	b := newBench(t)
	b.cfg.InitialTail = true
	b.write("nova/nova-api.log", "")
	b.start()
	require.Eventually(t, func() bool { return b.input.Stats().Streams == 1 }, 20*time.Second, time.Millisecond)
	time.Sleep(100 * time.Millisecond)
	b.stop()
	b.append("nova/nova-api.log", "a\n")
	b.start()
	b.expect(nova, "a")
}

// slowQueue is a stream whose first Commit takes until the input is to end.
type slowQueue struct {
	*recorder
	reached, ended chan struct{}
}

func (q *slowQueue) Commit(ctx context.Context) (int, error) {
	if len(q.got()) == 1 {
		select {
		case q.reached <- struct{}{}:
			<-q.ended
		default:
		}
	}
	return 0, ctx.Err()
}

// TestAnInputThatEndsCommitsWhatItEmitted: a filter has counted it.
func TestAnInputThatEndsCommitsWhatItEmitted(t *testing.T) {
	b := newBench(t)
	b.write("nova/nova-api.log", "a\n")
	in, err := logstream.New(b.cfg, b.opt)
	require.NoError(t, err)
	q := &slowQueue{recorder: b.stream(nova), reached: make(chan struct{}), ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, func(string) (message.Stream, error) { return q, nil }) }()
	<-q.reached
	cancel()
	close(q.ended)
	require.NoError(t, <-done)
	b.start()
	b.expect(nova, "a")
}

// TestManyAlikeLinesUnderRotationAndKills writes a few different lines only, as a
// server without time stamps does, and rotates by renaming, at random. What is
// left after repeated records were recognised by their identity, as a queue does,
// is what was written, neither less nor more.
func TestManyAlikeLinesUnderRotationAndKills(t *testing.T) {
	for seed := *modelSeed; seed < *modelSeed+*modelRuns/2; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { alikeHistory(newModel(t, seed)) })
		})
	}
}

// accepted is a stream with the memory of a queue.
type accepted struct {
	*model
	lines map[message.UUID]string
	soon  map[message.UUID]string
}

func (a *accepted) Emit(msg *message.Message) error {
	line := strings.Clone(strings.TrimSuffix(msg.Payload, "\n"))
	if before, ok := a.lines[msg.UUID]; ok {
		require.Equal(a.t, before, line)
	}
	a.soon[msg.UUID] = line
	a.note("  emit %s %x", line, msg.UUID)
	return nil
}

func (a *accepted) Commit(context.Context) (int, error) {
	maps.Copy(a.lines, a.soon)
	clear(a.soon)
	if a.killAt {
		return 0, errKilled // what the queue holds is not in the journal yet
	}
	return 0, nil
}

func (a *accepted) Close(ctx context.Context) error {
	_, err := a.Commit(ctx)
	return err
}

func alikeHistory(m *model) {
	m.cfg.FileMatch, m.cfg.Priority, m.cfg.Translation = `app\.log\.?(?P<Seq>\d*)`, []string{"^Seq"}, nil
	a := &accepted{model: m, lines: map[message.UUID]string{}, soon: map[message.UUID]string{}}
	begin := func() {
		log := slog.New(slog.NewTextHandler(m, &slog.HandlerOptions{Level: slog.LevelDebug}))
		in, err := logstream.New(m.cfg, logstream.Options{Name: "app", DataDir: m.data, Hostname: "node-1", Logger: log})
		require.NoError(m.t, err)
		a.killAt = false
		clear(a.soon)
		m.steps, err = logstream.Begin(in, func(string) (message.Stream, error) { return a, nil })
		require.NoError(m.t, err)
	}
	poll := func() {
		if m.steps.Poll(m.t.Context()) != nil {
			m.note("killed at a commit")
			m.steps.Kill()
			begin()
		}
	}
	written := map[string]int{}
	write := func(line string) {
		m.note("write %s", line)
		m.write("app.log", line+"\n")
		written[line]++
	}
	begin()
	write("start")
	for range 120 {
		switch n := m.rnd.IntN(20); {
		case n < 7:
			write([]string{"start", "a", "b"}[m.rnd.IntN(3)])
		case n < 11:
			poll()
		case n < 15:
			m.note("scan")
			require.NoError(m.t, m.steps.Scan())
			poll()
		case n == 15:
			m.note("kill")
			m.steps.Kill()
			begin()
		case n == 16 && !a.killAt:
			m.note("stop")
			require.NoError(m.t, m.steps.Stop())
			begin()
		case n == 17:
			a.killAt = true
		default:
			m.note("rotate")
			for i := 40; i > 0; i-- {
				_ = os.Rename(m.path(fmt.Sprintf("app.log.%d", i)), m.path(fmt.Sprintf("app.log.%d", i+1)))
			}
			require.NoError(m.t, os.Rename(m.path("app.log"), m.path("app.log.1")))
			pause := syscall.Timespec{Nsec: 9e6} // a file system's clock is coarse, and it is not the test's
			_ = syscall.Nanosleep(&pause, nil)
			write("start")
		}
	}
	a.killAt = false
	for range 10 {
		time.Sleep(time.Second)
		require.NoError(m.t, m.steps.Scan())
		poll()
	}
	got := map[string]int{}
	for _, line := range a.lines {
		got[line]++
	}
	require.Equal(m.t, written, got)
	require.NoError(m.t, m.steps.Stop())
}
