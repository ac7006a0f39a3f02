package influxdb_test

import (
	"bytes"
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
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/influxdb"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
)

func points(measurement string, n int) []byte {
	start := time.Now().Add(-time.Hour).UnixMilli()
	start -= start % 1000
	var b []byte
	for i := range n {
		b = fmt.Appendf(b, "%s,environment_label=mcp.lab,hostname=node-%d value=%d.000000 %d\n", measurement, i%10, i, start+int64(i))
	}
	return b
}

func get(t *testing.T, address string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, string(body))
	return body
}

// total returns count and sum of a measurement's values.
func total(t *testing.T, server, database, measurement string) (count, sum int64) {
	t.Helper()
	query := url.Values{"db": {database}, "q": {fmt.Sprintf(`SELECT count(value), sum(value) FROM %q`, measurement)}}
	values := gjson.GetBytes(get(t, server+"/query?"+query.Encode()), "results.0.series.0.values.0")
	return values.Get("1").Int(), values.Get("2").Int()
}

func TestRealStoresOnce(t *testing.T) {
	for _, c := range []struct {
		name, server string
		api          influxdb.API
		gzip         bool
	}{
		{"1.8 by v1", "INFLUXDB", influxdb.V1, false},
		{"1.8 by v1 gzip", "INFLUXDB", influxdb.V1, true},
		{"1.8 by v2", "INFLUXDB", influxdb.V2, false},
		{"1.6 by v1", "INFLUXDB16", influxdb.V1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := testserver.URL(t, c.server)
			database := fmt.Sprintf("tocsin_%d", time.Now().UnixNano())
			first := open(t, server, func(cfg *influxdb.Config) { cfg.Database = database })
			require.Empty(t, outputtest.Deliver(t, first, points("warm_up", 1)), "creates the database")
			out := open(t, server, func(cfg *influxdb.Config) {
				cfg.API, cfg.Database, cfg.Bucket, cfg.Gzip = c.api, database, database+"/autogen", c.gzip
			})
			b := points("cpu_idle", 5000)
			for range 2 {
				require.Empty(t, outputtest.Deliver(t, out, b))
				count, sum := total(t, server, database, "cpu_idle")
				require.EqualValues(t, 5000, count, "sent again, stored once")
				require.EqualValues(t, 5000*4999/2, sum)
			}
		})
	}
}

func TestRealRejectsAlone(t *testing.T) {
	for _, name := range []string{"INFLUXDB", "INFLUXDB16"} {
		for _, bad := range []string{
			"this is not line protocol\n",
			fmt.Sprintf("cpu_idle value=\"text in a number's place\" %d\n", time.Now().Add(-time.Hour).UnixMilli()),
		} {
			t.Run(name, func(t *testing.T) {
				server := testserver.URL(t, name)
				database := fmt.Sprintf("tocsin_%d", time.Now().UnixNano())
				out := open(t, server, func(cfg *influxdb.Config) { cfg.Database = database })
				b := points("cpu_idle", 300)
				require.Empty(t, outputtest.Deliver(t, out, points("cpu_idle", 1)))
				middle := bytes.IndexByte(b[len(b)/2:], '\n') + len(b)/2 + 1
				b = []byte(string(b[:middle]) + bad + string(b[middle:]))
				rejected := outputtest.Deliver(t, out, b)
				require.Len(t, rejected, 1)
				require.Equal(t, bad, string(rejected[0].Item))
				require.NotEmpty(t, rejected[0].Reason)
				count, _ := total(t, server, database, "cpu_idle")
				require.GreaterOrEqual(t, count, int64(300))
			})
		}
	}
}

func TestRealNoSuchDatabase(t *testing.T) {
	server := testserver.URL(t, "INFLUXDB")
	out := open(t, server, func(cfg *influxdb.Config) { cfg.Database, cfg.CreateDatabase = "tocsin_not_there", false })
	err := out.Send(t.Context(), points("m", 3))
	require.ErrorContains(t, err, "404")
	require.NotErrorIs(t, err, message.ErrPermanent, "the database can be created: nothing is given up")
}

func TestRealVictoriaMetrics(t *testing.T) {
	server := testserver.URL(t, "VICTORIAMETRICS")
	for _, api := range []influxdb.API{influxdb.V1, influxdb.V2} {
		t.Run(string(api), func(t *testing.T) {
			name := fmt.Sprintf("tocsin_%d", time.Now().UnixNano())
			out := open(t, server, func(cfg *influxdb.Config) { cfg.API = api })
			require.Empty(t, outputtest.Deliver(t, out, points(name, 1000)))
			get(t, server+"/internal/force_flush")
			query := url.Values{"match[]": {`{__name__=~"` + name + `.*"}`}}
			count := 0
			for line := range strings.Lines(string(get(t, server+"/api/v1/export?"+query.Encode()))) {
				require.Equal(t, "mcp.lab", gjson.Get(line, "metric.environment_label").String())
				count += len(gjson.Get(line, "values").Array())
			}
			require.Equal(t, 1000, count)
		})
	}
}

// TestRealCrash kills the server with kill -9 between and within batches: every
// point that was confirmed is there, once.
func TestRealCrash(t *testing.T) {
	server := testserver.URL(t, "INFLUXDB")
	database := fmt.Sprintf("tocsin_%d", time.Now().UnixNano())
	out := open(t, server, func(cfg *influxdb.Config) { cfg.Database = database })
	all := points("cpu_idle", 40_000)
	lines := bytes.SplitAfter(all, []byte{'\n'})
	var batches [][]byte
	for i := 0; i+1000 <= len(lines); i += 1000 {
		batches = append(batches, bytes.Join(lines[i:i+1000], nil))
	}
	outputtest.DeliverThroughCrashes(t, out, batches, func() {
		testserver.Crash(t, "influxdb")
		testserver.Start(t, "influxdb")
	})
	count, sum := total(t, server, database, "cpu_idle")
	require.EqualValues(t, 40_000, count)
	require.EqualValues(t, 40_000*39_999/2, sum)
}
