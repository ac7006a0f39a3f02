package buffer_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

// kilobyte is a record of which 64 and their headers are a bit more than 64 KiB.
func kilobyte() buffer.Record { return buffer.Record{Data: make([]byte, 1024), Count: 3} }

func diskUse(t *testing.T, dir string) (n int64) {
	t.Helper()
	for _, name := range segments(t, dir) {
		info, err := os.Stat(name)
		require.NoError(t, err)
		n += info.Size()
	}
	return n
}

func TestDropCountsExactly(t *testing.T) {
	dir := t.TempDir()
	opts := buffer.Options{MaxBytes: 64 << 10, FullAction: buffer.Drop}
	q := openQueue(t, dir, opts)
	dropped := uint64(0)
	for range 100 {
		err := q.Append(t.Context(), kilobyte())
		if err != nil {
			require.ErrorIs(t, err, buffer.ErrFull)
			dropped += 3
		}
		require.LessOrEqual(t, diskUse(t, dir), int64(64<<10))
	}
	require.Positive(t, dropped)
	s := requireBalanced(t, q)
	require.Equal(t, uint64(300), s.Accepted)
	require.Equal(t, map[string]uint64{buffer.ReasonFull: dropped}, s.Dropped)
	require.Equal(t, diskUse(t, dir), s.Bytes)

	require.ErrorIs(t, q.Append(t.Context(), buffer.Record{Data: make([]byte, 65<<10), Count: 5}), buffer.ErrFull)
	require.Equal(t, uint64(5), q.Stats().Dropped[buffer.ReasonLarge])
	require.NoError(t, q.Close())

	q = openQueue(t, dir, opts)
	require.Equal(t, dropped, q.Stats().Dropped[buffer.ReasonFull], "totals outlive the process")
	drain(t, q)
	require.Zero(t, q.Stats().Messages)
	for range 100 { // and all of the room can be had again
		require.NoError(t, q.Append(t.Context(), kilobyte()))
		drain(t, q)
	}
	requireBalanced(t, q)
}

func TestDropOldest(t *testing.T) {
	dir := t.TempDir()
	opts := buffer.Options{MaxBytes: 32 << 10, SegmentBytes: 4 << 10, FullAction: buffer.DropOldest, MemoryBytes: 4 << 10}
	q := openQueue(t, dir, opts)
	held := []buffer.Record{}
	for n := range 2000 {
		require.NoError(t, q.Append(t.Context(), batch(n)))
		require.LessOrEqual(t, diskUse(t, dir), int64(32<<10))
		if n == 100 { // in flight: not given up
			for range 3 {
				rec, err := q.Next(t.Context())
				require.NoError(t, err)
				held = append(held, rec)
			}
		}
		requireBalanced(t, q)
	}
	s := q.Stats()
	require.Positive(t, s.Dropped[buffer.ReasonOldest])
	require.Len(t, s.Dropped, 1)
	for i, rec := range held {
		require.Equal(t, string(batch(i).Data), string(rec.Data))
		require.NoError(t, q.Ack(rec.ID))
	}
	before := requireBalanced(t, q)
	require.NoError(t, q.Close())

	q = openQueue(t, dir, opts)
	after := requireBalanced(t, q)
	require.Equal(t, before.Dropped, after.Dropped)
	require.Equal(t, before.Messages, after.Messages)
	records, _ := drain(t, q)
	require.Equal(t, string(batch(1999).Data), records[len(records)-1])
	s = requireBalanced(t, q)
	require.Zero(t, s.Damage.Records)
	require.Equal(t, s.Accepted-s.Dropped[buffer.ReasonOldest], s.Delivered)
}

