package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/afd/sandboxed"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/store"
	"github.com/tocsin-lma/tocsin/pkg/web"
)

// chainModel has an alarm for every function, a cluster of them for every
// shipped policy and way of grouping, strict or compatible, and clusters of
// those.
func chainModel(t *testing.T, evaluation string) *config.Node {
	special := map[string]string{
		"roc": "threshold: 0.5, window: 20, periods: 2", "mww": "pvalue: 0.4, window: 20, periods: 2, trend: any",
		"mww_nonparametric": "pstat: 0.6, window: 20, periods: 2", "count": "relational_operator: '<', threshold: 5, window: 60",
		"lua": "relational_operator: '>', threshold: 0.8, window: 60, script: 'return samples[#samples].value'",
	}
	severities := []string{"down", "critical", "warning"}
	var b strings.Builder
	fmt.Fprintf(&b, "metric_collector:\n  trigger:\n")
	for i, f := range afd.Functions() {
		rest := special[f]
		if rest == "" {
			rest = "relational_operator: '>', threshold: 0.85, window: 60"
		}
		fmt.Fprintf(&b, "    t_%s: {severity: %s, rules: [{metric: x, group_by: [fs], function: %s, %s}]}\n", f, severities[i%3], f, rest)
	}
	b.WriteString("  alarm:\n")
	for _, f := range afd.Functions() {
		fmt.Fprintf(&b, "    a_%s: {triggers: [t_%s], dimension: {service: node}}\n", f, f)
	}
	fmt.Fprintf(&b, "aggregator:\n  evaluation: %s\n  alarm_cluster:\n", evaluation)
	for _, policy := range []string{"highest_severity", "availability_of_members", "status_of_members", "majority_of_node_members"} {
		for _, group := range []string{"member", "hostname"} {
			fmt.Fprintf(&b, "    %s_%s: {policy: %s, group_by: %s, match: {service: node}, members: [a_%s], warm_up_period: 0, dimension: {kind: lower}}\n",
				policy, group, policy, group, strings.Join(afd.Functions(), ", a_"))
		}
		fmt.Fprintf(&b, "    top_%s: {policy: %s, match: {kind: lower}, members: [%s_member, %s_hostname], warm_up_period: 0, dimension: {cluster_name: top}}\n", policy, policy, policy, policy)
	}
	shipped, err := os.ReadFile(filepath.Join("..", "..", "alarms", "policies.yml"))
	require.NoError(t, err)
	n, err := config.Load(config.Source{Name: "policies.yml", Data: shipped}, config.Source{Name: "model.yml", Data: []byte(b.String())})
	require.NoError(t, err)
	return n
}

// chain is alarms of two hosts, an engine, a history, and the pages over them,
// in virtual time.
type chain struct {
	*gse.Engine
	events *store.Store
	state  *store.State
	hosts  map[string]*afd.Set
	now    time.Time
	url    string
}

func (c *chain) Watch() (<-chan store.Event, func())         { return c.state.Watch() }
func (c *chain) Events(q store.Query) ([]store.Event, error) { return c.events.Events(q) }
func (c *chain) EvidenceAt(n string, at time.Time) (*gse.Evidence, error) {
	return c.events.EvidenceAt(n, at)
}

