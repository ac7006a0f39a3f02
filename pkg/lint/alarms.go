package lint

import (
	"slices"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
)

// alarms judges the alarms of a role: the order of their triggers, and whether
// their verdicts reach a cluster.
func (l *linter) alarms(r role) {
	section := r.node.Get("alarm")
	l.collisions(section)
	for i := range r.defs {
		d := &r.defs[i]
		node := section.Get(d.Name)
		l.order(d, node.Get("triggers"))
		if len(l.gse.Clusters) > 0 && !l.taken(producerOfAlarm(d)) {
			l.find("no_cluster", node, "alarm %s: no alarm cluster takes its verdicts%s", d.Name, l.whyNot(producerOfAlarm(d)))
		}
	}
}

// collisions finds names that the original cannot tell apart.
func (l *linter) collisions(section *config.Node) {
	seen := map[string]string{}
	for _, name := range section.Keys() {
		same := strings.ReplaceAll(name, "-", "_")
		if before, there := seen[same]; there {
			l.find("colliding_names", section.Get(name), "%s and %s differ only by - and _; rename one", before, name)
			continue
		}
		seen[same] = name
	}
}

func (l *linter) order(d *afd.Definition, list *config.Node) {
	at := func(name string) *config.Node {
		for _, item := range list.Items() {
			if item.Text() == name {
				return item
			}
		}
		return list
	}
	for i := range d.Triggers {
		later := &d.Triggers[i]
		for j := range d.Triggers[:i] {
			before := &d.Triggers[j]
			switch {
			case before.Name == later.Name:
				l.find("repeated_trigger", at(later.Name), "alarm %s lists trigger %s twice", d.Name, later.Name)
			case later.Severity.Weight() > before.Severity.Weight():
				l.find("hidden_severity", at(later.Name), "alarm %s: trigger %s (%s) stands before %s (%s) and hides it; list the most severe one first", d.Name, before.Name, before.Severity, later.Name, later.Severity)
			case shadows(before, later):
				l.find("shadowed_trigger", at(later.Name), "alarm %s: whenever %s is raised, %s before it is raised as well: it never decides", d.Name, later.Name, before.Name)
			default:
				continue
			}
			break
		}
	}
}

// shadows reports whether the condition of b implies that of a.
func shadows(a, b *afd.Trigger) bool {
	if a.For > b.For || len(a.Rules) > 1 && a.And {
		return false
	}
	implied := func(r *afd.Rule) bool {
		s, ok := spanOf(r.Operator, r.Threshold)
		for i := range a.Rules {
			if t, known := spanOf(a.Rules[i].Operator, a.Rules[i].Threshold); ok && known && series(&a.Rules[i]) == series(r) && a.Rules[i].Window == r.Window && s.within(t) {
				return true
			}
		}
		return false
	}
	for i := range b.Rules {
		switch done := implied(&b.Rules[i]); {
		case b.And && done:
			return true
		case !b.And && !done:
			return false
		}
	}
	return !b.And
}

// series names what a rule looks at, apart from its threshold.
func series(r *afd.Rule) string {
	parts := []string{r.Metric, r.Value, string(r.Function), r.Script}
	for _, f := range r.Fields {
		parts = append(parts, f.Name+"="+f.Expr.String())
	}
	return strings.Join(append(parts, r.GroupBy...), "\x00")
}

// triggers judges every trigger of a role and the rules of those in use.
func (l *linter) triggers(r role) {
	used := map[string]*afd.Trigger{}
	for i := range r.defs {
		for j := range r.defs[i].Triggers {
			used[r.defs[i].Triggers[j].Name] = &r.defs[i].Triggers[j]
		}
	}
	named := map[string]bool{} // also by alarms that are disabled
	alarms := r.node.Get("alarm")
	for _, a := range alarms.Keys() {
		for _, item := range alarms.Get(a, "triggers").Items() {
			named[item.Text()] = true
		}
	}
	section := r.node.Get("trigger")
	for _, name := range section.Keys() {
		node := section.Get(name)
		t := used[name]
		switch {
		case t != nil:
			l.trigger(t, node)
		case !named[name] && !disabled(node):
			l.find("unused_trigger", node, "trigger %s is used by no alarm of %s", name, r.name)
		}
	}
}

func disabled(n *config.Node) bool { return strings.EqualFold(n.Get("enabled").Text(), "false") }

func (l *linter) trigger(t *afd.Trigger, node *config.Node) {
	items := node.Get("rules").Items()
	for i := range t.Rules {
		at := node
		if i < len(items) {
			at = items[i]
		}
		l.rule(t, &t.Rules[i], at)
	}
	if !t.And {
		return
	}
	for i := range t.Rules {
		for j := range t.Rules[:i] {
			a, b := &t.Rules[j], &t.Rules[i]
			s, ok := spanOf(a.Operator, a.Threshold)
			u, known := spanOf(b.Operator, b.Threshold)
			if ok && known && series(a) == series(b) && a.Window == b.Window && s.and(u).empty() {
				l.find("never_fires", node, "trigger %s: rules %d and %d contradict each other: %s cannot be %s %v and %s %v at once", t.Name, j+1, i+1, a.Metric, a.OperatorText, a.Threshold, b.OperatorText, b.Threshold)
			}
		}
	}
}

// selects reports whether a rule looks at one value, or some, of a field.
func selects(r *afd.Rule, field string) bool {
	return slices.Contains(r.GroupBy, field) || slices.ContainsFunc(r.Fields, func(f afd.FieldMatch) bool { return f.Name == field })
}
