// Package check asks services whether they are alive: by HTTP, by a TCP
// connection, by a command, by counting processes, or by reading a certificate.
// Each answer is a metric `<name>_check`, 1 or 0, with the reason in the field
// details. A certificate that could be read also gives certificate_days_left.
//
// Invariant: every check gives exactly one 1 or 0 each interval; one that cannot
// finish in its time is a 0.
//
//	Run (1): ticks --> check (1 each, at most max_parallel) --> Run: emits, commits
package check

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

// Check is one question. Exactly one of URL, Address, Command, Process and
// Certificate is set.
type Check struct {
	URL      string            `yaml:"url"`      // GET must be answered
	Statuses []int             `yaml:"statuses"` // accepted answers; default: 100 to 399
	Body     string            `yaml:"body"`     // RE2 that the answer must match
	Headers  map[string]string `yaml:"headers"`
	TLS      *tlsconfig.Config `yaml:"tls"`

	Address string   `yaml:"address"` // host:port must accept a connection
	Command []string `yaml:"command"` // must end with 0
	Process string   `yaml:"process"` // RE2 on command lines; must match some process

	Certificate string `yaml:"certificate"` // a PEM file, a pattern of such, or host:port of a TLS server

	Timeout time.Duration     `yaml:"timeout"` // default 3 s for url, 5 s otherwise
	Tags    map[string]string `yaml:"tags"`    // further dimensions
	Remote  bool              `yaml:"remote"`  // about no host: the metric has no hostname
}

// Config is the section of a check input.
type Config struct {
	Interval    time.Duration    `yaml:"interval"`
	Checks      map[string]Check `yaml:"checks"` // by name
	MaxParallel int              `yaml:"max_parallel"`
}

// DefaultConfig returns the settings that hold when the model says nothing.
func DefaultConfig() Config { return Config{Interval: 10 * time.Second, MaxParallel: 8} }

// Options is what the daemon adds to the model.
type Options struct {
	Name     string
	Hostname string
	Proc     string // root of the proc file system; default /proc
	Logger   *slog.Logger
}

// Input runs checks at an interval.
type Input struct {
	cfg    Config
	opt    Options
	checks []check
	ids    inputs.Identities
}

type check struct {
	Check
	name   string
	probe  func(ctx context.Context) error
	expiry func(ctx context.Context) (time.Time, error) // of a certificate, in place of probe
}

// New makes the input.
func New(cfg Config, opt Options) (*Input, error) {
	if cfg.Interval == 0 {
		cfg.Interval = DefaultConfig().Interval
	}
	if cfg.Interval < time.Second {
		return nil, fmt.Errorf("read check input: interval %s: want 1s or more", cfg.Interval)
	}
	if cfg.MaxParallel <= 0 {
		cfg.MaxParallel = DefaultConfig().MaxParallel
	}
	if opt.Proc == "" {
		opt.Proc = "/proc"
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	in := &Input{cfg: cfg, opt: opt}
	for name, c := range cfg.Checks {
		compiled, err := in.compile(name, c)
		if err != nil {
			return nil, fmt.Errorf("read check %s: %w", name, err)
		}
		in.checks = append(in.checks, compiled)
	}
	slices.SortFunc(in.checks, func(a, b check) int { return strings.Compare(a.name, b.name) })
	return in, nil
}

func (in *Input) compile(name string, c Check) (check, error) {
	kinds := 0
	for _, set := range []bool{c.URL != "", c.Address != "", len(c.Command) > 0, c.Process != "", c.Certificate != ""} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		return check{}, errors.New("set exactly one of url, address, command, process and certificate")
	}
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
		if c.URL != "" {
			c.Timeout = 3 * time.Second
		}
	}
	k := check{Check: c, name: strings.TrimSuffix(name, "_check")}
	var err error
	switch {
	case c.URL != "":
		k.probe, err = probeURL(c)
	case c.Address != "":
		k.probe = probeAddress(c.Address)
	case len(c.Command) > 0:
		k.probe = probeCommand(c.Command)
	case c.Certificate != "":
		k.expiry = certificateOf(c.Certificate)
	default:
		var re *regexp.Regexp
		if re, err = regexp.Compile(c.Process); err == nil {
			k.probe = probeProcess(in.opt.Proc, re)
		}
	}
	return k, err
}

