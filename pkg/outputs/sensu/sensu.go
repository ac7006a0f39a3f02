// Package sensu sends check results to Sensu: to the client socket of an agent
// over UDP or TCP (Sensu Core and Go), or to the HTTP interfaces of a Sensu Go
// agent or back end.
//
// A batch is a sequence of lines, each a JSON object with name, source, output,
// status and, where wanted, handler or handlers, ttl, interval.
//
// Invariant: nothing leaves that could silence an agent's listener (a name with
// blanks, an empty text, a datagram over its buffer). Over UDP nothing is ever
// confirmed; use TCP with wait_reply, or HTTP, where that matters.
package sensu

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
	"github.com/tocsin-lma/tocsin/pkg/outputs/stream"
)

// Output sends check results. Calls of Send are never concurrent.
type Output struct {
	cfg  Config
	conn *stream.Conn // udp, tcp
	http *httpsend.Client
	auth authorizer
}

// New makes an output; it connects when the first batch is sent.
func New(cfg Config) (*Output, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.MaxSize == 0 {
		cfg.MaxSize = datagramSize
	}
	o := &Output{cfg: cfg}
	var err error
	if cfg.Protocol == Agent || cfg.Protocol == Backend {
		o.http, err = httpsend.New(httpsend.Config{Address: cfg.URL, Timeout: cfg.Timeout, TLS: cfg.TLS})
		return o, err
	}
	if cfg.Host == "" && cfg.Address == "" {
		cfg.Host = "127.0.0.1"
	}
	address, err := cfg.Target(socketPort)
	if err != nil {
		return nil, err
	}
	if cfg.Protocol == UDP {
		cfg.TLS = nil
	}
	o.conn, err = stream.New(cfg.Protocol, address, cfg.Config)
	return o, err
}

// Send sends the results of b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	switch o.cfg.Protocol {
	case UDP:
		return stream.Datagrams(ctx, o.conn, b, batch.Line, o.cfg.Gap, o.datagram)
	case TCP:
		return each(b, func(item []byte) error { return o.socket(ctx, item) })
	case Agent:
		return each(b, func(item []byte) error { return o.agent(ctx, item) })
	}
	return each(b, func(item []byte) error { return o.backend(ctx, item) })
}

func (o *Output) datagram(item []byte) ([]byte, error) {
	result, err := clean(item)
	if err != nil {
		return nil, err
	}
	return fit(result, o.cfg.MaxSize)
}

// each sends results one by one. One that cannot be mended, or is refused for
// good, is rejected; any other failure ends the batch.
func each(b []byte, send func(result []byte) error) error {
	return batch.Each(b, batch.Line, httpsend.Whole, func(item []byte) error {
		result, err := clean(item)
		if err != nil {
			return fmt.Errorf("read check result: %w: %w", message.ErrPermanent, err)
		}
		if err = send(result); err != nil {
			return fmt.Errorf("send check result: %w", err)
		}
		return nil
	})
}

// socket sends one result over a connection of its own, which is how an agent
// knows where it ends.
func (o *Output) socket(ctx context.Context, result []byte) error {
	err := o.conn.Do(ctx, func(c net.Conn) error {
		if _, err := c.Write(append(result[:len(result):len(result)], '\n')); err != nil {
			return fmt.Errorf("write result: %w", err)
		}
		if !o.cfg.WaitReply {
			return stream.Settle(ctx, c)
		}
		var reply [64]byte
		n, err := c.Read(reply[:])
		if err != nil {
			return fmt.Errorf("read reply (an agent of Sensu Go gives none: set wait_reply to false): %w", err)
		}
		if text := strings.TrimSpace(string(reply[:n])); text != "ok" {
			return fmt.Errorf("%w: agent answered %q", message.ErrPermanent, text)
		}
		return nil
	})
	_ = o.conn.Close()
	return err
}

// Close closes the connections.
func (o *Output) Close() error {
	if o.conn != nil {
		return o.conn.Close()
	}
	return o.http.Close()
}
