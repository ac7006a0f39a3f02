package buffer_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

// TestABatchIsSettledInOneStep kills the process at every write of the cursor: of
// three records that were one batch, of which one message was refused, all are
// settled or none.
func TestABatchIsSettledInOneStep(t *testing.T) {
	dir := t.TempDir()
	writes := 0
	q, err := buffer.OpenFaulty(dir, buffer.Options{Interval: time.Hour}, buffer.Faults{WriteAt: func(f *os.File, b []byte, off int64) (int, error) {
		if filepath.Base(f.Name()) == "cursor" {
			if writes--; writes < 0 {
				return 0, syscall.EIO // nothing reaches the disk from here on
			}
		}
		return f.WriteAt(b, off)
	}})
	require.NoError(t, err)
	defer q.Close()
	for settled := range 2 {
		writes = 1000
		var batch []buffer.Record
		for range 3 {
			require.NoError(t, q.Append(t.Context(), buffer.Record{Data: []byte("x"), Count: 10}))
		}
		for range 3 {
			rec, err := q.Next(t.Context())
			require.NoError(t, err)
			batch = append(batch, rec)
		}
		writes = settled // writes of the cursor that succeed
		require.NoError(t, q.SettleAll(batch, buffer.Outcome{DeadLettered: 1}))
		copied := filepath.Join(t.TempDir(), "killed")
		require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
		after, err := buffer.Open(copied, buffer.Options{})
		require.NoError(t, err)
		s := after.Stats()
		if settled == 0 {
			require.EqualValues(t, 30, s.Messages)
			require.Zero(t, s.DeadLettered)
			require.Zero(t, s.Delivered)
		} else {
			require.Zero(t, s.Messages)
			require.EqualValues(t, 2, s.DeadLettered, "of two batches")
			require.EqualValues(t, 58, s.Delivered)
		}
		require.NoError(t, after.Close())
	}
	require.ErrorIs(t, q.SettleAll([]buffer.Record{{ID: 999}}, buffer.Outcome{}), buffer.ErrNotTaken)
}

// TestTheOutcomeOfABatchIsSpread over its records, and is never more than they hold.
func TestTheOutcomeOfABatchIsSpread(t *testing.T) {
	q, err := buffer.Open(t.TempDir(), buffer.Options{})
	require.NoError(t, err)
	defer q.Close()
	var batch []buffer.Record
	for range 3 {
		require.NoError(t, q.Append(t.Context(), buffer.Record{Data: []byte("x"), Count: 10}))
		rec, err := q.Next(t.Context())
		require.NoError(t, err)
		batch = append(batch, rec)
	}
	require.NoError(t, q.SettleAll(batch, buffer.Outcome{DeadLettered: 12, Dropped: 11}))
	s := q.Stats()
	require.EqualValues(t, 12, s.DeadLettered)
	require.EqualValues(t, 11, s.Dropped[buffer.ReasonOutput])
	require.EqualValues(t, 7, s.Delivered)
}
