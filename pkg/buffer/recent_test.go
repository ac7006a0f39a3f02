package buffer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

// identities are n numbers spread evenly, the first of them for message from.
func identities(from, n int) []uint64 {
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = uint64(from+i+1) * 0x9e3779b97f4a7c15
	}
	return ids
}

func appendIdentified(t *testing.T, q *buffer.Queue, from, n int) {
	t.Helper()
	require.NoError(t, q.Append(t.Context(), buffer.Record{Data: []byte("batch"), Count: n, IDs: identities(from, n)}))
}

func requireSeen(t *testing.T, q *buffer.Queue, want bool, from, n int) {
	t.Helper()
	for i, id := range identities(from, n) {
		require.Equal(t, want, q.Seen(id), "message %d", from+i)
	}
}

func TestRecognisesWhatComesAgain(t *testing.T) {
	dir := t.TempDir()
	q, err := buffer.Open(dir, buffer.Options{Interval: time.Hour}) // no tick changes what is copied
	require.NoError(t, err)
	appendIdentified(t, q, 0, 3)
	appendIdentified(t, q, 3, 2)
	requireSeen(t, q, true, 0, 5)
	requireSeen(t, q, false, 5, 5)
	require.False(t, q.Seen(0), "none is not an identity")
	rec, err := q.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, q.Ack(rec.ID))
	q.Repeat(2)
	appendIdentified(t, q, 5, 1)
	copied := filepath.Join(t.TempDir(), "killed") // as kill -9 leaves it
	require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
	require.NoError(t, q.Close())

	for _, dir := range []string{dir, copied} {
		q, err := buffer.Open(dir, buffer.Options{})
		require.NoError(t, err)
		requireSeen(t, q, true, 0, 6)
		requireSeen(t, q, false, 6, 1)
		s := q.Stats()
		require.EqualValues(t, 2, s.Repeated)
		require.EqualValues(t, 6, s.Accepted)
		require.EqualValues(t, 3, s.Delivered)
		require.EqualValues(t, 3, s.Messages)
		require.Zero(t, s.Damage)
		require.NoError(t, q.Close())
	}
}

// TestBelievesNoIdentityWithoutItsRecord ends a process between the two writes.
func TestBelievesNoIdentityWithoutItsRecord(t *testing.T) {
	dir := t.TempDir()
	failing := false
	q, err := buffer.OpenFaulty(dir, buffer.Options{Interval: time.Hour}, buffer.Faults{WriteAt: func(f *os.File, b []byte, off int64) (int, error) {
		if failing && strings.HasSuffix(f.Name(), ".seg") {
			return 0, syscall.EIO
		}
		return f.WriteAt(b, off)
	}})
	require.NoError(t, err)
	appendIdentified(t, q, 0, 2)
	failing = true
	require.ErrorIs(t, q.Append(t.Context(), buffer.Record{Data: []byte("batch"), Count: 2, IDs: identities(2, 2)}), buffer.ErrFull)
	requireSeen(t, q, false, 2, 2)
	copied := filepath.Join(t.TempDir(), "killed")
	require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
	failing = false
	appendIdentified(t, q, 4, 2) // takes the numbers that the refused ones had
	require.NoError(t, q.Close())

	q, err = buffer.Open(copied, buffer.Options{})
	require.NoError(t, err)
	requireSeen(t, q, true, 0, 2)
	requireSeen(t, q, false, 2, 4)
	require.NoError(t, q.Close())
	q, err = buffer.Open(dir, buffer.Options{})
	require.NoError(t, err)
	requireSeen(t, q, true, 0, 2)
	requireSeen(t, q, false, 2, 2)
	requireSeen(t, q, true, 4, 2)
	require.NoError(t, q.Close())
}

// TestIdentitiesThatCannotBeWritten lets nothing in that would not be recognised.
func TestIdentitiesThatCannotBeWritten(t *testing.T) {
	q, err := buffer.OpenFaulty(t.TempDir(), buffer.Options{}, buffer.Faults{WriteAt: func(f *os.File, b []byte, off int64) (int, error) {
		if filepath.Base(f.Name()) == "recent" {
			return 0, syscall.ENOSPC
		}
		return f.WriteAt(b, off)
	}})
	require.NoError(t, err)
	err = q.Append(t.Context(), buffer.Record{Data: []byte("batch"), Count: 2, IDs: identities(0, 2)})
	require.ErrorIs(t, err, buffer.ErrFull)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.EqualValues(t, 2, q.Stats().Dropped[buffer.ReasonDisk])
	require.NoError(t, q.Close())
}

