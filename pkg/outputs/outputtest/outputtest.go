// Package outputtest is the suite that every output passes: HTTP for those that
// wait for an answer to a request, Stream for those that write to a connection.
// It puts the output before a far side that is slow, refuses, hangs, closes half
// way, answers errors, accepts a part, shows a wrong certificate, has no address,
// or restarts, and checks after each that the output told the truth.
//
// Invariant of a case: what Send said was delivered is at the far side, and what
// the far side can never take does not come back for ever.
package outputtest

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Output is what the suite tests.
type Output interface {
	Send(ctx context.Context, batch []byte) error
}

const (
	patience = time.Minute            // for something that must happen
	brief    = 300 * time.Millisecond // a deadline that is meant to pass
	prompt   = 3 * time.Second        // for one attempt, of which more may follow
)

// store counts by id what a far side accepted.
type store struct {
	mu  sync.Mutex
	ids map[string]int
}

func (s *store) add(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[string]int{}
	}
	for _, id := range ids {
		s.ids[id]++
	}
}

func (s *store) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[id] > 0
}

// requireAll checks that the items 0 to n-1 but those excepted are there.
func (s *store) requireAll(t *testing.T, n int, except ...string) {
	t.Helper()
	missing := func() (names []string) {
		for i := range n {
			if id := strconv.Itoa(i); !s.has(id) {
				names = append(names, id)
			}
		}
		return names
	}
	deadline := time.Now().Add(patience)
	for len(missing()) > len(except) && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond) // a far side reads at its own pace
	}
	require.ElementsMatch(t, except, missing(), "items missing at the far side")
}

// Deliver sends b as the pipeline does: again and again what is to be repeated,
// until nothing is left. It returns the items that were refused for good.
func Deliver(t *testing.T, out Output, b []byte) []message.Rejected {
	t.Helper()
	return deliver(t, out, b, patience)
}

func deliver(t *testing.T, out Output, b []byte, limit time.Duration) []message.Rejected {
	t.Helper()
	var rejected []message.Rejected
	var last error
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(t.Context(), prompt)
		err := out.Send(ctx, b)
		cancel()
		last = err
		var partial *message.SendError
		switch {
		case err == nil:
			return rejected
		case errors.As(err, &partial):
			rejected = append(rejected, partial.Rejected...)
			if b = partial.Retry; len(b) == 0 {
				return rejected
			}
		case errors.Is(err, message.ErrPermanent):
			return append(rejected, message.Rejected{Item: b, Reason: err.Error()})
		}
		time.Sleep(10 * time.Millisecond) // the far side is being restarted
	}
	require.Fail(t, "the batch was not delivered in time", "%v", last)
	return nil
}

// DeliverThroughCrashes delivers the batches one by one while crash takes the far
// side down and brings it up again, and requires that none was refused.
func DeliverThroughCrashes(t *testing.T, out Output, batches [][]byte, crash func()) {
	t.Helper()
	half := make(chan struct{})
	crashed := make(chan struct{})
	go func() {
		defer close(crashed)
		<-half
		crash()
	}()
	for i, b := range batches {
		if i == len(batches)/2 {
			close(half)
		}
		require.Empty(t, deliver(t, out, b, time.Minute))
	}
	<-crashed
}

// failsForNow sends and requires an error that promises nothing and gives
// nothing up: the whole batch is to be sent again.
func failsForNow(t *testing.T, out Output, b []byte, limit time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	start := time.Now()
	err := out.Send(ctx, b)
	require.Error(t, err)
	require.Less(t, time.Since(start), limit+patience, "it must notice the end of its context")
	require.NotErrorIs(t, err, message.ErrPermanent)
	var partial *message.SendError
	if errors.As(err, &partial) {
		require.Empty(t, partial.Rejected, "nothing may be given up")
		require.Equal(t, string(b), string(partial.Retry), "the whole batch is to be sent again")
	}
	return err
}

// unusedAddress returns an address at which nobody listens.
func unusedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// canceled checks that Send ends soon after its context does.
func canceled(t *testing.T, out Output, b []byte, reached <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- out.Send(ctx, b) }()
	select {
	case <-reached:
	case err := <-result:
		require.Fail(t, "it returned before it was canceled", "%v", err)
	case <-time.After(patience):
		require.Fail(t, "nothing reached the far side")
	}
	cancel()
	select {
	case err := <-result:
		require.Error(t, err)
		require.NotErrorIs(t, err, message.ErrPermanent)
	case <-time.After(patience):
		require.Fail(t, "it did not notice that its context was canceled")
	}
}
