package sandboxed_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/afd/sandboxed"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

func clock(at int) time.Time { return time.Unix(1500000000+int64(at), 0) }

func metric(name string, at int, v float64) *message.Message {
	m := &message.Message{Type: "metric", Timestamp: clock(at).UnixNano()}
	m.AddString("name", name)
	m.AddDouble("value", v, "")
	return m
}

func newSet(t testing.TB, rule string) *afd.Set {
	n, err := config.Load(config.Source{Name: "m.yml", Data: []byte("trigger: {t: {description: high, severity: critical, rules: [{metric: x, relational_operator: '>', threshold: 5, " + rule + "}]}}\nalarm: {m: {triggers: [t]}}")})
	require.NoError(t, err)
	defs, _, err := afd.Load(n)
	require.NoError(t, err)
	return afd.NewSet(defs, afd.Options{Hostname: "n", Compile: sandboxed.Compile}, nil)
}

func shipped(t testing.TB) string {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "plugins", "lua", "filters", "afd.lua"))
	require.NoError(t, err)
	return string(text)
}

func open(t testing.TB, source string) *sandboxed.Filter {
	f := sandboxed.Open(newSet(t, "function: max"), sandbox.Options{Name: "afd", Script: "afd.lua", Source: []byte(source), Hostname: "n"})
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// tick returns the status code and the first message of the verdict; -1 if none.
func tick(t testing.TB, f *sandboxed.Filter, at int) (int, string) {
	code, text := -1, ""
	require.NoError(t, f.Tick(clock(at), func(m *message.Message) error {
		v, _ := m.Number("value")
		code, text = int(v), gjson.Get(m.Payload, "alarms.0.message").Str
		return nil
	}))
	return code, text
}

func none(*message.Message) error { return nil }

func TestShippedFilter(t *testing.T) {
	f := open(t, shipped(t))
	require.NoError(t, f.Failure())
	code, _ := tick(t, f, 0)
	require.Equal(t, -1, code)
	require.NoError(t, f.Process(metric("x", 10, 9), clock(10), none))
	code, text := tick(t, f, 10)
	require.Equal(t, 3, code)
	require.Equal(t, "high", text)
	bad := metric("x", 10, 9)
	bad.RemoveField("value")
	require.ErrorIs(t, f.Process(bad, clock(10), none), afd.ErrNoValue)
	require.NoError(t, f.Failure(), "a bad datapoint does not break the filter")
}

func TestReplacedFilter(t *testing.T) {
	f := open(t, `
local afd = require "afd"
function process_message()
    return afd.add("x", read_message("Fields[value]") * 10, {host = "h", n = 1})
end
function timer_event(ns)
    for _, v in ipairs(afd.evaluate()) do
        if v.member == "m" and v.status == 3 then v.status = 4; v.payload = '{"alarms":[]}' end
        afd.inject(v)
    end
end`)
	tick(t, f, 0)
	require.NoError(t, f.Process(metric("y", 10, 1), clock(10), none))
	code, text := tick(t, f, 10)
	require.Equal(t, 4, code)
	require.Empty(t, text)
}

// A script that does not load, stops, or runs wild turns its alarm UNKNOWN and
// says so; when it works again the data is there.
func TestBrokenFilterIsUnknown(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"syntax":  {"function process_message(", "afd.lua"},
		"missing": {"x = 1", "process_message"},
		"error":   {"function process_message() error('oops') end function timer_event() end", "oops"},
		"timer":   {"function process_message() return 0 end function timer_event() error('oops') end", "oops"},
		"loop":    {"function process_message() return 0 end function timer_event() while true do end end", "instruction_limit"},
		"misuse":  {"function process_message() return 0 end function timer_event() require('afd').inject({number = 7}) end", "wants a verdict"},
		"no add":  {"function process_message() return 0 end function timer_event() require('afd').add() end", "process_message"},
	} {
		f := open(t, c.source)
		_ = f.Process(metric("x", 5, 9), clock(5), none)
		code, text := tick(t, f, 10)
		require.Equal(t, 2, code, name)
		require.Contains(t, text, c.want, name)
		require.Error(t, f.Failure(), name)
	}
}

func TestBrokenFilterIsOpenedAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mine.lua")
	require.NoError(t, os.WriteFile(path, []byte("nonsense"), 0o600))
	f := sandboxed.Open(newSet(t, "function: max, window: 60"), sandbox.Options{Name: "afd", Script: path})
	for at := 0; at <= 10; at += 10 {
		code, _ := tick(t, f, at)
		require.Equal(t, 2, code, "at %d", at)
	}
	require.NoError(t, f.Process(metric("x", 15, 9), clock(15), none))
	require.NoError(t, os.WriteFile(path, []byte(shipped(t)), 0o600))
	seen := map[int]bool{}
	for at := 20; at <= 160; at += 10 {
		require.NoError(t, f.Process(metric("x", at, 9), clock(at), none))
		code, _ := tick(t, f, at)
		seen[code] = true
	}
	require.NoError(t, f.Failure())
	require.True(t, seen[3], "the alarm is evaluated again")
	require.NoError(t, f.Close())
}

func TestRefusedVerdictIsNotTheScriptsFault(t *testing.T) {
	f := open(t, shipped(t))
	tick(t, f, 0)
	full := errors.New("full")
	require.ErrorIs(t, f.Tick(clock(10), func(*message.Message) error { return full }), full)
	require.NoError(t, f.Failure())
}

func TestScripts(t *testing.T) {
	for _, c := range []struct {
		script string
		want   int
		text   string
	}{
		{"local s = 0; for _, x in ipairs(samples) do s = s + x.value * x.count end; return s", 3, "high"},
		{"return samples[#samples].time - now + 7", 3, "high"},
		{"return 2 > 1 and 6 or 0", 3, "high"},
		{"return true", 0, ""},
		{"return 0/0", 0, ""},
		{"return nil", 2, "returned nil"},
		{"return samples[99].value", 2, "run script of m/t"},
		{"return (", 2, "compile script of m/t"},
		{"while true do end", 2, "instruction_limit"},
		{"return os.execute and 9 or 1", 0, ""},
	} {
		set := newSet(t, "function: lua, script: '"+c.script+"'")
		require.NoError(t, set.Tick(clock(0), none))
		for at := 5; at <= 10; at += 5 {
			require.NoError(t, set.Process(metric("x", at, 3), clock(at)))
		}
		require.NoError(t, set.Tick(clock(10), func(m *message.Message) error {
			v, _ := m.Number("value")
			require.Equal(t, c.want, int(v), "%s: %s", c.script, m.Payload)
			require.Contains(t, gjson.Get(m.Payload, "alarms.0.message").Str, c.text, c.script)
			return nil
		}))
	}
}

func BenchmarkFilter(b *testing.B) {
	f := open(b, shipped(b))
	m := metric("x", 10, 9)
	now := clock(10)
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Process(m, now, none); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}
