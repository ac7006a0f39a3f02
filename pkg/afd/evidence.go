package afd

import (
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
)

// Evidence is everything the status of an alarm was computed from.
type Evidence struct {
	Member   string            `json:"member"`
	Hostname string            `json:"hostname,omitempty"`
	At       time.Time         `json:"at"`
	Status   health.Status     `json:"status"`
	Known    bool              `json:"known"` // false: no trigger has an opinion, nothing is emitted
	Triggers []TriggerEvidence `json:"triggers"`
}

// TriggerEvidence is one trigger in the listed order.
type TriggerEvidence struct {
	Trigger   Trigger        `json:"trigger"`
	Evaluated bool           `json:"evaluated"` // false: still observing, or a trigger before it decided
	Status    health.Status  `json:"status"`
	Known     bool           `json:"known"` // false: no_data_policy skip applies
	Hold      Hold           `json:"hold"`
	Rules     []RuleEvidence `json:"rules"`
}

// Hold is the state of `for` and `clear_after` before the evaluation.
type Hold struct {
	Matching  bool  `json:"matching,omitempty"`
	Since     int64 `json:"since,omitempty"` // Unix nanoseconds
	Raised    bool  `json:"raised,omitempty"`
	LastMatch int64 `json:"last_match,omitempty"`
}

// RuleEvidence is one rule with its series.
type RuleEvidence struct {
	Outcome string           `json:"outcome"` // match, no_match, missing, no_data, broken
	Refused bool             `json:"series_refused,omitempty"`
	Series  []SeriesEvidence `json:"series"`
}

// SeriesEvidence is one series with the samples in its ring.
type SeriesEvidence struct {
	Fields  map[string]string `json:"fields,omitempty"` // the group_by values and what else was selected
	Outcome string            `json:"outcome"`
	Value   float64           `json:"value"` // -1 when there is none
	Text    string            `json:"text,omitempty"`
	Head    int64             `json:"head"` // Unix seconds of the newest bucket
	Samples []Sample          `json:"samples"`
}

// Explain returns the evidence at now. It changes nothing: the next Tick gives
// what it would have given without it.
func (a *Alarm) Explain(now time.Time) Evidence {
	t := now.UnixNano()
	ev := Evidence{Member: a.def.Name, Hostname: a.opt.Hostname, At: now}
	stopped, failed := false, false
	for _, state := range a.triggers {
		te := TriggerEvidence{Trigger: *state.def, Hold: state.holdState()}
		for _, r := range state.rules {
			te.Rules = append(te.Rules, r.explain(t))
		}
		if !stopped && state.due(t) {
			probe := *state // hold times are part of the state: try them on a copy
			probe.held = append([]finding(nil), state.held...)
			v, _ := probe.evaluate(t, nil)
			te.Evaluated, te.Status, te.Known = true, v.status, v.known
			failed = failed || v.broken
			if v.known {
				ev.Status, ev.Known = worstKnown(ev.Status, ev.Known, v.status), true
				stopped = ev.Status != health.Okay && ev.Status != health.Unknown
			}
		}
		ev.Triggers = append(ev.Triggers, te)
	}
	if failed && ev.Status == health.Okay {
		ev.Status = health.Unknown
	}
	return ev
}

func worstKnown(status health.Status, known bool, next health.Status) health.Status {
	if known {
		return health.Worst(status, next)
	}
	return next
}

func (t *triggerState) holdState() Hold {
	return Hold{Matching: t.matching, Since: t.since, Raised: t.raised, LastMatch: t.lastMatch}
}

func (r *ruleState) explain(now int64) RuleEvidence {
	o, _ := r.evaluate(now, "", nil)
	re := RuleEvidence{Outcome: o.String(), Refused: r.refusedAt != 0, Series: []SeriesEvidence{}}
	for _, s := range r.series {
		so, v, text := r.judge(s, now)
		se := SeriesEvidence{
			Outcome: so.String(), Value: v, Text: text, Head: s.ring.head * bucketSeconds, Samples: s.ring.all(),
		}
		if v != v {
			se.Value, se.Text = -1, "the value cannot be computed from these samples"
		}
		for _, f := range s.fields {
			if se.Fields == nil {
				se.Fields = map[string]string{}
			}
			se.Fields[f.name] = f.value.Text()
		}
		re.Series = append(re.Series, se)
	}
	return re
}

// Reevaluate computes the status from nothing but the evidence. compile is
// needed only for rules with scripts.
func (ev *Evidence) Reevaluate(compile CompileFunc) (health.Status, bool) {
	def := Definition{Name: ev.Member}
	for i := range ev.Triggers {
		def.Triggers = append(def.Triggers, ev.Triggers[i].Trigger)
	}
	a := New(def, Options{Hostname: ev.Hostname, Compile: compile})
	now := ev.At.UnixNano()
	for i, t := range a.triggers {
		te := &ev.Triggers[i]
		t.matching, t.since, t.raised, t.lastMatch = te.Hold.Matching, te.Hold.Since, te.Hold.Raised, te.Hold.LastMatch
		t.started, t.start = true, now
		if te.Evaluated {
			t.start = now - int64(t.def.Wait())
		}
		for j, r := range t.rules {
			if te.Rules[j].Refused {
				r.refusedAt = now
			}
			for _, se := range te.Rules[j].Series {
				s := &series{ring: newRing(r.rows)}
				s.ring.restore(se.Head, se.Samples)
				r.series = append(r.series, s)
			}
		}
	}
	status, _, known := a.evaluate(now)
	return status, known
}
