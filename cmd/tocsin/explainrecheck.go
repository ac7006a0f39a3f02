package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/afd/sandboxed"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
)

// wholeVerdict is the number of alarms, and their bytes, below which a verdict
// surely lists all of them.
const (
	wholeVerdict      = afd.DefaultMaxAlarms
	wholeVerdictBytes = 32 << 10
)

// recheck is what evaluating the printed evidence again came to.
type recheck struct {
	Clusters       int      `json:"clusters"`
	Alarms         int      `json:"alarms"`
	Incomplete     int      `json:"incomplete"` // alarms that carry too few samples to tell
	Contradictions []string `json:"contradictions"`
}

// again evaluates everything in e from nothing but what is in it.
func (e *explanation) again() *recheck {
	r := &recheck{Contradictions: []string{}}
	if e.Evidence != nil {
		r.cluster(e, e.Evidence)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Clusters)) {
		r.cluster(e, e.Clusters[name])
	}
	return r
}

func (r *recheck) cluster(e *explanation, ev *gse.Evidence) {
	r.Clusters++
	if got := ev.Reevaluate(); got != ev.Status {
		r.contradict("cluster %s is %s, its evidence gives %s", ev.Cluster, ev.Status.Label(), got.Label())
	}
	for i := range ev.Groups {
		for j := range ev.Groups[i].Facts {
			if f := &ev.Groups[i].Facts[j]; f.Host != "" || e.Clusters[f.Member] == nil {
				r.fact(ev, f)
			}
		}
	}
}

// fact checks each alarm of a member, and that together they are its status.
func (r *recheck) fact(ev *gse.Evidence, f *gse.FactEvidence) {
	at, bytes := ev.At.Add(-f.Age), 0
	status, complete := health.Okay, f.More == 0
	for i, raw := range f.Alarms {
		r.Alarms++
		bytes += len(raw)
		re, err := afd.Recheck(raw, at, sandboxed.Compile)
		if err != nil {
			r.contradict("%s of cluster %s: %v", factName(f), ev.Cluster, err)
			complete = false
			continue
		}
		if re.Outcome == "incomplete" {
			r.Incomplete++
		}
		if i == 0 {
			status = re.Severity
		}
		status = health.Worst(status, re.Severity)
	}
	whole := complete && len(f.Alarms) > 0 && len(f.Alarms) < wholeVerdict && bytes < wholeVerdictBytes
	if whole && !f.Stale && f.Status != health.Okay && f.Status != status {
		r.contradict("%s of cluster %s is %s, its alarms give %s", factName(f), ev.Cluster, f.Status.Label(), status.Label())
	}
}

func (r *recheck) contradict(format string, args ...any) {
	r.Contradictions = append(r.Contradictions, fmt.Sprintf(format, args...))
}

func (r *recheck) err() error {
	if len(r.Contradictions) > 0 {
		return errFindings
	}
	return nil
}

func (r *recheck) branch(root *branch) {
	b := root.add("evaluated again: %d %s and %d %s%s", r.Clusters, plural(r.Clusters, "cluster", "clusters"), r.Alarms, plural(r.Alarms, "alarm", "alarms"),
		map[bool]string{true: ", the same statuses", false: ""}[len(r.Contradictions) == 0])
	if r.Incomplete > 0 {
		b.add("%d %s too few samples to tell", r.Incomplete, plural(r.Incomplete, "alarm carries", "alarms carry"))
	}
	for _, text := range r.Contradictions {
		b.add("CONTRADICTION: %s", text)
	}
}

func factName(f *gse.FactEvidence) string {
	if f.Host != "" {
		return f.Member + " on " + f.Host
	}
	return f.Member
}
