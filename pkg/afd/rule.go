package afd

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// outcome is what a rule or one of its series says.
type outcome uint8

const (
	noMatch outcome = iota
	match
	missing
	noDataEver
	broken // a script failed
)

// String returns the word used in evidence.
func (o outcome) String() string {
	return [...]string{"no_match", "match", "missing", "no_data", "broken"}[o]
}

// finding is one context of a rule: a series (nil: the rule as a whole), its
// value, and what is to be said about it.
type finding struct {
	rule    *ruleState
	series  *series
	value   float64
	text    string
	outcome outcome
	held    bool // it matched before; clear_after keeps it
}

// fieldValue is one field of a series as it was received.
type fieldValue struct {
	name  string
	value message.Value
}

// series is the data of one combination of a rule's group_by fields.
type series struct {
	key    string
	fields []fieldValue // empty without group_by
	ring   ring
	logs   []logLine // the last ones, of metrics made of logs
}

// ruleState is a rule with its series.
type ruleState struct {
	def       *Rule
	identity  string // equal identities can take over each other's series
	obs       int64  // observation window, ns
	rows      int
	mode      mode
	windows   int64 // buckets per window, for the functions that compare windows
	series    []*series
	index     map[string]*series
	key       []byte // scratch
	script    Script
	scriptErr error
	refusedAt int64 // when a series was last refused; 0: never
}

func newRuleState(def *Rule, owner string, compile CompileFunc) *ruleState {
	r := &ruleState{
		def: def, identity: def.identity(), obs: int64(def.observation()), rows: def.rows(), mode: def.Function.mode(),
		windows: int64(math.Ceil(def.Window / bucketSeconds)), index: map[string]*series{},
	}
	if def.Function == Lua {
		if compile == nil {
			r.scriptErr = fmt.Errorf("run script of %s: this daemon runs no scripts", owner)
		} else {
			r.script, r.scriptErr = compile(owner, def.Script)
		}
	}
	return r
}

// identity names everything that shapes the stored data of a rule.
func (r *Rule) identity() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %q %d %d %v %q", r.Metric, r.Value, r.rows(), r.Function.mode(), r.Function.historical(), r.GroupBy)
	for _, f := range r.Fields {
		fmt.Fprintf(&b, " %q=%q", f.Name, f.Expr.text)
	}
	return b.String()
}

// accepts reports whether the rule's field selection takes the message.
func (r *ruleState) accepts(m *message.Message) bool {
	for i := range r.def.Fields {
		f := m.Field(r.def.Fields[i].Name)
		if f == nil || f.Len() == 0 || !r.def.Fields[i].Expr.Match(f.At(0)) {
			return false
		}
	}
	return true
}

// seriesKey leaves the key of the message's series in r.key; false when a
// group_by field is missing.
func (r *ruleState) seriesKey(m *message.Message) bool {
	r.key = r.key[:0]
	for _, name := range r.def.GroupBy {
		f := m.Field(name)
		if f == nil || f.Len() == 0 {
			return false
		}
		text := f.At(0).Text()
		r.key = append(r.key, byte(len(text)>>8), byte(len(text)))
		r.key = append(r.key, text...)
	}
	return true
}

func (r *ruleState) newSeries(m *message.Message) *series {
	s := &series{key: string(r.key), ring: newRing(r.rows)}
	if len(r.def.GroupBy) > 0 {
		add := func(name string) {
			for _, have := range s.fields {
				if have.name == name {
					return
				}
			}
			v := m.Field(name).At(0)
			if v.Type == message.String || v.Type == message.Bytes {
				v = message.StringValue(strings.Clone(v.Str()))
			}
			s.fields = append(s.fields, fieldValue{name, v})
		}
		for _, name := range r.def.GroupBy {
			add(name)
		}
		for _, f := range r.def.Fields {
			add(f.Name)
		}
	}
	r.series = append(r.series, s)
	r.index[s.key] = s
	return s
}

