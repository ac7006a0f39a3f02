package otlp_test

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/internal/testserver"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/outputtest"
)

// TestRealCollector sends logs and metrics to an OpenTelemetry collector and reads
// what it wrote: attributes are compared by name, as their order says nothing.
func TestRealCollector(t *testing.T) {
	address := testserver.URL(t, "OTELCOL")
	out := open(t, address, nil, slog.New(slog.NewTextHandler(t.Output(), nil)))
	run := fmt.Sprintf("run_%d", time.Now().UnixNano())

	var frames []byte
	for i := range 50 {
		m := message.Message{
			UUID: message.NewUUID(), Timestamp: 1489399140500000000 + int64(i), Type: "log", Logger: run,
			Payload: fmt.Sprintf("Ü %d", i), Hostname: "host-1",
		}
		m.SetSeverity(3)
		m.AddString("run", run)
		m.AddInteger("number", int64(i), "")
		m.AddDouble("half", 0.5, "")
		m.AddBool("yes", true)
		frames = message.AppendFramed(frames, &m)
	}
	require.Empty(t, outputtest.Deliver(t, out, frames))
	logs := received(t, run, "resourceLogs.#.scopeLogs.#.logRecords", 50)
	for i, r := range logs {
		require.Equal(t, fmt.Sprintf("Ü %d", i), r.Get("body.stringValue").String())
		require.Equal(t, int64(1489399140500000000+i), r.Get("timeUnixNano").Int())
		require.EqualValues(t, 17, r.Get("severityNumber").Int(), "ERROR")
		require.Equal(t, run, r.Get(`attributes.#(key=="run").value.stringValue`).String())
		require.EqualValues(t, i, r.Get(`attributes.#(key=="number").value.intValue`).Int())
		require.Equal(t, 0.5, r.Get(`attributes.#(key=="half").value.doubleValue`).Float())
		require.True(t, r.Get(`attributes.#(key=="yes").value.boolValue`).Bool())
	}

	var lines []byte
	for i := range 50 {
		lines = fmt.Appendf(lines, "%s,id=%d value=%d.5 %d\n", run, i, i, 1489399140500+i)
	}
	require.Empty(t, outputtest.Deliver(t, out, lines))
	points := received(t, run, "resourceMetrics.#.scopeMetrics.#.metrics.#.gauge.dataPoints", 50)
	for i, p := range points {
		require.Equal(t, float64(i)+0.5, p.Get("asDouble").Float())
		require.Equal(t, int64(1489399140500+i)*1e6, p.Get("timeUnixNano").Int())
		require.Equal(t, fmt.Sprint(i), p.Get(`attributes.#(key=="id").value.stringValue`).String())
	}

	require.Contains(t, written(t), `"deployment.environment"`, "what the resource is called")
}

// received waits for n records or points at path in the lines of a run.
func received(t *testing.T, run, path string, n int) (found []gjson.Result) {
	t.Helper()
	require.Eventually(t, func() bool {
		found = nil
		for line := range strings.Lines(written(t)) {
			if strings.Contains(line, run) {
				found = append(found, flat(gjson.Get(line, path))...)
			}
		}
		return len(found) >= n
	}, time.Minute, 20*time.Millisecond)
	require.Len(t, found, n)
	return found
}

func written(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(testserver.Var(t, "OTELCOL_FILE"))
	require.NoError(t, err)
	return string(data)
}

// flat returns what is in arrays of arrays.
func flat(r gjson.Result) (all []gjson.Result) {
	if r.IsObject() {
		return []gjson.Result{r}
	}
	for _, v := range r.Array() {
		all = append(all, flat(v)...)
	}
	return all
}