func newChain(t *testing.T, evaluation string) *chain {
	n := chainModel(t, evaluation)
	model, _, err := gse.Load(n.Get("aggregator"))
	require.NoError(t, err)
	defs, _, err := afd.Load(n.Get("metric_collector"))
	require.NoError(t, err)
	c := &chain{hosts: map[string]*afd.Set{}, now: time.Unix(1.5e9, 0)}
	c.events, err = store.Open(filepath.Join(t.TempDir(), "events.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.events.Close()) })
	logger := slog.New(slog.DiscardHandler)
	c.state = store.NewState(c.events, logger)
	c.Engine = gse.NewEngine(model, gse.Options{Record: c.state.Keep}, nil)
	for _, host := range []string{"n1", "n2"} {
		c.hosts[host] = afd.NewSet(defs, afd.Options{Hostname: host, Compile: sandboxed.Compile}, nil)
	}
	pages, err := web.Handler(web.Options{State: c.state, History: c, Evaluator: c, Logger: logger, Now: func() time.Time { return c.now }})
	require.NoError(t, err)
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// step goes ten seconds on, with a sample of every host or of none.
func (c *chain) step(t *testing.T, random *rand.Rand, silent bool) {
	c.now = c.now.Add(10 * time.Second)
	for _, host := range []string{"n1", "n2"} {
		for _, fs := range []string{"/a", "/b"} {
			if silent || random.IntN(8) == 0 {
				continue
			}
			m := &message.Message{Type: "metric", Timestamp: c.now.UnixNano()}
			m.AddString("name", "x")
			m.AddDouble("value", random.Float64()*0.95, "")
			m.AddString("fs", fs)
			m.AddStrings(afd.LogLinesField, "a line of "+fs)
			require.NoError(t, c.hosts[host].Process(m, c.now))
		}
		require.NoError(t, c.hosts[host].Tick(c.now, func(m *message.Message) error {
			c.state.Observe(m, c.now)
			return c.Process(m, c.now)
		}))
	}
	require.NoError(t, c.Tick(c.now, func(m *message.Message) error {
		c.state.Observe(m, c.now)
		return nil
	}))
}

// explain asks through the command line.
func (c *chain) explain(t *testing.T, args ...string) (string, int) {
	var out, errs bytes.Buffer
	code := run(t.Context(), streams{strings.NewReader(""), &out, &errs}, append([]string{"explain", "--address", c.url}, args...))
	require.Empty(t, errs.String(), "%v: %s", args, &out)
	return out.String(), code
}

// What is printed, now or of an earlier time, evaluates to the printed status:
// for every function and every policy, strict and compatible, through clusters
// that feed clusters.
func TestPrintedEvidenceEvaluatesToThePrintedStatus(t *testing.T) {
	for _, evaluation := range []string{"strict", "compatible"} {
		c := newChain(t, evaluation)
		random := rand.New(rand.NewPCG(11, 12))
		var names []string
		for _, d := range c.Clusters() {
			if d.Name != gse.CollectorsCluster {
				names = append(names, d.Name)
			}
		}
		require.Len(t, names, 12)
		seen, then := map[health.Status]int{}, map[string]health.Status{}
		check := func(name string, args ...string) explanation {
			out, code := c.explain(t, append([]string{name, "--output", "json", "--recheck"}, args...)...)
			require.Equal(t, exitOK, code, out)
			var e explanation
			require.NoError(t, json.Unmarshal([]byte(out), &e))
			require.Empty(t, e.Again.Contradictions)
			require.Zero(t, e.Again.Incomplete, out)
			require.Equal(t, e.Evidence.Status, e.Evidence.Reevaluate(), name)
			seen[e.Evidence.Status]++
			if strings.HasPrefix(name, "top_") {
				require.Len(t, e.Clusters, 2)
			}
			return e
		}
		alarms := 0
		for i := range 60 {
			c.step(t, random, i/10%4 == 3)
			name := names[i%len(names)]
			if i > 10 {
				e := check(name)
				alarms += e.Again.Alarms
				then[fmt.Sprint(name, " ", c.now.Unix())] = e.Evidence.Status
			}
		}
		require.Greater(t, alarms, 200)
		for key, want := range then {
			name, at, _ := strings.Cut(key, " ")
			require.Equal(t, want, check(name, "--at", at).Evidence.Status, key)
		}
		for _, s := range []health.Status{health.Warn, health.Unknown, health.Critical, health.Down} {
			require.Positive(t, seen[s], "%s never: %v", s, seen)
		}
		tree, _ := c.explain(t, "top_highest_severity", "--recheck", "--at", fmt.Sprint(c.now.Unix()))
		for _, want := range []string{"top_highest_severity  ", "highest_severity_member  ", "a_max on n1", "max(x{fs=/a}) > 0.85 over 60s x 1; the value is", "samples from", "a line of /a", "the same statuses", "as of its last change at"} {
			require.Contains(t, tree, want)
		}
	}
}
