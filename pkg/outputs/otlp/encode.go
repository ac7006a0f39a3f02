package otlp

import (
	"math"
	"strconv"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/outputs/batch"
	"github.com/tocsin-lma/tocsin/pkg/outputs/lineproto"
)

// The JSON of the OpenTelemetry protocol 1.x, as far as we write it. 64-bit
// integers are texts there.
type (
	value struct {
		String *string     `json:"stringValue,omitempty"`
		Bool   *bool       `json:"boolValue,omitempty"`
		Int    *string     `json:"intValue,omitempty"`
		Double *float64    `json:"doubleValue,omitempty"`
		Array  *arrayValue `json:"arrayValue,omitempty"`
	}
	arrayValue struct {
		Values []value `json:"values"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	resource struct {
		Attributes []attribute `json:"attributes,omitempty"`
	}
	scope struct {
		Name string `json:"name"`
	}
	logRecord struct {
		Time         string      `json:"timeUnixNano"`
		Severity     int         `json:"severityNumber"`
		SeverityText string      `json:"severityText,omitempty"`
		Body         value       `json:"body"`
		Attributes   []attribute `json:"attributes,omitempty"`
	}
	scopeLogs struct {
		Scope   scope       `json:"scope"`
		Records []logRecord `json:"logRecords"`
	}
	resourceLogs struct {
		Resource resource    `json:"resource"`
		Scopes   []scopeLogs `json:"scopeLogs"`
	}
	dataPoint struct {
		Attributes []attribute `json:"attributes,omitempty"`
		Time       string      `json:"timeUnixNano"`
		Value      float64     `json:"asDouble"`
	}
	gauge struct {
		Points []dataPoint `json:"dataPoints"`
	}
	metric struct {
		Name  string `json:"name"`
		Gauge gauge  `json:"gauge"`
	}
	scopeMetrics struct {
		Scope   scope    `json:"scope"`
		Metrics []metric `json:"metrics"`
	}
	resourceMetrics struct {
		Resource resource       `json:"resource"`
		Scopes   []scopeMetrics `json:"scopeMetrics"`
	}
)

// severities are OpenTelemetry's numbers of syslog's severities.
var severities = [...]int{24, 23, 21, 17, 13, 10, 9, 5}

func text(s string) value {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return value{String: &s}
}

func (o *Output) resource(host string) resource {
	var r resource
	if host != "" {
		r.Attributes = append(r.Attributes, attribute{"host.name", text(host)})
	}
	for k, v := range o.cfg.Resource {
		r.Attributes = append(r.Attributes, attribute{k, text(v)})
	}
	return r
}

// logs makes the request for a batch of frames, grouped by host.
func (o *Output) logs(b []byte) (any, error) {
	groups := map[string]int{}
	var all []resourceLogs
	err := batch.Messages(b, func(_ []byte, m *message.Message, err error) error {
		if err != nil {
			return errFrame
		}
		at, ok := groups[m.Hostname]
		if !ok {
			at = len(all)
			groups[strings.Clone(m.Hostname)] = at
			all = append(all, resourceLogs{Resource: o.resource(m.Hostname), Scopes: []scopeLogs{{Scope: scope{Name: "tocsin"}}}})
		}
		records := &all[at].Scopes[0].Records
		*records = append(*records, record(m))
		return nil
	})
	return map[string]any{"resourceLogs": all}, err
}

func record(m *message.Message) logRecord {
	r := logRecord{
		Time:     strconv.FormatInt(m.Timestamp, 10),
		Severity: severities[min(max(m.Severity(), 0), 7)],
		Body:     text(m.Payload),
	}
	r.SeverityText, _ = m.Text("severity_label")
	add := func(key, v string) {
		if v != "" {
			r.Attributes = append(r.Attributes, attribute{key, text(v)})
		}
	}
	add("tocsin.id", m.UUID.String())
	add("tocsin.type", m.Type)
	add("tocsin.logger", m.Logger)
	if m.HasPID() {
		pid := strconv.Itoa(int(m.PID()))
		r.Attributes = append(r.Attributes, attribute{"process.pid", value{Int: &pid}})
	}
	for i := range m.Fields {
		f := &m.Fields[i]
		switch f.Len() {
		case 0:
		case 1:
			r.Attributes = append(r.Attributes, attribute{f.Name, of(f.At(0))})
		default:
			array := &arrayValue{}
			for n := range f.Len() {
				array.Values = append(array.Values, of(f.At(n)))
			}
			r.Attributes = append(r.Attributes, attribute{f.Name, value{Array: array}})
		}
	}
	return r
}

func of(v message.Value) value {
	switch v.Type {
	case message.Bool:
		b := v.Bool()
		return value{Bool: &b}
	case message.Integer:
		s := strconv.FormatInt(v.Int(), 10)
		return value{Int: &s}
	case message.Double:
		if d := v.Double(); message.IsFinite(d) {
			return value{Double: &d}
		}
	}
	return text(v.Text())
}

// metrics makes the request for a batch of lines; every field is a gauge.
func (o *Output) metrics(b []byte) (any, error) {
	byName := map[string]int{}
	var all []metric
	var p lineproto.Point
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			continue
		}
		if err := lineproto.Parse(line, &p); err != nil {
			return nil, err
		}
		var tags []attribute
		for _, t := range p.Tags {
			tags = append(tags, attribute{t.Name, text(t.Value)})
		}
		for _, f := range p.Fields {
			if f.IsText || math.IsNaN(f.Number) || math.IsInf(f.Number, 0) {
				continue
			}
			name := p.Name
			if f.Name != "value" {
				name += "." + f.Name
			}
			at, ok := byName[name]
			if !ok {
				at = len(all)
				byName[name] = at
				all = append(all, metric{Name: name})
			}
			points := &all[at].Gauge.Points
			*points = append(*points, dataPoint{
				Attributes: tags, Value: f.Number,
				Time: strconv.FormatInt(p.Time*nanoseconds[o.cfg.Precision], 10),
			})
		}
	}
	scopes := []scopeMetrics{{Scope: scope{Name: "tocsin"}, Metrics: all}}
	return map[string]any{"resourceMetrics": []resourceMetrics{{Resource: o.resource(""), Scopes: scopes}}}, nil
}
