package afd_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

const twoTriggers = `
trigger:
  t1: {description: t1 text, severity: critical, rules: [{metric: a, function: last, relational_operator: '==', threshold: 0, window: 60}]}
  t2: {description: t2 text, severity: warning, rules: [{metric: b, function: last, relational_operator: '==', threshold: 0, window: 30}]}
alarm:
  m: {triggers: [t1, t2], handler: slack, alerting: disabled, dimension: {service: nova, node_role: compute}}
`

func TestVerdictMessage(t *testing.T) {
	opt := afd.Options{Host: "daemon", Hostname: "node-1", Tags: map[string]string{"environment_label": "mk", "service": "other"}}
	set := afd.NewSet(load(t, twoTriggers), opt, nil)
	tick(t, set, 0)
	send(t, set, metric("a", 55, 0), 55)
	m := tick(t, set, 60)["m"]
	require.Equal(t, "heka.sandbox.afd_metric", m.Type)
	require.Equal(t, "afd_m_filter", m.Logger)
	require.Equal(t, "daemon", m.Hostname)
	require.Equal(t, clock(60).UnixNano(), m.Timestamp)
	got := map[string]any{}
	for i := range m.Fields {
		f := &m.Fields[i]
		if f.Len() > 1 {
			got[f.Name] = m.Strings(f.Name)
		} else {
			got[f.Name] = f.At(0).Text()
		}
	}
	require.Empty(t, cmp.Diff(map[string]any{
		"name": "status", "value": "3", "member": "m", "hostname": "node-1", "alerting_enabled": "false", "notification_enabled": "false",
		"notification_handler": "slack", "service": "nova", "node_role": "compute", "environment_label": "mk",
		"tag_fields": []string{"member", "hostname", "service", "node_role"},
	}, got))
	require.Equal(t, `{"alarms":[{"severity":"CRITICAL","function":"last","metric":"a","fields":{},"tags":{},"operator":"==","value":0,"threshold":0,"window":60,"periods":1,"message":"t1 text","samples":[{"time":1500000055,"value":0}]}]}`, m.Payload)

	remote := afd.NewSet(load(t, twoTriggers), afd.Options{Host: "mon"}, nil)
	tick(t, remote, 0)
	m = tick(t, remote, 60)["m"]
	require.Nil(t, m.Field("hostname"))
	require.Equal(t, []string{"member", "service", "node_role"}, m.Strings("tag_fields"))
}

// Every trigger waits for its own longest observation; nothing is said before
// the first one is due.
func TestWaits(t *testing.T) {
	set := afd.NewSet(load(t, twoTriggers), afd.Options{}, nil)
	for at := 0; at < 60; at += 10 {
		out := tick(t, set, at)
		if at < 30 {
			require.Empty(t, out, "at %d", at)
			continue
		}
		require.Equal(t, 2, out.status("m"))
		require.Equal(t, "b", out.get("m", "alarms.0.metric").Str)
		require.Len(t, out.get("m", "alarms").Array(), 1)
	}
	require.Len(t, tick(t, set, 60).get("m", "alarms").Array(), 2)
}

func TestWorstOfTriggers(t *testing.T) {
	for _, c := range []struct {
		name   string
		a, b   float64 // 0 matches; -1: silent
		status int
		alarms int
	}{
		{"unknown then okay", -1, 1, 0, 1},
		{"unknown then warning", -1, 0, 1, 2},
		{"critical stops", 0, 0, 3, 1},
		{"okay then warning", 1, 0, 1, 1},
		{"okay then unknown", 1, -1, 0, 1},
		{"both okay", 1, 1, 0, 0},
		{"both unknown", -1, -1, 2, 2},
	} {
		set := afd.NewSet(load(t, twoTriggers), afd.Options{}, nil)
		tick(t, set, 0)
		for metricName, v := range map[string]float64{"a": c.a, "b": c.b} {
			if v >= 0 {
				send(t, set, metric(metricName, 60, v), 60)
			}
		}
		out := tick(t, set, 60)
		require.Equal(t, c.status, out.status("m"), c.name)
		require.Len(t, out.get("m", "alarms").Array(), c.alarms, c.name)
	}
}

func TestLateFutureAndInvalid(t *testing.T) {
	set := afd.NewSet(load(t, "trigger: {t: {severity: warning, rules: [{metric: x, function: max, relational_operator: '>', threshold: 5, window: 60}]}}\nalarm: {m: {triggers: [t]}}"), afd.Options{}, nil)
	tick(t, set, 0)
	send(t, set, metric("x", 300, 1), 300)
	send(t, set, metric("x", 244, 9), 300) // before head-(N-1)*5
	send(t, set, metric("x", 361, 9), 300) // more than 60 s ahead
	require.Equal(t, 0, tick(t, set, 300).status("m"))
	bad := metric("x", 300, 0)
	bad.RemoveField("value")
	require.ErrorIs(t, set.Process(bad, clock(300)), afd.ErrNoValue)
	bad.AddString("value", "7")
	require.ErrorIs(t, set.Process(bad, clock(300)), afd.ErrNoValue)
	s := set.Stats()
	require.EqualValues(t, 1, s.Late)
	require.EqualValues(t, 1, s.Future)
	require.EqualValues(t, 2, s.Invalid)
	require.EqualValues(t, 1, s.Datapoints)
	send(t, set, metric("x", 360, 9), 300) // just within
	require.Equal(t, 1, tick(t, set, 360).status("m"))
}

