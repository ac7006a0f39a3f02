package influxdb_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/influxdb"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

func lines(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, "cpu,id=%d value=%d.000000 %d\n", i, i, 1489399140500+i)
	}
	return b
}

func ids(body []byte) (found []string) {
	for line := range strings.Lines(string(body)) {
		_, rest, _ := strings.Cut(line, "id=")
		id, _, _ := strings.Cut(rest, " ")
		found = append(found, id)
	}
	return found
}

func open(t *testing.T, address string, change func(*influxdb.Config)) *influxdb.Output {
	t.Helper()
	cfg := influxdb.DefaultConfig()
	cfg.Address, cfg.Proxy = address, "none"
	if change != nil {
		change(&cfg)
	}
	out, err := influxdb.New(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, out.Close()) })
	return out
}

func TestSuite(t *testing.T) {
	for _, api := range []influxdb.API{influxdb.V1, influxdb.V2} {
		t.Run(string(api), func(t *testing.T) {
			outputtest.HTTP{
				New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
					return open(t, url, func(c *influxdb.Config) {
						c.TLS, c.API, c.Gzip, c.CreateDatabase = tls, api, api == influxdb.V2, false
					})
				},
				Batch: lines,
				Accept: func(w http.ResponseWriter, _ *http.Request, body []byte) []string {
					w.WriteHeader(http.StatusNoContent)
					return ids(body)
				},
				Partial: partial,
			}.Run(t)
		})
	}
}

// partial answers as InfluxDB 1.x does: it stores the points it can and answers
// 400 when there was one it cannot.
func partial(w http.ResponseWriter, _ *http.Request, body []byte, busy bool) (stored []string) {
	all := ids(body)
	if busy && len(all) == 1 && all[0] == "2" {
		w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	}
	bad := false
	for _, id := range all {
		if id == "1" || busy && id == "2" {
			bad = true
			continue
		}
		stored = append(stored, id)
	}
	if bad {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"partial write: points beyond retention policy dropped=1"}`)
		return stored
	}
	w.WriteHeader(http.StatusNoContent)
	return stored
}

func TestRequest(t *testing.T) {
	for _, c := range []struct {
		name, path, want, auth string
		change                 func(*influxdb.Config)
	}{
		{"defaults", "", "/write?db=lma&precision=ms", "", nil},
		{
			"address of StackLight", "/write?db=lma2&precision=s", "/write?db=lma2&precision=s", "Basic dTpw",
			func(c *influxdb.Config) { c.Username, c.Password, c.Method = "u", "p", "POST" },
		},
		{
			"policy", "/sub/", "/sub/write?db=x&precision=u&rp=week", "",
			func(c *influxdb.Config) { c.Database, c.RetentionPolicy, c.Precision = "x", "week", "us" },
		},
		{
			"bucket", "", "/api/v2/write?bucket=db%2Frp&org=o&precision=ms", "Token tok",
			func(c *influxdb.Config) { c.Bucket, c.Org, c.Token = "db/rp", "o", "tok" },
		},
		{"v2 address", "/api/v2/write?bucket=b&org=o&precision=ns", "/api/v2/write?bucket=b&org=o&precision=ns", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got, auth string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, auth = r.URL.String(), r.Header.Get("Authorization")
				w.WriteHeader(http.StatusNoContent)
			}))
			defer srv.Close()
			require.NoError(t, open(t, srv.URL+c.path, c.change).Send(t.Context(), lines(2)))
			require.Equal(t, c.want, got)
			require.Equal(t, c.auth, auth)
		})
	}
}

func TestCreatesDatabase(t *testing.T) {
	created := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/query":
			created, _ = url.QueryUnescape(r.URL.Query().Get("q"))
		case created == "":
			w.WriteHeader(http.StatusNotFound)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer srv.Close()
	require.NoError(t, open(t, srv.URL, nil).Send(t.Context(), lines(2)))
	require.Equal(t, `CREATE DATABASE "lma"`, created)
}

// TestFindsBadLines counts requests: finding k bad ones among n takes in the
// order of k log n, not n.
func TestFindsBadLines(t *testing.T) {
	requests := 0
	stored := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte("bad")) {
			w.WriteHeader(http.StatusUnprocessableEntity) // and stores nothing, as 2.x does
			return
		}
		for _, id := range ids(body) {
			stored[id] = true
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer srv.Close()
	b := bytes.Replace(lines(1000), []byte("cpu,id=500 "), []byte("bad,id=500 "), 1)
	err := open(t, srv.URL, nil).Send(t.Context(), b)
	var partial *message.SendError
	require.ErrorAs(t, err, &partial)
	require.Empty(t, partial.Retry)
	require.Len(t, partial.Rejected, 1)
	require.Contains(t, string(partial.Rejected[0].Item), "bad,id=500 ")
	require.Len(t, stored, 999)
	require.Less(t, requests, 30)
}

func TestConfigErrors(t *testing.T) {
	for _, change := range []func(*influxdb.Config){
		func(c *influxdb.Config) { c.Address = "127.0.0.1:8086" },
		func(c *influxdb.Config) { c.Precision = "minutes" },
		func(c *influxdb.Config) { c.API = "v3" },
		func(c *influxdb.Config) { c.Method = "GET" },
	} {
		cfg := influxdb.DefaultConfig()
		change(&cfg)
		_, err := influxdb.New(cfg, slog.New(slog.DiscardHandler))
		require.Error(t, err)
	}
}

func TestEarlyAnswers(t *testing.T) {
	opened := func(t *testing.T, url string, tls *tlsconfig.Config) (outputtest.Output, *http.Transport) {
		out := open(t, url, func(cfg *influxdb.Config) { cfg.TLS = tls })
		return out, out.Transport()
	}
	outputtest.EarlyAnswers(t, opened, func(size int) []byte {
		return fmt.Appendf(nil, "m f=\"%s\" 1489399140500\n", strings.Repeat("a", size))
	})
}
