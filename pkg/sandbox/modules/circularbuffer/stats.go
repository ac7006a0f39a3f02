package circularbuffer

import (
	"math"
	"slices"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/number"
)

func (b *Buffer) deltaTimes() []int64 {
	times := make([]int64, 0, len(b.deltas))
	for t := range b.deltas {
		times = append(times, t)
	}
	slices.Sort(times)
	return times
}

// appendCell prints a cell: at most eight decimals, or 17 digits when it is big.
func appendCell(dst []byte, v float64) []byte { return number.AppendPayload(dst, v) }

// column calls f for the numbers of a column from row first to row last.
func (b *Buffer) column(column, first, last int, f func(float64)) {
	for row := first; ; row++ {
		if row == b.rows {
			row = 0
		}
		if v := b.values[row*b.columns+column]; !math.IsNaN(v) {
			f(v)
		}
		if row == last {
			return
		}
	}
}

// compute returns a statistic of a column and how many cells hold a number.
func (b *Buffer) compute(function string, column, first, last int) (result float64, active int) {
	sum, lowest, highest := 0.0, math.Inf(1), math.Inf(-1)
	b.column(column, first, last, func(v float64) {
		active++
		sum += v
		lowest = min(lowest, v)
		highest = max(highest, v)
	})
	if function == "sum" {
		return sum, active
	}
	if active == 0 {
		return math.NaN(), 0
	}
	mean := sum / float64(active)
	switch function {
	case "min":
		return lowest, active
	case "max":
		return highest, active
	case "avg":
		return mean, active
	}
	squares := 0.0
	b.column(column, first, last, func(v float64) { squares += (v - mean) * (v - mean) })
	variance := squares / float64(active)
	if function == "sd" {
		return math.Sqrt(variance), active
	}
	return variance, active
}

// cells returns the cells of a column from row first to row last, at most n.
func (b *Buffer) cells(column, first, last, n int) []float64 {
	out := make([]float64, 0, n)
	for row := first; len(out) < n; row++ {
		if row == b.rows {
			row = 0
		}
		out = append(out, b.values[row*b.columns+column])
		if row == last {
			break
		}
	}
	for len(out) < n {
		out = append(out, math.NaN())
	}
	return out
}

// mannWhitney compares two samples: the U statistic of the first one and the
// one-tailed probability by normal approximation. ok is false when all values
// are the same. A cell without a number ranks lowest.
func mannWhitney(first, second []float64, continuity bool) (u, p float64, ok bool) {
	type cell struct {
		v, rank float64
		first   bool
	}
	all := make([]cell, 0, len(first)+len(second))
	for _, v := range first {
		all = append(all, cell{v: v, first: true})
	}
	for _, v := range second {
		all = append(all, cell{v: v})
	}
	slices.SortStableFunc(all, func(a, b cell) int {
		switch {
		case math.IsNaN(a.v) && math.IsNaN(b.v), a.v == b.v:
			return 0
		case math.IsNaN(a.v), a.v < b.v:
			return -1
		}
		return 1
	})
	same := func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }
	ties := 0.0
	for i := 0; i < len(all); {
		end := i + 1
		for end < len(all) && same(all[i].v, all[end].v) {
			end++
		}
		n := float64(end - i)
		ties += n*n*n - n
		for k := i; k < end; k++ {
			all[k].rank = (float64(i+1) + float64(end)) / 2
		}
		i = end
	}
	total := float64(len(all))
	correction := 1 - ties/(total*total*total-total)
	if correction == 0 {
		return 0, 0, false
	}
	sum := 0.0
	for _, c := range all {
		if c.first {
			sum += c.rank
		}
	}
	n1, n2 := float64(len(first)), float64(len(second))
	u = sum - n1*(n1+1)/2
	larger := max(u, n1*n2-u)
	if continuity {
		larger -= 0.5
	}
	sd := math.Sqrt(correction * n1 * n2 * (n1 + n2 + 1) / 12)
	z := math.Abs((larger - n1*n2/2) / sd)
	return u, 0.5 * math.Erfc(z/math.Sqrt2), true
}
