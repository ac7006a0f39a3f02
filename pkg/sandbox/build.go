package sandbox

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
	"github.com/tocsin-lma/tocsin/pkg/message"
)

// builder makes one message of captures. Names captured first win.
type builder struct {
	d      *declarative
	m, raw *message.Message
	err    error

	ascii    bool   // the record is, so what is cut out of it needs no check
	seen     uint16 // targets that were captured, as 1<<target
	label    string // the captured severity_label
	word     string // the captured Severity, when it is a word
	severity int32
	nanos    int64 // of a second, captured apart from the time
}

func (b *builder) first(t target) bool {
	if b.seen&(1<<t) != 0 {
		return false
	}
	b.seen |= 1 << t
	return true
}

func (b *builder) has(t target) bool { return b.seen&(1<<t) != 0 }

// take takes what a pattern captured.
func (b *builder) take(c *captures) {
	if c.entries != nil {
		b.entries(c.entries)
		return
	}
	for i, s := range c.slots {
		v := &c.values[i]
		if !s.plain || v.Kind != lpeg.KindText {
			b.capture(s, v)
		} else if s.record != b.d.record {
			s.record = b.d.record
			b.m.AddString(s.name, b.valid(v.Text))
		}
	}
}

func (b *builder) entries(list []lpeg.Entry) {
	for i := range list {
		b.capture(b.d.layout.slot(list[i].Name), &list[i].Value)
	}
}

// capture takes one named capture.
func (b *builder) capture(s *slot, v *lpeg.Value) {
	if v.Kind == lpeg.KindNil || s.special && !b.postpone(s, v) {
		return
	}
	b.settle(s, v)
}

// settle gives a header or a field its value.
func (b *builder) settle(s *slot, v *lpeg.Value) {
	if s.target == toField {
		b.field(s, v)
		return
	}
	if s.target == toNothing || !b.first(s.target) {
		return
	}
	switch s.target {
	case toTimestamp:
		b.timestamp(v)
	case toSeverity:
		if v.Kind == lpeg.KindNumber {
			b.severity = int32(v.Number)
			return
		}
		b.word, _ = v.AsText()
	case toLabel:
		b.label, _ = v.AsText()
	case toPid:
		b.pid(v)
	case toFraction:
		b.fraction(v)
	default:
		text, _ := v.AsText()
		*b.header(s.target) = b.valid(text)
	}
}

// extract looks into the decoded text again.
func (b *builder) extract() {
	text := b.m.Payload
	if !b.has(toPayload) {
		text = b.raw.Payload
	}
	if b.d.enough != nil && b.search(b.d.enough, text) {
		return
	}
	for _, r := range b.d.extract {
		b.search(r, text)
	}
}

// search takes what a rule captures in a part of the record, and tells whether it matches.
func (b *builder) search(r *rule, text string) bool {
	if b.err != nil {
		return false
	}
	found, err := b.d.match(b.d.second, r, text)
	if err != nil {
		b.err = &refusal{reason: "extract from a record of " + b.raw.Logger, cause: err}
		return false
	}
	if found != nil {
		b.take(found)
	}
	return found != nil
}

func (b *builder) header(t target) *string {
	switch t {
	case toType:
		return &b.m.Type
	case toLogger:
		return &b.m.Logger
	case toHostname:
		return &b.m.Hostname
	case toPayload:
		return &b.m.Payload
	}
	return &b.m.EnvVersion
}

func (b *builder) timestamp(v *lpeg.Value) {
	if v.Kind == lpeg.KindNumber {
		b.m.Timestamp = truncate(v.Number)
		return
	}
	text, _ := v.AsText()
	ns, ok := b.d.parseTime(text)
	if !ok {
		b.err = &refusal{reason: "cannot read the time of a record of " + b.raw.Logger, line: strings.Clone(text)}
	}
	b.m.Timestamp = ns
}

// fraction takes digits behind the point of a time's seconds.
func (b *builder) fraction(v *lpeg.Value) {
	unit := int64(1e9)
	for _, c := range []byte(v.Text) {
		if c < '0' || c > '9' || unit == 1 {
			return
		}
		unit /= 10
		b.nanos += int64(c-'0') * unit
	}
}

// pid takes a process id; a number that is none is left out.
func (b *builder) pid(v *lpeg.Value) {
	if v.Kind == lpeg.KindNumber {
		b.m.SetPID(int32(truncate(v.Number)))
		return
	}
	if n, err := strconv.ParseInt(v.Text, 10, 32); err == nil {
		b.m.SetPID(int32(n))
	}
}

func (b *builder) field(s *slot, v *lpeg.Value) {
	to := s.into
	if to.record == b.d.record {
		return
	}
	value, ok := b.convert(s.conversion, v)
	if !ok {
		return
	}
	to.record = b.d.record
	switch value.Type {
	case message.String:
		if s.representation == "" {
			b.m.AddString(to.name, value.Str())
			return
		}
	case message.Double:
		n := value.Double()
		if s.divide != 0 {
			n /= s.divide
		}
		b.m.AddDouble(to.name, n, s.representation)
		return
	}
	b.m.AddField(message.NewField(to.name, s.representation, value))
}

