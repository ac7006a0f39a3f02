package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
)

// feed is an input that emits what it is given, commits, and reports.
type feed struct {
	records   chan string
	committed chan error
}

func newFeed() *feed { return &feed{records: make(chan string), committed: make(chan error, 100)} }

func (f *feed) Run(ctx context.Context, open message.OpenStream) error {
	s, err := open("feed")
	if err != nil {
		return err
	}
	defer s.Close(context.WithoutCancel(ctx))
	for {
		select {
		case <-ctx.Done():
			return nil
		case text := <-f.records:
			m := message.Message{UUID: message.NewUUID(), Type: "log", Payload: text}
			err := s.Emit(&m)
			if err == nil {
				_, err = s.Commit(ctx)
			}
			f.committed <- err
		}
	}
}

// lines encodes "type:payload" and a line feed; the payload "bad" fails.
type lines struct{}

func (lines) Encode(dst []byte, m *message.Message) ([]byte, error) {
	switch m.Payload {
	case "bad":
		return append(dst, "half"...), errors.New("cannot encode")
	case "skip":
		return dst, nil
	}
	return fmt.Appendf(dst, "%s:%s\n", m.Type, m.Payload), nil
}

// sink is an output whose behaviour a test sets.
type sink struct {
	mu   sync.Mutex
	got  []string
	send func(batch []byte) error
}

func (s *sink) Send(_ context.Context, batch []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.send != nil {
		if err := s.send(batch); err != nil {
			return err
		}
	}
	s.got = append(s.got, strings.Split(strings.TrimSuffix(string(batch), "\n"), "\n")...)
	return nil
}

func (s *sink) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.got...)
}

// counter is an Observer.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) Count(stage, name, event string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[stage+"/"+name+"/"+event] += n
}

func (c *counter) get(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[key]
}

type rig struct {
	t     *testing.T
	feed  *feed
	sink  *sink
	queue *buffer.Queue
	opt   pipeline.Options
	obs   *counter
	dir   string
}

func newRig(t *testing.T, queue buffer.Options) *rig {
	t.Helper()
	r := &rig{t: t, feed: newFeed(), sink: &sink{}, obs: &counter{}, dir: t.TempDir()}
	queue.InFlight = pipeline.MaxInFlight
	var err error
	r.queue, err = buffer.Open(filepath.Join(r.dir, "queue"), queue)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.queue.Close() })
	r.opt = pipeline.Options{
		DrainTimeout: 2 * time.Second,
		Inputs:       []pipeline.InputSpec{{Name: "feed", Input: r.feed}},
		Outputs: []pipeline.OutputSpec{{
			Name: "sink", Matcher: matcher.MustParse("TRUE"), NewEncoder: func() pipeline.Encoder { return lines{} }, Output: r.sink, Queue: r.queue,
			Retry:      pipeline.RetryOptions{Delay: time.Millisecond, MaxDelay: 2 * time.Millisecond},
			DeadLetter: filepath.Join(r.dir, "dead-letter", "sink.ndjson"),
		}},
	}
	return r
}

// start runs the pipeline; the returned function stops it and waits.
func (r *rig) start() (p *pipeline.Pipeline, stop func() error) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	p = pipeline.New(r.opt, r.obs)
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return p, func() error { cancel(); return <-done }
}

