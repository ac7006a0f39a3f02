package afd

import (
	"math"
	"time"
)

// bucketSeconds is the width of a bucket. Data is kept per bucket, aligned to
// the epoch.
const bucketSeconds = 5

const bucketWidth = bucketSeconds * int64(time.Second)

// bucketOf returns the number of the bucket that holds the time ns.
func bucketOf(ns int64) int64 {
	b := ns / bucketWidth
	if ns%bucketWidth < 0 {
		b--
	}
	return b
}

// mode says what a bucket keeps of several datapoints.
type mode uint8

const (
	keepLast mode = iota
	keepMin
	keepMax
	keepSum
)

// ring holds the newest buckets of one series. Slots are addressed by bucket
// number modulo the size, so that advancing only clears what is skipped.
type ring struct {
	head  int64 // number of the newest bucket; valid once began
	began bool
	vals  []float64
	n     []uint32 // datapoints per bucket; 0: empty
}

func newRing(size int) ring {
	return ring{vals: make([]float64, size), n: make([]uint32, size)}
}

func (r *ring) size() int64 { return int64(len(r.vals)) }

func (r *ring) slot(bucket int64) int {
	i := bucket % r.size()
	if i < 0 {
		i += r.size()
	}
	return int(i)
}

// oldest returns the number of the oldest bucket the ring can hold.
func (r *ring) oldest() int64 { return r.head - r.size() + 1 }

// add stores v and reports whether its bucket is not too old to be kept.
func (r *ring) add(bucket int64, v float64, m mode) bool {
	switch {
	case !r.began:
		r.head, r.began = bucket, true
	case bucket > r.head:
		r.advance(bucket)
	case bucket < r.oldest():
		return false
	}
	i := r.slot(bucket)
	if r.n[i] == 0 {
		r.vals[i] = v
	} else {
		switch m {
		case keepLast:
			r.vals[i] = v
		case keepMin:
			r.vals[i] = math.Min(r.vals[i], v)
		case keepMax:
			r.vals[i] = math.Max(r.vals[i], v)
		case keepSum:
			r.vals[i] += v
		}
	}
	if r.n[i] < math.MaxUint32 {
		r.n[i]++
	}
	return true
}

func (r *ring) advance(bucket int64) {
	if bucket-r.head >= r.size() {
		clear(r.n)
	} else {
		for b := r.head + 1; b <= bucket; b++ {
			r.n[r.slot(b)] = 0
		}
	}
	r.head = bucket
}

// at returns the value of a bucket and whether it has one.
func (r *ring) at(bucket int64) (float64, bool) {
	if !r.began || bucket > r.head || bucket < r.oldest() {
		return 0, false
	}
	i := r.slot(bucket)
	return r.vals[i], r.n[i] > 0
}

// headTime returns the start of the newest bucket in nanoseconds.
func (r *ring) headTime() int64 { return r.head * bucketWidth }

// samples returns the number of datapoints in the ring.
func (r *ring) samples() int {
	total := 0
	for _, n := range r.n {
		total += int(n)
	}
	return total
}

// Sample is one bucket of a series that holds data.
type Sample struct {
	Time  int64   `json:"time"`  // Unix seconds of the start of the bucket
	Value float64 `json:"value"` // what the bucket keeps: last, smallest, greatest, or the sum (avg)
	Count uint32  `json:"count"` // datapoints in the bucket
}

// all returns the non-empty buckets, oldest first.
func (r *ring) all() []Sample {
	if !r.began {
		return nil
	}
	var out []Sample
	for b := r.oldest(); b <= r.head; b++ {
		if i := r.slot(b); r.n[i] > 0 {
			out = append(out, Sample{Time: b * bucketSeconds, Value: r.vals[i], Count: r.n[i]})
		}
	}
	return out
}

// restore puts the buckets of all back; head is the newest bucket's time.
func (r *ring) restore(head int64, samples []Sample) {
	r.head, r.began = head/bucketSeconds, true
	clear(r.n)
	for _, s := range samples {
		b := s.Time / bucketSeconds
		if b > r.head || b < r.oldest() {
			continue
		}
		i := r.slot(b)
		r.vals[i], r.n[i] = s.Value, s.Count
	}
}
