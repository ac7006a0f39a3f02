package gse_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

func hostModel(policy string) string { return strings.Replace(byHost, "%p", policy, 1) }

func TestVerdictMessage(t *testing.T) {
	e := engine(t, hostModel("highest_severity"))
	tick(t, e, 0)
	send(t, e, fact("a", "h1", health.Critical, 0), 0)
	send(t, e, fact("b", "h1", health.Okay, 0), 0)
	m := tick(t, e, 1)["c"]
	require.Equal(t, "heka.sandbox.gse_metric", m.Type)
	require.Equal(t, "mon", m.Hostname)
	got := map[string]any{}
	for i := range m.Fields {
		if f := &m.Fields[i]; f.Len() > 1 {
			got[f.Name] = m.Strings(f.Name)
		} else {
			got[f.Name] = f.At(0).Text()
		}
	}
	require.Empty(t, cmp.Diff(map[string]any{
		"name": "cluster_status", "value": "3", "member": "c", "alerting_enabled": "true", "notification_enabled": "true",
		"cluster_name": "c1", "nagios_host": "01-x", "environment_label": "mk", "tag_fields": []string{"member", "cluster_name", "nagios_host"},
	}, got))
	require.JSONEq(t, `{"alarms":[{"message":"a is bad","severity":"CRITICAL","fields":{},"hostname":"h1","tags":{"old":"1","dependency_name":"a","dependency_level":"direct"}}]}`, m.Payload)
	send(t, e, fact("a", "h1", health.Okay, 5), 5)
	require.Equal(t, `{"alarms":[]}`, tick(t, e, 11)["c"].Payload)
}

func TestTiming(t *testing.T) {
	for _, c := range []struct {
		extra string
		want  []int
	}{
		{"warm_up_period: 0", []int{1, 11, 21, 31, 41}},
		{"warm_up_period: 20", []int{21, 31, 41}},
		{"", []int{21, 31, 41}},
		{"warm_up_period: 0, interval: 25", []int{1, 26}},
		{"warm_up_period: 0, interval: '15'", []int{1, 16, 31}},
	} {
		e := engine(t, "aggregator: {alarm_cluster: {c: {policy: highest_severity, match: {service: web}, members: [a], "+c.extra+"}}}")
		var at []int
		for i := range 46 {
			if tick(t, e, i)["c"] != nil {
				at = append(at, i)
			}
		}
		require.Equal(t, c.want, at, c.extra)
	}
}

// With a limit on emissions the rest follows in the next ticks, and every
// cluster keeps its period.
func TestMaxInjectKeepsThePeriod(t *testing.T) {
	var b strings.Builder
	for i := range 25 {
		fmt.Fprintf(&b, "\n    c%02d: {policy: highest_severity, match: {service: web}, members: [a], warm_up_period: 0}", i)
	}
	e := gse.NewEngine(load(t, "aggregator:\n  alarm_cluster:"+b.String()), gse.Options{MaxInject: 10}, nil)
	at := map[string][]int{}
	for i := range 25 {
		for name := range tick(t, e, i) {
			at[name] = append(at[name], i)
		}
	}
	require.Equal(t, []int{1, 11, 21}, at["c00"])
	require.Equal(t, []int{2, 12, 22}, at["c10"])
	require.Equal(t, []int{3, 13, 23}, at["c24"])
}

func TestRejections(t *testing.T) {
	e := engine(t, hostModel("highest_severity"))
	for name, c := range map[string]struct {
		change func(*message.Message)
		want   string
	}{
		"no member":   {func(m *message.Message) { m.RemoveField("member") }, "member"},
		"no status":   {func(m *message.Message) { m.RemoveField("value") }, "value"},
		"text status": {func(m *message.Message) { m.RemoveField("value"); m.AddString("value", "0") }, "value"},
		"status 9":    {func(m *message.Message) { m.RemoveField("value"); m.AddDouble("value", 9, "") }, "9"},
		"no alarms":   {func(m *message.Message) { m.Payload = "{}" }, "alarms"},
		"no JSON":     {func(m *message.Message) { m.Payload = `{"alarms":[` }, "alarms"},
		"odd alarm":   {func(m *message.Message) { m.Payload = `{"alarms":[7]}` }, "alarm"},
		"no host":     {func(m *message.Message) { m.RemoveField("hostname") }, "hostname"},
	} {
		m := fact("a", "h1", health.Okay, 0)
		c.change(m)
		err := e.Process(m, clock(0))
		require.ErrorIs(t, err, gse.ErrRejected, name)
		require.ErrorContains(t, err, c.want, name)
	}
	require.EqualValues(t, 8, e.Stats().Rejected)
	require.Zero(t, e.Stats().Pairs)
	// Not for this cluster: ignored without an error.
	other := fact("z", "h1", health.Down, 0)
	require.NoError(t, e.Process(other, clock(0)))
	other = fact("a", "h1", health.Down, 0)
	other.RemoveField("service")
	require.NoError(t, e.Process(other, clock(0)))
	require.NoError(t, e.Process(&message.Message{Type: "metric"}, clock(0)))
	require.Zero(t, e.Stats().Pairs)
}

