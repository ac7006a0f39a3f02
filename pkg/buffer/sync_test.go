package buffer_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

// syncs notes which files were synced, and with what size.
type syncs struct {
	mu   sync.Mutex
	size map[string]int64
	fail error
}

func (s *syncs) sync(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.size[filepath.Base(f.Name())] = info.Size()
	return nil
}

// unsynced lists the segments in dir of which something was never synced.
func (s *syncs) unsynced(t *testing.T, dir string) (names []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	require.NoError(t, err)
	for _, path := range segments {
		if info, err := os.Stat(path); err == nil && info.Size() > s.size[filepath.Base(path)] {
			names = append(names, filepath.Base(path))
		}
	}
	return names
}

func faulty(t *testing.T, opts buffer.Options, s *syncs) (*buffer.Queue, string) {
	t.Helper()
	dir := t.TempDir()
	s.size = map[string]int64{}
	q, err := buffer.OpenFaulty(dir, opts, buffer.Faults{Sync: s.sync})
	require.NoError(t, err)
	t.Cleanup(func() { _ = q.Close() })
	return q, dir
}

// TestIntervalSyncsEverySegment fills many segments between two ticks: after the
// second all that is left of them is synced to its end, and Append waited for at
// most a bounded number.
func TestIntervalSyncsEverySegment(t *testing.T) {
	s := &syncs{}
	q, dir := faulty(t, buffer.Options{SegmentBytes: 4 << 10, Interval: 50 * time.Millisecond}, s)
	for n := range 400 {
		require.NoError(t, q.Append(t.Context(), batch(n)))
		require.LessOrEqual(t, len(s.unsynced(t, dir)), 2*8+2, "the disk is behind without bound")
	}
	require.Eventually(t, func() bool { return len(s.unsynced(t, dir)) == 0 }, time.Minute, time.Millisecond)

	s = &syncs{}
	q, dir = faulty(t, buffer.Options{SegmentBytes: 4 << 10, Interval: time.Hour}, s)
	appendN(t, q, 0, 60)
	require.NotEmpty(t, s.unsynced(t, dir), "what comes between two ticks waits")
	require.NoError(t, q.Close())
	require.Empty(t, s.unsynced(t, dir), "Close makes everything durable")
}

// TestDeliveredSegmentsAreNotSynced lets the sender keep up: what is deleted
// between two ticks is no work for the disk.
func TestDeliveredSegmentsAreNotSynced(t *testing.T) {
	s := &syncs{}
	q, dir := faulty(t, buffer.Options{SegmentBytes: 4 << 10, Interval: time.Hour}, s)
	for n := range 400 {
		require.NoError(t, q.Append(t.Context(), batch(n)))
		rec, err := q.Next(t.Context())
		require.NoError(t, err)
		require.NoError(t, q.Ack(rec.ID))
	}
	require.LessOrEqual(t, q.Stats().Segments, 5)
	for name := range s.size {
		require.False(t, strings.HasSuffix(name, ".seg"), "%s was synced", name)
	}
	require.NoError(t, q.Close())
	require.Empty(t, s.unsynced(t, dir))
	q = openQueue(t, dir, buffer.Options{})
	require.Zero(t, requireBalanced(t, q).Records)
}

// TestASyncThatFailsIsCounted loses nothing but the promise.
func TestASyncThatFailsIsCounted(t *testing.T) {
	s := &syncs{}
	q, dir := faulty(t, buffer.Options{SegmentBytes: 4 << 10, Interval: 5 * time.Millisecond}, s)
	s.mu.Lock()
	s.fail = errors.New("the disk is gone")
	s.mu.Unlock()
	messages := appendN(t, q, 0, 100)
	require.Eventually(t, func() bool { return q.Stats().SyncErrors > 0 }, time.Minute, time.Millisecond)
	s.mu.Lock()
	s.fail = nil
	s.mu.Unlock()
	messages += appendN(t, q, 100, 150)
	records, got := drain(t, q)
	require.Len(t, records, 150)
	require.Equal(t, messages, got)
	require.NoError(t, q.Close())
	require.Zero(t, requireBalanced(t, openQueue(t, dir, buffer.Options{})).Damage)
}
