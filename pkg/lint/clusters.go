package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
)

// producer is an alarm or a cluster as the clusters see it: a member with the
// fields of its verdicts.
type producer struct {
	member string
	fields map[string]string
	alarm  *afd.Definition // nil for a cluster
}

func producerOfAlarm(d *afd.Definition) producer {
	p := producer{member: d.Name, fields: map[string]string{"member": d.Name, "name": "status", "Type": "heka.sandbox.afd_metric"}, alarm: d}
	for _, dim := range d.Dimensions {
		p.fields[dim.Name] = dim.Value
	}
	return p
}

func producerOfCluster(c *gse.Cluster) producer {
	p := producer{member: c.Name, fields: map[string]string{"member": c.Name, "name": "cluster_status", "Type": "heka.sandbox.gse_metric"}}
	for _, dim := range c.Dimensions {
		p.fields[dim.Name] = dim.Value
	}
	return p
}

// mayHold reports fields that verdicts get from elsewhere: nothing in the model
// tells their values.
func mayHold(field string) bool {
	return slices.Contains([]string{"hostname", "Hostname", "environment_label", "region", "availability_zone", "value", "alerting_enabled", "notification_enabled", "notification_handler"}, field)
}

// accepts reports whether the match of a cluster lets a producer's verdicts in.
func accepts(c *gse.Cluster, p producer) bool {
	for _, m := range c.Match {
		if v, known := p.fields[m.Field]; v != m.Value && (known || !mayHold(m.Field)) {
			return false
		}
	}
	for _, m := range c.MatchRe {
		if v, known := p.fields[m.Field]; (known || !mayHold(m.Field)) && !m.Re.MatchString(v) {
			return false
		}
	}
	return true
}

func takes(c *gse.Cluster, p producer) bool {
	return slices.Contains(c.Members, p.member) && accepts(c, p)
}

func (l *linter) taken(p producer) bool {
	return slices.ContainsFunc(l.gse.Clusters, func(c gse.Cluster) bool { return takes(&c, p) })
}

// whyNot tells what keeps an alarm out of the cluster that nearly takes it.
func (l *linter) whyNot(p producer) string {
	for i := range l.gse.Clusters {
		switch c := &l.gse.Clusters[i]; {
		case slices.Contains(c.Members, p.member):
			return fmt.Sprintf(": %s lists it and wants %s", c.Name, wants(c))
		case accepts(c, p) && len(p.fields) > 3:
			return fmt.Sprintf(": %s accepts its dimensions and does not list it", c.Name)
		}
	}
	return ""
}

func wants(c *gse.Cluster) string {
	var parts []string
	for _, m := range c.Match {
		parts = append(parts, m.Field+": "+m.Value)
	}
	for _, m := range c.MatchRe {
		parts = append(parts, m.Field+" =~ "+m.Re.String())
	}
	return strings.Join(parts, ", ")
}

func (l *linter) producers() map[string][]producer {
	all := map[string][]producer{}
	for _, r := range l.roles {
		for i := range r.defs {
			all[r.defs[i].Name] = append(all[r.defs[i].Name], producerOfAlarm(&r.defs[i]))
		}
	}
	for i := range l.gse.Clusters {
		c := &l.gse.Clusters[i]
		all[c.Name] = append(all[c.Name], producerOfCluster(c))
	}
	return all
}

// clusters judges who feeds the clusters, and whom they feed. A model without
// alarms, such as an aggregator's alone, says nothing about the first.
func (l *linter) clusters() {
	section := l.model.Get("aggregator", "alarm_cluster")
	l.collisions(section)
	alarms := 0
	for _, r := range l.roles {
		alarms += len(r.defs)
	}
	all := l.producers()
	for i := range l.gse.Clusters {
		c := &l.gse.Clusters[i]
		node := section.Get(c.Name)
		if c.Name == gse.CollectorsCluster {
			continue // heartbeats feed it
		}
		if alarms > 0 {
			l.members(c, node, all)
		}
		if !top(c) && !l.taken(producerOfCluster(c)) {
			l.find("feeds_nothing", node, "alarm cluster %s: no cluster takes its verdicts, and it has no cluster_name that would put it at the top%s", c.Name, l.whyNot(producerOfCluster(c)))
		}
	}
}

func top(c *gse.Cluster) bool {
	return slices.ContainsFunc(c.Dimensions, func(d gse.Dimension) bool { return d.Name == "cluster_name" })
}

