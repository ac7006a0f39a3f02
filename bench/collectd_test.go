package bench_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// collectdBatch is a request of collectd's write_http: 500 samples of a node.
func collectdBatch() string {
	list := make([]string, 0, 500)
	for i := range 500 {
		state := []string{"user", "system", "idle", "wait"}[i%4]
		list = append(list, fmt.Sprintf(`{"values":[%d.25],"dstypes":["gauge"],"dsnames":["value"],"time":1741773600.000,"interval":10.000,`+
			`"host":"node-1","plugin":"cpu","plugin_instance":"%d","type":"percent","type_instance":"%s"}`, i%100, i/4, state))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// BenchmarkDecodeCollectd measures the shipped decoder of collectd's samples;
// one operation is 500 values.
func BenchmarkDecodeCollectd(b *testing.B) {
	text, err := plugins.FS.ReadFile("lua/decoders/collectd.lua")
	if err != nil {
		b.Fatal(err)
	}
	p, err := sandbox.Open(sandbox.Options{
		Kind: sandbox.KindDecoder, Name: "collectd", Source: text, Shipped: modules(b), Config: map[string]any{"hostname": "node-1"},
		Limits: sandbox.Limits{Memory: 32 << 20},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = p.Close(nil) }()
	raw := &message.Message{UUID: message.DerivedUUID(1, 1, 0), Hostname: "node-1", Payload: collectdBatch()}
	values := 0
	emit := func(*message.Message) error { values++; return nil }
	b.ReportAllocs()
	for b.Loop() {
		if res, err := p.Process(raw, emit); err != nil || res.Code != 0 {
			b.Fatal(res.Code, res.Text, err)
		}
	}
	b.ReportMetric(float64(values)/b.Elapsed().Seconds(), "values/s")
}
