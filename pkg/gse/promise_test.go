package gse_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
)

// The policies of alarms/policies.yml, then those of Fuel's models.
var (
	shipped     = []string{"highest_severity", "availability_of_members", "status_of_members", "majority_of_node_members"}
	allPolicies = append(shipped[:4:4], "majority_of_members", "availability_of_members_fuel")
)

// memberState is what one member did: a fresh or a stale verdict, or none.
type memberState struct {
	name   string
	status health.Status
	stale  bool
	never  bool
}

func states() []memberState {
	var out []memberState
	for _, s := range health.All() {
		out = append(out, memberState{name: s.Word(), status: s})
	}
	return append(out, memberState{name: "stale", stale: true}, memberState{name: "never", never: true})
}

// The promise of strict evaluation, exhaustively: up to 4 members in 7 states,
// every shipped policy, grouped by member and by host, with and without a list
// of the expected hosts.
func TestStrictIsNeverFalselyOkay(t *testing.T) {
	require.Subset(t, shipped, policyNames(t), "a policy that is shipped must keep the promise")
	for _, policy := range shipped {
		for _, layout := range []string{"member", "hostname", "expected_hosts", "expected_members"} {
			okays := 0
			for n := 1; n <= 4; n++ {
				model := load(t, strictModel(policy, layout, n))
				eachCombination(n, func(combo []memberState) {
					word := strictWord(t, model, layout, combo)
					well := true
					for _, s := range combo {
						well = well && !s.stale && !s.never && s.status == health.Okay
					}
					if word == "okay" && !well {
						t.Fatalf("%s by %s: OKAY with %v", policy, layout, combo)
					}
					if well {
						require.Equal(t, "okay", word, "%s by %s: %v", policy, layout, combo)
						okays++
					}
				})
			}
			require.Equal(t, 4, okays)
		}
	}
}

func policyNames(t *testing.T) []string {
	n, err := config.LoadPaths(filepath.Join("..", "..", "alarms", "policies.yml"))
	require.NoError(t, err)
	return n.Get("aggregator", "policy").Keys()
}

func eachCombination(n int, do func([]memberState)) {
	all := states()
	combo := make([]memberState, n)
	var fill func(i int)
	fill = func(i int) {
		if i == n {
			do(combo)
			return
		}
		for _, s := range all {
			combo[i] = s
			fill(i + 1)
		}
	}
	fill(0)
}

func strictWord(t *testing.T, model gse.Model, layout string, combo []memberState) string {
	e := gse.NewEngine(model, gse.Options{}, nil)
	tick(t, e, 0)
	for i, s := range combo {
		member, host := "a", fmt.Sprintf("h%d", i)
		switch layout {
		case "member":
			member, host = fmt.Sprintf("m%d", i), ""
		case "hostname", "expected_members":
			member, host = fmt.Sprintf("m%d", i), "h0"
		}
		switch {
		case s.never:
		case s.stale:
			send(t, e, fact(member, host, health.Okay, 0), 0)
		default:
			send(t, e, fact(member, host, s.status, 50), 50)
		}
	}
	return tick(t, e, 60).word("c")
}

func strictModel(policy, layout string, n int) string {
	var members, hosts []string
	for i := range n {
		members, hosts = append(members, fmt.Sprintf("m%d", i)), append(hosts, fmt.Sprintf("h%d", i))
	}
	group, extra := "hostname", ""
	switch layout {
	case "member":
		group = "member"
	case "expected_hosts":
		members, extra = []string{"a"}, ", expected_hosts: ["+strings.Join(hosts, ", ")+"]"
	case "expected_members":
		extra = ", expected_hosts: [h0]"
	}
	return "aggregator: {alarm_cluster: {c: {policy: " + policy + ", group_by: " + group + ", match: {service: web}, members: [" +
		strings.Join(members, ", ") + "], warm_up_period: 0" + extra + "}}}"
}

