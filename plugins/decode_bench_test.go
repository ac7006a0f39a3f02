package plugins_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// benchmarked are lines of the decoders that carry a node's load.
var benchmarked = []struct {
	decoder, logger, line string
	config                map[string]any
}{
	{
		"openstack_log", "nova_nova-api",
		"2017-03-13 09:58:41.207 18302 INFO nova.osapi_compute.wsgi.server [req-0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d " +
			"8206d40abcc3452d8a9c1ea629b4a8d0 112245730b1f4858ab62e3673e1ee9e2 - - -] 10.0.0.7 \"GET /v2/x/servers/detail HTTP/1.1\" " +
			"status: 200 len: 1916 time: 0.0588870\n", nil,
	},
	{
		"generic_syslog", "system.auth.log",
		"<38>Mar 13 09:01:02 ctl01 sshd[4411]: pam_unix(sshd:session): session opened for user root by (uid=0) from a longer message text\n",
		map[string]any{"syslog_pattern": `<%PRI%>%TIMESTAMP% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg%\n`},
	},
	{
		"nginx", "nginx_access",
		"203.0.113.9 - - [13/Mar/2017:09:40:00 +0000] \"GET /v3/auth/tokens?nocatalog HTTP/1.1\" 200 5344 \"https://example.org/start\" " +
			"\"python-keystoneclient/3.10 Linux x86_64\"\n", nil,
	},
	{
		"apache_wsgi_log", "keystone-wsgi",
		"ctl01.lab.local:5000 10.167.4.11 - - [13/Mar/2017:09:40:00 +0000] \"POST /v3/auth/tokens HTTP/1.1\" 201 91023 5344 \"-\" \"client\"\n",
		map[string]any{
			"logger":             "openstack.keystone",
			"apache_log_pattern": `%v:%p %h %l %u %t \"%r\" %>s %D %O \"%{Referer}i\" \"%{User-Agent}i\"`,
		},
	},
	{"rabbitmq", "rabbitmq.msg01", "2023-10-10 10:00:00.123456+00:00 [info] <0.222.0> accepting AMQP connection (127.0.0.1:1 -> 127.0.0.1:2)\n", nil},
	{"galera", "galera", "2017-03-13 06:22:10 18430 [Warning] WSREP: no nodes coming from prim view, prim not possible\n", nil},
	{"cri", "pods", "2016-10-06T00:17:09.669794202Z stdout F The content of the log entry 1 with some more text behind it\n", nil},
	{"json_lines", "app", `{"time":"2016-10-06T00:17:09Z","level":"warn","msg":"request served","path":"/x","status":200,"user":"bob"}` + "\n", nil},
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range benchmarked {
		b.Run(c.decoder, func(b *testing.B) {
			p := openDecoder(b, c.decoder, c.config)
			raw := &message.Message{Type: "logfile", Logger: c.logger, Hostname: "node", Payload: c.line, Timestamp: 1}
			emitted := 0
			count := func(*message.Message) error { emitted++; return nil }
			b.ReportAllocs()
			for b.Loop() {
				raw.UUID = message.DerivedUUID(1, uint64(emitted), 0)
				_, err := p.Process(raw, count)
				require.NoError(b, err)
			}
			require.NotZero(b, emitted)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
