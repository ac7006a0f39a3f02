// Package sandboxed evaluates alarms through a Lua filter: afd.lua, or what an
// operator puts in its place. The filter hands datapoints to, and asks verdicts
// from, the native module `afd` of this package; the data stays with pkg/afd.
//
// Invariant: while the filter is broken each of its alarms says UNKNOWN and why;
// the data goes on being stored, so that nothing is lost when it runs again.
package sandboxed

import (
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// A broken filter is opened anew after firstRetry, then twice as long each time.
const (
	firstRetry = 10 * time.Second
	lastRetry  = 5 * time.Minute
)

// Filter is a set of alarms behind one Lua filter. Calls are never concurrent.
type Filter struct {
	set     *afd.Set
	options sandbox.Options
	plugin  *sandbox.Plugin // nil while it is broken
	failure error
	retryAt time.Time
	wait    time.Duration

	m        *message.Message // during process_message
	now      time.Time
	emit     message.Emit
	verdicts []*message.Message // of the running timer_event
}

// Open makes the filter for set. A script that does not load is no error: its
// alarms are UNKNOWN until it does. Whatever options.Native holds is kept beside
// the module `afd`.
func Open(set *afd.Set, options sandbox.Options) *Filter {
	f := &Filter{set: set, wait: firstRetry}
	native := map[string]sandbox.Loader{"afd": f.module}
	for name, open := range options.Native {
		if name != "afd" {
			native[name] = open
		}
	}
	options.Native, options.Kind = native, sandbox.KindFilter
	f.options = options
	f.open()
	return f
}

func (f *Filter) open() {
	plugin, err := sandbox.Open(f.options)
	if err != nil {
		f.fail(err)
		return
	}
	f.plugin, f.failure = plugin, nil
}

// Set returns the alarms, for Explain, Stats and a reload.
func (f *Filter) Set() *afd.Set { return f.set }

// Failure returns why the filter is broken; nil while it runs.
func (f *Filter) Failure() error { return f.failure }

// Close ends the plugin.
func (f *Filter) Close() error {
	if f.plugin == nil {
		return nil
	}
	err := f.plugin.Close(func(*message.Message) error { return nil })
	f.plugin = nil
	return err
}

func (f *Filter) fail(err error) {
	if f.plugin != nil {
		_ = f.plugin.Close(func(*message.Message) error { return nil })
	}
	f.plugin, f.failure, f.retryAt = nil, err, time.Time{}
}

// Process hands a message to process_message.
func (f *Filter) Process(m *message.Message, now time.Time, emit message.Emit) error {
	if f.plugin == nil {
		return f.set.Process(m, now)
	}
	f.m, f.now, f.emit = m, now, emit
	res, err := f.plugin.Process(m, emit)
	f.m = nil
	if err != nil {
		f.fail(err)
		return fmt.Errorf("run alarm filter %s: %w", f.options.Name, err)
	}
	if res.Code < 0 {
		return fmt.Errorf("run alarm filter %s: %s: %w", f.options.Name, res.Text, afd.ErrNoValue)
	}
	return nil
}

// Tick calls timer_event. When that fails, or the filter is broken already,
// every alarm is UNKNOWN.
func (f *Filter) Tick(now time.Time, emit message.Emit) error {
	var refused error // by the next stage: not the script's fault
	f.now, f.emit = now, func(m *message.Message) error {
		refused = emit(m)
		return refused
	}
	if f.plugin == nil {
		if f.retryAt.IsZero() {
			f.retryAt = now.Add(f.wait)
			f.wait = min(2*f.wait, lastRetry)
		} else if !now.Before(f.retryAt) {
			f.open()
		}
	}
	if f.plugin != nil {
		err := f.plugin.Timer(now, f.emit)
		f.verdicts = nil
		if refused != nil {
			return fmt.Errorf("emit verdict: %w", refused)
		}
		if err == nil {
			f.wait = firstRetry
			return nil
		}
		f.fail(err)
	}
	for _, a := range f.set.Alarms() {
		if err := emit(a.Unknown(now, "The alarm filter failed: "+f.failure.Error())); err != nil {
			return err
		}
	}
	return nil
}

// module opens the Lua module `afd`.
func (f *Filter) module(L *lua.LState) int {
	L.Push(L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"add": f.add, "evaluate": f.evaluate, "inject": f.inject,
	}))
	return 1
}

// add stores a datapoint: that of the current message, or with arguments the
// value of a metric with its fields, at the current time. It returns what
// process_message is to return.
func (f *Filter) add(L *lua.LState) int {
	m := f.m
	if L.GetTop() > 0 {
		m = datapoint(L, f.now)
	} else if m == nil {
		L.RaiseError("afd.add() without arguments belongs in process_message")
	}
	if err := f.set.Process(m, f.now); err != nil {
		L.Push(lua.LNumber(-1))
		L.Push(lua.LString(err.Error()))
		return 2
	}
	L.Push(lua.LNumber(0))
	return 1
}

func datapoint(L *lua.LState, now time.Time) *message.Message {
	m := &message.Message{Type: "metric", Timestamp: now.UnixNano()}
	m.AddString("name", L.CheckString(1))
	m.AddDouble("value", float64(L.CheckNumber(2)), "")
	L.OptTable(3, L.NewTable()).ForEach(func(k, v lua.LValue) {
		switch v := v.(type) {
		case lua.LString:
			m.AddString(k.String(), string(v))
		case lua.LNumber:
			m.AddDouble(k.String(), float64(v), "")
		case lua.LBool:
			m.AddBool(k.String(), bool(v))
		}
	})
	return m
}

// evaluate returns the verdicts of this tick: a list of {number=, member=,
// status=, payload=}.
func (f *Filter) evaluate(L *lua.LState) int {
	f.verdicts = nil
	_ = f.set.Tick(f.now, func(m *message.Message) error {
		f.verdicts = append(f.verdicts, m)
		return nil
	})
	list := L.CreateTable(len(f.verdicts), 0)
	for i, m := range f.verdicts {
		v := L.CreateTable(0, 4)
		member, _ := m.Text("member")
		status, _ := m.Number("value")
		v.RawSetString("number", lua.LNumber(i+1))
		v.RawSetString("member", lua.LString(member))
		v.RawSetString("status", lua.LNumber(status))
		v.RawSetString("payload", lua.LString(m.Payload))
		list.RawSetInt(i+1, v)
	}
	L.Push(list)
	return 1
}

// inject emits a verdict, with the status and the payload that the script left
// in it.
func (f *Filter) inject(L *lua.LState) int {
	v := L.CheckTable(1)
	number, ok := v.RawGetString("number").(lua.LNumber)
	if !ok || number < 1 || int(number) > len(f.verdicts) {
		L.RaiseError("afd.inject() wants a verdict of afd.evaluate() in the same timer_event")
	}
	m := f.verdicts[int(number)-1]
	if status, ok := v.RawGetString("status").(lua.LNumber); ok {
		if field := m.Field("value"); field != nil {
			field.Set(0, message.DoubleValue(float64(status)))
		}
	}
	if payload, ok := v.RawGetString("payload").(lua.LString); ok {
		m.Payload = string(payload)
	}
	if err := f.emit(m); err != nil {
		L.RaiseError("inject verdict: %s", err.Error())
	}
	return 0
}
