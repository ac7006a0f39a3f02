package gse

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
)

// The size of recorded evidence.
const (
	recordedGroups = 200
	recordedBytes  = 64 << 10 // of alarms
)

// recordAgain is how old recorded evidence of a cluster that is not OKAY gets:
// its statuses stay, its samples move.
const recordAgain = 5 * time.Minute

// record hands the evidence of c out if it tells anything new.
func (e *Engine) record(c *clusterState, now int64) {
	if e.opt.Record == nil {
		return
	}
	if c.recordAt != 0 && c.recorded == c.result.shape && (c.result.status == health.Okay || now-c.recordAt < int64(recordAgain)) {
		return
	}
	c.recorded, c.recordAt = c.result.shape, now
	ev, _ := e.Explain(c.def.Name, time.Unix(0, now).UTC())
	ev.Trim(recordedGroups, recordedBytes)
	e.opt.Record(ev)
}

// Trim bounds the evidence: at most that many groups are listed, only those that
// are not OKAY if there are more, and all listed alarms together have at most
// that many bytes. It still re-evaluates to the same status.
func (ev *Evidence) Trim(groups, bytes int) {
	if len(ev.Groups) > groups {
		var kept []GroupEvidence
		rest := map[RestEvidence]int{}
		for _, g := range ev.Groups {
			if g.Status == health.Okay || len(kept) == groups {
				rest[g.summary()]++
			} else {
				kept = append(kept, g)
			}
		}
		ev.Groups = kept
		for r, n := range rest {
			r.Groups = n
			ev.Rest = append(ev.Rest, r)
		}
		slices.SortFunc(ev.Rest, func(a, b RestEvidence) int {
			return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
		})
	}
	for i := range ev.Groups {
		for j := range ev.Groups[i].Facts {
			bytes = ev.Groups[i].Facts[j].trim(bytes)
		}
	}
}

// summary is what counts of a group that is not listed.
func (g *GroupEvidence) summary() RestEvidence {
	r := RestEvidence{Status: g.Status}
	for _, f := range g.Facts {
		r.Doubt, r.Heard = r.Doubt || f.Status == health.Unknown, r.Heard || !f.Never
	}
	return r
}

// trim leaves out the alarms that do not fit in bytes and returns what is left
// of them.
func (f *FactEvidence) trim(bytes int) int {
	for i, raw := range f.Alarms {
		if bytes -= len(raw); bytes < 0 {
			f.More, f.Alarms = len(f.Alarms)-i, f.Alarms[:i:i]
			return 0
		}
	}
	return bytes
}
