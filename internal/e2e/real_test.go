package e2e_test

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

	"github.com/tocsin-lma/tocsin/internal/testserver"
)

// TestRealDaemons is the same flow against a real Elasticsearch and a real
// InfluxDB.
func TestRealDaemons(t *testing.T) {
	s := stores{
		elasticsearch: testserver.URL(t, "ELASTICSEARCH"), influxdb: testserver.URL(t, "INFLUXDB"),
		database: fmt.Sprintf("e2e_%d", time.Now().UnixNano()),
	}
	request(t, http.MethodDelete, s.elasticsearch+"/log-*")
	t.Cleanup(func() {
		request(t, http.MethodDelete, s.elasticsearch+"/log-*")
		influxQuery(t, s.influxdb, "", "DROP DATABASE "+s.database)
	})
	s.documents = func(t *testing.T) []document { return searchAll(t, s.elasticsearch) }
	s.samples = func(t *testing.T) []float64 {
		return influxQuery(t, s.influxdb, s.database, "SELECT value FROM logged_users WHERE hostname = 'lab-node' ORDER BY time")
	}
	s.hostPoints = func(t *testing.T) int {
		return len(influxQuery(t, s.influxdb, s.database, "SELECT value FROM cpu_idle"))
	}
	flow(t, s)
}

func request(t *testing.T, method, address string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil || t.Context().Err() != nil { // during clean-up
		req, err = http.NewRequest(method, address, nil)
	}
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return body
}

// searchAll returns every log document of the test's site.
func searchAll(t *testing.T, server string) []document {
	t.Helper()
	request(t, http.MethodPost, server+"/log-*/_refresh")
	var answer struct {
		Hits struct {
			Hits []struct {
				Index  string `json:"_index"`
				ID     string `json:"_id"`
				Source struct {
					URL    string  `json:"http_url"`
					Status float64 `json:"http_status"`
				} `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	body := request(t, http.MethodGet, server+"/log-*/_search?size=10000&ignore_unavailable=true")
	require.NoError(t, json.Unmarshal(body, &answer), "%.300s", body)
	var out []document
	for _, h := range answer.Hits.Hits {
		out = append(out, document{ID: h.ID, URL: h.Source.URL, Status: h.Source.Status, Index: h.Index})
	}
	return out
}

// influxQuery returns the second column of the rows of a query's only series; the
// first is the time.
func influxQuery(t *testing.T, server, database, query string) []float64 {
	t.Helper()
	values := url.Values{"q": {query}, "db": {database}, "epoch": {"ms"}}
	method := http.MethodGet
	if !strings.HasPrefix(query, "SELECT") {
		method = http.MethodPost
	}
	var answer struct {
		Results []struct {
			Series []struct{ Values [][]float64 }
		}
	}
	body := request(t, method, server+"/query?"+values.Encode())
	require.NoError(t, json.Unmarshal(body, &answer), "%.300s", body)
	var out []float64
	if len(answer.Results) == 1 && len(answer.Results[0].Series) == 1 {
		for _, row := range answer.Results[0].Series[0].Values {
			out = append(out, row[1])
		}
	}
	return out
}
