package afd_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// eachFunction has an alarm for each function that there is.
func eachFunction() string {
	var b strings.Builder
	b.WriteString("trigger:\n")
	special := map[string]string{
		"roc":               "threshold: 0.5, window: 20, periods: 2",
		"mww":               "pvalue: 0.4, window: 20, periods: 2, trend: increasing",
		"mww_nonparametric": "pstat: 0.6, window: 20, periods: 2",
		"lua":               "relational_operator: '>', threshold: 3, window: 60, script: 'return samples[#samples].value'",
		"variance":          "relational_operator: '>', threshold: 0.05, window: 60",
		"sd":                "relational_operator: '>', threshold: 0.3, window: 60",
		"diff":              "relational_operator: '>=', threshold: 0.1, window: 60",
		"rate":              "relational_operator: '>', threshold: 0.001, window: 60",
		"count":             "relational_operator: '<', threshold: 9, window: 60",
	}
	for _, f := range afd.Functions() {
		rest := special[f]
		if rest == "" {
			rest = "relational_operator: '>=', threshold: 0.7, window: 60"
		}
		fmt.Fprintf(&b, "  t_%s: {severity: critical, rules: [{metric: x, group_by: [fs], function: %s, %s}]}\n", f, f, rest)
	}
	b.WriteString("  t_few: {severity: warning, min_samples: 11, rules: [{metric: x, function: avg, relational_operator: '>', threshold: 0.5, window: 60}]}\n")
	b.WriteString("  t_hold: {severity: down, clear_after: 60, rules: [{metric: x, function: last, relational_operator: '>', threshold: 0.9, window: 30}]}\nalarm:\n")
	for _, f := range append(afd.Functions(), "few", "hold") {
		fmt.Fprintf(&b, "  a_%s: {triggers: [t_%s]}\n", f, f)
	}
	return b.String()
}

func newest(string, string) (afd.Script, error) {
	return scriptFunc(func(samples []afd.Sample, _ float64) (float64, error) { return samples[len(samples)-1].Value * 5, nil }), nil
}

// Every alarm object of every verdict is borne out by the samples it carries,
// and the severities together are the status.
func TestAlarmsAreBorneOutByTheirSamples(t *testing.T) {
	set := afd.NewSet(load(t, eachFunction()), afd.Options{Hostname: "n", Compile: newest}, nil)
	random := rand.New(rand.NewPCG(7, 9))
	seen := map[string]int{}
	for at := 0; at < 4000; at += 3 {
		if (at/200)%6 != 5 && random.IntN(5) > 0 {
			for _, fs := range []string{"/a", "/b"} {
				send(t, set, metric("x", at, random.Float64()+float64(at/300%2)/10, "fs", fs), at)
			}
		}
		if at%10 != 0 {
			continue
		}
		require.NoError(t, set.Tick(clock(at), func(m *message.Message) error {
			member, _ := m.Text("member")
			code, _ := m.Number("value")
			var payload struct{ Alarms []json.RawMessage }
			require.NoError(t, json.Unmarshal([]byte(m.Payload), &payload))
			status := health.Okay
			for i, raw := range payload.Alarms {
				re, err := afd.Recheck(raw, clock(at), newest)
				require.NoError(t, err, "%s at %d: %s", member, at, raw)
				seen[member+" "+re.Outcome]++
				if i == 0 {
					status = re.Severity
				}
				status = health.Worst(status, re.Severity)
			}
			require.Equal(t, health.Status(code), status, "%s at %d: %s", member, at, m.Payload)
			return nil
		}))
	}
	for _, f := range afd.Functions() {
		require.Positive(t, seen["a_"+f+" match"], "%s never matched: %v", f, seen)
		require.Positive(t, seen["a_"+f+" missing"], f)
	}
	require.Positive(t, seen["a_few missing"])
	require.Positive(t, seen["a_hold held"])
}

