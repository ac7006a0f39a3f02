package web

import (
	"fmt"
	"math"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/store"
)

// The size of a sparkline, in the units of its view box.
const (
	sparkWidth  = 120.0
	sparkHeight = 30.0
	sparkMargin = 4.0
)

// spark is a small line of values with the threshold they are held against.
type spark struct {
	Points    string // of the line
	X, Y      string // of the newest value
	Threshold string // height of the threshold; "": it is not a number
	Label     string // for those who do not see it
}

// newSpark draws samples, oldest first; nil when there are fewer than two.
func newSpark(samples []store.Sample, threshold gjson.Result, source string) *spark {
	if len(samples) < 2 {
		return nil
	}
	low, high := samples[0].Value, samples[0].Value
	for _, s := range samples {
		low, high = min(low, s.Value), max(high, s.Value)
	}
	hasThreshold := threshold.Type == gjson.Number
	bottom, top := low, high
	if hasThreshold {
		bottom, top = min(low, threshold.Num), max(high, threshold.Num)
	}
	first, span := samples[0].Time, samples[len(samples)-1].Time.Sub(samples[0].Time)
	if span <= 0 || math.IsNaN(top-bottom) || math.IsInf(top-bottom, 0) {
		return nil
	}
	height := func(v float64) string {
		if top == bottom {
			return coordinate(sparkHeight / 2)
		}
		return coordinate(sparkHeight - sparkMargin - (v-bottom)/(top-bottom)*(sparkHeight-2*sparkMargin))
	}
	var points []string
	s := &spark{Label: fmt.Sprintf("%d %s over %s, from %.4g to %.4g", len(samples), source, ago(span), low, high)}
	for _, sample := range samples {
		s.X = coordinate(sparkMargin + float64(sample.Time.Sub(first))/float64(span)*(sparkWidth-2*sparkMargin))
		s.Y = height(sample.Value)
		points = append(points, s.X+","+s.Y)
	}
	s.Points = strings.Join(points, " ")
	if hasThreshold {
		s.Threshold = height(threshold.Num)
	}
	return s
}

func coordinate(v float64) string { return fmt.Sprintf("%.1f", v) }