func TestMultiValue(t *testing.T) {
	set := afd.NewSet(load(t, "trigger: {t: {severity: warning, rules: [{metric: h, value: p90, function: max, relational_operator: '>=', threshold: 5}]}}\nalarm: {m: {triggers: [t]}}"), afd.Options{}, nil)
	tick(t, set, 0)
	m := &message.Message{Type: "multivalue_metric", Timestamp: clock(10).UnixNano()}
	m.AddString("name", "h")
	m.AddStrings("value_fields", "p90", "n")
	m.AddDouble("p90", 6, "")
	m.AddDouble("n", 1, "")
	m.AddDouble("p99", 9, "")
	send(t, set, m, 10)
	require.Equal(t, 1, tick(t, set, 10).status("m"))
	send(t, set, metric("h", 20, 7), 20) // `value` is ignored for scalar metrics
	require.InDelta(t, 7, tick(t, set, 20).get("m", "alarms.0.value").Float(), 0)
}

const grouped = "trigger: {t: {description: low, severity: critical, rules: [{metric: fs, field: {kind: '=~ .'}, group_by: [fs], function: min, relational_operator: '<', threshold: 5, window: 60}]}}\nalarm: {m: {triggers: [t]}}"

func TestGroupsAndSeriesTTL(t *testing.T) {
	set := afd.NewSet(load(t, grouped), afd.Options{}, nil)
	tick(t, set, 0)
	send(t, set, metric("fs", 10, 1, "fs", "/a", "kind", "ssd"), 10)
	send(t, set, metric("fs", 60, 2, "fs", "/b", "kind", "ssd"), 60)
	send(t, set, metric("fs", 60, 2, "fs", "/c"), 60)       // the field is missing
	send(t, set, metric("fs", 60, 2, "kind", "ssd"), 60)    // the group is missing
	send(t, set, metric("other", 60, 2, "kind", "ssd"), 60) // another metric
	out := tick(t, set, 71)
	require.Equal(t, 3, out.status("m"))
	require.Equal(t, `[{"fs":"/a","kind":"ssd"},{"fs":"/b","kind":"ssd"}]`, out.get("m", "alarms.#.fields").Raw)
	require.Equal(t, "No datapoint over the last 60 seconds", out.get("m", "alarms.0.message").Str)
	require.Equal(t, "low", out.get("m", "alarms.1.message").Str)
	require.Equal(t, 2, set.Stats().Series)
	require.Equal(t, 2, tick(t, set, 121).status("m"))
	tick(t, set, 611) // /a is silent for more than 600 s
	require.Equal(t, 1, set.Stats().Series)
	out = tick(t, set, 661)
	require.Equal(t, "No datapoint ever received", out.get("m", "alarms.0.message").Str)
	require.Equal(t, `{"kind":"=~ ."}`, out.get("m", "alarms.0.fields").Raw)
	require.EqualValues(t, 2, set.Stats().SeriesExpired)
}

// At a limit on series new ones are refused, counted, and the rule cannot be
// OKAY: it does not see everything.
func TestSeriesLimits(t *testing.T) {
	for name, opt := range map[string]afd.Options{
		"per alarm": {MaxSeries: 2},
		"per node":  {Budget: afd.NewBudget(2)},
	} {
		set := afd.NewSet(load(t, grouped), opt, nil)
		tick(t, set, 0)
		for _, fs := range []string{"/a", "/b", "/c", "/c"} {
			send(t, set, metric("fs", 60, 50, "fs", fs, "kind", "x"), 60)
		}
		out := tick(t, set, 60)
		require.Equal(t, 2, out.status("m"), name)
		require.Contains(t, out.get("m", "alarms.0.message").Str, "Too many series", name)
		require.EqualValues(t, 2, set.Stats().SeriesRefused, name)
		require.Equal(t, 2, set.Stats().Series, name)
	}
}

func TestAlarmListIsCapped(t *testing.T) {
	set := afd.NewSet(load(t, grouped), afd.Options{MaxAlarms: 3}, nil)
	tick(t, set, 0)
	for i := range 5 {
		send(t, set, metric("fs", 60, 1, "fs", string(rune('a'+i)), "kind", "x"), 60)
	}
	out := tick(t, set, 60)
	require.Len(t, out.get("m", "alarms").Array(), 3)
	require.EqualValues(t, 2, set.Stats().AlarmsOmitted)
}

