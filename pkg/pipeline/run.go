package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Run moves messages until ctx is done, or until a part of the pipeline fails in
// a way that only a stop can answer. It returns when everything has drained, or
// DrainTimeout after the last filter stopped; what is undelivered then stays in
// the queues.
func (p *Pipeline) Run(ctx context.Context) error {
	// Values of ctx go on; its end does not, because the parts end in order.
	base := context.WithoutCancel(ctx)
	sending, stopSending := context.WithCancel(base)
	defer stopSending()
	var senders sync.WaitGroup
	for _, o := range p.outputs {
		senders.Go(func() { o.run(sending) })
	}
	for _, f := range p.filters {
		go f.run(base)
	}
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	var readers sync.WaitGroup
	for _, spec := range p.opt.Inputs {
		readers.Go(func() { p.runInput(reading, spec) })
	}

	var err error
	select {
	case <-ctx.Done():
	case err = <-p.fatal:
	}
	stopReading()
	p.releaseBlocked(base, &readers)
	for _, f := range p.filters {
		f.stop()
	}
	p.drain(stopSending, &senders)
	return err
}

// releaseBlocked waits for the inputs. One that is held by a full queue with
// full_action block gets DrainTimeout until room comes; then appends give up, and
// its records are read again after the restart.
func (p *Pipeline) releaseBlocked(ctx context.Context, readers *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { readers.Wait(); close(done) }()
	select {
	case <-done:
		return
	case <-time.After(p.opt.DrainTimeout):
	}
	for _, o := range p.outputs {
		o.stopAppending()
	}
	<-done
}

// drain gives the senders DrainTimeout to empty their queues.
func (p *Pipeline) drain(stop context.CancelFunc, senders *sync.WaitGroup) {
	deadline := time.Now().Add(p.opt.DrainTimeout)
	for _, o := range p.outputs {
		for o.busy() && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
	}
	stop()
	senders.Wait()
}

// runInput keeps an input running; one that returns early is started again with
// growing pauses, because a port or a server may come back.
func (p *Pipeline) runInput(ctx context.Context, spec InputSpec) {
	pause := newBackoff(RetryOptions{Delay: time.Second, MaxDelay: time.Minute})
	for attempt := 1; ; attempt++ {
		started := p.now()
		err := p.guard(spec.Name, func() error {
			return spec.Input.Run(ctx, func(stream string) (message.Stream, error) { return p.openStream(spec, stream) })
		})
		if ctx.Err() != nil {
			return
		}
		if attempt == 1 && cannotListen(err) {
			p.fail(&ConfigError{fmt.Errorf("input %s: %w", spec.Name, err)})
			return
		}
		if err == nil {
			p.log.Info("input ended", "input", spec.Name)
			return
		}
		p.obs.Count("input", spec.Name, "restarts", 1)
		if p.now().Sub(started) > time.Minute {
			pause.reset()
		}
		wait := pause.next(0)
		p.log.Error("input failed, starting it again", "input", spec.Name, "error", err, "pause", wait)
		if !sleep(ctx, wait) {
			return
		}
	}
}

// cannotListen tells the errors of a listener whose address is wrong or taken.
// At the start they end the daemon: someone is there to read why.
func cannotListen(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// ConfigError is an error of the running pipeline that a change of the
// configuration cures.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// guard turns a panic of a plugin into an error, so that it ends that plugin and
// not the daemon.
func (p *Pipeline) guard(name string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("plugin %s panicked: %v", name, r)
			p.obs.Count("plugin", name, "panics", 1)
		}
	}()
	return f()
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
