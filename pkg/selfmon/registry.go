// Package selfmon is how a daemon watches itself: its counters, the ledger of
// what became of every message, and its health checks, with the HTTP handler
// that shows them. Nothing in it is global: a Registry, a Ledger and a Checks
// are made by the daemon and passed on.
//
// Invariant: reading never disturbs the data path. Counters are atomic, an
// Account takes one uncontended lock a batch, and whatever is only wanted when
// somebody looks is computed then. There are no goroutines.
package selfmon

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// Registry holds the metrics of one daemon. Names are
// tocsin_<part>_<what>_<unit>[_total]; labels are given as name, value, name,
// value. A malformed name or an odd number of labels panics: names are code.
// All methods may be called from any goroutine.
type Registry struct {
	set *metrics.Set
}

// New returns an empty registry.
func New() *Registry {
	return &Registry{set: metrics.NewSet()}
}

// Counter only ever grows.
type Counter struct{ c *metrics.Counter }

// Add adds n; a negative n is ignored.
func (c Counter) Add(n int) {
	if n > 0 {
		c.c.Add(n)
	}
}

// Inc adds one.
func (c Counter) Inc() { c.c.Inc() }

// Value is the count so far.
func (c Counter) Value() uint64 { return c.c.Get() }

// Gauge is a number that goes up and down.
type Gauge struct{ g *metrics.Gauge }

// Set makes v the value.
func (g Gauge) Set(v float64) { g.g.Set(v) }

// Add adds v, which may be negative.
func (g Gauge) Add(v float64) { g.g.Add(v) }

// Value is the number now.
func (g Gauge) Value() float64 { return g.g.Get() }

// Counter returns the counter of that name and labels, and makes it if need be.
func (r *Registry) Counter(name string, labels ...string) Counter {
	return Counter{r.set.GetOrCreateCounter(series(name, labels))}
}

// Gauge returns the gauge of that name and labels, and makes it if need be.
func (r *Registry) Gauge(name string, labels ...string) Gauge {
	return Gauge{r.set.GetOrCreateGauge(series(name, labels), nil)}
}

// GaugeFunc shows what value returns whenever somebody looks, in place of what
// the series showed before. value may be called from any goroutine.
func (r *Registry) GaugeFunc(value func() float64, name string, labels ...string) {
	id := series(name, labels)
	r.set.UnregisterMetric(id)
	r.set.NewGauge(id, value)
}

// Remove takes a series away, for what a reload removed.
func (r *Registry) Remove(name string, labels ...string) {
	r.set.UnregisterMetric(series(name, labels))
}

// Collect calls write whenever somebody looks, for series that are made up then.
func (r *Registry) Collect(write func(w *Writer)) {
	r.set.RegisterMetricsWriter(func(w io.Writer) { write(&Writer{w}) })
}

// WritePrometheus writes all metrics, and those of the process, in the text
// format of Prometheus.
func (r *Registry) WritePrometheus(w io.Writer) {
	r.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
}

// Writer writes series that are made up when somebody looks.
type Writer struct{ w io.Writer }

// Count writes the value of a counter.
func (w *Writer) Count(v uint64, name string, labels ...string) {
	fmt.Fprintf(w.w, "%s %d\n", series(name, labels), v)
}

// Value writes the value of a gauge.
func (w *Writer) Value(v float64, name string, labels ...string) {
	fmt.Fprintf(w.w, "%s %s\n", series(name, labels), strconv.FormatFloat(v, 'g', -1, 64))
}

// series is the text of a name with its labels.
func series(name string, labels []string) string {
	if !validName(name) {
		panic(fmt.Sprintf("selfmon: metric name %q is not tocsin_<part>_<what>_<unit>[_total] in [a-z0-9_]", name))
	}
	if len(labels)%2 != 0 {
		panic(fmt.Sprintf("selfmon: metric %s has a label without a value", name))
	}
	if len(labels) == 0 {
		return name
	}
	var b strings.Builder
	b.WriteString(name)
	b.WriteByte('{')
	for i := 0; i < len(labels); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(labels[i])
		b.WriteString(`="`)
		b.WriteString(escape(labels[i+1]))
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

func validName(name string) bool {
	rest, ok := strings.CutPrefix(name, "tocsin_")
	if !ok || strings.Count(rest, "_") < 1 {
		return false
	}
	for _, c := range rest {
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// escape quotes a label value. Bytes that are not UTF-8 would make the whole
// page unreadable for Prometheus.
func escape(v string) string {
	v = strings.ToValidUTF8(v, "\uFFFD")
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(v)
}
