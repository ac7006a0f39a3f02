// Package sandbox runs one plugin in one limited Lua state and gives it Heka
// 0.10's host functions: read_message, inject_message, add_to_payload and the
// rest. A decoder may instead be declarative: it names a grammar, and the engine
// runs that grammar straight into a message without entering Lua for each line.
//
// Invariant: whatever a plugin does, only that plugin stops. An error that ends
// it is a *Terminated; everything else leaves the plugin usable. A Plugin is
// used by one goroutine at a time and starts none.
//
// What is guaranteed: the instruction limit of each call and the output limit
// are exact. The memory limit is checked between calls and bounds single
// operations inside a call, so the peak of one call can exceed it. No host
// function reaches a file, the environment or another plugin (inputs and
// outputs have io by design). This fences off mistakes and simple malice; it is
// not a security boundary like a process with its own memory limit.
package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Kind is what a plugin is for; it decides which host functions it sees.
type Kind uint8

// The plugin kinds.
const (
	KindInput Kind = iota
	KindDecoder
	KindFilter
	KindEncoder
	KindOutput
)

var kindNames = [...]string{"input", "decoder", "filter", "encoder", "output"}

// String returns the kind's word.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// ParseKind reads a kind's word.
func ParseKind(s string) (Kind, error) {
	for i, name := range kindNames {
		if name == s {
			return Kind(i), nil
		}
	}
	return 0, fmt.Errorf("parse plugin kind %q: want one of %s", s, strings.Join(kindNames[:], ", "))
}

// Limits bound one plugin. A zero value means the default; a negative one means
// no limit (for injections: none allowed beyond zero is never meant).
type Limits struct {
	Memory           int // bytes; 8 MiB
	Instructions     int // VM instructions a call; 1,000,000, none for inputs and outputs
	Output           int // bytes of the payload buffer; 63 KiB
	ProcessInjection int // filters: messages a process_message call may emit; 1
	TimerInjection   int // filters: messages a timer_event call may emit; 10
}

// The limits of a plugin that names none.
const (
	DefaultMemory           = 8 << 20
	DefaultInstructions     = 1_000_000
	DefaultOutput           = 63 << 10
	DefaultProcessInjection = 1
	DefaultTimerInjection   = 10
)

func (l Limits) withDefaults(k Kind) Limits {
	set := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	set(&l.Memory, DefaultMemory)
	if k == KindInput || k == KindOutput {
		set(&l.Instructions, -1)
	}
	set(&l.Instructions, DefaultInstructions)
	set(&l.Output, DefaultOutput)
	set(&l.ProcessInjection, DefaultProcessInjection)
	set(&l.TimerInjection, DefaultTimerInjection)
	return l
}

// Options describe one plugin.
type Options struct {
	Kind   Kind
	Name   string // the instance's name: a filter's logger, the preservation file's name
	Script string // path of the Lua file; read unless Source is set
	Source []byte // the Lua text; Script then only names it in messages
	// FromDisk says that Script is a file on disk also when Source is set.
	FromDisk bool

	ModuleDirs []string // searched first by require
	Shipped    fs.FS    // then this: NAME.lua at its root; nil: none
	NoNative   bool     // without the native modules that stand beside shipped ones

	Config   map[string]any    // what read_config sees
	Tags     map[string]string // the module extra_fields, unless ModuleDirs has one
	Limits   Limits
	Hostname string           // given to filters' messages; "": the local one
	Clock    func() time.Time // nil: time.Now

	// PreserveFile is where globals are kept between runs; "": nowhere.
	PreserveFile string
	// PreserveEvery is how often Timer writes PreserveFile; 0: only at Close.
	PreserveEvery time.Duration
	// TimerOnShutdown gives the plugin one last timer_event at Close.
	TimerOnShutdown bool
	// Loops is the limit of message loops a filter's injections may reach; the
	// pipeline refuses further ones through the Emit function.

	// Cache is what this sandbox shares with others; nil: nothing.
	Cache *Cache

	// Native adds modules for require, by name; they win over shipped ones.
	Native map[string]Loader

	modules *moduleTexts // of the Template; nil: none
}

