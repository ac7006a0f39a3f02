package outputs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/outputs/amqp"
	"github.com/tocsin-lma/tocsin/pkg/outputs/elasticsearch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/file"
	"github.com/tocsin-lma/tocsin/pkg/outputs/http"
	"github.com/tocsin-lma/tocsin/pkg/outputs/influxdb"
	"github.com/tocsin-lma/tocsin/pkg/outputs/nagios"
	"github.com/tocsin-lma/tocsin/pkg/outputs/sensu"
	"github.com/tocsin-lma/tocsin/pkg/outputs/smtp"
	"github.com/tocsin-lma/tocsin/pkg/outputs/syslog"
	"github.com/tocsin-lma/tocsin/pkg/outputs/tcp"
	"github.com/tocsin-lma/tocsin/pkg/outputs/udp"
)

// decode reads a section, strictly, over defaults.
func decode[C any](t *testing.T, defaults C, text string) C {
	t.Helper()
	n, err := config.Load(config.Source{Name: "model.yml", Data: []byte(text)})
	require.NoError(t, err)
	require.NoError(t, n.Decode(&defaults))
	return defaults
}

// TestSections reads sections as rendered models have them, and ours.
func TestSections(t *testing.T) {
	es := decode(t, elasticsearch.DefaultConfig(), `{server: "http://es:9200", api_key: k, gzip: true, data_stream: true, replicas: 0, timeout: 5s}`)
	require.Equal(t, "http://es:9200", es.Server)
	require.True(t, es.Gzip && es.DataStream && es.Template && *es.Replicas == 0)
	_, err := elasticsearch.New(es, nil)
	require.NoError(t, err)

	influx := decode(t, influxdb.DefaultConfig(), `{address: "http://db:8086/write?db=lma&precision=ms", username: u, password: p, timeout: 5000, method: POST}`)
	require.Equal(t, 5*time.Second, time.Duration(influx.Timeout))
	_, err = influxdb.New(influx, nil)
	require.NoError(t, err)

	frames := decode(t, tcp.DefaultConfig(), `{host: vip, port: 5565, ack: false, tls: {root_cafile: /ca.pem}}`)
	require.False(t, frames.Ack)
	address, err := frames.Target(0)
	require.NoError(t, err)
	require.Equal(t, "vip:5565", address)

	datagrams := decode(t, udp.DefaultConfig(), `{host: "::1", port: "3030"}`)
	address, err = datagrams.Target(0)
	require.NoError(t, err)
	require.Equal(t, "[::1]:3030", address)

	form := decode(t, nagios.DefaultConfig(), `{address: "http://nagios:8001/status", username: u, password: p, http_timeout: 2000}`)
	require.Equal(t, 2*time.Second, time.Duration(form.HTTPTimeout))
	_, err = nagios.New(form)
	require.NoError(t, err)

	queue := decode(t, amqp.DefaultConfig(), `
user: u
password: "p@ss/word"
host: mq
vhost: /openstack
exchange: e
exchange_type: fanout
max_delay: 30s
delay: 250ms
max_retries: -1
ssl: {enabled: false, cert_file: /c, key_file: /k}`)
	_, err = amqp.New(queue)
	require.NoError(t, err)

	require.Equal(t, "agent", decode(t, sensu.DefaultConfig(), `{protocol: agent, url: "http://127.0.0.1:3031", timeout: 2s}`).Protocol)
	require.Equal(t, "octet", decode(t, syslog.DefaultConfig(), `{host: logs, port: 514, protocol: tcp, framing: octet}`).Framing)
	require.EqualValues(t, 0o640, decode(t, file.DefaultConfig(), `{path: /x, perm: "640", max_size: 1000}`).Perm)
	require.Equal(t, "PUT", decode(t, http.DefaultConfig(), `{address: "http://x", method: PUT, headers: {A: b}}`).Method)
	require.Equal(t, []string{"a@b"}, decode(t, smtp.DefaultConfig(), `{host: mail, send_to: [a@b], send_interval: 10m}`).To)
}

func TestUnknownKeys(t *testing.T) {
	n, err := config.Load(config.Source{Name: "model.yml", Data: []byte("serve: x")})
	require.NoError(t, err)
	cfg := elasticsearch.DefaultConfig()
	require.ErrorContains(t, n.Decode(&cfg), "serve")
}
