// Package daemon makes a running daemon of a model: it knows every plugin, builds
// the pipeline of one role, and owns its life: start, reload, drain, stop.
//
// Invariant: an invalid model never replaces a running one, and a data folder has
// one daemon.
//
//	Run ──> admin server (1 goroutine and 1 a connection)
//	    ──> generation n: pipeline.Run (see pkg/pipeline)
//	    ──> SIGHUP or reload request: build generation n+1; only if it is valid,
//	        drain n, hand its filters over, run n+1
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/decoders"
	"github.com/tocsin-lma/tocsin/pkg/pipeline"
	"github.com/tocsin-lma/tocsin/pkg/selfmon"
	"github.com/tocsin-lma/tocsin/pkg/silence"
	"github.com/tocsin-lma/tocsin/pkg/web"
)

// Options is what the command line says.
type Options struct {
	Role        Role
	ConfigPaths []string        // files and folders laid over the defaults, in order
	Sources     []config.Source // laid over those; for embedding
	NoDefaults  bool            // begin with an empty model
	DataDir     string          // "": the role's default
	Admin       string          // address of the admin server; "": the model's, "none": no server
	Version     string
	Logger      *slog.Logger
	// Inputs and Outputs are more engines for those sections, for embedding.
	Inputs  map[string]func(name string) pipeline.Input
	Outputs map[string]func(name string) pipeline.Output
	Faults  []web.Fault // buttons of the demonstration
	Title   string      // on the pages, beside the name
	// Ready is called once, when everything runs and every listener is bound.
	Ready func(*Daemon)
}

// Daemon is a running role.
type Daemon struct {
	opt     Options
	log     *slog.Logger
	reg     *selfmon.Registry
	ledger  *selfmon.Ledger
	checks  *selfmon.Checks
	obs     *observer
	lock    *os.File
	started time.Time
	reloads chan chan answer
	health  *healthSource // an aggregator's; nil in other roles
	rejects *decoders.Rejects
	// silences are an aggregator's; nil in other roles.
	silences *silence.Store
	board    board
	wasReady bool // Ready was called

	mu      sync.RWMutex
	current *generation
}

// generation is what one load of the model made.
type generation struct {
	model    *config.Node
	hash     string
	notices  []Notice
	since    time.Time // when it took over
	pipeline *pipeline.Pipeline
	parts    *parts
	ending   atomic.Bool // the next one waits for it to drain
}

// Run loads the model, checks it, and runs the role until ctx is done. An error
// that is a *config.Error, or wraps ErrConfig, is the user's to mend.
func Run(ctx context.Context, opt Options) error {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Daemon{
		opt: opt, log: opt.Logger, reg: selfmon.New(), ledger: selfmon.NewLedger(), checks: &selfmon.Checks{},
		started: time.Now(), reloads: make(chan chan answer),
	}
	d.obs = newObserver(d.reg)
	d.rejects = decoders.NewRejects(d.log, time.Now)
	d.ledger.Register(d.reg)
	d.reg.Collect(d.collect)
	d.checks.Ready("pipeline", d.checkPipeline)
	d.checks.Ready("queues", d.checkQueues)
	if err := d.openDataDir(); err != nil {
		return err
	}
	defer d.lock.Close()
	if opt.Role == Aggregator {
		if err := d.openHealth(); err != nil {
			return err
		}
		defer d.health.history.Close()
	}
	first, err := d.load()
	if err != nil {
		return err
	}
	stopAdmin, err := d.startAdmin(first)
	if err != nil {
		first.parts.close()
		return err
	}
	defer stopAdmin()
	return d.runGenerations(ctx, first)
}

// ErrConfig is wrapped by errors that a change of the configuration cures.
var ErrConfig = errors.New("invalid configuration")

// lockPatience is how long a data folder in use is waited for.
const lockPatience = 1500 * time.Millisecond

func (d *Daemon) openDataDir() error {
	if d.opt.DataDir == "" {
		d.opt.DataDir = defaultDataDir(d.opt.Role)
	}
	if err := os.MkdirAll(d.opt.DataDir, 0o750); err != nil {
		return fmt.Errorf("%w: data folder %s cannot be made: %w; choose another one with --data-dir", ErrConfig, d.opt.DataDir, err)
	}
	path := filepath.Join(d.opt.DataDir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return fmt.Errorf("%w: data folder %s is not writable: %w; choose another one with --data-dir", ErrConfig, d.opt.DataDir, err)
	}
	// A predecessor that was killed a moment ago may still hold the lock.
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	for end := time.Now().Add(lockPatience); err != nil && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("%w: data folder %s is in use by another process (it holds %s); stop it, or choose another one with --data-dir", ErrConfig, d.opt.DataDir, path)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(f, "%d\n", os.Getpid()) // for a person who looks; nothing depends on it
	}
	d.lock = f
	return nil
}

