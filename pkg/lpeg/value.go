package lpeg

import (
	"fmt"
	"strconv"
)

// ValueKind is the type of a Value.
type ValueKind uint8

// The kinds of values.
const (
	KindNil ValueKind = iota
	KindText
	KindNumber
	KindBool
	KindTable
	KindOther // a value of the host, in Ref
)

// Value is a captured value without a host: the element of declarative
// decoding. Text shares the subject's memory.
type Value struct {
	Kind   ValueKind
	Bool   bool
	Text   string
	Number float64
	// Ref is the *Table of KindTable and the opaque value of KindOther.
	Ref any
}

// TextValue returns a text value.
func TextValue(s string) Value { return Value{Kind: KindText, Text: s} }

// NumberValue returns a number.
func NumberValue(n float64) Value { return Value{Kind: KindNumber, Number: n} }

// BoolValue returns a boolean.
func BoolValue(b bool) Value { return Value{Kind: KindBool, Bool: b} }

// Table returns the table of a KindTable value, nil for others.
func (v Value) Table() *Table {
	t, _ := v.Ref.(*Table)
	return t
}

// AsText returns the text of a text or a number, printed as Lua prints it.
func (v Value) AsText() (string, bool) {
	switch v.Kind {
	case KindText:
		return v.Text, true
	case KindNumber:
		if i := int64(v.Number); float64(i) == v.Number && i > -1e14 && i < 1e14 {
			return strconv.FormatInt(i, 10), true
		}
		return fmt.Sprintf("%.14g", v.Number), true
	}
	return "", false
}

// typeName names the type as Lua does.
func (v Value) typeName() string {
	switch v.Kind {
	case KindNil:
		return "nil"
	case KindText:
		return "string"
	case KindNumber:
		return "number"
	case KindBool:
		return "boolean"
	case KindTable:
		return "table"
	}
	return "userdata"
}

// Entry is a named value of a Table.
type Entry struct {
	Name  string
	Value Value
}

// Table is the value of Ct: the named groups in order of appearance, and the
// other values. It belongs to its evaluator and is used again by the next match.
type Table struct {
	Array []Value
	Named []Entry

	index map[string]int
	// sites are the captures Named was made of, as long as nothing else changed it.
	sites []*Site
}

// indexFrom is the number of names from which on a table keeps an index.
const indexFrom = 24

// Get returns the value of a name.
func (t *Table) Get(name string) (Value, bool) {
	if i := t.find(name); i >= 0 {
		return t.Named[i].Value, true
	}
	return Value{}, false
}

func (t *Table) find(name string) int {
	if len(t.Named) >= indexFrom {
		if t.index == nil {
			t.index = make(map[string]int, 2*indexFrom)
			for i, f := range t.Named {
				t.index[f.Name] = i
			}
		}
		if i, ok := t.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range t.Named {
		if t.Named[i].Name == name {
			return i
		}
	}
	return -1
}

// Set stores a value under a name, in the place of an earlier one of that name.
func (t *Table) Set(name string, v Value) {
	if i := t.find(name); i >= 0 {
		t.Named[i].Value = v
		return
	}
	if t.index != nil {
		t.index[name] = len(t.Named)
	}
	t.sites = t.sites[:0]
	t.Named = append(t.Named, Entry{name, v})
}
