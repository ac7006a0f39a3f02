// Package entry reads log lines whose names are in the line itself: JSON objects,
// logfmt, structured data of RFC 5424 and journal entries. A line becomes a flat
// list of named values.
//
// Invariant: reading a line takes time and memory in proportion to its length, and
// a warm Reader allocates nothing. The package knows no Lua, reads no clock and
// starts no goroutine.
package entry

import "unsafe"

// Kind is the type of a value.
type Kind uint8

// The kinds of values.
const (
	Text Kind = iota
	Number
	Bool
	List // several texts, numbers or bools of one kind
)

// Pair is a named value. Texts share the memory of the line or of the Reader.
type Pair struct {
	Name   string
	Kind   Kind
	Bool   bool
	Text   string
	Number float64
	// List holds the values of the kind List, without names.
	List []Pair
	// Nested tells that the name was made of several: a member of a member.
	Nested bool
}

// Format is a notation.
type Format uint8

// The notations.
const (
	JSON           Format = iota // one object; nested ones get dotted names
	Logfmt                       // name=value name="a text" flag
	StructuredData               // [id name="value"] of RFC 5424: id.name
	Journal                      // an entry of the journal's export format
	JournalJSON                  // an entry of the journal's JSON format
)

// ParseFormat returns the format of a name: json, logfmt, structured_data,
// journal or journal_json.
func ParseFormat(name string) (f Format, ok bool) {
	for i, n := range [...]string{"json", "logfmt", "structured_data", "journal", "journal_json"} {
		if n == name {
			return Format(i), true
		}
	}
	return 0, false
}

// Reader reads entries. It keeps its memory from line to line; what it returns is
// valid until the next line. The zero value is ready for use. Calls are never
// concurrent.
type Reader struct {
	pairs []Pair
	items []Pair
	buf   []byte // texts that do not stand in the line as they are

	s string
	i int
}

// Read returns the pairs of one entry in the order of the line; a name may appear
// more than once. ok is false when the line is not in the format.
func (r *Reader) Read(f Format, line string) (pairs []Pair, ok bool) {
	r.pairs, r.items, r.buf = r.pairs[:0], r.items[:0], r.buf[:0]
	r.s, r.i = line, 0
	switch f {
	case JSON, JournalJSON:
		ok = r.document(f == JournalJSON)
	case Logfmt:
		ok = r.logfmt()
	case StructuredData:
		ok = r.structuredData()
	case Journal:
		ok = r.journal()
	}
	return r.pairs, ok
}

func (r *Reader) add(p Pair) { r.pairs = append(r.pairs, p) }

// kept returns what was appended to the buffer since from as a text. Texts stay
// valid when the buffer grows: their bytes are never written again.
func (r *Reader) kept(from int) string {
	if from == len(r.buf) {
		return ""
	}
	return unsafe.String(&r.buf[from], len(r.buf)-from)
}

// joined returns a name made of a prefix and a name.
func (r *Reader) joined(prefix, separator, name string) string {
	from := len(r.buf)
	r.buf = append(r.buf, prefix...)
	r.buf = append(r.buf, separator...)
	r.buf = append(r.buf, name...)
	return r.kept(from)
}

func (r *Reader) peek() byte {
	if r.i < len(r.s) {
		return r.s[r.i]
	}
	return 0
}

func (r *Reader) is(c byte) bool {
	if r.i < len(r.s) && r.s[r.i] == c {
		r.i++
		return true
	}
	return false
}