func TestRemembersABoundedNumber(t *testing.T) {
	dir := t.TempDir()
	q, err := buffer.Open(dir, buffer.Options{})
	require.NoError(t, err)
	const batch, all = 1000, 300_000 // more than the ring holds
	for from := 0; from < all; from += batch {
		appendIdentified(t, q, from, batch)
	}
	requireSeen(t, q, true, all-buffer.Remembered, buffer.Remembered)
	requireSeen(t, q, false, 0, batch)
	require.NoError(t, q.Close())
	info, err := os.Stat(filepath.Join(dir, "recent"))
	require.NoError(t, err)
	require.EqualValues(t, 2*buffer.Remembered*16, info.Size())
	q, err = buffer.Open(dir, buffer.Options{})
	require.NoError(t, err)
	requireSeen(t, q, true, all-buffer.Remembered, buffer.Remembered)
	requireSeen(t, q, false, 0, batch)
	require.NoError(t, q.Close())
}

// TestLostRecordsMayComeAgain: what a damaged disk took is no repetition.
func TestLostRecordsMayComeAgain(t *testing.T) {
	dir := t.TempDir()
	q, err := buffer.Open(dir, buffer.Options{})
	require.NoError(t, err)
	appendIdentified(t, q, 0, 2)
	require.NoError(t, q.Close())
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	require.NoError(t, err)
	require.Len(t, segments, 1)
	require.NoError(t, os.Truncate(segments[0], 10))
	for range 2 {
		q, err = buffer.Open(dir, buffer.Options{})
		require.NoError(t, err)
		requireSeen(t, q, false, 0, 2)
		require.NoError(t, q.Close())
	}
}

// TestCursorThatCannotBeWritten keeps the records of which a crash would not know
// that they were delivered.
func TestCursorThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	failing := false
	q, err := buffer.OpenFaulty(dir, buffer.Options{SegmentBytes: 16 << 10, Interval: time.Hour}, buffer.Faults{WriteAt: func(f *os.File, b []byte, off int64) (int, error) {
		if failing && filepath.Base(f.Name()) == "cursor" {
			return 0, syscall.EIO
		}
		return f.WriteAt(b, off)
	}})
	require.NoError(t, err)
	for range 40 {
		require.NoError(t, q.Append(t.Context(), buffer.Record{Data: make([]byte, 1000), Count: 1}))
	}
	failing = true
	for range 40 {
		rec, err := q.Next(t.Context())
		require.NoError(t, err)
		require.NoError(t, q.Ack(rec.ID))
	}
	copied := filepath.Join(t.TempDir(), "killed")
	require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
	require.NoError(t, q.Close())
	q, err = buffer.Open(copied, buffer.Options{})
	require.NoError(t, err)
	require.Zero(t, q.Stats().Damage)
	require.EqualValues(t, 40, q.Stats().Messages)
	require.Empty(t, q.Stats().Dropped)
	require.NoError(t, q.Close())
}

// BenchmarkIdentities is what remembering costs: a batch of 640 messages with
// identities against one without, and the question whether one is known.
func BenchmarkIdentities(b *testing.B) {
	const batch = 640
	for _, identified := range []bool{false, true} {
		b.Run(fmt.Sprintf("append, identified=%t", identified), func(b *testing.B) {
			q, err := buffer.Open(b.TempDir(), buffer.Options{Sync: buffer.SyncNever, MaxBytes: 1 << 40})
			require.NoError(b, err)
			defer q.Close()
			rec := buffer.Record{Data: make([]byte, 64<<10), Count: batch}
			var ids [8][]uint64
			for i := range ids {
				ids[i] = identities(i*batch, batch)
			}
			step := identities(len(ids)*batch-1, 1)[0] // over all of these
			for i := 0; b.Loop(); i++ {
				if identified {
					rec.IDs = ids[i%len(ids)]
					for k := range rec.IDs {
						rec.IDs[k] += step // never the same
					}
				}
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
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/message")
		})
	}
	b.Run("seen", func(b *testing.B) {
		q, err := buffer.Open(b.TempDir(), buffer.Options{})
		require.NoError(b, err)
		defer q.Close()
		for from := 0; from < 2*buffer.Remembered; from += 1024 {
			require.NoError(b, q.Append(b.Context(), buffer.Record{Data: []byte("x"), Count: 1024, IDs: identities(from, 1024)}))
		}
		asked := identities(buffer.Remembered, 2*buffer.Remembered) // half of them are known
		for i := 0; b.Loop(); i++ {
			q.Seen(asked[i%len(asked)])
		}
	})
}