func TestFuelTypesNameTheMemberElsewhere(t *testing.T) {
	e := engine(t, hostModel("highest_severity"))
	tick(t, e, 0)
	m := fact("a", "h1", health.Down, 0)
	m.RemoveField("member")
	m.AddString("source", "a")
	m.Type = "heka.sandbox.afd_node_metric"
	send(t, e, m, 0)
	require.Equal(t, "down", tick(t, e, 1).word("c"))
}

// In member groups the worst live host counts; UNKNOWN is masked by OKAY inside
// a group only in compatible evaluation.
func TestMemberGroups(t *testing.T) {
	model := "aggregator: {evaluation: %e, alarm_cluster: {c: {policy: availability_of_members, group_by: member, match: {service: web}, members: [a], warm_up_period: 0}}}"
	for evaluation, want := range map[string]string{"strict": "down", "compatible": "okay"} {
		e := engine(t, strings.Replace(model, "%e", evaluation, 1))
		tick(t, e, 0)
		send(t, e, fact("a", "h1", health.Critical, 0), 0)
		send(t, e, fact("a", "h2", health.Okay, 0), 0)
		require.Equal(t, "down", tick(t, e, 1).word("c"), "the newest message must not win over the worst")
		send(t, e, fact("a", "h1", health.Unknown, 2), 2)
		require.Equal(t, want, tick(t, e, 11).word("c"), evaluation)
	}
}

func TestAges(t *testing.T) {
	e := engine(t, strings.Replace(hostModel("highest_severity"), "members: [a, b]", "members: [a], forget_after: 200", 1))
	tick(t, e, 0)
	send(t, e, fact("a", "h1", health.Okay, 0), 0)
	for at := 0; at <= 300; at += 10 {
		send(t, e, fact("a", "h2", health.Okay, at), at)
		out := tick(t, e, at+1)
		switch {
		case at == 0:
			require.Equal(t, "okay", out.word("c"))
		case at < 60:
			require.Equal(t, "okay", out.word("c"), "at %d", at)
		case at < 200:
			require.Equal(t, "unknown", out.word("c"), "at %d", at)
			require.Len(t, out.get("c", "alarms").Array(), 1)
			require.Equal(t, fmt.Sprintf("No status of a from h1 for %d seconds", at+1), out.get("c", "alarms.0.message").Str)
			require.Equal(t, "h1", out.get("c", "alarms.0.hostname").Str)
		default:
			require.Equal(t, "okay", out.word("c"), "forgotten at %d", at)
		}
	}
	// A verdict that waited in a queue is as old as it is.
	send(t, e, fact("a", "h3", health.Okay, 200), 301)
	require.Equal(t, "unknown", tick(t, e, 311).word("c"))
	// And one that is older than what is known changes nothing.
	send(t, e, fact("a", "h3", health.Okay, 320), 320)
	send(t, e, fact("a", "h3", health.Down, 310), 320)
	send(t, e, fact("a", "h2", health.Okay, 320), 320)
	require.Equal(t, "okay", tick(t, e, 321).word("c"))
	require.EqualValues(t, 1, e.Stats().Outdated)
}

