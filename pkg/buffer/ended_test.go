package buffer_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
)

// ended is a context of an input that is to end.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// TestWhatHasRoomIsTakenThoughTheInputEnds: else chance decides about each batch.
func TestWhatHasRoomIsTakenThoughTheInputEnds(t *testing.T) {
	for _, action := range []buffer.FullAction{buffer.Drop, buffer.DropOldest, buffer.Block, buffer.Shutdown} {
		q := openQueue(t, t.TempDir(), buffer.Options{FullAction: action})
		for n := range 200 {
			require.NoError(t, q.Append(ended(t), batch(n)), "%s: batch %d", action, n)
		}
		require.EqualValues(t, 200, requireBalanced(t, q).Records)
	}
}

// TestWhatHasRoomIsTakenAfterAnotherBatch appends while another batch is being
// written, for a moment.
func TestWhatHasRoomIsTakenAfterAnotherBatch(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		writing, released := make(chan struct{}, 1), make(chan struct{})
		goOn := sync.OnceFunc(func() { close(released) })
		defer goOn()
		armed := false
		q, err := buffer.OpenFaulty(dir, buffer.Options{Sync: buffer.SyncNever}, buffer.Faults{WriteAt: func(f *os.File, b []byte, off int64) (int, error) {
			if armed {
				armed = false
				writing <- struct{}{}
				<-released
			}
			return f.WriteAt(b, off)
		}})
		require.NoError(t, err)
		armed = true
		done := make(chan error, 3)
		go func() { done <- q.Append(context.Background(), batch(0)) }()
		synctest.Wait()
		require.Len(t, writing, 1)
		for n := range 2 {
			go func() { done <- q.Append(ended(t), batch(n+1)) }()
		}
		synctest.Wait()
		require.Empty(t, done)
		goOn()
		for range 3 {
			require.NoError(t, <-done)
		}
		require.EqualValues(t, 3, requireBalanced(t, q).Records)
		require.NoError(t, q.Close())
	})
}

// TestWhatHasNoRoomIsGivenUpWhenTheInputEnds, also by those who wait behind one
// that goes on waiting.
func TestWhatHasNoRoomIsGivenUpWhenTheInputEnds(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		q, err := buffer.Open(dir, buffer.Options{MaxBytes: 64 << 10, FullAction: buffer.Block, Sync: buffer.SyncNever})
		require.NoError(t, err)
		stored := uint64(0)
		for ; q.Stats().Bytes+1100 < 64<<10; stored++ {
			require.NoError(t, q.Append(t.Context(), kilobyte()))
		}
		require.ErrorIs(t, q.Append(ended(t), kilobyte()), context.Canceled)
		waits := make(chan error, 1)
		go func() { waits <- q.Append(context.Background(), kilobyte()) }()
		synctest.Wait()
		behind, stop := context.WithCancel(t.Context())
		done := make(chan error, 5)
		for range 5 {
			go func() { done <- q.Append(behind, kilobyte()) }()
		}
		synctest.Wait()
		require.Empty(t, done)
		stop()
		synctest.Wait() // at once: no time passes
		require.Len(t, done, 5)
		for range 5 {
			require.ErrorIs(t, <-done, context.Canceled)
		}
		require.Empty(t, waits)
		require.Equal(t, stored, requireBalanced(t, q).Records)
		drain(t, q)
		require.NoError(t, <-waits)
		require.NoError(t, q.Close())
	})
}
