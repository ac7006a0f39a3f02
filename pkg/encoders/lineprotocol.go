package encoders

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// LineProtocolConfig is the section of the line_protocol encoder.
type LineProtocolConfig struct {
	TimePrecision string `yaml:"time_precision"` // ns, us, ms (default), s
	TagFields     string `yaml:"tag_fields"`     // fields that are tags of every point, separated by blanks
	Compatible    bool   `yaml:"compatible"`     // numbers with six decimals, as the original wrote them
}

// DefaultLineProtocolConfig returns the settings that hold when the model says
// nothing.
func DefaultLineProtocolConfig() LineProtocolConfig {
	return LineProtocolConfig{TimePrecision: "ms", TagFields: "environment_label region tenant_id user_id"}
}

// LineProtocol makes points for InfluxDB (InfluxDB documentation, "Line
// protocol") of metric, multi-value and bulk metric messages. What the protocol
// cannot carry is left out: NaN, infinities, empty names and tags; a line feed
// becomes a blank.
type LineProtocol struct {
	unit       int64 // nanoseconds
	common     []string
	compatible bool
	tags       []tag // scratch
	owned      []tag
}

type tag struct{ key, value string }

// NewLineProtocol makes the encoder.
func NewLineProtocol(cfg LineProtocolConfig) (*LineProtocol, error) {
	units := map[string]time.Duration{"": time.Millisecond, "ns": 1, "n": 1, "us": time.Microsecond, "u": time.Microsecond, "ms": time.Millisecond, "s": time.Second}
	unit, ok := units[cfg.TimePrecision]
	if !ok {
		return nil, fmt.Errorf("read time_precision: %q: want ns, us, ms or s", cfg.TimePrecision)
	}
	return &LineProtocol{unit: int64(unit), common: strings.Fields(cfg.TagFields), compatible: cfg.Compatible}, nil
}

// Encode appends a line for each point of m; nothing when no value is left.
func (e *LineProtocol) Encode(dst []byte, m *message.Message) ([]byte, error) {
	if strings.HasSuffix(m.Type, "bulk_metric") {
		return e.bulk(dst, m)
	}
	p := e.parts(m)
	if p.name == nil || p.name.Len() == 0 || p.name.At(0).Text() == "" {
		return dst, fmt.Errorf("encode %s as line protocol: it has no field name: %w", m.Type, message.ErrPermanent)
	}
	if p.tags != nil {
		for i := range p.tags.Len() {
			key := p.tags.At(i).Str()
			if value, ok := m.Text(key); ok {
				e.tags = setTag(e.tags, key, value)
			}
		}
	}
	start := len(dst)
	dst = e.series(dst, p.name.At(0).Text())
	values := 0
	if p.names != nil {
		for i := range p.names.Len() {
			key := p.names.At(i).Str()
			if v := m.Field(key); v != nil && v.Len() > 0 {
				dst, values = e.field(dst, key, v.At(0), values)
			}
		}
	} else if p.value != nil && p.value.Len() > 0 {
		dst, values = e.field(dst, "value", p.value.At(0), values)
	}
	if values == 0 {
		return dst[:start], nil
	}
	return e.time(dst, m.Timestamp), nil
}

// parts are the fields of a metric that say what the others are; nil if absent.
type parts struct{ name, tags, names, value *message.Field }

// parts finds them, and the common tags, in one pass over the fields.
func (e *LineProtocol) parts(m *message.Message) (p parts) {
	e.tags = e.tags[:0]
	first := func(dst **message.Field, f *message.Field) {
		if *dst == nil {
			*dst = f
		}
	}
	for i := range m.Fields {
		f := &m.Fields[i]
		switch f.Name {
		case "name":
			first(&p.name, f)
		case "tag_fields":
			first(&p.tags, f)
		case "value_fields":
			first(&p.names, f)
		case "value":
			first(&p.value, f)
		}
		for _, key := range e.common {
			if f.Name == key && f.Len() > 0 && m.Field(key) == f {
				e.tags = setTag(e.tags, key, f.At(0).Text())
			}
		}
	}
	return p
}

func (e *LineProtocol) commonTags(tags []tag, m *message.Message) []tag {
	for _, key := range e.common {
		if value, ok := m.Text(key); ok {
			tags = setTag(tags, key, value)
		}
	}
	return tags
}

// setTag keeps tags sorted; the value set last wins.
func setTag(tags []tag, key, value string) []tag {
	i := 0
	for i < len(tags) && tags[i].key < key {
		i++
	}
	if i < len(tags) && tags[i].key == key {
		tags[i].value = value
		return tags
	}
	return slices.Insert(tags, i, tag{key, value})
}

// series appends the measurement and the tags.
func (e *LineProtocol) series(dst []byte, name string) []byte {
	dst = appendName(dst, name)
	for _, t := range e.tags {
		mark := len(dst)
		dst = append(dst, ',')
		dst = appendName(dst, t.key)
		middle := len(dst)
		dst = append(dst, '=')
		dst = appendName(dst, t.value)
		if middle == mark+1 || len(dst) == middle+1 {
			dst = dst[:mark]
		}
	}
	return dst
}