// Terminated is the error of a call that ended the plugin: it must be opened
// anew before it can be called again.
type Terminated struct {
	Plugin string
	Reason string
	Cause  error // may be nil
}

func (e *Terminated) Error() string { return e.Reason }

func (e *Terminated) Unwrap() error { return e.Cause }

// ErrClosed is wrapped by calls of a plugin that was closed.
var ErrClosed = errors.New("plugin is closed")

// Result is what one process_message call came to.
type Result struct {
	Code    int    // the plugin's return code; 0 is success
	Text    string // the plugin's second return value: why it failed
	Emitted int    // messages emitted by this call

	// Output is an encoder's output, valid until the next call. HasOutput is
	// false when nothing is to be sent.
	Output    []byte
	HasOutput bool
	// Held tells that a decoder succeeded without emitting anything.
	Held bool
	// Refused is the record that a failure of a decoder is about, if it is one that
	// was held back, and not the one at hand.
	Refused *message.Message
}

// Refused is the error of a flush: a record that was held back could not be decoded.
// The plugin goes on.
type Refused struct {
	Record *message.Message
	Reason string
}

func (e *Refused) Error() string { return e.Reason }

// The codes of Lua outputs (lua_sandbox 1.x) and the encoders' "no output".
const (
	CodeOK       = 0
	CodeFail     = -1
	CodeSkip     = -2
	CodeRetry    = -3
	CodeBatching = -4
	CodeAsync    = -5
)

// Stats are a plugin's counters since Open.
type Stats struct {
	Memory             int // estimated bytes held by the state
	MaxMemory          int
	MaxInstructions    int
	MaxOutput          int
	Processed          int64 // process_message calls
	Failures           int64 // negative return codes
	Injected           int64 // messages emitted
	Timers             int64 // timer_event calls
	ProcessTime        time.Duration
	TimerTime          time.Duration
	Held               int64 // decoder: records that gave no message
	PreservedErrors    int64
	MultilineSizeFlush int64
	Late               int64 // filter: its global late_messages, read after each timer event
}

// After adds the counters of the sandbox that s's sandbox has replaced.
func (s Stats) After(old Stats) Stats {
	s.MaxMemory = max(s.MaxMemory, old.MaxMemory)
	s.MaxInstructions = max(s.MaxInstructions, old.MaxInstructions)
	s.MaxOutput = max(s.MaxOutput, old.MaxOutput)
	s.Processed += old.Processed
	s.Failures += old.Failures
	s.Injected += old.Injected
	s.Timers += old.Timers
	s.ProcessTime += old.ProcessTime
	s.TimerTime += old.TimerTime
	s.Held += old.Held
	s.PreservedErrors += old.PreservedErrors
	s.MultilineSizeFlush += old.MultilineSizeFlush
	s.Late += old.Late
	return s
}

// ProcessAverage is the mean duration of a process_message call.
func (s Stats) ProcessAverage() time.Duration {
	if s.Processed == 0 {
		return 0
	}
	return s.ProcessTime / time.Duration(s.Processed)
}

// TimerAverage is the mean duration of a timer_event call.
func (s Stats) TimerAverage() time.Duration {
	if s.Timers == 0 {
		return 0
	}
	return s.TimerTime / time.Duration(s.Timers)
}

// source returns the plugin's text and the name Lua shows in errors.
func (o *Options) source() (text []byte, chunk string, err error) {
	if o.Source != nil {
		name := o.Script
		if name == "" {
			name = o.Name
		}
		return o.Source, filepath.Base(name), nil
	}
	if o.Script == "" {
		return nil, "", fmt.Errorf("open plugin %s: neither a script nor its source is given", o.Name)
	}
	text, err = os.ReadFile(o.Script)
	if err != nil {
		return nil, "", fmt.Errorf("open plugin %s: %w", o.Name, err)
	}
	o.FromDisk = true
	return text, filepath.Base(o.Script), nil
}

func (o *Options) normalise() {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Hostname == "" {
		o.Hostname, _ = os.Hostname()
	}
	if o.Name == "" {
		o.Name = strings.TrimSuffix(filepath.Base(o.Script), ".lua")
	}
	o.Limits = o.Limits.withDefaults(o.Kind)
}
