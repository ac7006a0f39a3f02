// Package otlp sends logs and metrics by the OpenTelemetry protocol, as JSON over
// HTTP.
//
// Logs come as a batch of frames (whole messages), metrics as lines of InfluxDB's
// line protocol.
//
// Invariant: a 2xx answer, read to its end, is the confirmation. A far side that
// took a part of a request and does not say which (partial success) is not asked
// again, because that would double what it took: the number is logged.
package otlp

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/tidwall/gjson"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
)

const frameByte = 0x1e

var errFrame = fmt.Errorf("read frame: %w: it holds no message", message.ErrPermanent)

// Config is the section of an OTLP output.
type Config struct {
	httpsend.Config `yaml:",inline"` // base URL; /v1/logs or /v1/metrics is added unless it is there

	Precision string            `yaml:"precision"` // of the times in lines: ns, us, ms or s
	Resource  map[string]string `yaml:"resource"`  // attributes of everything sent
}

// DefaultConfig returns the defaults: a collector on this host.
func DefaultConfig() Config {
	return Config{Config: httpsend.Config{Address: "http://127.0.0.1:4318"}, Precision: "ms"}
}

// nanoseconds of the units of a line's time.
var nanoseconds = map[string]int64{"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}

// Output sends batches. Calls of Send are never concurrent.
type Output struct {
	cfg    Config
	http   *httpsend.Client
	logger *slog.Logger
}

// New makes an output; it connects when the first batch is sent.
func New(cfg Config, logger *slog.Logger) (*Output, error) {
	if nanoseconds[cfg.Precision] == 0 {
		return nil, fmt.Errorf("read precision: %q is none of ns, us, ms, s", cfg.Precision)
	}
	client, err := httpsend.New(cfg.Config)
	if err != nil {
		return nil, err
	}
	return &Output{cfg: cfg, http: client, logger: logger}, nil
}

// Send sends the records or points of b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	cut, path, encode := batch.Line, "v1/metrics", o.metrics
	if b[0] == frameByte {
		cut, path, encode = batch.Frame, "v1/logs", o.logs
	}
	u := o.http.URL()
	if !strings.HasSuffix(u.Path, path) {
		u = u.JoinPath(path)
	}
	return batch.Halving(ctx, b, cut, func(ctx context.Context, part []byte) error {
		body, err := encode(part)
		if err != nil {
			return err
		}
		return httpsend.Whole(o.post(ctx, u.String(), body), part)
	})
}

func (o *Output) post(ctx context.Context, address string, request any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("write request: %w: %w", message.ErrPermanent, err)
	}
	res, err := o.http.Do(ctx, httpsend.Request{URL: address, Type: "application/json", Body: body})
	if err != nil {
		return err
	}
	if err = httpsend.Check(res); err != nil {
		return err
	}
	partial := gjson.GetBytes(res.Body, "partialSuccess")
	rejected := partial.Get("rejectedLogRecords").Int() + partial.Get("rejectedDataPoints").Int()
	if rejected > 0 {
		o.logger.Warn("far side rejected a part of a request", "address", address,
			"rejected", rejected, "reason", partial.Get("errorMessage").String())
	}
	return nil
}

// Close closes the idle connections.
func (o *Output) Close() error { return o.http.Close() }