func defaultDataDir(role Role) string {
	dir := filepath.Join("/var/lib/tocsin", role.Binary())
	if os.Geteuid() == 0 || writable(dir) {
		return dir
	}
	if state := os.Getenv("XDG_STATE_HOME"); state != "" {
		return filepath.Join(state, "tocsin", role.Binary())
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "tocsin", role.Binary())
	}
	return dir
}

func writable(dir string) bool { return syscall.Access(dir, 2) == nil }

// load builds a generation from the model as it is now.
func (d *Daemon) load() (*generation, error) {
	model, err := LoadModel(d.opt.Role, d.opt.ConfigPaths, d.opt.Sources, d.opt.NoDefaults)
	if err != nil {
		return nil, fmt.Errorf("%w:\n%w", ErrConfig, err)
	}
	p, err := build(d, model)
	if err != nil {
		return nil, fmt.Errorf("%w:\n%w", ErrConfig, err)
	}
	g := &generation{model: model, hash: modelHash(model), notices: p.notices, parts: p}
	for _, n := range p.notices {
		d.log.Info(n.Text, "path", n.Path, "place", n.Pos.String())
	}
	return g, nil
}

// runGenerations runs one pipeline after the other until ctx is done or one
// fails.
func (d *Daemon) runGenerations(ctx context.Context, g *generation) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for first := true; ; first = false {
		if err := g.parts.open(); err != nil {
			g.parts.close()
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
		g.pipeline = pipeline.New(g.parts.options(), d.obs)
		g.since = time.Now()
		d.mu.Lock()
		d.current = g
		d.mu.Unlock()
		if !first {
			d.obs.reload(nil)
			d.log.Info("the new model has taken over", "hash", g.hash)
		}
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- g.pipeline.Run(running) }()
		next, err := d.wait(ctx, g, hup, done)
		g.ending.Store(true)
		stop()
		if next == nil {
			notifySystemd("STOPPING=1")
			if err == nil {
				err = <-done
			}
			g.parts.close()
			return asConfig(err)
		}
		if err := <-done; err != nil {
			d.log.Error("the old pipeline stopped with an error", "error", err)
		}
		next.parts.takeOver(g)
		g.parts.close()
		g = next
	}
}

// asConfig marks the errors of a pipeline that a change of the model cures.
func asConfig(err error) error {
	var c *pipeline.ConfigError
	if errors.As(err, &c) {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return err
}

// wait returns the next generation when a reload gave one, nil when the daemon
// is to stop. err is that of a pipeline that ended by itself.
func (d *Daemon) wait(ctx context.Context, g *generation, hup <-chan os.Signal, done chan error) (*generation, error) {
	watchdog := newWatchdog()
	defer watchdog.Stop()
	starting := d.starting(g)
	defer starting.stop()
	watch := newPluginWatch(d, g)
	defer watch.stop()
	for {
		starting.look()
		var asked chan answer
		select {
		case <-ctx.Done():
			return nil, nil
		case err := <-done:
			if ctx.Err() != nil { // it was told to, and was quicker than this select
				done <- err
				return nil, nil
			}
			if err == nil {
				err = errors.New("the pipeline ended by itself")
			}
			return nil, err
		case <-watchdog.C:
			notifySystemd("WATCHDOG=1")
			continue
		case <-starting.C():
			continue
		case now := <-watch.C:
			watch.look(now)
			continue
		case <-hup:
			if watch.onlyPlugins(time.Now()) {
				continue
			}
		case asked = <-d.reloads:
		}
		next, err := d.load()
		if asked != nil {
			asked <- answer{next, err}
		}
		if err != nil {
			d.obs.reload(err)
			d.log.Error("the new model is refused, the old one keeps running", "error", err)
			continue
		}
		d.log.Info("the new model is valid, taking it over", "hash", next.hash)
		return next, nil
	}
}

// answer is what became of a request to reload.
type answer struct {
	next *generation
	err  error
}

// Reload loads the model anew and returns when it is refused, with the reason, or
// when it is valid, with its hash, and about to take over: the running one still
// has to drain.
func (d *Daemon) Reload(ctx context.Context) (hash string, err error) {
	asked := make(chan answer, 1)
	select {
	case d.reloads <- asked:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	select {
	case a := <-asked:
		if a.err != nil {
			return "", a.err
		}
		return a.next.hash, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// generation returns the running pipeline's parts, for pages and tools.
func (d *Daemon) generation() *generation {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.current
}
