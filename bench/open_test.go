package bench_test

import (
	"bufio"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// shippedPlugin is a shipped plugin as one of its test cases configures it, with
// the records of that case.
type shippedPlugin struct {
	name    string
	opts    sandbox.Options
	records []*message.Message
}

// shippedPlugins returns all decoders and filters.
func shippedPlugins(tb testing.TB) []shippedPlugin {
	tb.Helper()
	var all []shippedPlugin
	for _, kind := range []sandbox.Kind{sandbox.KindDecoder, sandbox.KindFilter} {
		files, err := fs.Glob(plugins.FS, "lua/"+kind.String()+"s/*.lua")
		require.NoError(tb, err)
		require.NotEmpty(tb, files)
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".lua")
			source, err := plugins.FS.ReadFile(file)
			require.NoError(tb, err)
			c := firstCase(tb, kind, name)
			all = append(all, shippedPlugin{
				name: kind.String() + "/" + name, records: c.records(),
				opts: sandbox.Options{
					Kind: kind, Name: name, Source: source, Script: file, Config: c.Config, Hostname: "node",
					Tags: map[string]string{"environment_label": "lab"}, Shipped: modules(tb),
					Clock:  func() time.Time { return time.Unix(c.Clock, 0) },
					Native: map[string]sandbox.Loader{"afd": noAlarms},
				},
			})
		}
	}
	return all
}

// noAlarms stands for the native module of afd.lua, which belongs to a daemon.
func noAlarms(L *lua.LState) int {
	L.Push(L.NewTable())
	return 1
}

type pluginCase struct {
	Config map[string]any
	Clock  int64
	Steps  []struct {
		Msg *struct{ Type, Logger, Hostname, Payload string }
	}
}

// firstCase reads what configures a plugin; a plugin without cases needs nothing.
func firstCase(tb testing.TB, kind sandbox.Kind, name string) pluginCase {
	tb.Helper()
	c := pluginCase{Clock: 1489400000}
	file, err := os.Open(filepath.Join("..", "plugins", "testdata", kind.String()+"s", name, "cases.ndjson"))
	if os.IsNotExist(err) {
		return c
	}
	require.NoError(tb, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	require.True(tb, lines.Scan())
	require.NoError(tb, json.Unmarshal(lines.Bytes(), &c), name)
	return c
}

func (c *pluginCase) records() []*message.Message {
	var out []*message.Message
	for _, s := range c.Steps {
		if m := s.Msg; m != nil {
			out = append(out, &message.Message{UUID: message.NewUUID(), Type: m.Type, Logger: m.Logger, Hostname: m.Hostname, Payload: m.Payload})
		}
	}
	return out
}

// process lets a plugin see its records, so that what is made at the first record is
// part of the cost.
func (s *shippedPlugin) process(p *sandbox.Plugin) {
	for _, m := range s.records {
		_, _ = p.Process(m, func(*message.Message) error { return nil }) // some are meant to be refused
	}
}

// template loads the plugin as the daemon does, with one sandbox started before.
func (s *shippedPlugin) template(tb testing.TB) *sandbox.Template {
	tb.Helper()
	s.opts.Cache = sandbox.NewCache()
	t, err := sandbox.NewTemplate(s.opts)
	require.NoError(tb, err, s.name)
	_ = s.start(tb, t).Close(nil)
	return t
}

func (s *shippedPlugin) start(tb testing.TB, t *sandbox.Template) *sandbox.Plugin {
	tb.Helper()
	p, err := t.Open()
	require.NoError(tb, err, s.name)
	s.process(p)
	return p
}

// retained returns the bytes on the heap for each of the sandboxes that start makes.
func retained(start func() *sandbox.Plugin) float64 {
	const n = 32
	held := make([]*sandbox.Plugin, n)
	heap := func() float64 {
		var m runtime.MemStats
		for range 3 { // what finalizers and pools hold goes with the second
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	before := heap()
	for i := range held {
		held[i] = start()
	}
	after := heap()
	for _, p := range held {
		_ = p.Close(nil)
	}
	return (after - before) / n
}

// BenchmarkOpenShipped measures a sandbox of each shipped plugin, records of its
// first case included: the first of a process, and one more.
func BenchmarkOpenShipped(b *testing.B) {
	for _, s := range shippedPlugins(b) {
		b.Run(s.name+"/first", func(b *testing.B) {
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				s.opts.Cache = sandbox.NewCache()
				p, err := sandbox.Open(s.opts)
				require.NoError(b, err)
				s.process(p)
				_ = p.Close(nil)
			}
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/1e3/float64(b.N), "cpu-ms")
		})
		b.Run(s.name+"/second", func(b *testing.B) {
			t := s.template(b)
			b.ReportAllocs()
			for b.Loop() {
				_ = s.start(b, t).Close(nil)
			}
			b.ReportMetric(retained(func() *sandbox.Plugin { return s.start(b, t) }), "retained-B")
		})
	}
}

// TestOpenShipped is the gate of what one more sandbox of a shipped plugin costs, and
// the first one.
func TestOpenShipped(t *testing.T) {
	const (
		most        = 150_000 // bytes it keeps
		mostGrammar = 30_000  // the same, of a grammar that runs without Lua
		allocated   = 2_200   // allocations until its records are decoded
		ofGrammar   = 200     // the same
		atFirst     = 31_000  // the same, of the first of a process
	)
	for _, s := range shippedPlugins(t) {
		template := s.template(t)
		bytes, count := float64(most), float64(allocated)
		if template.Declarative() {
			bytes, count = mostGrammar, ofGrammar
		}
		got := retained(func() *sandbox.Plugin { return s.start(t, template) })
		allocs := testing.AllocsPerRun(5, func() { _ = s.start(t, template).Close(nil) })
		first := testing.AllocsPerRun(1, func() {
			s.opts.Cache = sandbox.NewCache()
			p, err := sandbox.Open(s.opts)
			require.NoError(t, err, s.name)
			s.process(p)
			_ = p.Close(nil)
		})
		t.Logf("%-40s %7.0f bytes, %5.0f allocations, at first %5.0f, grammar: %v", s.name, got, allocs, first, template.Declarative())
		require.LessOrEqual(t, got, bytes, "bytes of one more sandbox of %s", s.name)
		require.LessOrEqual(t, first, float64(atFirst), "allocations of the first sandbox of %s", s.name)
		require.LessOrEqual(t, allocs, count, "allocations of one more sandbox of %s", s.name)
	}
}
