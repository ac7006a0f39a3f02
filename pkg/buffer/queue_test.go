package buffer_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

func openQueue(t *testing.T, dir string, opts buffer.Options) *buffer.Queue {
	t.Helper()
	q, err := buffer.Open(dir, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	return q
}

// batch is the content of record n, of a length and count that vary with n.
func batch(n int) buffer.Record {
	data := make([]byte, 0, 400)
	for len(data) < 100+n%300 {
		data = fmt.Appendf(data, "record %d;", n)
	}
	return buffer.Record{Data: data, Count: 1 + n%7}
}

func appendN(t *testing.T, q *buffer.Queue, from, to int) (messages uint64) {
	t.Helper()
	for n := from; n < to; n++ {
		require.NoError(t, q.Append(t.Context(), batch(n)))
		messages += uint64(batch(n).Count)
	}
	return messages
}

// drain takes and acknowledges everything that is in the queue and returns the
// records by content.
func drain(t *testing.T, q *buffer.Queue) (records []string, messages uint64) {
	t.Helper()
	for waited := 0; q.Stats().Records > 0; {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		rec, err := q.Next(ctx)
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			if q.Stats().Records == 0 {
				break // reading found the last ones damaged
			}
			waited++
			require.Less(t, waited, 60, "Next waits although there are records")
			continue
		}
		records = append(records, string(rec.Data))
		messages += uint64(rec.Count)
		require.NoError(t, q.Ack(rec.ID))
	}
	return records, messages
}

func requireBalanced(t *testing.T, q *buffer.Queue) buffer.Stats {
	t.Helper()
	s := q.Stats()
	sum := s.Delivered + s.DeadLettered + s.Messages
	for _, n := range s.Dropped {
		sum += n
	}
	require.Equal(t, s.Accepted, sum, "ledger: %+v", s)
	return s
}

func TestQueueKeepsOrder(t *testing.T) {
	for _, sync := range []buffer.Sync{buffer.SyncBatch, buffer.SyncInterval, buffer.SyncNever} {
		t.Run(string(sync), func(t *testing.T) {
			dir := t.TempDir()
			opts := buffer.Options{Sync: sync, SegmentBytes: 4 << 10, MemoryBytes: 1 << 10}
			q := openQueue(t, dir, opts)
			messages := appendN(t, q, 0, 200)
			s := requireBalanced(t, q)
			require.Equal(t, uint64(200), s.Records)
			require.Equal(t, messages, s.Messages)

			rec, err := q.Next(t.Context())
			require.NoError(t, err)
			require.Equal(t, batch(0).Data, rec.Data)
			require.NoError(t, q.Ack(rec.ID))
			require.NoError(t, q.Close())

			q = openQueue(t, dir, opts)
			messages += appendN(t, q, 200, 250)
			records, _ := drain(t, q)
			require.Len(t, records, 249)
			for i, got := range records {
				require.Equal(t, string(batch(i+1).Data), got)
			}
			s = requireBalanced(t, q)
			require.Equal(t, messages, s.Delivered)
			require.Zero(t, s.Damage)
			files := func() int {
				list, err := os.ReadDir(dir)
				require.NoError(t, err)
				return len(list)
			}
			if sync == buffer.SyncInterval { // a few at a time, the last of them with the tick
				require.LessOrEqual(t, s.Segments, 5)
				require.Eventually(t, func() bool { return files() <= 2 }, time.Minute, time.Millisecond)
			}
			require.LessOrEqual(t, q.Stats().Segments, 1)
			require.LessOrEqual(t, files(), 2)
		})
	}
}

// TestReadOnlyLooksAtLiveQueue reads a queue while it is written and drained.
func TestReadOnlyLooksAtLiveQueue(t *testing.T) {
	dir := t.TempDir()
	q := openQueue(t, dir, buffer.Options{SegmentBytes: 4 << 10})
	_, err := buffer.Open(dir, buffer.Options{})
	require.ErrorIs(t, err, buffer.ErrLocked)

	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if q.Append(context.Background(), batch(n)) != nil {
				return
			}
			if n > 100 {
				rec, err := q.Next(context.Background())
				if err != nil || q.Ack(rec.ID) != nil {
					return
				}
			}
		}
	}()
	for range 100 {
		look, err := buffer.Open(dir, buffer.Options{ReadOnly: true})
		require.NoError(t, err)
		require.Zero(t, look.Stats().Damage.Records)
		require.Empty(t, look.Stats().Dropped)
		for {
			rec, err := look.Next(t.Context())
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
			var n int
			_, err = fmt.Sscanf(string(rec.Data), "record %d;", &n)
			require.NoError(t, err)
			require.Equal(t, string(batch(n).Data), string(rec.Data))
			require.ErrorIs(t, look.Ack(rec.ID), buffer.ErrReadOnly)
		}
		require.ErrorIs(t, look.Append(t.Context(), batch(1)), buffer.ErrReadOnly)
		require.NoError(t, look.Close())
	}
	close(stop)
	<-done
	requireBalanced(t, q)
}

func TestReleaseHandsOutAgain(t *testing.T) {
	q := openQueue(t, t.TempDir(), buffer.Options{InFlight: 2})
	appendN(t, q, 0, 5)
	first, err := q.Next(t.Context())
	require.NoError(t, err)
	second, err := q.Next(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = q.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "two are in flight")

	require.NoError(t, q.Ack(second.ID))
	require.NoError(t, q.Release(first.ID))
	require.Equal(t, uint64(5), q.Stats().Records, "the second counts when the first is settled")
	again, err := q.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, string(batch(0).Data), string(again.Data))
	require.NoError(t, q.Settle(again.ID, buffer.Outcome{DeadLettered: 1}))
	require.ErrorIs(t, q.Ack(again.ID), buffer.ErrNotTaken)
	require.ErrorIs(t, q.Release(again.ID), buffer.ErrNotTaken)
	s := requireBalanced(t, q)
	require.Equal(t, uint64(1), s.DeadLettered)
	require.Equal(t, uint64(2), s.Delivered)
	require.Equal(t, uint64(3), s.Records)
}

func TestDiscard(t *testing.T) {
	dir := t.TempDir()
	q := openQueue(t, dir, buffer.Options{SegmentBytes: 4 << 10})
	messages := appendN(t, q, 0, 100)
	held, err := q.Next(t.Context())
	require.NoError(t, err)
	records, some := q.Discard(10)
	require.Equal(t, uint64(10), records)
	requireBalanced(t, q)
	require.NoError(t, q.Ack(held.ID))
	next, err := q.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, string(batch(11).Data), string(next.Data))
	require.NoError(t, q.Ack(next.ID))
	records, rest := q.Discard(-1)
	require.Equal(t, uint64(88), records)
	s := requireBalanced(t, q)
	require.Equal(t, some+rest, s.Dropped[buffer.ReasonOperator])
	require.Equal(t, messages, s.Accepted)
	require.Zero(t, s.Messages)
	require.NoError(t, q.Close())
	q = openQueue(t, dir, buffer.Options{})
	require.Equal(t, s.Dropped, requireBalanced(t, q).Dropped)
	records, _ = q.Discard(-1)
	require.Zero(t, records)
}
