package pipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
)

// echo is a filter that re-emits what it gets under another type.
type echo struct {
	typ  string
	fail func(payload string) error
	seen *atomic.Int64
}

func (e *echo) Process(m *message.Message, emit message.Emit) error {
	if e.seen != nil {
		e.seen.Add(1)
	}
	if e.fail != nil {
		if err := e.fail(m.Payload); err != nil {
			return err
		}
	}
	return emit(&message.Message{UUID: message.NewUUID(), Type: e.typ, Payload: m.Payload})
}

func (e *echo) Tick(_ time.Time, emit message.Emit) error {
	return emit(&message.Message{UUID: message.NewUUID(), Type: e.typ, Payload: "tick"})
}

func filterSpec(name, match string, f pipeline.Filter) pipeline.FilterSpec {
	return pipeline.FilterSpec{Name: name, Matcher: matcher.MustParse(match), New: func() (pipeline.Filter, error) { return f, nil }}
}

func TestFiltersFeedLaterFiltersAndOutputsOnly(t *testing.T) {
	r := newRig(t, buffer.Options{})
	seen := new(atomic.Int64)
	r.opt.Filters = []pipeline.FilterSpec{
		filterSpec("first", "Type == 'log' || Type == 'b'", &echo{typ: "a", seen: seen}),
		filterSpec("second", "Type == 'a'", &echo{typ: "b"}),
	}
	r.opt.Outputs[0].Matcher = matcher.MustParse("Type == 'a' || Type == 'b'")
	_, stop := r.start()
	r.put("x")
	require.Eventually(t, func() bool { return len(r.sink.lines()) >= 2 }, time.Minute, time.Millisecond)
	require.NoError(t, stop())
	require.EqualValues(t, 1, seen.Load(), "b does not flow back to the first filter")
	// Each filter's messages keep their order; between two filters none is promised.
	// The last ticks follow at shutdown, the first filter's through the second.
	byFilter := map[string][]string{}
	for _, line := range r.sink.lines() {
		typ, payload, _ := strings.Cut(line, ":")
		byFilter[typ] = append(byFilter[typ], payload)
	}
	require.Equal(t, map[string][]string{"a": {"x", "tick"}, "b": {"x", "tick", "tick"}}, byFilter)
}

func TestTickerTicks(t *testing.T) {
	r := newRig(t, buffer.Options{})
	spec := filterSpec("clock", "FALSE", &echo{typ: "a"})
	spec.Ticker = 5 * time.Millisecond
	r.opt.Filters = []pipeline.FilterSpec{spec}
	_, stop := r.start()
	require.Eventually(t, func() bool { return len(r.sink.lines()) >= 3 }, time.Minute, time.Millisecond)
	require.NoError(t, stop())
}

func TestATerminatedFilterIsReportedAndMadeAnew(t *testing.T) {
	r := newRig(t, buffer.Options{})
	made := 0
	fail := func(payload string) error {
		switch payload {
		case "die":
			return fmt.Errorf("%w: instruction limit", pipeline.ErrTerminated)
		case "panic":
			panic("broken")
		case "complain":
			return errors.New("not this one")
		}
		return nil
	}
	r.opt.Filters = []pipeline.FilterSpec{{
		Name: "fragile", Matcher: matcher.MustParse("Type == 'log'"),
		New: func() (pipeline.Filter, error) { made++; return &echo{typ: "a", fail: fail}, nil },
	}}
	r.opt.Outputs[0].Matcher = matcher.MustParse("Type != 'log'")
	now := new(atomic.Int64)
	now.Store(1.5e18)
	r.opt.Clock = func() time.Time { return time.Unix(0, now.Load()) }
	_, stop := r.start()
	r.put("one", "complain", "panic", "die", "lost")
	require.Eventually(t, func() bool { return r.obs.get("filter/fragile/dropped_down") == 1 }, time.Minute, time.Millisecond)
	now.Add(int64(time.Minute))
	r.put("two")
	require.Eventually(t, func() bool { return len(r.sink.lines()) >= 3 }, time.Minute, time.Millisecond)
	require.NoError(t, stop())
	require.Equal(t, []string{"a:one", "heka.sandbox-terminated:plugin terminated: instruction limit", "a:two", "a:tick"}, r.sink.lines())
	require.Equal(t, 2, made)
	require.Equal(t, 2, r.obs.get("filter/fragile/failures"))
	require.Equal(t, 1, r.obs.get("plugin/fragile/panics"))
}

func TestARunningFilterIsTakenOver(t *testing.T) {
	r := newRig(t, buffer.Options{})
	seen := new(atomic.Int64)
	r.opt.Filters = []pipeline.FilterSpec{filterSpec("f", "TRUE", &echo{typ: "a", seen: seen})}
	p, stop := r.start()
	r.put("x")
	require.NoError(t, stop())
	require.EqualValues(t, 1, seen.Load())

	again := newRig(t, buffer.Options{})
	again.opt.Filters = []pipeline.FilterSpec{{
		Name: "f", Matcher: matcher.MustParse("TRUE"), Running: p.Filters()["f"],
		New: func() (pipeline.Filter, error) { return nil, errors.New("must not be made") },
	}}
	_, stop = again.start()
	again.put("y")
	require.NoError(t, stop())
	require.EqualValues(t, 2, seen.Load(), "state went along")
}
