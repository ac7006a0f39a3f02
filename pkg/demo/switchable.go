package demo

import (
	"context"
	"sync"
)

// switchable is a daemon that can be stopped and started again.
type switchable struct {
	start func(ctx context.Context) error

	mu     sync.Mutex
	on     bool
	change chan struct{}
}

func newSwitchable(start func(ctx context.Context) error) *switchable {
	return &switchable{start: start, on: true, change: make(chan struct{}, 1)}
}

func (s *switchable) set(on bool) {
	s.mu.Lock()
	s.on = on
	s.mu.Unlock()
	select {
	case s.change <- struct{}{}:
	default:
	}
}

func (s *switchable) wanted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on
}

// run keeps the daemon as it is wanted until ctx is done.
func (s *switchable) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if !s.wanted() {
			select {
			case <-ctx.Done():
			case <-s.change:
			}
			continue
		}
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- s.start(running) }()
		err := s.watch(ctx, done)
		stop()
		if err != nil {
			return err
		}
		if err := <-done; err != nil && ctx.Err() == nil && s.wanted() {
			return err
		}
	}
	return nil
}

// watch waits until the daemon is unwanted, ended, or ctx is done.
func (s *switchable) watch(ctx context.Context, done chan error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-done:
			done <- nil // the caller takes it
			return err
		case <-s.change:
			if !s.wanted() {
				return nil
			}
		}
	}
}