// valid is the function valid for text that was captured. Constants of the
// script are short; they are checked where the record is not plain.
func (b *builder) valid(s string) string {
	if b.ascii {
		return s
	}
	return valid(s)
}

// convert makes a field's value of a capture.
func (b *builder) convert(c conversion, v *lpeg.Value) (message.Value, bool) {
	switch v.Kind {
	case lpeg.KindNumber:
		if c == asInteger {
			return message.IntegerValue(truncate(v.Number)), true
		}
		return message.DoubleValue(v.Number), true
	case lpeg.KindBool:
		return message.BoolValue(v.Bool), true
	case lpeg.KindText:
		return b.convertText(c, v.Text)
	}
	return message.Value{}, false
}

func (b *builder) convertText(c conversion, text string) (message.Value, bool) {
	switch c {
	case asNumber:
		n, ok := shortNumber(text)
		if !ok {
			n, ok = parseNumber(text)
		}
		return message.DoubleValue(n), ok
	case asInteger:
		n, err := strconv.ParseInt(text, 10, 64)
		return message.IntegerValue(n), err == nil
	case asHex:
		n, err := strconv.ParseUint(text, 16, 64)
		return message.DoubleValue(float64(n)), err == nil
	case asBoolean:
		v, err := strconv.ParseBool(strings.ToLower(text))
		return message.BoolValue(v), err == nil
	}
	if text = b.valid(text); c == asUUID && len(text) == 32 {
		text = b.d.dashed(text)
	}
	return message.StringValue(text), true
}

// dashed writes 32 digits as a UUID. The text is valid until the next message is
// built, like those that are parts of the record.
func (d *declarative) dashed(digits string) string {
	const size = 36
	if cap(d.text)-len(d.text) < size {
		d.text = make([]byte, 0, 16*size) // the old one belongs to the message's texts
	}
	from := len(d.text)
	d.text = d.text[:from+size]
	b := d.text[from:]
	copy(b[0:8], digits[0:8])
	copy(b[9:13], digits[8:12])
	copy(b[14:18], digits[12:16])
	copy(b[19:23], digits[16:20])
	copy(b[24:36], digits[20:32])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return unsafe.String(&b[0], size)
}

// shortNumber reads up to 15 digits with at most one point: such a number is
// exact, or one correctly rounded division away from it.
func shortNumber(s string) (float64, bool) {
	if s == "" || len(s) > 15 {
		return 0, false
	}
	n, scale := int64(0), 0.0
	for i := range len(s) {
		c := s[i] - '0'
		switch {
		case c <= 9:
			n = n*10 + int64(c)
			scale *= 10
		case s[i] == '.' && scale == 0 && i > 0 && i < len(s)-1:
			scale = 1
		default:
			return 0, false
		}
	}
	if scale > 1 {
		return float64(n) / scale, true
	}
	return float64(n), true
}

// finish fills what was not captured.
func (b *builder) finish() {
	m, raw, l := b.m, b.raw, b.d.layout
	m.UUID = raw.UUID
	if !b.has(toTimestamp) {
		m.Timestamp = raw.Timestamp
	}
	m.Timestamp += b.nanos
	if !b.has(toType) {
		m.Type = l.defaults.Type
	}
	if !b.has(toLogger) {
		m.Logger = inherited(l.named&namesLogger, l.defaults.Logger, raw.Logger)
	}
	if !b.has(toHostname) {
		m.Hostname = inherited(l.named&namesHostname, l.defaults.Hostname, raw.Hostname)
	}
	if !b.has(toEnvVersion) {
		m.EnvVersion = l.defaults.EnvVersion
	}
	if !b.has(toPayload) {
		m.Payload = valid(strings.TrimSuffix(raw.Payload, "\n"))
	}
	if !m.HasPID() {
		if l.named&namesPid != 0 {
			m.SetPID(l.defaults.PID())
		} else if raw.HasPID() {
			m.SetPID(raw.PID())
		}
	}
	b.severities()
	for i, s := range l.added {
		if s.record != b.d.record {
			s.record = b.d.record
			m.Fields = append(m.Fields, l.fields[i])
		}
	}
}

func inherited(named uint8, own, raw string) string {
	if named != 0 {
		return own
	}
	return raw
}

// severities settles the severity and its label.
func (b *builder) severities() {
	m, l := b.m, b.d.layout
	severity := l.fallback
	known := true
	switch {
	case b.word != "":
		severity, known = l.severityOf(b.word)
	case b.has(toSeverity):
		severity = b.severity
	case b.label != "":
		severity, known = l.severityOf(b.label)
	case l.named&namesSeverity != 0:
		severity = l.defaults.Severity()
	case b.raw.HasSeverity():
		severity = b.raw.Severity()
	}
	if !known {
		severity = l.fallback
	}
	m.SetSeverity(severity)
	label := b.label
	switch l.label {
	case labelNone:
		return
	case labelCanonical:
		label = ""
	case labelUpper:
		label = strings.ToUpper(label)
	}
	if label == "" && severity >= 0 && int(severity) < len(severityLabels) {
		label = severityLabels[severity]
	}
	m.AddString(severityLabel, b.valid(label))
	l.labelled.record = b.d.record
}
