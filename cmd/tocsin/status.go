package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/store"
	"github.com/tocsin-lma/tocsin/pkg/web"
)

const statusHelp = `Usage: tocsin status [NAME] [FLAGS]

Shows the health of all clusters and nodes, worst first; with NAME, one cluster
or the alarms of one node.

Flags:
  --exit-status        exit 1 unless everything shown is OKAY; an aggregator that
                       knows nothing yet is not OKAY
  --address ADDRESS    the aggregator (default http://127.0.0.1:8340)
  --output FORMAT      table, json or yaml

Examples:
  tocsin status
  tocsin status nova
  tocsin status --exit-status --address mon:8340 && echo "all is well"
  tocsin status --output json
`

// silentAfter is the age at which a node without heartbeats counts as UNKNOWN.
const silentAfter = 30 * time.Second

// nodeStatus is a node with the worst of what its alarms say.
type nodeStatus struct {
	Host    string        `json:"host"`
	Status  health.Status `json:"status"`
	Bad     int           `json:"not_okay"` // alarms
	Alarms  int           `json:"alarms"`   // heard of
	At      time.Time     `json:"at"`       // of the newest heartbeat
	Silent  bool          `json:"silent"`
	Version string        `json:"version"`
}

// overview is what status prints.
type overview struct {
	Clusters []store.ClusterState `json:"clusters"`
	Nodes    []nodeStatus         `json:"nodes"`
	Members  []store.MemberState  `json:"members,omitempty"` // of the node that was asked for
	Silences []silenceRow         `json:"silences,omitempty"`
}

func runStatus(ctx context.Context, std streams, args []string) int {
	t := newTool(std, "status", statusHelp).withAddress()
	strict := t.set.Bool("exit-status", false, "")
	if code, done := t.parse(args, 0, 1); done {
		return code
	}
	view, err := readOverview(ctx, t)
	if err != nil {
		return t.end(err)
	}
	p := t.printer()
	if err := p.print(view, func(p *printer) error { return printOverview(p, view, len(t.args) > 0) }); err != nil {
		return t.end(err)
	}
	if *strict && !view.okay() {
		return exitFindings
	}
	return exitOK
}

func readOverview(ctx context.Context, t *tool) (*overview, error) {
	c, err := newClient(t.address)
	if err != nil {
		return nil, err
	}
	view := &overview{}
	var nodes []store.NodeState
	var members []store.MemberState
	if err := c.get(ctx, "/api/v1/clusters", nil, &view.Clusters); err != nil {
		return nil, err
	}
	if err := c.get(ctx, "/api/v1/nodes", nil, &nodes); err != nil {
		return nil, err
	}
	if err := c.get(ctx, "/api/v1/members", nil, &members); err != nil {
		return nil, err
	}
	if view.Silences, err = activeSilences(ctx, c); err != nil {
		return nil, err
	}
	view.Nodes = nodeStatuses(nodes, members, time.Now())
	if len(t.args) == 0 {
		return view, nil
	}
	return view, view.narrow(t.args[0], members)
}

// narrow keeps what name means: a cluster, a node, or both.
func (v *overview) narrow(name string, members []store.MemberState) error {
	v.Clusters = slices.DeleteFunc(v.Clusters, func(c store.ClusterState) bool { return c.Name != name })
	v.Nodes = slices.DeleteFunc(v.Nodes, func(n nodeStatus) bool { return n.Host != name })
	if len(v.Clusters)+len(v.Nodes) == 0 {
		return findingsError{fmt.Sprintf("there is no cluster or node %q; tocsin status shows those there are", name)}
	}
	if len(v.Nodes) > 0 {
		v.Members = slices.DeleteFunc(members, func(m store.MemberState) bool { return m.Host != name })
		slices.SortStableFunc(v.Members, func(a, b store.MemberState) int { return urgency(b.Status) - urgency(a.Status) })
	}
	return nil
}

// urgency orders statuses for a person: UNKNOWN comes before OKAY.
func urgency(s health.Status) int {
	return map[health.Status]int{health.Unknown: 1, health.Warn: 2, health.Critical: 3, health.Down: 4}[s]
}

