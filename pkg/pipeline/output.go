package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// BatchOptions say how many queued records go into one Send. The zero value
// sends each record as it comes.
type BatchOptions struct {
	Bytes    int           // stop gathering at this size
	Count    int           // or at this many messages
	Interval time.Duration // or after this time
}

// outputRunner is the goroutine of one output, and the door to its queue.
type outputRunner struct {
	p          *Pipeline
	spec       OutputSpec
	maxPending int // bytes of a batch that wait for a commit
	index      int
	halt       context.Context // ends when appends must give up
	stopAll    context.CancelFunc
	pause      *backoff
	dead       *deadLetters
	failing    atomic.Bool
	full       atomic.Bool
	badItem    atomic.Bool
	records    []buffer.Record // memory of gather
	batch      batch
}

func newOutputRunner(p *Pipeline, spec OutputSpec, index int) *outputRunner {
	spec.Retry = spec.Retry.withDefaults()
	o := &outputRunner{
		p: p, spec: spec, index: index,
		pause: newBackoff(spec.Retry), dead: newDeadLetters(spec.Name, spec.DeadLetter, p.log, p.now),
	}
	o.maxPending = int(min(maxPending, spec.Queue.Stats().MaxBytes/pendingShare))
	o.halt, o.stopAll = context.WithCancel(context.Background())
	return o
}

// append puts a batch into the queue, which has it from then on. A full queue is
// no error: the queue has counted the drop.
func (o *outputRunner) append(ctx context.Context, rec buffer.Record) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(o.halt, cancel)()
	err := o.spec.Queue.AppendBatch(ctx, rec)
	switch {
	case err == nil:
		if o.full.Swap(false) {
			o.p.log.Info("queue takes messages again", "output", o.spec.Name)
		}
		return nil
	case errors.Is(err, buffer.ErrFull):
		if !o.full.Swap(true) {
			o.p.log.Warn("queue is full, messages are dropped and counted", "output", o.spec.Name, "error", err)
		}
		return nil
	case errors.Is(err, buffer.ErrShutdown):
		o.p.fail(fmt.Errorf("output %s: %w", o.spec.Name, err))
	}
	return fmt.Errorf("queue for output %s: %w", o.spec.Name, err)
}

func (o *outputRunner) stopAppending() { o.stopAll() }

// encodeFailed counts a message that cannot be written in the output's format.
func (o *outputRunner) encodeFailed(err error) {
	o.p.obs.Count("output", o.spec.Name, "encode_failures", 1)
	if !o.badItem.Swap(true) {
		o.p.log.Warn("a message cannot be encoded and is left out; further ones are counted only", "output", o.spec.Name, "error", err)
	}
}

// busy reports whether waiting may still empty the queue.
func (o *outputRunner) busy() bool {
	return !o.failing.Load() && o.spec.Queue.Stats().Messages > 0
}

func (o *outputRunner) run(ctx context.Context) {
	defer o.dead.close()
	for ctx.Err() == nil {
		records, err := o.gather(ctx)
		if err != nil {
			if !errors.Is(err, buffer.ErrClosed) && ctx.Err() == nil {
				o.p.log.Error("reading the queue failed", "output", o.spec.Name, "error", err)
				sleep(ctx, time.Second)
				continue
			}
			return
		}
		outcome, done := o.deliver(ctx, o.batchOf(records), count(records))
		if !done {
			return // what is not settled is sent again after the restart
		}
		o.settle(records, outcome)
		o.dead.tell(false)
	}
}

