package lint

import (
	"math"
	"slices"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/config"
)

func (l *linter) rule(t *afd.Trigger, r *afd.Rule, at *config.Node) {
	m := l.metrics.Find(r.Metric)
	if l.metrics != nil && m == nil {
		l.find("unknown_metric", at, "trigger %s: nothing that is known makes the metric %q%s", t.Name, r.Metric, l.metrics.nearest(r.Metric))
	}
	if r.Function == afd.Max && r.Operator == afd.Equal && r.Threshold == 0 {
		l.find("max_zero", at, "trigger %s: max(%s) == 0 is never raised by the original, and not here when a value is negative; write <= 0", t.Name, r.Metric)
	}
	if r.Value != "" {
		m = onlyTiming(m) // the range of a multi-value metric is nobody's in particular
	}
	l.reach(t, r, m, at)
	l.equality(t, r, m, at)
	if m == nil {
		return
	}
	l.window(t, r, m, at)
	l.samples(t, r, m, at)
	l.blend(t, r, m, at)
}

func onlyTiming(m *Metric) *Metric {
	if m == nil {
		return nil
	}
	c := *m
	c.Low, c.High, c.Values = math.Inf(-1), math.Inf(1), nil
	return &c
}

// reach compares a rule's condition with the values its function can have.
func (l *linter) reach(t *afd.Trigger, r *afd.Rule, m *Metric, at *config.Node) {
	known, ok := valuesOf(r.Function, m)
	if !ok && slices.Contains([]afd.Function{afd.Count, afd.Variance, afd.SD, afd.Rate}, r.Function) {
		known, ok = span{low: 0, high: math.Inf(1)}, true
	}
	if !ok {
		return
	}
	s, single := spanOf(r.Operator, r.Threshold)
	switch {
	case r.Operator == afd.NotEqual && !known.contains(r.Threshold):
		l.find("always_fires", at, "trigger %s: %s(%s) is never %v", t.Name, r.Function, r.Metric, r.Threshold)
	case !single:
	case s.and(known).empty():
		l.find("never_fires", at, "trigger %s: %s(%s) is never %s %v: it lies between %v and %v", t.Name, r.Function, r.Metric, r.OperatorText, r.Threshold, known.low, known.high)
	case r.Operator == afd.Equal && m != nil && len(m.Values) > 0 && exact(r.Function) && !slices.Contains(m.Values, r.Threshold):
		l.find("never_fires", at, "trigger %s: %s(%s) is never %v: the values are %v", t.Name, r.Function, r.Metric, r.Threshold, m.Values)
	case known.within(s) && !math.IsInf(known.low, -1):
		l.find("always_fires", at, "trigger %s: %s(%s) is always %s %v", t.Name, r.Function, r.Metric, r.OperatorText, r.Threshold)
	}
}

// exact reports whether a function gives one of the values it is given.
func exact(f afd.Function) bool { return f == afd.Last || f == afd.Min || f == afd.Max }

// equality finds == where the value passes the threshold: an average is hardly
// ever equal to anything, and a quantity without end goes on beyond it.
func (l *linter) equality(t *afd.Trigger, r *afd.Rule, m *Metric, at *config.Node) {
	if r.Operator != afd.Equal || r.Function == afd.Lua {
		return
	}
	edge := r.Threshold == 0 || r.Threshold == 1
	if m != nil && (r.Threshold == m.Low || r.Threshold == m.High || slices.Contains(m.Values, r.Threshold)) {
		edge = true
	}
	if !edge {
		l.find("equals_threshold", at, "trigger %s: %s(%s) == %v holds only at exactly that value; >= or <= is probably meant", t.Name, r.Function, r.Metric, r.Threshold)
	}
}

func (l *linter) window(t *afd.Trigger, r *afd.Rule, m *Metric, at *config.Node) {
	observed := r.Window * r.Periods
	if observed >= 2*m.Interval {
		return
	}
	l.find("short_window", at, "trigger %s: a window of %v s may hold no sample of %s, which comes every %v s; make it %v or longer", t.Name, observed, r.Metric, m.Interval, 2*m.Interval)
}

// samples finds a min_samples that one series never reaches. Rules that mix
// series may reach any number.
func (l *linter) samples(t *afd.Trigger, r *afd.Rule, m *Metric, at *config.Node) {
	if r.MinSamples < 2 || m.Interval <= 0 || slices.ContainsFunc(m.Fields, func(f string) bool { return !selects(r, f) }) {
		return
	}
	if most := int(r.Window*r.Periods/m.Interval) + 1; r.MinSamples > most {
		l.find("few_samples", at, "trigger %s: a window of %v s holds at most %d samples of %s, which comes every %v s; min_samples: %d is never reached", t.Name, r.Window*r.Periods, most, r.Metric, m.Interval, r.MinSamples)
	}
}

// apart lists the fields whose series have nothing to do with each other: one of
// them may be well while another is not.
func apart() []string {
	return []string{
		"interface", "fs", "device", "backend", "frontend", "queue", "aggregate", "volume", "peer", "osd", "pool", "service", "state", "status",
		"resource", "instance_id", "server", "certificate", "bird_protocol_instance", "statement", "handler", "level",
	}
}

// blend finds rules that mix such series. The least of a minimum and the
// greatest of a maximum are right for any number of series.
func (l *linter) blend(t *afd.Trigger, r *afd.Rule, m *Metric, at *config.Node) {
	downward := r.Operator == afd.Less || r.Operator == afd.LessEqual
	upward := r.Operator == afd.Greater || r.Operator == afd.GreaterEqual
	if r.Function == afd.Min && downward || r.Function == afd.Max && upward || r.Function == afd.Lua {
		return
	}
	var mixed []string
	for _, f := range m.Fields {
		if slices.Contains(apart(), f) && !selects(r, f) {
			mixed = append(mixed, f)
		}
	}
	if len(mixed) > 0 {
		l.find("blended_series", at, "trigger %s: %s(%s) mixes the series of every %s; add group_by: [%s] or select one with field", t.Name, r.Function, r.Metric, strings.Join(mixed, " and "), strings.Join(mixed, ", "))
	}
}
