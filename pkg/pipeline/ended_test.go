package pipeline_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
)

// tally is a filter that counts, and lives on over reloads.
type tally struct {
	counted atomic.Int64
	took    chan struct{} // nil: it is quick
	goOn    chan struct{}
}

func (c *tally) Process(*message.Message, message.Emit) error {
	if c.took != nil && c.counted.Load() == 0 {
		close(c.took)
		<-c.goOn
	}
	c.counted.Add(1)
	return nil
}

func (c *tally) Tick(time.Time, message.Emit) error { return nil }

// TestABatchThatIsCommittedWhileTheInputEndsIsCountedOnce reloads again and again
// while a source, which repeats what was not confirmed, has sent a batch.
func TestABatchThatIsCommittedWhileTheInputEndsIsCountedOnce(t *testing.T) {
	const reloads = 40
	r := newRig(t, buffer.Options{})
	filter := &tally{}
	confirmed := 0
	for range reloads {
		emitted, done := make(chan struct{}), make(chan error, 1)
		r.opt.Filters = []pipeline.FilterSpec{filterSpec("tally", "TRUE", filter)}
		r.opt.Inputs[0].Input = script(func(ctx context.Context, s message.Stream) error {
			s.(interface{ Repeats() }).Repeats()
			err := numbered(s, 10*confirmed, 10*confirmed+10)
			close(emitted)
			<-ctx.Done()
			if err == nil {
				_, err = s.Commit(ctx)
			}
			done <- err
			return nil
		})
		_, stop := r.start()
		<-emitted
		require.NoError(t, stop())
		if <-done == nil {
			confirmed++
		}
	}
	require.EqualValues(t, 10*confirmed, r.queue.Stats().Accepted)
	require.EqualValues(t, 10*confirmed, filter.counted.Load())
	require.Equal(t, reloads, confirmed)
}

// TestABatchIsNotHalfCountedBecauseOneFilterIsBusy ends an input while one filter
// has no room for a moment and another one has.
func TestABatchIsNotHalfCountedBecauseOneFilterIsBusy(t *testing.T) {
	r := newRig(t, buffer.Options{})
	quick, busy := &tally{}, &tally{took: make(chan struct{}), goOn: make(chan struct{})}
	r.opt.Filters = []pipeline.FilterSpec{filterSpec("quick", "TRUE", quick), filterSpec("busy", "TRUE", busy)}
	const (
		batch   = 128 // what goes to two filters at a time
		full    = 65  // one is with the filter, 64 wait
		batches = full + 2
	)
	ready, ends, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	r.opt.Inputs[0].Input = script(func(ctx context.Context, s message.Stream) error {
		err := numbered(s, 0, batch)
		<-busy.took
		if err == nil {
			err = numbered(s, batch, full*batch)
		}
		close(ready)
		<-ctx.Done()
		close(ends)
		if err == nil {
			_, err = s.Commit(ctx) // its context is that of what follows, too
		}
		if err == nil {
			err = numbered(s, full*batch, batches*batch)
		}
		if err == nil {
			_, err = s.Commit(ctx)
		}
		done <- err
		return nil
	})
	_, stop := r.start()
	<-ready
	go func() {
		<-ends
		for quick.counted.Load() < (full+1)*batch { // the batch that the other one has no room for
			time.Sleep(time.Millisecond)
		}
		close(busy.goOn)
	}()
	require.NoError(t, stop())
	require.NoError(t, <-done)
	require.EqualValues(t, batches*batch, quick.counted.Load())
	require.EqualValues(t, batches*batch, busy.counted.Load())
	require.EqualValues(t, batches*batch, r.queue.Stats().Accepted)
}
