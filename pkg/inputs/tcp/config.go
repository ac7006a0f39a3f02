// Package tcp accepts records over TCP or a unix socket: Heka's framed messages,
// or text cut by a splitter.
//
// Invariant: a frame tocsin.sync is answered with tocsin.ack only after every
// message before it on that connection was committed.
//
//	Run (1) -- accept --> connection (1 each): reads, emits, commits, answers
package tcp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/splitter"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// The types of the frames that confirm messages, and the field both carry.
const (
	SyncType = "tocsin.sync"
	AckType  = "tocsin.ack"
	SeqField = "seq"
)

// Config is the section of a TCP input.
type Config struct {
	Net             string            `yaml:"net"`     // tcp, tcp4, tcp6 or unix
	Address         string            `yaml:"address"` // host, host:port, or the path of a unix socket
	Port            int               `yaml:"port"`
	UseTLS          *bool             `yaml:"use_tls"`
	TLS             *tlsconfig.Config `yaml:"tls"`
	KeepAlive       bool              `yaml:"keep_alive"`
	KeepAlivePeriod time.Duration     `yaml:"keep_alive_period"`

	MaxConnections int           `yaml:"max_connections"`  // at a time; more are closed
	IdleTimeout    time.Duration `yaml:"idle_timeout"`     // 0: a silent connection stays open
	MaxMessageSize int           `yaml:"max_message_size"` // bytes of a frame
}

// DefaultConfig returns the settings that hold when the model says nothing.
func DefaultConfig() Config {
	return Config{
		Net: "tcp", Address: "127.0.0.1", Port: 5565, KeepAlive: true, KeepAlivePeriod: 2 * time.Minute,
		MaxConnections: 16384, IdleTimeout: 10 * time.Minute, MaxMessageSize: splitter.DefaultMaxRecord,
	}
}

// Options is what the daemon adds to the model.
type Options struct {
	Name     string          // of the input
	Hostname string          // of text records
	Splitter splitter.Config // zero value: framing
	Type     string          // of text records; default: the input's name
	Logger   *slog.Logger
}

func (c *Config) check() (address string, t *tls.Config, err error) {
	switch c.Net {
	case "":
		c.Net = "tcp"
	case "tcp", "tcp4", "tcp6", "unix":
	default:
		return "", nil, fmt.Errorf("read tcp input: net %q: want tcp, tcp4, tcp6 or unix", c.Net)
	}
	def := DefaultConfig()
	if c.MaxConnections <= 0 {
		c.MaxConnections = def.MaxConnections
	}
	if c.MaxMessageSize <= 0 {
		c.MaxMessageSize = def.MaxMessageSize
	}
	if c.MaxMessageSize < 1024 {
		return "", nil, fmt.Errorf("read tcp input: max_message_size %d: want 1024 or more", c.MaxMessageSize)
	}
	if c.IdleTimeout < 0 {
		return "", nil, fmt.Errorf("read tcp input: idle_timeout %s: want 0 or more", c.IdleTimeout)
	}
	address = c.Address
	if c.Net != "unix" {
		if _, _, err := net.SplitHostPort(address); err != nil {
			if c.Port < 0 || c.Port > 65535 {
				return "", nil, fmt.Errorf("read tcp input: port %d: want 0 to 65535", c.Port)
			}
			address = net.JoinHostPort(address, strconv.Itoa(c.Port))
		}
	}
	if c.TLS == nil || (c.UseTLS != nil && !*c.UseTLS) {
		if c.TLS == nil && c.UseTLS != nil && *c.UseTLS {
			return "", nil, errors.New("read tcp input: use_tls needs a tls section with cert_file and key_file")
		}
		return address, nil, nil
	}
	if t, err = c.TLS.Server(); err != nil {
		return "", nil, fmt.Errorf("read tcp input: %w", err)
	}
	return address, t, nil
}
