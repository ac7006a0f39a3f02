package afd_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

const everyFunction = `
trigger:
  t_last: {severity: down, rules: [{metric: x, function: last, relational_operator: '>', threshold: 8, window: 30}]}
  t_min: {severity: critical, for: 20, rules: [{metric: x, function: min, relational_operator: '<', threshold: 1, window: 30}]}
  t_max: {severity: warning, clear_after: 30, rules: [{metric: x, group_by: [fs], function: max, relational_operator: '>=', threshold: 9, window: 20, periods: 2}]}
  t_avg: {severity: warning, no_data_policy: skip, rules: [{metric: x, field: {fs: '/a'}, function: avg, relational_operator: '>', threshold: 6, window: 60}]}
  t_and:
    severity: warning
    logical_operator: and
    rules:
    - {metric: x, function: sum, relational_operator: '>', threshold: 20, window: 60}
    - {metric: x, function: diff, relational_operator: '>', threshold: 0, window: 60}
    - {metric: x, function: rate, relational_operator: '>', threshold: 0.2, window: 60}
  t_roc: {severity: critical, rules: [{metric: x, function: roc, threshold: 1.5, window: 20, periods: 2}]}
  t_sd: {severity: warning, min_samples: 3, rules: [{metric: x, function: sd, relational_operator: '>', threshold: 3, window: 60}, {metric: x, function: median, relational_operator: '>', threshold: 7, window: 60}]}
alarm:
  a1: {triggers: [t_last, t_min, t_max]}
  a2: {triggers: [t_avg, t_and]}
  a3: {triggers: [t_roc, t_sd]}
  a4: {triggers: [t_avg]}
`

// The printed evidence alone gives the status that the alarm gave.
func TestEvidenceReevaluatesToTheSameStatus(t *testing.T) {
	set := afd.NewSet(load(t, everyFunction), afd.Options{Hostname: "n"}, nil)
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[health.Status]int{}
	for at := 0; at < 3000; at += 5 {
		if random.IntN(4) > 0 && (at/100)%5 != 3 {
			for _, fs := range []string{"/a", "/b"} {
				m := metric("x", at, float64(random.IntN(12)), "fs", fs)
				require.NoError(t, set.Process(m, clock(at)))
			}
		}
		if at%10 != 0 {
			continue
		}
		var printed [][]byte
		for _, a := range set.Alarms() {
			if at == 0 {
				continue // the clocks are not started yet
			}
			data, err := json.Marshal(a.Explain(clock(at)))
			require.NoError(t, err)
			printed = append(printed, data)
		}
		require.NoError(t, set.Tick(clock(at), func(*message.Message) error { return nil }))
		for i, data := range printed {
			var ev afd.Evidence
			require.NoError(t, json.Unmarshal(data, &ev))
			want, known := set.Alarms()[i].Status()
			got, gotKnown := ev.Reevaluate(nil)
			require.Equal(t, known, gotKnown, "at %d: %s", at, data)
			require.Equal(t, known, ev.Known)
			if known {
				require.Equal(t, want, got, "at %d: %s", at, data)
				require.Equal(t, want, ev.Status, "at %d: %s", at, data)
				seen[got]++
			}
		}
	}
	for _, s := range health.All() {
		require.Positive(t, seen[s], "the input never led to %s", s)
	}
}
