package bench_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/afd/sandboxed"
	"github.com/tocsin-lma/tocsin/pkg/buffer"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/decoders/collectd"
	"github.com/tocsin-lma/tocsin/pkg/encoders"
	httpinput "github.com/tocsin-lma/tocsin/pkg/inputs/http"
	"github.com/tocsin-lma/tocsin/pkg/matcher"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

const collectdSamples = 500

// collectdBatch is a request of collectd's write_http: 500 samples of a node.
func collectdBatch() string { return collectdRequest("node-1") }

func collectdRequest(host string) string {
	list := make([]string, 0, collectdSamples)
	for i := range collectdSamples {
		state := []string{"user", "system", "idle", "wait"}[i%4]
		list = append(list, fmt.Sprintf(`{"values":[%d.25],"dstypes":["gauge"],"dsnames":["value"],"time":1741773600.000,"interval":10.000,`+
			`"host":"%s","plugin":"cpu","plugin_instance":"%d","type":"percent","type_instance":"%s"}`, i%100, host, i/4, state))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func collectdOptions(tb testing.TB) sandbox.Options {
	return sandbox.Options{
		Kind: sandbox.KindDecoder, Name: "collectd", Source: shipped(tb, "collectd"), Shipped: modules(tb),
		Config: map[string]any{"hostname": "node-1"}, Limits: sandbox.Limits{Memory: 32 << 20},
	}
}

func openCollectd(tb testing.TB) *collectd.Decoder {
	tb.Helper()
	d, err := collectd.New(collectdOptions(tb), slog.New(slog.DiscardHandler))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = d.Close(nil) })
	return d
}

func collectdRecord(body string) *message.Message {
	return &message.Message{UUID: message.DerivedUUID(1, 1, 0), Hostname: "node-1", Logger: "collectd", Payload: body}
}

// perValue reports what one of the n values of each operation takes.
func perValue(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/value")
}

// BenchmarkDecodeCollectd measures the decoder of collectd's samples; one
// operation is 500 values: of series that are known, of new ones, and in Lua.
func BenchmarkDecodeCollectd(b *testing.B) {
	none := func(*message.Message) error { return nil }
	b.Run("known", func(b *testing.B) {
		d, raw := openCollectd(b), collectdRecord(collectdBatch())
		b.ReportAllocs()
		for b.Loop() {
			if err := d.Decode(raw, none); err != nil {
				b.Fatal(err)
			}
		}
		perValue(b, collectdSamples)
	})
	b.Run("new", func(b *testing.B) {
		d := openCollectd(b)
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			if err := d.Decode(collectdRecord(collectdRequest(fmt.Sprint("node-", n))), none); err != nil {
				b.Fatal(err)
			}
		}
		perValue(b, collectdSamples)
	})
	b.Run("lua", func(b *testing.B) {
		p, err := sandbox.Open(collectdOptions(b))
		require.NoError(b, err)
		defer func() { _ = p.Close(nil) }()
		raw := collectdRecord(collectdBatch())
		b.ReportAllocs()
		for b.Loop() {
			if res, err := p.Process(raw, none); err != nil || res.Code != 0 {
				b.Fatal(res.Code, res.Text, err)
			}
		}
		perValue(b, collectdSamples)
	})
}

// discardStream is a pipeline that takes everything.
type discardStream struct{}

func (discardStream) Emit(*message.Message) error         { return nil }
func (discardStream) Commit(context.Context) (int, error) { return 0, nil }
func (discardStream) Close(context.Context) error         { return nil }

// BenchmarkMetricPath measures the other stages of the way of collectd's values
// alone; see DecodeCollectd.
func BenchmarkMetricPath(b *testing.B) {
	var metrics []*message.Message
	require.NoError(b, openCollectd(b).Decode(collectdRecord(collectdBatch()), func(m *message.Message) error {
		metrics = append(metrics, m.Clone())
		return nil
	}))
	b.Run("http", func(b *testing.B) { benchHTTP(b) })
	b.Run("match", func(b *testing.B) {
		set := matcher.NewSet(matcher.MustParse("Type =~ /metric$/ && Type !~ /^(afd|gse)_/"), matcher.MustParse("Type =~ /metric$/"))
		var hits []int
		for b.Loop() {
			for _, m := range metrics {
				hits = set.Match(hits[:0], m)
			}
		}
		perValue(b, len(metrics))
	})
	b.Run("alarms", func(b *testing.B) { benchAlarms(b, metrics) })
	b.Run("clone", func(b *testing.B) {
		for b.Loop() {
			var arena message.Arena
			for _, m := range metrics {
				_ = arena.Clone(m)
			}
		}
		perValue(b, len(metrics))
	})
	b.Run("encode", func(b *testing.B) {
		e, err := encoders.NewLineProtocol(encoders.DefaultLineProtocolConfig())
		require.NoError(b, err)
		var dst []byte
		b.ReportAllocs()
		for b.Loop() {
			dst = dst[:0]
			for _, m := range metrics {
				dst, _ = e.Encode(dst, m)
			}
		}
		perValue(b, len(metrics))
	})
	b.Run("accumulator", func(b *testing.B) { benchAccumulator(b, metrics) })
	b.Run("queue", func(b *testing.B) { benchQueue(b, metrics) })
}

