// Package syslog sends RFC 5424 messages over UDP (RFC 5426), TCP with a line
// feed after each or octet-counted (RFC 6587), and TLS (RFC 5425).
//
// A batch is a sequence of lines, each one message.
//
// Invariant: a message never holds a line feed on the wire, nor is it split. Over
// TCP, Send returns nil when the far side's kernel has acknowledged all bytes and
// the connection still stands: syslog has no answer of its own.
package syslog

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/stream"
)

const (
	plainPort  = 514
	securePort = 6514
	largestUDP = 65507
)

// Config is the section of a syslog output.
type Config struct {
	stream.Config `yaml:",inline"`

	Protocol string `yaml:"protocol"` // udp, tcp or tls; "": tls with a tls section, else udp
	Framing  string `yaml:"framing"`  // over tcp and tls: newline, octet; "": octet over tls, else newline
	// MaxSize cuts longer messages; 0: 2,048 bytes over UDP, no limit else.
	MaxSize int           `yaml:"max_size"`
	Gap     time.Duration `yaml:"gap"` // between datagrams
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{Gap: 50 * time.Microsecond} }

// Output sends messages to one receiver. Calls of Send are never concurrent.
type Output struct {
	cfg  Config
	conn *stream.Conn
	buf  []byte
}

// New makes an output; it connects when the first batch is sent.
func New(cfg Config) (*Output, error) {
	if cfg.Protocol == "" {
		cfg.Protocol = "udp"
		if cfg.TLS != nil {
			cfg.Protocol = "tls"
		}
	}
	network, port := "tcp", plainPort
	switch cfg.Protocol {
	case "udp":
		network, cfg.TLS = "udp", nil
	case "tcp":
		cfg.TLS = nil
	case "tls":
		if port = securePort; cfg.TLS == nil {
			return nil, fmt.Errorf("read tls: missing; protocol %q needs the section, if only root_cafile", cfg.Protocol)
		}
	default:
		return nil, fmt.Errorf("read protocol: %q is none of udp, tcp, tls", cfg.Protocol)
	}
	switch {
	case cfg.Framing == "" && cfg.Protocol == "tls":
		cfg.Framing = "octet"
	case cfg.Framing == "":
		cfg.Framing = "newline"
	case cfg.Framing != "newline" && cfg.Framing != "octet":
		return nil, fmt.Errorf("read framing: %q is neither newline nor octet", cfg.Framing)
	}
	if network == "udp" && (cfg.MaxSize <= 0 || cfg.MaxSize > largestUDP) {
		cfg.MaxSize = 2048
	}
	address, err := cfg.Target(port)
	if err != nil {
		return nil, err
	}
	o := &Output{cfg: cfg}
	if o.conn, err = stream.New(network, address, cfg.Config); err != nil {
		return nil, err
	}
	return o, nil
}

// Send sends the messages of b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if o.cfg.Protocol == "udp" {
		return stream.Datagrams(ctx, o.conn, b, batch.Line, o.cfg.Gap, func(line []byte) ([]byte, error) {
			return o.shorten(bytes.TrimSuffix(line, []byte{'\n'})), nil
		})
	}
	err := o.conn.Do(ctx, func(c net.Conn) error {
		if _, err := c.Write(o.framed(b)); err != nil {
			return fmt.Errorf("write messages: %w", err)
		}
		return stream.Settle(ctx, c)
	})
	if err != nil {
		return fmt.Errorf("send to %s: %w", o.conn.Address(), err)
	}
	return nil
}

// framed returns b as it goes over a stream. Lines that need nothing done are
// not copied.
func (o *Output) framed(b []byte) []byte {
	counted := o.cfg.Framing == "octet"
	if !counted && o.cfg.MaxSize <= 0 && b[len(b)-1] == '\n' {
		return b
	}
	o.buf = o.buf[:0]
	for len(b) > 0 {
		var line []byte
		line, b = batch.Line(b)
		line = o.shorten(bytes.TrimSuffix(line, []byte{'\n'}))
		if len(line) == 0 {
			continue
		}
		if counted {
			o.buf = strconv.AppendInt(o.buf, int64(len(line)), 10)
			o.buf = append(append(o.buf, ' '), line...)
		} else {
			o.buf = append(append(o.buf, line...), '\n')
		}
	}
	return o.buf
}

// shorten cuts a message to the limit, not within a character.
func (o *Output) shorten(line []byte) []byte {
	if o.cfg.MaxSize <= 0 || len(line) <= o.cfg.MaxSize {
		return line
	}
	end := o.cfg.MaxSize
	for end > 0 && !utf8.RuneStart(line[end]) {
		end--
	}
	return line[:end]
}

// Close closes the connection.
func (o *Output) Close() error { return o.conn.Close() }
