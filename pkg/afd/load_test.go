package afd_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/health"
)

const oneRule = "trigger: {net_odd: {severity: warning, rules: [{metric: x, function: last, relational_operator: '>', threshold: 0%s}]%s}}\nalarm: {m: {triggers: [net_odd]%s}}"

func with(rule, trigger, alarm string) string {
	s := strings.Replace(oneRule, "%s", rule, 1)
	s = strings.Replace(s, "%s", trigger, 1)
	return strings.Replace(s, "%s", alarm, 1)
}

// Every error names the file, the line, the trigger or alarm, and the key.
func TestLoadErrors(t *testing.T) {
	for _, c := range []struct {
		yaml string
		want []string
	}{
		{strings.Replace(with("", "", ""), "function: last", "function: mean", 1), []string{"model.yml:1", "net_odd", "function", `"mean"`}},
		{strings.Replace(with("", "", ""), "function: last, ", "", 1), []string{"model.yml:1", "net_odd", "function is missing"}},
		{strings.Replace(with("", "", ""), "'>'", "'=>'", 1), []string{"net_odd", "relational_operator", `"=>"`}},
		{strings.Replace(with("", "", ""), "relational_operator: '>', ", "", 1), []string{"net_odd", "relational_operator is missing"}},
		{strings.Replace(with("", "", ""), "threshold: 0", "threshold: many", 1), []string{"net_odd", "threshold", "many"}},
		{strings.Replace(with("", "", ""), ", threshold: 0", "", 1), []string{"net_odd", "threshold is missing"}},
		{strings.Replace(with("", "", ""), "metric: x, ", "", 1), []string{"net_odd", "metric is missing"}},
		{strings.Replace(with("", "", ""), "metric: x", "metrc: x", 1), []string{"net_odd", "metrc", "metric"}},
		{strings.Replace(with("", "", ""), "severity: warning", "severity: bad", 1), []string{"net_odd", "severity", `"bad"`}},
		{strings.Replace(with("", "", ""), "severity: warning, ", "", 1), []string{"net_odd", "severity is missing"}},
		{with("", ", no_data_policy: hm", ""), []string{"net_odd", "no_data_policy", `"hm"`}},
		{with("", ", no_data_ever_policy: hm", ""), []string{"net_odd", "no_data_ever_policy", `"hm"`}},
		{with("", ", logical_operator: xor", ""), []string{"net_odd", "logical_operator", `"xor"`}},
		{with(", window: soon", "", ""), []string{"net_odd", "window", "soon"}},
		{with(", window: 1e9", "", ""), []string{"net_odd", "window"}},
		{with(", field: {device: ''}", "", ""), []string{"net_odd", "device", "empty"}},
		{with(", field: {device: '> bar'}", "", ""), []string{"net_odd", "device", "bar"}},
		{with(", field: {a: b}, fields: {c: d}", "", ""), []string{"net_odd", "two spellings"}},
		{with(", script: 'x'", "", ""), []string{"net_odd", "script"}},
		{with(", trend: up", "", ""), []string{"net_odd", "trend", `"up"`}},
		{"trigger: {net_odd: {severity: warning, rules: []}}", []string{"net_odd", "at least one rule"}},
		{with("", "", ", alerting: maybe"), []string{"model.yml:2", "alarm m", "alerting", `"maybe"`}},
		{with("", "", ", dimension: {hostname: x}"), []string{"alarm m", "hostname"}},
		{with("", "", ", dimension: {Role: x}"), []string{"alarm m", `"Role"`}},
		{with("", "", ", dimension: {role: a b}"), []string{"alarm m", "role", `"a b"`}},
		{"trigger: {}\nalarm: {m: {}}", []string{"model.yml:2", "alarm m", "triggers is missing"}},
		{with("", "", ", colour: red"), []string{"alarm.m", "colour"}},
	} {
		_, _, err := tryLoad(t, c.yaml)
		require.Error(t, err, c.yaml)
		for _, part := range c.want {
			require.ErrorContains(t, err, part, c.yaml)
		}
	}
}

