package reallogs_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

var table = flag.Bool("table", false, "measure every decoder and rewrite the table of docs/decoders.md")

// example is a case of a decoder.
type example struct {
	Config map[string]any `json:"config"`
	Steps  []struct {
		Msg *struct {
			Type, Logger, Hostname, Payload string
		} `json:"msg"`
	} `json:"steps"`
}

func decoderNames(tb testing.TB) []string {
	tb.Helper()
	files, err := fs.Glob(plugins.FS, "lua/decoders/*.lua")
	require.NoError(tb, err)
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(path.Base(file), ".lua")
	}
	return names
}

// BenchmarkDecoders measures every shipped decoder on the records of its first
// case that it accepts, one after the other.
func BenchmarkDecoders(b *testing.B) {
	for _, name := range decoderNames(b) {
		b.Run(name, func(b *testing.B) {
			c := firstCase(b, name)
			p := openDecoder(b, name, c.Config)
			defer p.Close(nil)
			benchmark(b, p, accepted(b, name, c))
		})
	}
}

func openDecoder(tb testing.TB, name string, config map[string]any) *sandbox.Plugin {
	tb.Helper()
	modules, err := fs.Sub(plugins.FS, "lua/modules")
	require.NoError(tb, err)
	source, err := plugins.FS.ReadFile("lua/decoders/" + name + ".lua")
	require.NoError(tb, err)
	p, err := sandbox.Open(sandbox.Options{
		Kind: sandbox.KindDecoder, Name: name, Source: source, Shipped: modules, Config: config, Hostname: "node",
		Clock: func() time.Time { return time.Unix(1489400000, 0) },
	})
	require.NoError(tb, err)
	return p
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

// accepted returns the records of a case that the decoder does not refuse.
func accepted(tb testing.TB, name string, c example) []message.Message {
	tb.Helper()
	p := openDecoder(tb, name, c.Config)
	defer p.Close(nil)
	var list []message.Message
	for _, step := range c.Steps {
		if step.Msg == nil {
			continue
		}
		m := message.Message{Type: step.Msg.Type, Logger: step.Msg.Logger, Hostname: step.Msg.Hostname, Payload: step.Msg.Payload, Timestamp: 1489400000e9}
		m.UUID = message.DerivedUUID(1, uint64(len(list)), 0)
		raw := m
		res, err := p.Process(&raw, func(*message.Message) error { return nil })
		require.NoError(tb, err)
		if res.Code == 0 {
			list = append(list, m)
		}
	}
	require.NotEmpty(tb, list, "%s accepts no record of its first case", name)
	return list
}

func benchmark(b *testing.B, p *sandbox.Plugin, records []message.Message) {
	emitted, lines, bytes, i := 0, 0, 0, 0
	count := func(*message.Message) error { emitted++; return nil }
	perRecord := make([]int, len(records))
	for i := range records {
		perRecord[i] = max(strings.Count(strings.TrimSuffix(records[i].Payload, "\n"), "\n")+1, 1)
	}
	b.ReportAllocs()
	used := processorTime(b)
	for b.Loop() {
		m := &records[i]
		_, err := p.Process(m, count)
		if err != nil {
			b.Fatal(err)
		}
		lines, bytes = lines+perRecord[i], bytes+len(m.Payload)
		if i++; i == len(records) {
			i = 0
		}
	}
	used = processorTime(b) - used
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(lines)/used.Seconds(), "lines/cpu-s")
	b.ReportMetric(float64(emitted)/float64(b.N), "messages/op")
	b.ReportMetric(float64(bytes)/float64(lines), "B/line")
}

// processorTime is what the process used of the processor so far: unlike the time
// on the clock it does not depend on what else the machine does.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

const document = "../../docs/decoders.md"

// row is a line of the table of speeds.
var row = regexp.MustCompile(`(?m)^\| (\w+) \| [\d,]+ \|.*\|\n`)

// TestTable checks that the table of speeds has all shipped decoders; with -table it
// writes the table.
func TestTable(t *testing.T) {
	data, err := os.ReadFile(document)
	require.NoError(t, err)
	text := string(data)
	if *table {
		text = withTable(t, text)
		require.NoError(t, os.WriteFile(document, []byte(text), 0o644))
	}
	var have []string
	for _, found := range row.FindAllStringSubmatch(text, -1) {
		have = append(have, found[1])
	}
	require.Equal(t, decoderNames(t), have, "run this test with -table")
}

func withTable(t *testing.T, text string) string {
	t.Helper()
	at := row.FindStringIndex(text)
	require.NotNil(t, at, "%s has no table of speeds", document)
	var b strings.Builder
	for _, name := range decoderNames(t) {
		best := measure(t, name)
		fmt.Fprintf(&b, "| %s | %s | %.0f | %.3g | %d | %s |\n", name, thousands(best.Extra["lines/cpu-s"]), best.Extra["B/line"],
			best.Extra["messages/op"], best.AllocsPerOp(), map[bool]string{true: "grammar", false: "Lua"}[declarative(t, name)])
	}
	return text[:at[0]] + b.String() + row.ReplaceAllString(text[at[0]:], "")
}

// measure returns the best of a few runs: on a busy machine the others are worse.
func measure(t *testing.T, name string) (best testing.BenchmarkResult) {
	t.Helper()
	c := firstCase(t, name)
	p := openDecoder(t, name, c.Config)
	defer p.Close(nil)
	records := accepted(t, name, c)
	for range 3 {
		result := testing.Benchmark(func(b *testing.B) { benchmark(b, p, records) })
		if best.N == 0 || result.Extra["lines/cpu-s"] > best.Extra["lines/cpu-s"] {
			best = result
		}
	}
	return best
}

func declarative(t *testing.T, name string) bool {
	t.Helper()
	p := openDecoder(t, name, firstCase(t, name).Config)
	defer p.Close(nil)
	return p.Declarative()
}

// thousands prints a number with three digits that count, and commas.
func thousands(n float64) string {
	unit := math.Pow(10, math.Floor(math.Log10(n))-2)
	digits := fmt.Sprintf("%.0f", math.Round(n/unit)*unit)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
