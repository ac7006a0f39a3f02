// Package influxdb sends line protocol to InfluxDB 0.9 to 2.x and to
// VictoriaMetrics, through the HTTP service of the official client. (Its write
// interfaces are not used: they queue and drop on their own.)
//
// A batch is a sequence of lines. A point that is sent again overwrites itself,
// so repeating is harmless.
//
// Invariant: Send returns nil only when the server has confirmed every line. When
// it objects to a batch, the batch is halved until the lines it objects to are
// found; they are rejected, the others are stored.
package influxdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/klauspost/compress/gzip"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

const lineType = "text/plain; charset=utf-8"

// Output sends batches to one database. Calls of Send are never concurrent.
type Output struct {
	cfg     Config
	target  target
	logger  *slog.Logger
	service influxhttp.Service
	base    *http.Transport
	timeout time.Duration
}

// New makes an output; the server is first asked when the first batch is sent.
func New(cfg Config, logger *slog.Logger) (*Output, error) {
	t, err := cfg.target()
	if err != nil {
		return nil, err
	}
	base, err := httpsend.NewTransport(cfg.Config)
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Transport:     base,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	options := influxhttp.DefaultOptions().SetHTTPClient(client).SetApplicationName("tocsin")
	return &Output{
		cfg:     cfg,
		target:  t,
		logger:  logger,
		service: influxhttp.NewService(t.server, t.auth, options),
		base:    base,
		timeout: time.Duration(max(cfg.Timeout, cfg.HTTPTimeout)),
	}, nil
}

// Close closes the idle connections.
func (o *Output) Close() error {
	o.base.CloseIdleConnections()
	return nil
}

// Send stores the points of b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	err := batch.Halving(ctx, b, batch.Line, o.write)
	if httpsend.Status(err) != http.StatusNotFound || o.target.create == "" {
		return err
	}
	// The server answers 404 when it does not know the database.
	if createErr := o.create(ctx); createErr != nil {
		return fmt.Errorf("create database %s: %w", o.target.database, errors.Join(createErr, err))
	}
	o.logger.Info("database created", "database", o.target.database)
	return batch.Halving(ctx, b, batch.Line, o.write)
}

func (o *Output) create(ctx context.Context) error {
	return o.post(ctx, o.target.create, nil)
}

func (o *Output) write(ctx context.Context, b []byte) error {
	if err := o.post(ctx, o.target.write, b); err != nil {
		return httpsend.Whole(fmt.Errorf("write points: %w", err), b)
	}
	return nil
}

// post sends one request and waits for the whole answer.
func (o *Output) post(ctx context.Context, address string, body []byte) error {
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	zip := o.cfg.Gzip && len(body) > 0
	if zip {
		body = compress(body)
	}
	parts := httpsend.NewBody([][]byte{body})
	defer parts.End()
	req, err := httpsend.NewRequest(ctx, http.MethodPost, address, parts)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", lineType)
	for name, values := range o.cfg.Headers {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if zip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	res, err := o.service.DoHTTPRequestWithResponse(req, nil)
	if err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read answer (status %d): %w", res.StatusCode, err)
	}
	return httpsend.Check(&httpsend.Response{Status: res.StatusCode, Header: res.Header, Body: answer})
}

func compress(body []byte) []byte {
	buf := bytes.NewBuffer(make([]byte, 0, len(body)/4+64))
	w, _ := gzip.NewWriterLevel(buf, gzip.BestSpeed) // the level is valid
	_, _ = w.Write(body)                             // a bytes.Buffer does not fail
	_ = w.Close()
	return buf.Bytes()
}
