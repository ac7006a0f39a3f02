package gse

import (
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Tick emits the verdicts that are due; it is called every second. The first
// tick only starts the clock. What a cluster says reaches the clusters above it
// within the same tick. Tick stops at the first error of emit.
func (e *Engine) Tick(now time.Time, emit message.Emit) error {
	t := now.UnixNano()
	if !e.started {
		e.started, e.start = true, t
		return nil
	}
	emitted := 0
	for _, c := range e.clusters {
		if t-e.start <= int64(c.def.WarmUp) || c.next > t {
			continue
		}
		if c.def.builtIn && !c.heard() {
			continue // no collector ever sent a heartbeat: there is nothing to judge
		}
		if c.next == 0 {
			c.next = t
		}
		if e.opt.MaxInject > 0 && emitted >= e.opt.MaxInject {
			continue
		}
		interval := int64(c.def.Interval)
		c.next += interval * (1 + (t-c.next)/interval) // keeps its phase, however late this tick is
		emitted++
		if err := e.emit(c, t, emit); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) emit(c *clusterState, now int64, emit message.Emit) error {
	e.ensure(c, now)
	e.record(c, now)
	m := verdict(c.def, c.result.status, e.payload(c, now), e.opt, now)
	e.stats.Emitted++
	if err := e.verdict(m, now); err != nil {
		e.stats.Rejected++ // a cluster above groups by hostname; Load warned about it
	}
	return emit(m)
}

// Interval returns how often a cluster emits its verdict; false when there is no
// such cluster.
func (e *Engine) Interval(cluster string) (time.Duration, bool) {
	c := e.byName[cluster]
	if c == nil {
		return 0, false
	}
	return c.def.Interval, true
}

// ensure evaluates c at now unless that is done already.
func (e *Engine) ensure(c *clusterState, now int64) {
	if c.dirty || c.evaluated != now {
		c.evaluate(now, e.opt.MaxAlarms)
	}
}

// Status returns the status of a cluster at its last evaluation; false when
// there is no such cluster or no evaluation yet.
func (e *Engine) Status(cluster string) (health.Status, bool) {
	c := e.byName[cluster]
	if c == nil || c.evaluated == 0 {
		return health.Unknown, false
	}
	return c.result.status, true
}

// Clusters returns the definitions in evaluation order, the built-in one
// included. They must not be changed.
func (e *Engine) Clusters() []*Cluster {
	out := make([]*Cluster, len(e.clusters))
	for i, c := range e.clusters {
		out[i] = c.def
	}
	return out
}

// Forget removes every fact of a host, of a member, or of the pair; an empty
// text stands for all. What is forgotten is not expected any more until it
// reports again. It returns how many facts it removed.
func (e *Engine) Forget(host, member string) int {
	removed := 0
	for _, c := range e.clusters {
		removed += c.remove(func(g *group, f *fact) bool {
			h, m := c.pair(g, f)
			return (host == "" || h == host) && (member == "" || m == member)
		}, false)
	}
	return removed
}

// Stats returns the counters of the engine.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Pairs = e.pairs()
	return s
}
