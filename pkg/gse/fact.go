package gse

import (
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
)

// fact is the newest verdict of one (host, member) pair.
type fact struct {
	inner    string // the key inside its group: member, or host in member groups
	status   health.Status
	never    bool // expected, but nothing was ever received
	listed   bool // its host is in expected_hosts, or there is no such list
	seen     int64
	alarms   []string // alarm objects as received; shared and never changed
	hostless bool
	by       *life // of the collector that sent it; nil: not known
}

// group is the facts of one host, or of one member.
type group struct {
	key   string
	facts []*fact // sorted by inner key
}

func (g *group) find(inner string) (int, bool) {
	return slices.BinarySearchFunc(g.facts, inner, func(f *fact, key string) int { return strings.Compare(f.inner, key) })
}

// knows reports whether there is a fact of the pair, heard of or expected.
func (c *clusterState) knows(host, member string) bool {
	outer, inner := c.keys(host, member)
	g := c.index[outer]
	if g == nil {
		return false
	}
	_, ok := g.find(inner)
	return ok
}

// put returns the fact of a pair, making it if needed.
func (c *clusterState) put(host, member string) *fact {
	outer, inner := c.keys(host, member)
	g := c.group(outer)
	i, ok := g.find(inner)
	if !ok {
		g.facts = slices.Insert(g.facts, i, &fact{inner: inner})
		c.count++
	}
	return g.facts[i]
}

// clusterState is a cluster with its facts.
type clusterState struct {
	def       *Cluster
	groups    []*group // sorted by key
	index     map[string]*group
	expected  map[string]bool // hosts of expected_hosts; nil: no list
	seen      map[string]bool // members that had a fact, also if it is forgotten since
	next      int64           // when its next verdict is due; 0: not decided
	evaluated int64           // when result was computed; 0: never
	dirty     bool            // facts changed since
	count     int             // facts, the expected ones included
	refusedAt int64           // when a pair was last refused; 0: never
	result    result
	recorded  uint64 // shape of what Options.Record got last
	recordAt  int64  // when; 0: never
}

func newClusterState(def *Cluster) *clusterState {
	c := &clusterState{def: def, index: map[string]*group{}, seen: map[string]bool{}}
	if len(def.ExpectedHosts) == 0 {
		return c
	}
	c.expected = map[string]bool{}
	for _, host := range def.ExpectedHosts {
		c.expected[host] = true
	}
	if def.Strict {
		for _, host := range def.ExpectedHosts {
			for _, member := range def.Members {
				c.expect(host, member)
			}
		}
	}
	return c
}

func (c *clusterState) keys(host, member string) (outer, inner string) {
	if c.def.ByHostname {
		return host, member
	}
	return member, host
}

// pair is the inverse of keys.
func (c *clusterState) pair(g *group, f *fact) (host, member string) {
	if c.def.ByHostname {
		return g.key, f.inner
	}
	return f.inner, g.key
}

func (c *clusterState) group(key string) *group {
	g := c.index[key]
	if g == nil {
		g = &group{key: key}
		i, _ := slices.BinarySearchFunc(c.groups, key, func(g *group, key string) int { return strings.Compare(g.key, key) })
		c.groups = slices.Insert(c.groups, i, g)
		c.index[key] = g
	}
	return g
}

// expect notes a pair of the list from which nothing was heard yet.
func (c *clusterState) expect(host, member string) {
	f := c.put(host, member)
	f.never, f.listed, f.status = true, true, health.Unknown
}

// update stores a verdict. One that is older than what is there is left out.
func (c *clusterState) update(host, member string, status health.Status, alarms []string, at int64, by *life) bool {
	f := c.put(host, member)
	if !f.never && f.seen > at {
		return false
	}
	f.status, f.alarms, f.seen, f.never = status, alarms, at, false
	f.hostless = host == ""
	f.by = by
	f.listed = c.expected == nil || f.hostless || c.expected[host]
	c.seen[member] = true
	c.dirty = true
	return true
}

// expire forgets the facts that are older than forget_after. A pair of
// expected_hosts stays, as one that was never heard of.
func (c *clusterState) expire(now int64) {
	limit := int64(c.def.ForgetAfter)
	if limit == 0 {
		return
	}
	if now-c.refusedAt >= limit {
		c.refusedAt = 0
	}
	c.remove(func(_ *group, f *fact) bool { return !f.never && now-f.seen >= limit }, c.def.Strict && c.expected != nil)
}

// remove deletes the facts for which drop holds and returns how many. keep lets
// those of listed hosts stay as never heard of.
func (c *clusterState) remove(drop func(*group, *fact) bool, keep bool) int {
	removed := 0
	for _, g := range c.groups {
		kept := g.facts[:0]
		for _, f := range g.facts {
			if !drop(g, f) {
				kept = append(kept, f)
				continue
			}
			removed++
			if keep && f.listed && !f.hostless {
				*f = fact{inner: f.inner, never: true, listed: true, status: health.Unknown}
				kept = append(kept, f)
			} else {
				c.count--
			}
		}
		clear(g.facts[len(kept):])
		g.facts = kept
	}
	if removed > 0 {
		c.dirty = true
		c.groups = slices.DeleteFunc(c.groups, func(g *group) bool {
			if len(g.facts) == 0 {
				delete(c.index, g.key)
				return true
			}
			return false
		})
	}
	return removed
}

// stale reports whether a fact does not count any more, and its age.
func (c *clusterState) stale(f *fact, now int64) (bool, time.Duration) {
	if f.never {
		return true, 0
	}
	age := now - f.seen
	return c.def.MemberTTL > 0 && age >= int64(c.def.MemberTTL), time.Duration(age)
}
