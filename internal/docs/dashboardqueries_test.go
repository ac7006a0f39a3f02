package docs_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/internal/testserver"
)

// TestRealDashboards writes one point of every metric that is known, with all its
// tags, to InfluxDB, and asks every query of every dashboard as Grafana would: each
// must be understood, and find the point.
func TestRealDashboards(t *testing.T) {
	server := testserver.URL(t, "INFLUXDB")
	database := fmt.Sprintf("dashboards_%d", time.Now().UnixNano())
	query(t, server, "", "CREATE DATABASE "+database)
	defer query(t, server, "", "DROP DATABASE "+database)
	var lines strings.Builder
	for name, tags := range measured(t) {
		fields := "value=1"
		if name == "$service" {
			// What http_metrics_aggregator.lua makes of access logs has several values.
			name, fields = "web_shop_http_response_times", "min=1,max=1,sum=1,count=1,rate=1,upper_90=1"
		}
		slices.Sort(tags)
		tags = slices.DeleteFunc(slices.Compact(tags), func(tag string) bool { return tag == "" })
		for _, special := range []map[string]string{{}, {"level": "error", "http_status": "5xx"}} { // values that queries name
			lines.WriteString(name)
			for _, tag := range tags {
				lines.WriteString("," + tag + "=" + cmp.Or(special[tag], "x"))
			}
			lines.WriteString(" " + fields + "\n")
		}
	}
	answer, err := http.Post(server+"/write?db="+database, "", strings.NewReader(lines.String()))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusNoContent, answer.StatusCode)

	paths, err := filepath.Glob(filepath.Join("..", "..", "dashboards", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			var d dashboard
			require.NoError(t, json.Unmarshal([]byte(readFile(t, "dashboards/"+filepath.Base(path))), &d))
			values := []string{
				"$timeFilter", "time > now() - 1h", "$__interval", "1m", "$service", "web_shop_http_response_times",
			}
			for _, v := range d.Templating.List {
				if !strings.HasPrefix(v.Query, "SHOW ") {
					continue
				}
				found := query(t, server, database, strings.NewReplacer(values...).Replace(v.Query))
				require.NotEmpty(t, found, "nothing to choose from: %s", v.Query)
				values = append(values, "$"+v.Name, "x")
			}
			fill := strings.NewReplacer(values...)
			for _, p := range d.Panels {
				for _, target := range p.Targets {
					q := fill.Replace(target.Query)
					require.NotRegexp(t, `\$\w`, q, "a variable that the dashboard does not have")
					require.NotEmpty(t, query(t, server, database, q), "%s finds nothing: %s", p.Title, q)
				}
			}
		})
	}
}

// query returns the series that InfluxDB answers with.
func query(t *testing.T, server, database, q string) []gjson.Result {
	t.Helper()
	answer, err := http.PostForm(server+"/query", url.Values{"db": {database}, "q": {q}})
	require.NoError(t, err)
	defer answer.Body.Close()
	var body struct{ Results json.RawMessage }
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&body))
	require.False(t, gjson.GetBytes(body.Results, "0.error").Exists(), "%s: %s", q, body.Results)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s: %s", q, body.Results)
	return gjson.GetBytes(body.Results, "0.series").Array()
}
