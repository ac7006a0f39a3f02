// Package matcher compiles the message_matcher expressions of Heka and decides
// which messages a plugin wants.
//
// Invariant: matching is pure, allocates nothing and never fails; whatever can
// be wrong with an expression is found by Parse.
package matcher

import (
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// sandboxPrefix is what Heka put before the type of every message a plugin
// made. Both spellings of a type are the same type to a matcher.
const sandboxPrefix = "heka.sandbox."

// Matcher is a compiled expression. It may be used from several goroutines.
type Matcher struct {
	source string
	root   node
}

// Match reports whether m satisfies the expression.
func (x *Matcher) Match(m *message.Message) bool { return x.root.match(m) }

// String returns the expression as it was written.
func (x *Matcher) String() string { return x.source }

// node is one operator or comparison.
type node interface {
	match(m *message.Message) bool
	// forType returns what is left to decide once the type is known.
	forType(typ string) node
}

type constant bool

func (c constant) match(*message.Message) bool { return bool(c) }
func (c constant) forType(string) node         { return c }

type and []node

func (a and) match(m *message.Message) bool {
	for _, n := range a {
		if !n.match(m) {
			return false
		}
	}
	return true
}

func (a and) forType(typ string) node {
	var left and
	for _, n := range a {
		switch n := n.forType(typ).(type) {
		case constant:
			if !n {
				return n
			}
		default:
			left = append(left, n)
		}
	}
	return shortest(left, constant(true))
}

type or []node

func (o or) match(m *message.Message) bool {
	for _, n := range o {
		if n.match(m) {
			return true
		}
	}
	return false
}

func (o or) forType(typ string) node {
	var left or
	for _, n := range o {
		switch n := n.forType(typ).(type) {
		case constant:
			if n {
				return n
			}
		default:
			left = append(left, n)
		}
	}
	return shortest(left, constant(false))
}

func shortest[L ~[]node](left L, empty node) node {
	switch len(left) {
	case 0:
		return empty
	case 1:
		return left[0]
	}
	return any(left).(node)
}

// typeTest is a comparison of the Type header.
type typeTest struct {
	test    textTest
	both    bool // the pattern spells the prefix out, so try both spellings
	negated bool
}

func newTypeTest(t textTest) node {
	if t.op == opMatch || t.op == opNotMatch {
		negated := t.op == opNotMatch
		t.op = opMatch
		return typeTest{test: t, both: strings.Contains(t.text, "heka"), negated: negated}
	}
	t.text = strings.TrimPrefix(t.text, sandboxPrefix)
	return typeTest{test: t}
}

func (t typeTest) match(m *message.Message) bool { return t.matchType(m.Type) }

func (t typeTest) matchType(typ string) bool {
	plain := strings.TrimPrefix(typ, sandboxPrefix)
	if t.test.op != opMatch {
		return t.test.matchText(plain)
	}
	found := t.test.matchText(plain) || t.both && t.test.matchText(sandboxPrefix+plain)
	return found != t.negated
}

func (t typeTest) forType(typ string) node { return constant(t.matchType(typ)) }

// headerTest compares a text header other than Type.
type headerTest struct {
	test textTest
	get  func(*message.Message) string
}

func (h headerTest) match(m *message.Message) bool { return h.test.matchText(h.get(m)) }
func (h headerTest) forType(string) node           { return h }

// uuidTest compares the uuid's text form, which only it has to build.
type uuidTest struct{ test textTest }

func (u uuidTest) match(m *message.Message) bool {
	var buf [36]byte
	return u.test.matchText(string(m.UUID.AppendText(buf[:0])))
}
func (u uuidTest) forType(string) node { return u }

// numberTest compares a numeric header.
type numberTest struct {
	op    op
	value float64
	get   func(*message.Message) (float64, bool)
}

func (n numberTest) match(m *message.Message) bool {
	v, ok := n.get(m)
	return ok && compare(n.op, v, n.value)
}
func (n numberTest) forType(string) node { return n }

// nilTest asks whether something is there.
type nilTest struct {
	want bool // true: == NIL
	has  func(*message.Message) bool
}

func (n nilTest) match(m *message.Message) bool { return n.has(m) != n.want }
func (n nilTest) forType(string) node           { return n }

// fieldTest compares one value of a field.
type fieldTest struct {
	name       string
	field, at  int
	kind       operandKind
	text       textTest
	number     float64
	op         op
	wantBool   bool
	wantAbsent bool
}

func (f *fieldTest) forType(string) node { return f }

func (f *fieldTest) match(m *message.Message) bool {
	field := m.FieldAt(f.name, f.field)
	present := field != nil && f.at < field.Len()
	if f.kind == operandNil {
		return present != f.wantAbsent
	}
	if !present {
		return false
	}
	v := field.At(f.at)
	switch f.kind {
	case operandText:
		return (v.Type == message.String || v.Type == message.Bytes) && f.text.matchText(v.Str())
	case operandNumber:
		n, ok := v.Number()
		return ok && compare(f.op, n, f.number)
	}
	return v.Type == message.Bool && v.Bool() == f.wantBool
}

func compare[T float64 | string](o op, a, b T) bool {
	switch o {
	case opEqual:
		return a == b
	case opNotEqual:
		return a != b
	case opLess:
		return a < b
	case opLessEqual:
		return a <= b
	case opGreater:
		return a > b
	}
	return a >= b
}
