package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Plugin is one loaded plugin. Calls are never concurrent.
type Plugin struct {
	opts  Options
	eng   *engine
	L     *lua.LState
	stats Stats

	current   *message.Message // the message being processed; nil in timer_event
	writable  message.Message  // the copy write_message works on
	written   bool
	nextField int // read_next_field's position

	lastType, lastLogger, lastHostname keptHeader // as a script last read them

	emit      message.Emit
	emitErr   error // why the stage after this one refused a message
	injected  int   // messages injected in this call
	injectMax int   // -1: no limit

	out     []byte // the payload buffer
	encoded []byte // an encoder's output
	hasOut  bool

	pending      []*message.Message // a decoder's messages of this call
	pendingBytes int
	pool         []*message.Message

	holds  bool // a decoder that defines flush()
	held   held
	heldAt time.Time // of the newest record while some are held

	zone      *time.Location // of the config key tz; nil: times are UTC
	decl      *declarative   // nil: the plugin has process_message
	lastSaved time.Time
	dead      *Terminated
	closed    bool
	needs     needs

	baseline map[lua.LValue]lua.LValue // globals that are not the plugin's
}

// Open loads a plugin: it runs the script once and restores its preserved
// globals, both outside the instruction and memory limits.
func Open(opts Options) (*Plugin, error) {
	opts.normalise()
	text, chunk, err := opts.source()
	if err != nil {
		return nil, err
	}
	p := &Plugin{opts: opts}
	p.eng = newEngine(&p.opts, p.loadModule)
	p.L = p.eng.L
	if err := p.setup(text, chunk); err != nil {
		p.eng.close()
		return nil, fmt.Errorf("load plugin %s: %w", opts.Name, err)
	}
	return p, nil
}

func (p *Plugin) setup(text []byte, chunk string) error {
	if err := p.readZone(); err != nil {
		return err
	}
	p.installHost()
	p.installModules()
	if p.opts.PreserveFile != "" {
		p.remember()
	}
	if err := p.eng.load(text, chunk); err != nil {
		return err
	}
	p.eng.lpeg.Seal()
	decl, err := newDeclarative(p)
	if err != nil {
		return err
	}
	p.decl = decl
	if decl == nil && p.eng.global("process_message").Type() != lua.LTFunction {
		if p.opts.Kind != KindFilter || p.eng.global("timer_event").Type() != lua.LTFunction {
			return errors.New("the script defines no function process_message; define it, or a grammar for a declarative decoder")
		}
	}
	p.holds = p.opts.Kind == KindDecoder && decl == nil && p.eng.global("flush").Type() == lua.LTFunction
	if err := p.restore(); err != nil {
		return err
	}
	p.lastSaved = p.opts.Clock()
	return nil
}

func (p *Plugin) readZone() error {
	name, _ := p.opts.Config["tz"].(string)
	if name == "" || name == "UTC" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return fmt.Errorf("read config tz: %w; name a zone like Europe/Paris", err)
	}
	p.zone = zone
	return nil
}

// Declarative tells whether the plugin is a grammar run by the engine.
func (p *Plugin) Declarative() bool { return p.decl != nil }

// Name returns the instance's name.
func (p *Plugin) Name() string { return p.opts.Name }

// Process hands m to the plugin. A decoder's messages reach emit after the
// plugin returned success, a filter's while it runs; every emitted message is
// valid until emit returns. A negative return code is no error: see Result.
// The error is a *Terminated when the plugin ended, or what emit returned.
func (p *Plugin) Process(m *message.Message, emit message.Emit) (Result, error) {
	if err := p.usable(); err != nil {
		return Result{}, err
	}
	if p.decl != nil {
		return p.decl.process(m, emit)
	}
	p.begin(m, emit, p.opts.Limits.ProcessInjection)
	start := time.Now()
	code, text, err := p.callProcess()
	p.stats.ProcessTime += time.Since(start)
	p.stats.Processed++
	if err != nil {
		p.dropPending()
		return Result{}, p.fail(err)
	}
	res, err := p.finish(code, text)
	if p.held.count > 0 {
		p.heldAt = p.opts.Clock()
	}
	return res, err
}

// Timer calls timer_event, if the plugin defines it, and writes the preserved
// globals when that is due. A declarative decoder flushes what was idle.
func (p *Plugin) Timer(now time.Time, emit message.Emit) error {
	if err := p.usable(); err != nil {
		return err
	}
	if p.decl != nil {
		return p.decl.flushIdle(now, emit)
	}
	if err := p.timerEvent(now, emit); err != nil {
		return err
	}
	if p.opts.PreserveEvery > 0 && now.Sub(p.lastSaved) >= p.opts.PreserveEvery {
		p.lastSaved = now
		if err := p.Save(); err != nil {
			p.stats.PreservedErrors++
		}
	}
	return nil
}

