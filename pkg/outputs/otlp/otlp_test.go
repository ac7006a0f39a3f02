package otlp_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/otlp"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

func frames(n int) []byte {
	var b []byte
	for i := range n {
		m := message.Message{UUID: message.UUID{1}, Timestamp: 1489399140500000000, Type: "log", Payload: fmt.Sprint(i), Hostname: fmt.Sprint("host", i%2)}
		b = message.AppendFramed(b, &m)
	}
	return b
}

func lines(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, "cpu,id=%d value=%d 1489399140500\n", i, i)
	}
	return b
}

func open(t *testing.T, address string, tls *tlsconfig.Config, logger *slog.Logger) *otlp.Output {
	t.Helper()
	cfg := otlp.DefaultConfig()
	cfg.Address, cfg.TLS, cfg.Proxy, cfg.Gzip = address, tls, "none", true
	cfg.Resource = map[string]string{"deployment.environment": "lab"}
	out, err := otlp.New(cfg, logger)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })
	return out
}

func texts(r gjson.Result) (found []string) {
	for _, v := range r.Array() {
		if v.IsArray() {
			found = append(found, texts(v)...)
			continue
		}
		found = append(found, v.String())
	}
	return found
}

func TestSuite(t *testing.T) {
	for name, c := range map[string]struct {
		batch      func(int) []byte
		path, item string
	}{
		"logs":    {frames, "/v1/logs", "resourceLogs.#.scopeLogs.#.logRecords.#.body.stringValue"},
		"metrics": {lines, "/v1/metrics", "resourceMetrics.#.scopeMetrics.#.metrics.#.gauge.dataPoints.#.asDouble"},
	} {
		t.Run(name, func(t *testing.T) {
			outputtest.HTTP{
				New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
					return open(t, url, tls, slog.New(slog.DiscardHandler))
				},
				Batch: c.batch,
				Accept: func(w http.ResponseWriter, r *http.Request, body []byte) []string {
					if r.URL.Path != c.path {
						w.WriteHeader(http.StatusBadRequest)
						return nil
					}
					fmt.Fprint(w, `{"partialSuccess":{}}`)
					return texts(gjson.GetBytes(body, c.item))
				},
			}.Run(t)
		})
	}
}

// request sends b and returns the body the far side got.
func request(t *testing.T, b []byte, answer string, logger *slog.Logger) gjson.Result {
	t.Helper()
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		fmt.Fprint(w, answer)
	}))
	defer srv.Close()
	cfg := otlp.DefaultConfig()
	cfg.Address = srv.URL
	out, err := otlp.New(cfg, logger)
	require.NoError(t, err)
	require.NoError(t, out.Send(t.Context(), b))
	require.True(t, gjson.ValidBytes(body))
	return gjson.ParseBytes(body)
}

func TestLogRecord(t *testing.T) {
	m := message.Message{
		UUID: message.UUID{0xab}, Timestamp: 1489399140500000000, Type: "log", Logger: "openstack.nova",
		Payload: "text\xff", Hostname: "ctl01",
	}
	m.SetSeverity(3)
	m.SetPID(42)
	m.AddString("severity_label", "ERROR")
	m.AddInteger("http_status", 500, "")
	m.AddDouble("http_response_time", 0.25, "s")
	m.AddBool("decoded", true)
	m.AddStrings("tag_fields", "a", "b")
	got := request(t, message.AppendFramed(nil, &m), "", slog.New(slog.DiscardHandler))
	require.Equal(t, "ctl01", got.Get(`resourceLogs.0.resource.attributes.#(key=="host.name").value.stringValue`).String())
	r := got.Get("resourceLogs.0.scopeLogs.0.logRecords.0")
	require.Equal(t, "1489399140500000000", r.Get("timeUnixNano").String())
	require.EqualValues(t, 17, r.Get("severityNumber").Int())
	require.Equal(t, "ERROR", r.Get("severityText").String())
	require.Equal(t, "text\uFFFD", r.Get("body.stringValue").String())
	for key, want := range map[string]string{
		"tocsin.logger": `{"stringValue":"openstack.nova"}`, "tocsin.id": `{"stringValue":"` + m.UUID.String() + `"}`,
		"process.pid": `{"intValue":"42"}`, "http_status": `{"intValue":"500"}`, "http_response_time": `{"doubleValue":0.25}`,
		"decoded": `{"boolValue":true}`, "tag_fields": `{"arrayValue":{"values":[{"stringValue":"a"},{"stringValue":"b"}]}}`,
	} {
		require.Equal(t, want, r.Get(`attributes.#(key=="`+key+`").value`).Raw, key)
	}
}

func TestMetric(t *testing.T) {
	got := request(t, []byte("cpu,host=n1 value=1.5,max=2,text=\"x\" 1489399140500\n"), "", slog.New(slog.DiscardHandler))
	m := got.Get("resourceMetrics.0.scopeMetrics.0.metrics")
	require.Equal(t, `["cpu","cpu.max"]`, m.Get("#.name").Raw)
	require.Equal(t, `{"attributes":[{"key":"host","value":{"stringValue":"n1"}}],"timeUnixNano":"1489399140500000000","asDouble":1.5}`,
		m.Get("0.gauge.dataPoints.0").Raw)
}

func TestPartialSuccessIsLogged(t *testing.T) {
	var log bytes.Buffer
	request(t, lines(3), `{"partialSuccess":{"rejectedDataPoints":"2","errorMessage":"too old"}}`, slog.New(slog.NewTextHandler(&log, nil)))
	require.Contains(t, log.String(), "rejected=2")
	require.Contains(t, log.String(), "too old")
}

func TestDamaged(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	for _, b := range [][]byte{append(frames(3), "\x1e\x02\x08"...), append([]byte("rubbish\n"), lines(3)...)} {
		var partial *message.SendError
		require.ErrorAs(t, open(t, srv.URL, nil, slog.New(slog.DiscardHandler)).Send(t.Context(), b), &partial)
		require.Len(t, partial.Rejected, 1)
		require.Empty(t, partial.Retry)
	}
}
