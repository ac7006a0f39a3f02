package web

import (
	"slices"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/silence"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

// tree is why a cluster has its status, from the policy down to the alarms.
type tree struct {
	Cluster string
	Status  health.Status
	Policy  string
	Rule    string // the deciding entry in words
	Strict  bool
	GroupBy string
	Groups  []group // those in need first
	Unseen  []string
	Refused bool
	Rest    []gse.RestEvidence // groups that were counted and are not listed
	Hints   []hint
	At      time.Time
}

// maxDepth bounds how many clusters deep a page shows what feeds a cluster.
const maxDepth = 8

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
	More    int // alarms that were left out
	Silence *silence.Silence
	Below   *tree // of a member that is a cluster
}

// hint is a cluster that may be the cause.
type hint struct {
	Name    string
	Known   bool
	Status  health.Status
	Reasons []reason
}

// tree makes the tree of ev, which is a part of e.
func (s *server) tree(e *explanation, ev *gse.Evidence, depth int) *tree {
	t := &tree{
		Cluster: ev.Cluster, Status: ev.Status,
		Policy: ev.Name, Rule: policyRule(ev), Strict: ev.Strict, GroupBy: ev.GroupBy, Unseen: ev.Unseen, Refused: ev.Refused, Rest: ev.Rest, At: ev.At,
	}
	for _, ge := range ev.Groups {
		t.Groups = append(t.Groups, s.group(e, &ge, ev.GroupBy == "hostname", depth))
	}
	slices.SortStableFunc(t.Groups, func(a, b group) int { return attention(b.Status) - attention(a.Status) })
	for _, name := range ev.Hints {
		c, ok := s.find(name)
		if e.Past {
			c, ok = store.ClusterState{}, false // what it is now was no hint then
		}
		t.Hints = append(t.Hints, hint{name, ok, c.Status, reasons(c.Alarms, s.trail)})
	}
	return t
}

func (s *server) group(e *explanation, ge *gse.GroupEvidence, byHost bool, depth int) group {
	g := group{Status: ge.Status, Name: ge.Key, Host: byHost && ge.Key != "", Total: len(ge.Facts)}
	for _, fe := range ge.Facts {
		f := fact{Status: fe.Status, Name: fe.Member, Age: fe.Age, Stale: fe.Stale, Never: fe.Never}
		if !e.Past {
			f.Silence = s.silencedFact(&fe, e.Clusters[fe.Member] != nil)
		}
		if !byHost {
			f.Name, f.Host = fe.Host, fe.Host
		}
		if m, ok := s.State.Member(fe.Host, fe.Member); ok && !e.Past {
			f.Since = m.Since
		}
		if below := e.Clusters[fe.Member]; below != nil && fe.Host == "" && depth < maxDepth {
			f.Below = s.tree(e, below, depth+1)
		} else if !fe.Stale && !fe.Never { // what was wrong before the silence is not known to be so still
			f.Reasons, f.More = reasons(fe.Alarms, func(_, _, rule string) []store.Sample { return s.trail(fe.Host, fe.Member, rule) }), fe.More
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
