package store

import (
	"slices"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
)

// Clusters returns the newest verdict of every cluster, worst first.
func (s *State) Clusters() []ClusterState {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]ClusterState, 0, len(s.clusters))
	for _, c := range s.clusters {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b ClusterState) int {
		if d := urgency(b.Status) - urgency(a.Status); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// urgency orders statuses for a person: what is unknown comes before what is
// well.
func urgency(s health.Status) int {
	return [...]int{health.Okay: 0, health.Unknown: 1, health.Warn: 2, health.Critical: 3, health.Down: 4}[s]
}

// Members returns the newest verdict of every alarm, by host and name.
func (s *State) Members() []MemberState {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]MemberState, 0, len(s.members))
	for _, m := range s.members {
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b MemberState) int {
		if c := strings.Compare(a.Host, b.Host); c != 0 {
			return c
		}
		return strings.Compare(a.Member, b.Member)
	})
	return out
}

// Member returns the newest verdict of one alarm; false when there is none.
func (s *State) Member(host, member string) (MemberState, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, ok := s.members[memberKey{host, member}]
	if !ok {
		return MemberState{}, false
	}
	return *m, true
}

// MembersOf returns the alarms of one host, by name.
func (s *State) MembersOf(host string) []MemberState {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []MemberState
	for key, m := range s.members {
		if key.host == host {
			out = append(out, *m)
		}
	}
	slices.SortFunc(out, func(a, b MemberState) int { return strings.Compare(a.Member, b.Member) })
	return out
}

// HostState is a host with a summary of its alarms.
type HostState struct {
	NodeState
	Worst health.Status
	Bad   int // alarms that are not OKAY
	Total int
}

// Hosts returns every host that has sent a heartbeat or a verdict, those that
// need attention first. What was last heard before fresh is not known any more:
// an OKAY of then counts as UNKNOWN.
func (s *State) Hosts(fresh time.Time) []HostState {
	s.mu.RLock()
	byName := make(map[string]*HostState, len(s.nodes))
	for name, n := range s.nodes {
		byName[name] = &HostState{NodeState: *n}
	}
	for key, m := range s.members {
		if key.host == "" {
			continue
		}
		h, ok := byName[key.host]
		if !ok {
			h = &HostState{NodeState: NodeState{Host: key.host}}
			byName[key.host] = h
		}
		if _, beats := s.nodes[key.host]; !beats && m.At.After(h.At) {
			h.At = m.At
		}
		h.Total++
		status := m.Status
		if status == health.Okay && m.At.Before(fresh) {
			status = health.Unknown
		}
		if status != health.Okay {
			h.Bad++
			if urgency(status) > urgency(h.Worst) {
				h.Worst = status
			}
		}
	}
	s.mu.RUnlock()
	out := make([]HostState, 0, len(byName))
	for _, h := range byName {
		if h.Worst == health.Okay && h.At.Before(fresh) {
			h.Worst = health.Unknown
		}
		out = append(out, *h)
	}
	slices.SortFunc(out, func(a, b HostState) int {
		if d := urgency(b.Worst) - urgency(a.Worst); d != 0 {
			return d
		}
		return strings.Compare(a.Host, b.Host)
	})
	return out
}

// Nodes returns what is known of every host, by name.
func (s *State) Nodes() []NodeState {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]NodeState, 0, len(s.nodes))
	for _, n := range s.nodes {
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b NodeState) int { return strings.Compare(a.Host, b.Host) })
	return out
}
