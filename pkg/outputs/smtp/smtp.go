// Package smtp sends events as mail.
//
// A batch becomes one mail. It is a sequence of texts, each ended by a NUL, whose
// first lines are titles; or of lines: events (package event), or plain text.
//
// Invariant: a mail counts as sent when the server has taken its body. It carries a
// message id made from its content, so that one sent twice can be told.
package smtp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/event"
	"github.com/tocsin-lma/tocsin/pkg/outputs/stream"
)

// Config is the section of an SMTP output.
type Config struct {
	stream.Config `yaml:",inline"` // with a tls section, mail is sent over STARTTLS or not at all

	From         string        `yaml:"send_from"`
	To           []string      `yaml:"send_to"`
	Subject      string        `yaml:"subject"` // "": the first event's title
	Auth         string        `yaml:"auth"`    // none, Plain or CRAMMD5
	User         string        `yaml:"user"`
	Password     string        `yaml:"password"`
	SendInterval time.Duration `yaml:"send_interval"` // least time between mails; 0: none
	Hello        string        `yaml:"hello"`         // our name; "": localhost
}

// DefaultConfig returns the defaults: the server on this host.
func DefaultConfig() Config {
	return Config{Config: stream.Config{Address: "127.0.0.1:25"}, From: "tocsin@localhost.localdomain", Auth: "none"}
}

// Output sends mail. Calls of Send are never concurrent.
type Output struct {
	cfg    Config
	target string
	conn   *stream.Conn
	tls    *tls.Config
	now    func() time.Time
	last   time.Time
}

// New makes an output. now is the clock; nil: time.Now.
func New(cfg Config, now func() time.Time) (*Output, error) {
	if len(cfg.To) == 0 {
		return nil, errors.New("read send_to: missing; name at least one address")
	}
	for _, address := range append([]string{cfg.From}, cfg.To...) {
		if address == "" || strings.ContainsAny(address, "\r\n<> ") {
			return nil, fmt.Errorf("read send_from and send_to: %q is not a plain address such as ops@example.org", address)
		}
	}
	switch cfg.Auth {
	case "", "none", "Plain", "CRAMMD5":
	default:
		return nil, fmt.Errorf("read auth: %q is none of none, Plain, CRAMMD5", cfg.Auth)
	}
	if now == nil {
		now = time.Now
	}
	o := &Output{cfg: cfg, now: now}
	var err error
	if o.target, err = cfg.Target(25); err != nil {
		return nil, err
	}
	if cfg.TLS != nil {
		if o.tls, err = cfg.TLS.Client(); err != nil {
			return nil, fmt.Errorf("read tls: %w", err)
		}
		if host, _, err := net.SplitHostPort(o.target); err == nil && o.tls.ServerName == "" {
			o.tls = o.tls.Clone()
			o.tls.ServerName = host
		}
	}
	plain := cfg.Config
	plain.TLS = nil // it starts within the conversation
	o.conn, err = stream.New("tcp", o.target, plain)
	return o, err
}

var errTooSoon = errors.New("the last mail was sent less than send_interval ago")

// Send sends b as one mail.
func (o *Output) Send(ctx context.Context, b []byte) error {
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	now := o.now()
	if wait := o.cfg.SendInterval - now.Sub(o.last); !o.last.IsZero() && wait > 0 {
		return &message.SendError{Retry: b, After: wait, Err: errTooSoon}
	}
	mail := o.mail(b, now)
	err := o.conn.Do(ctx, func(c net.Conn) error { return o.talk(c, mail) })
	_ = o.conn.Close()
	var answer *textproto.Error
	switch {
	case err == nil:
		o.last = now
		return nil
	case errors.As(err, &answer) && answer.Code >= 550 && answer.Code <= 559:
		return fmt.Errorf("send mail: %w: %w", message.ErrPermanent, err)
	}
	return fmt.Errorf("send mail by %s: %w", o.target, err)
}

// talk holds the conversation over one connection.
func (o *Output) talk(c net.Conn, mail []byte) error {
	host, _, _ := net.SplitHostPort(o.target) // it was checked
	client, err := smtp.NewClient(c, host)
	if err != nil {
		return err
	}
	if o.cfg.Hello != "" {
		if err = client.Hello(o.cfg.Hello); err != nil {
			return err
		}
	}
	if o.tls != nil {
		if err = client.StartTLS(o.tls); err != nil {
			return fmt.Errorf("start TLS: %w", err)
		}
	}
	if err = o.authenticate(client, host); err != nil {
		return err
	}
	if err = client.Mail(o.cfg.From); err != nil {
		return err
	}
	for _, to := range o.cfg.To {
		if err = client.Rcpt(to); err != nil {
			return fmt.Errorf("name recipient %s: %w", to, err)
		}
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err = w.Write(mail); err != nil {
		return err
	}
	if err = w.Close(); err != nil { // the server has taken it when this succeeds
		return err
	}
	_ = client.Quit() // the mail is sent, whatever comes of the farewell
	return nil
}

func (o *Output) authenticate(client *smtp.Client, host string) error {
	var auth smtp.Auth
	switch o.cfg.Auth {
	case "Plain":
		auth = smtp.PlainAuth("", o.cfg.User, o.cfg.Password, host)
	case "CRAMMD5":
		auth = smtp.CRAMMD5Auth(o.cfg.User, o.cfg.Password)
	default:
		return nil
	}
	if err := client.Auth(auth); err != nil {
		// Not wrapped: a refused login is no verdict on the mail.
		return fmt.Errorf("log in: %v", err)
	}
	return nil
}

// mail writes the message.
func (o *Output) mail(b []byte, now time.Time) []byte {
	subject, text := compose(b)
	if o.cfg.Subject != "" {
		subject = o.cfg.Subject
	}
	sum := sha256.Sum256(b)
	id := hex.EncodeToString(sum[:16])
	_, domain, _ := strings.Cut(o.cfg.From, "@")
	var m bytes.Buffer
	for _, header := range [][2]string{
		{"From", o.cfg.From},
		{"To", strings.Join(o.cfg.To, ", ")},
		{"Subject", mime.QEncoding.Encode("utf-8", strings.Join(strings.Fields(subject), " "))},
		{"Date", now.Format(time.RFC1123Z)},
		{"Message-ID", "<" + id + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "base64"},
	} {
		m.WriteString(header[0] + ": " + header[1] + "\r\n")
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	for len(encoded) > 0 {
		n := min(len(encoded), 76)
		m.WriteString("\r\n" + encoded[:n])
		encoded = encoded[n:]
	}
	m.WriteString("\r\n")
	return m.Bytes()
}

// compose returns the first title and all texts.
func compose(b []byte) (subject, text string) {
	if bytes.IndexByte(b, 0) >= 0 {
		parts := strings.Split(strings.Trim(string(b), "\x00\n"), "\x00")
		subject, _, _ = strings.Cut(strings.TrimSpace(parts[0]), "\n")
		if len(parts) > 1 {
			subject += fmt.Sprintf(" (and %d more)", len(parts)-1)
		}
		return subject, strings.Join(parts, "\n\n") + "\n"
	}
	var out strings.Builder
	for len(b) > 0 {
		var line []byte
		line, b = batch.Line(b)
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		title, body := string(line), ""
		if e, err := event.Parse(line); err == nil {
			title, body = e.Title(), e.Text
		}
		if subject == "" {
			subject = title
		}
		out.WriteString(title + "\n")
		if body != "" {
			out.WriteString(body + "\n")
		}
	}
	return subject, out.String()
}

// Close closes the connection.
func (o *Output) Close() error { return o.conn.Close() }
