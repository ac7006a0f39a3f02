package host

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/inputs"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Input measures this host at an interval.
type Input struct {
	cfg      Config
	opt      Options
	log      *slog.Logger
	ifaces   *regexp.Regexp
	disks    *regexp.Regexp
	mounts   *regexp.Regexp
	services []service
	ids      inputs.Identities
	groups   []group
	expiries map[string]expiry // by file
	failed   map[string]string // group -> last error, so that each is logged once

	emit message.Emit
	msg  message.Message
	said []string // what the next value comes from
	now  time.Time
	prev map[series]sample // of counters
	seen map[series]sample
}

type service struct {
	name string
	re   *regexp.Regexp
}

type group struct {
	name    string
	measure func() error
}

// series names a counter; a, b are the texts of its dimensions.
type series struct{ name, a, b string }

type sample struct {
	at    time.Time
	value float64
}

// New makes the input.
func New(cfg Config, opt Options) (*Input, error) {
	in := &Input{opt: opt, log: opt.Logger, failed: map[string]string{}, prev: map[series]sample{}, seen: map[series]sample{}}
	var err error
	if in.ifaces, in.disks, in.mounts, err = cfg.check(); err != nil {
		return nil, err
	}
	in.cfg = cfg
	if in.opt.Proc == "" {
		in.opt.Proc = "/proc"
	}
	if in.opt.Run == "" {
		in.opt.Run = "/run"
	}
	if in.opt.Systemctl == "" {
		in.opt.Systemctl = "systemctl"
	}
	if in.opt.Clock == nil {
		in.opt.Clock = kernelClock
	}
	if in.log == nil {
		in.log = slog.New(slog.DiscardHandler)
	}
	for name, expr := range cfg.Processes {
		re, err := regexp.Compile(expr)
		if err != nil {
			return nil, fmt.Errorf("read host input: processes: %s: %w", name, err)
		}
		in.services = append(in.services, service{name, re})
	}
	slices.SortFunc(in.services, func(a, b service) int { return strings.Compare(a.name, b.name) })
	all := []group{
		{"cpu", in.cpu},
		{"memory", in.memory},
		{"swap", in.swap},
		{"load", in.load},
		{"df", in.df},
		{"disk", in.disk},
		{"netlink", in.netlink},
		{"processes", in.processes},
		{"kernel", in.kernel},
		{"users", in.users},
		{"bond", in.bonds},
		{"pressure", in.pressure},
		{"clock", in.clock},
		{"systemd", in.systemd},
		{"certificates", in.certificates},
	}
	for _, name := range cfg.Collect {
		i := slices.IndexFunc(all, func(g group) bool { return g.name == name })
		if i < 0 {
			return nil, fmt.Errorf("read host input: collect: %q: want some of cpu, memory, swap, load, df, disk, netlink, processes, kernel, users, bond, pressure, clock, systemd, certificates", name)
		}
		in.groups = append(in.groups, all[i])
	}
	if len(cfg.Collect) == 0 {
		in.groups = all
	}
	return in, nil
}

// Run measures at once and then at every interval until ctx ends.
func (in *Input) Run(ctx context.Context, open message.OpenStream) error {
	s, err := open(in.opt.Name)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", in.opt.Name, err)
	}
	stream := inputs.Share(s)
	defer stream.Close()
	tick := time.NewTicker(in.cfg.Interval)
	defer tick.Stop()
	beat := time.NewTicker(inputs.CommitEvery)
	defer beat.Stop()
	for now := time.Now(); ; {
		if !now.IsZero() {
			if err := in.Measure(now, stream.Emit); err != nil && ctx.Err() == nil {
				return err
			}
		}
		if err := stream.Commit(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("commit metrics: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case now = <-tick.C:
		case <-beat.C:
			now = time.Time{}
		}
	}
}

// Measure takes one round of measurements at now. A group that cannot be
// measured is logged, once, and left out; only emit's errors end the round.
func (in *Input) Measure(now time.Time, emit message.Emit) error {
	var refused error
	in.now = now
	in.emit = func(m *message.Message) error {
		if refused == nil {
			refused = emit(m)
		}
		return refused
	}
	for _, g := range in.groups {
		err := g.measure()
		if refused != nil {
			return fmt.Errorf("emit host metrics: %w", refused)
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if err != nil && in.failed[g.name] != text {
			in.log.Warn("host metrics left out", "group", g.name, "error", err)
		}
		in.failed[g.name] = text
	}
	in.prev, in.seen = in.seen, in.prev
	clear(in.seen)
	return nil
}

// dim is a dimension of a metric.
type dim struct{ name, value string }

// gauge emits one value.
func (in *Input) gauge(source, name, unit string, value float64, dims ...dim) {
	in.send(source, name, unit, "gauge", value, dims)
}

// rate emits the increase of a counter per second, once it was measured twice. A
// counter that went back was reset: that round has no rate.
func (in *Input) rate(source, name, unit string, counter float64, dims ...dim) {
	if r, ok := in.perSecond(name, counter, dims); ok {
		in.send(source, name, unit, "derive", r, dims)
	}
}

func (in *Input) perSecond(name string, counter float64, dims []dim) (float64, bool) {
	key := series{name: name}
	if len(dims) > 0 {
		key.a = dims[0].value
	}
	if len(dims) > 1 {
		key.b = dims[1].value
	}
	before, ok := in.prev[key]
	in.seen[key] = sample{in.now, counter}
	elapsed := in.now.Sub(before.at).Seconds()
	if !ok || elapsed <= 0 || counter < before.value {
		return 0, false
	}
	return (counter - before.value) / elapsed, true
}

func (in *Input) send(source, name, unit, kind string, value float64, dims []dim) {
	m := &in.msg
	m.Reset()
	m.UUID = in.ids.Next()
	m.Timestamp = in.now.UnixNano()
	m.Type, m.Logger, m.Hostname = "metric", in.opt.Name, in.opt.Hostname
	m.SetSeverity(6)
	m.AddString("name", name)
	m.AddDouble("value", value, unit)
	m.AddString("type", kind)
	m.AddString("source", source)
	m.AddDouble("interval", in.cfg.Interval.Seconds(), "s")
	m.AddString("hostname", in.opt.Hostname)
	tags := message.NewField("tag_fields", "")
	for _, d := range dims {
		m.AddString(d.name, d.value)
		tags.Append(message.StringValue(d.name))
	}
	tags.Append(message.StringValue("hostname"))
	m.AddField(tags)
	in.say(m)
	_ = in.emit(m) // Measure looks at it
}

func (in *Input) proc(parts ...string) string {
	return filepath.Join(append([]string{in.opt.Proc}, parts...)...)
}
