// Package prometheus gives metrics to Prometheus and to what speaks its protocols:
// Writer pushes them by remote write (version 1, snappy), Scrape keeps the latest
// sample of each series on a page to be fetched.
//
// A batch is a sequence of lines of InfluxDB's line protocol.
//
// Invariant: Writer's Send returns nil only when the far side has confirmed all
// samples; a sample sent again is the same sample. (Prometheus itself takes one
// again only within its out_of_order_time_window.)
package prometheus

import (
	"context"
	"fmt"
	"math"
	"net/http"

	"github.com/golang/snappy"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
	"google.golang.org/protobuf/encoding/protowire"
)

// WriteConfig is the section of a remote-write output.
type WriteConfig struct {
	httpsend.Config `yaml:",inline"` // the address with its path, such as /api/v1/write

	Precision string `yaml:"precision"` // of the times in the lines: ns, us, ms or s
}

// DefaultWriteConfig returns the defaults.
func DefaultWriteConfig() WriteConfig { return WriteConfig{Precision: "ms"} }

// Writer sends batches by remote write. Calls of Send are never concurrent.
type Writer struct {
	cfg  WriteConfig
	http *httpsend.Client
	raw  []byte
	buf  []byte
}

// NewWriter makes an output; it connects when the first batch is sent.
func NewWriter(cfg WriteConfig) (*Writer, error) {
	if err := checkPrecision(cfg.Precision); err != nil {
		return nil, err
	}
	cfg.Gzip = false // the protocol has its own compression
	client, err := httpsend.New(cfg.Config)
	if err != nil {
		return nil, err
	}
	return &Writer{cfg: cfg, http: client}, nil
}

// Send sends the samples of b.
func (w *Writer) Send(ctx context.Context, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	return batch.Halving(ctx, b, batch.Line, func(ctx context.Context, part []byte) error {
		return httpsend.Whole(w.write(ctx, part), part)
	})
}

func (w *Writer) write(ctx context.Context, b []byte) error {
	all, err := parse(b, w.cfg.Precision)
	if err != nil || len(all) == 0 {
		return err
	}
	w.raw = w.raw[:0]
	for _, s := range all {
		w.raw = appendSeries(w.raw, s)
	}
	w.buf = snappy.Encode(w.buf[:cap(w.buf)], w.raw)
	err = w.http.Send(ctx, httpsend.Request{
		Type: "application/x-protobuf",
		Header: http.Header{
			"Content-Encoding":                  {"snappy"},
			"X-Prometheus-Remote-Write-Version": {"0.1.0"},
		},
		Body: w.buf,
	})
	if err != nil {
		return fmt.Errorf("write samples: %w", err)
	}
	return nil
}

// appendSeries appends one TimeSeries of a WriteRequest: field 1 holds the labels
// {1 name, 2 value}, field 2 the samples {1 value, 2 milliseconds}.
func appendSeries(dst []byte, s sample) []byte {
	var series, part []byte
	for _, l := range s.labels {
		part = protowire.AppendTag(part[:0], 1, protowire.BytesType)
		part = protowire.AppendString(part, l.name)
		part = protowire.AppendTag(part, 2, protowire.BytesType)
		part = protowire.AppendString(part, l.value)
		series = protowire.AppendTag(series, 1, protowire.BytesType)
		series = protowire.AppendBytes(series, part)
	}
	part = protowire.AppendTag(part[:0], 1, protowire.Fixed64Type)
	part = protowire.AppendFixed64(part, math.Float64bits(s.value))
	part = protowire.AppendTag(part, 2, protowire.VarintType)
	part = protowire.AppendVarint(part, uint64(s.ms))
	series = protowire.AppendTag(series, 2, protowire.BytesType)
	series = protowire.AppendBytes(series, part)
	dst = protowire.AppendTag(dst, 1, protowire.BytesType)
	return protowire.AppendBytes(dst, series)
}

// Close closes the idle connections.
func (w *Writer) Close() error { return w.http.Close() }
