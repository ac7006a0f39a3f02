package encoders_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/encoders"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// FuzzEncode gives every encoder hostile texts: JSON must come out as JSON, on as
// many lines as there should be, in valid UTF-8.
func FuzzEncode(f *testing.F) {
	f.Add("log", "name", "a\xff\"\\\n\u2028", 1.5, int64(1489400000123456789))
	f.Add("heka.sandbox.gse_metric", "member", hinted, 3.0, int64(-1))
	f.Add("bulk_metric", "x=,", `[{"name":"a\n","value":1}]`, 0.0, int64(0))
	f.Fuzz(func(t *testing.T, typ, name, text string, number float64, ns int64) {
		m := &message.Message{UUID: message.DerivedUUID(1, 1, 0), Timestamp: ns, Type: typ, Logger: name, Hostname: text, Payload: text}
		m.AddString(name, text)
		m.AddString("name", text)
		m.AddDouble("value", number, "")
		m.AddString("member", text)
		m.AddStrings("tag_fields", name, "member")
		for _, yaml := range []string{"", "{compatible: true}", "{ecs: true}"} {
			out, err := open(t, "elasticsearch", yaml, false).Encode(nil, m)
			require.NoError(t, err)
			lines := bytes.Split(out, []byte("\n"))
			require.Len(t, lines, 3)
			require.True(t, json.Valid(lines[0]) && json.Valid(lines[1]), "%s", out)
			require.True(t, utf8.Valid(out))
		}
		for _, encoder := range []string{"json", "status_sensu", "event"} {
			out, err := open(t, encoder, "", false).Encode(nil, m)
			if err == nil && len(out) > 0 {
				require.True(t, json.Valid(out), "%s", out)
				require.Equal(t, len(out)-1, bytes.IndexByte(out, '\n'))
			}
		}
		out, err := open(t, "line_protocol", "", false).Encode(nil, m)
		if err == nil && len(out) > 0 && typ != "bulk_metric" {
			require.Equal(t, len(out)-1, bytes.IndexByte(out, '\n'), "%q", out)
		}
		out, err = open(t, "syslog", "", false).Encode(nil, m)
		require.NoError(t, err)
		require.Equal(t, len(out)-1, bytes.IndexByte(out, '\n'))
		for _, encoder := range []string{"status_nagios", "status_smtp", "rst", "payload", "es_ceilometer_resources"} {
			_, _ = open(t, encoder, "", false).Encode(nil, m)
		}
		_ = encoders.AlarmLines(text)
	})
}

func BenchmarkEncode(b *testing.B) {
	for name, m := range map[string]*message.Message{
		"elasticsearch": logMessage(), "line_protocol": metric("cpu_idle", message.DoubleValue(93.5), "hostname", "ctl01", "environment_label", "mcp.lab"),
		"syslog": logMessage(), "protobuf": logMessage(), "json": logMessage(),
	} {
		b.Run(name, func(b *testing.B) {
			e := open(b, name, "", false)
			var buf []byte
			var err error
			b.ReportAllocs()
			for b.Loop() {
				if buf, err = e.Encode(buf[:0], m); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(buf)))
		})
	}
}

func TestHotEncodersDoNotAllocate(t *testing.T) {
	for name, m := range map[string]*message.Message{
		"elasticsearch": logMessage(), "line_protocol": metric("cpu_idle", message.DoubleValue(93.5), "hostname", "ctl01"),
		"syslog": logMessage(), "protobuf": logMessage(),
	} {
		e := open(t, name, "", false)
		buf := make([]byte, 0, 4096)
		var err error
		allocs := testing.AllocsPerRun(100, func() { buf, err = e.Encode(buf[:0], m) })
		require.NoError(t, err)
		require.Zero(t, allocs, name)
	}
}