// TestDropOldestAtRandom mixes all operations and reopens in between.
func TestDropOldestAtRandom(t *testing.T) {
	dir := t.TempDir()
	opts := buffer.Options{MaxBytes: 24 << 10, SegmentBytes: 3 << 10, FullAction: buffer.DropOldest, MemoryBytes: 2 << 10, InFlight: 8}
	q := openQueue(t, dir, opts)
	rng := rand.New(rand.NewPCG(1, 2))
	var flying []uint64
	delivered, n := uint64(0), 0
	for range 6000 {
		switch op := rng.IntN(100); {
		case op < 55:
			require.NoError(t, q.Append(t.Context(), batch(n)))
			n++
		case op < 75 && len(flying) < 8 && q.Stats().Records > uint64(len(flying)):
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			rec, err := q.Next(ctx)
			cancel()
			if err == nil { // out of order settlements count as queued
				flying = append(flying, rec.ID)
			}
		case op < 90 && len(flying) > 0:
			i := rng.IntN(len(flying))
			require.NoError(t, q.Ack(flying[i]))
			flying = append(flying[:i], flying[i+1:]...)
		case op == 99 && rng.IntN(20) == 0:
			delivered = q.Stats().Delivered
			require.NoError(t, q.Close())
			q = openQueue(t, dir, opts)
			flying = nil
			require.Equal(t, delivered, q.Stats().Delivered)
		}
		s := requireBalanced(t, q)
		require.LessOrEqual(t, s.Bytes, int64(24<<10))
		require.Zero(t, s.Damage.Records)
	}
	for _, id := range flying {
		require.NoError(t, q.Ack(id))
	}
	drain(t, q)
	s := requireBalanced(t, q)
	require.Zero(t, s.Messages)
	require.Len(t, s.Dropped, 1)
}

func TestBlockWaitsForRoom(t *testing.T) {
	q := openQueue(t, t.TempDir(), buffer.Options{MaxBytes: 64 << 10, FullAction: buffer.Block})
	stored := 0
	for ; q.Stats().Bytes+1100 < 64<<10; stored++ {
		require.NoError(t, q.Append(t.Context(), kilobyte()))
	}
	require.Greater(t, stored, 50)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, q.Append(ctx, kilobyte()), context.DeadlineExceeded)
	require.Empty(t, requireBalanced(t, q).Dropped)

	done := make(chan error, 1)
	go func() { done <- q.Append(context.Background(), kilobyte()) }()
	drain(t, q)
	require.NoError(t, <-done)

	for q.Stats().Bytes+1100 < 64<<10 {
		require.NoError(t, q.Append(t.Context(), kilobyte()))
	}
	go func() { done <- q.Append(context.Background(), kilobyte()) }()
	require.NoError(t, q.Close())
	require.ErrorIs(t, <-done, buffer.ErrClosed)
}

func TestShutdownIsFatal(t *testing.T) {
	q := openQueue(t, t.TempDir(), buffer.Options{MaxBytes: 16 << 10, FullAction: buffer.Shutdown})
	var err error
	for err == nil {
		err = q.Append(t.Context(), kilobyte())
	}
	require.ErrorIs(t, err, buffer.ErrShutdown)
	require.NotErrorIs(t, err, buffer.ErrFull)
	require.Empty(t, requireBalanced(t, q).Dropped)
}

// failing makes one call in n fail with err, after part of it was done.
func failing(n int, err error) buffer.Faults {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(3, 4))
	hit := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(n) == 0
	}
	return buffer.Faults{
		WriteAt: func(f *os.File, b []byte, off int64) (int, error) {
			if hit() {
				done, _ := f.WriteAt(b[:len(b)*2/3], off)
				return done, err
			}
			return f.WriteAt(b, off)
		},
		Sync: func(f *os.File) error {
			if hit() {
				return err
			}
			return nil
		},
		Truncate: func(f *os.File, size int64) error {
			if hit() {
				return err
			}
			return f.Truncate(size)
		},
	}
}

func TestFailingDiskNeverCorrupts(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for _, sync := range []buffer.Sync{buffer.SyncBatch, buffer.SyncNever} {
			t.Run(cause.Error()+"/"+string(sync), func(t *testing.T) {
				dir := t.TempDir()
				opts := buffer.Options{SegmentBytes: 4 << 10, MemoryBytes: 1 << 10, Sync: sync, MaxBytes: 1 << 20}
				q, err := buffer.OpenFaulty(dir, opts, failing(4, cause))
				require.NoError(t, err)
				var stored []string
				refused := uint64(0)
				for n := range 500 {
					err := q.Append(t.Context(), batch(n))
					if err == nil {
						stored = append(stored, string(batch(n).Data))
						continue
					}
					require.ErrorIs(t, err, buffer.ErrFull)
					require.ErrorIs(t, err, cause)
					refused += uint64(batch(n).Count)
					requireBalanced(t, q)
				}
				require.Greater(t, len(stored), 100)
				s := requireBalanced(t, q)
				require.Error(t, s.LastError)
				require.Equal(t, refused, s.Dropped[buffer.ReasonWrite]+s.Dropped[buffer.ReasonDisk])
				_ = q.Close()

				q = openQueue(t, dir, opts)
				require.Zero(t, q.Stats().Damage.Records)
				got, _ := drain(t, q)
				require.Equal(t, stored, got)
			})
		}
	}
}

