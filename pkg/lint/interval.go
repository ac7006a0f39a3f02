package lint

import (
	"math"

	"github.com/tocsin-lma/tocsin/pkg/afd"
)

// span is the values between two bounds, each of which belongs to it or not.
type span struct {
	low, high         float64
	lowOpen, highOpen bool
}

func everything() span { return span{low: math.Inf(-1), high: math.Inf(1)} }

// spanOf returns the values for which a comparison holds; false for !=, whose
// values are no single span.
func spanOf(op afd.Operator, threshold float64) (span, bool) {
	s := everything()
	switch op {
	case afd.Equal:
		s.low, s.high = threshold, threshold
	case afd.Greater:
		s.low, s.lowOpen = threshold, true
	case afd.GreaterEqual:
		s.low = threshold
	case afd.Less:
		s.high, s.highOpen = threshold, true
	case afd.LessEqual:
		s.high = threshold
	default:
		return s, false
	}
	return s, true
}

func (s span) empty() bool {
	return s.low > s.high || s.low == s.high && (s.lowOpen || s.highOpen)
}

func (s span) contains(v float64) bool {
	return (v > s.low || v == s.low && !s.lowOpen) && (v < s.high || v == s.high && !s.highOpen)
}

// within reports whether every value of s belongs to t.
func (s span) within(t span) bool {
	low := s.low > t.low || s.low == t.low && (!t.lowOpen || s.lowOpen)
	high := s.high < t.high || s.high == t.high && (!t.highOpen || s.highOpen)
	return low && high
}

// and returns what belongs to both.
func (s span) and(t span) span {
	out := s
	if t.low > s.low || t.low == s.low && t.lowOpen {
		out.low, out.lowOpen = t.low, t.lowOpen
	}
	if t.high < s.high || t.high == s.high && t.highOpen {
		out.high, out.highOpen = t.high, t.highOpen
	}
	return out
}

// valuesOf returns the values that a rule's function can have over a metric;
// false when nothing is known of them.
func valuesOf(f afd.Function, m *Metric) (span, bool) {
	if m == nil {
		return span{}, false
	}
	switch f {
	case afd.Last, afd.Min, afd.Max, afd.Avg, afd.Median:
		return span{low: m.Low, high: m.High}, true
	case afd.Sum:
		s := everything()
		if m.Low >= 0 {
			s.low = 0
		}
		return s, true
	case afd.Count, afd.Variance, afd.SD, afd.Rate:
		return span{low: 0, high: math.Inf(1)}, true
	}
	return span{}, false
}
