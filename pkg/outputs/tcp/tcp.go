// Package tcp sends framed messages over TCP, to another Tocsin daemon or to
// Heka.
//
// A batch is a sequence of frames. Between our daemons a frame of type
// tocsin.sync follows each batch; the far side answers tocsin.ack with the same
// number when it has made everything before it durable.
//
// Invariant: with ack, Send returns nil only on that answer. Without, it returns
// nil when the far side's kernel has acknowledged all bytes and the connection
// still stands.
package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/stream"
)

// The types of the frames that go with batches, and their field.
const (
	SyncType = "tocsin.sync"
	AckType  = "tocsin.ack"
	SeqField = "seq"
)

const defaultAckTimeout = 30 * time.Second

// Config is the section of a TCP output.
type Config struct {
	stream.Config `yaml:",inline"`

	// Ack asks the far side to confirm each batch. Heka cannot: set it to false
	// there.
	Ack bool `yaml:"ack"`
	// AckTimeout is how long to wait for a confirmation; 0: 30 s.
	AckTimeout time.Duration `yaml:"ack_timeout"`
	// UseTLS is Heka's switch for the tls section.
	UseTLS *bool `yaml:"use_tls"`
}

// DefaultConfig returns the defaults: batches are confirmed.
func DefaultConfig() Config { return Config{Ack: true} }

// Output sends batches over one connection. Calls of Send are never concurrent.
type Output struct {
	cfg    Config
	conn   *stream.Conn
	frames *message.FrameReader // of the open connection
	seq    int64
	sync   []byte
}

// New makes an output; it connects when the first batch is sent.
func New(cfg Config) (*Output, error) {
	if cfg.UseTLS != nil && !*cfg.UseTLS {
		cfg.TLS = nil
	}
	address, err := cfg.Target(0)
	if err != nil {
		return nil, err
	}
	if cfg.AckTimeout <= 0 {
		cfg.AckTimeout = defaultAckTimeout
	}
	o := &Output{cfg: cfg, seq: time.Now().UnixNano()}
	if o.conn, err = stream.New("tcp", address, cfg.Config); err != nil {
		return nil, err
	}
	o.conn.OnOpen(func(c net.Conn) { o.frames = message.NewFrameReader(c, message.FrameOptions{}) })
	return o, nil
}

// Send sends the frames of b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	err := o.conn.Do(ctx, func(c net.Conn) error {
		if _, err := c.Write(b); err != nil {
			return fmt.Errorf("write frames: %w", err)
		}
		if o.cfg.Ack {
			return o.confirm(c)
		}
		return stream.Settle(ctx, c)
	})
	if err != nil {
		return fmt.Errorf("send to %s: %w", o.conn.Address(), err)
	}
	return nil
}

// confirm asks for an answer to everything written so far, and waits for it.
func (o *Output) confirm(c net.Conn) error {
	o.seq++
	ask := message.Message{UUID: message.NewUUID(), Timestamp: time.Now().UnixNano(), Type: SyncType}
	ask.AddInteger(SeqField, o.seq, "")
	o.sync = message.AppendFramed(o.sync[:0], &ask)
	if _, err := c.Write(o.sync); err != nil {
		return fmt.Errorf("write frames: %w", err)
	}
	// A deadline in the past, set when the context ended, must not be undone:
	// reading in turns keeps both.
	timer := time.AfterFunc(o.cfg.AckTimeout, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer timer.Stop()
	err := o.awaitAck()
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("wait for %s (a far side that is Heka never sends one: set ack to false): %w", AckType, err)
	}
	return err
}

func (o *Output) awaitAck() error {
	var m message.Message
	for {
		payload, err := o.frames.Next()
		if err != nil {
			return fmt.Errorf("read %s: %w", AckType, err)
		}
		if err := m.Unmarshal(payload); err != nil {
			return fmt.Errorf("read %s: %w", AckType, err)
		}
		seq := m.Field(SeqField)
		if m.Type == AckType && seq != nil && seq.Len() > 0 && seq.At(0).Int() == o.seq {
			return nil
		}
	}
}

// Close closes the connection.
func (o *Output) Close() error { return o.conn.Close() }
