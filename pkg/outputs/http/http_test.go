package http_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/config"
	outhttp "github.com/tocsin-lma/tocsin/pkg/outputs/http"
	"github.com/tocsin-lma/tocsin/pkg/outputs/httpsend"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

func lines(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, "%d\n", i)
	}
	return b
}

func suite(change func(*outhttp.Config)) outputtest.HTTP {
	return outputtest.HTTP{
		New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
			cfg := outhttp.DefaultConfig()
			cfg.Address, cfg.TLS, cfg.Proxy = url, tls, "none"
			change(&cfg)
			out, err := outhttp.New(cfg)
			require.NoError(t, err)
			t.Cleanup(func() { _ = out.Close() })
			return out
		},
		Batch: lines,
		Accept: func(_ http.ResponseWriter, _ *http.Request, body []byte) []string {
			return strings.Fields(string(body))
		},
	}
}

func TestSuite(t *testing.T) {
	t.Run("whole", suite(func(c *outhttp.Config) { c.Gzip = true }).Run)
	t.Run("split", suite(func(c *outhttp.Config) { c.Split = true }).Run)
	t.Run("per item", suite(func(c *outhttp.Config) { c.PerItem = true }).Run)
}

// TestStackLightSection decodes a section of a rendered model and looks at the
// request it makes.
func TestStackLightSection(t *testing.T) {
	var got *http.Request
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer srv.Close()
	model, err := config.Load(config.Source{Name: "model.yml", Data: []byte(`
address: "` + srv.URL + `/status?x=1"
username: u
password: p
timeout: 2000
method: post
headers: {X-One: a, X-Two: [b, c]}
`)})
	require.NoError(t, err)
	cfg := outhttp.DefaultConfig()
	require.NoError(t, model.Decode(&cfg))
	require.Equal(t, 2*time.Second, time.Duration(cfg.Timeout), "a bare number counts milliseconds")
	cfg.Proxy = "none"
	out, err := outhttp.New(cfg)
	require.NoError(t, err)
	require.NoError(t, out.Send(t.Context(), []byte("a=b")))
	require.Equal(t, "POST /status?x=1", got.Method+" "+got.URL.String())
	require.Equal(t, "a=b", string(body))
	require.Equal(t, "application/x-www-form-urlencoded", got.Header.Get("Content-Type"))
	require.Equal(t, []string{"b", "c"}, got.Header["X-Two"])
	user, password, _ := got.BasicAuth()
	require.Equal(t, "u p", user+" "+password)
}

func TestTimeout(t *testing.T) {
	var timeout httpsend.Timeout
	for text, want := range map[string]time.Duration{"5": 5 * time.Millisecond, "1500": 1500 * time.Millisecond, "1m": time.Minute, `"2s"`: 2 * time.Second, "0.5": 500 * time.Microsecond} {
		n, err := config.Load(config.Source{Name: "x", Data: []byte("timeout: " + text)})
		require.NoError(t, err)
		require.NoError(t, n.Get("timeout").Decode(&timeout))
		require.Equal(t, want, time.Duration(timeout), text)
	}
	n, err := config.Load(config.Source{Name: "x", Data: []byte("timeout: soon")})
	require.NoError(t, err)
	require.ErrorContains(t, n.Get("timeout").Decode(&timeout), "soon")
}

func TestConfigErrors(t *testing.T) {
	for _, change := range []func(*outhttp.Config){
		func(c *outhttp.Config) { c.Address = "nowhere" },
		func(c *outhttp.Config) { c.Method = "GET" },
		func(c *outhttp.Config) { c.Proxy = "nowhere" },
		func(c *outhttp.Config) { c.TLS = &tlsconfig.Config{RootCAFile: "/no/such/file"} },
	} {
		cfg := outhttp.DefaultConfig()
		cfg.Address = "http://127.0.0.1:1"
		change(&cfg)
		_, err := outhttp.New(cfg)
		require.Error(t, err)
	}
}
