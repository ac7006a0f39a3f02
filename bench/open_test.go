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

// start opens a plugin and lets it see its records, so that what is made at the
// first record is part of the cost.
func (s *shippedPlugin) start(tb testing.TB) *sandbox.Plugin {
	tb.Helper()
	p, err := sandbox.Open(s.opts)
	require.NoError(tb, err, s.name)
	for _, m := range s.records {
		_, _ = p.Process(m, func(*message.Message) error { return nil }) // some are meant to be refused
	}
	return p
}

// retained returns the bytes on the heap for each of n plugins that start makes.
func retained(tb testing.TB, n int, start func() *sandbox.Plugin) float64 {
	tb.Helper()
	held := make([]*sandbox.Plugin, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range held {
		held[i] = start()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	for _, p := range held {
		_ = p.Close(nil)
	}
	return (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / float64(n)
}

// BenchmarkOpenShipped measures a sandbox of each shipped plugin, records of its
// first case included: the first of a process, and one more.
func BenchmarkOpenShipped(b *testing.B) {
	for _, s := range shippedPlugins(b) {
		b.Run(s.name+"/first", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.opts.Cache = sandbox.NewCache()
				_ = s.start(b).Close(nil)
			}
		})
		b.Run(s.name+"/second", func(b *testing.B) {
			s.opts.Cache = sandbox.NewCache()
			_ = s.start(b).Close(nil)
			b.ReportAllocs()
			for b.Loop() {
				_ = s.start(b).Close(nil)
			}
			b.ReportMetric(retained(b, 8, func() *sandbox.Plugin { return s.start(b) }), "retained-B")
		})
	}
}
