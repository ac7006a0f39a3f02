package gse_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

const epoch = 1500000000

func clock(at int) time.Time { return time.Unix(epoch+int64(at), 0) }

func tryLoad(t testing.TB, yaml string) (gse.Model, []error, error) {
	t.Helper()
	shipped, err := os.ReadFile(filepath.Join("..", "..", "alarms", "policies.yml"))
	require.NoError(t, err)
	fuel, err := os.ReadFile(filepath.Join("testdata", "fuel_policies.yml"))
	require.NoError(t, err)
	n, err := config.Load(config.Source{Name: "policies.yml", Data: shipped}, config.Source{Name: "fuel.yml", Data: fuel}, config.Source{Name: "model.yml", Data: []byte(yaml)})
	require.NoError(t, err)
	return gse.Load(n.Get("aggregator"))
}

func load(t testing.TB, yaml string) gse.Model {
	t.Helper()
	m, warnings, err := tryLoad(t, yaml)
	require.NoError(t, err)
	require.Empty(t, warnings)
	return m
}

// fact makes the verdict of a member; host "" leaves the field out.
func fact(member, host string, status health.Status, at int, fields ...string) *message.Message {
	m := &message.Message{Type: "heka.sandbox.afd_metric", Timestamp: clock(at).UnixNano(), Payload: `{"alarms":[]}`}
	if status != health.Okay {
		m.Payload = `{"alarms":[{"message":"` + member + ` is bad","severity":"` + status.Label() + `","tags":{"old":"1"},"fields":{}}]}`
	}
	m.AddString("member", member)
	m.AddDouble("value", float64(status), "")
	if host != "" {
		m.AddString("hostname", host)
	}
	m.AddString("service", "web")
	for i := 0; i+1 < len(fields); i += 2 {
		m.AddString(fields[i], fields[i+1])
	}
	return m
}

type verdicts map[string]*message.Message

func tick(t testing.TB, e *gse.Engine, at int) verdicts {
	t.Helper()
	out := verdicts{}
	require.NoError(t, e.Tick(clock(at), func(m *message.Message) error {
		member, _ := m.Text("member")
		out[member] = m
		return nil
	}))
	return out
}

func (v verdicts) word(cluster string) string {
	m := v[cluster]
	if m == nil {
		return "none"
	}
	code, _ := m.Number("value")
	s, _ := health.FromCode(code)
	return s.Word()
}

func (v verdicts) get(cluster, path string) gjson.Result {
	if v[cluster] == nil {
		return gjson.Result{}
	}
	return gjson.Get(v[cluster].Payload, path)
}

func send(t testing.TB, e *gse.Engine, m *message.Message, at int) {
	t.Helper()
	require.NoError(t, e.Process(m, clock(at)))
}

func engine(t testing.TB, yaml string) *gse.Engine {
	return gse.NewEngine(load(t, yaml), gse.Options{Host: "mon", Tags: map[string]string{"environment_label": "mk"}}, nil)
}

const byHost = "aggregator: {alarm_cluster: {c: {policy: %p, group_by: hostname, match: {service: web}, members: [a, b], warm_up_period: 0, dimension: {cluster_name: c1, nagios_host: 01-x}}}}"
