// Package amqp publishes messages to RabbitMQ.
//
// A batch is a sequence of frames, or of lines; each becomes one message.
//
// Invariant: Send returns nil only when the broker has confirmed every message of
// the batch. Frames carry their message's id as the AMQP message id, so that a
// reader can drop what was published twice.
package amqp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

const (
	frameByte   = 0x1e
	dialTimeout = 10 * time.Second
	window      = 1000 // messages on the way before their confirmations are waited for
)

// Config is the section of an AMQP output.
type Config struct {
	URL          string            `yaml:"url"` // amqp://user:password@host:port/vhost, or amqps://
	Host         string            `yaml:"host"`
	Port         int               `yaml:"port"`
	User         string            `yaml:"user"`
	Password     string            `yaml:"password"`
	Vhost        string            `yaml:"vhost"`
	Exchange     string            `yaml:"exchange"`
	ExchangeType string            `yaml:"exchange_type"` // fanout, direct, topic or headers
	Durable      bool              `yaml:"exchange_durability"`
	AutoDelete   bool              `yaml:"exchange_auto_delete"`
	Declare      bool              `yaml:"declare"` // the exchange, unless it is the default one
	RoutingKey   string            `yaml:"routing_key"`
	Persistent   bool              `yaml:"persistent"`
	ContentType  string            `yaml:"content_type"`
	UseFraming   bool              `yaml:"use_framing"` // publish frames with their header
	Mandatory    bool              `yaml:"mandatory"`   // a message that reaches no queue is a failure
	TLS          *tlsconfig.Config `yaml:"tls"`
	SSL          *SSL              `yaml:"ssl"` // StackLight's form of tls

	// Accepted for StackLight's models; the section retries has their meaning.
	Delay      time.Duration `yaml:"delay"`
	MaxDelay   time.Duration `yaml:"max_delay"`
	MaxRetries int           `yaml:"max_retries"`
}

// SSL is the TLS section of StackLight's models.
type SSL struct {
	Enabled  *bool  `yaml:"enabled"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	CAFile   string `yaml:"ca_file"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Host: "127.0.0.1", User: "guest", Password: "guest", Vhost: "/", ExchangeType: "topic",
		Declare: true, Persistent: true, ContentType: "application/hekad", UseFraming: true,
	}
}

// address works out the URL and the TLS settings.
func (c Config) address() (string, *tls.Config, error) {
	if c.SSL != nil && (c.SSL.Enabled == nil || *c.SSL.Enabled) && c.TLS == nil {
		c.TLS = &tlsconfig.Config{CertFile: c.SSL.CertFile, KeyFile: c.SSL.KeyFile, RootCAFile: c.SSL.CAFile}
	}
	text := c.URL
	if text == "" {
		u := url.URL{Scheme: "amqp", User: url.UserPassword(c.User, c.Password), Host: c.Host}
		if c.Port != 0 {
			u.Host = net.JoinHostPort(c.Host, fmt.Sprint(c.Port))
		}
		if c.TLS != nil {
			u.Scheme = "amqps"
		}
		u.Path, u.RawPath = "/"+c.Vhost, "/"+url.PathEscape(c.Vhost)
		text = u.String()
	}
	if _, err := amqp091.ParseURI(text); err != nil {
		return "", nil, fmt.Errorf("read url: %w", err)
	}
	if !strings.HasPrefix(text, "amqps:") {
		return text, nil, nil
	}
	var section tlsconfig.Config
	if c.TLS != nil {
		section = *c.TLS
	}
	settings, err := section.Client()
	if err != nil {
		return "", nil, fmt.Errorf("read tls: %w", err)
	}
	return text, settings, nil
}

// Output publishes over one connection. Calls of Send are never concurrent.
type Output struct {
	cfg      Config
	url      string
	tls      *tls.Config
	conn     *amqp091.Connection
	channel  *amqp091.Channel
	returned chan amqp091.Return
}

// New makes an output; it connects when the first batch is sent.
func New(cfg Config) (*Output, error) {
	address, settings, err := cfg.address()
	if err != nil {
		return nil, err
	}
	return &Output{cfg: cfg, url: address, tls: settings}, nil
}