func TestLoadReportsAllErrorsTogether(t *testing.T) {
	_, _, err := tryLoad(t, "trigger: {a: {severity: x, rules: [{}]}, b: {rules: []}}\nalarm: {m: {}}")
	for _, part := range []string{"trigger a", "trigger b", "alarm m", "severity", "metric", "function"} {
		require.ErrorContains(t, err, part)
	}
}

func TestLoadWarnings(t *testing.T) {
	defs, warnings, err := tryLoad(t, with("", "", "")+"\n# the alarm above is fine\n")
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Len(t, defs, 1)

	defs, warnings, err = tryLoad(t, strings.Replace(with("", "", ""), "[net_odd]", "[gone, net_odd]", 1))
	require.NoError(t, err)
	require.Len(t, defs[0].Triggers, 1)
	require.Len(t, warnings, 1)
	require.ErrorContains(t, warnings[0], `model.yml:2: alarm.m.triggers.0: alarm m: unknown trigger "gone"`)

	defs, warnings, err = tryLoad(t, with("", ", enabled: 'false'", ""))
	require.NoError(t, err)
	require.Empty(t, defs)
	require.ErrorContains(t, warnings[0], "no usable trigger")

	_, warnings, err = tryLoad(t, with(", field: {a: '=~ ['}", "", ""))
	require.NoError(t, err)
	require.ErrorContains(t, warnings[0], "malformed")
}

func TestLoadDefaultsAndSpellings(t *testing.T) {
	d := load(t,
		"trigger: {t: {enabled: 'true', severity: DOWN, no_data_policy: Skip, logical_operator: '&&', rules: [{metric: x, fields: {code: 200}, function: LAST, relational_operator: GTE, threshold: '5', window: '60', periods: '2'}]}}\nalarm: {m: {triggers: [t], handler: slack, alerting: enabled_with_notification, dimension: {service: a, level: 3}}}")[0]
	require.Equal(t, []afd.Dimension{{Name: "service", Value: "a"}, {Name: "level", Value: "3"}}, d.Dimensions)
	require.True(t, d.AlertingEnabled)
	require.True(t, d.NotificationEnabled)
	require.Equal(t, "slack", d.Handler)
	tr := d.Triggers[0]
	require.Equal(t, health.Down, tr.Severity)
	require.True(t, tr.Skip)
	require.True(t, tr.And)
	r := tr.Rules[0]
	require.Equal(t, afd.GreaterEqual, r.Operator)
	require.InDelta(t, 60, r.Window, 0)
	require.InDelta(t, 2, r.Periods, 0)
	require.Equal(t, "200", r.Fields[0].Expr.String())

	d = load(t, with(", window: -3, periods: 0", "", ""))[0]
	require.True(t, d.AlertingEnabled)
	require.False(t, d.NotificationEnabled)
	require.InDelta(t, 10, d.Triggers[0].Rules[0].Window, 0)
	require.InDelta(t, 1, d.Triggers[0].Rules[0].Periods, 0)

	require.Empty(t, load(t, "alarms_enabled: false\n"+with("", "", "")))
	require.Empty(t, load(t, with("", "", ", enabled: false")))
}

func FuzzLoad(f *testing.F) {
	f.Add(with("", "", ""))
	f.Add(everyFunction)
	f.Add("trigger: {a: [1]}\nalarm: 7")
	f.Fuzz(func(t *testing.T, yaml string) {
		n, err := config.Load(config.Source{Name: "f", Data: []byte(yaml)})
		if err != nil {
			return
		}
		defs, _, err := afd.Load(n)
		if err != nil {
			return
		}
		set := afd.NewSet(defs, afd.Options{}, nil)
		for _, d := range defs {
			for _, tr := range d.Triggers {
				for _, r := range tr.Rules {
					_ = set.Process(metric(r.Metric, 5, 1), clock(5))
				}
			}
		}
		tick(t, set, 0)
		tick(t, set, 10)
	})
}
