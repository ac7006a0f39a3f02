package lint

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/config"
)

// Metric is what is known of a metric.
type Metric struct {
	Name     string    // * stands for any text
	Low      float64   // smallest value, or -Inf
	High     float64   // greatest value, or +Inf
	Values   []float64 // all values there are, when they can be counted
	Interval float64   // seconds between two samples
	Fields   []string  // names of the fields that tell its series apart
}

// Metrics is a catalogue of metrics.
type Metrics struct {
	exact    map[string]*Metric
	patterns []*Metric
	names    []string
}

// ParseMetrics reads a catalogue: lines of four columns parted by tabs, name,
// range, interval and fields; # begins a comment.
func ParseMetrics(text string) (*Metrics, error) {
	m := &Metrics{exact: map[string]*Metric{}}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		metric, err := parseMetric(strings.Split(line, "\t"))
		if err != nil {
			return nil, fmt.Errorf("read metrics: line %d: %w", number, err)
		}
		m.names = append(m.names, metric.Name)
		if strings.Contains(metric.Name, "*") {
			m.patterns = append(m.patterns, metric)
		} else {
			m.exact[metric.Name] = metric
		}
	}
	return m, nil
}

func parseMetric(columns []string) (*Metric, error) {
	if len(columns) != 4 || columns[0] == "" {
		return nil, fmt.Errorf("%d columns; want name, range, interval and fields", len(columns))
	}
	m := &Metric{Name: columns[0], Low: math.Inf(-1), High: math.Inf(1)}
	if _, err := path.Match(m.Name, ""); err != nil {
		return nil, fmt.Errorf("name %q: %w", m.Name, err)
	}
	var err error
	number := func(text string) float64 {
		v, bad := strconv.ParseFloat(text, 64)
		if bad != nil && err == nil {
			err = fmt.Errorf("%s: %q is not a number", m.Name, text)
		}
		return v
	}
	if low, high, ranged := strings.Cut(columns[1], ".."); ranged {
		if low != "" {
			m.Low = number(low)
		}
		if high != "" {
			m.High = number(high)
		}
	} else if columns[1] != "-" {
		for v := range strings.SplitSeq(columns[1], ",") {
			m.Values = append(m.Values, number(v))
		}
		m.Low, m.High = slices.Min(m.Values), slices.Max(m.Values)
	}
	m.Interval = number(columns[2])
	if columns[3] != "" {
		m.Fields = strings.Split(columns[3], ",")
	}
	return m, err
}

// Find returns what is known of the metric of that name, or nil.
func (m *Metrics) Find(name string) *Metric {
	if m == nil {
		return nil
	}
	if found, ok := m.exact[name]; ok {
		return found
	}
	for _, p := range m.patterns {
		if ok, err := path.Match(p.Name, name); ok && err == nil {
			return p
		}
	}
	return nil
}

// Names returns every name, patterns too, in the order of the catalogue.
func (m *Metrics) Names() []string {
	if m == nil {
		return nil
	}
	return m.names
}

func (m *Metrics) nearest(name string) string {
	if near, ok := config.Nearest(name, m.names); ok {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}
