package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

const inboxBatches = 64

// ErrTerminated is wrapped by a Filter's error when the filter cannot go on: it
// is thrown away and made anew. Any other error concerns one message only.
var ErrTerminated = errors.New("plugin terminated")

// filterRunner is the goroutine of one filter, and its supervisor.
type filterRunner struct {
	p       *Pipeline
	spec    FilterSpec
	index   int
	inbox   chan []*message.Message
	done    chan struct{}
	filter  Filter
	e       *emitter
	pause   *backoff
	retryAt time.Time
	since   time.Time // when the filter was made
	failing bool
}

func newFilterRunner(p *Pipeline, spec FilterSpec, index int) *filterRunner {
	return &filterRunner{
		p: p, spec: spec, index: index, filter: spec.Running,
		inbox: make(chan []*message.Message, inboxBatches), done: make(chan struct{}),
		pause: newBackoff(RetryOptions{Delay: time.Second, MaxDelay: time.Minute}),
	}
}

// put hands a batch over. A filter that has not made room for slowFilter loses
// it: one slow filter must not stop the others' data. An input that is to end
// waits no shorter: what the filters before this one have counted would be given
// up, read again, and counted twice.
func (f *filterRunner) put(batch []*message.Message) {
	select {
	case f.inbox <- batch:
		return
	default:
	}
	t := time.NewTimer(slowFilter)
	defer t.Stop()
	select {
	case f.inbox <- batch:
	case <-t.C:
		f.p.obs.Count("filter", f.spec.Name, "dropped_slow", len(batch))
	}
}

// stop lets the filter finish and waits for it; nothing may put any more.
func (f *filterRunner) stop() {
	close(f.inbox)
	<-f.done
}

func (f *filterRunner) run(ctx context.Context) {
	defer close(f.done)
	f.e = f.p.newEmitter(ctx, f.spec.Name, f.index)
	var tick <-chan time.Time
	if f.spec.Ticker > 0 {
		t := time.NewTicker(f.spec.Ticker)
		defer t.Stop()
		tick = t.C
	}
	f.start()
	for {
		select {
		case batch, open := <-f.inbox:
			if !open {
				f.tick()
				return
			}
			f.process(batch)
		case <-tick:
			f.tick()
		}
	}
}

// start makes the filter unless it runs already or was terminated a moment ago.
func (f *filterRunner) start() bool {
	if f.filter != nil {
		return true
	}
	if f.p.now().Before(f.retryAt) {
		return false
	}
	filter, err := f.spec.New()
	if err != nil {
		f.terminated(fmt.Errorf("start: %w", err))
		return false
	}
	f.filter, f.since = filter, f.p.now()
	return true
}

func (f *filterRunner) process(batch []*message.Message) {
	if !f.start() {
		f.p.obs.Count("filter", f.spec.Name, "dropped_down", len(batch))
		return
	}
	processed := 0
	for _, m := range batch {
		processed++
		if !f.outcome(f.p.guard(f.spec.Name, func() error { return f.filter.Process(m, f.e.emit) })) {
			break
		}
	}
	f.p.obs.Count("filter", f.spec.Name, "processed", processed)
	f.flush()
}

func (f *filterRunner) tick() {
	if f.start() {
		f.outcome(f.p.guard(f.spec.Name, func() error { return f.filter.Tick(f.p.now(), f.e.emit) }))
	}
	f.flush()
}

func (f *filterRunner) flush() {
	if err := f.e.flush(); err != nil && !errors.Is(err, context.Canceled) {
		f.p.log.Error("queueing a filter's messages failed", "filter", f.spec.Name, "error", err)
	}
}

// outcome judges the error of one call and reports whether the filter lives on.
func (f *filterRunner) outcome(err error) bool {
	switch {
	case err == nil:
		if f.failing {
			f.failing = false
			f.p.log.Info("filter works again", "filter", f.spec.Name)
		}
		return true
	case errors.Is(err, ErrTerminated):
		f.terminated(err)
		return false
	}
	f.p.obs.Count("filter", f.spec.Name, "failures", 1)
	if !f.failing {
		f.failing = true
		f.p.log.Warn("filter refused a message", "filter", f.spec.Name, "error", err)
	}
	return true
}

// terminated tells the world that the filter is gone; it is made anew after a
// pause that grows while it keeps dying.
func (f *filterRunner) terminated(cause error) {
	if c, ok := f.filter.(interface{ Close() error }); ok {
		_ = c.Close() // it failed already; its own error is the one to report
	}
	f.filter = nil
	if f.p.now().Sub(f.since) > 10*time.Minute {
		f.pause.reset()
	}
	wait := f.pause.next(0)
	f.retryAt = f.p.now().Add(wait)
	f.p.obs.Count("filter", f.spec.Name, "terminations", 1)
	f.p.log.Error("filter terminated", "filter", f.spec.Name, "error", cause, "restart_in", wait)
	m := &message.Message{UUID: message.NewUUID(), Timestamp: f.p.now().UnixNano(), Type: "heka.sandbox-terminated", Logger: "hekad", Payload: cause.Error()}
	m.AddString("plugin", f.spec.Name)
	if err := f.e.emit(m); err != nil {
		f.p.log.Error("reporting a termination failed", "filter", f.spec.Name, "error", err)
	}
}