func TestForget(t *testing.T) {
	e := engine(t, hostModel("highest_severity"))
	tick(t, e, 0)
	send(t, e, fact("a", "h1", health.Okay, 0), 0)
	send(t, e, fact("b", "h2", health.Down, 0), 0)
	require.Equal(t, "down", tick(t, e, 1).word("c"))
	require.Equal(t, 1, e.Forget("h2", ""))
	require.Equal(t, "okay", tick(t, e, 11).word("c"), "what is forgotten is not expected")
	require.Zero(t, e.Forget("h2", "b"))
	require.Equal(t, 1, e.Forget("", "a"))
	require.Equal(t, "unknown", tick(t, e, 21).word("c"))
}

func TestClusterOfClusters(t *testing.T) {
	e := engine(t, `
aggregator:
  alarm_cluster:
    top: {policy: highest_severity, match: {service: nova}, members: [api, compute], dimension: {cluster_name: nova}}
    api: {policy: availability_of_members, group_by: hostname, match: {service: web}, members: [a], dimension: {service: nova}}
    compute: {policy: highest_severity, group_by: hostname, match: {service: web}, members: [b], dimension: {service: nova}}
`)
	var firstTop, firstAPI int
	for at := 0; at <= 60; at++ {
		for _, h := range []string{"h1", "h2"} {
			send(t, e, fact("a", h, health.Okay, at), at)
			send(t, e, fact("b", h, health.Warn, at), at)
		}
		out := tick(t, e, at)
		if out["api"] != nil && firstAPI == 0 {
			firstAPI = at
		}
		if out["top"] != nil && firstTop == 0 {
			firstTop = at
			require.Equal(t, "warning", out.word("top"))
			require.Equal(t, "compute", out.get("top", "alarms.0.tags.dependency_name").Str)
			require.Equal(t, "h1", out.get("top", "alarms.0.hostname").Str, "the host that is there survives")
		}
	}
	require.Equal(t, 21, firstAPI)
	require.Equal(t, 31, firstTop)
}

func TestHints(t *testing.T) {
	e := engine(t, `
aggregator:
  alarm_cluster:
    top: {policy: highest_severity, match: {service: web}, members: [a], hints: [low], warm_up_period: 0}
    low: {policy: highest_severity, match: {service: web}, members: [a, b], warm_up_period: 500}
`)
	tick(t, e, 0)
	send(t, e, fact("a", "", health.Warn, 0), 0)
	send(t, e, fact("b", "", health.Down, 0), 0)
	out := tick(t, e, 1)
	require.Equal(t, "none", out.word("low"), "it is still warming up")
	require.Equal(t, "warning", out.word("top"), "hints never change the status")
	require.Equal(t, `["direct","hint"]`, out.get("top", "alarms.#.tags.dependency_level").Raw)
	require.Equal(t, `["a","low"]`, out.get("top", "alarms.#.tags.dependency_name").Raw)
}

func TestCollectorsCluster(t *testing.T) {
	e := engine(t, "aggregator: {evaluation: compatible}")
	beat := func(host string, at int) {
		m := &message.Message{Type: "heartbeat", Hostname: host, Timestamp: clock(at).UnixNano()}
		send(t, e, m, at)
	}
	for at := range 40 {
		require.Empty(t, tick(t, e, at), "nothing is said before the first heartbeat")
	}
	beat("h1", 40)
	beat("h2", 40)
	require.Equal(t, "okay", tick(t, e, 41).word("collectors"))
	beat("h1", 95)
	out := tick(t, e, 101)
	require.Equal(t, "unknown", out.word("collectors"))
	require.Equal(t, `["h2"]`, out.get("collectors", "alarms.#.hostname").Raw)
	require.ErrorIs(t, e.Process(&message.Message{Type: "heka.sandbox.heartbeat"}, clock(101)), gse.ErrRejected)
}

func TestReloadKeepsFactsAndClock(t *testing.T) {
	e := engine(t, hostModel("highest_severity"))
	tick(t, e, 0)
	send(t, e, fact("a", "h1", health.Down, 0), 0)
	send(t, e, fact("b", "h1", health.Okay, 0), 0)
	require.Equal(t, "down", tick(t, e, 1).word("c"))
	e = gse.NewEngine(load(t, strings.Replace(hostModel("highest_severity"), "[a, b]", "[b]", 1)), gse.Options{}, e)
	require.Equal(t, "none", tick(t, e, 10).word("c"), "the period is kept")
	require.Equal(t, "okay", tick(t, e, 11).word("c"), "the member that left does not count")
	e = gse.NewEngine(load(t, strings.Replace(hostModel("highest_severity"), "service: web", "service: db", 1)), gse.Options{}, e)
	require.Equal(t, "unknown", tick(t, e, 21).word("c"), "another match starts anew")
}

