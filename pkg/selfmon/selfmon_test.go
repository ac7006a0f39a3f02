package selfmon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"github.com/tocsin-lma/tocsin/pkg/selfmon"
)

func page(r *selfmon.Registry) string {
	var b bytes.Buffer
	r.WritePrometheus(&b)
	return b.String()
}

func TestRegistryWritesSeries(t *testing.T) {
	r := selfmon.New()
	r.Counter("tocsin_output_sent_bytes_total", "output", `es "1"`).Add(5)
	r.Counter("tocsin_output_sent_bytes_total", "output", `es "1"`).Inc()
	r.Counter("tocsin_output_sent_bytes_total", "output", "es\xff").Add(-3)
	r.Gauge("tocsin_queue_oldest_seconds").Set(1.5)
	r.GaugeFunc(func() float64 { return 1 }, "tocsin_queue_size_bytes", "queue", "a")
	r.GaugeFunc(func() float64 { return 2 }, "tocsin_queue_size_bytes", "queue", "a")
	h := r.Histogram([]float64{0.1, 1}, "tocsin_output_send_seconds", "output", "es")
	for _, v := range []float64{0.05, 0.1, 0.5, 7} {
		h.Observe(v)
	}
	got := page(r)
	for _, line := range []string{
		`tocsin_output_sent_bytes_total{output="es \"1\""} 6`,
		`tocsin_output_sent_bytes_total{output="es` + "\uFFFD" + `"} 0`,
		`tocsin_queue_oldest_seconds 1.5`,
		`tocsin_queue_size_bytes{queue="a"} 2`,
		`tocsin_output_send_seconds_bucket{output="es",le="0.1"} 2`,
		`tocsin_output_send_seconds_bucket{output="es",le="1"} 3`,
		`tocsin_output_send_seconds_bucket{output="es",le="+Inf"} 4`,
		`tocsin_output_send_seconds_sum{output="es"} 7.65`,
		`tocsin_output_send_seconds_count{output="es"} 4`,
	} {
		require.Contains(t, got, line+"\n")
	}
	require.Contains(t, got, "process_resident_memory_bytes")
	r.Remove("tocsin_queue_size_bytes", "queue", "a")
	require.NotContains(t, page(r), "tocsin_queue_size_bytes")
}

func TestRegistryRefusesBadNames(t *testing.T) {
	for _, name := range []string{"", "tocsin", "tocsin_x", "other_part_bytes", "tocsin_Part_bytes", "tocsin_part-bytes"} {
		require.Panics(t, func() { selfmon.New().Counter(name) }, name)
	}
	odd := []string{"label"}
	require.Panics(t, func() { selfmon.New().Counter("tocsin_part_bytes_total", odd...) })
}

func TestLedgerBalances(t *testing.T) {
	l := selfmon.NewLedger()
	a := l.Account("decoder", "nginx")
	a.Accept(100)
	a.Settle(0, 90, 2)
	a.Drop("parse_error", 3)
	l.Source("output", "es", func() selfmon.Entry { return selfmon.Entry{Accepted: 7, Delivered: 3, Queued: 4} })
	want := selfmon.Snapshot{Balanced: true, Entries: []selfmon.Entry{
		{Stage: "decoder", Name: "nginx", Accepted: 100, Delivered: 90, Queued: 5, DeadLettered: 2, Dropped: map[string]uint64{"parse_error": 3}},
		{Stage: "output", Name: "es", Accepted: 7, Delivered: 3, Queued: 4, Dropped: map[string]uint64{}},
	}}
	require.Empty(t, cmp.Diff(want, l.Snapshot()))

	r := selfmon.New()
	l.Register(r)
	require.Contains(t, page(r), `tocsin_ledger_dropped_messages_total{stage="decoder",name="nginx",reason="parse_error"} 3`)
	require.Contains(t, page(r), `tocsin_ledger_queued_messages{stage="output",name="es"} 4`)

	a.Deliver(6)
	s := l.Snapshot()
	require.False(t, s.Balanced, "one message more went out than came in")
	require.Equal(t, int64(-1), s.Entries[0].Balance())
	l.Remove("decoder", "nginx")
	require.True(t, l.Snapshot().Balanced)
}

func TestAccountIsConsistentWhileCounting(t *testing.T) {
	l := selfmon.NewLedger()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			a := l.Account("filter", "afd")
			for range 1000 {
				a.Accept(3)
				a.Settle(0, 2, 0)
				a.Drop("late", 1)
			}
		})
	}
	for range 100 {
		require.True(t, l.Snapshot().Balanced)
	}
	wg.Wait()
	e := l.Snapshot().Entries[0]
	require.Equal(t, uint64(12000), e.Accepted)
	require.Zero(t, e.Queued)
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestHandler(t *testing.T) {
	var checks selfmon.Checks
	l := selfmon.NewLedger()
	l.Account("input", "logs").Accept(1)
	h := selfmon.Handler(selfmon.HandlerOptions{Registry: selfmon.New(), Ledger: l, Checks: &checks})

	checks.Live("loop", func(context.Context) error { return nil })
	checks.Ready("output es", func(context.Context) error { return errors.New("no answer since 10:00") })
	code, body := get(t, h, "/healthz")
	require.Equal(t, http.StatusOK, code)
	require.JSONEq(t, `{"status":"ok"}`, body)
	code, body = get(t, h, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.JSONEq(t, `{"status":"failed","failed":{"output es":"no answer since 10:00"}}`, body)
	checks.Ready("output es", nil)
	code, _ = get(t, h, "/readyz")
	require.Equal(t, http.StatusOK, code)

	code, body = get(t, h, "/api/v1/ledger")
	require.Equal(t, http.StatusOK, code)
	var s selfmon.Snapshot
	require.NoError(t, json.Unmarshal([]byte(body), &s))
	require.Equal(t, uint64(1), s.Entries[0].Queued)

	code, body = get(t, h, "/metrics")
	require.Equal(t, http.StatusOK, code)
	require.True(t, strings.Contains(body, "process_cpu_seconds_total"))
	code, _ = get(t, h, "/debug/pprof/")
	require.Equal(t, http.StatusNotFound, code)
}

func TestStuckCheckFails(t *testing.T) {
	var checks selfmon.Checks
	release := make(chan struct{})
	defer close(release)
	checks.Live("stuck", func(context.Context) error { <-release; return nil })
	checks.Live("fine", func(context.Context) error { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	failed := checks.CheckLive(ctx)
	require.Error(t, failed["stuck"])
}
