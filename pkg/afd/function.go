package afd

import (
	"math"
	"slices"
	"strings"
)

// Function is what a rule computes over the window of a series.
type Function string

// The functions. Count, Median, Rate, MWW, MWWNonparametric and Lua go beyond
// the original.
const (
	Last             Function = "last"
	Min              Function = "min"
	Max              Function = "max"
	Sum              Function = "sum"
	Avg              Function = "avg"
	Variance         Function = "variance"
	SD               Function = "sd"
	Diff             Function = "diff"
	ROC              Function = "roc"
	Count            Function = "count"
	Median           Function = "median"
	Rate             Function = "rate"
	MWW              Function = "mww"
	MWWNonparametric Function = "mww_nonparametric"
	Lua              Function = "lua"
)

// Functions returns every function name, in the order of the manual.
func Functions() []string {
	return []string{
		string(Last), string(Min), string(Max), string(Sum), string(Avg), string(Variance), string(SD), string(Diff), string(ROC),
		string(Count), string(Median), string(Rate), string(MWW), string(MWWNonparametric), string(Lua),
	}
}

func functionOf(word string) (Function, bool) {
	f := strings.ToLower(strings.TrimSpace(word))
	return Function(f), slices.Contains(Functions(), f)
}

// mode returns what a bucket keeps for f.
func (f Function) mode() mode {
	switch f {
	case Min:
		return keepMin
	case Max:
		return keepMax
	case Avg:
		return keepSum
	}
	return keepLast
}

// historical reports whether f compares windows and needs two more of them.
func (f Function) historical() bool { return f == ROC || f == MWW || f == MWWNonparametric }

// Operator compares the value of a function with the threshold.
type Operator uint8

// The operators; None belongs to rules whose function needs none.
const (
	None Operator = iota
	Equal
	NotEqual
	Greater
	GreaterEqual
	Less
	LessEqual
)

// operatorOf reads an operator, symbol or word, in any case.
func operatorOf(word string) (Operator, bool) {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "==", "eq":
		return Equal, true
	case "!=", "ne":
		return NotEqual, true
	case ">", "gt":
		return Greater, true
	case ">=", "gte":
		return GreaterEqual, true
	case "<", "lt":
		return Less, true
	case "<=", "lte":
		return LessEqual, true
	}
	return None, false
}

// Compare applies the operator; NaN on either side never matches.
func (o Operator) Compare(v, threshold float64) bool {
	if v != v || threshold != threshold {
		return false
	}
	switch o {
	case Equal:
		return v == threshold
	case NotEqual:
		return v != threshold
	case Greater:
		return v > threshold
	case GreaterEqual:
		return v >= threshold
	case Less:
		return v < threshold
	case LessEqual:
		return v <= threshold
	}
	return false
}

// compute returns the value of an aggregate over the whole ring; NaN when the
// ring is empty.
func (r *ring) compute(f Function) float64 {
	switch f {
	case Avg:
		return r.average()
	case Variance:
		return r.variance()
	case SD:
		return math.Sqrt(r.variance())
	case Count:
		return float64(r.samples())
	case Median:
		return r.median()
	case Rate:
		return r.rate()
	}
	return r.extreme(f)
}

func (r *ring) extreme(f Function) float64 {
	acc, n := 0.0, 0
	for i, c := range r.n {
		if c == 0 {
			continue
		}
		v := r.vals[i]
		switch {
		case n == 0:
			acc = v
		case f == Sum:
			acc += v
		case f == Min && v < acc, f == Max && v > acc:
			acc = v
		}
		n++
	}
	if n == 0 {
		return math.NaN()
	}
	return acc
}

func (r *ring) average() float64 {
	sum, n := 0.0, 0.0
	for b := r.oldest(); b <= r.head; b++ { // in time order: the sum must not depend on the slot layout
		if i := r.slot(b); r.n[i] > 0 {
			sum += r.vals[i]
			n += float64(r.n[i])
		}
	}
	return sum / n // 0/0 is NaN, as wanted
}

// variance is that of the population. Values are first centred on their mean,
// so that large values with a small spread keep their digits.
func (r *ring) variance() float64 {
	sum, n := 0.0, 0.0
	for i, c := range r.n {
		if c > 0 {
			sum += r.vals[i]
			n++
		}
	}
	mean, sq := sum/n, 0.0
	for i, c := range r.n {
		if c > 0 {
			d := r.vals[i] - mean
			sq += d * d
		}
	}
	return sq / n
}

func (r *ring) median() float64 {
	vals := make([]float64, 0, len(r.vals))
	for i, c := range r.n {
		if c > 0 {
			vals = append(vals, r.vals[i])
		}
	}
	if len(vals) == 0 {
		return math.NaN()
	}
	slices.Sort(vals)
	mid := len(vals) / 2
	if len(vals)%2 == 1 {
		return vals[mid]
	}
	return vals[mid-1]/2 + vals[mid]/2
}

// rate is the sum of the increases per second between the first and the last
// bucket; a decrease is a counter that restarted from 0. One bucket gives 0.
func (r *ring) rate() float64 {
	var first, last int64
	var prev, rise float64
	seen := false
	for b := r.oldest(); b <= r.head; b++ {
		i := r.slot(b)
		if r.n[i] == 0 {
			continue
		}
		v := r.vals[i]
		switch {
		case !seen:
			first, seen = b, true
		case v >= prev:
			rise += v - prev
		default:
			rise += v
		}
		prev, last = v, b
	}
	switch {
	case !seen:
		return math.NaN()
	case last == first:
		return 0
	}
	return rise / float64((last-first)*bucketSeconds)
}

// newest returns the newest value among the buckets reached by stepping back a
// bucket width at a time from now to now-obs.
func (r *ring) newest(now, obs int64) (float64, bool) {
	b := bucketOf(now)
	low := max(b-obs/bucketWidth, r.oldest())
	for b = min(b, r.head); b >= low; b-- {
		if i := r.slot(b); r.n[i] > 0 {
			return r.vals[i], true
		}
	}
	return 0, false
}

// difference returns newest minus oldest value within [now-obs, now].
func (r *ring) difference(now, obs int64) (float64, bool) {
	last, ok := r.newest(now, obs)
	if !ok {
		return 0, false
	}
	for b := max(bucketOf(now-obs), r.oldest()); b <= r.head; b++ {
		if i := r.slot(b); r.n[i] > 0 {
			return last - r.vals[i], true
		}
	}
	return 0, false
}
