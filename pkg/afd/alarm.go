package afd

import (
	"slices"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Alarm evaluates one Definition. Its calls are never concurrent.
type Alarm struct {
	def      Definition
	opt      Options
	triggers []*triggerState
	byMetric map[string][]*ruleState
	stats    Stats
	scratch  []finding
	static   []message.Field // the fields that every verdict carries
	status   health.Status
	known    bool
	at       int64 // time of the last tick; 0: none yet
}

// New returns an alarm without data.
func New(def Definition, opt Options) *Alarm {
	a := &Alarm{def: def, opt: opt.withDefaults(), byMetric: map[string][]*ruleState{}}
	for i := range a.def.Triggers {
		t := &triggerState{def: &a.def.Triggers[i]}
		for j := range t.def.Rules {
			r := newRuleState(&t.def.Rules[j], a.def.Name+"/"+t.def.Name, a.opt.Compile)
			t.rules = append(t.rules, r)
			a.byMetric[r.def.Metric] = append(a.byMetric[r.def.Metric], r)
		}
		a.triggers = append(a.triggers, t)
	}
	a.static = a.staticFields()
	return a
}

// Definition returns what the alarm was made from; it must not be changed.
func (a *Alarm) Definition() *Definition { return &a.def }

// Status returns the status at the last tick; false while there is none.
func (a *Alarm) Status() (health.Status, bool) { return a.status, a.known }

// Metrics returns the names of the metrics that the alarm reads, sorted.
func (a *Alarm) Metrics() []string {
	names := make([]string, 0, len(a.byMetric))
	for name := range a.byMetric {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Stats returns the counters of the alarm.
func (a *Alarm) Stats() Stats {
	s := a.stats
	s.Series = a.seriesCount()
	return s
}

func (a *Alarm) seriesCount() int {
	n := 0
	for _, t := range a.triggers {
		for _, r := range t.rules {
			n += len(r.series)
		}
	}
	return n
}

// Process stores the datapoint of a metric message; other messages are passed
// over. An error wraps ErrNoValue.
func (a *Alarm) Process(m *message.Message, now time.Time) error {
	name, ok := metricName(m)
	if !ok {
		return nil
	}
	rules := a.byMetric[name]
	if len(rules) == 0 {
		return nil
	}
	var d datapoint
	ahead, err := d.read(m, name, now, a.opt.MaxSkew)
	if err != nil {
		a.stats.Invalid++
		return err
	}
	if ahead {
		a.stats.Future++
		return nil
	}
	for _, r := range rules {
		a.store(r, &d, now)
	}
	return nil
}

func (a *Alarm) store(r *ruleState, d *datapoint, now time.Time) {
	if !r.accepts(d.m) {
		return
	}
	v, ok := d.pick(r.def.Value)
	if !ok {
		a.stats.Invalid++
		return
	}
	if !r.seriesKey(d.m) {
		return
	}
	s := r.index[string(r.key)]
	if s == nil {
		if a.seriesCount() >= a.opt.MaxSeries || !a.opt.Budget.take() {
			a.stats.SeriesRefused++
			r.refusedAt = now.UnixNano()
			return
		}
		s = r.newSeries(d.m)
	}
	if !s.ring.add(d.bucket, v, r.mode) {
		a.stats.Late++
		return
	}
	a.stats.Datapoints++
	if d.logs != nil {
		s.remember(d.bucket, d.logs)
	}
}

// Tick evaluates the alarm and emits its verdict, if it has one. The first tick
// only starts the clock.
func (a *Alarm) Tick(now time.Time, emit message.Emit) error {
	status, found, known := a.evaluate(now.UnixNano())
	a.status, a.known = status, known
	if !known {
		return nil
	}
	return emit(a.message(status, found, now))
}

// labelled is a finding with the status of its trigger.
type labelled struct {
	finding
	status health.Status
}

func (a *Alarm) evaluate(now int64) (status health.Status, out []labelled, known bool) {
	a.at = now
	failed := false
	for _, t := range a.triggers {
		if !t.started {
			t.started, t.start = true, now
		}
	}
	for _, t := range a.triggers {
		for _, r := range t.rules {
			gone := r.expire(now)
			a.stats.SeriesExpired += uint64(gone)
			a.opt.Budget.give(gone)
		}
		if !t.due(now) {
			continue
		}
		var v verdict
		v, a.scratch = t.evaluate(now, a.scratch)
		failed = failed || v.broken
		if !v.known {
			continue
		}
		for _, f := range v.findings {
			if f.outcome == broken {
				a.stats.ScriptFailures++
			}
			out = append(out, labelled{f, v.status})
		}
		if known {
			status = health.Worst(status, v.status)
		} else {
			status, known = v.status, true
		}
		if status != health.Okay && status != health.Unknown {
			break
		}
	}
	if failed && status == health.Okay {
		// A worst-of masks UNKNOWN by OKAY; a defect of ours must not hide there.
		status = health.Unknown
	}
	return status, out, known
}

// takeOver moves the data of old into a where the rules still store the same,
// and the clocks of triggers that are unchanged. It reports how many series it
// moved. old must not be used afterwards.
func (a *Alarm) takeOver(old *Alarm) int {
	moved := 0
	for _, t := range a.triggers {
		carried := 0
		for _, r := range t.rules {
			from := old.findRule(r.identity)
			if from == nil {
				continue
			}
			carried++
			moved += len(from.series)
			r.series, r.index, r.refusedAt = from.series, from.index, from.refusedAt
			from.series, from.index, from.identity = nil, map[string]*series{}, ""
		}
		if carried < len(t.rules) {
			continue
		}
		for _, o := range old.triggers {
			if o.def.Name == t.def.Name {
				t.started, t.start = o.started, o.start
				t.matching, t.since, t.raised, t.lastMatch = o.matching, o.since, o.raised, o.lastMatch
				for _, f := range o.held {
					if rule := a.findRule(f.rule.identity); rule != nil {
						f.rule = rule
						t.held = append(t.held, f)
					}
				}
			}
		}
	}
	old.release()
	return moved
}

// release gives the series that were not taken over back to the budget.
func (a *Alarm) release() {
	for _, t := range a.triggers {
		for _, r := range t.rules {
			a.opt.Budget.give(len(r.series))
			r.series, r.index = nil, map[string]*series{}
		}
	}
}

func (a *Alarm) findRule(identity string) *ruleState {
	for _, t := range a.triggers {
		for _, r := range t.rules {
			if r.identity == identity && identity != "" {
				return r
			}
		}
	}
	return nil
}
