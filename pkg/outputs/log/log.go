// Package log writes batches of lines for people: to standard output, standard
// error, or the daemon's own log.
//
// Invariant: a line is written whole, or Send says which lines were not.
package log

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
)

// Config is the section of a log output.
type Config struct {
	Stream string     `yaml:"stream"` // stdout, stderr, or slog for the daemon's log
	Level  slog.Level `yaml:"-"`      // of the daemon's log
}

// DefaultConfig returns the defaults: standard output.
func DefaultConfig() Config { return Config{Stream: "stdout"} }

// Output writes lines. Calls of Send are never concurrent.
type Output struct {
	w      io.Writer
	logger *slog.Logger
	level  slog.Level
}

// New makes an output; stdout and stderr are the standard streams.
func New(cfg Config, logger *slog.Logger, stdout, stderr io.Writer) (*Output, error) {
	o := &Output{logger: logger, level: cfg.Level}
	switch cfg.Stream {
	case "", "stdout":
		o.w = stdout
	case "stderr":
		o.w = stderr
	case "slog":
	default:
		return nil, fmt.Errorf("read stream: %q is none of stdout, stderr, slog", cfg.Stream)
	}
	return o, nil
}

// Send writes the lines of b.
func (o *Output) Send(ctx context.Context, b []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if o.w == nil {
		for len(b) > 0 {
			var line []byte
			line, b = batch.Line(b)
			o.logger.Log(ctx, o.level, strings.TrimSuffix(string(line), "\n"))
		}
		return nil
	}
	n, err := o.w.Write(b)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("write lines: %w", err)
	rest := b
	for n > 0 && len(rest) > 0 {
		line, behind := batch.Line(rest)
		if len(line) > n {
			break
		}
		n, rest = n-len(line), behind
	}
	if len(rest) == len(b) {
		return err
	}
	return &message.SendError{Retry: rest, Waiting: batch.Count(rest, batch.Line), Err: err}
}
