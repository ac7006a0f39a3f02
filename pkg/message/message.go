// Package message holds the one thing that flows through Tocsin: a Message with
// typed Fields, its wire codec and its stream framing. Both are byte-compatible
// with Heka 0.10.
//
// Invariant: a message handed to an Emit function is valid, and must not be
// changed, until that call returns. Whoever keeps it longer keeps a Clone. This
// is what lets a decoder reuse one Message for every line of a file.
package message

import (
	"errors"
	"math"
	"strings"
)

// DefaultSeverity is the severity of a message that has none (syslog "debug").
const DefaultSeverity = 7

// ErrPermanent is wrapped by an error that repeating the call cannot cure: a
// record that can never be encoded, a batch the far side refuses for good.
var ErrPermanent = errors.New("permanent failure")

// Emit hands a message to the next stage. It blocks while that stage is full.
// The message belongs to the caller again when Emit returns.
type Emit func(*Message) error

// Message is a log record, a metric, a notification or a verdict. The zero
// value is a message without any header or field.
type Message struct {
	UUID       UUID
	Timestamp  int64 // nanoseconds since the epoch, UTC
	Type       string
	Logger     string
	Payload    string
	EnvVersion string
	Hostname   string
	Fields     []Field

	severity int32
	pid      int32
	has      uint8
}

const (
	hasSeverity = 1 << iota
	hasPID
)

// Severity returns the syslog severity, 0 (emergency) to 7 (debug);
// DefaultSeverity when it is unset.
func (m *Message) Severity() int32 {
	if m.has&hasSeverity == 0 {
		return DefaultSeverity
	}
	return m.severity
}

// HasSeverity reports whether the severity was set.
func (m *Message) HasSeverity() bool { return m.has&hasSeverity != 0 }

// SetSeverity sets the severity.
func (m *Message) SetSeverity(s int32) { m.severity, m.has = s, m.has|hasSeverity }

// ClearSeverity unsets the severity.
func (m *Message) ClearSeverity() { m.severity, m.has = 0, m.has&^hasSeverity }

// PID returns the process id; 0 when it is unset.
func (m *Message) PID() int32 { return m.pid }

// HasPID reports whether the process id was set.
func (m *Message) HasPID() bool { return m.has&hasPID != 0 }

// SetPID sets the process id.
func (m *Message) SetPID(p int32) { m.pid, m.has = p, m.has|hasPID }

// ClearPID unsets the process id.
func (m *Message) ClearPID() { m.pid, m.has = 0, m.has&^hasPID }

// Reset makes m empty and keeps the memory of its fields for reuse.
func (m *Message) Reset() {
	fields := m.Fields[:0]
	*m = Message{Fields: fields}
}

// Clone returns a deep copy of m: it shares no memory with m or with the
// buffers m's strings were cut from.
func (m *Message) Clone() *Message {
	c := *m
	c.Type = strings.Clone(m.Type)
	c.Logger = strings.Clone(m.Logger)
	c.Payload = strings.Clone(m.Payload)
	c.EnvVersion = strings.Clone(m.EnvVersion)
	c.Hostname = strings.Clone(m.Hostname)
	if m.Fields != nil {
		c.Fields = make([]Field, len(m.Fields))
		for i := range m.Fields {
			c.Fields[i] = m.Fields[i].clone()
		}
	}
	return &c
}

// Field returns the first field called name, or nil.
func (m *Message) Field(name string) *Field {
	return m.FieldAt(name, 0)
}

// FieldAt returns the n-th field (from 0) called name, or nil.
func (m *Message) FieldAt(name string, n int) *Field {
	for i := range m.Fields {
		if m.Fields[i].Name != name {
			continue
		}
		if n == 0 {
			return &m.Fields[i]
		}
		n--
	}
	return nil
}

// Text returns the first value of the first field called name as text, and
// whether there is one. Numbers print as Value.Text prints them.
func (m *Message) Text(name string) (string, bool) {
	f := m.Field(name)
	if f == nil || f.Len() == 0 {
		return "", false
	}
	return f.At(0).Text(), true
}

// Number returns the first value of the first field called name as a number,
// and whether there is one. A string is not a number, nor is a boolean.
func (m *Message) Number(name string) (float64, bool) {
	f := m.Field(name)
	if f == nil || f.Len() == 0 {
		return 0, false
	}
	return f.At(0).Number()
}

// Bool returns the first value of the first field called name as a boolean, and
// whether there is one.
func (m *Message) Bool(name string) (value, ok bool) {
	f := m.Field(name)
	if f == nil || f.Len() == 0 || f.Type != Bool {
		return false, false
	}
	return f.At(0).Bool(), true
}

// Strings returns the values of the first string field called name; nil if
// there is none.
func (m *Message) Strings(name string) []string {
	f := m.Field(name)
	if f == nil || (f.Type != String && f.Type != Bytes) {
		return nil
	}
	out := make([]string, f.Len())
	for i := range out {
		out[i] = f.At(i).Str()
	}
	return out
}

// AddField appends a field; the message takes ownership.
func (m *Message) AddField(f Field) { m.Fields = append(m.Fields, f) }

// grow appends an empty field and returns it. It is filled where it stays, because
// a field is large.
func (m *Message) grow() *Field {
	n := len(m.Fields)
	if n == cap(m.Fields) {
		m.Fields = append(m.Fields, Field{})
		return &m.Fields[n]
	}
	m.Fields = m.Fields[:n+1]
	f := &m.Fields[n]
	*f = Field{}
	return f
}

// AddString appends a field with one string value.
func (m *Message) AddString(name, value string) {
	f := m.grow()
	f.Name, f.first.str, f.n = name, value, 1
}

// AddDouble appends a field with one double value and its representation (unit).
func (m *Message) AddDouble(name string, value float64, representation string) {
	f := m.grow()
	f.Name, f.Representation, f.Type, f.n = name, representation, Double, 1
	f.first.num, f.first.Type = math.Float64bits(value), Double
}

// AddInteger appends a field with one integer value and its representation (unit).
func (m *Message) AddInteger(name string, value int64, representation string) {
	m.Fields = append(m.Fields, Field{Name: name, Representation: representation, Type: Integer, n: 1, first: IntegerValue(value)})
}

// AddBool appends a field with one boolean value.
func (m *Message) AddBool(name string, value bool) {
	m.Fields = append(m.Fields, Field{Name: name, Type: Bool, n: 1, first: BoolValue(value)})
}

// AddStrings appends a field with several string values; nothing if there are none.
func (m *Message) AddStrings(name string, values ...string) {
	if len(values) == 0 {
		return
	}
	f := Field{Name: name, Type: String}
	for _, v := range values {
		f.Append(StringValue(v))
	}
	m.Fields = append(m.Fields, f)
}

// RemoveField deletes every field called name.
func (m *Message) RemoveField(name string) {
	kept := m.Fields[:0]
	for _, f := range m.Fields {
		if f.Name != name {
			kept = append(kept, f)
		}
	}
	m.Fields = kept
}
