package decoders

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Strategies of a Multi decoder.
const (
	FirstWins = "first-wins" // the first decoder that accepts the record decides
	All       = "all"        // every decoder works on what the one before it made
)

// Named is a decoder with the name it has in the configuration.
type Named struct {
	Name    string
	Decoder Decoder
}

// Multi asks several decoders in turn.
type Multi struct {
	subs     []Named
	strategy string
	logErrs  bool
	log      *slog.Logger
	stage    []*message.Message // what the decoder before made, with strategy All
}

// NewMulti makes a decoder of subs. strategy is FirstWins or All, "" the first.
// logSubErrors logs what each decoder says about a record it refuses.
func NewMulti(subs []Named, strategy string, logSubErrors bool, log *slog.Logger) (*Multi, error) {
	switch strategy {
	case "":
		strategy = FirstWins
	case FirstWins, All:
	default:
		return nil, fmt.Errorf("make multidecoder: unknown cascade_strategy %q; want %s or %s", strategy, FirstWins, All)
	}
	if len(subs) == 0 {
		return nil, errors.New("make multidecoder: no sub-decoders; name them in subs")
	}
	return &Multi{subs: subs, strategy: strategy, logErrs: logSubErrors, log: log}, nil
}

// Decode implements Decoder.
func (m *Multi) Decode(raw *message.Message, emit message.Emit) error {
	if m.strategy == All {
		return m.all(raw, emit)
	}
	var errs []error
	for i := range m.subs {
		err := m.subs[i].Decoder.Decode(raw, emit)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrRejected) {
			return err
		}
		m.note(&m.subs[i], err)
		errs = append(errs, err)
	}
	return Reject("no decoder accepts the record of %s: %w", raw.Logger, errors.Join(errs...))
}

// all runs every decoder; one that refuses hands its input on.
func (m *Multi) all(raw *message.Message, emit message.Emit) error {
	current := []*message.Message{raw}
	accepted := false
	var errs []error
	var partly *Partly // of the last sub-decoder that says so
	for i := range m.subs {
		m.stage = m.stage[:0]
		keep := func(out *message.Message) error {
			m.stage = append(m.stage, out.Clone())
			return nil
		}
		for _, in := range current {
			err := m.subs[i].Decoder.Decode(in, keep)
			switch {
			case errors.As(err, &partly):
				accepted = true
			case err == nil:
				accepted = true
			case errors.Is(err, ErrRejected):
				m.note(&m.subs[i], err)
				errs = append(errs, err)
				m.stage = append(m.stage, in)
			default:
				return err
			}
		}
		current = append([]*message.Message(nil), m.stage...)
	}
	if !accepted {
		return Reject("no decoder accepts the record of %s: %w", raw.Logger, errors.Join(errs...))
	}
	for _, out := range current {
		if err := emit(out); err != nil {
			return err
		}
	}
	if partly != nil {
		return partly
	}
	return nil
}

func (m *Multi) note(sub *Named, err error) {
	if m.logErrs {
		m.log.Info("sub-decoder refused a record", "decoder", sub.Name, "error", err)
	}
}

// Flush implements Flusher.
func (m *Multi) Flush(now time.Time, idle bool, emit message.Emit) error {
	var errs []error
	for i := range m.subs {
		if f, ok := m.subs[i].Decoder.(Flusher); ok {
			errs = append(errs, f.Flush(now, idle, emit))
		}
	}
	return errors.Join(errs...)
}

// Holding implements Flusher.
func (m *Multi) Holding() int {
	held := 0
	for i := range m.subs {
		if f, ok := m.subs[i].Decoder.(Flusher); ok {
			held = max(held, f.Holding())
		}
	}
	return held
}

// Close closes the sub-decoders that can be closed.
func (m *Multi) Close(emit message.Emit) error {
	var errs []error
	for i := range m.subs {
		if c, ok := m.subs[i].Decoder.(interface{ Close(message.Emit) error }); ok {
			errs = append(errs, c.Close(emit))
		}
	}
	return errors.Join(errs...)
}
