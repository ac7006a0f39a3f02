package prometheus_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
	"github.com/tocsin-lma/tocsin/pkg/outputs/prometheus"
)

// TestRealVictoriaMetrics writes to VictoriaMetrics and reads back.
func TestRealVictoriaMetrics(t *testing.T) {
	server := testserver.URL(t, "VICTORIAMETRICS")
	out := writer(t, server+"/api/v1/write", nil)
	name := fmt.Sprintf("tocsin_%d", time.Now().UnixNano())
	start := time.Now().Add(-time.Hour).UnixMilli()
	var b []byte
	for i := range 1000 {
		b = fmt.Appendf(b, "%s,host=node-%d value=%d.5 %d\n", name, i%10, i, start+int64(i))
	}
	require.Empty(t, outputtest.Deliver(t, out, b))
	get(t, server+"/internal/force_flush")
	count, sum := 0, 0.0
	for line := range strings.Lines(get(t, server+"/api/v1/export?"+url.Values{"match[]": {name}}.Encode())) {
		require.Equal(t, name, gjson.Get(line, "metric.__name__").String())
		for _, v := range gjson.Get(line, "values").Array() {
			count, sum = count+1, sum+v.Float()
		}
	}
	require.Equal(t, 1000, count)
	require.InDelta(t, 1000*999/2+500, sum, 1e-6)
}

// ask returns the value of a query at Prometheus, which has one series or none.
func ask(t *testing.T, query string) float64 {
	t.Helper()
	answer := get(t, testserver.URL(t, "PROMETHEUS")+"/api/v1/query?"+url.Values{"query": {query}}.Encode())
	return gjson.Get(answer, "data.result.0.value.1").Float()
}

// TestRealPrometheus writes to Prometheus and reads back.
func TestRealPrometheus(t *testing.T) {
	server := testserver.URL(t, "PROMETHEUS")
	out := writer(t, server+"/api/v1/write", nil)
	name := fmt.Sprintf("tocsin_%d", time.Now().UnixNano())
	start := time.Now().Add(-10 * time.Second).UnixMilli()
	lines := func(series string) (b []byte) {
		for i := range 1000 {
			b = fmt.Appendf(b, "%s,host=node-%d,odd\\ name=a\\,b value=%d.5 %d\n", series, i%10, i, start+int64(i))
		}
		return b
	}
	for range 2 { // what is sent again is there once
		require.Equal(t, 0, len(outputtest.Deliver(t, out, lines(name))), "none is refused")
		require.EqualValues(t, 1000, ask(t, "sum(count_over_time("+name+"[5m]))"))
		require.InDelta(t, 1000*999/2+500, ask(t, "sum(sum_over_time("+name+"[5m]))"), 1e-6)
		require.EqualValues(t, 100, ask(t, "count_over_time("+name+`{host="node-7",odd_name="a,b"}[5m])`))
	}
	// A second value for one time is refused, and takes nothing down with it.
	other := fmt.Sprintf("%s,host=node-9,odd\\ name=a\\,b value=1 %d\n", name, start+999)
	rejected := outputtest.Deliver(t, out, append([]byte(other), lines(name+"_more")...))
	require.Equal(t, 1, len(rejected))
	require.Equal(t, other, string(rejected[0].Item))
	require.EqualValues(t, 1000, ask(t, "sum(count_over_time("+name+"_more[5m]))"))
}

// TestRealScrape has Prometheus read our page.
func TestRealScrape(t *testing.T) {
	testserver.URL(t, "PROMETHEUS")
	cfg := prometheus.DefaultScrapeConfig()
	cfg.Address = "127.0.0.1:0"
	out, err := prometheus.OpenScrape(cfg, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, out.Close()) }()
	name := fmt.Sprintf("tocsin_scraped_%d", time.Now().UnixNano())
	require.NoError(t, out.Send(t.Context(), fmt.Appendf(nil, "%s,path=\"\\q\\ z value=42.5,max=43 %d\n", name, time.Now().UnixMilli())))
	targets := filepath.Join(testserver.Var(t, "PROMETHEUS_TARGETS"), name+".json")
	require.NoError(t, os.WriteFile(targets, fmt.Appendf(nil, `[{"targets":[%q]}]`, out.Addr()), 0o644))
	defer func() { require.NoError(t, os.Remove(targets)) }()
	require.Eventually(t, func() bool {
		return ask(t, name+`{path="\"\\q z"}`) == 42.5 && ask(t, name+"_max") == 43
	}, time.Minute, 100*time.Millisecond)
	require.EqualValues(t, 1, ask(t, fmt.Sprintf(`up{instance=%q}`, out.Addr())))
}
