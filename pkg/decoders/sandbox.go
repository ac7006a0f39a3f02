package decoders

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// Pauses before a decoder that died is opened again.
const (
	firstPause = 250 * time.Millisecond
	maxPause   = 30 * time.Second
	healthy    = time.Minute // a decoder that lived that long starts with the first pause again
)

// Sandbox is a decoder written in Lua or given by a grammar.
type Sandbox struct {
	versions *sandbox.Versions
	name     string
	clock    func() time.Time
	log      *slog.Logger
	plugin   *sandbox.Reloader // nil: it died

	dead    *sandbox.Template // the version that died
	pass    bool              // hand on records the plugin made nothing of
	opened  time.Time
	retryAt time.Time
	pause   time.Duration
	deaths  int64
	lost    sandbox.Stats // of plugins that died
	why     error
}

// SandboxOption changes a Sandbox.
type SandboxOption func(*Sandbox)

// PassThrough hands on the records of which the plugin made no message, as Heka
// did; without it they are counted as held.
func PassThrough() SandboxOption { return func(s *Sandbox) { s.pass = true } }

// NewSandbox loads a plugin and opens a decoder of it; the caller closes it.
func NewSandbox(opts sandbox.Options, log *slog.Logger, change ...SandboxOption) (*Sandbox, error) {
	opts.Kind = sandbox.KindDecoder
	t, err := sandbox.NewTemplate(opts)
	if err != nil {
		return nil, err
	}
	return OpenSandbox(sandbox.NewVersions(t), log, change...)
}

// OpenSandbox opens one more decoder of a plugin, which follows its versions; the
// caller closes it.
func OpenSandbox(versions *sandbox.Versions, log *slog.Logger, change ...SandboxOption) (*Sandbox, error) {
	opts := versions.Current().Options()
	s := &Sandbox{versions: versions, name: opts.Name, clock: opts.Clock, log: log}
	for _, c := range change {
		c(s)
	}
	plugin, err := sandbox.NewReloader(versions)
	if err != nil {
		return nil, err
	}
	s.plugin, s.opened = plugin, s.clock()
	return s, nil
}

// Decode implements Decoder.
func (s *Sandbox) Decode(raw *message.Message, emit message.Emit) error {
	if err := s.ready(); err != nil {
		return err
	}
	res, err := s.plugin.Process(raw, emit)
	if err != nil {
		return s.failed(err)
	}
	if res.Code != 0 {
		if res.Refused != nil {
			return &heldRejected{res.Refused, Reject("decode a record of %s: %s", raw.Logger, res.Text)}
		}
		if res.Text == "" {
			return Reject("decode a record of %s: %s returned %d", raw.Logger, s.name, res.Code)
		}
		return Reject("decode a record of %s: %s", raw.Logger, res.Text)
	}
	if res.Held && s.pass && !s.plugin.Plugin().Declarative() {
		return emit(raw)
	}
	return nil
}

// Flush implements Flusher.
func (s *Sandbox) Flush(now time.Time, idle bool, emit message.Emit) error {
	if s.plugin == nil {
		return nil
	}
	err := s.plugin.Flush(now, idle, emit)
	if err == nil {
		return nil
	}
	var refused *sandbox.Refused
	if errors.As(err, &refused) {
		return &heldRejected{refused.Record, Reject("decode held records: %w", refused)}
	}
	return s.failed(err)
}

// Holding implements Flusher.
func (s *Sandbox) Holding() int {
	if s.plugin == nil {
		return 0
	}
	return s.plugin.Holding()
}

// Close flushes what is held and releases the plugin.
func (s *Sandbox) Close(emit message.Emit) error {
	if s.plugin == nil {
		return nil
	}
	return errors.Join(s.plugin.Flush(s.clock(), false, emit), s.plugin.Close(emit))
}

// Stats returns the plugin's counters over all its lives.
func (s *Sandbox) Stats() sandbox.Stats {
	if s.plugin == nil {
		return s.lost
	}
	return s.plugin.Stats().After(s.lost)
}

// Deaths counts how often the plugin had to be opened anew.
func (s *Sandbox) Deaths() int64 { return s.deaths }

// ready opens the plugin again when its pause is over, or when there is a new
// version, which need not prove itself beside one that is out of order.
func (s *Sandbox) ready() error {
	if s.plugin != nil {
		return nil
	}
	now := s.clock()
	if s.versions.Accept(now) || s.versions.Current() != s.dead {
		s.retryAt, s.pause = time.Time{}, 0
	}
	if now.Before(s.retryAt) {
		return Reject("decoder %s is out of order until %s: %w", s.name, s.retryAt.Format(time.TimeOnly), s.why)
	}
	plugin, err := sandbox.NewReloader(s.versions)
	if err != nil {
		s.dead = s.versions.Current()
		s.delay(now, err)
		return Reject("open decoder %s again: %w", s.name, err)
	}
	s.plugin, s.opened = plugin, now
	s.log.Info("decoder opened again", "decoder", s.name)
	return nil
}

func (s *Sandbox) delay(now time.Time, why error) {
	s.pause = min(max(2*s.pause, firstPause), maxPause)
	s.retryAt, s.why = now.Add(s.pause), why
}

// failed handles the error of a call: a plugin that died is dropped.
func (s *Sandbox) failed(err error) error {
	var dead *sandbox.Terminated
	if !errors.As(err, &dead) {
		return fmt.Errorf("emit a message of decoder %s: %w", s.name, err)
	}
	now := s.clock()
	if now.Sub(s.opened) >= healthy {
		s.pause = 0
	}
	s.delay(now, dead)
	s.deaths++
	s.lost, s.dead = s.Stats(), s.versions.Current()
	_ = s.plugin.Close(nil)
	s.plugin = nil
	s.log.Warn("decoder terminated", "decoder", s.name, "error", dead, "opens_again_in", s.pause)
	return Reject("decoder %s terminated: %w", s.name, dead)
}
