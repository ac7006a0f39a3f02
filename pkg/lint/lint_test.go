package lint_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/alarms"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/lint"
)

// clean is a model without defects; every case below changes one thing of it.
const clean = `
metric_collector:
  trigger:
    low: {severity: warning, rules: [{metric: free_percent, group_by: [fs], function: min, relational_operator: '<', threshold: 10, window: 60}]}
    lower: {severity: critical, rules: [{metric: free_percent, group_by: [fs], function: min, relational_operator: '<', threshold: 5, window: 60}]}
    gone: {severity: down, rules: [{metric: x_check, function: last, relational_operator: '==', threshold: 0, window: 60}]}
  alarm:
    disk: {triggers: [lower, low], dimension: {service: x}}
    check: {triggers: [gone], dimension: {service: x}}
aggregator:
  policy:
    worst:
    - {status: down, trigger: {rules: [{function: count, arguments: [down], relational_operator: '>', threshold: 0}]}}
    - {status: critical, trigger: {rules: [{function: count, arguments: [critical], relational_operator: '>', threshold: 0}]}}
    - {status: warning, trigger: {rules: [{function: count, arguments: [warning], relational_operator: '>', threshold: 0}]}}
    - {status: okay}
    any:
    - {status: down, trigger: {rules: [{function: count, arguments: [okay], relational_operator: '==', threshold: 0}]}}
    - {status: okay}
  alarm_cluster:
    part: {policy: worst, group_by: hostname, match: {service: x}, members: [disk, check], dimension: {service: whole}}
    whole: {policy: worst, match: {service: whole}, members: [part], dimension: {cluster_name: whole}}
`

const metrics = `# a comment
free_percent	0..100	10	fs
x_check	0,1	10	
health	1,2,3	60	
sessions	0..	10	
slow	-	60	
drops	0..	10	interface
any_*_times	0..	10	state
`

func node(t *testing.T, texts ...string) *config.Node {
	t.Helper()
	var sources []config.Source
	for _, text := range texts {
		sources = append(sources, config.Source{Name: "model.yml", Data: []byte(text)})
	}
	n, err := config.Load(sources...)
	require.NoError(t, err)
	return n
}

func known(t *testing.T) *lint.Metrics {
	t.Helper()
	m, err := lint.ParseMetrics(metrics)
	require.NoError(t, err)
	return m
}

// trigger is the clean model with another condition in the trigger low.
func trigger(keys, rules string) string {
	return "metric_collector: {trigger: {low: {" + keys + "rules: [" + rules + "]}}}"
}

