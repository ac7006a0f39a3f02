package crash_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/crash"
)

var queueMiB = flag.Int("queue", 24, "MiB of the queue in the memory test: 1024 for the record")

// TestMemoryWithADeadSink fills the queue while nobody takes anything from it,
// and drains it.
func TestMemoryWithADeadSink(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves a whole queue")
	}
	dir := t.TempDir()
	sink, err := crash.NewSink("127.0.0.1")
	require.NoError(t, err)
	defer sink.Close()
	feed, err := crash.NewFeed(filepath.Join(dir, "logs"), "app.log", func(n int) string {
		return fmt.Sprintf("request served seq=%09d %s", n, strings.Repeat("x", 200))
	})
	require.NoError(t, err)
	defer feed.Close()
	admin := freeAddress(t)
	model := strings.NewReplacer("{logs}", filepath.Join(dir, "logs"), "{sink1}", sink.Address()).Replace(model("log_collector", files, "", elastic("sink1", logs))) +
		fmt.Sprintf("      buffering: {max_buffer_size: %d, full_action: block}\n", *queueMiB<<20)
	config := filepath.Join(dir, "config.yml")
	require.NoError(t, os.WriteFile(config, []byte(model), 0o600))
	proc := &crash.Process{
		Command: []string{filepath.Join(daemons(t), "logcollector"), "--no-defaults", "--config", config, "--data-dir", filepath.Join(dir, "data"), "--admin", admin},
		Output:  filepath.Join(dir, "output.txt"),
	}
	require.NoError(t, proc.Start())
	defer proc.Kill()

	// The baseline is that of a process that has worked.
	require.NoError(t, feed.Write(t.Context(), 20000, time.Second))
	wait := time.Minute + time.Duration(*queueMiB)*time.Second
	require.Eventually(t, func() bool { return sink.Missing(feed.Written()) == 0 }, wait, 50*time.Millisecond, output(proc))
	baseline := proc.ResidentMiB()

	sink.Close()
	size, disk := 0, int64(0)
	deadline := time.Now().Add(wait)
	for last, same := -1, 0; same < 20 || disk <= int64(*queueMiB)<<20*3/4; {
		require.True(t, time.Now().Before(deadline), "the queue does not get full: %d records in it", size)
		if size = queued(admin); size == last {
			same++
		} else {
			last, same = size, 0
			require.NoError(t, feed.Write(t.Context(), 20000, 0))
		}
		disk = folderSize(t, filepath.Join(dir, "data"))
		time.Sleep(50 * time.Millisecond)
	}
	full, peak := proc.ResidentMiB(), proc.PeakMiB()

	require.NoError(t, sink.Restart(0))
	require.Eventually(t, func() bool { return sink.Missing(feed.Written()) == 0 }, wait, 50*time.Millisecond, output(proc))
	const slack = 32 // MiB that the garbage collector may keep for a while
	drained := 0
	require.Eventually(t, func() bool { drained = proc.ResidentMiB(); return drained <= baseline+slack }, time.Minute, 100*time.Millisecond,
		"%d MiB before, %d after", baseline, proc.ResidentMiB())
	t.Logf("queue of %d MiB with %d records: %d MiB of memory before, %d when it was full, %d at most, %d when it was drained", disk>>20, size, baseline, full, peak, drained)
	require.Less(t, max(peak, proc.PeakMiB()), 150, "MiB")
	require.Zero(t, sink.Count().Doubled)
}

func output(p *crash.Process) string {
	b, err := os.ReadFile(p.Output)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

// queued asks the collector how many records wait; -1 if it does not say.
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
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the daemon has replaced it since
		}
		if err == nil {
			n += info.Size()
		}
		return err
	}))
	return n
}