func TestRecheckFindsWhatIsNotBorneOut(t *testing.T) {
	const good = `{"severity":"CRITICAL","function":"avg","metric":"x","operator":">","value":2,"threshold":1,"window":60,"periods":1,"samples":[{"time":1500000000,"value":1},{"time":1500000010,"value":2.5,"count":2}]}`
	for _, c := range []struct{ name, alarm, outcome, fails string }{
		{"as it was", good, "match", ""},
		{"another value", strings.Replace(good, `"value":2,`, `"value":3,`, 1), "", "its samples give 2"},
		{"another threshold", strings.Replace(good, `"threshold":1`, `"threshold":2`, 1), "", "no_match"},
		{"a changed sample", strings.Replace(good, "2.5", "0.1", 1), "", "the samples do not bear the alarm out"},
		{"old samples", strings.ReplaceAll(good, "15000000", "14000000"), "missing", ""},
		{"samples left out", strings.Replace(good, `"samples":`, `"samples_omitted":3,"samples":`, 1), "incomplete", ""},
		{"no samples", good[:strings.Index(good, `,"samples"`)] + "}", "incomplete", ""},
		{"never any", `{"severity":"UNKNOWN","function":"max","metric":"x","operator":">","value":-1,"threshold":1,"window":60,"periods":1}`, "no_data", ""},
		{"a silent member", `{"severity":"UNKNOWN","function":"age","metric":"status","operator":">=","value":70,"threshold":60}`, "age", ""},
		{"no severity", `{"function":"max"}`, "", "read alarm"},
		{"no JSON", `{`, "", "read alarm"},
	} {
		re, err := afd.Recheck(json.RawMessage(c.alarm), clock(15), nil)
		if c.fails != "" {
			require.ErrorContains(t, err, c.fails, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		require.Equal(t, c.outcome, re.Outcome, c.name)
	}
}

func withLines(m *message.Message, lines ...string) *message.Message {
	m.AddStrings(afd.LogLinesField, lines...)
	return m
}

func TestAlarmsCarryTheLastLogLines(t *testing.T) {
	const model = "trigger: {t: {severity: critical, rules: [{metric: x, group_by: [fs], function: max, relational_operator: '>', threshold: 5, window: 20}]}}\nalarm: {m: {triggers: [t], dimension: {service: s}}}"
	set := afd.NewSet(load(t, model), afd.Options{Hostname: "n"}, nil)
	tick(t, set, 0)
	send(t, set, withLines(metric("x", 10, 9, "fs", "/a"), "one", strings.Repeat("ü", 200)), 10)
	send(t, set, withLines(metric("x", 15, 9, "fs", "/a"), "three", "four", "five", "six"), 15)
	send(t, set, metric("x", 15, 9, "fs", "/b"), 15)
	v := tick(t, set, 20)
	require.Equal(t, 3, v.status("m"))
	require.Equal(t, `["`+strings.Repeat("ü", 128)+`","three","four","five","six"]`, v.get("m", "alarms.0.log_lines").Raw)
	require.False(t, v.get("m", "alarms.1.log_lines").Exists(), "the other series has none")
	require.Nil(t, v["m"].Field(afd.LogLinesField), "lines are no field of a verdict")
	require.NotContains(t, v.get("m", "alarms.0.fields").Raw, "log_lines")
	send(t, set, metric("x", 35, 9, "fs", "/a"), 35)
	require.False(t, tick(t, set, 40).get("m", "alarms.0.log_lines").Exists(), "lines go with their samples")
}

// However many alarms with however much evidence there are, a verdict fits.
func TestAVerdictIsBounded(t *testing.T) {
	const model = "trigger: {t: {severity: critical, description: full, rules: [{metric: x, group_by: [fs], function: max, relational_operator: '>', threshold: 5, window: 300}]}}\nalarm: {m: {triggers: [t]}}"
	set := afd.NewSet(load(t, model), afd.Options{}, nil)
	tick(t, set, 0)
	for i := range 100 {
		for at := 10; at <= 300; at += 5 {
			send(t, set, withLines(metric("x", at, 9, "fs", fmt.Sprint("/", i, strings.Repeat("x", 300))), strings.Repeat("\x01", 300)), 300)
		}
	}
	v := tick(t, set, 300)
	require.Less(t, len(v["m"].Payload), 63<<10)
	alarms := v.get("m", "alarms").Array()
	require.True(t, alarms[0].Get("samples").Exists())
	require.False(t, alarms[len(alarms)-1].Get("samples").Exists(), "the later ones are short")
	require.Greater(t, len(alarms), 30)
	require.EqualValues(t, 100-len(alarms), set.Stats().AlarmsOmitted)
}

func FuzzRecheck(f *testing.F) {
	f.Add(`{"severity":"CRITICAL","function":"avg","metric":"x","operator":">","value":2,"threshold":1,"window":60,"periods":1,"samples":[{"time":1500000000,"value":1},{"time":1500000010,"value":2.5,"count":2,"sum":5}]}`)
	f.Add(`{"severity":"warn","function":"roc","value":-1,"window":1e9,"periods":-3,"samples":[{"time":-9223372036854775808}]}`)
	f.Add(`{"severity":"DOWN","function":"mww","value":-1,"window":5,"periods":1,"trend":"any","samples":[{"time":9223372036854775807,"count":4294967295}]}`)
	f.Add(`{"severity":"DOWN","function":"lua","script":"x","window":0,"samples":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		re, err := afd.Recheck(json.RawMessage(text), clock(0), nil)
		if err == nil {
			require.NotEqual(t, "no_match", re.Outcome)
		}
	})
}
