// Package stream is the connection that the outputs over TCP and UDP share:
// dialled when needed, kept, dialled again after a failure, bounded by the
// context of each call.
//
// Invariant: a connection on which a call failed is never used again, because
// the far side may have read half an item.
package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

const defaultDialTimeout = 10 * time.Second

// Config says where to connect and how.
type Config struct {
	Address   string            `yaml:"address"` // host:port
	Host      string            `yaml:"host"`    // the same in two parts
	Port      int               `yaml:"port"`
	TLS       *tlsconfig.Config `yaml:"tls"`
	KeepAlive bool              `yaml:"keep_alive"` // TCP keep-alive probes
	// KeepAlivePeriod is the time between probes; 0: the system's.
	KeepAlivePeriod time.Duration `yaml:"keep_alive_period"`
	LocalAddress    string        `yaml:"local_address"` // to connect from
	DialTimeout     time.Duration `yaml:"dial_timeout"`  // 0: 10 s
}

// Target returns host:port; defaultPort stands in for a missing port.
func (c Config) Target(defaultPort int) (string, error) {
	port := c.Port
	if port == 0 {
		port = defaultPort
	}
	switch {
	case c.Address == "" && c.Host == "":
		return "", errors.New("read address: missing; write host and port")
	case c.Address == "":
		if port < 1 || port > 65535 {
			return "", fmt.Errorf("read port: %d is not within 1 and 65535", port)
		}
		return net.JoinHostPort(c.Host, fmt.Sprint(port)), nil
	}
	if _, _, err := net.SplitHostPort(c.Address); err == nil {
		return c.Address, nil
	}
	if port == 0 {
		return "", fmt.Errorf("read address: %q has no port", c.Address)
	}
	return net.JoinHostPort(c.Address, fmt.Sprint(port)), nil
}

// Conn is a connection that comes and goes. Calls are never concurrent.
type Conn struct {
	network string
	address string
	dialer  *net.Dialer
	tls     *tls.Config
	conn    net.Conn
	opened  func(net.Conn)
}

// New makes a Conn; nothing is connected yet. network is "tcp" or "udp".
func New(network, address string, cfg Config) (*Conn, error) {
	c := &Conn{network: network, address: address, dialer: &net.Dialer{Timeout: cfg.DialTimeout, KeepAlive: -1}}
	if cfg.DialTimeout <= 0 {
		c.dialer.Timeout = defaultDialTimeout
	}
	if cfg.KeepAlive {
		c.dialer.KeepAlive = cfg.KeepAlivePeriod
	}
	if cfg.LocalAddress != "" {
		local, err := localAddr(network, cfg.LocalAddress)
		if err != nil {
			return nil, fmt.Errorf("read local_address: %w", err)
		}
		c.dialer.LocalAddr = local
	}
	if cfg.TLS != nil {
		settings, err := cfg.TLS.Client()
		if err != nil {
			return nil, fmt.Errorf("read tls: %w", err)
		}
		c.tls = settings.Clone()
		if host, _, err := net.SplitHostPort(address); err == nil && c.tls.ServerName == "" {
			c.tls.ServerName = host
		}
	}
	return c, nil
}

func localAddr(network, text string) (net.Addr, error) {
	if network == "udp" {
		return net.ResolveUDPAddr(network, text)
	}
	return net.ResolveTCPAddr(network, text)
}

// OnOpen sets a function that is called with every new connection, before
// anything is written.
func (c *Conn) OnOpen(f func(net.Conn)) { c.opened = f }

// Address returns the far side's.
func (c *Conn) Address() string { return c.address }

// Do calls f with an open connection whose reads and writes end when ctx does.
// An error of f closes the connection.
func (c *Conn) Do(ctx context.Context, f func(net.Conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	conn, err := c.open(ctx)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Time{}) // an earlier call may have left one
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = f(conn)
	if !stop() && err == nil {
		err = ctx.Err() // the deadline is in the past now
	}
	if err == nil {
		return nil
	}
	_ = c.Close()
	return errors.Join(err, ctx.Err())
}

func (c *Conn) open(ctx context.Context) (net.Conn, error) {
	if c.conn != nil {
		if c.network == "udp" || !gone(c.conn) {
			return c.conn, nil
		}
		_ = c.Close()
	}
	conn, err := c.dialer.DialContext(ctx, c.network, c.address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if c.tls != nil {
		secure := tls.Client(conn, c.tls)
		ctx, cancel := context.WithTimeout(ctx, c.dialer.Timeout)
		err = secure.HandshakeContext(ctx)
		cancel()
		if err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("start TLS with %s: %w", c.address, err)
		}
		conn = secure
	}
	c.conn = conn
	if c.opened != nil {
		c.opened(conn)
	}
	return conn, nil
}

// Close closes the connection; the next call of Do opens another.
func (c *Conn) Close() error {
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn = nil
	return err
}
