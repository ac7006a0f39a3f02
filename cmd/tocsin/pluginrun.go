package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// pluginCase is one line of input: a plugin and what to do with it.
type pluginCase struct {
	ID               json.RawMessage `json:"id"`
	Component        string          `json:"component"`
	Kind             string          `json:"kind"`
	Script           string          `json:"script"`
	Config           map[string]any  `json:"config"`
	CommonTags       map[string]any  `json:"common_tags"`
	Clock            *float64        `json:"clock"`
	Hostname         string          `json:"hostname"`
	PluginName       string          `json:"plugin_name"`
	ModuleDirs       []string        `json:"module_dirs"`
	ShippedModules   *bool           `json:"shipped_modules"`
	MaxProcessInject *int            `json:"max_process_inject"`
	MaxTimerInject   *int            `json:"max_timer_inject"`
	OutputLimit      *int            `json:"output_limit"`
	MemoryLimit      *int            `json:"memory_limit"`
	InstructionLimit *int            `json:"instruction_limit"`
	Steps            []pluginStep    `json:"steps"`
}

// pluginStep is a message, a timer event or a silence.
type pluginStep struct {
	Msg         json.RawMessage `json:"msg"`
	TimerNS     json.RawMessage `json:"timer_ns"`
	IdleSeconds *float64        `json:"idle_seconds"`
	Stream      string          `json:"stream"`
}

// pluginResult is one line of output.
type pluginResult struct {
	ID        json.RawMessage `json:"id"`
	InitError *string         `json:"init_error"`
	Steps     []stepResult    `json:"steps"`
}

type stepResult struct {
	OK            bool         `json:"ok"`
	RC            *int         `json:"rc"`
	Error         *string      `json:"error"`
	Fatal         bool         `json:"fatal"`
	Passthrough   bool         `json:"passthrough"`
	Out           []outMessage `json:"out"`
	Encoded       *string      `json:"encoded"`
	EncodedBase64 *string      `json:"encoded_base64"`
}

// pluginRun answers every case on standard input.
func pluginRun(ctx context.Context, std streams) int {
	in := bufio.NewReaderSize(std.in, 1<<16)
	out := bufio.NewWriter(std.out)
	for ctx.Err() == nil {
		line, err := in.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			writeResult(out, runCase(line))
			if out.Flush() != nil {
				return exitFindings
			}
		}
		if errors.Is(err, io.EOF) {
			return exitOK
		}
		if err != nil {
			fmt.Fprintf(std.err, "tocsin plugin run: read cases: %v\n", err)
			return exitFindings
		}
	}
	return exitFindings
}

