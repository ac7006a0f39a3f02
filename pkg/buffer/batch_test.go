package buffer_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

// TestBatchesAreNotShared fills batches while others are queued and in flight,
// and settles some of them: no batch may be overwritten by a later one.
func TestBatchesAreNotShared(t *testing.T) {
	q := openQueue(t, t.TempDir(), buffer.Options{InFlight: 8, MemoryBytes: 40 << 10})
	text := func(i int) string { return fmt.Sprintf("%d:%s;", i, bytes.Repeat([]byte{byte('a' + i%26)}, i*37%9000)) }
	var out []buffer.Record
	settled := 0
	for i := range 400 {
		b := q.Batch()
		require.Len(t, b, buffer.Room)
		require.NoError(t, q.AppendBatch(t.Context(), buffer.Record{Data: append(b, text(i)...), Count: 1}))
		if i%3 > 0 {
			rec, err := q.Next(t.Context())
			require.NoError(t, err)
			out = append(out, rec)
		}
		for len(out) > i%8 {
			require.Equal(t, text(settled), string(out[0].Data))
			require.NoError(t, q.Ack(out[0].ID))
			out, settled = out[1:], settled+1
		}
	}
	require.Greater(t, settled, 200)
	requireBalanced(t, q)
}

// TestRefusedBatchesAreReused drops batches for want of room: the next ones are
// whole all the same, and those that were kept stay as they are.
func TestRefusedBatchesAreReused(t *testing.T) {
	q := openQueue(t, t.TempDir(), buffer.Options{MaxBytes: 64 << 10})
	kept := 0
	for i := range 40 {
		data := append(q.Batch(), bytes.Repeat([]byte{byte(i)}, 8000)...)
		err := q.AppendBatch(t.Context(), buffer.Record{Data: data, Count: 1})
		if err == nil {
			kept++
			continue
		}
		require.ErrorIs(t, err, buffer.ErrFull)
	}
	require.Equal(t, 8, kept)
	for i := range kept {
		rec, err := q.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, bytes.Repeat([]byte{byte(i)}, 8000), rec.Data)
		require.NoError(t, q.Ack(rec.ID))
	}
	requireBalanced(t, q)
}

// TestSmallRecordsDoNotHoldLargeBuffers queues small records in batches that once
// were large, with nobody sending.
func TestSmallRecordsDoNotHoldLargeBuffers(t *testing.T) {
	q := openQueue(t, t.TempDir(), buffer.Options{})
	large := append(q.Batch(), make([]byte, 900<<10)...)
	require.NoError(t, q.AppendBatch(t.Context(), buffer.Record{Data: large, Count: 1}))
	rec, err := q.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, q.Ack(rec.ID))
	before := heap()
	for range 2000 {
		b := q.Batch()
		if cap(b) < 900<<10 { // as if each came from a busy stream
			b = make([]byte, buffer.Room, 900<<10)
		}
		require.NoError(t, q.AppendBatch(t.Context(), buffer.Record{Data: append(b, "one line"...), Count: 1}))
	}
	require.Less(t, heap()-before, int64(16<<20))
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
