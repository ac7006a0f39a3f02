package alarmtest

import (
	"encoding/json"
	"math"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/afd"
	"github.com/tocsin-lma/tocsin/pkg/gse"
	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Emission is one thing that a step gave: a verdict of an alarm or a cluster,
// an event, or a refusal.
type Emission struct {
	Kind    string         `json:"kind"` // alarm, cluster, event:<encoder>, rejected
	Name    string         `json:"name,omitempty"`
	Host    string         `json:"host,omitempty"`
	Status  string         `json:"status,omitempty"`
	Payload string         `json:"payload,omitempty"`
	Fields  map[string]any `json:"fields,omitempty"`
	Body    string         `json:"body,omitempty"` // the bytes of an event
	Error   string         `json:"error,omitempty"`

	alarms []any
}

// aggregatorHost is the Hostname of what the aggregator of a test emits.
const aggregatorHost = "mon01"

// world is the daemons of one test.
type world struct {
	t          *Test
	model      *models
	collectors []*collector
	byHost     map[string]*collector
	engine     *gse.Engine // nil in the roles without an aggregator
	encoders   []*encoder
	direct     bool // messages go straight to the encoders
	emitted    []Emission
}

type collector struct {
	host string
	set  *afd.Set
}

func newWorld(t *Test, m *models, compile afd.CompileFunc) (*world, error) {
	w := &world{t: t, model: m, byHost: map[string]*collector{}, direct: t.role == "encoder"}
	options := func(host string, remote bool) afd.Options {
		o := afd.Options{Host: host, Hostname: host, Tags: m.tags, Compile: compile}
		if remote {
			o.Hostname = ""
		}
		return o
	}
	addCollector := func(host string) {
		c := &collector{host: host, set: afd.NewSet(m.collector, options(host, false), nil)}
		w.collectors = append(w.collectors, c)
		w.byHost[host] = c
	}
	remote := func() {
		w.collectors = append(w.collectors, &collector{set: afd.NewSet(m.remote, options(aggregatorHost, true), nil)})
	}
	switch t.role {
	case "metric_collector":
		addCollector(t.hostname)
	case "remote_collector":
		remote()
	case "chain":
		for _, host := range t.hosts() {
			addCollector(host)
		}
		if len(m.remote) > 0 {
			remote()
		}
	}
	if t.role == "aggregator" || t.role == "chain" {
		w.engine = gse.NewEngine(m.gse, gse.Options{Host: aggregatorHost, Tags: m.tags}, nil)
	}
	if w.engine != nil || w.direct {
		var err error
		if w.encoders, err = newEncoders(m.node.Get("aggregator", "encoder")); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// hosts returns the hosts that the metric steps name, in order of appearance;
// the test's own host when they name none.
func (t *Test) hosts() []string {
	var out []string
	seen := map[string]bool{}
	for i := range t.steps {
		in := t.steps[i].input
		if in == nil || in.kind != "metric" || in.host == "" || seen[in.host] {
			continue
		}
		seen[in.host] = true
		out = append(out, in.host)
	}
	if len(out) == 0 {
		out = []string{t.hostname}
	}
	return out
}

func (w *world) clock(at float64) time.Time {
	seconds := w.t.start + at
	whole := math.Floor(seconds)
	return time.Unix(int64(whole), int64(math.Round((seconds-whole)*1e9)))
}

// step performs one step and returns what it emitted.
func (w *world) step(s *step) []Emission {
	w.emitted = []Emission{}
	now := w.clock(s.at)
	if s.input != nil {
		w.input(s.input, now)
	}
	if s.tick {
		for _, c := range w.collectors {
			_ = c.set.Tick(now, func(m *message.Message) error { return w.verdict("alarm", c.host, m, now) })
		}
		if w.engine != nil {
			_ = w.engine.Tick(now, func(m *message.Message) error { return w.verdict("cluster", "", m, now) })
		}
	}
	return w.emitted
}

func (w *world) input(in *input, now time.Time) {
	m := in.m
	switch {
	case in.timestamp != nil:
		m.Timestamp = w.clock(*in.timestamp).UnixNano()
	case !in.dated:
		m.Timestamp = now.UnixNano()
	}
	if w.direct {
		w.encode(&m)
		return
	}
	if in.kind != "afd" {
		for _, c := range w.collectors {
			if in.kind == "metric" && in.host != "" && w.byHost[in.host] != nil && c.host != "" && c.host != in.host {
				continue
			}
			if err := c.set.Process(&m, now); err != nil {
				w.reject(err)
			}
		}
	}
	if w.engine != nil && in.kind != "metric" {
		w.aggregate(&m, now)
		w.route(&m)
	}
}

// aggregate hands a message to the clusters.
func (w *world) aggregate(m *message.Message, now time.Time) {
	if err := w.engine.Process(m, now); err != nil {
		w.reject(err)
	}
}

func (w *world) reject(err error) {
	w.emitted = append(w.emitted, Emission{Kind: "rejected", Error: err.Error()})
}

// verdict records what an alarm or a cluster said and passes it on.
func (w *world) verdict(kind, host string, m *message.Message, now time.Time) error {
	e := Emission{Kind: kind, Host: host, Payload: m.Payload, Fields: fieldMap(m)}
	e.Name, _ = m.Text("member")
	if code, ok := m.Number("value"); ok {
		if s, ok := health.FromCode(code); ok {
			e.Status = s.Word()
		}
	}
	var payload struct {
		Alarms []any `json:"alarms"`
	}
	if err := json.Unmarshal([]byte(m.Payload), &payload); err == nil {
		e.alarms = payload.Alarms
	}
	w.emitted = append(w.emitted, e)
	if w.engine != nil {
		if kind == "alarm" {
			w.aggregate(m, now)
		}
		w.route(m)
	}
	return nil
}

// fieldMap shows the fields of a message: one value as it is, several as a list.
func fieldMap(m *message.Message) map[string]any {
	out := make(map[string]any, len(m.Fields))
	for i := range m.Fields {
		f := &m.Fields[i]
		if _, twice := out[f.Name]; twice || f.Len() == 0 {
			continue
		}
		if f.Len() == 1 {
			out[f.Name] = plain(f.At(0))
			continue
		}
		list := make([]any, f.Len())
		for j := range list {
			list[j] = plain(f.At(j))
		}
		out[f.Name] = list
	}
	return out
}

func plain(v message.Value) any {
	if n, ok := v.Number(); ok {
		return n
	}
	if v.Type == message.Bool {
		return v.Bool()
	}
	return v.Str()
}
