package reallogs_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// example is the first case of a decoder that emits at all.
type example struct {
	Config map[string]any `json:"config"`
	Steps  []struct {
		Msg struct {
			Type, Logger, Hostname, Payload string
		} `json:"msg"`
	} `json:"steps"`
}

// BenchmarkDecoders measures every shipped decoder on the records of its first
// case.
func BenchmarkDecoders(b *testing.B) {
	modules, err := fs.Sub(plugins.FS, "lua/modules")
	require.NoError(b, err)
	files, err := fs.Glob(plugins.FS, "lua/decoders/*.lua")
	require.NoError(b, err)
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".lua")
		b.Run(name, func(b *testing.B) {
			source, err := plugins.FS.ReadFile(file)
			require.NoError(b, err)
			c := firstCase(b, name)
			p, err := sandbox.Open(sandbox.Options{
				Kind: sandbox.KindDecoder, Name: name, Source: source, Shipped: modules, Config: c.Config, Hostname: "node",
				Clock: func() time.Time { return time.Unix(1489400000, 0) },
			})
			require.NoError(b, err)
			defer p.Close(nil)
			benchmark(b, p, c)
		})
	}
}

func benchmark(b *testing.B, p *sandbox.Plugin, c example) {
	emitted, lines, n := 0, 0, uint64(0)
	count := func(*message.Message) error { emitted++; return nil }
	msg := c.Steps[0].Msg
	for _, step := range c.Steps { // some begin with what is refused, or held
		_, err := p.Process(&message.Message{Type: step.Msg.Type, Logger: step.Msg.Logger, Payload: step.Msg.Payload, Timestamp: 1489400000e9}, count)
		if err == nil && emitted > 0 {
			msg = step.Msg
			break
		}
	}
	emitted = 0
	raw := &message.Message{Type: msg.Type, Logger: msg.Logger, Hostname: msg.Hostname, Payload: msg.Payload, Timestamp: 1489400000e9}
	perRecord := max(strings.Count(strings.TrimSuffix(msg.Payload, "\n"), "\n")+1, 1)
	b.ReportAllocs()
	for b.Loop() {
		n++
		raw.UUID = message.DerivedUUID(1, n, 0)
		_, err := p.Process(raw, count)
		require.NoError(b, err)
		lines += perRecord
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(emitted)/float64(b.N), "messages/op")
}

func firstCase(tb testing.TB, name string) example {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "plugins", "testdata", "decoders", name, "cases.ndjson"))
	require.NoError(tb, err)
	first, _, _ := strings.Cut(string(data), "\n")
	var c example
	require.NoError(tb, json.Unmarshal([]byte(first), &c))
	require.NotEmpty(tb, c.Steps)
	return c
}
