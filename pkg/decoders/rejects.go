package decoders

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// sampleEvery is how often a rejected record of one stream and decoder is logged.
const sampleEvery = time.Minute

// FailureField is the field that flags a forwarded record that was not decoded.
const FailureField = "decode_failure"

// Rejects counts the records that could not be decoded, by stream and decoder,
// and logs one of them a minute. It may be shared by streams.
type Rejects struct {
	log   *slog.Logger
	clock func() time.Time

	mu     sync.Mutex
	counts map[RejectKey]*rejectState
}

// RejectKey names a counter of Rejects.
type RejectKey struct{ Stream, Decoder string }

type rejectState struct {
	count   int64
	silent  int64 // since the last log line
	sampled time.Time
}

// NewRejects makes an empty collection of counters.
func NewRejects(log *slog.Logger, clock func() time.Time) *Rejects {
	return &Rejects{log: log, clock: clock, counts: map[RejectKey]*rejectState{}}
}

// Add counts one rejected record.
func (r *Rejects) Add(key RejectKey, err error) { r.add(key, 1, err) }

func (r *Rejects) add(key RejectKey, n int64, err error) {
	now := r.clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.counts[key]
	if s == nil {
		s = &rejectState{}
		r.counts[key] = s
	}
	first := s.count == 0
	s.count += n
	s.silent += n
	if !first && now.Sub(s.sampled) < sampleEvery {
		return
	}
	r.log.Warn("record rejected", "stream", key.Stream, "decoder", key.Decoder, "error", err, "rejected", s.silent)
	s.sampled, s.silent = now, 0
}

// Counts returns the counters.
func (r *Rejects) Counts() map[RejectKey]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[RejectKey]int64, len(r.counts))
	for key, s := range r.counts {
		out[key] = s.count
	}
	return out
}

// Counted is a decoder whose rejected records are counted, and forwarded if
// wanted. Its Decode returns no error for them.
type Counted struct {
	Decoder Decoder
	Rejects *Rejects
	Key     RejectKey
	Forward bool // emit rejected records flagged with FailureField
}

// Decode implements Decoder.
func (c *Counted) Decode(raw *message.Message, emit message.Emit) error {
	err := c.Decoder.Decode(raw, emit)
	if err == nil { // spare the hot path the variable below
		return nil
	}
	var partly *Partly
	if errors.As(err, &partly) {
		c.Rejects.add(c.Key, int64(partly.Rejected), err)
		return nil // what was in order is on its way; forwarding the record would double it
	}
	if !errors.Is(err, ErrRejected) {
		return err
	}
	return c.reject(raw, err, emit)
}

// heldRejected is the rejection of a record that was held back.
type heldRejected struct {
	record *message.Message
	err    error
}

func (e *heldRejected) Error() string { return e.err.Error() }
func (e *heldRejected) Unwrap() error { return e.err }

// reject counts a rejected record and forwards it if that is wanted.
func (c *Counted) reject(raw *message.Message, err error, emit message.Emit) error {
	c.Rejects.Add(c.Key, err)
	var held *heldRejected
	if errors.As(err, &held) {
		raw = held.record
	}
	if !c.Forward || raw == nil {
		return nil
	}
	m := *raw
	m.Fields = append([]message.Field(nil), raw.Fields...)
	m.AddBool(FailureField, true)
	m.AddString("decode_error", err.Error())
	return emit(&m)
}

// Flush implements Flusher.
func (c *Counted) Flush(now time.Time, idle bool, emit message.Emit) error {
	f, ok := c.Decoder.(Flusher)
	if !ok {
		return nil
	}
	err := f.Flush(now, idle, emit)
	if errors.Is(err, ErrRejected) {
		return c.reject(nil, err, emit)
	}
	return err
}

// Holding implements Flusher.
func (c *Counted) Holding() int {
	if f, ok := c.Decoder.(Flusher); ok {
		return f.Holding()
	}
	return 0
}

// Close closes the decoder if it can be closed.
func (c *Counted) Close(emit message.Emit) error {
	if closer, ok := c.Decoder.(interface{ Close(message.Emit) error }); ok {
		return closer.Close(emit)
	}
	return nil
}
