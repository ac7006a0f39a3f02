package gse

import (
	"encoding/json"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
)

// Evidence is everything the status of a cluster was computed from.
type Evidence struct {
	Cluster string          `json:"cluster"`
	At      time.Time       `json:"at"`
	Status  health.Status   `json:"status"`
	Strict  bool            `json:"strict"`
	GroupBy string          `json:"group_by"`
	Name    string          `json:"policy"`
	Policy  Policy          `json:"entries"`
	Entry   int             `json:"entry"`            // number of the deciding entry from 0; -1: none
	Turned  bool            `json:"turned,omitempty"` // OKAY became UNKNOWN: not every expected pair is fresh and known
	Groups  []GroupEvidence `json:"groups"`
	Rest    []RestEvidence  `json:"rest,omitempty"`   // groups that are counted and not listed
	Unseen  []string        `json:"unseen,omitempty"` // members that nobody has reported
	Refused bool            `json:"pairs_refused,omitempty"`
	Hints   []string        `json:"hints,omitempty"`
}

// GroupEvidence is one host, or one member, of a cluster.
type GroupEvidence struct {
	Key    string         `json:"key"`
	Status health.Status  `json:"status"`
	Facts  []FactEvidence `json:"facts"`
}

// FactEvidence is one (host, member) pair.
type FactEvidence struct {
	Host   string            `json:"host,omitempty"`
	Member string            `json:"member"`
	Status health.Status     `json:"status"` // as it counts: UNKNOWN when stale
	Stale  bool              `json:"stale,omitempty"`
	Never  bool              `json:"never,omitempty"`
	Age    time.Duration     `json:"age"`
	Alarms []json.RawMessage `json:"alarms,omitempty"`
	More   int               `json:"more_alarms,omitempty"` // alarms left out
}

// RestEvidence is groups of one status that are counted and not listed.
type RestEvidence struct {
	Status health.Status `json:"status"`
	Groups int           `json:"groups"`
	Doubt  bool          `json:"doubt,omitempty"` // an expected pair is not fresh and known
	Heard  bool          `json:"heard,omitempty"` // something was received from one
}

// Explain returns the evidence for a cluster at now; false when there is no
// such cluster.
func (e *Engine) Explain(cluster string, now time.Time) (Evidence, bool) {
	c := e.byName[cluster]
	if c == nil {
		return Evidence{}, false
	}
	t := now.UnixNano()
	e.ensure(c, t)
	ev := Evidence{
		Cluster: cluster, At: now, Status: c.result.status, Strict: c.def.Strict, GroupBy: "member", Name: c.def.PolicyName,
		Policy: c.def.Policy, Entry: c.result.entry, Turned: c.result.raised, Unseen: c.result.unseen, Hints: c.def.Hints,
		Refused: c.refusedAt != 0,
	}
	if c.def.ByHostname {
		ev.GroupBy = "hostname"
	}
	for _, g := range c.groups {
		j := c.judge(g, t)
		if !j.known {
			continue
		}
		ge := GroupEvidence{Key: g.key, Status: j.status}
		for _, f := range g.facts {
			stale, age := c.stale(f, t)
			if stale && !f.listed {
				continue
			}
			fe := FactEvidence{Status: f.status, Stale: stale, Never: f.never, Age: age}
			fe.Host, fe.Member = c.pair(g, f)
			if !stale && f.status == health.Okay && c.silent(f, t) {
				fe.Stale, stale = true, true
			}
			if stale {
				fe.Status = health.Unknown
			}
			for _, raw := range f.alarms {
				fe.Alarms = append(fe.Alarms, json.RawMessage(raw))
			}
			ge.Facts = append(ge.Facts, fe)
		}
		ev.Groups = append(ev.Groups, ge)
	}
	return ev, true
}

// Reevaluate computes the status from nothing but the evidence.
func (ev *Evidence) Reevaluate() health.Status {
	var counts Counts
	doubt, heard := len(ev.Unseen) > 0 || ev.Refused, false
	for _, g := range ev.Groups {
		if len(g.Facts) == 0 {
			continue
		}
		status, unsure := g.Facts[0].Status, false
		for _, f := range g.Facts {
			status = health.Worst(status, f.Status)
			unsure = unsure || f.Status == health.Unknown
			heard = heard || !f.Never
		}
		if ev.Strict && unsure && status == health.Okay {
			status = health.Unknown
		}
		doubt = doubt || unsure
		counts[status]++
	}
	for _, r := range ev.Rest {
		doubt, heard = doubt || r.Doubt, heard || r.Heard
		counts[r.Status] += r.Groups
	}
	if ev.Strict && !heard {
		return health.Unknown
	}
	status, _ := ev.Policy.Evaluate(counts)
	if ev.Strict && doubt && status == health.Okay {
		return health.Unknown
	}
	return status
}
