package prometheus

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/lineproto"
)

// label is a name and a value; the metric's name is the label __name__.
type label struct{ name, value string }

// sample is one value of one series.
type sample struct {
	labels []label // sorted by name, each name once
	value  float64
	ms     int64 // 0: no time
}

const nameLabel = "__name__"

// perMillisecond are the units of a line's time, as factors to milliseconds.
var perMillisecond = map[string]float64{"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3}

// samples turns a point into samples: the field "value" gives the measurement's
// name, another field NAME gives measurement_NAME. Texts are left out.
func samples(p *lineproto.Point, precision string) []sample {
	base := make([]label, 0, len(p.Tags)+1)
	seen := map[string]bool{nameLabel: true}
	for _, t := range p.Tags {
		name := metricName(t.Name, false)
		if !seen[name] && !strings.HasPrefix(name, "__") {
			seen[name] = true
			base = append(base, label{name, strings.ToValidUTF8(t.Value, "\uFFFD")})
		}
	}
	var out []sample
	for _, f := range p.Fields {
		if f.IsText || math.IsNaN(f.Number) || math.IsInf(f.Number, 0) {
			continue
		}
		name := p.Name
		if f.Name != "value" {
			name += "_" + f.Name
		}
		labels := append(slices.Clone(base), label{nameLabel, metricName(name, true)})
		slices.SortFunc(labels, func(a, b label) int { return strings.Compare(a.name, b.name) })
		out = append(out, sample{labels: labels, value: f.Number, ms: int64(math.Floor(float64(p.Time) * perMillisecond[precision]))})
	}
	return out
}

// metricName replaces what Prometheus does not take in a name by `_`.
func metricName(s string, colon bool) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || colon && r == ':' {
			return r
		}
		return '_'
	}, s)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return "_" + name
	}
	return name
}

// parse reads all lines of a batch.
func parse(b []byte, precision string) ([]sample, error) {
	var p lineproto.Point
	var out []sample
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			continue
		}
		if err := lineproto.Parse(line, &p); err != nil {
			return nil, err
		}
		out = append(out, samples(&p, precision)...)
	}
	return out, nil
}

func checkPrecision(s string) error {
	if _, ok := perMillisecond[s]; !ok {
		return fmt.Errorf("read precision: %q is none of ns, us, ms, s", s)
	}
	return nil
}

// errTooMany rejects a series over the limit.
var errTooMany = fmt.Errorf("%w: max_series is reached; raise it, or match fewer metrics", message.ErrPermanent)
