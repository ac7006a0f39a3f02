package fuel_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/lint/fuel"
)

const model = `lma_collector:
  alarms:
  - name: cpu-critical
    description: No time left
    severity: critical
    enabled: 'true'
    trigger:
      logical_operator: or
      rules:
      - {metric: cpu_idle, relational_operator: '<=', threshold: 5, window: 120, periods: 0, function: avg}
  - name: db-down
    severity: down
    no_data_policy: okay
    trigger: {rules: [{metric: db_check, fields: {service: db}, relational_operator: '==', threshold: 0, window: 60, function: last}]}
  - name: off
    severity: down
    enabled: 'false'
    trigger: {rules: [{metric: db_check, relational_operator: '==', threshold: 0, window: 60, function: last}]}
  node_cluster_alarms:
    controller:
      apply_to_node: controller
      alerting: enabled
      members:
        cpu: {alarms: [cpu-critical]}
    db:
      apply_to_node: db-nodes
      members:
        cpu: {alarms: [cpu-critical], alerting: enabled_with_notification}
  service_cluster_alarms:
    db:
      apply_to_node: db-nodes
      alerting: disabled
      members:
        check: {alarms: [db-down, off]}
  gse_policies:
    worst:
    - {status: down, trigger: {logical_operator: or, rules: [{function: count, arguments: [down], relational_operator: '>', threshold: 0}]}}
    - {status: okay}
  gse_cluster_service:
    input_message_types: [afd_service_metric]
    interval: 10
    warm_up_period: 20
    alerting: enabled
    clusters:
      db: {policy: worst, group_by: hostname, members: [check], hints: [Web_Shop]}
      Web_Shop: {policy: worst, members: [check]}
  gse_cluster_node:
    warm_up_period: 80
    clusters:
      controller: {policy: worst, group_by: hostname, members: [cpu]}
      db: {policy: worst, group_by: hostname, members: [cpu]}
  gse_cluster_global:
    warm_up_period: 30
    alerting: enabled_with_notification
    clusters:
      db: {policy: worst, group_by: member, members: [db]}
      control: {policy: worst, group_by: member, members: [controller], hints: [db]}
`

func load(t *testing.T, text string) *config.Node {
	t.Helper()
	n, err := config.Load(config.Source{Name: "fuel.yaml", Data: []byte(text)})
	require.NoError(t, err)
	return n
}

func TestConvertedModelLoads(t *testing.T) {
	m, err := fuel.Convert(load(t, model), fuel.Options{})
	require.NoError(t, err)
	require.Len(t, m.Warnings, 3, "one for every apply_to_node")
	require.ErrorContains(t, m.Warnings[0], "fuel.yaml:21: lma_collector.node_cluster_alarms.controller.apply_to_node")
	n, err := config.Load(config.Source{Name: "ours.yml", Data: m.YAML})
	require.NoError(t, err)

	defs, warnings, err := afd.Load(n.Get("metric_collector"))
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Len(t, defs, 3)
	require.Equal(t, "controller_cpu", defs[0].Name)
	require.Equal(t, []afd.Dimension{{Name: "node_role", Value: "controller"}}, defs[0].Dimensions)
	require.True(t, defs[0].AlertingEnabled)
	require.False(t, defs[0].NotificationEnabled)
	require.True(t, defs[1].NotificationEnabled, "a member's alerting wins over its cluster's")
	require.Equal(t, "db_check", defs[2].Name)
	require.False(t, defs[2].AlertingEnabled)
	require.Len(t, defs[2].Triggers, 1, "a disabled alarm stays disabled")
	require.Equal(t, "service", defs[2].Triggers[0].Rules[0].Fields[0].Name)

	g, warnings, err := gse.Load(n.Get("aggregator"))
	require.NoError(t, err)
	require.Empty(t, warnings)
	clusters := map[string]gse.Cluster{}
	for _, c := range g.Clusters {
		clusters[c.Name] = c
	}
	require.Len(t, clusters, 6)
	require.Equal(t, []string{"db_service", "db_node"}, clusters["db"].Members, "both clusters of that name feed the one at the top")
	require.Equal(t, []string{"controller"}, clusters["control"].Members)
	require.Equal(t, []string{"db"}, clusters["control"].Hints)
	require.Equal(t, []string{"Web_Shop"}, clusters["db_service"].Hints)
	require.Equal(t, []string{"db_cpu"}, clusters["db_node"].Members)
	require.Equal(t, []gse.Pair{{Field: "node_role", Value: "db"}}, clusters["db_node"].Match)
	require.Equal(t, []gse.Pair{{Field: "service", Value: "web_shop"}}, clusters["Web_Shop"].Match)
	require.Equal(t, "1m20s", clusters["db_node"].WarmUp.String())
	require.True(t, clusters["db"].NotificationEnabled)
	require.False(t, clusters["db_service"].NotificationEnabled)
}

