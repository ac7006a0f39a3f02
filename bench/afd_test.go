package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/afd/sandboxed"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

func alarmClock(at int) time.Time { return time.Unix(1500000000+int64(at), 0) }

// alarmSet makes alarms with one rule each; every rule has a ring of 12 buckets.
func alarmSet(b *testing.B, alarms int, rule string) *afd.Set {
	var text strings.Builder
	text.WriteString("trigger:\n")
	for i := range alarms {
		fmt.Fprintf(&text, "  t%d: {severity: critical, rules: [{metric: m%d, relational_operator: '>', threshold: 90, window: 60, %s}]}\n", i, i, rule)
	}
	text.WriteString("alarm:\n")
	for i := range alarms {
		fmt.Fprintf(&text, "  a%d: {triggers: [t%d]}\n", i, i)
	}
	n, err := config.Load(config.Source{Name: "bench.yml", Data: []byte(text.String())})
	require.NoError(b, err)
	defs, _, err := afd.Load(n)
	require.NoError(b, err)
	return afd.NewSet(defs, afd.Options{Hostname: "node-1"}, nil)
}

func alarmMetric(name string, at int) *message.Message {
	m := &message.Message{Type: "heka.sandbox.metric", Timestamp: alarmClock(at).UnixNano(), Hostname: "node-1"}
	m.AddString("name", name)
	m.AddDouble("value", float64(at%80), "")
	m.AddString("fs", "/")
	m.AddString("hostname", "node-1")
	return m
}

func discardVerdict(*message.Message) error { return nil }

// BenchmarkAFDEvaluate counts rule evaluations over full rings of 12 buckets,
// the verdicts' messages included.
func BenchmarkAFDEvaluate(b *testing.B) {
	for _, fn := range []string{"last", "avg", "max", "sd", "diff", "median", "rate"} {
		b.Run(fn, func(b *testing.B) {
			// One alarm with many series: each series is one evaluation of the rule.
			const series = 1000
			set := alarmSet(b, 1, "group_by: [fs], function: "+fn)
			_ = set.Tick(alarmClock(0), discardVerdict)
			for s := range series {
				m := alarmMetric("m0", 0)
				m.RemoveField("fs")
				m.AddString("fs", fmt.Sprint("/", s))
				for at := 5; at <= 60; at += 5 {
					m.Timestamp = alarmClock(at).UnixNano()
					require.NoError(b, set.Process(m, alarmClock(at)))
				}
			}
			now := alarmClock(60)
			b.ReportAllocs()
			for b.Loop() {
				_ = set.Tick(now, discardVerdict)
			}
			b.ReportMetric(float64(b.N)*series/b.Elapsed().Seconds(), "evaluations/s")
		})
	}
}

// BenchmarkAFDTick is a whole node: 500 alarms with a verdict each.
func BenchmarkAFDTick(b *testing.B) {
	const alarms = 500
	set := alarmSet(b, alarms, "function: avg")
	_ = set.Tick(alarmClock(0), discardVerdict)
	for i := range alarms {
		for at := 5; at <= 60; at += 5 {
			require.NoError(b, set.Process(alarmMetric(fmt.Sprint("m", i), at), alarmClock(at)))
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = set.Tick(alarmClock(60), discardVerdict)
	}
	b.ReportMetric(float64(b.N)*alarms/b.Elapsed().Seconds(), "verdicts/s")
}

// BenchmarkAFDProcess stores samples, natively and through the Lua filter.
func BenchmarkAFDProcess(b *testing.B) {
	const rule = "field: {fs: '/'}, group_by: [hostname], function: avg"
	m := alarmMetric("m7", 60)
	now := alarmClock(60)
	b.Run("native", func(b *testing.B) {
		set := alarmSet(b, 100, rule)
		b.ReportAllocs()
		for b.Loop() {
			_ = set.Process(m, now)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "samples/s")
	})
	b.Run("lua", func(b *testing.B) {
		script, err := os.ReadFile(filepath.Join("..", "plugins", "lua", "filters", "afd.lua"))
		require.NoError(b, err)
		f := sandboxed.Open(alarmSet(b, 100, rule), sandbox.Options{Name: "afd", Script: "afd.lua", Source: script})
		require.NoError(b, f.Failure())
		b.ReportAllocs()
		for b.Loop() {
			_ = f.Process(m, now, discardVerdict)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "samples/s")
	})
}
