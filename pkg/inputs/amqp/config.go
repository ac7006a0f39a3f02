// Package amqp consumes messages from a queue of an AMQP 0-9-1 broker.
//
// Invariant: a delivery is acknowledged after it was committed, never before; one
// that was not comes again with the same UUID if it names itself.
//
//	Run (1): connects, consumes, emits, commits, acknowledges; connects again
package amqp

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/splitter"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// Config is the section of an AMQP input.
type Config struct {
	URL      string `yaml:"url"` // amqp:// or amqps://; or the five keys below
	Host     string `yaml:"host"`
	Port     int    `yaml:"port"`
	User     string `yaml:"user"`
	Password string `yaml:"password"`
	VHost    string `yaml:"vhost"`

	Exchange           string `yaml:"exchange"`
	ExchangeType       string `yaml:"exchange_type"` // fanout, direct, topic, headers
	ExchangeDurability bool   `yaml:"exchange_durability"`
	ExchangeAutoDelete bool   `yaml:"exchange_auto_delete"`
	RoutingKey         string `yaml:"routing_key"`
	Queue              string `yaml:"queue"`
	QueueDurability    bool   `yaml:"queue_durability"`
	QueueExclusive     bool   `yaml:"queue_exclusive"`
	QueueAutoDelete    bool   `yaml:"queue_auto_delete"`
	QueueTTL           int    `yaml:"queue_ttl"` // milliseconds a message stays; 0: for ever
	PrefetchCount      int    `yaml:"prefetch_count"`
	ReadOnly           bool   `yaml:"read_only"` // declare nothing: the user may not

	UseTLS *bool             `yaml:"use_tls"`
	TLS    *tlsconfig.Config `yaml:"tls"`
	SSL    *SSL              `yaml:"ssl"` // the models' spelling of tls

	Heartbeat time.Duration `yaml:"heartbeat"`
	MaxDelay  time.Duration `yaml:"max_reconnect_delay"`
}

// SSL is the TLS section as the models of others write it.
type SSL struct {
	Enabled  *bool  `yaml:"enabled"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	CAFile   string `yaml:"ca_file"`
}

// DefaultConfig returns the settings that hold when the model says nothing.
func DefaultConfig() Config {
	return Config{
		Port: 5672, VHost: "/", ExchangeType: "topic", QueueAutoDelete: true, PrefetchCount: 2,
		Heartbeat: 10 * time.Second, MaxDelay: 30 * time.Second,
	}
}

// Options is what the daemon adds to the model.
type Options struct {
	Name     string
	Hostname string
	Splitter splitter.Config // zero value: a delivery is a record
	Logger   *slog.Logger
}

// address returns the URL to dial; it may hold a password.
func (c *Config) address() (string, error) {
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || (u.Scheme != "amqp" && u.Scheme != "amqps") {
			return "", errors.New("read amqp input: url: want amqp://user:password@host:port/vhost") // without the password in it
		}
		return c.URL, nil
	}
	if c.Host == "" {
		return "", errors.New("read amqp input: set url, or host")
	}
	if c.Port <= 0 || c.Port > 65535 {
		return "", fmt.Errorf("read amqp input: port %d: want 1 to 65535", c.Port)
	}
	u := url.URL{Scheme: "amqp", Host: net.JoinHostPort(c.Host, strconv.Itoa(c.Port))}
	if c.secure() {
		u.Scheme = "amqps"
	}
	if c.User != "" {
		u.User = url.UserPassword(c.User, c.Password)
	}
	vhost := c.VHost
	if vhost != "/" {
		vhost = strings.TrimPrefix(vhost, "/")
	}
	return u.String() + "/" + url.PathEscape(vhost), nil
}

func (c *Config) secure() bool {
	switch {
	case c.UseTLS != nil:
		return *c.UseTLS
	case c.SSL != nil:
		return c.SSL.Enabled == nil || *c.SSL.Enabled
	}
	return c.TLS != nil || strings.HasPrefix(c.URL, "amqps:")
}

func (c *Config) tls() tlsconfig.Config {
	var t tlsconfig.Config
	if c.TLS != nil {
		t = *c.TLS
	}
	if c.SSL != nil {
		t.CertFile, t.KeyFile, t.RootCAFile = c.SSL.CertFile, c.SSL.KeyFile, c.SSL.CAFile
	}
	return t
}

func (c *Config) check() error {
	switch c.ExchangeType {
	case "fanout", "direct", "topic", "headers":
	default:
		return fmt.Errorf("read amqp input: exchange_type %q: want fanout, direct, topic or headers", c.ExchangeType)
	}
	switch {
	case c.Queue == "" && c.ReadOnly:
		return errors.New("read amqp input: read_only needs the name of a queue")
	case c.PrefetchCount < 0 || c.PrefetchCount > 65535:
		return fmt.Errorf("read amqp input: prefetch_count %d: want 1 to 65535", c.PrefetchCount)
	case c.QueueTTL < 0:
		return fmt.Errorf("read amqp input: queue_ttl %d: want a number of milliseconds", c.QueueTTL)
	}
	if c.PrefetchCount == 0 {
		c.PrefetchCount = DefaultConfig().PrefetchCount
	}
	if c.Heartbeat <= 0 {
		c.Heartbeat = DefaultConfig().Heartbeat
	}
	if c.MaxDelay <= 0 {
		c.MaxDelay = DefaultConfig().MaxDelay
	}
	return nil
}
