package afd

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/health"
)

// shownSamples is how many samples an alarm object carries at most, the newest.
const shownSamples = 60

// appendEvidence writes what the rule was evaluated from: the samples, what
// else of the rule an evaluation needs, and the log lines behind the samples.
// Recheck is its reader.
func (f *labelled) appendEvidence(b []byte) []byte {
	d := f.rule.def
	if f.held {
		b = append(b, `,"held":true`...)
	}
	if d.MinSamples > 1 {
		b = strconv.AppendInt(append(b, `,"min_samples":`...), int64(d.MinSamples), 10)
	}
	if d.Trend != "" {
		b = appendString(append(b, `,"trend":`...), string(d.Trend))
	}
	if d.Script != "" {
		b = appendString(append(b, `,"script":`...), d.Script)
	}
	if f.series == nil {
		return b
	}
	b = f.appendSamples(b)
	lines := f.series.lines()
	if len(lines) == 0 {
		return b
	}
	b = append(b, `,"log_lines":[`...)
	for i, line := range lines {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, line)
	}
	return append(b, ']')
}

// appendSamples writes the buckets of the series: the value and, where there is
// more than one, the number of datapoints. What is averaged is written as the
// mean; where that loses a digit the sum comes with it.
func (f *labelled) appendSamples(b []byte) []byte {
	samples := f.series.ring.all()
	if len(samples) == 0 {
		return b
	}
	if omitted := len(samples) - shownSamples; omitted > 0 {
		b = strconv.AppendInt(append(b, `,"samples_omitted":`...), int64(omitted), 10)
		samples = samples[omitted:]
	}
	b = append(b, `,"samples":[`...)
	for i, s := range samples {
		if i > 0 {
			b = append(b, ',')
		}
		value := s.Value
		if f.rule.mode == keepSum {
			value /= float64(s.Count)
		}
		b = append(b, `{"time":`...)
		b = strconv.AppendInt(b, s.Time, 10)
		b = append(b, `,"value":`...)
		b = appendNumber(b, value)
		if s.Count > 1 {
			b = strconv.AppendInt(append(b, `,"count":`...), int64(s.Count), 10)
			if f.rule.mode == keepSum && value*float64(s.Count) != s.Value {
				b = appendNumber(append(b, `,"sum":`...), s.Value)
			}
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// maxRecheck is the longest observation, in seconds and in buckets, that is
// evaluated again: the object may come from anywhere.
const maxRecheck = 86400

// alarmObject is an alarm of a verdict as far as Recheck reads it.
type alarmObject struct {
	Severity   string  `json:"severity"`
	Function   string  `json:"function"`
	Metric     string  `json:"metric"`
	Operator   string  `json:"operator"`
	Value      float64 `json:"value"`
	Threshold  float64 `json:"threshold"`
	Window     float64 `json:"window"`
	Periods    float64 `json:"periods"`
	MinSamples int     `json:"min_samples"`
	Trend      Trend   `json:"trend"`
	Script     string  `json:"script"`
	Held       bool    `json:"held"`
	Omitted    int     `json:"samples_omitted"`
	Samples    []shown `json:"samples"`
}

type shown struct {
	Time  int64    `json:"time"`
	Value float64  `json:"value"`
	Count uint32   `json:"count"`
	Sum   *float64 `json:"sum"`
}

// ErrContradiction is wrapped by the error of Recheck about an alarm that its
// own samples do not bear out.
var ErrContradiction = errors.New("the samples do not bear the alarm out")

// Rechecked is an alarm object evaluated again.
type Rechecked struct {
	Severity health.Status `json:"severity"`
	Outcome  string        `json:"outcome"` // match, missing, no_data, broken; held: clear_after keeps it; age: of a cluster; incomplete: not all samples are there
	Value    float64       `json:"value"`
}

// Recheck evaluates the rule of an alarm object of a verdict made at that time
// from nothing but the samples it carries. The error wraps ErrContradiction when
// the rule says neither a match of the same value nor that data is missing.
// compile is needed only for rules with scripts.
func Recheck(alarm json.RawMessage, at time.Time, compile CompileFunc) (Rechecked, error) {
	var o alarmObject
	if err := json.Unmarshal(alarm, &o); err != nil {
		return Rechecked{}, fmt.Errorf("read alarm: %w", err)
	}
	severity, err := health.Parse(o.Severity)
	if err != nil {
		return Rechecked{}, fmt.Errorf("read alarm: %w", err)
	}
	out := Rechecked{Severity: severity, Value: o.Value}
	function, ok := functionOf(o.Function)
	switch {
	case !ok:
		out.Outcome = "age" // a cluster says how long it has not heard of a member
		return out, nil
	case o.Held:
		out.Outcome = "held"
		return out, nil
	case o.Omitted > 0 || len(o.Samples) == 0 && o.Value != -1:
		out.Outcome = "incomplete"
		return out, nil
	case len(o.Samples) == 0:
		out.Outcome = noDataEver.String()
		return out, nil
	}
	operator, _ := operatorOf(o.Operator)
	rule := Rule{
		Metric: o.Metric, Function: function, Operator: operator, OperatorText: o.Operator, Threshold: o.Threshold, Window: o.Window,
		Periods: o.Periods, MinSamples: o.MinSamples, Trend: o.Trend, Script: o.Script,
	}
	if observed := o.Window * o.Periods; !(o.Window > 0 && o.Window <= maxRecheck && observed > 0 && observed <= maxRecheck && rule.rows() <= maxRecheck) {
		out.Outcome = "incomplete"
		return out, nil
	}
	r := newRuleState(&rule, "recheck", compile)
	s := &series{ring: newRing(r.rows)}
	s.ring.restore(o.Samples[len(o.Samples)-1].Time, o.samples(r.mode))
	found, value, _ := r.judge(s, at.UnixNano())
	out.Outcome, out.Value = found.String(), value
	if found == noMatch || found == match && value != o.Value {
		return out, fmt.Errorf("%s(%s) %s %v: the alarm says %v, its samples give %v (%s): %w",
			o.Function, o.Metric, o.Operator, o.Threshold, o.Value, value, out.Outcome, ErrContradiction)
	}
	return out, nil
}

func (o *alarmObject) samples(m mode) []Sample {
	out := make([]Sample, len(o.Samples))
	for i, s := range o.Samples {
		out[i] = Sample{Time: s.Time, Value: s.Value, Count: max(s.Count, 1)}
		switch {
		case m == keepSum && s.Sum != nil:
			out[i].Value = *s.Sum
		case m == keepSum:
			out[i].Value *= float64(out[i].Count)
		}
	}
	return out
}