func (r *rig) put(texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		r.feed.records <- text
		require.NoError(r.t, <-r.feed.committed)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRecordsReachTheOutputAndShutdownDrains(t *testing.T) {
	r := newRig(t, buffer.Options{})
	_, stop := r.start()
	r.put("one", "skip", "bad", "two")
	require.NoError(t, stop())
	require.Equal(t, []string{"log:one", "log:two"}, r.sink.lines(), "what fails to encode leaves no half item")
	require.Equal(t, 1, r.obs.get("output/sink/encode_failures"))
	require.Equal(t, 4, r.obs.get("input/feed/records"))
	st := r.queue.Stats()
	require.EqualValues(t, 2, st.Delivered)
	require.EqualValues(t, 2, st.Accepted)
}

func TestCommitReturnsWhenTheQueueHoldsTheRecord(t *testing.T) {
	r := newRig(t, buffer.Options{})
	r.sink.send = func([]byte) error { return errors.New("far side is down") }
	_, stop := r.start()
	r.put("one", "two")
	require.EqualValues(t, 2, r.queue.Stats().Messages)
	require.NoError(t, stop())
	require.EqualValues(t, 2, r.queue.Stats().Messages, "what is undelivered stays queued")
	require.Empty(t, r.sink.lines())
}

func TestAFailedBatchIsSentAgainUntilItWorks(t *testing.T) {
	r := newRig(t, buffer.Options{})
	tries := 0
	r.sink.send = func([]byte) error {
		if tries++; tries < 4 {
			return errors.New("busy")
		}
		return nil
	}
	_, stop := r.start()
	r.put("one")
	require.Eventually(t, func() bool { return len(r.sink.lines()) == 1 }, time.Minute, time.Millisecond)
	require.NoError(t, stop())
	require.Equal(t, []string{"log:one"}, r.sink.lines())
	require.Equal(t, 3, r.obs.get("output/sink/retries"))
}

func TestPartialFailures(t *testing.T) {
	r := newRig(t, buffer.Options{})
	r.opt.Outputs[0].Batch = pipeline.BatchOptions{Bytes: 1 << 20, Count: 3, Interval: time.Minute}
	var batches []string
	r.sink.send = func(batch []byte) error {
		batches = append(batches, string(batch))
		if len(batches) == 1 {
			return &message.SendError{
				Rejected: []message.Rejected{{Item: []byte("log:b\n"), Reason: "mapping"}},
				Retry:    []byte("log:c\n"), Err: errors.New("partial"),
			}
		}
		return nil
	}
	_, stop := r.start()
	r.put("a", "b", "c")
	require.NoError(t, stop())
	require.Equal(t, []string{"log:a\nlog:b\nlog:c\n", "log:c\n"}, batches, "records are gathered, then only what is left is repeated")
	st := r.queue.Stats()
	require.EqualValues(t, 2, st.Delivered)
	require.EqualValues(t, 1, st.DeadLettered)
	dead, err := os.ReadFile(filepath.Join(r.dir, "dead-letter", "sink.ndjson"))
	require.NoError(t, err)
	require.Contains(t, string(dead), `"output":"sink","reason":"mapping","item":"log:b\n"`)
}

// TestWhatWasConfirmedCountsAsDelivered: also when the rest of its batch is given
// up or refused later.
func TestWhatWasConfirmedCountsAsDelivered(t *testing.T) {
	for name, c := range map[string]struct {
		rest                             error
		delivered, deadLettered, dropped int
	}{
		"given up": {errors.New("no"), 2, 1, 2},
		"refused":  {fmt.Errorf("send: %w", message.ErrPermanent), 2, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, buffer.Options{})
			r.opt.Outputs[0].Batch = pipeline.BatchOptions{Bytes: 1 << 20, Count: 5, Interval: time.Minute}
			r.opt.Outputs[0].Retry.MaxRetries = 1
			sent := 0
			r.sink.send = func([]byte) error {
				if sent++; sent > 1 {
					return c.rest
				}
				return &message.SendError{
					Rejected: []message.Rejected{{Item: []byte("log:b\n"), Reason: "mapping"}},
					Retry:    []byte("log:c\nlog:d\n"), Waiting: 2, Err: errors.New("partial"),
				}
			}
			_, stop := r.start()
			r.put("a", "b", "c", "d", "e")
			require.Eventually(t, func() bool { return r.queue.Stats().Records == 0 }, time.Minute, time.Millisecond)
			require.NoError(t, stop())
			st := r.queue.Stats()
			require.EqualValues(t, c.delivered, st.Delivered)
			require.EqualValues(t, c.deadLettered, st.DeadLettered)
			require.EqualValues(t, c.dropped, st.Dropped["output"])
		})
	}
}

