// Package statsd accepts StatsD metrics over UDP and turns them into metrics at
// an interval: counters, gauges, timers and sets.
//
// Invariant: the number of series is bounded; what is over the limit is counted,
// not kept.
//
//	Run (1): reads, adds up, flushes at the interval, commits
package statsd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Config is the section of a statsd input.
type Config struct {
	Address         string        `yaml:"address"` // host, or host:port
	Port            int           `yaml:"port"`
	FlushInterval   time.Duration `yaml:"ticker_interval"`
	Percentiles     []float64     `yaml:"percent_threshold"`
	DeleteIdleStats bool          `yaml:"delete_idle_stats"` // forget gauges that were not sent, and counters that are 0
	MaxSeries       int           `yaml:"max_series"`
	MaxSamples      int           `yaml:"max_samples"` // values of a timer kept in an interval; count and sum go on
}

// DefaultConfig returns the settings that hold when the model says nothing.
func DefaultConfig() Config {
	return Config{Address: "127.0.0.1", Port: 8125, FlushInterval: 10 * time.Second, Percentiles: []float64{90}, MaxSeries: 10000, MaxSamples: 10000}
}

// Options is what the daemon adds to the model.
type Options struct {
	Name     string
	Hostname string
	Logger   *slog.Logger
}

// Input is a StatsD listener.
type Input struct {
	cfg     Config
	opt     Options
	address string
	ids     inputs.Identities
	addr    atomic.Pointer[net.Addr]
	stats   counters
	series  map[string]*series
}

type counters struct{ samples, malformed, refused atomic.Uint64 }

// Stats counts samples: taken, not understood, and over max_series.
type Stats struct{ Samples, Malformed, Refused uint64 }

// series is what came for one metric, kind and set of tags in this interval.
type series struct {
	name   string
	kind   string
	tags   []string // pairs
	value  float64  // of a counter or gauge; sum of a timer
	count  float64
	min    float64
	max    float64
	values []float64
	set    map[string]struct{}
	seen   bool
}

// New makes the input. It listens when it runs.
func New(cfg Config, opt Options) (*Input, error) {
	def := DefaultConfig()
	if cfg.FlushInterval == 0 {
		cfg.FlushInterval = def.FlushInterval
	}
	if cfg.FlushInterval < time.Second {
		return nil, fmt.Errorf("read statsd input: ticker_interval %s: want 1s or more", cfg.FlushInterval)
	}
	for _, p := range cfg.Percentiles {
		if !(p > 0 && p <= 100) {
			return nil, fmt.Errorf("read statsd input: percent_threshold %v: want more than 0, at most 100", p)
		}
	}
	if cfg.MaxSeries <= 0 {
		cfg.MaxSeries = def.MaxSeries
	}
	if cfg.MaxSamples <= 0 {
		cfg.MaxSamples = def.MaxSamples
	}
	if cfg.Port < 0 || cfg.Port > 65535 {
		return nil, fmt.Errorf("read statsd input: port %d: want 0 to 65535", cfg.Port)
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	in := &Input{cfg: cfg, opt: opt, address: cfg.Address, series: map[string]*series{}}
	if _, _, err := net.SplitHostPort(cfg.Address); err != nil {
		in.address = net.JoinHostPort(cfg.Address, strconv.Itoa(cfg.Port))
	}
	return in, nil
}

// Addr returns the address the input listens on; nil before it does.
func (in *Input) Addr() net.Addr {
	if a := in.addr.Load(); a != nil {
		return *a
	}
	return nil
}

// Stats returns the counts so far.
func (in *Input) Stats() Stats {
	return Stats{in.stats.samples.Load(), in.stats.malformed.Load(), in.stats.refused.Load()}
}

// Run listens until ctx ends; what was added up by then is flushed.
func (in *Input) Run(ctx context.Context, open message.OpenStream) error {
	c, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", in.address)
	if err != nil {
		return inputs.ListenError(in.opt.Name, "address or port", in.address, err)
	}
	defer c.Close()
	addr := c.LocalAddr()
	in.addr.Store(&addr)
	s, err := open(in.opt.Name)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", in.opt.Name, err)
	}
	stream := inputs.Share(s)
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = in.read(ctx, c, stream)
	return errors.Join(err, in.Flush(time.Now(), stream.Emit), stream.Close())
}