// gather takes records from the queue until a batch is large or old enough.
func (o *outputRunner) gather(ctx context.Context) (records []buffer.Record, err error) {
	first, err := o.spec.Queue.Next(ctx)
	if err != nil {
		return nil, err
	}
	records = append(o.records[:0], first)
	size, messages, limit := len(first.Data), first.Count, o.spec.Batch
	if limit.Interval <= 0 || size >= limit.Bytes {
		return records, nil
	}
	waiting, cancel := context.WithTimeout(ctx, limit.Interval)
	defer cancel()
	for size < limit.Bytes && (limit.Count <= 0 || messages < limit.Count) && len(records) < maxInFlight {
		rec, err := o.spec.Queue.Next(waiting)
		if err != nil {
			break // the time is up, or the next call says why
		}
		records = append(records, rec)
		size += len(rec.Data)
		messages += rec.Count
	}
	o.records = records
	return records, nil
}

// maxInFlight bounds the records of one batch; MaxInFlight tells the opener of
// the queue.
const maxInFlight = 64

// MaxInFlight is the Options.InFlight a queue needs so that its records can be
// gathered into batches.
const MaxInFlight = maxInFlight

func count(records []buffer.Record) (n int) {
	for _, r := range records {
		n += r.Count
	}
	return n
}

// deliver sends a batch until all of it is confirmed, refused for good or given
// up. done is false when ctx ended before that.
func (o *outputRunner) deliver(ctx context.Context, b *batch, messages int) (outcome buffer.Outcome, done bool) {
	o.pause.reset()
	left := messages // neither confirmed nor refused
	for attempt := 1; ; attempt++ {
		if o.spec.Gate != nil && !o.spec.Gate() {
			outcome.Dropped = left
			o.p.obs.Count("output", o.spec.Name, "standby", outcome.Dropped)
			return outcome, true
		}
		err := o.attempt(ctx, b)
		if err == nil {
			o.recovered()
			return outcome, true
		}
		var partial *message.SendError
		after, progress := time.Duration(0), false
		switch {
		case errors.As(err, &partial):
			o.dead.add(partial.Rejected, len(partial.Rejected))
			outcome.DeadLettered += len(partial.Rejected)
			if left = messages - outcome.DeadLettered; partial.Waiting > 0 {
				left = min(left, partial.Waiting)
			}
			if len(partial.Retry) == 0 {
				o.recovered()
				return outcome, true
			}
			progress = len(partial.Retry) < b.size()
			b.set(append([]byte(nil), partial.Retry...))
			after = partial.After
		case errors.Is(err, message.ErrPermanent):
			o.dead.add([]message.Rejected{{Item: b.whole(), Reason: err.Error()}}, left)
			outcome.DeadLettered += left
			return outcome, true
		}
		if ctx.Err() != nil {
			return outcome, false
		}
		if o.spec.Retry.MaxRetries > 0 && attempt > o.spec.Retry.MaxRetries {
			outcome.Dropped = left
			return outcome, true
		}
		o.p.obs.Count("output", o.spec.Name, "retries", 1)
		if progress {
			o.pause.reset()
			attempt = 0
		} else {
			o.failed(err)
		}
		if !sleep(ctx, o.pause.next(after)) {
			return outcome, false
		}
	}
}

func (o *outputRunner) attempt(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, o.spec.Retry.Timeout)
	defer cancel()
	return o.p.guard(o.spec.Name, func() error {
		if out, ok := o.spec.Output.(PartsOutput); ok && len(b.parts) > 1 {
			return out.SendParts(ctx, b.parts)
		}
		return o.spec.Output.Send(ctx, b.whole())
	})
}

func (o *outputRunner) failed(err error) {
	if !o.failing.Swap(true) {
		o.p.log.Warn("sending failed, trying again until it works", "output", o.spec.Name, "error", err)
	}
}

func (o *outputRunner) recovered() {
	if o.failing.Swap(false) {
		o.p.log.Info("sending works again", "output", o.spec.Name)
	}
}

// settle ends a batch in the queue.
func (o *outputRunner) settle(records []buffer.Record, outcome buffer.Outcome) {
	if err := o.spec.Queue.SettleAll(records, outcome); err != nil {
		o.p.log.Error("settling a batch failed", "output", o.spec.Name, "records", len(records), "error", err)
	}
}
