package afd

import (
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/health"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// messageType is what the original's engine makes of "afd_metric".
const messageType = "heka.sandbox.afd_metric"

// staticFields returns the fields after name and value, which never change.
func (a *Alarm) staticFields() []message.Field {
	var m message.Message
	m.AddString("member", a.def.Name)
	tags := []string{"member"}
	if a.opt.Hostname != "" {
		m.AddString("hostname", a.opt.Hostname)
		tags = append(tags, "hostname")
	}
	m.AddBool("alerting_enabled", a.def.AlertingEnabled)
	m.AddBool("notification_enabled", a.def.NotificationEnabled)
	if a.def.Handler != "" {
		m.AddString("notification_handler", a.def.Handler)
	}
	for _, d := range a.def.Dimensions {
		m.AddString(d.Name, d.Value)
		tags = append(tags, d.Name)
	}
	names := make([]string, 0, len(a.opt.Tags))
	for name := range a.opt.Tags {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name != "name" && name != "value" && name != "tag_fields" && m.Field(name) == nil {
			m.AddString(name, a.opt.Tags[name])
		}
	}
	m.AddStrings("tag_fields", tags...)
	return m.Fields
}

func (a *Alarm) message(status health.Status, found []labelled, now time.Time) *message.Message {
	m := &message.Message{
		UUID: a.uuid(now), Timestamp: now.UnixNano(), Type: messageType,
		Logger: "afd_" + a.def.Name + "_filter", Hostname: a.opt.Host,
		Payload: a.payload(found), Fields: make([]message.Field, 0, len(a.static)+2),
	}
	m.AddString("name", "status")
	m.AddDouble("value", float64(status), "")
	m.Fields = append(m.Fields, a.static...)
	return m
}

// Unknown returns the verdict UNKNOWN with one alarm that gives the reason: what
// is said in place of an evaluation that failed.
func (a *Alarm) Unknown(now time.Time, reason string) *message.Message {
	a.status, a.known = health.Unknown, true
	rule := &Rule{Function: "evaluate", Metric: a.def.Name, OperatorText: "==", Window: 10, Periods: 1}
	if len(a.def.Triggers) > 0 && len(a.def.Triggers[0].Rules) > 0 {
		rule = &a.def.Triggers[0].Rules[0]
	}
	f := finding{rule: &ruleState{def: rule}, value: -1, text: reason, outcome: broken}
	return a.message(health.Unknown, []labelled{{f, health.Unknown}}, now)
}

// uuid is derived, so that a replay gives the same bytes.
func (a *Alarm) uuid(now time.Time) message.UUID {
	h := fnv.New64a()
	_, _ = h.Write([]byte("afd\x00" + a.opt.Host + "\x00" + a.opt.Hostname + "\x00" + a.def.Name))
	return message.DerivedUUID(h.Sum64(), uint64(now.UnixNano()), 0)
}

// A payload stays below what a Lua filter may emit. When the alarms fill
// evidenceBytes, further ones come without their samples and log lines.
const (
	evidenceBytes = 40 << 10
	payloadBytes  = 62 << 10
)

func (a *Alarm) payload(found []labelled) string {
	if len(found) == 0 {
		return `{"alarms":[]}`
	}
	listed := found[:min(len(found), a.opt.MaxAlarms)]
	b := append(make([]byte, 0, 256*len(listed)), `{"alarms":[`...)
	for i := range listed {
		mark := len(b)
		if i > 0 {
			b = append(b, ',')
		}
		if b = listed[i].append(b, mark < evidenceBytes); len(b) > payloadBytes {
			b, listed = b[:mark], listed[:i]
			break
		}
	}
	a.stats.AlarmsOmitted += uint64(len(found) - len(listed))
	return string(append(b, `]}`...))
}

// append writes the alarm object of one finding, with its evidence if wanted.
func (f *labelled) append(b []byte, evidence bool) []byte {
	d := f.rule.def
	b = append(b, `{"severity":`...)
	b = appendString(b, f.status.Label())
	b = append(b, `,"function":`...)
	b = appendString(b, string(d.Function))
	b = append(b, `,"metric":`...)
	b = appendString(b, d.Metric)
	b = append(b, `,"fields":`...)
	b = f.appendFields(b)
	b = append(b, `,"tags":{},"operator":`...)
	b = appendString(b, d.OperatorText)
	b = append(b, `,"value":`...)
	b = appendNumber(b, f.value)
	b = append(b, `,"threshold":`...)
	b = appendNumber(b, d.Threshold)
	b = append(b, `,"window":`...)
	b = appendNumber(b, d.Window)
	b = append(b, `,"periods":`...)
	b = appendNumber(b, d.Periods)
	b = append(b, `,"message":`...)
	b = appendString(b, f.text)
	if evidence {
		b = f.appendEvidence(b)
	}
	return append(b, '}')
}

// appendFields writes the real values of a grouped series, or the expressions
// as configured, by name.
func (f *labelled) appendFields(b []byte) []byte {
	type pair struct {
		name string
		v    message.Value
	}
	var pairs []pair
	if f.series != nil && len(f.series.fields) > 0 {
		for _, x := range f.series.fields {
			pairs = append(pairs, pair{x.name, x.value})
		}
	} else {
		for _, x := range f.rule.def.Fields {
			pairs = append(pairs, pair{x.Name, message.StringValue(x.Expr.text)})
		}
	}
	slices.SortFunc(pairs, func(x, y pair) int {
		if x.name < y.name {
			return -1
		}
		return 1
	})
	b = append(b, '{')
	for i, p := range pairs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, p.name), ':')
		if n, ok := p.v.Number(); ok {
			b = appendNumber(b, n)
		} else {
			b = appendString(b, p.v.Text())
		}
	}
	return append(b, '}')
}

// appendNumber writes a JSON number; infinities become the greatest double.
func appendNumber(b []byte, v float64) []byte {
	switch {
	case v != v:
		return append(b, "null"...)
	case math.IsInf(v, 1):
		v = math.MaxFloat64
	case math.IsInf(v, -1):
		v = -math.MaxFloat64
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, v, format, -1, 64)
}

// appendString writes a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r < 0x20 || r == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
