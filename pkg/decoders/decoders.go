// Package decoders turns raw records into messages: through a sandboxed or
// declarative Lua plugin, a chain of other decoders, a regular expression, or
// the wire format.
//
// Invariant: a decoder never stops its stream. A record it cannot decode is an
// error of that one call, counted and sampled by Rejects; a Lua decoder that
// dies is opened anew after a pause, and the records of that pause are rejected.
//
// A decoder belongs to one stream and is used by one goroutine at a time; the
// package starts none.
package decoders

import (
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Decoder makes messages of one raw record.
type Decoder interface {
	// Decode emits the messages made of raw. An error that wraps ErrRejected
	// says that the record could not be decoded; another error comes from emit
	// or from a decoder that is out of order.
	Decode(raw *message.Message, emit message.Emit) error
}

// Flusher is a decoder that holds records back.
type Flusher interface {
	// Flush emits what has been held for long enough at now; with idle false,
	// everything, because the stream ends.
	Flush(now time.Time, idle bool, emit message.Emit) error
	// Holding is how many of the newest records are held back.
	Holding() int
}

// ErrRejected is wrapped by the error of a record that cannot be decoded.
var ErrRejected = errors.New("record rejected")

// Reject makes the error of a record that cannot be decoded.
func Reject(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRejected, fmt.Errorf(format, args...))
}

// Partly is the error of a record of many parts, some of which could not be
// decoded. The messages of the others were emitted.
type Partly struct {
	Rejected, Of int   // parts
	Err          error // why the last of them was rejected
}

func (e *Partly) Error() string {
	return fmt.Sprintf("%d of the record's %d parts rejected: %v", e.Rejected, e.Of, e.Err)
}

func (e *Partly) Unwrap() error { return e.Err }

// Noop is the decoder that makes an empty message of its configured type of
// every record: a heartbeat.
type Noop struct {
	Type string // type of the messages; "": heartbeat
}

// Decode implements Decoder.
func (n *Noop) Decode(raw *message.Message, emit message.Emit) error {
	m := message.Message{UUID: raw.UUID, Timestamp: raw.Timestamp, Type: n.Type, Hostname: raw.Hostname, Logger: raw.Logger}
	if m.Type == "" {
		m.Type = "heartbeat"
	}
	m.SetSeverity(message.DefaultSeverity)
	return emit(&m)
}

// Protobuf decodes records whose payload is a message in the wire format.
type Protobuf struct{ msg message.Message }

// Decode implements Decoder.
func (p *Protobuf) Decode(raw *message.Message, emit message.Emit) error {
	if err := p.msg.UnmarshalString(raw.Payload); err != nil {
		return Reject("decode protobuf record of %s: %w", raw.Logger, err)
	}
	return emit(&p.msg)
}
