package bench_test

import (
	"testing"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// tenFields is the message of the codec benchmarks: 10 fields, about 500 bytes.
func tenFields() *message.Message {
	m := &message.Message{
		UUID: message.DerivedUUID(1, 2, 0), Timestamp: 1489399140500000000, Type: "log", Logger: "openstack.nova", Hostname: "ctl01",
		Payload: "[req-0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d - - - - -] 10.0.0.1 \"GET /v2.1/servers/detail HTTP/1.1\" status: 200 len: 1893 time: 0.2512",
	}
	m.SetSeverity(6)
	m.SetPID(977)
	for _, f := range [][2]string{
		{"programname", "nova-api"},
		{"severity_label", "INFO"},
		{"python_module", "nova.osapi_compute.wsgi.server"},
		{"request_id", "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"},
		{"http_method", "GET"},
		{"http_url", "/v2.1/servers/detail"},
		{"http_version", "1.1"},
	} {
		m.AddString(f[0], f[1])
	}
	m.AddInteger("http_status", 200, "")
	m.AddInteger("http_response_size", 1893, "B")
	m.AddDouble("http_response_time", 0.2512, "s")
	return m
}

func BenchmarkCodec(b *testing.B) {
	m := tenFields()
	encoded := message.AppendMessage(nil, m)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		dst := make([]byte, 0, 1024)
		for b.Loop() {
			dst = message.AppendMessage(dst[:0], m)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		var into message.Message
		for b.Loop() {
			if err := into.UnmarshalShared(encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
}
