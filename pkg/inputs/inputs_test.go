package inputs_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

type stream struct {
	mu      sync.Mutex
	emitted int
	durable int
	commits int
	closed  bool
	gate    chan struct{} // Emit waits for it
	fail    error
}

func (s *stream) Emit(*message.Message) error {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emitted++
	return nil
}

func (s *stream) Commit(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits++
	s.durable = s.emitted
	return 0, s.fail
}

func (s *stream) counts() (durable, commits int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable, s.commits
}

func (s *stream) Close(context.Context) error { s.closed = true; return nil }

func TestIntakeAnswersAfterCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stream{}
		in := inputs.NewIntake(4)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- in.Run(ctx, s) }()
		taken, err := in.Offer(ctx, nil, &message.Message{}, &message.Message{})
		require.NoError(t, err)
		require.True(t, taken)
		durable, before := s.counts()
		require.Equal(t, 2, durable)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		_, after := s.counts()
		require.GreaterOrEqual(t, after, before+2, "a silent intake commits too")
		cancel()
		require.NoError(t, <-done)
		require.True(t, s.closed)
	})
}

func TestIntakeNeverCatchesItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stream{gate: make(chan struct{})}
		in := inputs.NewIntake(1)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- in.Run(ctx, s) }()
		offer := func() (bool, error) {
			bounded, stop := context.WithTimeout(ctx, time.Second)
			defer stop()
			return in.Offer(bounded, nil, &message.Message{})
		}
		taken, err := offer()
		require.ErrorIs(t, err, inputs.ErrFull)
		require.True(t, taken, "it is on its way")
		require.True(t, in.TryOffer(&message.Message{}))
		require.False(t, in.TryOffer(&message.Message{}))
		taken, err = offer()
		require.ErrorIs(t, err, inputs.ErrFull)
		require.False(t, taken)
		close(s.gate)
		synctest.Wait()
		taken, err = offer()
		require.NoError(t, err)
		require.True(t, taken)
		require.Equal(t, 3, s.durable)
		cancel()
		require.NoError(t, <-done)
	})
}

func TestIntakeEndsWithItsStream(t *testing.T) {
	full := errors.New("disk full")
	s := &stream{fail: full}
	in := inputs.NewIntake(1)
	done := make(chan error, 1)
	go func() { done <- in.Run(t.Context(), s) }()
	_, err := in.Offer(t.Context(), nil, &message.Message{})
	require.ErrorIs(t, err, full)
	require.ErrorIs(t, <-done, full)
}

func TestIdentitiesDiffer(t *testing.T) {
	var a, b inputs.Identities
	seen := map[message.UUID]bool{}
	for range 1000 {
		seen[a.Next()], seen[b.Next()] = true, true
	}
	require.Len(t, seen, 2000)
}

func TestLimitListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l = inputs.LimitListener(l, 1)
	accepted := make(chan net.Conn, 2)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	for range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer c.Close()
	}
	first := <-accepted
	select {
	case <-accepted:
		t.Fatal("a second connection was accepted")
	case <-time.After(50 * time.Millisecond):
	}
	require.NoError(t, first.Close())
	second := <-accepted
	require.NoError(t, l.Close())
	require.NoError(t, second.Close())
	_, open := <-accepted
	require.False(t, open)
}

func TestListenErrorNamesTheSetting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = net.Listen("tcp", l.Addr().String())
	require.ErrorContains(t, inputs.ListenError("relay", "port", l.Addr().String(), err), "change port")
	_, err = net.Listen("tcp", "198.51.100.7:1")
	require.ErrorContains(t, inputs.ListenError("relay", "address", "198.51.100.7:1", err), "no interface of this host")
}