func TestAlarmListIsCapped(t *testing.T) {
	e := gse.NewEngine(load(t, hostModel("highest_severity")), gse.Options{MaxAlarms: 3}, nil)
	tick(t, e, 0)
	for i := range 10 {
		send(t, e, fact("a", fmt.Sprintf("h%d", i), health.Warn, 0), 0)
	}
	require.Len(t, tick(t, e, 1).get("c", "alarms").Array(), 3)
	require.Positive(t, e.Stats().AlarmsOmitted)
}

func TestEvidenceReevaluatesToTheSameStatus(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, yaml := range []string{
		hostModel("status_of_members"),
		hostModel("availability_of_members"),
		strings.Replace(hostModel("majority_of_node_members"), "alarm_cluster", "evaluation: compatible, alarm_cluster", 1),
		strings.Replace(hostModel("highest_severity"), "members: [a, b]", "members: [a, b], expected_hosts: [h0, h1, h9]", 1),
		strings.Replace(hostModel("highest_severity"), "group_by: hostname", "group_by: member", 1),
	} {
		e := engine(t, yaml)
		tick(t, e, 0)
		seen := map[health.Status]bool{}
		for at := 1; at < 4000; at += 10 {
			for i := range 4 {
				if random.IntN(12) == 0 {
					s := health.All()[random.IntN(5)]
					if random.IntN(2) == 0 {
						s = health.Okay
					}
					send(t, e, fact([]string{"a", "b"}[random.IntN(2)], fmt.Sprintf("h%d", i), s, at), at)
				}
			}
			out := tick(t, e, at)
			ev, ok := e.Explain("c", clock(at))
			require.True(t, ok)
			data, err := json.Marshal(ev)
			require.NoError(t, err)
			var back gse.Evidence
			require.NoError(t, json.Unmarshal(data, &back))
			require.Equal(t, out.word("c"), back.Reevaluate().Word(), "at %d: %s", at, data)
			seen[ev.Status] = true
		}
		require.Greater(t, len(seen), 1)
	}
	_, ok := engine(t, "aggregator: {}").Explain("none", clock(0))
	require.False(t, ok)
}

// At the limit on pairs new ones are refused and counted, and the cluster that
// does not see everything is not OKAY.
func TestPairLimit(t *testing.T) {
	e := gse.NewEngine(load(t, strings.Replace(hostModel("highest_severity"), "[a, b]", "[a]", 1)), gse.Options{MaxPairs: 2}, nil)
	tick(t, e, 0)
	send(t, e, fact("a", "h1", health.Okay, 0), 0)
	send(t, e, fact("a", "h2", health.Okay, 0), 0)
	require.Equal(t, "okay", tick(t, e, 1).word("c"))
	require.ErrorIs(t, e.Process(fact("a", "h3", health.Okay, 2), clock(2)), gse.ErrRejected)
	send(t, e, fact("a", "h1", health.Okay, 2), 2)
	out := tick(t, e, 11)
	require.Equal(t, "unknown", out.word("c"))
	require.Contains(t, out.get("c", "alarms.0.message").Str, "limit")
	require.EqualValues(t, 1, e.Stats().PairsRefused)
	require.Equal(t, 2, e.Stats().Pairs)
	e.Forget("h2", "")
	require.Equal(t, 1, e.Stats().Pairs)
	require.NoError(t, e.Process(fact("a", "h3", health.Okay, 12), clock(12)))
}

// The same input gives the same bytes.
func TestDeterminism(t *testing.T) {
	run := func() []string {
		random := rand.New(rand.NewPCG(5, 6))
		e := engine(t, hostModel("status_of_members"))
		var out []string
		for at := range 200 {
			send(t, e, fact([]string{"a", "b"}[random.IntN(2)], fmt.Sprintf("h%d", random.IntN(9)), health.All()[random.IntN(5)], at), at)
			require.NoError(t, e.Tick(clock(at), func(m *message.Message) error {
				out = append(out, string(message.AppendMessage(nil, m)))
				return nil
			}))
		}
		return out
	}
	first := run()
	require.Len(t, first, 20)
	require.Equal(t, first, run())
}