func TestAPermanentRefusalMovesTheQueueOn(t *testing.T) {
	r := newRig(t, buffer.Options{})
	r.sink.send = func(batch []byte) error {
		if strings.Contains(string(batch), "poison") {
			return fmt.Errorf("send: %w", message.ErrPermanent)
		}
		return nil
	}
	_, stop := r.start()
	r.put("poison", "good")
	require.NoError(t, stop())
	require.Equal(t, []string{"log:good"}, r.sink.lines())
	require.EqualValues(t, 1, r.queue.Stats().DeadLettered)
}

func TestMaxRetriesDropsAndCounts(t *testing.T) {
	r := newRig(t, buffer.Options{})
	r.opt.Outputs[0].Retry.MaxRetries = 2
	r.sink.send = func(batch []byte) error {
		if strings.Contains(string(batch), "never") {
			return errors.New("no")
		}
		return nil
	}
	_, stop := r.start()
	r.put("never", "good")
	require.Eventually(t, func() bool { return len(r.sink.lines()) == 1 }, time.Minute, time.Millisecond)
	require.NoError(t, stop())
	require.EqualValues(t, 1, r.queue.Stats().Dropped["output"])
}

func TestAStandbySendsNothing(t *testing.T) {
	r := newRig(t, buffer.Options{})
	r.opt.Outputs[0].Gate = func() bool { return false }
	_, stop := r.start()
	r.put("one")
	require.Eventually(t, func() bool { return r.obs.get("output/sink/standby") == 1 }, time.Minute, time.Millisecond)
	require.NoError(t, stop())
	require.Empty(t, r.sink.lines())
	require.Zero(t, r.queue.Stats().Messages)
}

func TestAFullQueueThatDropsDoesNotStopTheInput(t *testing.T) {
	r := newRig(t, buffer.Options{MaxBytes: 64 << 10, FullAction: buffer.Drop})
	r.sink.send = func([]byte) error { return errors.New("down") }
	_, stop := r.start()
	for range 200 {
		r.put(strings.Repeat("x", 1000))
	}
	require.NoError(t, stop())
	st := r.queue.Stats()
	require.EqualValues(t, 200, st.Accepted)
	require.Positive(t, st.Dropped["queue_full"]+st.Dropped["full"])
	require.EqualValues(t, 200, st.Messages+st.Dropped["queue_full"]+st.Dropped["full"])
}

func TestAFullQueueThatBlocksHoldsTheInputAndLetsItStop(t *testing.T) {
	const size = 64 << 10
	r := newRig(t, buffer.Options{MaxBytes: size, FullAction: buffer.Block})
	r.opt.DrainTimeout = 200 * time.Millisecond
	r.sink.send = func([]byte) error { return errors.New("down") }
	_, stop := r.start()
	stored := uint64(0)
	for ; r.queue.Stats().Bytes+1100 < size; stored++ {
		r.put(strings.Repeat("x", 1000))
	}
	require.Greater(t, stored, uint64(50))
	r.feed.records <- strings.Repeat("x", 1000)
	select {
	case err := <-r.feed.committed:
		t.Fatalf("committed beyond the bound: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	require.NoError(t, stop())
	require.Error(t, <-r.feed.committed, "the position must not advance")
	require.Equal(t, stored, r.queue.Stats().Accepted)
	require.Empty(t, r.queue.Stats().Dropped)
}

func TestTap(t *testing.T) {
	r := newRig(t, buffer.Options{})
	p, stop := r.start()
	messages, lost, untap := p.Tap(matcher.MustParse("Payload == 'two'"))
	r.put("one", "two")
	require.Equal(t, "two", (<-messages).Payload)
	untap()
	r.put("two")
	require.Empty(t, messages)
	require.Zero(t, lost())
	require.NoError(t, stop())
}
