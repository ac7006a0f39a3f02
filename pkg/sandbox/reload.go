package sandbox

import (
	"fmt"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Reloader is a sandbox that follows the versions of its plugin. A version on
// trial first sees the same records in the shadow of the running one, with its
// messages thrown away; it takes over when it survived enough of them, and is
// dropped when it dies or refuses a record the old one accepted. No record is
// lost or seen twice: until the take-over only the old version's messages count.
//
// Calls are never concurrent; Reloaders of the same Versions may run on different
// goroutines.
type Reloader struct {
	versions *Versions
	seen     *versionState // as it was last looked at
	template *Template     // of active
	active   *Plugin
	before   Stats // of versions that were replaced

	trial *trial // nil: none
	next  *Plugin
	ready *Plugin // came through its trial here: goes on with its state; nil: opened afresh

	leaving bool // the running version is replaced at the next end of a record
	waited  int  // records since then
}

// maxWait is how many records a take-over waits for the end of a multi-line one.
const maxWait = 1000

// NewReloader opens the running version of the plugin. The caller closes it.
func NewReloader(v *Versions) (*Reloader, error) {
	t := v.Current()
	p, err := t.Open()
	if err != nil {
		return nil, err
	}
	return &Reloader{versions: v, template: t, active: p}, nil
}

// Versions returns what the sandbox follows.
func (r *Reloader) Versions() *Versions { return r.versions }

// Plugin returns the sandbox that runs.
func (r *Reloader) Plugin() *Plugin { return r.active }

// Process is Plugin.Process.
func (r *Reloader) Process(m *message.Message, emit message.Emit) (Result, error) {
	if s := r.versions.state.Load(); s != r.seen {
		if err := r.follow(s, emit); err != nil {
			return Result{}, err
		}
	}
	res, err := r.active.Process(m, emit)
	if r.next != nil {
		r.shadow(m, res, err)
	}
	if r.leaving && err == nil {
		err = r.leave(m, emit)
	}
	return res, err
}

// shadow shows the version on trial what the running one has just seen.
func (r *Reloader) shadow(m *message.Message, res Result, err error) {
	got, failure := r.next.Process(m, discard)
	switch {
	case failure != nil:
		r.drop(failure)
		return
	case got.Code < 0 && res.Code == 0 && err == nil:
		r.drop(fmt.Errorf("the new version refused a record with code %d %s", got.Code, got.Text))
		return
	}
	r.trial.oldMade.Add(made(r.active, res))
	r.trial.newMade.Add(made(r.next, got))
	r.versions.note(r.trial, r.now())
}

// made counts what decoders and encoders made of a record; a filter may well make
// nothing.
func made(p *Plugin, res Result) int64 {
	switch {
	case p.opts.Kind == KindDecoder:
		return int64(res.Emitted + p.Holding())
	case p.opts.Kind == KindEncoder && res.HasOutput:
		return 1
	}
	return 0
}

func discard(*message.Message) error { return nil }

// Timer is Plugin.Timer.
func (r *Reloader) Timer(now time.Time, emit message.Emit) error {
	if s := r.versions.state.Load(); s != r.seen {
		if err := r.follow(s, emit); err != nil {
			return err
		}
	}
	err := r.active.Timer(now, emit)
	if r.next == nil || r.next.decl != nil {
		return err
	}
	if failure := r.next.timerEvent(now, discard); failure != nil {
		r.drop(failure)
		return err
	}
	r.versions.note(r.trial, r.now())
	return err
}

// Flush is Plugin.Flush.
func (r *Reloader) Flush(now time.Time, idle bool, emit message.Emit) error {
	if s := r.versions.state.Load(); s != r.seen {
		if err := r.follow(s, emit); err != nil {
			return err
		}
	}
	err := r.active.Flush(now, idle, emit)
	if r.next != nil {
		if failure := r.next.Flush(now, idle, discard); failure != nil {
			r.drop(failure)
		}
	}
	if r.leaving && err == nil && r.active.Holding() == 0 {
		return r.takeOver(emit)
	}
	return err
}

// Holding is Plugin.Holding.
func (r *Reloader) Holding() int { return r.active.Holding() }

// Stats is Plugin.Stats, over all versions.
func (r *Reloader) Stats() Stats { return r.active.Stats().After(r.before) }

// Close is Plugin.Close.
func (r *Reloader) Close(emit message.Emit) error {
	r.forget()
	if r.ready != nil {
		r.ready.abandon()
	}
	return r.active.Close(emit)
}

func (r *Reloader) now() time.Time { return r.active.opts.Clock() }

// follow brings the sandbox in line with the versions of its plugin.
func (r *Reloader) follow(s *versionState, emit message.Emit) error {
	r.seen = s
	if r.trial != nil && s.trial != r.trial {
		if r.trial.template == s.current && r.template.opts.Kind != KindDecoder {
			r.ready, r.next = r.next, nil
		}
		r.forget()
	}
	var err error
	if r.leaving = s.current != r.template; r.leaving {
		r.waited = 0
		if r.active.decl == nil || r.active.Holding() == 0 { // an open record is not cut in two: see leave
			err = r.takeOver(emit)
		}
	}
	if s.trial != nil && r.trial != s.trial {
		r.try(s.trial)
	}
	return err
}

// try opens the version on trial beside the running one.
func (r *Reloader) try(t *trial) {
	r.trial = t
	if err := r.active.Save(); err != nil { // the new version begins with what the old one preserves
		r.drop(err)
		return
	}
	p, err := t.template.Open()
	if err != nil {
		r.drop(err)
		return
	}
	r.next = p
}

// drop ends the trial for all sandboxes of the plugin.
func (r *Reloader) drop(why error) {
	r.versions.judge(r.trial, why, r.now())
	r.forget()
}

func (r *Reloader) forget() {
	if r.next != nil {
		r.next.abandon()
	}
	r.next, r.trial = nil, nil
}

// leave takes over when no multi-line record is cut by that: m was the last line of
// one, or the first, which the new version then gets in the place of the old one.
func (r *Reloader) leave(m *message.Message, emit message.Emit) error {
	r.waited++
	switch {
	case r.active.Holding() == 0 || r.waited > maxWait:
		return r.takeOver(emit)
	case !r.active.decl.holdsOnly(m):
		return nil
	}
	old := r.active
	fresh, err := r.open()
	if err != nil {
		return nil // the old version runs on
	}
	r.active = fresh
	r.replaced(old)
	_, err = fresh.Process(m, emit)
	return err
}

// holdsOnly reports whether nothing but m is held back.
func (d *declarative) holdsOnly(m *message.Message) bool {
	multi := d.multi
	return multi != nil && multi.pending != nil && multi.held == 1 && multi.parts == 0 && !m.UUID.IsZero() && multi.pending.UUID == m.UUID
}

// takeOver replaces the running version. A filter or encoder goes on with the
// state of its trial; a decoder starts afresh, for what its trial holds back was
// taken care of by the old version.
func (r *Reloader) takeOver(emit message.Emit) error {
	fresh := r.ready
	r.ready = nil
	if fresh == nil {
		var err error
		if fresh, err = r.open(); err != nil {
			return nil // the old version runs on
		}
	}
	old := r.active
	err := old.Flush(r.now(), false, emit)
	r.active = fresh
	r.replaced(old)
	return err
}

// open opens the version that has passed its trial. One that fails now is
// reported, and this sandbox keeps the old one until the next version comes.
func (r *Reloader) open() (*Plugin, error) {
	p, err := r.seen.current.Open()
	if err != nil {
		r.leaving = false
		r.versions.complain(fmt.Errorf("open the version that passed its trial: %w", err))
	}
	return p, err
}

func (r *Reloader) replaced(old *Plugin) {
	r.before = old.Stats().After(r.before)
	old.abandon()
	r.template, r.leaving = r.seen.current, false
}

// abandon closes a plugin without saving or emitting anything.
func (p *Plugin) abandon() {
	if !p.closed {
		p.closed = true
		p.eng.close()
	}
}
