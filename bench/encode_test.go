package bench_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/encoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// documents are lines as their shipped decoders hand them to the encoder of
// Elasticsearch.
func documents(t testing.TB) map[string]*message.Message {
	t.Helper()
	out := map[string]*message.Message{}
	for decoder, line := range map[string]string{"nginx": nginxLine, "openstack_log": openstackLine, "generic_syslog": syslogLine} {
		opt := sandbox.Options{
			Kind: sandbox.KindDecoder, Name: decoder, Source: shipped(t, decoder), Shipped: modules(t),
			Tags: map[string]string{"environment_label": "lab"},
		}
		if decoder == "generic_syslog" {
			opt.Config = map[string]any{"syslog_pattern": syslogTemplate}
		}
		p, err := sandbox.Open(opt)
		require.NoError(t, err)
		raw := &message.Message{UUID: message.DerivedUUID(1, 1, 0), Type: "logfile", Logger: "nova_nova-api", Hostname: "ctl01", Payload: line}
		emit := func(m *message.Message) error { out[decoder] = m.Clone(); return nil }
		for range 2 { // the second line ends what the first may have begun
			_, err = p.Process(raw, emit)
			require.NoError(t, err)
		}
		require.NoError(t, p.Close(nil))
		require.Contains(t, out, decoder)
	}
	return out
}

// BenchmarkEncodeDocument measures a decoded line to its two lines of the bulk
// format.
func BenchmarkEncodeDocument(b *testing.B) {
	for name, m := range documents(b) {
		b.Run(name, func(b *testing.B) {
			e, err := encoders.NewElasticsearch(encoders.DefaultElasticsearchConfig())
			require.NoError(b, err)
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				if dst, err = e.Encode(dst[:0], m); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}

// TestEncodeAllocations is the gate of the encode path, as TestAllocations is of
// the decoders.
func TestEncodeAllocations(t *testing.T) {
	for name, m := range documents(t) {
		e, err := encoders.NewElasticsearch(encoders.DefaultElasticsearchConfig())
		require.NoError(t, err)
		dst := make([]byte, 0, 4096)
		allocs(t, "a document of "+name, 0, func() error { dst, err = e.Encode(dst[:0], m); return err })
	}
}
