package afd

import "github.com/tocsin-lma/tocsin/pkg/health"

// triggerState is a trigger with its rules and its hold times.
type triggerState struct {
	def     *Trigger
	rules   []*ruleState
	started bool
	start   int64 // when its clock started

	matching  bool  // it matched at the last evaluation
	since     int64 // since when
	raised    bool
	lastMatch int64
	held      []finding // what is reported while clear_after holds it
}

// verdict is what a trigger says at one tick. known is false when it has no
// opinion.
type verdict struct {
	status   health.Status
	known    bool
	broken   bool
	findings []finding
}

// due reports whether the trigger has observed for long enough.
func (t *triggerState) due(now int64) bool {
	return t.started && now-t.start >= int64(t.def.Wait())
}

// evaluate applies the rules, then the hold times. The findings are those to be
// reported; scratch is reused for them.
func (t *triggerState) evaluate(now int64, scratch []finding) (verdict, []finding) {
	matches, gone, never, failed := 0, false, false, false
	found := scratch[:0]
	for _, r := range t.rules {
		var o outcome
		o, found = r.evaluate(now, t.def.Description, found)
		switch o {
		case match:
			matches++
		case missing:
			gone = true
		case noDataEver:
			never = true
		case broken:
			failed = true
		}
	}
	matched := matches > 0
	if t.def.And {
		matched = matches == len(t.rules)
	}
	raised := t.hold(now, matched, found)
	v := verdict{known: true, findings: found}
	switch {
	case raised:
		v.status = t.def.Severity
		if !matched {
			v.findings = t.held
		}
	case failed:
		v.status, v.broken = health.Unknown, true
	case never && !gone && t.def.Never != nil:
		v.status, v.known = t.def.Never.Status, !t.def.Never.Skip
	case gone || never:
		v.status, v.known = t.def.NoData, !t.def.Skip
	default:
		v.status = health.Okay
	}
	if !v.known || v.status == health.Okay {
		v.findings = nil
	} else if !raised {
		v.findings = withoutPending(v.findings, matched)
	}
	return v, found
}

// withoutPending leaves out the matches of a trigger that is not raised yet
// because of its `for`; what is reported then is only what is unknown.
func withoutPending(found []finding, pending bool) []finding {
	if !pending {
		return found
	}
	kept := make([]finding, 0, len(found))
	for _, f := range found {
		if f.outcome != match {
			kept = append(kept, f)
		}
	}
	return kept
}

// hold applies `for` and `clear_after` and reports whether the trigger is raised.
func (t *triggerState) hold(now int64, matched bool, found []finding) bool {
	if matched {
		if !t.matching {
			t.since = now
		}
		t.matching, t.lastMatch = true, now
		if t.raised || now-t.since >= int64(t.def.For) {
			t.raised = true
		}
		if t.raised && t.def.ClearAfter > 0 {
			t.held = append(t.held[:0], found...)
			for i := range t.held {
				t.held[i].held = true
			}
		}
		return t.raised
	}
	t.matching = false
	if t.raised && now-t.lastMatch >= int64(t.def.ClearAfter) {
		t.raised = false
		clear(t.held)
		t.held = t.held[:0]
	}
	return t.raised
}