func TestHoldTimes(t *testing.T) {
	set := afd.NewSet(load(t, "trigger: {t: {description: high, severity: critical, for: 20, clear_after: 30, rules: [{metric: x, function: last, relational_operator: '>', threshold: 5, window: 10}]}}\nalarm: {m: {triggers: [t]}}"), afd.Options{}, nil)
	tick(t, set, 0)
	want := map[int]int{10: 0, 20: 0, 30: 3, 40: 3, 50: 3, 60: 3, 70: 0, 80: 0, 90: 0, 100: 0, 110: 0, 120: 3}
	high := map[int]bool{10: true, 20: true, 30: true, 40: true, 80: true, 100: true, 110: true, 120: true}
	for at := 10; at <= 120; at += 10 {
		v := 1.0
		if high[at] {
			v = 9
		}
		send(t, set, metric("x", at, v), at)
		out := tick(t, set, at)
		require.Equal(t, want[at], out.status("m"), "at %d", at)
		if want[at] == 3 {
			require.InDelta(t, 9, out.get("m", "alarms.0.value").Float(), 0, "at %d", at)
		} else {
			require.Empty(t, out.get("m", "alarms").Array(), "at %d", at)
		}
	}
}

func TestMinSamples(t *testing.T) {
	set := afd.NewSet(load(t, "trigger: {t: {severity: critical, min_samples: 3, rules: [{metric: x, function: avg, relational_operator: '>', threshold: 5, window: 60}]}}\nalarm: {m: {triggers: [t]}}"), afd.Options{}, nil)
	tick(t, set, 0)
	send(t, set, metric("x", 50, 9), 50)
	send(t, set, metric("x", 60, 9), 60)
	out := tick(t, set, 60)
	require.Equal(t, 2, out.status("m"))
	require.Contains(t, out.get("m", "alarms.0.message").Str, "2 of 3")
	send(t, set, metric("x", 61, 9), 61)
	require.Equal(t, 3, tick(t, set, 62).status("m"))
}

// A reload keeps the windows of rules that did not change, and the budget.
func TestReloadKeepsRings(t *testing.T) {
	budget := afd.NewBudget(10)
	opt := afd.Options{Budget: budget}
	set := afd.NewSet(load(t, twoTriggers+"  gone: {triggers: [t1]}\n"), opt, nil)
	tick(t, set, 0)
	send(t, set, metric("a", 60, 0), 60)
	require.Equal(t, 3, tick(t, set, 60).status("m"))
	require.EqualValues(t, 2, budget.Used())

	set = afd.NewSet(load(t, twoTriggers), opt, set)
	require.EqualValues(t, 1, budget.Used())
	require.Equal(t, 3, tick(t, set, 70).status("m"), "neither the clock nor the data was lost")

	changed := load(t, "trigger: {t1: {severity: down, rules: [{metric: a, function: last, relational_operator: '==', threshold: 0, window: 60}, {metric: c, function: last, relational_operator: '==', threshold: 0, window: 20}]}}\nalarm: {m: {triggers: [t1]}}")
	set = afd.NewSet(changed, opt, set)
	require.EqualValues(t, 1, budget.Used())
	require.Empty(t, tick(t, set, 80), "the new rule has to observe first")
	require.Equal(t, 2, tick(t, set, 200).status("m"))
}

// The same input gives the same bytes.
func TestDeterminism(t *testing.T) {
	run := func() []string {
		set := afd.NewSet(load(t, everyFunction), afd.Options{Host: "h", Hostname: "h", Tags: map[string]string{"b": "2", "a": "1", "c": "3"}}, nil)
		var out []string
		for at := 0; at < 300; at += 5 {
			send(t, set, metric("x", at, float64(at*7%11), "fs", "/a"), at)
			send(t, set, metric("x", at, float64(at*5%13), "fs", "/b"), at)
			if at%10 == 0 {
				require.NoError(t, set.Tick(clock(at), func(m *message.Message) error {
					out = append(out, string(message.AppendMessage(nil, m)))
					return nil
				}))
			}
		}
		return out
	}
	first := run()
	require.NotEmpty(t, first)
	require.Equal(t, first, run())
}

// Where a metric never came the trigger may do without it; once it came, its
// silence is no health.
func TestNoDataEverPolicy(t *testing.T) {
	const model = `
trigger:
  okay: {severity: critical, no_data_ever_policy: okay, rules: [{metric: x, function: max, relational_operator: '>', threshold: 5, window: 20}]}
  skip: {severity: critical, no_data_policy: warning, no_data_ever_policy: skip, rules: [{metric: x, function: max, relational_operator: '>', threshold: 5, window: 20}]}
  both: {severity: critical, no_data_policy: down, no_data_ever_policy: okay, rules: [{metric: x, function: max, relational_operator: '>', threshold: 5, window: 20}, {metric: never, function: max, relational_operator: '>', threshold: 5, window: 20}]}
alarm: {a: {triggers: [okay]}, b: {triggers: [skip]}, c: {triggers: [both]}}`
	set := afd.NewSet(load(t, model), afd.Options{}, nil)
	tick(t, set, 0)
	want := func(at, a, b, c int) {
		v := tick(t, set, at)
		require.Equal(t, []int{a, b, c}, []int{v.status("a"), v.status("b"), v.status("c")}, "at %d", at)
	}
	want(20, 0, -1, 0)
	send(t, set, metric("x", 30, 1), 30)
	want(30, 0, 0, 0)
	want(60, 2, 1, 4)
	send(t, set, metric("x", 70, 9), 70)
	want(70, 3, 3, 3)
}