func TestEveryClass(t *testing.T) {
	alarm := func(text string) string { return "metric_collector: {alarm: {" + text + "}}" }
	cluster := func(text string) string { return "aggregator: {alarm_cluster: {" + text + "}}" }
	low := "metric_collector.trigger.low.rules.0"
	for _, c := range []struct{ class, change, path, message string }{
		{"always_fires", trigger("", `{metric: free_percent, group_by: [fs], function: max, relational_operator: '>=', threshold: 0, window: 60}`), low, "always >= 0"},
		{"always_fires", trigger("", `{metric: free_percent, group_by: [fs], function: max, relational_operator: '!=', threshold: 101, window: 60}`), low, "never 101"},
		{"always_fires", trigger("", `{metric: unheard, function: count, relational_operator: '>=', threshold: 0, window: 60}`), low, "always"},
		{"never_fires", trigger("", `{metric: free_percent, group_by: [fs], function: max, relational_operator: '>', threshold: 100, window: 60}`), low, "between 0 and 100"},
		{"never_fires", trigger("", `{metric: health, function: last, relational_operator: '==', threshold: 4, window: 120}`), low, "never == 4"},
		{"never_fires", trigger("", `{metric: health, function: last, relational_operator: '==', threshold: 2.5, window: 120}`), low, "the values are [1 2 3]"},
		{"never_fires", trigger("logical_operator: and, ", `{metric: sessions, function: avg, relational_operator: '<', threshold: 1, window: 60}, {metric: sessions, function: avg, relational_operator: '>=', threshold: 1, window: 60}`), "metric_collector.trigger.low", "contradict"},
		{"blended_series", trigger("", `{metric: drops, function: avg, relational_operator: '>', threshold: 100, window: 60}`), low, "add group_by: [interface]"},
		{"blended_series", trigger("", `{metric: any_old_times, function: last, relational_operator: '>', threshold: 100, window: 60}`), low, "every state"},
		{"equals_threshold", trigger("", `{metric: sessions, function: min, relational_operator: '==', threshold: 500, window: 60}`), low, "exactly that value"},
		{"max_zero", trigger("", `{metric: sessions, function: max, relational_operator: '==', threshold: 0, window: 60}`), low, "write <= 0"},
		{"short_window", trigger("", `{metric: slow, function: avg, relational_operator: '>', threshold: 3, window: 119}`), low, "make it 120 or longer"},
		{"unknown_metric", trigger("", `{metric: free_pecrent, function: avg, relational_operator: '>', threshold: 3, window: 60}`), low, `did you mean "free_percent"`},
		{"hidden_severity", alarm("disk: {triggers: [low, lower]}"), "metric_collector.alarm.disk.triggers.1", "low (warning) stands before lower (critical)"},
		{"repeated_trigger", alarm("disk: {triggers: [lower, lower, low]}"), "metric_collector.alarm.disk.triggers.0", "twice"},
		{"shadowed_trigger", trigger("", `{metric: free_percent, group_by: [fs], function: min, relational_operator: '<', threshold: 4, window: 60}`), "metric_collector.alarm.disk.triggers.1", "never decides"},
		{"unused_trigger", alarm("disk: {triggers: [lower]}"), "metric_collector.trigger.low", "no alarm"},
		{"load_warning", alarm("disk: {triggers: [lower, low, lo]}"), "metric_collector.alarm.disk.triggers.2", `"lo" is left out`},
		{"colliding_names", alarm("b-c: {triggers: [low], dimension: {service: x}}, b_c: {triggers: [low], dimension: {service: x}}") + "\n---\n" + cluster("part: {members: [disk, check, b-c, b_c]}"), "metric_collector.alarm.b_c", "differ only"},
		{"no_cluster", alarm("disk: {dimension: {service: y}}"), "metric_collector.alarm.disk", "part lists it and wants service: x"},
		{"no_cluster", alarm("more: {triggers: [low], dimension: {service: x}}"), "metric_collector.alarm.more", "part accepts its dimensions and does not list it"},
		{"no_producer", cluster("part: {members: [disk, chek, check]}"), "aggregator.alarm_cluster.part.members.1", `did you mean "check"`},
		{"no_producer", alarm("disk: {dimension: {service: y}}"), "aggregator.alarm_cluster.part.members.0", "the verdicts of disk lack service: x"},
		{"dead_cluster", cluster("dead: {policy: worst, match: {service: z}, members: [disk], dimension: {cluster_name: z}}"), "aggregator.alarm_cluster.dead", "always unknown"},
		{"feeds_nothing", cluster("part: {dimension: {service: elsewhere}}"), "aggregator.alarm_cluster.part", "whole lists it and wants service: whole"},
		{"harsh_policy", cluster("one: {policy: any, group_by: hostname, match: {service: w}, members: [soft], dimension: {cluster_name: w}}") + "\n---\n" + alarm("soft: {triggers: [low], dimension: {service: w}}"), "aggregator.alarm_cluster.one", "takes one warning for"},
		{"short_ttl", cluster("part: {member_ttl: 10}"), "aggregator.alarm_cluster.part.member_ttl", "speaks every 10s"},
		{"short_ttl", cluster("part: {interval: 90}"), "aggregator.alarm_cluster.whole", "part speaks every 1m30s, which is not within its member_ttl of 1m0s"},
		{"repeated_member", cluster("part: {members: [disk, check, disk]}"), "aggregator.alarm_cluster.part.members.2", "disk is listed twice"},
		{"few_samples", trigger("min_samples: 8, ", `{metric: free_percent, group_by: [fs], function: min, relational_operator: '<', threshold: 10, window: 60}`), low, "holds at most 7 samples"},
		{"dead_cluster", "metric_collector: {alarm: {disk: {enabled: false}, check: {enabled: false}, other: {triggers: [low, lower, gone], dimension: {service: q}}}}", "aggregator.alarm_cluster.part", "disk, check"},
		{"never_fires", trigger("", `{metric: free_percent, group_by: [fs], function: avg, relational_operator: '<', threshold: 0, window: 60}`), low, "never < 0"},
		{"load_warning", alarm("empty: {triggers: [nothing]}"), "metric_collector.alarm.empty.triggers.0", "nothing"},
		{"letters", cluster("part: {members: [d, i, s, k]}"), "aggregator.alarm_cluster.part.members", "4 single letters"},
		{"unreachable_entry", "aggregator: {policy: {odd: [{status: okay}, {status: down}]}}", "aggregator.policy.odd.1", "entry 1"},
	} {
		t.Run(c.class, func(t *testing.T) {
			findings, err := lint.Model(node(t, clean, c.change), lint.Options{Metrics: known(t)})
			require.NoError(t, err)
			require.Contains(t, classes(), c.class)
			for _, f := range findings {
				if f.Class == c.class && f.Path == c.path && strings.Contains(f.Message, c.message) {
					require.Equal(t, "model.yml", f.File)
					require.Positive(t, f.Line)
					require.Contains(t, f.String(), "["+c.class+"]")
					return
				}
			}
			t.Fatalf("no finding %s at %s with %q among %v", c.class, c.path, c.message, findings)
		})
	}
}

