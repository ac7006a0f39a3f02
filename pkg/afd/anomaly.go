package afd

import (
	"math"
	"slices"
)

// The functions of this file compare windows of w buckets. The head bucket is
// still being filled and takes no part; window 0 is the newest whole one,
// window 1 the one before it.

// window returns the first and the last bucket of the i-th window back.
func (r *ring) window(w int64, i int) (first, last int64) {
	last = r.head - 1 - int64(i)*w
	return last - w + 1, last
}

// mean returns the mean of the non-empty buckets of a range, NaN if there is none.
func (r *ring) mean(first, last int64) float64 {
	sum, n := 0.0, 0.0
	for b := first; b <= last; b++ {
		if v, ok := r.at(b); ok {
			sum += v
			n++
		}
	}
	return sum / n
}

func (r *ring) spread(first, last int64) float64 {
	mean := r.mean(first, last)
	sq, n := 0.0, 0.0
	for b := first; b <= last; b++ {
		if v, ok := r.at(b); ok {
			sq += (v - mean) * (v - mean)
			n++
		}
	}
	return math.Sqrt(sq / n)
}

// roc reports whether the mean of the newest window differs from that of the
// window before by more than threshold standard deviations of the history.
// Anything that cannot be computed is no match.
func (r *ring) roc(w int64, threshold float64) bool {
	first, last := r.window(w, 0)
	current := r.mean(first, last)
	first, last = r.window(w, 1)
	previous := r.mean(first, last)
	history := r.spread(r.oldest(), first-1)
	return math.Abs(current-previous) > history*threshold
}

// Trend is the direction in which mww looks.
type Trend string

// The trends.
const (
	Increasing Trend = "increasing"
	Decreasing Trend = "decreasing"
	AnyTrend   Trend = "any"
)

// mww reports whether the newest window differs from more than a quarter of the
// k windows: the Mann-Whitney-Wilcoxon rank test gives p < pvalue and the mean
// moved in the direction of the trend.
func (r *ring) mww(w int64, k int, pvalue float64, trend Trend) bool {
	current := r.windowValues(w, 0)
	moved := 0
	for i := 1; i <= k-2; i++ {
		earlier := r.windowValues(w, i)
		if len(current) == 0 || len(earlier) == 0 {
			continue
		}
		_, p := rankTest(current, earlier)
		if p < pvalue && trend.follows(meanOf(earlier), meanOf(current)) {
			moved++
		}
	}
	return float64(moved) > float64(k)/4
}

// mwwStatistic returns the mean over the earlier windows of U/w², the chance
// that a value of the newest window exceeds one of an earlier window; NaN when
// there is nothing to compare.
func (r *ring) mwwStatistic(w int64, k int) float64 {
	current := r.windowValues(w, 0)
	sum, compared := 0.0, 0.0
	for i := 1; i <= k-2; i++ {
		earlier := r.windowValues(w, i)
		if len(current) == 0 || len(earlier) == 0 {
			continue
		}
		u, _ := rankTest(current, earlier)
		sum += u / float64(len(current)*len(earlier))
		compared++
	}
	return sum / compared
}

func (t Trend) follows(from, to float64) bool {
	switch t {
	case Increasing:
		return to > from
	case Decreasing:
		return to < from
	}
	return to != from
}

func (r *ring) windowValues(w int64, i int) []float64 {
	first, last := r.window(w, i)
	out := make([]float64, 0, w)
	for b := first; b <= last; b++ {
		if v, ok := r.at(b); ok {
			out = append(out, v)
		}
	}
	return out
}

func meanOf(vals []float64) float64 {
	sum := 0.0
	for _, v := range vals {
		sum += v
	}
	return sum / float64(len(vals))
}

// rankTest returns U of x over y (ties count one half) and the one-sided p of
// the normal approximation, corrected for ties and continuity.
func rankTest(x, y []float64) (u, p float64) {
	type item struct {
		v     float64
		fromX bool
	}
	all := make([]item, 0, len(x)+len(y))
	for _, v := range x {
		all = append(all, item{v, true})
	}
	for _, v := range y {
		all = append(all, item{v, false})
	}
	slices.SortFunc(all, func(a, b item) int {
		switch {
		case a.v < b.v:
			return -1
		case a.v > b.v:
			return 1
		}
		return 0
	})
	ranks, ties := 0.0, 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].v == all[i].v {
			j++
		}
		t := float64(j - i)
		ties += t*t*t - t
		for ; i < j; i++ {
			if all[i].fromX {
				ranks += float64(j) - (t-1)/2
			}
		}
	}
	n1, n2 := float64(len(x)), float64(len(y))
	n := n1 + n2
	u = ranks - n1*(n1+1)/2
	sigma := math.Sqrt(n1 * n2 / 12 * ((n + 1) - ties/(n*(n-1))))
	if sigma == 0 || sigma != sigma {
		return u, 1
	}
	z := (math.Max(u, n1*n2-u) - n1*n2/2 - 0.5) / sigma
	return u, 0.5 * math.Erfc(z/math.Sqrt2)
}
