package bench_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

const (
	fleetNodes   = 10_000
	fleetMembers = 30
)

// fleet is an engine with 30 clusters by hostname, one of all members, and one
// of clusters.
func fleet(b *testing.B) *gse.Engine {
	var text strings.Builder
	text.WriteString(`
aggregator:
  policy: {worst: [{status: down, trigger: {rules: [{function: count, arguments: [down], relational_operator: '>', threshold: 0}]}}, {status: okay, trigger: {rules: [{function: count, arguments: [okay], relational_operator: '>', threshold: 0}]}}]}
  alarm_cluster:
`)
	var members, clusters []string
	for i := range fleetMembers {
		members, clusters = append(members, fmt.Sprint("m", i)), append(clusters, fmt.Sprint("c", i))
		fmt.Fprintf(&text, "    c%d: {policy: worst, group_by: hostname, match: {node_role: compute}, members: [m%d], dimension: {service: s}}\n", i, i)
	}
	fmt.Fprintf(&text, "    nodes: {policy: worst, group_by: hostname, match: {node_role: compute}, members: [%s]}\n", strings.Join(members, ", "))
	fmt.Fprintf(&text, "    top: {policy: worst, match: {service: s}, members: [%s]}\n", strings.Join(clusters, ", "))
	n, err := config.Load(config.Source{Name: "fleet.yml", Data: []byte(text.String())})
	require.NoError(b, err)
	model, _, err := gse.Load(n.Get("aggregator"))
	require.NoError(b, err)
	return gse.NewEngine(model, gse.Options{Host: "mon01"}, nil)
}

func verdictOf(node, member int, at time.Time) *message.Message {
	m := &message.Message{Type: "heka.sandbox.afd_metric", Timestamp: at.UnixNano(), Payload: `{"alarms":[]}`}
	if (node+member)%100 == 0 { // one verdict in a hundred has something to say
		m.Payload = `{"alarms":[{"severity":"WARN","function":"avg","metric":"fs_space_percent_free","fields":{"fs":"/"},"tags":{},"operator":"<","value":4,"threshold":5,"window":60,"periods":1,"message":"nearly full"}]}`
	}
	m.AddString("name", "status")
	m.AddDouble("value", float64(b2i(len(m.Payload) > 20)), "")
	m.AddString("member", fmt.Sprint("m", member))
	m.AddString("hostname", fmt.Sprint("node-", node))
	m.AddBool("alerting_enabled", true)
	m.AddString("node_role", "compute")
	return m
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// BenchmarkGSERound is ten seconds of the largest domain: a verdict of each of
// 10,000 nodes x 30 members, and ten ticks. seconds/round below 10 is less than
// one core; MB is what the facts occupy.
func BenchmarkGSERound(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	e := fleet(b)
	now := alarmClock(0)
	round := func() {
		for node := range fleetNodes {
			for member := range fleetMembers {
				if err := e.Process(verdictOf(node, member, now), now); err != nil {
					b.Fatal(err)
				}
			}
		}
		for range 10 {
			if err := e.Tick(now, discardVerdict); err != nil {
				b.Fatal(err)
			}
			now = now.Add(time.Second)
		}
	}
	for range 5 {
		round() // past the warm-up
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	emitted := e.Stats().Emitted
	b.ResetTimer()
	for b.Loop() {
		round()
	}
	require.Greater(b, e.Stats().Emitted, emitted)
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "seconds/round")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
	b.ReportMetric(float64(b.N)*fleetNodes*fleetMembers/b.Elapsed().Seconds(), "verdicts/s")
	runtime.KeepAlive(e)
}