func writeResult(w io.Writer, r pluginResult) {
	if r.ID == nil {
		r.ID = json.RawMessage("null")
	}
	if r.Steps == nil {
		r.Steps = []stepResult{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		text := "encode result: " + err.Error()
		_ = enc.Encode(pluginResult{ID: r.ID, InitError: &text, Steps: []stepResult{}})
	}
}

func runCase(line []byte) (r pluginResult) {
	var c pluginCase
	fail := func(err error) pluginResult {
		text := err.Error()
		r.InitError = &text
		return r
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	if err := dec.Decode(&c); err != nil {
		r.ID = c.ID
		return fail(fmt.Errorf("read case: %w", err))
	}
	r.ID = c.ID
	clock := newCaseClock(c.Clock)
	s, err := openSubject(&c, clock)
	if err != nil {
		return fail(err)
	}
	defer s.close()
	r.Steps = make([]stepResult, 0, len(c.Steps))
	for i := range c.Steps {
		r.Steps = append(r.Steps, runStep(s, &c.Steps[i], clock))
	}
	return r
}

// caseClock is the wall clock of one case: real, or frozen and moved by steps.
type caseClock struct {
	frozen bool
	at     time.Time     // when frozen
	ahead  time.Duration // of the real time, when not
}

func newCaseClock(seconds *float64) *caseClock {
	if seconds == nil {
		return &caseClock{}
	}
	whole := int64(*seconds)
	return &caseClock{frozen: true, at: time.Unix(whole, int64((*seconds-float64(whole))*1e9)).UTC()}
}

func (c *caseClock) now() time.Time {
	if c.frozen {
		return c.at
	}
	return time.Now().Add(c.ahead)
}

func (c *caseClock) set(t time.Time) { c.frozen, c.at = true, t }

func (c *caseClock) advance(d time.Duration) {
	c.at = c.at.Add(d)
	c.ahead += d
}

// subject is the plugin of a case. Emitted messages are cloned by emit.
type subject interface {
	process(stream string, m *message.Message, emit message.Emit) stepResult
	timer(now time.Time, emit message.Emit) stepResult
	idle(now time.Time, emit message.Emit) stepResult
	close()
}

func runStep(s subject, step *pluginStep, clock *caseClock) stepResult {
	out := []outMessage{}
	emit := func(m *message.Message) error {
		out = append(out, toOut(m))
		return nil
	}
	var r stepResult
	switch {
	case step.Msg != nil:
		m, err := parseMessage(step.Msg, clock.now())
		if err != nil {
			r = rejected(fmt.Errorf("read msg: %w", err))
			break
		}
		r = s.process(step.Stream, m, emit)
	case step.TimerNS != nil:
		ns, err := parseNS(step.TimerNS)
		if err != nil {
			r = rejected(fmt.Errorf("read timer_ns: %w", err))
			break
		}
		clock.set(time.Unix(0, ns).UTC())
		r = s.timer(clock.now(), emit)
	case step.IdleSeconds != nil:
		clock.advance(time.Duration(*step.IdleSeconds * float64(time.Second)))
		r = s.idle(clock.now(), emit)
	default:
		r = rejected(errors.New("step has none of msg, timer_ns, idle_seconds"))
	}
	if r.OK || !r.Fatal {
		r.Out = out
	}
	if r.Out == nil {
		r.Out = []outMessage{}
	}
	return r
}

func rejected(err error) stepResult {
	text := err.Error()
	return stepResult{Error: &text}
}

func encodedResult(r stepResult, b []byte) stepResult {
	if utf8.Valid(b) {
		s := string(b)
		r.Encoded = &s
		return r
	}
	s := base64.StdEncoding.EncodeToString(b)
	r.EncodedBase64 = &s
	return r
}

// openSubject finds and opens the plugin of a case.
func openSubject(c *pluginCase, clock *caseClock) (subject, error) {
	opts, err := c.options(clock)
	if err != nil {
		return nil, err
	}
	if c.Component == "" {
		if c.Script == "" {
			return nil, errors.New("the case names no component and no script")
		}
		opts.Script = c.Script
		return openLua(opts)
	}
	kindName, name, _ := strings.Cut(c.Component, ".")
	if opts.Kind, err = sandbox.ParseKind(kindName); err != nil {
		return nil, fmt.Errorf("unknown component %q: %w", c.Component, err)
	}
	if opts.Name == "" {
		opts.Name = name
	}
	if text, file := shippedSource(opts.Kind, name); text != nil && (opts.Kind != sandbox.KindDecoder || name != nativeCollectd) {
		opts.Source, opts.Script = text, file
		return openLua(opts)
	}
	return openNative(c.Component, name, opts)
}

func (c *pluginCase) options(clock *caseClock) (sandbox.Options, error) {
	opts := sandbox.Options{
		Name: c.PluginName, Hostname: c.Hostname, ModuleDirs: c.ModuleDirs,
		Config: c.Config, Clock: clock.now, Tags: map[string]string{},
	}
	for k, v := range c.CommonTags {
		if s, ok := v.(string); ok {
			opts.Tags[k] = s
			continue
		}
		opts.Tags[k] = fmt.Sprint(v)
	}
	if c.ShippedModules == nil || *c.ShippedModules {
		opts.Shipped = shippedModules()
	} else {
		opts.NoNative = true
	}
	set := func(dst *int, v *int, zero int) {
		if v == nil {
			return
		}
		*dst = *v
		if *v == 0 {
			*dst = zero
		}
	}
	set(&opts.Limits.ProcessInjection, c.MaxProcessInject, -1)
	set(&opts.Limits.TimerInjection, c.MaxTimerInject, -1)
	set(&opts.Limits.Output, c.OutputLimit, -1)
	set(&opts.Limits.Memory, c.MemoryLimit, -1)
	set(&opts.Limits.Instructions, c.InstructionLimit, -1)
	if c.Kind != "" {
		kind, err := sandbox.ParseKind(c.Kind)
		if err != nil {
			return opts, err
		}
		opts.Kind = kind
	} else if c.Component == "" {
		return opts, errors.New("the case names a script without its kind")
	}
	return opts, nil
}