// Run checks at once and then at every interval until ctx ends.
func (in *Input) Run(ctx context.Context, open message.OpenStream) error {
	s, err := open(in.opt.Name)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", in.opt.Name, err)
	}
	stream := inputs.Share(s)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return stream.Beat(ctx) })
	group.Go(func() error { return in.loop(ctx, stream) })
	return errors.Join(group.Wait(), stream.Close())
}

func (in *Input) loop(ctx context.Context, stream *inputs.Stream) error {
	ticker := time.NewTicker(in.cfg.Interval)
	defer ticker.Stop()
	for {
		results := in.round(ctx, time.Now())
		if ctx.Err() != nil {
			return nil
		}
		if err := stream.Accept(ctx, results...); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// round runs every check once.
func (in *Input) round(ctx context.Context, now time.Time) []*message.Message {
	results := make([][]*message.Message, len(in.checks))
	var group errgroup.Group
	group.SetLimit(in.cfg.MaxParallel)
	for i, c := range in.checks {
		group.Go(func() error {
			bounded, cancel := context.WithTimeout(ctx, c.Timeout)
			defer cancel()
			var expires time.Time
			var err error
			if c.expiry != nil {
				expires, err = c.expiry(bounded)
			} else {
				err = c.probe(bounded)
			}
			if err != nil && bounded.Err() != nil {
				err = fmt.Errorf("no answer within %s: %w", c.Timeout, err)
			}
			results[i] = append(results[i], in.metric(c, now, err))
			if err == nil && c.expiry != nil {
				results[i] = append(results[i], in.daysLeft(c, now, expires))
			}
			return nil
		})
	}
	_ = group.Wait()
	return slices.Concat(results...)
}

// metric is the message of one answer, as a collectd plugin's service check has
// it behind the collectd decoder.
func (in *Input) metric(c check, now time.Time, err error) *message.Message {
	m := in.message(now, c.name+"_check")
	value := 1.0
	if err != nil {
		value = 0
		m.AddString("details", err.Error())
		m.AddString("log_lines", err.Error()) // what an alarm on it shows
	}
	m.AddDouble("value", value, "")
	in.describe(m, c)
	return m
}

// daysLeft is the message of a certificate that could be read.
func (in *Input) daysLeft(c check, now, expires time.Time) *message.Message {
	m := in.message(now, "certificate_days_left")
	m.AddDouble("value", inputs.DaysLeft(expires, now), "d")
	m.AddString("certificate", c.name)
	in.describe(m, c, "certificate")
	return m
}

func (in *Input) message(now time.Time, name string) *message.Message {
	m := &message.Message{UUID: in.ids.Next(), Timestamp: now.UnixNano(), Type: "metric", Logger: in.opt.Name, Hostname: in.opt.Hostname}
	m.SetSeverity(6)
	m.AddString("name", name)
	return m
}

// describe adds what every metric of a check has, and the names of its tags, of
// which some are there already.
func (in *Input) describe(m *message.Message, c check, tags ...string) {
	m.AddString("type", "gauge")
	m.AddString("source", c.name)
	m.AddDouble("interval", in.cfg.Interval.Seconds(), "s")
	for _, name := range slices.Sorted(maps.Keys(c.Tags)) {
		if !slices.Contains(tags, name) {
			m.AddString(name, c.Tags[name])
			tags = append(tags, name)
		}
	}
	if !c.Remote {
		m.AddString("hostname", in.opt.Hostname)
		tags = append(tags, "hostname")
	}
	m.AddStrings("tag_fields", tags...)
}
