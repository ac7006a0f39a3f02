// Package demo runs the whole suite in one process for a spectator: the roles as
// they are, on loopback, with a generator that writes logs, sinks that only
// count, and faults that can be switched on.
//
// Invariant: nothing is pretended behind the collectors' backs. Logs are files
// that are tailed, the volume is a folder that is measured, a silent node is a
// daemon that was stopped.
//
//	Run ──> generator (1)            writes the shop's and OpenStack's logs
//	    ──> log collector ──> metric collector ──> aggregator ──> page, table
//	    ──> metric collector of a second node ──────^
//	    ──> remote collector ───────────────────────^
package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tocsin-lma/tocsin/alarms"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/daemon"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
	"github.com/tocsin-lma/tocsin/pkg/web"
)

//go:embed model.yml
var model string

// SecondNode is the name of the node that the fault silent-node stops.
const SecondNode = "demo-node-2"

// Fault names what the demonstration can break.
type Fault string

// The faults.
const (
	HTTP5xx    Fault = "http-5xx"
	DiskFull   Fault = "disk-full"
	SilentNode Fault = "silent-node"
)

// Faults returns every fault.
func Faults() []Fault { return []Fault{HTTP5xx, DiskFull, SilentNode} }

// ErrAddress is wrapped by the error of an address that cannot be had.
var ErrAddress = errors.New("no address for the page")

// Options are what the command line says.
type Options struct {
	Address string // of the page
	DataDir string // "": a temporary folder, removed at the end
	Faults  []Fault
	Version string
	Logger  *slog.Logger
}

// Demo is a running demonstration.
type Demo struct {
	opt    Options
	dir    string
	ports  map[string]int
	faults map[Fault]*atomic.Bool
	sinks  map[string]*sink
	second *switchable
	linux  config.Source
}

// Run runs the demonstration until ctx is done. ready is called when the page
// answers.
func Run(ctx context.Context, opt Options, ready func(*Demo)) error {
	d := &Demo{opt: opt, dir: opt.DataDir, ports: map[string]int{}, faults: map[Fault]*atomic.Bool{}, sinks: map[string]*sink{}}
	for _, f := range Faults() {
		d.faults[f] = &atomic.Bool{}
	}
	for _, name := range []string{"logs", "metrics", "events"} {
		d.sinks[name] = &sink{}
	}
	if d.dir == "" {
		dir, err := os.MkdirTemp("", "tocsin-demo-")
		if err != nil {
			return fmt.Errorf("make a folder for the demonstration: %w", err)
		}
		defer os.RemoveAll(dir)
		d.dir = dir
	}
	if err := checkAddress(opt.Address); err != nil {
		return err
	}
	if err := d.choosePorts(); err != nil {
		return err
	}
	return d.run(ctx, ready)
}

// checkAddress refuses an address that cannot be had before anything starts, in
// words that name the way out.
func checkAddress(address string) error {
	l, err := net.Listen("tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use, perhaps by another demonstration or an aggregator: choose another address, such as --address 127.0.0.1:8350: %w", address, ErrAddress)
	case err != nil:
		return fmt.Errorf("cannot listen on %s (%w): choose an address of this machine, such as --address 127.0.0.1:8350: %w", address, err, ErrAddress)
	}
	return l.Close()
}

// choosePorts finds free ports, so that a demonstration never collides with
// daemons that already run here.
func (d *Demo) choosePorts() error {
	var listeners []net.Listener
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
	}()
	for _, name := range []string{"METRICS", "METRICS2", "COLLECTD", "COLLECTD2", "REMOTE", "VERDICTS"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
		listeners = append(listeners, l)
		d.ports[name] = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// source fills the model in for the first or the second node.
func (d *Demo) source(second bool) config.Source {
	text := model
	if second {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "port: METRICS", "port: METRICS2"), "port: COLLECTD", "port: COLLECTD2")
		text = strings.Replace(text, "    volume: {engine: volume}\n", "", 1)
		text = strings.Replace(text, "global:\n", "global:\n  hostname: "+SecondNode+"\n", 1)
		// What the shop's logs and volume say concerns the first node only.
		text = text[:strings.Index(text, "  trigger:\n")] + text[strings.Index(text, "\nremote_collector:"):]
	}
	pairs := []string{"LOGS", filepath.Join(d.dir, "log")}
	for _, name := range []string{"METRICS2", "METRICS", "COLLECTD2", "COLLECTD", "REMOTE", "VERDICTS"} {
		pairs = append(pairs, name, strconv.Itoa(d.ports[name]))
	}
	return config.Source{Name: "demo:model.yml", Data: []byte(strings.NewReplacer(pairs...).Replace(text))}
}

