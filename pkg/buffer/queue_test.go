package buffer_test

import (
	"context"
	"fmt"
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
	for q.Stats().Records > 0 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		rec, err := q.Next(ctx)
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Zero(t, q.Stats().Records, "Next waits although there are records")
			break // reading found the last ones damaged
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
			require.LessOrEqual(t, s.Segments, 1)
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.LessOrEqual(t, len(files), 2)
		})
	}
}