func (p *Plugin) timerEvent(now time.Time, emit message.Emit) error {
	fn := p.eng.global("timer_event")
	if fn.Type() != lua.LTFunction {
		return nil
	}
	p.begin(nil, emit, p.opts.Limits.TimerInjection)
	start := time.Now()
	_, _, err := p.eng.call(fn, lua.LNumber(now.UnixNano()))
	p.stats.TimerTime += time.Since(start)
	p.stats.Timers++
	p.account()
	if late, ok := p.eng.global("late_messages").(lua.LNumber); ok {
		p.stats.Late = int64(late)
	}
	if err != nil {
		p.dropPending()
		return p.fail(fmt.Errorf("timer_event() %w", err))
	}
	_, err = p.finish(0, "")
	return err
}

// Flush emits what a decoder holds back: when idle, what has waited long
// enough at now; else everything (the stream ends). A Lua decoder takes part by
// defining flush(ns).
func (p *Plugin) Flush(now time.Time, idle bool, emit message.Emit) error {
	if err := p.usable(); err != nil {
		return err
	}
	if p.decl != nil {
		if idle {
			return p.decl.flushIdle(now, emit)
		}
		return p.decl.flushAll(emit)
	}
	if !p.holds {
		return nil
	}
	fn := p.eng.global("flush")
	p.begin(nil, emit, -1)
	if _, _, err := p.eng.call(fn, lua.LNumber(now.UnixNano()), lua.LBool(idle)); err != nil {
		p.dropPending()
		return p.fail(fmt.Errorf("flush() %w", err))
	}
	res, err := p.finish(0, "")
	if res.Emitted == 0 && (!idle || now.Sub(p.heldAt) >= 2*idleFlush) {
		p.held = held{} // it was asked for everything: nothing is held
	}
	return err
}

// Holding returns how many records the decoder holds back for an unfinished
// multi-line record.
func (p *Plugin) Holding() int {
	if p.decl == nil {
		return p.held.count
	}
	return p.decl.holding()
}

// Close ends the plugin: a last timer_event if the options ask for it, then the
// preserved globals are written. A terminated plugin saves nothing.
func (p *Plugin) Close(emit message.Emit) error {
	if p.closed {
		return nil
	}
	var errs []error
	if p.dead == nil {
		if p.decl != nil && emit != nil {
			errs = append(errs, p.decl.flushAll(emit))
		}
		if p.opts.TimerOnShutdown && emit != nil && p.decl == nil {
			errs = append(errs, p.timerEvent(p.opts.Clock(), emit))
		}
		errs = append(errs, p.Save())
	}
	p.closed = true
	p.eng.close()
	return errors.Join(errs...)
}

// Stats returns the counters.
func (p *Plugin) Stats() Stats {
	s := p.stats
	s.Memory, s.MaxMemory, s.MaxInstructions = p.eng.usage()
	return s
}

func (p *Plugin) usable() error {
	if p.closed {
		return fmt.Errorf("call plugin %s: %w", p.opts.Name, ErrClosed)
	}
	if p.dead != nil {
		return p.dead
	}
	return nil
}

func (p *Plugin) begin(m *message.Message, emit message.Emit, injections int) {
	p.current, p.emit, p.emitErr = m, emit, nil
	p.written, p.nextField, p.injected = false, 0, 0
	p.injectMax = -1
	if p.opts.Kind == KindFilter {
		p.injectMax = injections
	}
	p.encoded, p.hasOut = p.encoded[:0], false
	p.out = p.out[:0]
}

// fail turns the error of a call into the error the caller sees.
func (p *Plugin) fail(err error) error {
	p.current = nil
	if p.emitErr != nil && errors.Is(p.emitErr, context.Canceled) {
		return p.emitErr
	}
	p.dead = &Terminated{Plugin: p.opts.Name, Reason: err.Error(), Cause: err}
	return p.dead
}

// callProcess runs process_message and reads its results.
func (p *Plugin) callProcess() (code int, text string, err error) {
	fn := p.eng.global("process_message")
	if fn.Type() != lua.LTFunction {
		return 0, "", errors.New("process_message() function was not found")
	}
	first, second, err := p.eng.call(fn)
	p.account()
	if err != nil {
		return 0, "", fmt.Errorf("process_message() %w", err)
	}
	number, ok := toNumber(first)
	if !ok {
		return 0, "", errors.New("process_message() must return a numeric status code")
	}
	switch s := second.(type) {
	case *lua.LNilType:
	case lua.LString:
		text = string(s)
	default:
		return 0, "", errors.New("process_message() must return a nil or string error message")
	}
	return int(number), text, nil
}

func (p *Plugin) account() {
	p.stats.MaxOutput = max(p.stats.MaxOutput, len(p.out), len(p.encoded))
}