// linux is the shipped alarms of a node with windows of three samples.
func linux() (config.Source, error) {
	text, err := alarms.FS.ReadFile("linux.yml")
	if err != nil {
		return config.Source{}, fmt.Errorf("read the shipped alarms: %w", err)
	}
	return config.Source{Name: "demo:linux.yml", Data: regexp.MustCompile(`window: \d+`).ReplaceAll(text, []byte("window: 15"))}, nil
}

func (d *Demo) run(ctx context.Context, ready func(*Demo)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var err error
	if d.linux, err = linux(); err != nil {
		return err
	}
	gen, err := newGenerator(filepath.Join(d.dir, "log"), d.faults[HTTP5xx].Load)
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	start := func(name string, run func(ctx context.Context) error) {
		running.Go(func() {
			if err := run(ctx); err != nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	var up atomic.Bool
	aggregator := d.options(daemon.Aggregator, "aggregator", false)
	aggregator.Admin, aggregator.Title, aggregator.Faults = d.opt.Address, "demonstration", d.buttons()
	aggregator.Ready = func(*daemon.Daemon) { up.Store(true) }
	d.second = newSwitchable(func(ctx context.Context) error {
		return daemon.Run(ctx, d.options(daemon.MetricCollector, "metriccollector2", true))
	})
	start("aggregator", func(ctx context.Context) error { return daemon.Run(ctx, aggregator) })
	for _, role := range []daemon.Role{daemon.MetricCollector, daemon.RemoteCollector, daemon.LogCollector} {
		start(role.Binary(), func(ctx context.Context) error { return daemon.Run(ctx, d.options(role, role.Binary(), false)) })
	}
	start("second node", d.second.run)
	start("generator", gen.run)
	running.Go(func() { d.announce(ctx, &up, ready) })
	<-ctx.Done()
	running.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// announce calls ready when the aggregator runs, and switches on the faults that
// the command line asks for when there is a health to spoil.
func (d *Demo) announce(ctx context.Context, up *atomic.Bool, ready func(*Demo)) {
	for !up.Load() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	if ready != nil {
		ready(d)
	}
	if len(d.opt.Faults) == 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(30 * time.Second):
		for _, f := range d.opt.Faults {
			d.Toggle(f)
		}
	}
}

func (d *Demo) options(role daemon.Role, folder string, second bool) daemon.Options {
	return daemon.Options{
		Role: role, Sources: []config.Source{d.linux, d.source(second)}, DataDir: filepath.Join(d.dir, folder), Admin: "none",
		Version: d.opt.Version, Logger: d.opt.Logger.With("daemon", folder),
		Inputs: map[string]func(string) pipeline.Input{
			"volume": func(string) pipeline.Input { return newVolume(filepath.Join(d.dir, "volume"), d.faults[DiskFull].Load) },
		},
		Outputs: map[string]func(string) pipeline.Output{
			"embedded": func(name string) pipeline.Output { return d.sinks[name] },
		},
	}
}

// Active reports whether a fault is on.
func (d *Demo) Active(f Fault) bool { return d.faults[f].Load() }

// Toggle switches a fault on or off.
func (d *Demo) Toggle(f Fault) {
	flag := d.faults[f]
	on := !flag.Load()
	flag.Store(on)
	if f == SilentNode {
		d.second.set(!on)
	}
}

// Delivered returns how many bytes the embedded sinks have taken, by output.
func (d *Demo) Delivered() map[string]int64 {
	m := map[string]int64{}
	for name, s := range d.sinks {
		m[name] = s.bytes.Load()
	}
	return m
}

func (d *Demo) buttons() []web.Fault {
	titles := map[Fault]string{HTTP5xx: "Server errors in the shop", DiskFull: "Fill the volume", SilentNode: "Silence " + SecondNode}
	var out []web.Fault
	for _, f := range Faults() {
		out = append(out, web.Fault{Name: string(f), Title: titles[f], Active: func() bool { return d.Active(f) }, Toggle: func() { d.Toggle(f) }})
	}
	return out
}

// sink confirms everything and counts it.
type sink struct{ bytes atomic.Int64 }

// Send counts the batch.
func (s *sink) Send(_ context.Context, batch []byte) error {
	s.bytes.Add(int64(len(batch)))
	return nil
}
