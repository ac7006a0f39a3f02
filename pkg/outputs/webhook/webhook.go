// Package webhook posts events to chat systems and to receivers of people's own.
//
// A batch is a sequence of events (package event); each is one request.
//
// Invariant: a 2xx answer, read to its end, is the confirmation.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/tidwall/gjson"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/event"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

// SignatureHeader holds "sha256=" and the HMAC of the body, in hexadecimal.
const SignatureHeader = "X-Tocsin-Signature"

// Config is the section of a webhook output.
type Config struct {
	httpsend.Config `yaml:",inline"`

	// Format is event (the line as it is) or text ({"text":"..."}, which Slack and
	// Mattermost understand).
	Format string `yaml:"format"`
	Secret string `yaml:"secret"` // signs the bodies; "": they are not signed
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{Format: "event"} }

// Output posts events. Calls of Send are never concurrent.
type Output struct {
	cfg  Config
	http *httpsend.Client
}

// New makes an output; it connects when the first batch is sent.
func New(cfg Config) (*Output, error) {
	if cfg.Format != "" && cfg.Format != "event" && cfg.Format != "text" {
		return nil, fmt.Errorf("read format: %q is neither event nor text", cfg.Format)
	}
	client, err := httpsend.New(cfg.Config)
	if err != nil {
		return nil, err
	}
	return &Output{cfg: cfg, http: client}, nil
}

// Send posts the events of b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	return batch.Each(b, batch.Line, httpsend.Whole, func(item []byte) error {
		body, err := o.body(bytes.TrimSpace(item))
		if err != nil {
			return err
		}
		r := httpsend.Request{Type: "application/json", Body: body}
		if o.cfg.Secret != "" {
			mac := hmac.New(sha256.New, []byte(o.cfg.Secret))
			mac.Write(body)
			r.Header = http.Header{SignatureHeader: {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}
		}
		return o.http.Send(ctx, r)
	})
}

func (o *Output) body(line []byte) ([]byte, error) {
	if o.cfg.Format != "text" {
		if !gjson.ValidBytes(line) {
			return nil, fmt.Errorf("read event: %w: it is not JSON", message.ErrPermanent)
		}
		return line, nil
	}
	e, err := event.Parse(line)
	if err != nil {
		return nil, err
	}
	text := e.Title()
	if e.Text != "" {
		text += "\n" + e.Text
	}
	return json.Marshal(map[string]string{"text": text})
}

// Close closes the idle connections.
func (o *Output) Close() error { return o.http.Close() }
