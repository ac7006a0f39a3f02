package alertmanager_test

import (
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
	"github.com/tocsin-lma/tocsin/pkg/outputs/alertmanager"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/tlsconfig"
)

func events(n int) []byte {
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, `{"name":"service_%d","host":"node-1","status":3,"text":"too hot","dimensions":{"service-type":"x"}}`+"\n", i)
	}
	return b
}

func open(t *testing.T, address string, change func(*alertmanager.Config)) *alertmanager.Output {
	t.Helper()
	cfg := alertmanager.DefaultConfig()
	cfg.Address, cfg.Proxy = address, "none"
	change(&cfg)
	out, err := alertmanager.New(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.Close() })
	return out
}

type alert struct {
	Labels           map[string]string
	StartsAt, EndsAt time.Time
}

func burning(body []byte) (names []string) {
	var all []alert
	if json.Unmarshal(body, &all) != nil {
		return nil
	}
	for _, a := range all {
		if a.EndsAt.After(time.Now()) && a.Labels["severity"] == "critical" {
			names = append(names, strings.TrimPrefix(a.Labels["alertname"], "service_"))
		}
	}
	return names
}

func TestSuite(t *testing.T) {
	outputtest.HTTP{
		New: func(t *testing.T, url string, tls *tlsconfig.Config) outputtest.Output {
			return open(t, url, func(c *alertmanager.Config) { c.TLS = tls })
		},
		Batch:  events,
		Accept: func(_ http.ResponseWriter, _ *http.Request, body []byte) []string { return burning(body) },
		Partial: func(w http.ResponseWriter, _ *http.Request, body []byte, busy bool) []string {
			text := string(body)
			switch {
			case strings.Contains(text, `"service_1"`):
				w.WriteHeader(http.StatusBadRequest)
			case strings.Contains(text, `"service_2"`) && busy:
				w.WriteHeader(http.StatusServiceUnavailable)
			default:
				return burning(body)
			}
			return nil
		},
	}.Run(t)
}

// TestRealAlertmanager walks one alarm through its statuses and asks Alertmanager
// what burns.
func TestRealAlertmanager(t *testing.T) {
	server := testserver.URL(t, "ALERTMANAGER")
	out := open(t, server, func(c *alertmanager.Config) { c.Labels = map[string]string{"region": "one"} })
	name := fmt.Sprintf("nova_%d", time.Now().UnixNano())
	for _, step := range []struct {
		label, burns string
	}{{"WARN", "warning"}, {"DOWN", "down"}, {"DOWN", "down"}, {"OKAY", ""}, {"UNKNOWN", "unknown"}, {"CRITICAL", "critical"}, {"OKAY", ""}} {
		b := fmt.Sprintf(`{"name":%q,"label":%q,"text":"why","dimensions":{"cluster-name":"nova"}}`+"\n", name, step.label)
		older := fmt.Sprintf(`{"name":%q,"status":1}`+"\n", name)
		require.Empty(t, outputtest.Deliver(t, out, []byte(older+b)))
		require.Eventually(t, func() bool {
			var severities []string
			for _, a := range active(t, server, name) {
				severities = append(severities, a.Get("labels.severity").String())
				require.Equal(t, "nova", a.Get("labels.cluster_name").String())
				require.Equal(t, "one", a.Get("labels.region").String())
				require.Equal(t, "why", a.Get("annotations.description").String())
			}
			return strings.Join(severities, " ") == step.burns
		}, time.Minute, 20*time.Millisecond, step.label)
	}
}

func active(t *testing.T, server, name string) []gjson.Result {
	t.Helper()
	query := url.Values{"active": {"true"}, "filter": {fmt.Sprintf("alertname=%q", name)}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/api/v2/alerts?"+query.Encode(), nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, string(body))
	return gjson.ParseBytes(body).Array()
}