// benchHTTP measures a request from the socket to the stream.
func benchHTTP(b *testing.B) {
	cfg := httpinput.DefaultConfig()
	cfg.Address = "127.0.0.1:0"
	in, err := httpinput.New(cfg, httpinput.Options{Name: "collectd", Hostname: "node-1"})
	require.NoError(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx, func(string) (message.Stream, error) { return discardStream{}, nil }) }()
	defer func() { cancel(); require.NoError(b, <-done) }()
	require.Eventually(b, func() bool { return in.Addr() != nil }, 5*time.Second, time.Millisecond)
	url, body := "http://"+in.Addr().String(), collectdBatch()
	for b.Loop() {
		res, err := http.Post(url, "application/json", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	perValue(b, collectdSamples)
}

// benchAlarms measures the alarm filter with rules for a quarter of the metrics.
func benchAlarms(b *testing.B, metrics []*message.Message) {
	n, err := config.Load(config.Source{Name: "m.yml", Data: []byte("trigger: {t: {description: high, severity: critical, rules: [" +
		"{metric: cpu_idle, field: {hostname: '*'}, function: avg, relational_operator: '<=', threshold: 5, window: 120}]}}\nalarm: {m: {triggers: [t]}}")})
	require.NoError(b, err)
	defs, _, err := afd.Load(n)
	require.NoError(b, err)
	text, err := fs.ReadFile(plugins.FS, "lua/filters/afd.lua")
	require.NoError(b, err)
	f := sandboxed.Open(afd.NewSet(defs, afd.Options{Hostname: "node-1", Compile: sandboxed.Compile}, nil),
		sandbox.Options{Name: "afd", Script: "afd.lua", Source: text, Hostname: "node-1"})
	defer func() { _ = f.Close() }()
	wants, now := afd.Wants(defs), time.Unix(1741773600, 0)
	b.ReportAllocs()
	for b.Loop() {
		for _, m := range metrics {
			if !wants(m) {
				continue
			}
			if err := f.Process(m, now, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	perValue(b, len(metrics))
}

// benchAccumulator measures the filter that gathers points in models made for the
// original, which stands in the place of the line protocol encoder there.
func benchAccumulator(b *testing.B, metrics []*message.Message) {
	text, err := fs.ReadFile(plugins.FS, "lua/filters/influxdb_accumulator.lua")
	require.NoError(b, err)
	p, err := sandbox.Open(sandbox.Options{Kind: sandbox.KindFilter, Name: "accumulator", Source: text, Shipped: modules(b), Config: map[string]any{}})
	require.NoError(b, err)
	defer func() { _ = p.Close(nil) }()
	b.ReportAllocs()
	for b.Loop() {
		for _, m := range metrics {
			if res, err := p.Process(m, func(*message.Message) error { return nil }); err != nil || res.Code != 0 {
				b.Fatal(res.Code, res.Text, err)
			}
		}
	}
	perValue(b, len(metrics))
}

// benchQueue measures a batch's way through the disk queue.
func benchQueue(b *testing.B, metrics []*message.Message) {
	e, err := encoders.NewLineProtocol(encoders.DefaultLineProtocolConfig())
	require.NoError(b, err)
	var data []byte
	for _, m := range metrics {
		data, _ = e.Encode(data, m)
	}
	q, err := buffer.Open(b.TempDir(), buffer.Options{})
	require.NoError(b, err)
	defer func() { require.NoError(b, q.Close()) }()
	for b.Loop() {
		if err := q.Append(b.Context(), buffer.Record{Data: data, Count: len(metrics)}); err != nil {
			b.Fatal(err)
		}
		rec, err := q.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := q.Ack(rec.ID); err != nil {
			b.Fatal(err)
		}
	}
	perValue(b, len(metrics))
}
