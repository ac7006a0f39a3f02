package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// script is an input that does what a function says.
type script func(ctx context.Context, s message.Stream) error

func (f script) Run(ctx context.Context, open message.OpenStream) error {
	s, err := open("script")
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, s), s.Close(context.WithoutCancel(ctx)))
}

// numbered emits the messages from..to-1, whose identities depend on nothing else.
func numbered(s message.Stream, from, to int) error {
	for n := from; n < to; n++ {
		m := message.Message{UUID: message.DerivedUUID(7, uint64(n), 0), Type: "log", Payload: fmt.Sprint(n)}
		if err := s.Emit(&m); err != nil {
			return err
		}
	}
	return nil
}

func wanted(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("log:%d", i))
	}
	return lines
}

// TestWhatIsReadAgainIsAcceptedOnce reads everything again in a second process,
// whose source had moved its position too late.
func TestWhatIsReadAgainIsAcceptedOnce(t *testing.T) {
	r := newRig(t, buffer.Options{})
	for process, upTo := range []int{30, 50} {
		done := make(chan error, 1)
		r.opt.Inputs[0].Input = script(func(ctx context.Context, s message.Stream) error {
			err := numbered(s, 0, upTo)
			if err == nil {
				_, err = s.Commit(ctx)
			}
			done <- err
			<-ctx.Done()
			return nil
		})
		_, stop := r.start()
		require.NoError(t, <-done)
		require.Eventually(t, func() bool { return r.queue.Stats().Messages == 0 }, time.Minute, time.Millisecond)
		require.NoError(t, stop())
		st := r.queue.Stats()
		require.EqualValues(t, upTo, st.Accepted)
		require.EqualValues(t, upTo, st.Delivered)
		require.EqualValues(t, process*30, st.Repeated)
		require.Equal(t, wanted(upTo), r.sink.lines())
	}
}

// TestASourceThatRepeatsAtAnyTime repeats within a batch, and after more messages
// than a stream asks about by itself.
func TestASourceThatRepeatsAtAnyTime(t *testing.T) {
	const many = 3 * buffer.Remembered
	r := newRig(t, buffer.Options{})
	done := make(chan error, 1)
	r.opt.Inputs[0].Input = script(func(ctx context.Context, s message.Stream) error {
		s.(interface{ Repeats() }).Repeats()
		err := errors.Join(numbered(s, 0, 10), numbered(s, 5, many), numbered(s, many-100, many))
		if err == nil {
			_, err = s.Commit(ctx)
		}
		done <- err
		<-ctx.Done()
		return nil
	})
	_, stop := r.start()
	require.NoError(t, <-done)
	require.NoError(t, stop())
	require.EqualValues(t, many, r.queue.Stats().Accepted)
	require.EqualValues(t, 105, r.queue.Stats().Repeated)
}

// TestASourceThatBeginsIsNotCompared costs no look-up for each record; what a
// process before this one has read is compared again.
func TestASourceThatBeginsIsNotCompared(t *testing.T) {
	r := newRig(t, buffer.Options{})
	for process, begins := range []bool{true, false} {
		done := make(chan error, 1)
		r.opt.Inputs[0].Input = script(func(ctx context.Context, s message.Stream) error {
			if begins {
				s.(interface{ Begins() }).Begins()
			}
			err := numbered(s, 0, 10)
			if _, commit := s.Commit(ctx); begins {
				err = errors.Join(err, commit, numbered(s, 0, 10)) // no source does this: it shows that nobody looks
			}
			done <- err
			<-ctx.Done()
			return nil
		})
		_, stop := r.start()
		require.NoError(t, <-done)
		require.NoError(t, stop())
		require.EqualValues(t, 20, r.queue.Stats().Accepted)
		require.EqualValues(t, process*10, r.queue.Stats().Repeated)
	}
}

// TestMessagesWithoutIdentityAreNotCompared: none of them is the repetition of
// another.
func TestMessagesWithoutIdentityAreNotCompared(t *testing.T) {
	r := newRig(t, buffer.Options{})
	done := make(chan error, 1)
	r.opt.Inputs[0].Input = script(func(ctx context.Context, s message.Stream) error {
		err := errors.Join(s.Emit(&message.Message{Payload: "a"}), s.Emit(&message.Message{Payload: "a"}))
		_, commit := s.Commit(ctx)
		done <- errors.Join(err, commit, s.Emit(&message.Message{Payload: "a"}))
		<-ctx.Done()
		return nil
	})
	_, stop := r.start()
	require.NoError(t, <-done)
	require.NoError(t, stop())
	require.EqualValues(t, 3, r.queue.Stats().Accepted)
}

// TestAStreamThatFailedConfirmsNothing: what was emitted before the failure is
// gone, and a later commit must not vouch for it, whoever asks.
func TestAStreamThatFailedConfirmsNothing(t *testing.T) {
	r := newRig(t, buffer.Options{MaxBytes: 40 << 10, FullAction: buffer.Block})
	r.sink.send = func([]byte) error { return errors.New("far side is down") }
	done := make(chan error, 2)
	r.opt.Inputs[0].Input = script(func(ctx context.Context, s message.Stream) error {
		var err error
		for err == nil { // until the queue is full
			m := message.Message{UUID: message.NewUUID(), Payload: string(make([]byte, 3000))}
			brief, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			err = errors.Join(s.Emit(&m), second(s.Commit(brief)))
			cancel()
		}
		done <- err
		done <- second(s.Commit(ctx))
		<-ctx.Done()
		return nil
	})
	_, stop := r.start()
	require.ErrorIs(t, <-done, context.DeadlineExceeded)
	require.ErrorIs(t, <-done, context.DeadlineExceeded)
	require.NoError(t, stop())
}

func second(_ int, err error) error { return err }

// TestABatchFitsIntoASmallQueue commits more at once than the queue can hold: with
// block all of it gets through.
func TestABatchFitsIntoASmallQueue(t *testing.T) {
	r := newRig(t, buffer.Options{MaxBytes: 64 << 10, FullAction: buffer.Block})
	const many = 20_000
	done := make(chan error, 1)
	r.opt.Inputs[0].Input = script(func(ctx context.Context, s message.Stream) error {
		err := numbered(s, 0, many)
		if err == nil {
			_, err = s.Commit(ctx)
		}
		done <- err
		<-ctx.Done()
		return nil
	})
	_, stop := r.start()
	require.NoError(t, <-done)
	require.NoError(t, stop())
	require.Empty(t, r.queue.Stats().Dropped)
	require.EqualValues(t, many, r.queue.Stats().Accepted)
	require.Equal(t, wanted(many), r.sink.lines())
}
