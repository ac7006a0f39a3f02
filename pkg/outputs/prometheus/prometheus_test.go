package prometheus_test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/outputs/prometheus"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
	"google.golang.org/protobuf/encoding/protowire"
)

func lines(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, "cpu.idle,id=%d,zone=a value=%d.500000 %d\n", i, i, 1489399140500+i)
	}
	return b
}

// fields reads one level of a protobuf message.
func fields(t *testing.T, b []byte, f func(n protowire.Number, bytes []byte, number uint64)) {
	t.Helper()
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		require.Positive(t, size)
		b = b[size:]
		var bytes []byte
		var number uint64
		switch kind {
		case protowire.BytesType:
			bytes, size = protowire.ConsumeBytes(b)
		case protowire.Fixed64Type:
			number, size = protowire.ConsumeFixed64(b)
		default:
			number, size = protowire.ConsumeVarint(b)
		}
		require.Positive(t, size)
		b = b[size:]
		f(n, bytes, number)
	}
}

// series reads a request of remote write: one text for each sample.
func series(t *testing.T, body []byte) (all []string) {
	t.Helper()
	raw, err := snappy.Decode(nil, body)
	require.NoError(t, err)
	fields(t, raw, func(_ protowire.Number, one []byte, _ uint64) {
		var labels []string
		var value float64
		var ms uint64
		fields(t, one, func(n protowire.Number, part []byte, _ uint64) {
			var pair [3]string
			fields(t, part, func(m protowire.Number, text []byte, number uint64) {
				switch {
				case n == 1:
					pair[m] = string(text)
				case m == 1:
					value = math.Float64frombits(number)
				default:
					ms = number
				}
			})
			if n == 1 {
				labels = append(labels, pair[1]+"="+pair[2])
			}
		})
		require.True(t, slices.IsSorted(labels), "labels must be sorted: %v", labels)
		all = append(all, fmt.Sprintf("%s %g %d", strings.Join(labels, ","), value, ms))
	})
	return all
}

func ids(t *testing.T, body []byte) (found []string) {
	for _, s := range series(t, body) {
		_, rest, _ := strings.Cut(s, "id=")
		id, _, _ := strings.Cut(rest, ",")
		found = append(found, id)
	}
	return found
}

func writer(t *testing.T, address string, tls *tlsconfig.Config) *prometheus.Writer {
	t.Helper()
	cfg := prometheus.DefaultWriteConfig()
	cfg.Address, cfg.TLS, cfg.Proxy = address, tls, "none"
	out, err := prometheus.NewWriter(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })
	return out
}

func TestWriter(t *testing.T) {
	outputtest.HTTP{
		New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
			return writer(t, url+"/api/v1/write", tls)
		},
		Batch: lines,
		Accept: func(w http.ResponseWriter, r *http.Request, body []byte) []string {
			if r.Header.Get("Content-Encoding") != "snappy" || r.Header.Get("X-Prometheus-Remote-Write-Version") != "0.1.0" {
				w.WriteHeader(http.StatusBadRequest)
				return nil
			}
			return ids(t, body)
		},
		Partial: func(w http.ResponseWriter, _ *http.Request, body []byte, busy bool) []string {
			all := ids(t, body)
			switch {
			case slices.Contains(all, "1"):
				w.WriteHeader(http.StatusBadRequest)
			case slices.Contains(all, "2") && busy:
				w.WriteHeader(http.StatusServiceUnavailable)
			default:
				return all
			}
			return nil
		},
	}.Run(t)
}

func TestSamples(t *testing.T) {
	var got []string
	srv := serve(t, func(_ http.ResponseWriter, body []byte) { got = append(got, series(t, body)...) })
	b := "1st\\ metric,__name__=x,zone=b,b-c=d,b.c=e value=1.5,max=2,text=\"x\",nan=NaN 1489399140500\nonly text=\"x\" 1\n"
	require.NoError(t, writer(t, srv, nil).Send(t.Context(), []byte(b)))
	require.Equal(t, []string{
		"__name__=_1st_metric,b_c=d,zone=b 1.5 1489399140500",
		"__name__=_1st_metric_max,b_c=d,zone=b 2 1489399140500",
	}, got)
	var partial *message.SendError
	require.ErrorAs(t, writer(t, srv, nil).Send(t.Context(), append([]byte("rubbish\n"), lines(3)...)), &partial)
	require.Len(t, partial.Rejected, 1)
	require.Empty(t, partial.Retry)
}

func serve(t *testing.T, f func(w http.ResponseWriter, body []byte)) string {
	t.Helper()
	srv := newServer(f)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestScrape(t *testing.T) {
	now := time.Unix(1500000000, 0)
	cfg := prometheus.DefaultScrapeConfig()
	cfg.Address, cfg.MaxSeries = "127.0.0.1:0", 3
	out, err := prometheus.OpenScrape(cfg, func() time.Time { return now })
	require.NoError(t, err)
	defer func() { require.NoError(t, out.Close()) }()
	page := func() string { return get(t, "http://"+out.Addr().String()+"/metrics") }
	require.Empty(t, page())
	send := func(text string) error { return out.Send(t.Context(), []byte(text)) }
	require.NoError(t, send("b value=1 100\na,x=\"\\q\\ z value=2,max=3 100\n"))
	require.NoError(t, send("b value=4 99\n"), "older: let go")
	require.NoError(t, send("a,x=\"\\q\\ z value=5 101\n"))
	want := "# TYPE a untyped\na{x=\"\\\"\\\\q z\"} 5\n# TYPE a_max untyped\na_max{x=\"\\\"\\\\q z\"} 3\n# TYPE b untyped\nb 1\n"
	require.Equal(t, want, page())
	var partial *message.SendError
	require.ErrorAs(t, send("c value=1 1\nb value=7 200\nrubbish\n"), &partial)
	require.Len(t, partial.Rejected, 2)
	require.Contains(t, page(), "b 7\n")
	now = now.Add(6 * time.Minute)
	require.NoError(t, send("c value=1 1\n"), "the others have expired")
	require.Equal(t, "# TYPE c untyped\nc 1\n", page())
	_, err = prometheus.OpenScrape(prometheus.ScrapeConfig{Address: out.Addr().String(), Precision: "ms"}, nil)
	require.ErrorContains(t, err, "change address")
}

func get(t *testing.T, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, string(body))
	return string(body)
}