func classes() []string {
	var names []string
	for _, c := range lint.Classes() {
		names = append(names, c.Name)
	}
	return names
}

// What is right must not be found fault with.
func TestNoFindings(t *testing.T) {
	for name, change := range map[string]string{
		"nothing changed":            "{}",
		"a disabled trigger":         "metric_collector: {trigger: {off: {enabled: false, severity: down, rules: [{metric: x, function: avg, relational_operator: '==', threshold: 7}]}}}",
		"the least of all disks":     trigger("", `{metric: free_percent, function: min, relational_operator: '<', threshold: 10, window: 60}`),
		"one interface":              trigger("", `{metric: drops, field: {interface: eth0}, function: avg, relational_operator: '>', threshold: 10, window: 60}`),
		"a state by its number":      trigger("", `{metric: health, function: last, relational_operator: '==', threshold: 2, window: 120}`),
		"all of a percentage":        trigger("", `{metric: free_percent, group_by: [fs], function: last, relational_operator: '==', threshold: 100, window: 60}`),
		"seven samples in a minute":  trigger("min_samples: 7, ", `{metric: free_percent, group_by: [fs], function: min, relational_operator: '<', threshold: 10, window: 60}`),
		"many samples of many":       trigger("min_samples: 30, ", `{metric: drops, function: max, relational_operator: '>', threshold: 10, window: 60}`),
		"a member twice an interval": "aggregator: {alarm_cluster: {part: {member_ttl: 20}}}",
		"alarms of its own pace":     "metric_collector: {alarm_interval: 5}\naggregator: {alarm_cluster: {part: {member_ttl: 8}}}",
		"another window, no shadow":  trigger("", `{metric: free_percent, group_by: [fs], function: min, relational_operator: '<', threshold: 4, window: 120}`),
		"and adds a condition":       trigger("logical_operator: and, ", `{metric: sessions, function: min, relational_operator: '>', threshold: 1, window: 60}, {metric: sessions, function: min, relational_operator: '<', threshold: 3, window: 60}`),
		"periods make the window":    trigger("", `{metric: slow, function: avg, relational_operator: '>', threshold: 3, window: 60, periods: 2}`),
		"match by member":            "aggregator: {alarm_cluster: {part: {match: {member: disk}, members: [disk]}, other: {policy: worst, match: {member: check, environment_label: prod}, members: [check], dimension: {cluster_name: o}}}}",
		"match by an expression":     "aggregator: {alarm_cluster: {part: {match_re: {service: '^x$'}}}}",
		"the built-in cluster":       "aggregator: {alarm_cluster: {collectors: {policy: worst, group_by: hostname, match_re: {service: collector}, members: [log_collector], dimension: {cluster_name: c}}}}",
	} {
		t.Run(name, func(t *testing.T) {
			findings, err := lint.Model(node(t, clean, change), lint.Options{Metrics: known(t)})
			require.NoError(t, err)
			require.Empty(t, findings)
		})
	}
}

