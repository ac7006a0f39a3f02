package statsd

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Flush emits a metric for every series and begins the next interval.
func (in *Input) Flush(now time.Time, emit message.Emit) error {
	keys := make([]string, 0, len(in.series))
	for key := range in.series {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		s := in.series[key]
		if !s.seen && (in.cfg.DeleteIdleStats || s.kind == "ms" || s.kind == "s") {
			delete(in.series, key)
			continue
		}
		if err := emit(in.metric(s, now)); err != nil {
			return fmt.Errorf("emit metric %s: %w", s.name, err)
		}
		s.next()
	}
	return nil
}

// next begins an interval: gauges stay, everything else starts anew.
func (s *series) next() {
	s.seen = false
	if s.kind != "g" {
		s.value = 0
	}
	s.count = 0
	s.values = s.values[:0]
	s.set = nil
}

func (in *Input) metric(s *series, now time.Time) *message.Message {
	m := &message.Message{UUID: in.ids.Next(), Timestamp: now.UnixNano(), Type: "metric", Logger: in.opt.Name, Hostname: in.opt.Hostname}
	m.SetSeverity(6)
	m.AddString("name", s.name)
	seconds := in.cfg.FlushInterval.Seconds()
	switch s.kind {
	case "c":
		m.Type = "multivalue_metric"
		m.AddDouble("count", s.value, "")
		m.AddDouble("rate", s.value/seconds, "1/s")
		m.AddStrings("value_fields", "count", "rate")
	case "g":
		m.AddDouble("value", s.value, "")
	case "s":
		m.AddDouble("value", float64(len(s.set)), "")
	default:
		in.timer(m, s, seconds)
	}
	kind := "gauge"
	if s.kind == "c" {
		kind = "derive"
	}
	m.AddString("type", kind)
	m.AddString("source", in.opt.Name)
	m.AddDouble("interval", seconds, "s")
	var tags []string
	for i := 0; i+1 < len(s.tags); i += 2 {
		if m.Field(s.tags[i]) != nil {
			continue // a tag may not stand for a field of ours, nor come twice
		}
		m.AddString(s.tags[i], s.tags[i+1])
		tags = append(tags, s.tags[i])
	}
	if !slices.Contains(tags, "hostname") {
		m.AddString("hostname", in.opt.Hostname)
		tags = append(tags, "hostname")
	}
	m.AddStrings("tag_fields", tags...)
	return m
}

// timer adds the summary of the values of an interval.
func (in *Input) timer(m *message.Message, s *series, seconds float64) {
	m.Type = "multivalue_metric"
	slices.Sort(s.values)
	names := []string{"count", "rate", "sum", "min", "max", "mean"}
	m.AddDouble("count", s.count, "")
	m.AddDouble("rate", s.count/seconds, "1/s")
	m.AddDouble("sum", s.value, "")
	m.AddDouble("min", s.min, "")
	m.AddDouble("max", s.max, "")
	m.AddDouble("mean", s.value/s.count, "")
	for _, p := range in.cfg.Percentiles {
		n := int(math.Floor(p*float64(len(s.values))/100 + 0.5)) // how many values are at or below
		name := "upper_" + strings.ReplaceAll(strconv.FormatFloat(p, 'f', -1, 64), ".", "_")
		m.AddDouble(name, s.values[max(n, 1)-1], "")
		names = append(names, name)
	}
	m.AddStrings("value_fields", names...)
}
