package inputs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// ErrFull is the answer of an Intake whose queue stayed full.
var ErrFull = errors.New("the pipeline takes no more for now")

// ErrEnded is the answer of an Intake that serves nobody any more.
var ErrEnded = errors.New("the input has ended")

// Intake hands messages from many goroutines to one stream, through a short
// queue, so that none of them is caught when the stream blocks.
//
//	callers (n) --> queue --> Run (1): emits all that wait, commits, answers
type Intake struct {
	queue chan job
}

type job struct {
	messages []*message.Message
	settled  func(error) // nil: nobody asks
	done     chan error  // has room for the one answer
}

// end tells everybody what became of the job.
func (j job) end(err error) {
	if j.settled != nil {
		j.settled(err)
	}
	j.done <- err
}

// NewIntake makes an intake whose queue holds size calls.
func NewIntake(size int) *Intake { return &Intake{queue: make(chan job, size)} }

// Run serves the intake until ctx ends, and then closes s.
func (in *Intake) Run(ctx context.Context, s message.Stream) error {
	stream := Share(s)
	defer in.giveUp()
	ticker := time.NewTicker(CommitEvery)
	defer ticker.Stop()
	var batch []job
	for {
		batch = batch[:0]
		select {
		case <-ctx.Done():
			return stream.Close()
		case <-ticker.C:
			if err := stream.Commit(ctx); err != nil && ctx.Err() == nil {
				return errors.Join(fmt.Errorf("commit messages: %w", err), stream.Close())
			}
		case j := <-in.queue:
			batch = in.waiting(append(batch, j))
			if err := in.serve(ctx, stream, batch); err != nil && ctx.Err() == nil {
				return errors.Join(err, stream.Close())
			}
		}
	}
}

// giveUp ends the jobs that nobody will serve.
func (in *Intake) giveUp() {
	for {
		select {
		case j := <-in.queue:
			j.end(fmt.Errorf("store %d messages: %w", len(j.messages), ErrEnded))
		default:
			return
		}
	}
}

// waiting adds what else is in the queue, so that one commit serves all of it.
func (in *Intake) waiting(batch []job) []job {
	for len(batch) < cap(in.queue) {
		select {
		case j := <-in.queue:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

func (in *Intake) serve(ctx context.Context, stream *Stream, batch []job) error {
	var err error
	for _, j := range batch {
		for _, m := range j.messages {
			if err == nil {
				err = stream.Emit(m)
			}
		}
	}
	if err == nil {
		err = stream.Commit(ctx)
	}
	for _, j := range batch {
		j.end(err)
	}
	if err != nil {
		return fmt.Errorf("accept messages: %w", err)
	}
	return nil
}

// Offer hands over messages, which belong to the intake from then on, and waits
// until they are committed. When ctx ends first the error wraps ErrFull; taken
// tells whether the messages are on their way nevertheless. settled, unless nil, is
// called once for messages that were taken, by the goroutine that serves them, with
// what became of them.
func (in *Intake) Offer(ctx context.Context, settled func(error), messages ...*message.Message) (taken bool, err error) {
	j := job{messages, settled, make(chan error, 1)}
	select {
	case in.queue <- j:
	case <-ctx.Done():
		return false, fmt.Errorf("hand over %d messages: %w", len(messages), ErrFull)
	}
	select {
	case err := <-j.done:
		return err == nil, err
	case <-ctx.Done():
		return true, fmt.Errorf("wait for %d messages to be stored: %w", len(messages), ErrFull)
	}
}

// TryOffer hands over messages without waiting for anything; false means the
// queue is full and they were not taken.
func (in *Intake) TryOffer(messages ...*message.Message) bool {
	select {
	case in.queue <- job{messages, nil, make(chan error, 1)}:
		return true
	default:
		return false
	}
}
