package afd

import (
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Set is every alarm of one collector. It looks a metric up once for all of
// them. Its calls are never concurrent.
type Set struct {
	alarms []*Alarm
	index  map[string][]target
	skew   time.Duration
	failed uint64
}

type target struct {
	alarm *Alarm
	rule  *ruleState
}

// NewSet makes the alarms of defs. What previous (nil: nothing) has stored for
// rules that did not change is kept; previous must not be used afterwards.
func NewSet(defs []Definition, opt Options, previous *Set) *Set {
	opt = opt.withDefaults()
	s := &Set{index: map[string][]target{}, skew: opt.MaxSkew}
	for _, d := range defs {
		a := New(d, opt)
		if old := previous.Alarm(d.Name); old != nil {
			a.takeOver(old)
		}
		s.alarms = append(s.alarms, a)
		for _, t := range a.triggers {
			for _, r := range t.rules {
				s.index[r.def.Metric] = append(s.index[r.def.Metric], target{a, r})
			}
		}
	}
	if previous != nil {
		s.failed = previous.failed
		for _, a := range previous.alarms {
			if s.Alarm(a.def.Name) == nil {
				a.release()
			}
		}
	}
	return s
}

// Alarms returns the alarms in the order of their definitions.
func (s *Set) Alarms() []*Alarm { return s.alarms }

// Alarm returns the alarm of that name, or nil.
func (s *Set) Alarm(name string) *Alarm {
	if s == nil {
		return nil
	}
	for _, a := range s.alarms {
		if a.def.Name == name {
			return a
		}
	}
	return nil
}

// Process offers a message to every rule that reads its metric. An error wraps
// ErrNoValue.
func (s *Set) Process(m *message.Message, now time.Time) error {
	name, ok := metricName(m)
	if !ok {
		return nil
	}
	targets := s.index[name]
	if len(targets) == 0 {
		return nil
	}
	var d datapoint
	ahead, err := d.read(m, name, now, s.skew)
	if err != nil {
		s.failed++
		return err
	}
	for _, t := range targets {
		if ahead {
			t.alarm.stats.Future++
			continue
		}
		t.alarm.store(t.rule, &d, now)
	}
	return nil
}

// Wants returns a function that tells, from any goroutine, whether a message may
// change what the alarms of defs say: not a metric that none of their rules reads.
func Wants(defs []Definition) func(*message.Message) bool {
	names := map[string]bool{}
	for i := range defs {
		for j := range defs[i].Triggers {
			for k := range defs[i].Triggers[j].Rules {
				names[defs[i].Triggers[j].Rules[k].Metric] = true
			}
		}
	}
	return func(m *message.Message) bool {
		name, ok := metricName(m)
		return !ok || names[name]
	}
}

// Tick evaluates every alarm in order. It stops at the first error of emit.
func (s *Set) Tick(now time.Time, emit message.Emit) error {
	for _, a := range s.alarms {
		if err := a.Tick(now, emit); err != nil {
			return err
		}
	}
	return nil
}

// Stats returns the sum of the counters of all alarms.
func (s *Set) Stats() Stats {
	total := Stats{Invalid: s.failed}
	for _, a := range s.alarms {
		total.add(a.Stats())
	}
	return total
}
