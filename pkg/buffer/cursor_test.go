package buffer_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

// TestTornCursorFallsBack damages each byte range of either slot: the other one
// must do, at the cost of one record sent again.
func TestTornCursorFallsBack(t *testing.T) {
	dir := t.TempDir()
	q := openQueue(t, dir, buffer.Options{})
	messages := appendN(t, q, 0, 10)
	for range 4 {
		rec, err := q.Next(t.Context())
		require.NoError(t, err)
		require.NoError(t, q.Ack(rec.ID))
	}
	require.NoError(t, q.Close())
	sound, err := os.ReadFile(filepath.Join(dir, "cursor"))
	require.NoError(t, err)
	require.Len(t, sound, 1024)
	segs := segments(t, dir)
	require.Len(t, segs, 1)
	records, err := os.ReadFile(segs[0])
	require.NoError(t, err)
	for at := 0; at < len(sound); at += 7 {
		torn := append([]byte{}, sound...)
		torn[at] ^= 0x40
		fresh := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(fresh, "cursor"), torn, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(fresh, filepath.Base(segs[0])), records, 0o600))
		q, err := buffer.Open(fresh, buffer.Options{})
		require.NoError(t, err)
		s := requireBalanced(t, q)
		require.Equal(t, messages, s.Accepted)
		require.Empty(t, s.Dropped)
		require.Contains(t, []uint64{6, 7}, s.Records, "byte %d", at)
		require.NoError(t, q.Close())
	}
}

// TestTotalsAreThoseOnDisk settles while the cursor cannot be written: nothing is
// told that a crash would undo, and what a failed write tears is not the sound slot.
func TestTotalsAreThoseOnDisk(t *testing.T) {
	dir := t.TempDir()
	failing := false
	opts := buffer.Options{Sync: buffer.SyncNever, FullAction: buffer.Drop, MaxBytes: 64 << 10}
	q, err := buffer.OpenFaulty(dir, opts, buffer.Faults{WriteAt: func(f *os.File, b []byte, off int64) (int, error) {
		if failing && filepath.Base(f.Name()) == "cursor" {
			n, _ := f.WriteAt(b[:len(b)/2], off)
			return n, syscall.EIO
		}
		return f.WriteAt(b, off)
	}})
	require.NoError(t, err)
	for range 5 {
		require.NoError(t, q.Append(t.Context(), buffer.Record{Data: make([]byte, 1000), Count: 10}))
	}
	settle := func(outcome buffer.Outcome) {
		rec, err := q.Next(t.Context())
		require.NoError(t, err)
		require.NoError(t, q.Settle(rec.ID, outcome))
	}
	settle(buffer.Outcome{DeadLettered: 1})
	failing = true
	settle(buffer.Outcome{})
	settle(buffer.Outcome{DeadLettered: 2, Dropped: 3})
	require.ErrorIs(t, q.Append(t.Context(), buffer.Record{Data: make([]byte, 128<<10), Count: 7}), buffer.ErrFull)
	told := requireBalanced(t, q)
	require.EqualValues(t, []uint64{50, 9, 1, 40}, []uint64{told.Accepted, told.Delivered, told.DeadLettered, told.Messages})
	require.Empty(t, told.Dropped)

	killed := filepath.Join(t.TempDir(), "killed")
	require.NoError(t, os.CopyFS(killed, os.DirFS(dir)))
	again, err := buffer.Open(killed, buffer.Options{})
	require.NoError(t, err)
	after := requireBalanced(t, again)
	require.Equal(t, []uint64{told.Accepted, told.Delivered, told.DeadLettered, told.Messages},
		[]uint64{after.Accepted, after.Delivered, after.DeadLettered, after.Messages})
	require.NoError(t, again.Close())

	failing = false // the disk has recovered when the queue is closed
	require.NoError(t, q.Close())
	again, err = buffer.Open(dir, buffer.Options{})
	require.NoError(t, err)
	after = requireBalanced(t, again)
	require.EqualValues(t, []uint64{57, 24, 3, 20}, []uint64{after.Accepted, after.Delivered, after.DeadLettered, after.Messages})
	require.EqualValues(t, map[string]uint64{buffer.ReasonLarge: 7, buffer.ReasonOutput: 3}, after.Dropped)
	require.NoError(t, again.Close())
}

func FuzzCursor(f *testing.F) {
	dir := f.TempDir()
	q, err := buffer.Open(dir, buffer.Options{})
	require.NoError(f, err)
	require.NoError(f, q.Append(f.Context(), batch(1)))
	require.NoError(f, q.Close())
	sound, err := os.ReadFile(filepath.Join(dir, "cursor"))
	require.NoError(f, err)
	f.Add(sound)
	f.Add(sound[:700])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		fresh := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(fresh, "cursor"), b, 0o600))
		q, err := buffer.Open(fresh, buffer.Options{Sync: buffer.SyncNever})
		require.NoError(t, err)
		before := requireBalanced(t, q)
		require.NoError(t, q.Append(t.Context(), batch(2)))
		rec, err := q.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, string(batch(2).Data), string(rec.Data))
		require.NoError(t, q.Ack(rec.ID))
		after := requireBalanced(t, q)
		require.Equal(t, before.Accepted+uint64(batch(2).Count), after.Accepted)
		require.NoError(t, q.Close())
	})
}
