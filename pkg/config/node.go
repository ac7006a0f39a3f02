// Package config holds the model: YAML documents, deep-merged in order, decoded
// strictly, with the provenance of every value. It knows no plugin.
//
// Invariant: every Node knows the file and line it came from, so that every
// error about it can name them.
package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind is the shape of a Node.
type Kind uint8

// The kinds of a Node. An absent node (nil) is Null.
const (
	Null Kind = iota
	Scalar
	Map
	List
)

// String returns the word for k used in errors.
func (k Kind) String() string { return [...]string{"nothing", "a value", "a map", "a list"}[k] }

// Pos is a place in a source. Line counts from 1; 0 means unknown.
type Pos struct {
	File string
	Line int
}

// String returns "file:line".
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Node is one value of the model: a map, a list or a scalar. All methods may be
// called on nil, which stands for an absent value.
type Node struct {
	kind     Kind
	path     string
	pos      Pos
	keyPos   Pos // where the key stands, for errors about the key
	text     string
	value    any // string, bool, int64, float64 of a scalar
	keys     []string
	children map[string]*Node
	items    []*Node
	earlier  []Pos
	secret   bool
}

// Kind returns the shape of n.
func (n *Node) Kind() Kind {
	if n == nil {
		return Null
	}
	return n.kind
}

// Exists reports whether n is there and is not null.
func (n *Node) Exists() bool { return n.Kind() != Null }

// Path returns where n stands in the model, such as
// "metric_collector.trigger.root_fs_low".
func (n *Node) Path() string {
	if n == nil {
		return ""
	}
	return n.path
}

// Pos returns where the value that n holds was written.
func (n *Node) Pos() Pos {
	if n == nil {
		return Pos{}
	}
	return n.pos
}

// Overridden returns where earlier values of n stand, in the order they were
// loaded; n's own place is not among them.
func (n *Node) Overridden() []Pos {
	if n == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(n.earlier), func(p Pos) bool { return p == mergeMark })
}

// Get follows keys downwards; nil when one is absent.
func (n *Node) Get(keys ...string) *Node {
	for _, k := range keys {
		if n.Kind() != Map {
			return nil
		}
		n = n.children[k]
	}
	return n
}

// Lookup follows a dotted path. The items of a list have their numbers, from 0.
// A key that holds dots itself is found as well.
func (n *Node) Lookup(path string) *Node {
	if path == "" || n == nil {
		return n
	}
	if n.kind == List {
		head, rest, _ := strings.Cut(path, ".")
		i, err := strconv.Atoi(head)
		if err != nil || i < 0 || i >= len(n.items) {
			return nil
		}
		return n.items[i].Lookup(rest)
	}
	for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '.') {
		if child := n.Get(path[:end]); child != nil {
			if found := child.Lookup(strings.TrimPrefix(path[end:], ".")); found != nil {
				return found
			}
		}
	}
	return nil
}

// Keys returns the keys of a map in the order they first appeared.
func (n *Node) Keys() []string {
	if n == nil {
		return nil
	}
	return n.keys
}

// Items returns the items of a list.
func (n *Node) Items() []*Node {
	if n == nil {
		return nil
	}
	return n.items
}

// Text returns a scalar as it was written, after interpolation.
func (n *Node) Text() string {
	if n == nil {
		return ""
	}
	return n.text
}

// Secret reports whether n's value must not be shown: it was read from a file,
// or its key says so.
func (n *Node) Secret() bool { return n != nil && n.secret }

// Value returns n as plain Go values: map[string]any, []any, string, bool,
// int64, float64 or nil.
func (n *Node) Value() any { return n.plain(false) }

// Redacted returns n as Value does, with every secret replaced by "<secret>".
func (n *Node) Redacted() any { return n.plain(true) }

func (n *Node) plain(redact bool) any {
	switch n.Kind() {
	case Map:
		m := make(map[string]any, len(n.keys))
		for _, k := range n.keys {
			m[k] = n.children[k].plain(redact)
		}
		return m
	case List:
		l := make([]any, len(n.items))
		for i, item := range n.items {
			l[i] = item.plain(redact)
		}
		return l
	case Scalar:
		if redact && n.secret {
			return "<secret>"
		}
		return n.value
	}
	return nil
}

// Walk calls visit for n and everything below it, parents first, in order.
func (n *Node) Walk(visit func(*Node)) {
	if n == nil {
		return
	}
	visit(n)
	for _, k := range n.keys {
		n.children[k].Walk(visit)
	}
	for _, item := range n.items {
		item.Walk(visit)
	}
}

// Error is a finding about one place of the model.
type Error struct {
	Pos  Pos
	Path string
	Msg  string
}

// Error returns "file:line: path: message".
func (e *Error) Error() string {
	var b strings.Builder
	if e.Pos != (Pos{}) {
		b.WriteString(e.Pos.String() + ": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Msg)
	return b.String()
}

// Errorf returns an *Error that names n's place.
func (n *Node) Errorf(format string, args ...any) error {
	return &Error{Pos: n.Pos(), Path: n.Path(), Msg: fmt.Sprintf(format, args...)}
}

// KeyErrorf returns an *Error about the key under which n stands.
func (n *Node) KeyErrorf(format string, args ...any) error {
	e := &Error{Path: n.Path(), Msg: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Pos = n.keyPos
	}
	return e
}

// Only returns the map n with nothing but keys.
func (n *Node) Only(keys ...string) *Node {
	return n.filtered(func(k string) bool { return slices.Contains(keys, k) })
}

// Without returns the map n with all but keys.
func (n *Node) Without(keys ...string) *Node {
	return n.filtered(func(k string) bool { return !slices.Contains(keys, k) })
}

func (n *Node) filtered(keep func(string) bool) *Node {
	if n.Kind() != Map {
		return n
	}
	c := *n
	c.keys, c.children = nil, make(map[string]*Node, len(n.keys))
	for _, k := range n.keys {
		if keep(k) {
			c.put(k, n.children[k])
		}
	}
	return &c
}