// mustEscape tells which bytes of a name cannot stand as they are.
var mustEscape = [256]bool{'\'': true, '"': true, ' ': true, ',': true, '=': true, '\n': true, '\r': true, '\t': true, '\\': true}

// appendName appends a measurement or tag text: without quotes, with blanks, commas
// and equal signs escaped. A backslash stands for itself: InfluxDB reads \\ and an
// escaped blank as a backslash and a blank. At the end of a text it has no notation
// (it would escape what follows, twice as well as once), so there it is left out.
func appendName(dst []byte, s string) []byte {
	n := 0
	for n < len(s) && !mustEscape[s[n]] {
		n++
	}
	dst = append(dst, s[:n]...)
	if n == len(s) {
		return dst
	}
	start := len(dst) - n
	for i := n; i < len(s); i++ {
		switch c := s[i]; c {
		case '\'', '"':
		case ' ', ',', '=':
			dst = append(dst, '\\', c)
		case '\n', '\r', '\t':
			dst = append(dst, '\\', ' ')
		default:
			dst = append(dst, c)
		}
	}
	for len(dst) > start && dst[len(dst)-1] == '\\' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// field appends a field; n is how many there are before it.
func (e *LineProtocol) field(dst []byte, key string, v message.Value, n int) ([]byte, int) {
	number, isNumber := v.Number()
	if key == "" || (isNumber && (math.IsNaN(number) || math.IsInf(number, 0))) {
		return dst, n
	}
	mark := len(dst)
	separator := byte(',')
	if n == 0 {
		separator = ' '
	}
	dst = append(dst, separator)
	dst = appendName(dst, key)
	if len(dst) == mark+1 {
		return dst[:mark], n
	}
	dst = append(dst, '=')
	switch {
	case v.Type == message.Bool:
		dst = strconv.AppendBool(dst, v.Bool())
	case v.Type == message.Integer && !e.compatible:
		dst = strconv.AppendInt(dst, v.Int(), 10) // a float for InfluxDB: only a trailing i makes an integer
	case isNumber:
		dst = e.number(dst, number)
	default:
		dst = appendQuoted(dst, v.Str())
	}
	return dst, n + 1
}

func (e *LineProtocol) number(dst []byte, f float64) []byte {
	switch {
	case e.compatible:
		return strconv.AppendFloat(dst, f, 'f', 6, 64)
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n', '\r':
			dst = append(dst, ' ')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

func (e *LineProtocol) time(dst []byte, ns int64) []byte {
	t, _ := floorDiv(ns, e.unit)
	dst = append(dst, ' ')
	return append(strconv.AppendInt(dst, t, 10), '\n')
}

// bulk appends the points of a bulk metric's payload. A payload that is no JSON
// array is refused as a whole; a point without name or value is left out.
func (e *LineProtocol) bulk(dst []byte, m *message.Message) ([]byte, error) {
	points := gjson.Parse(m.Payload)
	if !gjson.Valid(m.Payload) || !points.IsArray() {
		return dst, fmt.Errorf("encode %s as line protocol: its payload of %d bytes is no JSON array of points: %w", m.Type, len(m.Payload), message.ErrPermanent)
	}
	e.owned = e.commonTags(e.owned[:0], m)
	points.ForEach(func(_, point gjson.Result) bool {
		dst = e.point(dst, point, m.Timestamp)
		return true
	})
	return dst, nil
}

func (e *LineProtocol) point(dst []byte, point gjson.Result, ns int64) []byte {
	name := point.Get("name").String()
	if name == "" {
		return dst
	}
	e.tags = append(e.tags[:0], e.owned...)
	point.Get("tags").ForEach(func(key, value gjson.Result) bool {
		e.tags = setTag(e.tags, key.String(), value.String())
		return true
	})
	start, n := len(dst), 0
	dst = e.series(dst, name)
	if values := point.Get("values"); values.IsObject() {
		values.ForEach(func(key, value gjson.Result) bool {
			if v, ok := jsonValue(value); ok {
				dst, n = e.field(dst, key.String(), v, n)
			}
			return true
		})
	} else if v, ok := jsonValue(point.Get("value")); ok {
		dst, n = e.field(dst, "value", v, n)
	}
	if n == 0 {
		return dst[:start]
	}
	if at := point.Get("timestamp"); at.Type == gjson.Number {
		ns = at.Int()
	}
	return e.time(dst, ns)
}

func jsonValue(r gjson.Result) (message.Value, bool) {
	switch r.Type {
	case gjson.Number:
		return message.DoubleValue(r.Num), true
	case gjson.String:
		return message.StringValue(r.Str), true
	case gjson.True, gjson.False:
		return message.BoolValue(r.Bool()), true
	}
	return message.Value{}, false
}
