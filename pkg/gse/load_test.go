package gse_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/gse"
)

func clusters(text string) string { return "aggregator: {alarm_cluster: {" + text + "}}" }

func TestLoadErrors(t *testing.T) {
	const ok = "policy: highest_severity, match: {service: web}, members: [a]"
	for _, c := range []struct {
		yaml string
		want []string
	}{
		{clusters("c: {policy: nope, match: {service: web}, members: [a]}"), []string{"model.yml:1", "cluster c", `policy "nope"`, "highest_severity"}},
		{clusters("c: {policy: highest_severity, members: [a]}"), []string{"cluster c", "match is missing"}},
		{clusters("c: {policy: highest_severity, match: {service: web}}"), []string{"cluster c", "members is missing"}},
		{clusters("c: {policy: highest_severity, match_re: {service: '['}, members: [a]}"), []string{"cluster c", "match_re service"}},
		{clusters("c: {" + ok + ", alerting: loud}"), []string{"cluster c", "alerting", `"loud"`}},
		{clusters("c: {" + ok + ", hints: [gone]}"), []string{"cluster c", `hint "gone"`}},
		{clusters("c: {" + ok + ", dimension: {member: x}}"), []string{"cluster c", "member"}},
		{clusters("c: {" + ok + ", dimension: {x: Y}}"), []string{"cluster c", `"Y"`}},
		{clusters("c: {" + ok + ", intervall: 5}"), []string{"alarm_cluster.c", "intervall", "interval"}},
		{clusters("c: {" + ok + ", dimension: {service: web}}"), []string{"cluster c", "its own output"}},
		{clusters("c: {policy: highest_severity, match_re: {member: c}, members: [a]}"), []string{"cluster c", "its own output"}},
		{clusters("c: {" + ok + ", hints: [d]}, d: {" + ok + ", hints: [e]}, e: {" + ok + ", hints: [c]}"), []string{"circle", "c -> d -> e -> c"}},
		{clusters("c: {" + ok + ", hints: [c]}"), []string{"circle", "c -> c"}},
		{clusters("c: {policy: highest_severity, match: {x: one}, members: [d], dimension: {x: two}}, d: {policy: highest_severity, match: {x: two}, members: [c], dimension: {x: one}}"), []string{"feed each other", "c -> d -> c"}},
		{"aggregator: {evaluation: lenient}", []string{"evaluation", `"lenient"`}},
		{"aggregator: {policy: {p: []}}", []string{"policy p"}},
		{"aggregator: {policy: {p: [{status: fine}]}}", []string{"policy p", `"fine"`}},
		{"aggregator: {policy: {p: [{status: okay, trigger: {logical_operator: nor}}]}}", []string{"policy p", `"nor"`}},
		{"aggregator: {policy: {p: [{status: okay, trigger: {rules: [{function: ratio, arguments: [down], relational_operator: '>', threshold: 0}]}}]}}", []string{"policy p", `"ratio"`}},
		{"aggregator: {policy: {p: [{status: okay, trigger: {rules: [{function: count, arguments: [dwn], relational_operator: '>', threshold: 0}]}}]}}", []string{"policy p", `"dwn"`}},
		{"aggregator: {policy: {p: [{status: okay, trigger: {rules: [{function: count, arguments: [down], relational_operator: '~', threshold: 0}]}}]}}", []string{"policy p", `"~"`}},
		{"aggregator: {policy: {p: [{status: okay, trigger: {rules: [{function: count, arguments: [down], relational_operator: '>'}]}}]}}", []string{"policy p", "threshold is missing"}},
		{"aggregator: {policy: {p: [{status: okay, trigger: {rules: [{function: count, relational_operator: '>', threshold: 0}]}}]}}", []string{"policy p", "arguments is missing"}},
	} {
		_, _, err := tryLoad(t, c.yaml)
		require.Error(t, err, c.yaml)
		for _, part := range c.want {
			require.ErrorContains(t, err, part, c.yaml)
		}
	}
}

func TestLoadDefaults(t *testing.T) {
	m := load(t, clusters("c: {policy: highest_severity, match: {service: web}, members: [a]}"))
	c := m.Clusters[0]
	require.True(t, c.Strict)
	require.True(t, c.AlertingEnabled)
	require.True(t, c.NotificationEnabled)
	require.False(t, c.ByHostname)
	require.Equal(t, 10*time.Second, c.Interval)
	require.Equal(t, 20*time.Second, c.WarmUp)
	require.Equal(t, time.Minute, c.MemberTTL)
	require.Equal(t, time.Hour, c.ForgetAfter)

	m = load(t, "aggregator: {evaluation: compatible, alarm_cluster: {c: {policy: highest_severity, match: {level: 3}, members: [a], enabled: 'true', alerting: enabled, group_by: none, member_ttl: 30, interval: '5'}, off: {enabled: false, policy: highest_severity, match: {a: b}, members: [x]}, d: {policy: highest_severity, match: {a: b}, members: [x]}}}")
	require.Len(t, m.Clusters, 2)
	c = m.Clusters[0]
	require.False(t, c.NotificationEnabled)
	require.Equal(t, 30*time.Second, c.MemberTTL)
	require.Equal(t, 5*time.Second, c.Interval)
	require.Equal(t, "3", c.Match[0].Value)
	require.Zero(t, m.Clusters[1].MemberTTL, "facts do not age in compatible evaluation")
	require.Zero(t, m.Clusters[1].ForgetAfter)
}

func TestLoadWarnings(t *testing.T) {
	_, warnings, err := tryLoad(t, clusters("c: {policy: highest_severity, match: {service: web}, members: [a], hints: [off]}, off: {enabled: false, policy: highest_severity, match: {a: b}, members: [x]}"))
	require.NoError(t, err)
	require.ErrorContains(t, warnings[0], "disabled cluster")
	_, warnings, err = tryLoad(t, clusters("c: {policy: highest_severity, group_by: hostname, match: {x: y}, members: [d]}, d: {policy: highest_severity, match: {a: b}, members: [x], dimension: {x: y}}"))
	require.NoError(t, err)
	require.ErrorContains(t, warnings[0], "group_by: hostname")
}

func FuzzLoad(f *testing.F) {
	f.Add(strings.Replace(byHost, "%p", "p", 1))
	f.Add("aggregator: {policy: {p: [{status: okay, trigger: {rules: [{function: percent, arguments: [down], relational_operator: '>', threshold: 0}]}}]}}")
	f.Fuzz(func(t *testing.T, yaml string) {
		n, err := config.Load(config.Source{Name: "f", Data: []byte(yaml)})
		if err != nil {
			return
		}
		m, _, err := gse.Load(n.Get("aggregator"))
		if err != nil {
			return
		}
		e := gse.NewEngine(m, gse.Options{}, nil)
		tick(t, e, 0)
		_ = e.Process(fact("a", "h", 1, 1), clock(1))
		tick(t, e, 100)
	})
}
