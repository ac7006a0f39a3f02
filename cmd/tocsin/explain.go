package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/store"
)

const explainHelp = `Usage: tocsin explain CLUSTER [FLAGS]

Says why a cluster has its status: the entry of the policy that decided, the
groups it counted, their members, down through clusters that feed clusters, and
the alarms with rule, value, samples and log lines.

Flags:
  --at TIME            the tree as it was then: 2006-01-02T15:04:05Z, 15:04 of
                       today, Unix seconds, or how long ago (90m, 2d)
  --all                show the members that are OKAY too
  --recheck            evaluate the printed evidence again, and tell if it gives
                       another status
  --address ADDRESS    the aggregator (default http://127.0.0.1:8340)
  --output FORMAT      table (a tree), json or yaml

Examples:
  tocsin explain nova
  tocsin explain nova --at 02:30
  tocsin explain nova --at 1d
  tocsin explain nova --output json --recheck

Exit codes: 0 explained, 1 no such cluster or a contradiction, 2 wrong usage, 69
the aggregator does not answer.
`

// explanation is what the aggregator answers.
type explanation struct {
	Cluster  string                   `json:"cluster"`
	At       time.Time                `json:"at"`
	Evidence *gse.Evidence            `json:"evidence,omitempty"` // absent when none was kept from then
	Clusters map[string]*gse.Evidence `json:"clusters,omitempty"` // of members that are clusters, at every depth
	Event    *store.Event             `json:"event,omitempty"`    // that was in force at an earlier time
	Again    *recheck                 `json:"recheck,omitempty"`
}

func runExplain(ctx context.Context, std streams, args []string) int {
	t := newTool(std, "explain", explainHelp).withAddress()
	at := &moment{now: time.Now, away: -1}
	t.set.Var(at, "at", "")
	all := t.set.Bool("all", false, "")
	again := t.set.Bool("recheck", false, "")
	if code, done := t.parse(args, 1, 1); done {
		return code
	}
	c, err := newClient(t.address)
	if err != nil {
		return t.end(err)
	}
	query := url.Values{}
	if !at.time.IsZero() {
		query.Set("at", at.time.UTC().Format(time.RFC3339Nano))
	}
	var e explanation
	if err := c.get(ctx, "/api/v1/explain/"+url.PathEscape(t.args[0]), query, &e); err != nil {
		return t.end(err)
	}
	result := error(nil)
	if *again {
		e.Again = e.again()
		result = e.Again.err()
	}
	p := t.printer()
	err = p.print(e, func(p *printer) error {
		switch {
		case e.Evidence != nil:
			return p.tree(e.tree(p, *all, !at.time.IsZero()))
		case e.Event != nil:
			return p.tree(eventTree(p, &e))
		}
		return fmt.Errorf("read explanation of %s: neither evidence nor an event is in it", e.Cluster)
	})
	return t.end(errors.Join(err, result))
}

// tree is the whole tree; then: of an earlier time.
func (e *explanation) tree(p *printer, all, then bool) *branch {
	root := newBranch("")
	e.evidenceTree(p, root, e.Evidence, all, 0)
	if then {
		root.text += fmt.Sprintf("  at %s, as of its last change at %s", stamp(e.At), stamp(e.Evidence.At))
		if e.Event != nil && e.Event.Before != nil {
			root.add("since %s; it was %s before", stamp(e.Event.Time), p.paint(e.Event.Before.Label()))
		}
	}
	if e.Again != nil {
		e.Again.branch(root)
	}
	return root
}

// maxDepth bounds how many clusters deep the tree goes.
const maxDepth = 20

// evidenceTree makes root the tree of ev.
func (e *explanation) evidenceTree(p *printer, root *branch, ev *gse.Evidence, all bool, depth int) {
	evaluation := "compatible"
	if ev.Strict {
		evaluation = "strict"
	}
	root.text = fmt.Sprintf("%s  %s  (policy %s, %s, grouped by %s)", ev.Cluster, p.paint(ev.Status.Label()), ev.Name, evaluation, ev.GroupBy)
	root.add("%s", decision(ev))
	if ev.Refused {
		root.add("more members were reported than the limit on pairs lets the aggregator keep")
	}
	hidden := 0
	for i := range ev.Groups {
		if g := &ev.Groups[i]; all || needsReason(g) {
			e.groupBranch(p, root, g, ev.GroupBy, all, depth)
		} else {
			hidden++
		}
	}
	if hidden > 0 {
		root.add("%d more %s OKAY (--all shows them)", hidden, plural(hidden, "group is", "groups are"))
	}
	for _, r := range ev.Rest {
		root.add("%s  %d more %s", p.paint(r.Status.Label()), r.Groups, plural(r.Groups, "group", "groups"))
	}
	for _, name := range ev.Unseen {
		root.add("%s  %s: nobody has ever reported it", p.paint("UNKNOWN"), name)
	}
	for _, name := range ev.Hints {
		root.add("hint: see also tocsin explain %s", name)
	}
}

func needsReason(g *gse.GroupEvidence) bool {
	if urgency(g.Status) > 0 {
		return true
	}
	for i := range g.Facts {
		if urgency(g.Facts[i].Status) > 0 {
			return true
		}
	}
	return false
}

func (e *explanation) groupBranch(p *printer, root *branch, g *gse.GroupEvidence, groupBy string, all bool, depth int) {
	b := root.add("%s  %s %s", p.paint(g.Status.Label()), groupBy, orNone(g.Key))
	for i := range g.Facts {
		f := &g.Facts[i]
		if !all && urgency(f.Status) == 0 {
			continue
		}
		state := age(f.Age) + " old"
		switch {
		case f.Never:
			state = "never reported"
		case f.Stale:
			state = "silent for " + age(f.Age)
		}
		fact := b.add("%s  %s (%s)", p.paint(f.Status.Label()), factName(f), state)
		if below := e.Clusters[f.Member]; below != nil && f.Host == "" && depth < maxDepth {
			e.evidenceTree(p, fact.add(""), below, all, depth+1)
			continue // its alarms are in there
		}
		for _, raw := range f.Alarms {
			alarmBranch(p, fact, raw)
		}
		if f.More > 0 {
			fact.add("and %d more %s", f.More, plural(f.More, "alarm", "alarms"))
		}
	}
}

func orNone(text string) string {
	if text == "" {
		return "(none)"
	}
	return text
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

func eventTree(p *printer, e *explanation) *branch {
	root := newBranch("%s  %s  at %s, since %s", e.Cluster, p.paint(e.Event.Status.Label()), stamp(e.At), stamp(e.Event.Time))
	if e.Event.Before != nil {
		root.add("it was %s before", p.paint(e.Event.Before.Label()))
	}
	for _, raw := range e.Event.Alarms {
		alarmBranch(p, root, raw)
	}
	if len(e.Event.Alarms) == 0 {
		root.add("no alarm was part of that verdict")
	}
	return root
}
