package selfmon

import (
	"math"
	"slices"
	"strconv"
	"sync"
)

// Histogram counts values in buckets, in the cumulative form of Prometheus.
type Histogram struct {
	name   string
	labels []string
	bounds []float64

	mu     sync.Mutex
	counts []uint64
	sum    float64
}

// Histogram makes a histogram with the given upper bounds, in ascending order. A
// name and set of labels must be made only once.
func (r *Registry) Histogram(bounds []float64, name string, labels ...string) *Histogram {
	series(name, labels)
	if !slices.IsSorted(bounds) {
		panic("selfmon: the bounds of histogram " + name + " are not in order")
	}
	h := &Histogram{
		name: name, labels: slices.Clone(labels), bounds: slices.Clone(bounds),
		counts: make([]uint64, len(bounds)+1),
	}
	r.Collect(h.write)
	return h
}

// Observe counts one value; NaN is ignored.
func (h *Histogram) Observe(v float64) {
	if math.IsNaN(v) {
		return
	}
	i, _ := slices.BinarySearch(h.bounds, v)
	h.mu.Lock()
	h.counts[i]++
	h.sum += v
	h.mu.Unlock()
}

func (h *Histogram) write(w *Writer) {
	h.mu.Lock()
	counts, sum := slices.Clone(h.counts), h.sum
	h.mu.Unlock()
	var total uint64
	for i, n := range counts {
		total += n
		le := "+Inf"
		if i < len(h.bounds) {
			le = strconv.FormatFloat(h.bounds[i], 'g', -1, 64)
		}
		w.Count(total, h.name+"_bucket", append(slices.Clone(h.labels), "le", le)...)
	}
	w.Value(sum, h.name+"_sum", h.labels...)
	w.Count(total, h.name+"_count", h.labels...)
}
