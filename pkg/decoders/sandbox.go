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
	opts   sandbox.Options
	log    *slog.Logger
	plugin *sandbox.Reloader

	pass    bool // hand on records the plugin made nothing of
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

// NewSandbox opens the plugin; the caller closes the decoder.
func NewSandbox(opts sandbox.Options, log *slog.Logger, change ...SandboxOption) (*Sandbox, error) {
	opts.Kind = sandbox.KindDecoder
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	s := &Sandbox{opts: opts, log: log}
	for _, c := range change {
		c(s)
	}
	plugin, err := sandbox.NewReloader(opts, 0)
	if err != nil {
		return nil, err
	}
	s.plugin, s.opened = plugin, opts.Clock()
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
		if res.Text == "" {
			return Reject("decode a record of %s: %s returned %d", raw.Logger, s.opts.Name, res.Code)
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
	if err := s.plugin.Flush(now, idle, emit); err != nil {
		return s.failed(err)
	}
	return nil
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
	return errors.Join(s.plugin.Flush(s.opts.Clock(), false, emit), s.plugin.Close(emit))
}

// Stats returns the plugin's counters over all its lives.
func (s *Sandbox) Stats() sandbox.Stats {
	sum := s.lost
	if s.plugin == nil {
		return sum
	}
	now := s.plugin.Stats()
	now.Processed += sum.Processed
	now.Failures += sum.Failures
	now.Injected += sum.Injected
	now.Held += sum.Held
	now.ProcessTime += sum.ProcessTime
	return now
}

// Deaths counts how often the plugin had to be opened anew.
func (s *Sandbox) Deaths() int64 { return s.deaths }

// Reload puts a new version of the plugin on trial; see sandbox.Reloader. The
// old one runs on when it cannot be opened or fails its trial.
func (s *Sandbox) Reload(opts sandbox.Options) error {
	opts.Kind, opts.Clock = sandbox.KindDecoder, s.opts.Clock
	if s.plugin == nil { // it died: the new version is what is opened next
		s.opts, s.retryAt = opts, time.Time{}
		return nil
	}
	return s.plugin.Reload(opts)
}

// ready opens the plugin again when its pause is over.
func (s *Sandbox) ready() error {
	if s.plugin != nil {
		return nil
	}
	now := s.opts.Clock()
	if now.Before(s.retryAt) {
		return Reject("decoder %s is out of order until %s: %w", s.opts.Name, s.retryAt.Format(time.TimeOnly), s.why)
	}
	plugin, err := sandbox.NewReloader(s.opts, 0)
	if err != nil {
		s.delay(now, err)
		return Reject("open decoder %s again: %w", s.opts.Name, err)
	}
	s.plugin, s.opened = plugin, now
	s.log.Info("decoder opened again", "decoder", s.opts.Name)
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
		return fmt.Errorf("emit a message of decoder %s: %w", s.opts.Name, err)
	}
	now := s.opts.Clock()
	if now.Sub(s.opened) >= healthy {
		s.pause = 0
	}
	s.delay(now, dead)
	s.deaths++
	s.lost = s.Stats()
	s.opts = s.plugin.Options()
	_ = s.plugin.Close(nil)
	s.plugin = nil
	s.log.Warn("decoder terminated", "decoder", s.opts.Name, "error", dead, "opens_again_in", s.pause)
	return Reject("decoder %s terminated: %w", s.opts.Name, dead)
}