// nodeStatuses puts the verdicts of hosts beside their heartbeats, worst first.
func nodeStatuses(nodes []store.NodeState, members []store.MemberState, now time.Time) []nodeStatus {
	byHost := map[string]*nodeStatus{}
	for _, n := range nodes {
		silent := now.Sub(n.At) > silentAfter
		status := health.Okay
		if silent {
			status = health.Unknown
		}
		byHost[n.Host] = &nodeStatus{Host: n.Host, Status: status, At: n.At, Silent: silent, Version: n.Version}
	}
	for _, m := range members {
		if m.Host == "" {
			continue // a fact about a cluster, not about a host
		}
		n := byHost[m.Host]
		if n == nil {
			n = &nodeStatus{Host: m.Host, Status: health.Unknown, Silent: true}
			byHost[m.Host] = n
		}
		n.Alarms++
		if m.Status != health.Okay {
			n.Bad++
		}
		if urgency(m.Status) > urgency(n.Status) {
			n.Status = m.Status
		}
	}
	out := make([]nodeStatus, 0, len(byHost))
	for _, n := range byHost {
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b nodeStatus) int {
		return cmp.Or(urgency(b.Status)-urgency(a.Status), cmp.Compare(a.Host, b.Host))
	})
	return out
}

// okay reports whether everything that is shown is OKAY, and something is.
func (v *overview) okay() bool {
	for _, c := range v.Clusters {
		if c.Status != health.Okay {
			return false
		}
	}
	for _, n := range v.Nodes {
		if n.Status != health.Okay {
			return false
		}
	}
	return len(v.Clusters)+len(v.Nodes) > 0
}

func printOverview(p *printer, v *overview, one bool) error {
	now := time.Now()
	if len(v.Clusters)+len(v.Nodes) == 0 {
		return p.printf("Nothing is known yet: no collector has reported to this aggregator.\n")
	}
	if len(v.Clusters) > 0 {
		t := table{header: []string{"CLUSTER", "STATUS", "FOR", "WHY"}}
		for _, c := range v.Clusters {
			why := web.Why(c.Alarms)
			if s := silencedBy(v.Silences, c.Name, "", ""); s != "" {
				why = "[silenced until " + s + "] " + why
			}
			t.add(c.Name, c.Status.Label(), age(now.Sub(c.Since)), why)
		}
		if err := p.table(&t); err != nil {
			return err
		}
	}
	if len(v.Nodes) > 0 {
		if err := printNodes(p, v, now); err != nil {
			return err
		}
	}
	if len(v.Members) > 0 {
		return printMembers(p, v, now)
	}
	if one && len(v.Clusters) > 0 {
		return p.printf("\ntocsin explain %s shows why.\n", url.PathEscape(v.Clusters[0].Name))
	}
	return nil
}

func printNodes(p *printer, v *overview, now time.Time) error {
	if len(v.Clusters) > 0 {
		if err := p.printf("\n"); err != nil {
			return err
		}
	}
	t := table{header: []string{"NODE", "STATUS", "ALARMS", "HEARTBEAT", "VERSION"}}
	for _, n := range v.Nodes {
		heard := "never"
		if !n.At.IsZero() {
			heard = age(now.Sub(n.At)) + " ago"
		}
		t.add(n.Host, n.Status.Label(), fmt.Sprintf("%d of %d not okay", n.Bad, n.Alarms), heard, n.Version)
	}
	return p.table(&t)
}

func printMembers(p *printer, v *overview, now time.Time) error {
	if err := p.printf("\n"); err != nil {
		return err
	}
	t := table{header: []string{"ALARM", "STATUS", "FOR", "WHY"}}
	for _, m := range v.Members {
		why := web.Why(m.Alarms)
		if s := silencedBy(v.Silences, "", m.Member, m.Host); s != "" {
			why = "[silenced until " + s + "] " + why
		}
		t.add(m.Member, m.Status.Label(), age(now.Sub(m.Since)), why)
	}
	return p.table(&t)
}
