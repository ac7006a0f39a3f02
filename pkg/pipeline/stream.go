package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// holder is a Decoder that may hold records back, such as the lines of an
// unfinished traceback.
type holder interface {
	// Holding is the number of the newest records held back.
	Holding() int
	// Flush emits what has been held back for too long at now; all of it when
	// idle is false, because the stream ends.
	Flush(now time.Time, idle bool, emit message.Emit) error
}

// stream is one ordered source of an input.
type stream struct {
	p       *Pipeline
	spec    InputSpec
	decoder Decoder
	holder  holder
	e       *emitter
	emit    message.Emit
	routed  message.Emit // emit, whose error it keeps in failed
	failed  error
	taken   int
	broken  error // what was emitted may be lost: nothing is taken or confirmed any more
}

func (p *Pipeline) openStream(spec InputSpec, name string) (message.Stream, error) {
	s := &stream{p: p, spec: spec, e: p.newEmitter(context.Background(), spec.Name, -1)}
	s.emit, s.routed = s.e.emit, s.route
	// What its source gave to the process before this one may come again.
	s.e.asks = asking{source: true, left: 2 * buffer.Remembered}
	if spec.NewDecoder == nil {
		return s, nil
	}
	var err error
	if s.decoder, err = spec.NewDecoder(name); err != nil {
		return nil, fmt.Errorf("open the decoder of stream %s: %w", name, err)
	}
	s.holder, _ = s.decoder.(holder)
	return s, nil
}

// Emit decodes raw and routes what comes out. A record the decoder rejects is
// the decoder's to count; it is no error of the stream.
func (s *stream) Emit(raw *message.Message) error {
	if s.broken != nil {
		return s.broken
	}
	s.taken++
	if s.decoder == nil {
		s.broken = s.e.emit(raw)
		return s.broken
	}
	s.failed = nil
	err := s.decoder.Decode(raw, s.routed)
	if err != nil && s.failed == nil {
		s.p.obs.Count("input", s.spec.Name, "rejected", 1)
	}
	s.broken = s.failed
	return s.failed
}

// route hands on what the decoder made, and tells its own errors from those of
// the decoder.
func (s *stream) route(m *message.Message) error {
	err := s.emit(m)
	if err != nil {
		s.failed = err
	}
	return err
}

// Repeats says that the source may give again, at any time, what it gave before,
// as a sender does that got no confirmation.
func (s *stream) Repeats() { s.e.asks.always = true }

// Begins says that no process before this one has read the source: its records
// need not be compared with those that are known. To be called before the first.
func (s *stream) Begins() { s.e.asks.left = 0 }

// Commit makes everything taken so far durable.
func (s *stream) Commit(ctx context.Context) (held int, err error) {
	if s.broken != nil {
		return 0, s.broken
	}
	s.e.ctx = ctx
	if s.holder != nil {
		if err := s.holder.Flush(s.p.now(), true, s.emit); err != nil {
			s.broken = fmt.Errorf("flush held records: %w", err)
			return 0, s.broken
		}
		held = s.holder.Holding()
	}
	if s.taken > 0 {
		s.p.obs.Count("input", s.spec.Name, "records", s.taken)
		s.taken = 0
	}
	s.broken = s.e.flush()
	return held, s.broken
}

// Close emits what is held back, commits, and closes the decoder. After an error,
// which was returned when it happened, there is nothing to commit.
func (s *stream) Close(ctx context.Context) error {
	if s.broken != nil {
		if c, ok := s.decoder.(interface{ Close(message.Emit) error }); ok {
			return c.Close(func(*message.Message) error { return nil })
		}
		return nil
	}
	if s.holder != nil {
		if err := s.holder.Flush(s.p.now(), false, s.emit); err != nil {
			return fmt.Errorf("flush held records: %w", err)
		}
	}
	_, err := s.Commit(ctx)
	if c, ok := s.decoder.(interface{ Close(message.Emit) error }); ok {
		err = errors.Join(err, c.Close(s.emit), s.e.flush())
	}
	return err
}
