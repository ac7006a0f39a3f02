package web

import (
	"slices"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

// tree is why a cluster has its status, from the policy down to the alarms.
type tree struct {
	Policy  string
	Rule    string // the deciding entry in words
	Strict  bool
	GroupBy string
	Groups  []group // those in need first
	Unseen  []string
	Refused bool
	Hints   []hint
}

// group is a host of the cluster, or one of its members.
type group struct {
	Status health.Status
	Name   string
	Host   bool   // the name is that of a node
	Facts  []fact // that are not OKAY, the worst first
	Well   []fact
	Total  int
	Single *fact // the group is this fact and nothing else
}

// fact is what one member of one host says.
type fact struct {
	Status  health.Status
	Name    string // what tells it from the others of its group
	Host    string // "": the name says it
	Age     time.Duration
	Since   time.Time // zero: not known
	Stale   bool
	Never   bool
	Reasons []reason
}

// hint is a cluster that may be the cause.
type hint struct {
	Name    string
	Known   bool
	Status  health.Status
	Reasons []reason
}

func (s *server) tree(ev *gse.Evidence) *tree {
	t := &tree{Policy: ev.Name, Rule: policyRule(ev), Strict: ev.Strict, GroupBy: ev.GroupBy, Unseen: ev.Unseen, Refused: ev.Refused}
	for _, ge := range ev.Groups {
		t.Groups = append(t.Groups, s.group(&ge, ev.GroupBy == "hostname"))
	}
	slices.SortStableFunc(t.Groups, func(a, b group) int { return attention(b.Status) - attention(a.Status) })
	for _, name := range ev.Hints {
		c, ok := s.find(name)
		t.Hints = append(t.Hints, hint{name, ok, c.Status, reasons(c.Alarms, s.trail)})
	}
	return t
}

func (s *server) group(ge *gse.GroupEvidence, byHost bool) group {
	g := group{Status: ge.Status, Name: ge.Key, Host: byHost && ge.Key != "", Total: len(ge.Facts)}
	for _, fe := range ge.Facts {
		f := fact{Status: fe.Status, Name: fe.Member, Age: fe.Age, Stale: fe.Stale, Never: fe.Never}
		if !byHost {
			f.Name, f.Host = fe.Host, fe.Host
		}
		if m, ok := s.State.Member(fe.Host, fe.Member); ok {
			f.Since = m.Since
		}
		if !fe.Stale && !fe.Never { // what was wrong before the silence is not known to be so still
			f.Reasons = reasons(fe.Alarms, func(_, _, rule string) []store.Sample { return s.trail(fe.Host, fe.Member, rule) })
			for i := range f.Reasons {
				if f.Reasons[i].Host == fe.Host {
					f.Reasons[i].Host = "" // the branch says it
				}
			}
		}
		if f.Status == health.Okay {
			g.Well = append(g.Well, f)
		} else {
			g.Facts = append(g.Facts, f)
		}
	}
	sortFacts(g.Facts)
	if all := append(slices.Clone(g.Facts), g.Well...); len(all) == 1 && !byHost {
		g.Single = &all[0]
	}
	return g
}

// trail returns the values of a rule that a member reported.
func (s *server) trail(host, member, rule string) []store.Sample {
	m, _ := s.State.Member(host, member)
	return valuesOf(m, rule)
}

func valuesOf(m store.MemberState, rule string) []store.Sample {
	if m.Rule != rule {
		return nil
	}
	return m.Values
}

func sortFacts(facts []fact) {
	slices.SortStableFunc(facts, func(a, b fact) int { return attention(b.Status) - attention(a.Status) })
}
