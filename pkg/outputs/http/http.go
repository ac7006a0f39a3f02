// Package http posts batches to any HTTP server.
//
// Invariant: a 2xx answer, read to its end, is the confirmation; nothing else is.
package http

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

// Config is the section of an HTTP output.
type Config struct {
	httpsend.Config `yaml:",inline"`

	Method      string `yaml:"method"`       // POST or PUT
	ContentType string `yaml:"content_type"` // a Content-Type among the headers wins
	// PerItem sends each line in a request of its own, without its line feed.
	PerItem bool `yaml:"per_item"`
	// Split says that a refused batch may be halved until the lines at fault are
	// found; the server then sees good lines more than once.
	Split bool `yaml:"split"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{Method: http.MethodPost, ContentType: "application/x-www-form-urlencoded"}
}

// Output posts batches. Calls of Send are never concurrent.
type Output struct {
	cfg  Config
	http *httpsend.Client
}

// New makes an output; it connects when the first batch is sent.
func New(cfg Config) (*Output, error) {
	cfg.Method = strings.ToUpper(cfg.Method)
	switch cfg.Method {
	case "":
		cfg.Method = http.MethodPost
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return nil, fmt.Errorf("read method: %q is none of POST, PUT, PATCH", cfg.Method)
	}
	client, err := httpsend.New(cfg.Config)
	if err != nil {
		return nil, err
	}
	return &Output{cfg: cfg, http: client}, nil
}

// Send posts b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	switch {
	case len(b) == 0:
		return nil
	case o.cfg.PerItem:
		return batch.Each(b, batch.Line, httpsend.Whole, func(item []byte) error {
			return o.post(ctx, bytes.TrimSuffix(item, []byte{'\n'}))
		})
	case o.cfg.Split:
		return batch.Halving(ctx, b, batch.Line, func(ctx context.Context, part []byte) error {
			return httpsend.Whole(o.post(ctx, part), part)
		})
	}
	return httpsend.Whole(o.post(ctx, b), b)
}

func (o *Output) post(ctx context.Context, body []byte) error {
	return o.http.Send(ctx, httpsend.Request{Method: o.cfg.Method, Type: o.cfg.ContentType, Body: body})
}

// Close closes the idle connections.
func (o *Output) Close() error { return o.http.Close() }
