// Package udp sends each item of a batch as one datagram.
//
// Invariant: a datagram is never split and never longer than the limit; an item
// that would be is rejected. UDP confirms nothing: Send returns nil when the
// kernel took all datagrams and no refusal came back at once.
package udp

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/stream"
)

const (
	largest = 65507 // bytes that fit a datagram over IPv4
	frame   = 0x1e  // begins a frame
)

// Config is the section of a UDP output.
type Config struct {
	stream.Config `yaml:",inline"`

	Net            string        `yaml:"net"`              // udp, udp4 or udp6
	MaxMessageSize int           `yaml:"max_message_size"` // bytes; 0: 65,507
	Gap            time.Duration `yaml:"gap"`              // between datagrams, so that a small receive buffer copes
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{Net: "udp", MaxMessageSize: largest, Gap: 100 * time.Microsecond}
}

// Output sends datagrams to one address. Calls of Send are never concurrent.
type Output struct {
	cfg  Config
	conn *stream.Conn
}

// New makes an output.
func New(cfg Config) (*Output, error) {
	switch cfg.Net {
	case "", "udp", "udp4", "udp6":
	default:
		return nil, fmt.Errorf("read net: %q is none of udp, udp4, udp6", cfg.Net)
	}
	if cfg.MaxMessageSize <= 0 || cfg.MaxMessageSize > largest {
		cfg.MaxMessageSize = largest
	}
	address, err := cfg.Target(0)
	if err != nil {
		return nil, err
	}
	o := &Output{cfg: cfg}
	cfg.TLS = nil
	if o.conn, err = stream.New("udp", address, cfg.Config); err != nil {
		return nil, err
	}
	return o, nil
}

// Send sends the items of b, which are frames when it begins with one and lines
// otherwise. A line's feed is not sent.
func (o *Output) Send(ctx context.Context, b []byte) error {
	cut := batch.Line
	if len(b) > 0 && b[0] == frame {
		cut = batch.Frame
	}
	return stream.Datagrams(ctx, o.conn, b, cut, o.cfg.Gap, func(item []byte) ([]byte, error) {
		if item[0] != frame {
			item = bytes.TrimSuffix(item, []byte{'\n'})
		}
		if len(item) > o.cfg.MaxMessageSize {
			return nil, fmt.Errorf("it has %d bytes, max_message_size is %d", len(item), o.cfg.MaxMessageSize)
		}
		return item, nil
	})
}

// Close closes the socket.
func (o *Output) Close() error { return o.conn.Close() }
