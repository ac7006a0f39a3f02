// Package http accepts messages by HTTP: collectd's write_http plugin, and
// anything that can post. The body of a request is the payload of a message of
// type heka.httpdata.request.
//
// Invariant: 200 means that the message is in every queue that wants it, or, for
// senders that must never wait (when_full: drop), that its drop was counted.
//
//	Run (1) -- http.Server (1 per connection) --> Intake (1) --> stream
package http

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/selfmon"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// Config is the section of an HTTP input.
type Config struct {
	Address        string            `yaml:"address"` // host, or host:port
	Port           int               `yaml:"port"`
	Headers        map[string]string `yaml:"headers"`         // sent with every answer
	RequestHeaders []string          `yaml:"request_headers"` // headers that become fields
	AuthType       string            `yaml:"auth_type"`       // "", Basic or API
	Username       string            `yaml:"username"`
	Password       string            `yaml:"password"`
	APIKey         string            `yaml:"api_key"` // expected in the header X-API-KEY
	UseTLS         *bool             `yaml:"use_tls"`
	TLS            *tlsconfig.Config `yaml:"tls"`
	UnescapeBody   *bool             `yaml:"unescape_body"` // accepted: bodies are taken as they are

	Format         string        `yaml:"format"`          // json: a body that is no JSON is answered with 400; the default where the decoder is collectd's
	MaxBodySize    int64         `yaml:"max_body_size"`   // bytes
	WhenFull       string        `yaml:"when_full"`       // drop (answer 200, count) or refuse (answer 503)
	AcceptTimeout  time.Duration `yaml:"accept_timeout"`  // how long a full pipeline may keep a sender waiting
	IdleTimeout    time.Duration `yaml:"idle_timeout"`    // of kept-alive connections
	ReadTimeout    time.Duration `yaml:"read_timeout"`    // of a whole request
	MaxConnections int           `yaml:"max_connections"` // at a time
}

// DefaultConfig returns the settings that hold when the model says nothing.
func DefaultConfig() Config {
	return Config{
		Address: "127.0.0.1", Port: 8325, MaxBodySize: 8 << 20, WhenFull: "drop", AcceptTimeout: 5 * time.Second,
		IdleTimeout: 2 * time.Minute, ReadTimeout: 30 * time.Second, MaxConnections: 1024,
	}
}

// Options is what the daemon adds to the model.
type Options struct {
	Name     string // of the input
	Hostname string // of the messages
	Logger   *slog.Logger
	PID      int32 // of the messages
	// Account is told of every request that was answered 200 what became of it; nil:
	// nobody asks.
	Account *selfmon.Account
}

func (c *Config) check() error {
	def := DefaultConfig()
	if host, port, err := net.SplitHostPort(c.Address); err == nil {
		n, err := strconv.Atoi(port)
		if err != nil {
			return fmt.Errorf("read http input: address %q: the port is no number", c.Address)
		}
		c.Address, c.Port = host, n
	}
	if c.Port < 0 || c.Port > 65535 {
		return fmt.Errorf("read http input: port %d: want 0 to 65535", c.Port)
	}
	switch strings.ToLower(c.AuthType) {
	case "":
	case "basic":
		if c.Username == "" || c.Password == "" {
			return errors.New("read http input: auth_type Basic needs username and password")
		}
	case "api":
		if c.APIKey == "" {
			return errors.New("read http input: auth_type API needs api_key")
		}
	default:
		return fmt.Errorf("read http input: auth_type %q: want Basic or API", c.AuthType)
	}
	c.AuthType = strings.ToLower(c.AuthType)
	if c.Format != "" && c.Format != "json" {
		return fmt.Errorf("read http input: format %q: want json or nothing", c.Format)
	}
	if c.WhenFull == "" {
		c.WhenFull = def.WhenFull
	}
	if c.WhenFull != "drop" && c.WhenFull != "refuse" {
		return fmt.Errorf("read http input: when_full %q: want drop or refuse", c.WhenFull)
	}
	if c.MaxBodySize <= 0 {
		c.MaxBodySize = def.MaxBodySize
	}
	if c.AcceptTimeout <= 0 {
		c.AcceptTimeout = def.AcceptTimeout
	}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = def.IdleTimeout
	}
	if c.ReadTimeout <= 0 {
		c.ReadTimeout = def.ReadTimeout
	}
	if c.MaxConnections <= 0 {
		c.MaxConnections = def.MaxConnections
	}
	return nil
}