func TestHalvesOfAModel(t *testing.T) {
	whole := node(t, clean)
	for _, keep := range []string{"metric_collector", "aggregator"} {
		findings, err := lint.Model(whole.Only(keep), lint.Options{Metrics: known(t)})
		require.NoError(t, err)
		require.Empty(t, findings, "%s alone says nothing about the other half", keep)
	}
}

func TestWhatDoesNotLoadIsAnError(t *testing.T) {
	for change, want := range map[string]string{
		"metric_collector: {trigger: {low: {severity: bad}}}":                           `unknown severity "bad"`,
		"aggregator: {alarm_cluster: {part: {policy: bad}}}":                            `unknown policy "bad"`,
		"aggregator: {alarm_cluster: {part: {hints: [whole]}, whole: {hints: [part]}}}": "circle",
		"aggregator: {alarm_cluster: {part: {hints: [part]}}}":                          "circle",
		"aggregator: {alarm_cluster: {part: {hints: [nowhere]}}}":                       `hint "nowhere" is not an alarm cluster`,
		"aggregator: {alarm_cluster: {a: {policy: worst, match: {x: b}, members: [b], dimension: {x: a}}, b: {policy: worst, match: {x: a}, members: [a], dimension: {x: b}}}}": "feed each other in a circle",
		"aggregator: {alarm_cluster: {part: {match: {service: whole}, members: [part]}}}":                                                                                       "its own output",
		"remote_collector: {trigger: {r: {severity: down, rules: [{metric: m, function: lats, relational_operator: '>', threshold: 1}]}}}":                                      `unknown function "lats"`,
	} {
		_, err := lint.Model(node(t, clean, change), lint.Options{})
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "model.yml:")
	}
}

func TestTheShippedLibraryIsClean(t *testing.T) {
	text, err := alarms.FS.ReadFile("metrics.txt")
	require.NoError(t, err)
	shipped, err := lint.ParseMetrics(string(text))
	require.NoError(t, err)
	require.Greater(t, len(shipped.Names()), 700)
	files, err := fs.Glob(alarms.FS, "*.yml")
	require.NoError(t, err)
	var sources []config.Source
	for _, name := range files {
		if strings.HasSuffix(name, "_test.yml") {
			continue
		}
		data, err := alarms.FS.ReadFile(name)
		require.NoError(t, err)
		sources = append(sources, config.Source{Name: name, Data: data})
	}
	n, err := config.Load(sources...)
	require.NoError(t, err)
	findings, err := lint.Model(n, lint.Options{Metrics: shipped})
	require.NoError(t, err)
	require.Empty(t, findings)
}

func TestParseMetricsErrors(t *testing.T) {
	for text, want := range map[string]string{
		"a\t-\t10":        "line 1: 3 columns",
		"\t-\t10\t":       "line 1: 4 columns",
		"#\n\na\tx\t10\t": `line 3: a: "x" is not a number`,
		"a\t0..y\t10\t":   `"y" is not a number`,
		"a\t-\tz\t":       `"z" is not a number`,
		"[\t-\t10\t":      "name",
	} {
		_, err := lint.ParseMetrics(text)
		require.ErrorContains(t, err, want, "%q", text)
	}
}

func FuzzParseMetrics(f *testing.F) {
	f.Add(metrics)
	f.Add("a*b\t1,2\t10\tx,y\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := lint.ParseMetrics(text)
		if err != nil {
			return
		}
		for _, name := range m.Names() {
			if !strings.ContainsAny(name, `*?[\`) {
				require.NotNil(t, m.Find(name), "%q", name)
			}
		}
	})
}