// Compatible evaluation gives the answers of the original, its false OKs
// included: of 216 combinations of three hosts in six states, so many are OKAY
// although one is unknown or missing.
func TestCompatibleCounts(t *testing.T) {
	for policy, want := range map[string]int{
		"highest_severity": 18, "availability_of_members": 6, "status_of_members": 6, "majority_of_node_members": 7,
	} {
		model := load(t, "aggregator: {evaluation: compatible, alarm_cluster: {c: {policy: "+policy+", group_by: hostname, match: {service: web}, members: [a], warm_up_period: 0}}}")
		six := append(states()[:5:5], memberState{never: true})
		combos, falseOkays := 0, 0
		for i := range 216 {
			combo := []memberState{six[i%6], six[i/6%6], six[i/36]}
			combos++
			e := gse.NewEngine(model, gse.Options{}, nil)
			tick(t, e, 0)
			doubt := false
			for j, s := range combo {
				doubt = doubt || s.never || s.status == health.Unknown
				if !s.never {
					send(t, e, fact("a", fmt.Sprintf("h%d", j), s.status, 0), 0)
				}
			}
			if tick(t, e, 1).word("c") == "okay" && doubt {
				falseOkays++
			}
		}
		require.Equal(t, 216, combos)
		require.Equal(t, want, falseOkays, policy)
	}
}

// With no facts the original asks the policy; strict evaluation does not.
func TestNoFacts(t *testing.T) {
	for policy, want := range map[string]string{
		"highest_severity": "unknown", "availability_of_members": "down", "status_of_members": "warning",
		"majority_of_node_members": "okay", "majority_of_members": "okay", "availability_of_members_fuel": "down",
	} {
		yaml := strings.Replace(byHost, "%p", policy, 1)
		e := engine(t, strings.Replace(yaml, "alarm_cluster", "evaluation: compatible, alarm_cluster", 1))
		tick(t, e, 0)
		require.Equal(t, want, tick(t, e, 1).word("c"), policy)
		e = engine(t, yaml)
		tick(t, e, 0)
		out := tick(t, e, 1)
		require.Equal(t, "unknown", out.word("c"), policy)
		require.Len(t, out.get("c", "alarms").Array(), 2, "the reason: nobody has reported the two members")
	}
}

// Every row of the table of policies.
func TestShippedPolicies(t *testing.T) {
	model := load(t, "aggregator: {}")
	for _, c := range []struct {
		counts gse.Counts // OKAY WARN UNKNOWN CRITICAL DOWN
		want   [6]string  // in the order of allPolicies
	}{
		{gse.Counts{3, 0, 0, 0, 0}, [6]string{"okay", "okay", "okay", "okay", "okay", "okay"}},
		{gse.Counts{2, 1, 0, 0, 0}, [6]string{"warning", "unknown", "warning", "warning", "okay", "warning"}},
		{gse.Counts{2, 0, 1, 0, 0}, [6]string{"okay", "unknown", "warning", "warning", "okay", "warning"}},
		{gse.Counts{2, 0, 0, 1, 0}, [6]string{"critical", "unknown", "warning", "warning", "okay", "warning"}},
		{gse.Counts{2, 0, 0, 0, 1}, [6]string{"down", "warning", "warning", "warning", "okay", "warning"}},
		{gse.Counts{1, 0, 0, 0, 2}, [6]string{"down", "critical", "critical", "critical", "down", "critical"}},
		{gse.Counts{1, 0, 0, 0, 1}, [6]string{"down", "critical", "critical", "critical", "okay", "warning"}},
		{gse.Counts{1, 0, 2, 0, 0}, [6]string{"okay", "unknown", "critical", "warning", "warning", "warning"}},
		{gse.Counts{1, 0, 0, 2, 0}, [6]string{"critical", "unknown", "critical", "critical", "critical", "critical"}},
		{gse.Counts{0, 1, 0, 0, 0}, [6]string{"warning", "down", "warning", "warning", "warning", "down"}},
		{gse.Counts{0, 0, 3, 0, 0}, [6]string{"unknown", "down", "critical", "warning", "warning", "down"}},
		{gse.Counts{0, 0, 0, 0, 3}, [6]string{"down", "down", "down", "down", "down", "down"}},
		{gse.Counts{0, 0, 0, 3, 0}, [6]string{"critical", "down", "critical", "critical", "critical", "down"}},
		{gse.Counts{6, 0, 0, 0, 4}, [6]string{"down", "warning", "warning", "warning", "okay", "warning"}},
		{gse.Counts{4, 0, 0, 0, 6}, [6]string{"down", "warning", "warning", "critical", "down", "warning"}},
		{gse.Counts{4, 4, 0, 2, 0}, [6]string{"critical", "unknown", "warning", "warning", "warning", "warning"}},
	} {
		for i, name := range allPolicies {
			got, _ := model.Policies[name].Evaluate(c.counts)
			require.Equal(t, c.want[i], got.Word(), "%s of %v", name, c.counts)
		}
	}
}
