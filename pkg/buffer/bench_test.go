package buffer_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

// BenchmarkPass appends, hands out and settles batches of 256 KiB: at once, and
// behind a queue that is longer and longer. Its cost must be the same.
func BenchmarkPass(b *testing.B) {
	for _, behind := range []int{0, 100, 1000} {
		b.Run(fmt.Sprintf("behind=%d", behind), func(b *testing.B) {
			q, err := buffer.Open(b.TempDir(), buffer.Options{Sync: buffer.SyncNever})
			require.NoError(b, err)
			defer q.Close()
			rec := buffer.Record{Data: make([]byte, 256<<10), Count: 640}
			for range behind {
				require.NoError(b, q.Append(b.Context(), rec))
			}
			b.SetBytes(int64(len(rec.Data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := q.Append(b.Context(), rec); err != nil {
					b.Fatal(err)
				}
				got, err := q.Next(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				if err := q.Ack(got.ID); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*rec.Count)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// TestHeapStaysSmall fills a queue with far more than it may keep in memory,
// drains it, and compares the heap with what it was.
func TestHeapStaysSmall(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	before := heap()
	q := openQueue(t, t.TempDir(), buffer.Options{Sync: buffer.SyncNever, MaxBytes: 96 << 20, InFlight: 64})
	data := []byte(strings.Repeat("0123456789abcdef", 16<<10))
	for q.Append(t.Context(), buffer.Record{Data: data, Count: 1}) == nil {
		continue
	}
	require.Less(t, heap()-before, uint64(8<<20), "full")
	records, _ := drainOnly(t, q)
	require.Greater(t, records, 350)
	require.Less(t, heap()-before, uint64(8<<20), "drained")
}

// drainOnly drains without keeping what it takes.
func drainOnly(t *testing.T, q *buffer.Queue) (records, bytes int) {
	t.Helper()
	for q.Stats().Records > 0 {
		rec, err := q.Next(t.Context())
		require.NoError(t, err)
		records, bytes = records+1, bytes+len(rec.Data)
		require.NoError(t, q.Ack(rec.ID))
	}
	return records, bytes
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	q, err := buffer.Open(dir, buffer.Options{Interval: time.Millisecond})
	require.NoError(t, err)
	appendN(t, q, 0, 10)
	done := make(chan error)
	go func() {
		for {
			if _, err := q.Next(t.Context()); err != nil {
				done <- err
				return
			}
		}
	}()
	require.NoError(t, q.Close())
	require.ErrorIs(t, <-done, buffer.ErrClosed)
	require.NoError(t, q.Close(), "closing twice is no mistake")
	require.ErrorIs(t, q.Append(t.Context(), batch(0)), buffer.ErrClosed)

	fds, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, fd := range fds {
		target, _ := os.Readlink("/proc/self/fd/" + fd.Name())
		require.False(t, strings.HasPrefix(target, dir), "%s is still open", target)
	}
}