// Send publishes the messages of b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := o.open(ctx); err != nil {
		return err
	}
	// The library's calls cannot be interrupted, other than by their connection.
	conn := o.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.CloseDeadline(time.Now().Add(time.Second)) })
	err := o.publish(ctx, b)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		return nil
	}
	_ = o.Close()
	return errors.Join(err, ctx.Err())
}

func (o *Output) open(ctx context.Context) error {
	if o.conn != nil && !o.conn.IsClosed() && !o.channel.IsClosed() {
		return nil
	}
	_ = o.Close()
	conn, err := amqp091.DialConfig(o.url, amqp091.Config{
		Heartbeat: 10 * time.Second, Locale: "en_US", TLSClientConfig: o.tls,
		Properties: amqp091.Table{"product": "tocsin"},
		Dial: func(network, address string) (net.Conn, error) {
			return dial(ctx, network, address)
		},
	})
	if err != nil {
		return errors.Join(fmt.Errorf("connect to the broker: %w", err), ctx.Err())
	}
	o.conn = conn
	if err = o.openChannel(); err != nil {
		_ = o.Close()
		return err
	}
	return nil
}

// dial bounds the handshake, too, which the library does not do for a dialler
// that is not its own.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(dialTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err = conn.SetDeadline(deadline); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func (o *Output) openChannel() error {
	channel, err := o.conn.Channel()
	if err != nil {
		return fmt.Errorf("open channel: %w", err)
	}
	o.channel = channel
	if o.cfg.Declare && o.cfg.Exchange != "" {
		err = channel.ExchangeDeclare(o.cfg.Exchange, o.cfg.ExchangeType, o.cfg.Durable, o.cfg.AutoDelete, false, false, nil)
		if err != nil {
			return fmt.Errorf("declare exchange %q (if it exists with other properties, set declare to false): %w", o.cfg.Exchange, err)
		}
	}
	if err = channel.Confirm(false); err != nil {
		return fmt.Errorf("ask for confirmations: %w", err)
	}
	o.returned = channel.NotifyReturn(make(chan amqp091.Return, window))
	return nil
}

var (
	errUnconfirmed = errors.New("the broker did not take a message")
	errUnroutable  = errors.New("a message reached no queue: bind one, or set mandatory to false")
)

// publish sends all messages and waits for their confirmations, a window of them
// at a time.
func (o *Output) publish(ctx context.Context, b []byte) error {
	cut := batch.Line
	if b[0] == frameByte {
		cut = batch.Frame
	}
	var waiting []*amqp091.DeferredConfirmation
	for len(b) > 0 {
		var item []byte
		item, b = cut(b)
		c, err := o.channel.PublishWithDeferredConfirmWithContext(ctx, o.cfg.Exchange, o.cfg.RoutingKey,
			o.cfg.Mandatory, false, o.publishing(item))
		if err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		waiting = append(waiting, c)
		if len(waiting) < window && len(b) > 0 {
			continue
		}
		for _, c := range waiting {
			ok, err := c.WaitContext(ctx)
			if err != nil {
				return fmt.Errorf("wait for confirmation: %w", err)
			}
			if !ok {
				return errUnconfirmed
			}
		}
		waiting = waiting[:0]
		select {
		case r, open := <-o.returned: // comes before the confirmation
			if open {
				return fmt.Errorf("publish to exchange %q with key %q: %w", r.Exchange, r.RoutingKey, errUnroutable)
			}
		default:
		}
	}
	return nil
}

func (o *Output) publishing(item []byte) amqp091.Publishing {
	p := amqp091.Publishing{ContentType: o.cfg.ContentType, DeliveryMode: amqp091.Transient, Timestamp: time.Now()}
	if o.cfg.Persistent {
		p.DeliveryMode = amqp091.Persistent
	}
	payload, framed := batch.Payload(item)
	if !framed {
		p.Body = bytes.TrimSuffix(item, []byte{'\n'})
		return p
	}
	if p.Body = item; !o.cfg.UseFraming {
		p.Body = payload
	}
	var m message.Message
	if m.UnmarshalShared(payload) == nil && !m.UUID.IsZero() {
		p.MessageId = m.UUID.String()
	}
	return p
}

// Close closes the connection.
func (o *Output) Close() error {
	if o.conn == nil {
		return nil
	}
	err := o.conn.CloseDeadline(time.Now().Add(time.Second))
	o.conn, o.channel = nil, nil
	if errors.Is(err, amqp091.ErrClosed) {
		return nil
	}
	return err
}
