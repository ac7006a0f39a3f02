package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/crash"
	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/tcp"
)

var queueMiB = flag.Int("queue", 24, "MiB of the queue in the memory test: 1024 for the record")

// source gives records to a daemon.
type source interface {
	// Write gives n more. A daemon whose queue is full takes them later.
	Write(ctx context.Context, n int) error
	Written() int
	Close()
}

type fileSource struct{ *crash.Feed }

func (f fileSource) Write(ctx context.Context, n int) error { return f.Feed.Write(ctx, n, 0) }

// frameSource is a daemon before the one under test: it sends frames, and again
// what was not acknowledged.
type frameSource struct {
	out     *tcp.Output
	written int
	owed    []byte
}

func newFrameSource(address string) (*frameSource, error) {
	cfg := tcp.DefaultConfig()
	cfg.Address = address
	out, err := tcp.New(cfg)
	return &frameSource{out: out}, err
}

func (f *frameSource) Write(ctx context.Context, n int) error {
	for range n / 1000 {
		if f.owed == nil {
			for range 1000 {
				m := message.Message{
					UUID: message.DerivedUUID(1, uint64(f.written), 0), Timestamp: time.Now().UnixNano(), Type: "logfile", Logger: "app",
					Payload: memoryLine(f.written),
				}
				f.owed = message.AppendFramed(f.owed, &m)
				f.written++
			}
		}
		bounded, cancel := context.WithTimeout(ctx, time.Second)
		err := f.out.Send(bounded, f.owed)
		cancel()
		switch {
		case err == nil:
			f.owed = nil
		case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
			return nil // it is full
		default:
			time.Sleep(10 * time.Millisecond) // it is starting
		}
	}
	return nil
}

func (f *frameSource) Written() int { return f.written }

func (f *frameSource) Close() { _ = f.out.Close() }

func memoryLine(n int) string {
	return fmt.Sprintf("request served seq=%09d %s", n, strings.Repeat("x", 200))
}

// TestMemoryWithADeadSink fills the queue of each daemon while nobody takes
// anything from it, and drains it.
func TestMemoryWithADeadSink(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves a whole queue")
	}
	bin := daemons(t)
	for _, c := range []struct{ daemon, section, input string }{
		{"logcollector", "log_collector", files},
		{"metriccollector", "metric_collector", frames},
		{"aggregator", "aggregator", frames},
	} {
		t.Run(c.daemon, func(t *testing.T) {
			m := memory{dir: t.TempDir(), admin: testserver.Address(t)}
			var err error
			m.sink, err = crash.NewSink("127.0.0.1")
			require.NoError(t, err)
			defer m.sink.Close()
			listen := testserver.Address(t)
			if c.input == files {
				feed, err := crash.NewFeed(filepath.Join(m.dir, "logs"), "app.log", memoryLine)
				require.NoError(t, err)
				m.source = fileSource{feed}
			} else {
				m.source, err = newFrameSource(listen)
				require.NoError(t, err)
			}
			defer m.source.Close()
			config := filepath.Join(m.dir, "config.yml")
			text := strings.NewReplacer("{logs}", filepath.Join(m.dir, "logs"), "{sink1}", m.sink.Address(), "{listen}", listen).
				Replace(model(c.section, c.input, "", elastic("sink1", logs))) + fmt.Sprintf("      max_buffer_size: %d\n", *queueMiB<<20)
			require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
			m.proc = &crash.Process{
				Command: []string{filepath.Join(bin, c.daemon), "--no-defaults", "--config", config, "--data-dir", filepath.Join(m.dir, "data"), "--admin", m.admin},
				Output:  filepath.Join(m.dir, "output.txt"),
			}
			require.NoError(t, m.proc.Start())
			defer m.proc.Kill()
			m.run(t)
		})
	}
}

// memory is the test of one daemon.
type memory struct {
	dir, admin string
	sink       *crash.Sink
	source     source
	proc       *crash.Process
}

func (m *memory) run(t *testing.T) {
	t.Helper()
	wait := time.Minute + time.Duration(*queueMiB)*time.Second
	arrived := func() bool {
		if f, ok := m.source.(*frameSource); ok && f.owed != nil {
			_ = f.Write(t.Context(), 1000)
		}
		return m.sink.Missing(m.source.Written()) == 0
	}
	// The baseline is that of a process that has worked.
	for range 20 {
		require.NoError(t, m.source.Write(t.Context(), 1000))
		time.Sleep(50 * time.Millisecond)
	}
	require.Eventually(t, arrived, wait, 50*time.Millisecond, output(m.proc))
	baseline := m.proc.ResidentMiB()

	m.sink.Close()
	size := 0
	for last, same := -1, 0; same < 20; {
		if size = queued(m.admin); size == last {
			same++
		} else {
			last, same = size, 0
			require.NoError(t, m.source.Write(t.Context(), 20000))
		}
		time.Sleep(50 * time.Millisecond)
	}
	full, peak := m.proc.ResidentMiB(), m.proc.PeakMiB()
	disk := folderSize(t, filepath.Join(m.dir, "data", "output_queue"))
	require.Greater(t, disk, int64(*queueMiB)<<20*3/4, "the queue is not full: %d records in it", size)

	require.NoError(t, m.sink.Restart(0))
	require.Eventually(t, arrived, wait, 50*time.Millisecond, output(m.proc))
	const slack = 32 // MiB that the garbage collector may keep for a while
	drained := 0
	require.Eventually(t, func() bool { drained = m.proc.ResidentMiB(); return drained <= baseline+slack }, 30*time.Second, 100*time.Millisecond,
		"%d MiB before, %d after", baseline, m.proc.ResidentMiB())
	if *queueMiB >= 1024 { // for the record: what the runtime has given back a minute later
		time.Sleep(time.Minute)
	}
	t.Logf("| %s | %d | %d | %d | %d | %d | %d | %d |", filepath.Base(m.proc.Command[0]), disk>>20, size, baseline, full, peak, drained, m.proc.ResidentMiB())
	require.Less(t, max(peak, m.proc.PeakMiB()), 150, "MiB")
	require.Zero(t, m.sink.Count().Doubled)
	require.Equal(t, m.source.Written(), m.sink.Count().Stored)
}

func output(p *crash.Process) string {
	b, err := os.ReadFile(p.Output)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

// queued asks a daemon how many records wait; -1 if it does not say.
func queued(admin string) int {
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get("http://" + admin + "/api/v1/ledger")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	var ledger struct{ Entries []struct{ Queued int } }
	if json.NewDecoder(resp.Body).Decode(&ledger) != nil {
		return -1
	}
	n := 0
	for _, e := range ledger.Entries {
		n += e.Queued
	}
	return n
}

func folderSize(t *testing.T, dir string) (n int64) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	}))
	return n
}