func (in *Input) read(ctx context.Context, c net.PacketConn, stream *inputs.Stream) error {
	buf := make([]byte, 64<<10)
	next := time.Now().Add(in.cfg.FlushInterval)
	for {
		_ = c.SetReadDeadline(time.Now().Add(inputs.CommitEvery))
		if ctx.Err() != nil {
			return nil
		}
		n, _, err := c.ReadFrom(buf)
		if err != nil && errors.Is(err, net.ErrClosed) && ctx.Err() == nil {
			return fmt.Errorf("read datagram: %w", err)
		}
		in.Add(string(buf[:n]))
		now := time.Now()
		flushed := !now.Before(next)
		if flushed {
			if err := in.Flush(now, stream.Emit); err != nil {
				return err
			}
			next = now.Add(in.cfg.FlushInterval)
		}
		if flushed || errors.Is(err, os.ErrDeadlineExceeded) {
			if err := stream.Commit(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("commit metrics: %w", err)
			}
		}
	}
}

// Add takes the samples of a datagram: lines name:value|kind[|@rate][|#tag:v,...].
func (in *Input) Add(datagram string) {
	for line := range strings.SplitSeq(datagram, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if !in.sample(line) {
			in.stats.malformed.Add(1)
		}
	}
}

func (in *Input) sample(line string) bool {
	name, rest, ok := strings.Cut(line, ":")
	parts := strings.Split(rest, "|")
	if !ok || name == "" || len(parts) < 2 {
		return false
	}
	rate, tags := 1.0, ""
	for _, part := range parts[2:] {
		switch {
		case strings.HasPrefix(part, "@"):
			r, err := strconv.ParseFloat(part[1:], 64)
			if err != nil || !(r > 0 && r <= 1) {
				return false
			}
			rate = r
		case strings.HasPrefix(part, "#"):
			tags = part[1:]
		}
	}
	kind := parts[1]
	value, err := strconv.ParseFloat(parts[0], 64)
	if kind != "s" && (err != nil || math.IsNaN(value) || math.IsInf(value, 0)) {
		return false
	}
	if !slices.Contains([]string{"c", "g", "ms", "h", "d", "s"}, kind) {
		return false
	}
	s := in.find(name, kind, tags)
	if s == nil {
		in.stats.refused.Add(1)
		return true
	}
	in.stats.samples.Add(1)
	s.add(parts[0], value, rate, in.cfg.MaxSamples)
	return true
}

func (in *Input) find(name, kind, tags string) *series {
	if kind == "h" || kind == "d" {
		kind = "ms"
	}
	key := kind + "|" + name + "|" + tags
	if s := in.series[key]; s != nil {
		return s
	}
	if len(in.series) >= in.cfg.MaxSeries {
		return nil
	}
	s := &series{name: clean(name), kind: kind}
	for pair := range strings.SplitSeq(tags, ",") {
		if k, v, ok := strings.Cut(pair, ":"); ok && k != "" && v != "" {
			s.tags = append(s.tags, clean(k), v)
		}
	}
	in.series[key] = s
	return s
}

// clean makes a name of ours out of one that others chose.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '.' || r == ' ' || r == '/':
			return '_'
		case r < ' ' || r == 0x7f || r == '\ufffd':
			return -1
		}
		return r
	}, name)
}

func (s *series) add(text string, value, rate float64, limit int) {
	first := !s.seen
	s.seen = true
	switch s.kind {
	case "c":
		s.value += value / rate
	case "g":
		if text[0] == '+' || text[0] == '-' {
			s.value += value
		} else {
			s.value = value
		}
	case "s":
		if s.set == nil {
			s.set = map[string]struct{}{}
		}
		if len(s.set) < limit {
			s.set[text] = struct{}{}
		}
	default:
		if first {
			s.min, s.max = value, value
		}
		s.min, s.max = min(s.min, value), max(s.max, value)
		s.value += value / rate
		s.count += 1 / rate
		if len(s.values) < limit {
			s.values = append(s.values, value)
		}
	}
}
