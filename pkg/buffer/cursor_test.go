package buffer_test

import (
	"os"
	"path/filepath"
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
