package alarmtest

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
)

// Mutant is one change to the model that some test should notice.
type Mutant struct {
	Element string `json:"element"` // "trigger root_fs_low" or "policy highest_severity"
	Change  string `json:"change"`

	remote  bool
	trigger *afd.Trigger // the original, nil for policies
	changed afd.Trigger
	name    string // of the policy
	policy  gse.Policy
	mutated gse.Policy
}

// fingerprint tells an element from one of the same name with another content.
func fingerprint(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%+v", v)
	}
	return string(b)
}

// mutants returns the changes to everything in m, each element once.
func (m *models) mutants(seen map[string]bool) []Mutant {
	var out []Mutant
	add := func(defs []afd.Definition, remote bool) {
		for _, d := range defs {
			for i := range d.Triggers {
				t := &d.Triggers[i]
				key := fmt.Sprint("trigger ", remote, fingerprint(t))
				if seen[key] {
					continue
				}
				seen[key] = true
				for _, c := range triggerChanges(t) {
					c.remote = remote
					out = append(out, c)
				}
			}
		}
	}
	add(m.collector, false)
	add(m.remote, true)
	used := map[string]gse.Policy{}
	var names []string
	for i := range m.gse.Clusters {
		c := &m.gse.Clusters[i]
		if _, there := used[c.PolicyName]; !there {
			used[c.PolicyName] = c.Policy
			names = append(names, c.PolicyName)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if key := "policy " + name + fingerprint(used[name]); !seen[key] {
			seen[key] = true
			out = append(out, policyChanges(name, used[name])...)
		}
	}
	return out
}

func triggerChanges(t *afd.Trigger) []Mutant {
	var out []Mutant
	add := func(change string, edit func(*afd.Trigger)) {
		c := *t
		c.Rules = slices.Clone(t.Rules)
		edit(&c)
		out = append(out, Mutant{Element: "trigger " + t.Name, Change: change, trigger: t, changed: c})
	}
	severity := map[health.Status]health.Status{
		health.Warn: health.Critical, health.Critical: health.Warn, health.Down: health.Critical, health.Okay: health.Warn, health.Unknown: health.Warn,
	}[t.Severity]
	add(fmt.Sprintf("severity %s becomes %s", t.Severity, severity), func(c *afd.Trigger) { c.Severity = severity })
	if len(t.Rules) > 1 {
		add("and and or change places", func(c *afd.Trigger) { c.And = !c.And })
	}
	for i := range t.Rules {
		r := &t.Rules[i]
		at := fmt.Sprintf("rule %d (%s of %s): ", i+1, r.Function, r.Metric)
		if r.Function != afd.ROC && r.Function != afd.MWW && r.Function != afd.MWWNonparametric {
			for _, op := range otherOperators(r.Operator) {
				add(fmt.Sprintf("%soperator %s becomes %s", at, r.OperatorText, symbol(op)), func(c *afd.Trigger) {
					c.Rules[i].Operator, c.Rules[i].OperatorText = op, symbol(op)
				})
			}
		}
		for _, v := range otherThresholds(r.Threshold, 0.1) {
			add(fmt.Sprintf("%sthreshold %v becomes %v", at, r.Threshold, v), func(c *afd.Trigger) { c.Rules[i].Threshold = v })
		}
		for _, w := range []float64{r.Window * 2, r.Window / 2} {
			add(fmt.Sprintf("%swindow %v becomes %v", at, r.Window, w), func(c *afd.Trigger) { c.Rules[i].Window = w })
		}
	}
	return out
}

func otherOperators(op afd.Operator) []afd.Operator {
	switch op {
	case afd.Equal:
		return []afd.Operator{afd.NotEqual}
	case afd.NotEqual:
		return []afd.Operator{afd.Equal}
	case afd.Greater:
		return []afd.Operator{afd.GreaterEqual, afd.LessEqual}
	case afd.GreaterEqual:
		return []afd.Operator{afd.Greater, afd.Less}
	case afd.Less:
		return []afd.Operator{afd.LessEqual, afd.GreaterEqual}
	case afd.LessEqual:
		return []afd.Operator{afd.Less, afd.Greater}
	}
	return nil
}

func symbol(op afd.Operator) string {
	return map[afd.Operator]string{
		afd.Equal: "==", afd.NotEqual: "!=", afd.Greater: ">", afd.GreaterEqual: ">=", afd.Less: "<", afd.LessEqual: "<=",
	}[op]
}

// otherThresholds moves a threshold by a share of itself, by 1 from 0, both ways.
func otherThresholds(v, share float64) []float64 {
	delta := math.Abs(v) * share
	if delta == 0 {
		delta = 1
	}
	return []float64{v + delta, v - delta}
}

func policyChanges(name string, p gse.Policy) []Mutant {
	var out []Mutant
	add := func(change string, edit func(gse.Policy)) {
		c := slices.Clone(p)
		for i := range c {
			c[i].Rules = slices.Clone(c[i].Rules)
		}
		edit(c)
		out = append(out, Mutant{Element: "policy " + name, Change: change, name: name, policy: p, mutated: c})
	}
	flip := map[string]string{"==": "!=", "!=": "==", ">": "<=", ">=": "<", "<": ">=", "<=": ">"}
	edge := map[string]string{">": ">=", ">=": ">", "<": "<=", "<=": "<"}
	for i := range p {
		if i+1 < len(p) {
			add(fmt.Sprintf("entries %d and %d change places", i+1, i+2), func(c gse.Policy) { c[i], c[i+1] = c[i+1], c[i] })
		}
		if len(p[i].Rules) > 0 {
			s := map[health.Status]health.Status{health.Okay: health.Warn, health.Warn: health.Critical}[p[i].Status]
			if s == health.Okay {
				s = health.Warn
			}
			add(fmt.Sprintf("entry %d: status %s becomes %s", i+1, p[i].Status, s), func(c gse.Policy) { c[i].Status = s })
		}
		if len(p[i].Rules) > 1 {
			add(fmt.Sprintf("entry %d: and and or change places", i+1), func(c gse.Policy) { c[i].And = !c[i].And })
		}
		for j, r := range p[i].Rules {
			at := fmt.Sprintf("entry %d, rule %d: ", i+1, j+1)
			for _, op := range []string{flip[r.Operator], edge[r.Operator]} {
				if op != "" {
					add(fmt.Sprintf("%soperator %s becomes %s", at, r.Operator, op), func(c gse.Policy) { c[i].Rules[j].Operator = op })
				}
			}
			for _, v := range otherThresholds(r.Threshold, 0.2) {
				add(fmt.Sprintf("%sthreshold %v becomes %v", at, r.Threshold, v), func(c gse.Policy) { c[i].Rules[j].Threshold = v })
			}
		}
	}
	return out
}

// apply returns m with the change; nil when m does not hold the element.
func (c *Mutant) apply(m *models) *models {
	out := *m
	changed := false
	if c.trigger == nil {
		out.gse.Clusters = slices.Clone(m.gse.Clusters)
		want := fingerprint(c.policy)
		for i := range out.gse.Clusters {
			if k := &out.gse.Clusters[i]; k.PolicyName == c.name && fingerprint(k.Policy) == want {
				k.Policy, changed = c.mutated, true
			}
		}
	} else if c.remote {
		out.remote, changed = c.applyTo(m.remote)
	} else {
		out.collector, changed = c.applyTo(m.collector)
	}
	if !changed {
		return nil
	}
	return &out
}

func (c *Mutant) applyTo(defs []afd.Definition) ([]afd.Definition, bool) {
	out, changed, want := slices.Clone(defs), false, ""
	for i := range out {
		for j := range out[i].Triggers {
			if out[i].Triggers[j].Name != c.trigger.Name {
				continue
			}
			if want == "" {
				want = fingerprint(c.trigger)
			}
			if fingerprint(&out[i].Triggers[j]) == want {
				out[i].Triggers = slices.Clone(out[i].Triggers)
				out[i].Triggers[j], changed = c.changed, true
			}
		}
	}
	return out, changed
}
