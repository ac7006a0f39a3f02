package gse

import (
	"slices"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/health"
)

// finish checks what needs all clusters at once, sets the default warm-up
// periods, and puts the clusters in evaluation order.
func (l *loader) finish() {
	index := map[string]int{}
	for i := range l.model.Clusters {
		index[l.model.Clusters[i].Name] = i
	}
	hints := make([][]int, len(l.model.Clusters))
	feeds := make([][]int, len(l.model.Clusters))
	for i := range l.model.Clusters {
		c := &l.model.Clusters[i]
		if c.Takes(verdict(c, health.Okay, nil, Options{}, 0)) {
			l.fail(l.nodes[c.Name], "alarm cluster %s: its own output satisfies its match; change its dimension or its match", c.Name)
		}
		hints[i] = l.resolveHints(c, index)
		for _, member := range c.Members {
			j, ok := index[member]
			if ok && j != i && c.Takes(verdict(&l.model.Clusters[j], health.Okay, nil, Options{}, 0)) {
				feeds[i] = append(feeds[i], j)
			}
		}
		if c.ByHostname && len(feeds[i]) > 0 {
			l.warn(l.nodes[c.Name], "alarm cluster %s: member %s is a cluster, whose verdicts carry no hostname: group_by: hostname refuses them", c.Name, l.model.Clusters[feeds[i][0]].Name)
		}
		if c.WarmUp < 0 {
			c.WarmUp = DefaultWarmUp
			if len(feeds[i]) > 0 {
				c.WarmUp = DefaultUpperWarmUp
			}
		}
	}
	l.reportCircle(hints, "hints form a circle (a circular dependency, a cycle)")
	l.reportCircle(feeds, "clusters feed each other in a circle (a cycle)")
	if len(l.errs) > 0 {
		return
	}
	l.sort(hints, feeds)
}

func (l *loader) resolveHints(c *Cluster, index map[string]int) []int {
	var out []int
	kept := c.Hints[:0:0]
	for _, name := range c.Hints {
		if j, ok := index[name]; ok {
			out, kept = append(out, j), append(kept, name)
			continue
		}
		at := l.nodes[c.Name].Get("hints")
		if _, disabled := l.nodes[name]; disabled {
			l.warn(at, "alarm cluster %s: hint %s is a disabled cluster and is left out", c.Name, name)
		} else {
			l.fail(at, "alarm cluster %s: hint %q is not an alarm cluster", c.Name, name)
		}
	}
	c.Hints = kept
	return out
}

// reportCircle fails with the names along the first circle it finds.
func (l *loader) reportCircle(edges [][]int, what string) {
	const open, done = 1, 2
	state := make([]int, len(edges))
	var path []int
	var visit func(i int) bool
	visit = func(i int) bool {
		state[i] = open
		path = append(path, i)
		for _, j := range edges[i] {
			if state[j] == open {
				path = append(path[slices.Index(path, j):], j)
				return true
			}
			if state[j] == 0 && visit(j) {
				return true
			}
		}
		state[i] = done
		path = path[:len(path)-1]
		return false
	}
	for i := range edges {
		if state[i] == 0 && visit(i) {
			names := make([]string, len(path))
			for k, p := range path {
				names[k] = l.model.Clusters[p].Name
			}
			l.fail(l.nodes[names[0]], "alarm cluster %s: %s: %s", names[0], what, strings.Join(names, " -> "))
			return
		}
	}
}

// sort puts every cluster after those it needs. Where hints and feeding
// disagree the feeding wins: a hint may be one interval old, a member may not.
func (l *loader) sort(hints, feeds [][]int) {
	ordered := make([]Cluster, 0, len(l.model.Clusters))
	seen := make([]bool, len(l.model.Clusters))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, j := range feeds[i] {
			visit(j)
		}
		for _, j := range hints[i] {
			visit(j)
		}
		ordered = append(ordered, l.model.Clusters[i])
	}
	for i := range l.model.Clusters {
		visit(i)
	}
	l.model.Clusters = ordered
}
