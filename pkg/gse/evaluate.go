package gse

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
)

// result is the outcome of one evaluation.
type result struct {
	status health.Status
	counts Counts
	entry  int  // of the policy; -1: none decided
	raised bool // OKAY of the policy was turned into UNKNOWN
	alarms []direct
	more   int      // alarms left out because of the limit
	unseen []string // members that nobody has ever reported
	shape  uint64   // of the statuses that were counted: equal statuses, equal shapes
}

// judged is what the facts of a group come to.
type judged struct {
	status health.Status
	known  bool   // it counts at all
	doubt  bool   // an expected pair in it is not fresh and known
	shape  uint64 // of its facts' statuses
}

// direct is an alarm of the cluster itself.
type direct struct {
	raw          string // the object as received, or a synthetic one
	host, member string // host is set only where it is to be written
}

// evaluate computes the status of the cluster at now.
func (c *clusterState) evaluate(now int64, maxAlarms int) {
	c.expire(now)
	r := result{entry: -1}
	unsure := c.refusedAt != 0
	for _, g := range c.groups {
		j := c.judge(g, now)
		if !j.known {
			continue
		}
		unsure = unsure || j.doubt
		r.counts[j.status]++
		r.shape = mix(r.shape, j.shape)
	}
	if c.def.Strict && !c.def.anyMember {
		for _, m := range c.def.Members {
			if !c.seen[m] && c.expected == nil {
				r.unseen = append(r.unseen, m)
			}
		}
	}
	if c.def.Strict && !c.heard() {
		r.status = health.Unknown
	} else {
		r.status, r.entry = c.def.Policy.Evaluate(r.counts)
		if c.def.Strict && r.status == health.Okay && (unsure || len(r.unseen) > 0) {
			r.status, r.raised = health.Unknown, true
		}
	}
	r.shape = mix(r.shape, uint64(r.status)+1)
	if r.status != health.Okay {
		c.collect(&r, now, maxAlarms)
	}
	c.result, c.evaluated, c.dirty = r, now, false
}

// heard reports whether there is any fact that was received.
func (c *clusterState) heard() bool {
	for _, g := range c.groups {
		for _, f := range g.facts {
			if !f.never {
				return true
			}
		}
	}
	return false
}

// mix adds x to a hash (FNV-1a, a word at a time).
func mix(h, x uint64) uint64 { return (h ^ x ^ h>>29) * 1099511628211 }

// judge returns the worst status of a group.
func (c *clusterState) judge(g *group, now int64) (j judged) {
	for _, f := range g.facts {
		s := f.status
		if stale, _ := c.stale(f, now); stale {
			if !f.listed {
				continue
			}
			s = health.Unknown
		} else if s == health.Okay && c.silent(f, now) {
			s = health.Unknown
		}
		j.doubt = j.doubt || s == health.Unknown
		j.shape = mix(j.shape, uint64(len(f.alarms)+1)*8+uint64(s))
		if j.known {
			j.status = health.Worst(j.status, s)
		} else {
			j.status, j.known = s, true
		}
	}
	if c.def.Strict && j.doubt && j.status == health.Okay {
		j.status = health.Unknown
	}
	return j
}

// collect gathers the alarms of every fact that is not OKAY, and a synthetic
// one for every pair from which nothing recent is known.
func (c *clusterState) collect(r *result, now int64, limit int) {
	add := func(d direct) {
		if len(r.alarms) >= limit {
			r.more++
			return
		}
		r.alarms = append(r.alarms, d)
	}
	for _, g := range c.groups {
		for _, f := range g.facts {
			host, member := c.pair(g, f)
			shown := ""
			if c.def.ByHostname {
				shown = host
			}
			stale, age := c.stale(f, now)
			switch {
			case stale && !f.listed:
			case stale:
				add(direct{raw: synthetic(c.def, host, member, age, f.never), host: host, member: member})
			case f.status == health.Okay && c.silent(f, now):
				add(direct{raw: silentAlarm(host, member, f.by, now), host: host, member: member})
			case f.status == health.Okay:
			case len(f.alarms) == 0 && f.status == health.Unknown && r.raised:
				add(direct{raw: syntheticUnknown(c.def, host, member, age), host: host, member: member})
			default:
				for _, raw := range f.alarms {
					add(direct{raw: raw, host: shown, member: member})
				}
			}
		}
	}
	if c.refusedAt != 0 {
		add(direct{raw: syntheticAlarm(c.def, "Too many pairs of hosts and members: the limit is reached and some are not watched", -1), member: c.def.Name})
	}
	for _, m := range r.unseen {
		add(direct{raw: synthetic(c.def, "", m, 0, true), member: m})
	}
}

// synthetic is the alarm for a pair whose last verdict is too old, or that
// never sent one.
func synthetic(def *Cluster, host, member string, age time.Duration, never bool) string {
	text, value := "No status of "+member+from(host)+" ever received", -1.0
	if !never {
		value = age.Seconds()
		text = fmt.Sprintf("No status of %s%s for %s seconds", member, from(host), strconv.FormatFloat(math.Round(value), 'f', -1, 64))
	}
	return syntheticAlarm(def, text, value)
}

// silentAlarm is the alarm for a pair that was well when its collector fell silent.
func silentAlarm(host, member string, l *life, now int64) string {
	seconds := time.Duration(now - l.heard).Seconds()
	text := fmt.Sprintf("No sign of life of the collector on %s for %s seconds: the last status of %s%s is no proof any more",
		l.host, strconv.FormatFloat(math.Round(seconds), 'f', -1, 64), member, from(host))
	if !l.silent(now) {
		text = fmt.Sprintf("The collector on %s was silent and has not judged %s%s again yet", l.host, member, from(host))
	}
	return aged(text, seconds, time.Duration(l.silence).Seconds())
}

// syntheticUnknown is the alarm for a pair that says UNKNOWN without a reason.
func syntheticUnknown(def *Cluster, host, member string, age time.Duration) string {
	text := fmt.Sprintf("The status of %s%s is unknown, as of %s seconds ago", member, from(host), strconv.FormatFloat(age.Seconds(), 'f', -1, 64))
	return syntheticAlarm(def, text, age.Seconds())
}

func from(host string) string {
	if host == "" {
		return ""
	}
	return " from " + host
}

func syntheticAlarm(def *Cluster, text string, value float64) string {
	return aged(text, value, def.MemberTTL.Seconds())
}

// aged is an alarm about something that is older, in seconds, than it may be.
func aged(text string, value, limit float64) string {
	b := append([]byte(nil), `{"severity":"UNKNOWN","function":"age","metric":"status","fields":{},"tags":{},"operator":">=","value":`...)
	b = strconv.AppendFloat(b, value, 'f', -1, 64)
	b = append(b, `,"threshold":`...)
	b = strconv.AppendFloat(b, limit, 'f', -1, 64)
	b = append(b, `,"window":`...)
	b = strconv.AppendFloat(b, limit, 'f', -1, 64)
	b = append(b, `,"periods":1,"message":`...)
	b = appendString(b, text)
	return string(append(b, '}'))
}