func (l *linter) members(c *gse.Cluster, node *config.Node, all map[string][]producer) {
	items := node.Get("members").Items()
	var feeding []producer
	var absent []Finding
	for i, member := range c.Members {
		if slices.Contains(c.Members[:i], member) && i < len(items) {
			l.find("repeated_member", items[i], "alarm cluster %s: member %s is listed twice", c.Name, member)
		}
		from := all[member]
		found := slices.IndexFunc(from, func(p producer) bool { return accepts(c, p) })
		if found >= 0 {
			feeding = append(feeding, from[found])
			continue
		}
		at := node
		if i < len(items) {
			at = items[i]
		}
		before := len(l.findings)
		if len(from) > 0 {
			l.find("no_producer", at, "alarm cluster %s: the verdicts of %s lack %s", c.Name, member, wants(c))
		} else {
			l.find("no_producer", at, "alarm cluster %s: no alarm and no cluster is called %q%s", c.Name, member, nearest(member, all))
		}
		absent = append(absent, l.findings[before:]...)
		l.findings = l.findings[:before]
	}
	if len(feeding) == 0 {
		l.find("dead_cluster", node, "alarm cluster %s: nobody produces any of its members (%s) with %s: it is always unknown", c.Name, strings.Join(c.Members, ", "), wants(c))
		return
	}
	l.findings = append(l.findings, absent...)
	l.ttl(c, node, feeding)
	l.harsh(c, node, feeding)
}

// alarmInterval is how often alarms give their verdicts, unless the model says
// otherwise.
const alarmInterval = 10 * time.Second

// ttl finds a member_ttl within which some member cannot speak again.
func (l *linter) ttl(c *gse.Cluster, node *config.Node, feeding []producer) {
	if c.MemberTTL == 0 {
		return
	}
	for _, p := range feeding {
		interval := alarmInterval
		if i := slices.IndexFunc(l.gse.Clusters, func(o gse.Cluster) bool { return o.Name == p.member }); p.alarm == nil && i >= 0 {
			interval = l.gse.Clusters[i].Interval
		} else if l.ownInterval() {
			continue
		}
		if c.MemberTTL <= interval {
			at := node
			if n := node.Get("member_ttl"); n.Exists() {
				at = n
			}
			l.find("short_ttl", at, "alarm cluster %s: %s speaks every %s, which is not within its member_ttl of %s: it would be unknown in between", c.Name, p.member, interval, c.MemberTTL)
			return
		}
	}
}

// ownInterval reports whether the model sets the interval of alarms itself.
func (l *linter) ownInterval() bool {
	return slices.ContainsFunc(Roles(), func(role string) bool { return l.model.Get(role, "alarm_interval").Exists() })
}

func nearest(member string, all map[string][]producer) string {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	if near, ok := config.Nearest(member, names); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// harsh finds policies that make an outage of a single warning.
func (l *linter) harsh(c *gse.Cluster, node *config.Node, feeding []producer) {
	for _, p := range feeding {
		if p.alarm == nil {
			return
		}
		for i := range p.alarm.Triggers {
			if p.alarm.Triggers[i].Severity.Weight() > health.Warn.Weight() {
				return
			}
		}
	}
	var one gse.Counts
	one[health.Warn] = 1
	if status, _ := c.Policy.Evaluate(one); status.Weight() > health.Warn.Weight() {
		l.find("harsh_policy", node, "alarm cluster %s: its members only warn, and %s takes one warning for %s", c.Name, c.PolicyName, status)
	}
}

// policies finds entries that are never reached.
func (l *linter) policies() {
	section := l.model.Get("aggregator", "policy")
	for _, name := range section.Keys() {
		items := section.Get(name).Items()
		for i, e := range l.gse.Policies[name] {
			if len(e.Rules) == 0 && i+1 < len(items) {
				l.find("unreachable_entry", items[i+1], "policy %s: entry %d has no rules and always matches: nothing after it is reached", name, i+1)
				break
			}
		}
	}
}

// letters finds lists that were made of a text, letter by letter.
func (l *linter) letters() {
	for _, section := range append(Roles(), "aggregator") {
		l.model.Get(section).Walk(func(n *config.Node) {
			if n.Kind() != config.List || len(n.Items()) < 3 {
				return
			}
			for _, item := range n.Items() {
				if len(item.Text()) != 1 || item.Kind() != config.Scalar {
					return
				}
			}
			l.find("letters", n, "a list of %d single letters: a text stood where a list is wanted", len(n.Items()))
		})
	}
}