// expire forgets the series that were silent for the rule's series_ttl and
// returns how many.
func (r *ruleState) expire(now int64) int {
	ttl := int64(r.def.SeriesTTL)
	if ttl == 0 || len(r.def.GroupBy) == 0 {
		return 0
	}
	kept := r.series[:0]
	for _, s := range r.series {
		if now-s.ring.headTime() > ttl {
			delete(r.index, s.key)
			continue
		}
		kept = append(kept, s)
	}
	gone := len(r.series) - len(kept)
	clear(r.series[len(kept):])
	r.series = kept
	if r.refusedAt != 0 && now-r.refusedAt > ttl {
		r.refusedAt = 0
	}
	return gone
}

// evaluate appends the rule's findings to out and returns its outcome.
func (r *ruleState) evaluate(now int64, description string, out []finding) (outcome, []finding) {
	start := len(out)
	var seen [broken + 1]bool
	for _, s := range r.series {
		o, v, text := r.judge(s, now)
		seen[o] = true
		if o == noMatch {
			continue
		}
		if o == match {
			text = description
		}
		out = append(out, finding{rule: r, series: s, value: v, text: text, outcome: o})
	}
	if r.refusedAt != 0 {
		seen[missing] = true
		out = append(out, finding{
			rule: r, value: -1, outcome: missing,
			text: "Too many series: the limit is reached and some are not watched",
		})
	}
	switch {
	case seen[match]:
		return match, out
	case seen[broken]:
		return broken, out
	case seen[missing]:
		return missing, out
	case seen[noMatch]:
		return noMatch, out[:start]
	case r.scriptErr != nil:
		return broken, append(out, finding{rule: r, value: -1, outcome: broken, text: r.scriptErr.Error()})
	}
	return noDataEver, append(out, finding{rule: r, value: -1, outcome: noDataEver, text: "No datapoint ever received"})
}

// judge evaluates one series; text is set for missing and broken.
func (r *ruleState) judge(s *series, now int64) (o outcome, value float64, text string) {
	if now-s.ring.headTime() > r.obs {
		return missing, -1, r.missingText()
	}
	if r.def.MinSamples > 1 {
		if n := s.ring.samples(); n < r.def.MinSamples {
			return missing, -1, fmt.Sprintf("Only %d of %d needed datapoints over the last %d seconds", n, r.def.MinSamples, r.obs/int64(time.Second))
		}
	}
	var matched, ok bool
	switch r.def.Function {
	case Last:
		if value, ok = s.ring.newest(now, r.obs); !ok {
			return missing, -1, r.missingText()
		}
		matched = r.def.Operator.Compare(value, r.def.Threshold)
	case Diff:
		if value, ok = s.ring.difference(now, r.obs); !ok {
			return missing, -1, r.missingText()
		}
		matched = r.def.Operator.Compare(value, r.def.Threshold)
	case ROC, MWW, MWWNonparametric:
		value = -1
		matched = r.compareWindows(&s.ring)
	case Lua:
		var err error
		if value, err = r.runScript(s, now); err != nil {
			return broken, -1, err.Error()
		}
		matched = r.def.Operator.Compare(value, r.def.Threshold)
	default:
		value = s.ring.compute(r.def.Function)
		matched = r.def.Operator.Compare(value, r.def.Threshold)
	}
	if matched {
		return match, value, ""
	}
	return noMatch, value, ""
}

func (r *ruleState) compareWindows(g *ring) bool {
	switch k := int(g.size() / r.windows); r.def.Function {
	case MWW:
		return g.mww(r.windows, k, r.def.Threshold, r.def.Trend)
	case MWWNonparametric:
		stat, limit := g.mwwStatistic(r.windows, k), r.def.Threshold
		if limit > 0.5 {
			return stat > limit
		}
		return stat < limit
	}
	return g.roc(r.windows, r.def.Threshold)
}

func (r *ruleState) runScript(s *series, now int64) (float64, error) {
	if r.scriptErr != nil {
		return 0, r.scriptErr
	}
	return r.script.Value(s.ring.all(), float64(now)/1e9)
}

func (r *ruleState) missingText() string {
	return fmt.Sprintf("No datapoint over the last %d seconds", r.obs/int64(time.Second))
}
