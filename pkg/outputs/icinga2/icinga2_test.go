package icinga2_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/outputs/icinga2"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

func events(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, `{"name":"service_%d","host":"node-1","status":3,"text":"too hot"}`+"\n", i)
	}
	return b
}

func open(t *testing.T, address string, change func(*icinga2.Config)) *icinga2.Output {
	t.Helper()
	cfg := icinga2.DefaultConfig()
	cfg.Address, cfg.Proxy = address, "none"
	change(&cfg)
	out, err := icinga2.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })
	return out
}

func accept(w http.ResponseWriter, r *http.Request, body []byte) []string {
	var in struct {
		Service string
		State   int `json:"exit_status"`
	}
	if json.Unmarshal(body, &in) != nil || r.URL.Path != "/v1/actions/process-check-result" || in.State != 2 {
		w.WriteHeader(http.StatusBadRequest)
		return nil
	}
	fmt.Fprint(w, `{"results":[{"code":200,"status":"Successfully processed check result."}]}`)
	return []string{strings.TrimPrefix(in.Service, "node-1!service_")}
}

func TestSuite(t *testing.T) {
	outputtest.HTTP{
		New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
			return open(t, url, func(c *icinga2.Config) { c.TLS = tls })
		},
		Batch:  events,
		Accept: accept,
		Reject: func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":404,"status":"No objects found."}`)
		},
		Partial: func(w http.ResponseWriter, r *http.Request, body []byte, busy bool) []string {
			switch {
			case strings.Contains(string(body), "service_1"):
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, `{"error":404,"status":"No objects found."}`)
			case strings.Contains(string(body), "service_2") && busy:
				w.WriteHeader(http.StatusServiceUnavailable)
			default:
				return accept(w, r, body)
			}
			return nil
		},
	}.Run(t)
}

// TestRealIcinga sends results and asks Icinga for them.
func TestRealIcinga(t *testing.T) {
	address := testserver.URL(t, "ICINGA")
	ca := testserver.Var(t, "ICINGA_CA")
	out := open(t, address, func(c *icinga2.Config) { c.TLS = &tlsconfig.Config{RootCAFile: ca, ServerName: "localhost"} })
	mark := fmt.Sprint(time.Now().UnixNano())
	b := []byte(`{"name":"cpu","host":"node-1","status":4,"text":"gone ` + mark + `","ttl":300}` + "\n" +
		`{"name":"no_such_service","host":"node-1","status":1}` + "\n" +
		`{"name":"memory","source":"node-1","status":2,"output":"UNKNOWN: no data ` + mark + `"}` + "\n" +
		`{"name":"disk\" || true || \"","host":"node-1","status":1}` + "\n" +
		`{"name":"disk","host":"node-1","status":0,"text":"` + mark + `"}` + "\n")
	rejected := outputtest.Deliver(t, out, b)
	require.Len(t, rejected, 2)
	require.Contains(t, rejected[0].Reason, "no_such_service")
	for service, want := range map[string]string{"cpu": "2 DOWN: gone " + mark, "memory": "3 UNKNOWN: no data " + mark, "disk": "0 OKAY: " + mark} {
		last := ask(t, address, "/v1/objects/services/node-1!"+service).Get("results.0.attrs.last_check_result")
		require.Equal(t, want, last.Get("state").String()+" "+last.Get("output").String())
		require.Equal(t, "tocsin", last.Get("check_source").String())
	}
}

func ask(t *testing.T, address, path string) gjson.Result {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.JoinPath(path).String(), nil)
	require.NoError(t, err)
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, string(body))
	return gjson.ParseBytes(body)
}
