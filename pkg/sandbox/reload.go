package sandbox

import (
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// DefaultShadow is how many records a new version is tried on.
const DefaultShadow = 100

// Reloader is a Plugin whose script can be replaced while it runs. The new
// version first sees the same records in the shadow of the old one, with its
// messages thrown away; it takes over when it survived enough of them, and is
// dropped when it dies or refuses a record the old one accepted. No record is
// lost or seen twice: until the take-over only the old version's messages count.
//
// Calls, Reload included, are never concurrent.
type Reloader struct {
	opts   Options
	active *Plugin
	shadow int

	next     *Plugin // nil: none is on trial
	nextOpts Options
	left     int
	failure  error // why the last new version was dropped
	reloads  int64
}

// NewReloader opens the plugin. shadow is how many records a later version is
// tried on; 0 means DefaultShadow.
func NewReloader(opts Options, shadow int) (*Reloader, error) {
	if shadow <= 0 {
		shadow = DefaultShadow
	}
	p, err := Open(opts)
	if err != nil {
		return nil, err
	}
	return &Reloader{opts: opts, active: p, shadow: shadow}, nil
}

// Reload opens a new version and puts it on trial. The error says why it could
// not be opened; the old version runs on in any case.
func (r *Reloader) Reload(opts Options) error {
	r.drop(nil)
	opts.Kind = r.opts.Kind
	if err := r.active.Save(); err != nil {
		return fmt.Errorf("reload plugin %s: %w", r.opts.Name, err)
	}
	p, err := Open(opts)
	if err != nil {
		r.failure = err
		return fmt.Errorf("reload plugin %s: %w", r.opts.Name, err)
	}
	r.next, r.nextOpts, r.left, r.failure = p, opts, r.shadow, nil
	return nil
}

// OnTrial reports whether a new version waits for its take-over.
func (r *Reloader) OnTrial() bool { return r.next != nil }

// Failure returns why the last new version was dropped, nil when it was not.
func (r *Reloader) Failure() error { return r.failure }

// Reloads counts the take-overs.
func (r *Reloader) Reloads() int64 { return r.reloads }

// Options returns the options of the version that runs.
func (r *Reloader) Options() Options { return r.opts }

// Plugin returns the version that runs.
func (r *Reloader) Plugin() *Plugin { return r.active }

// Process is Plugin.Process.
func (r *Reloader) Process(m *message.Message, emit message.Emit) (Result, error) {
	res, err := r.active.Process(m, emit)
	if r.next == nil {
		return res, err
	}
	shadow, shadowErr := r.next.Process(m, discard)
	switch {
	case shadowErr != nil:
		r.drop(shadowErr)
	case shadow.Code < 0 && res.Code == 0 && err == nil:
		r.drop(fmt.Errorf("the new version refused a record with code %d %s", shadow.Code, shadow.Text))
	default:
		if r.left--; r.left <= 0 {
			return res, errors.Join(err, r.takeOver(emit))
		}
	}
	return res, err
}

func discard(*message.Message) error { return nil }

// Timer is Plugin.Timer.
func (r *Reloader) Timer(now time.Time, emit message.Emit) error {
	err := r.active.Timer(now, emit)
	if r.next != nil {
		if shadowErr := r.next.Timer(now, discard); shadowErr != nil {
			r.drop(shadowErr)
		}
	}
	return err
}

// Flush is Plugin.Flush.
func (r *Reloader) Flush(now time.Time, idle bool, emit message.Emit) error {
	return r.active.Flush(now, idle, emit)
}

// Holding is Plugin.Holding.
func (r *Reloader) Holding() int { return r.active.Holding() }

// Stats is Plugin.Stats.
func (r *Reloader) Stats() Stats { return r.active.Stats() }

// Close is Plugin.Close.
func (r *Reloader) Close(emit message.Emit) error {
	r.drop(r.failure)
	return r.active.Close(emit)
}

func (r *Reloader) drop(why error) {
	if r.next != nil {
		r.next.abandon()
	}
	r.next, r.failure = nil, why
}

// takeOver replaces the running version. A decoder starts afresh: what its trial
// left behind was emitted by the old version already.
func (r *Reloader) takeOver(emit message.Emit) error {
	next := r.next
	r.next = nil
	if r.opts.Kind == KindDecoder {
		next.abandon()
		fresh, err := Open(r.nextOpts)
		if err != nil {
			r.failure = err
			return nil // the old version runs on
		}
		next = fresh
	}
	err := r.active.Flush(r.active.opts.Clock(), false, emit)
	r.active.abandon()
	r.active, r.opts = next, r.nextOpts
	r.reloads++
	return err
}

// abandon closes a plugin without saving or emitting anything.
func (p *Plugin) abandon() {
	if !p.closed {
		p.closed = true
		p.eng.close()
	}
}