func TestLittleFreeSpaceIsFull(t *testing.T) {
	free := int64(1 << 30)
	q, err := buffer.OpenFaulty(t.TempDir(), buffer.Options{}, buffer.Faults{
		Free: func(string) (int64, int64, error) { return free, 100 << 30, nil },
	})
	require.NoError(t, err)
	defer q.Close()
	require.NoError(t, q.Append(t.Context(), kilobyte()))
	free = 10 << 20
	require.ErrorIs(t, q.Append(t.Context(), kilobyte()), buffer.ErrFull)
	require.Equal(t, uint64(3), q.Stats().Dropped[buffer.ReasonDisk])
	free = 1 << 30
	require.NoError(t, q.Append(t.Context(), kilobyte()))
}

// TestFullFileSystem fills a small file system for real, drains while it is
// full, opens on it, and goes on when there is room.
func TestFullFileSystem(t *testing.T) {
	mnt := t.TempDir()
	if err := syscall.Mount("tmpfs", mnt, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("mount tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(mnt, syscall.MNT_DETACH) })
	dir := filepath.Join(mnt, "queue")
	opts := buffer.Options{SegmentBytes: 64 << 10, Headroom: 1}
	q := openQueue(t, dir, opts)
	stored := 0
	for {
		err := q.Append(t.Context(), numbered(uint64(stored)))
		if err != nil {
			require.ErrorIs(t, err, buffer.ErrFull)
			break
		}
		stored++
	}
	fill(t, filepath.Join(mnt, "other"))
	require.ErrorIs(t, q.Append(t.Context(), numbered(9999)), buffer.ErrFull)
	for n := range stored / 2 {
		rec, err := q.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, uint64(n), number(t, rec))
		require.NoError(t, q.Ack(rec.ID))
		fill(t, filepath.Join(mnt, "other"))
	}
	before := requireBalanced(t, q)
	require.NoError(t, q.Close())
	fill(t, filepath.Join(mnt, "other"))

	q = openQueue(t, dir, opts)
	require.Equal(t, before.Messages, requireBalanced(t, q).Messages)
	require.NoError(t, os.Remove(filepath.Join(mnt, "other")))
	require.NoError(t, q.Append(t.Context(), numbered(uint64(stored))))
	for n := stored / 2; n <= stored; n++ {
		rec, err := q.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, uint64(n), number(t, rec))
		require.NoError(t, q.Ack(rec.ID))
	}
	s := requireBalanced(t, q)
	require.Zero(t, s.Damage.Records)
	require.Zero(t, s.Messages)
}

// TestOpenOnFullFileSystem begins a queue where there is no room at all.
func TestOpenOnFullFileSystem(t *testing.T) {
	mnt := t.TempDir()
	if err := syscall.Mount("tmpfs", mnt, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(mnt, syscall.MNT_DETACH) })
	fill(t, filepath.Join(mnt, "other"))
	q := openQueue(t, filepath.Join(mnt, "queue"), buffer.Options{})
	require.ErrorIs(t, q.Append(t.Context(), kilobyte()), buffer.ErrFull)
	require.NoError(t, os.Remove(filepath.Join(mnt, "other")))
	require.NoError(t, q.Append(t.Context(), kilobyte()))
	drain(t, q)
	require.Equal(t, uint64(3), requireBalanced(t, q).Delivered)
}

// fill appends to a file until there is no space left.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer f.Close()
	_, err = io.Copy(f, io.LimitReader(strings.NewReader(strings.Repeat("x", 4<<20)), 4<<20))
	require.True(t, errors.Is(err, syscall.ENOSPC), "%v", err)
}