func TestNodeProfile(t *testing.T) {
	m, err := fuel.Convert(load(t, model), fuel.Options{Node: "controller"})
	require.NoError(t, err)
	require.Empty(t, m.Warnings)
	n, err := config.Load(config.Source{Data: m.YAML})
	require.NoError(t, err)
	require.Equal(t, []string{"controller_cpu"}, n.Get("metric_collector", "alarm").Keys())
}

func TestWhereThingsCameFrom(t *testing.T) {
	m, err := fuel.Convert(load(t, model), fuel.Options{})
	require.NoError(t, err)
	for path, line := range map[string]int{
		"metric_collector.trigger.cpu-critical.severity":          5,
		"metric_collector.trigger.cpu-critical.rules.0.threshold": 10,
		"metric_collector.trigger.db-down":                        11,
		"metric_collector.alarm.controller_cpu.triggers":          24,
		"metric_collector.alarm.controller_cpu.dimension":         24,
		"aggregator.policy.worst.1":                               38,
		"aggregator.alarm_cluster.db_node.members.0":              51,
		"aggregator.alarm_cluster.db.policy":                      56,
	} {
		pos, ok := m.Where(path)
		require.True(t, ok, path)
		require.Equal(t, config.Pos{File: "fuel.yaml", Line: line}, pos, path)
	}
	_, ok := m.Where("log_collector.input")
	require.False(t, ok)
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"metric_collector: {}":           "no model of the Fuel plugins",
		"alarms: {a: b}":                 "want a list of alarms",
		"alarms: [{severity: down}]":     `a name of its own, this one has ""`,
		"alarms: [{name: a}, {name: a}]": `this one has "a"`,
		"service_cluster_alarms: {a: {members: {b_c: {}}}, a_b: {members: {c: {}}}}": "two members would be called a_b_c",
	} {
		_, err := fuel.Convert(load(t, text), fuel.Options{})
		require.ErrorContains(t, err, want, text)
	}
	m, err := fuel.Convert(load(t, "alarms: [{name: a, colour: red}]\ngse_cluster_node: {clusters: {c: {size: 3}}}"), fuel.Options{})
	require.NoError(t, err)
	require.Len(t, m.Warnings, 2, "what has no place is told")
}

func TestWithoutRepeats(t *testing.T) {
	for in, want := range map[string]string{
		"a: 1\nb: 2\na: 1\n":                   "a: 1\nb: 2\n\n",
		"- function: x\n  a: 1\n  function: x": "- function: x\n  a: 1\n",
		"a: 1\na: 2\n":                         "a: 1\na: 2\n",
		"a: {b: 1, b: 1}\n":                    "a: {b: 1, b: 1}\n",
		"a: [1]\na: [1]\n":                     "a: [1]\na: [1]\n",
		"{":                                    "{",
		"a: 1\n":                               "a: 1\n",
	} {
		require.Equal(t, want, string(fuel.WithoutRepeats([]byte(in))), "%q", in)
	}
}

func FuzzConvert(f *testing.F) {
	f.Add([]byte(model))
	f.Add([]byte("gse_cluster_global: {clusters: {a: {members: [a]}}}"))
	f.Add([]byte("alarms: [{name: a, trigger: {rules: 3}}]\nalarms: 1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := config.Load(config.Source{Name: "f", Data: fuel.WithoutRepeats(data)})
		if err != nil {
			return
		}
		m, err := fuel.Convert(n, fuel.Options{})
		if err != nil {
			return
		}
		_, err = config.Load(config.Source{Name: "g", Data: m.YAML})
		require.NoError(t, err, "what was converted is a model:\n%s", m.YAML)
	})
}
