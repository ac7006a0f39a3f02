// Package inputs holds what the inputs in its sub-folders share: one stream used
// by several connections, identities for messages without a place of their own,
// and errors of listeners that name the setting to change.
//
// Invariant: a message counts as accepted only once Commit has returned for it.
package inputs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// CommitEvery is how often a silent input commits, so that what a decoder holds
// back is flushed in time.
const CommitEvery = time.Second

// Stream makes one message.Stream safe for several goroutines.
type Stream struct {
	mu sync.Mutex
	s  message.Stream
}

// Share wraps a stream; Close of the wrapper closes it.
func Share(s message.Stream) *Stream { return &Stream{s: s} }

// Repeats tells the stream, if it wants to know, that its source may send again
// what was accepted before.
func (s *Stream) Repeats() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.s.(interface{ Repeats() }); ok {
		r.Repeats()
	}
}

// Accept emits the messages and commits: when it returns nil they are in every
// queue that wants them. Calls wait for each other.
func (s *Stream) Accept(ctx context.Context, messages ...*message.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		if err := s.s.Emit(m); err != nil {
			return fmt.Errorf("emit message: %w", err)
		}
	}
	if _, err := s.s.Commit(ctx); err != nil {
		return fmt.Errorf("commit messages: %w", err)
	}
	return nil
}

// Emit takes one message without committing it.
func (s *Stream) Emit(m *message.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s.Emit(m)
}

// Commit commits what was emitted.
func (s *Stream) Commit(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.s.Commit(ctx)
	return err
}

// Close flushes and releases the stream, in ten seconds at most; it works after
// the context of Run has ended.
func (s *Stream) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.s.Close(ctx); err != nil {
		return fmt.Errorf("close stream: %w", err)
	}
	return nil
}

// Beat commits every CommitEvery until ctx ends.
func (s *Stream) Beat(ctx context.Context) error {
	ticker := time.NewTicker(CommitEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := s.Commit(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("commit messages: %w", err)
			}
		}
	}
}

// Identities hands out UUIDs that are unique without asking the kernel for each:
// a random start and a count. It may be used by several goroutines.
type Identities struct {
	once sync.Once
	seed uint64
	n    atomic.Uint64
}

// Next returns a new UUID.
func (i *Identities) Next() message.UUID {
	i.once.Do(func() {
		u := message.NewUUID()
		i.seed = binary.LittleEndian.Uint64(u[:8]) ^ binary.LittleEndian.Uint64(u[8:])
	})
	return message.DerivedUUID(i.seed, i.n.Add(1), 0)
}

// ListenError explains why a listener could not start and which setting of which
// input to change.
func ListenError(input, setting, address string, err error) error {
	hint := "check " + setting
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "another process listens there; stop it or change " + setting
	case errors.Is(err, syscall.EACCES):
		hint = "ports below 1024 need a privilege; change " + setting + " or grant CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "no interface of this host has that address; change " + setting
	case errors.As(err, &dns):
		hint = "the name does not resolve; change " + setting
	}
	return fmt.Errorf("listen on %s for input %s (%s): %w", address, input, hint, err)
}
