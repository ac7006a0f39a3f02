package message

import (
	"math"
	"strconv"
	"strings"
)

// ValueType is the type of a field's values, with the numbers of the wire format.
type ValueType uint8

// The value types of the message schema.
const (
	String ValueType = iota
	Bytes
	Integer
	Double
	Bool
)

// String returns the schema's name of t.
func (t ValueType) String() string {
	if int(t) < len(valueTypeNames) {
		return valueTypeNames[t]
	}
	return "type " + strconv.Itoa(int(t))
}

var valueTypeNames = [...]string{"string", "bytes", "integer", "double", "bool"}

// Value is one value of a Field. The zero value is the empty string.
type Value struct {
	str  string
	num  uint64
	Type ValueType
}

// StringValue makes a string value.
func StringValue(s string) Value { return Value{Type: String, str: s} }

// BytesValue makes a bytes value; s holds the bytes.
func BytesValue(s string) Value { return Value{Type: Bytes, str: s} }

// IntegerValue makes an integer value.
func IntegerValue(i int64) Value { return Value{Type: Integer, num: uint64(i)} }

// DoubleValue makes a double value.
func DoubleValue(f float64) Value { return Value{Type: Double, num: math.Float64bits(f)} }

// BoolValue makes a boolean value.
func BoolValue(b bool) Value {
	if b {
		return Value{Type: Bool, num: 1}
	}
	return Value{Type: Bool}
}

// Str returns the text of a string or bytes value; "" for other types.
func (v Value) Str() string { return v.str }

// Int returns an integer value; 0 for other types.
func (v Value) Int() int64 {
	if v.Type != Integer {
		return 0
	}
	return int64(v.num)
}

// Double returns a double value; 0 for other types.
func (v Value) Double() float64 {
	if v.Type != Double {
		return 0
	}
	return math.Float64frombits(v.num)
}

// Bool returns a boolean value; false for other types.
func (v Value) Bool() bool { return v.Type == Bool && v.num != 0 }

// Number returns an integer or double value as a float64 and true; 0 and false
// for other types.
func (v Value) Number() (float64, bool) {
	switch v.Type {
	case Integer:
		return float64(int64(v.num)), true
	case Double:
		return math.Float64frombits(v.num), true
	}
	return 0, false
}

// Text prints v: strings as they are, integers in decimal, doubles in the
// shortest form that reads back the same, booleans as true and false.
func (v Value) Text() string {
	switch v.Type {
	case Integer:
		return strconv.FormatInt(int64(v.num), 10)
	case Double:
		return strconv.FormatFloat(math.Float64frombits(v.num), 'g', -1, 64)
	case Bool:
		return strconv.FormatBool(v.num != 0)
	}
	return v.str
}

// Field is a named array of values of one type. Names may repeat within a
// message; the first one is the one that is read.
type Field struct {
	Name           string
	Representation string // unit or kind of the values: "B", "s", "ipv4"; may be empty
	first          Value  // one value needs no memory of its own
	more           []Value
	n              int
	Type           ValueType
}

// NewField makes a field. All values must have the type of the first one; those
// that do not are left out.
func NewField(name, representation string, values ...Value) Field {
	f := Field{Name: name, Representation: representation}
	if len(values) > 0 {
		f.Type = values[0].Type
	}
	for _, v := range values {
		f.Append(v)
	}
	return f
}

// Len returns the number of values.
func (f *Field) Len() int { return f.n }

// At returns the i-th value; it panics when i is out of range.
func (f *Field) At(i int) Value {
	if i == 0 && f.n > 0 {
		return f.first
	}
	return f.more[i-1]
}

// Append adds a value and reports whether it has the field's type; one of
// another type is refused.
func (f *Field) Append(v Value) bool {
	if f.n > 0 && v.Type != f.Type {
		return false
	}
	if f.n == 0 {
		f.first, f.Type = v, v.Type
	} else {
		f.more = append(f.more, v)
	}
	f.n++
	return true
}

// Set replaces the i-th value, or appends when i equals Len. It reports false
// when the type differs or i is beyond Len.
func (f *Field) Set(i int, v Value) bool {
	switch {
	case i == f.n:
		return f.Append(v)
	case i > f.n || v.Type != f.Type:
		return false
	case i == 0:
		f.first = v
	default:
		f.more[i-1] = v
	}
	return true
}

// Delete removes the i-th value; nothing happens when there is none.
func (f *Field) Delete(i int) {
	if i < 0 || i >= f.n {
		return
	}
	f.n--
	if i == 0 {
		if f.n == 0 {
			f.first = Value{}
			return
		}
		f.first = f.more[0]
		i = 1
	}
	f.more = append(f.more[:i-1], f.more[i:]...)
}

func (f *Field) clone() Field {
	c := *f
	c.Name = strings.Clone(f.Name)
	c.Representation = strings.Clone(f.Representation)
	c.first.str = strings.Clone(f.first.str)
	if f.more != nil {
		c.more = make([]Value, len(f.more))
		for i, v := range f.more {
			v.str = strings.Clone(v.str)
			c.more[i] = v
		}
	}
	return c
}
