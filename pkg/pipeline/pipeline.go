// Package pipeline is the runtime: it moves messages from inputs through filters
// to the queues of outputs, and from the queues to the far side. It names no
// plugin.
//
// Invariant: the flow has no loops. A message made by an input is offered to all
// filters and outputs, one made by a filter to the filters declared after it and
// to all outputs. Nothing is acknowledged to an input before every queue that
// wants it holds it, or has counted its drop.
//
//	input goroutine (1 an input, and what it starts itself)
//	  read -> split -> Stream.Emit: decode -> match -> encode ---> queue.AppendBatch
//	                                             |
//	                                             v  batches, bounded
//	filter goroutine (1 a filter)          process, tick -> match -> encode -> queue.AppendBatch
//
//	output goroutine (1 an output)         queue.Next -> send -> queue.Settle
//
// Shutdown goes front to back: inputs, then filters in their order, each with a
// last tick, then outputs, which have DrainTimeout to empty their queues.
package pipeline

import (
	"context"
	"log/slog"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Input reads records from one kind of source until ctx is done. It opens a
// Stream for every ordered source it has, and closes it.
type Input interface {
	Run(ctx context.Context, open message.OpenStream) error
}

// Decoder turns a raw record into messages. An error rejects the record; it does
// not stop the stream.
type Decoder interface {
	Decode(raw *message.Message, emit message.Emit) error
}

// Filter makes messages from messages. Calls are never concurrent.
type Filter interface {
	Process(m *message.Message, emit message.Emit) error
	Tick(now time.Time, emit message.Emit) error
}

// Encoder appends the encoded form of m to dst. Returning dst as it was means
// that nothing is to be sent. Calls of one Encoder are never concurrent.
type Encoder interface {
	Encode(dst []byte, m *message.Message) ([]byte, error)
}

// Output sends a batch, a concatenation of encoded items. nil: the far side has
// confirmed all of it; see message.SendError for the rest. Calls are never
// concurrent.
type Output interface {
	Send(ctx context.Context, batch []byte) error
}

// PartsOutput is an Output that takes a batch in several parts, each of whole
// items, without having them put together first. The parts are valid until
// SendParts returns.
type PartsOutput interface {
	Output
	SendParts(ctx context.Context, parts [][]byte) error
}

// InputSpec is an input and how its records are decoded.
type InputSpec struct {
	Name  string
	Input Input
	// NewDecoder makes the decoder of one stream; nil: records are messages.
	NewDecoder func(stream string) (Decoder, error)
}

// FilterSpec is a filter.
type FilterSpec struct {
	Name    string
	Matcher *matcher.Matcher
	// New makes the filter, again after it was terminated.
	New func() (Filter, error)
	// Running takes over a filter of an earlier pipeline, with its state.
	Running Filter
	// Ticker is the time between ticks; 0: none.
	Ticker time.Duration
	// Wants, unless nil, leaves out messages that Matcher takes. It is called from
	// several goroutines and keeps nothing of the message.
	Wants func(*message.Message) bool
}

// OutputSpec is an output with its encoder and its queue.
type OutputSpec struct {
	Name    string
	Matcher *matcher.Matcher
	// NewEncoder makes the encoder of one goroutine.
	NewEncoder func() Encoder
	Output     Output
	Queue      *buffer.Queue
	Batch      BatchOptions
	Retry      RetryOptions
	// DeadLetter is the file for what the far side refuses for good; "": none.
	DeadLetter string
	// Gate says whether this process may send now; nil: always. While it is
	// closed the batches are settled without being sent.
	Gate func() bool
}

// Options is a whole pipeline.
type Options struct {
	Inputs       []InputSpec
	Filters      []FilterSpec
	Outputs      []OutputSpec
	DrainTimeout time.Duration // 0: 10 s
	Logger       *slog.Logger
	Clock        func() time.Time // nil: time.Now
}

// Observer is told what happens, for counters; its methods may be called from
// several goroutines and must be quick.
type Observer interface {
	Count(stage, name, event string, n int)
}

// Pipeline is a running flow.
type Pipeline struct {
	opt     Options
	log     *slog.Logger
	now     func() time.Time
	set     *matcher.Set
	filters []*filterRunner
	outputs []*outputRunner
	obs     Observer
	tap     tap
	fatal   chan error
}

// New wires a pipeline. Run starts it.
func New(opt Options, obs Observer) *Pipeline {
	if opt.DrainTimeout <= 0 {
		opt.DrainTimeout = 10 * time.Second
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if obs == nil {
		obs = discard{}
	}
	p := &Pipeline{opt: opt, log: opt.Logger, now: opt.Clock, obs: obs, fatal: make(chan error, 1)}
	var matchers []*matcher.Matcher
	for i, spec := range opt.Filters {
		matchers = append(matchers, spec.Matcher)
		p.filters = append(p.filters, newFilterRunner(p, spec, i))
	}
	for i, spec := range opt.Outputs {
		matchers = append(matchers, spec.Matcher)
		p.outputs = append(p.outputs, newOutputRunner(p, spec, i))
	}
	p.set = matcher.NewSet(matchers...)
	return p
}

type discard struct{}

func (discard) Count(string, string, string, int) {}

// Filters returns the running filters by name, so that a later pipeline can take
// them over with their state. Call it after Run has returned.
func (p *Pipeline) Filters() map[string]Filter {
	m := make(map[string]Filter, len(p.filters))
	for _, f := range p.filters {
		if f.filter != nil {
			m[f.spec.Name] = f.filter
		}
	}
	return m
}

// fail stops the whole pipeline; the first error is what Run returns.
func (p *Pipeline) fail(err error) {
	select {
	case p.fatal <- err:
	default:
	}
}
