package entry

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxDepth = 1000 // of nested values; deeper ones are refused
	// flatDepth is how deep objects become dotted names; what is deeper is kept
	// as JSON.
	flatDepth = 4
)

func (r *Reader) document(journal bool) bool {
	r.space()
	if !r.is('{') || !r.members("", 1, journal) {
		return false
	}
	r.space()
	return r.i == len(r.s)
}

func (r *Reader) space() {
	for r.i < len(r.s) {
		switch r.s[r.i] {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return
		}
	}
}

// members reads an object behind its opening bracket.
func (r *Reader) members(prefix string, depth int, journal bool) bool {
	r.space()
	if r.is('}') {
		return true
	}
	for {
		r.space()
		name, ok := r.quoted()
		if !ok {
			return false
		}
		r.space()
		if !r.is(':') {
			return false
		}
		if depth > 1 {
			name = r.joined(prefix, ".", name)
		}
		if !r.member(name, depth, journal) {
			return false
		}
		r.space()
		if r.is('}') {
			return true
		}
		if !r.is(',') {
			return false
		}
	}
}

func (r *Reader) member(name string, depth int, journal bool) bool {
	r.space()
	start := r.i
	switch r.peek() {
	case '{':
		if depth >= flatDepth {
			return r.raw(name, start, depth > 1)
		}
		r.i++
		return r.members(name, depth+1, journal)
	case '[':
		return r.array(name, depth > 1, journal)
	}
	p, known, ok := r.scalar()
	if ok && known && name != "" {
		p.Name, p.Nested = name, depth > 1
		r.add(p)
	}
	return ok
}

// raw takes a value that no field can hold as JSON.
func (r *Reader) raw(name string, start int, nested bool) bool {
	r.i = start
	if !r.skip(1) {
		return false
	}
	r.add(Pair{Name: name, Text: r.compact(r.s[start:r.i]), Nested: nested})
	return true
}

// array takes an array of scalars of one kind as a list, another one as JSON, and
// leaves an empty one out.
func (r *Reader) array(name string, nested, journal bool) bool {
	start, from := r.i, len(r.items)
	r.i++
	r.space()
	if r.is(']') {
		return true
	}
	for {
		r.space()
		p, known, ok := r.scalar()
		if !ok || !known || len(r.items) > from && p.Kind != r.items[from].Kind {
			r.items = r.items[:from]
			return r.raw(name, start, nested)
		}
		r.items = append(r.items, p)
		r.space()
		if r.is(']') {
			break
		}
		if !r.is(',') {
			return false
		}
	}
	list := r.items[from:len(r.items):len(r.items)]
	if journal {
		return r.journalValue(name, list)
	}
	r.add(Pair{Name: name, Kind: List, List: list, Nested: nested})
	return true
}

// scalar reads a value that is neither object nor array; known is false for null.
func (r *Reader) scalar() (p Pair, known, ok bool) {
	if r.peek() == '"' {
		p.Text, ok = r.quoted()
		return p, true, ok
	}
	rest := r.s[r.i:]
	switch {
	case strings.HasPrefix(rest, "true"):
		r.i += 4
		return Pair{Kind: Bool, Bool: true}, true, true
	case strings.HasPrefix(rest, "false"):
		r.i += 5
		return Pair{Kind: Bool}, true, true
	case strings.HasPrefix(rest, "null"):
		r.i += 4
		return p, false, true
	}
	p.Kind = Number
	p.Number, ok = r.number()
	return p, true, ok
}

// number reads a number, and NaN and Infinity, which Python writes.
func (r *Reader) number() (float64, bool) {
	start := r.i
	whole, digits, plain := int64(0), 0, true
	for r.i < len(r.s) {
		c := r.s[r.i]
		if c-'0' <= 9 {
			whole = whole*10 + int64(c-'0')
			digits++
		} else if c == '+' || c == '-' || c == '.' || c|0x20 >= 'a' && c|0x20 <= 'z' {
			plain = false
		} else {
			break
		}
		r.i++
	}
	text := r.s[start:r.i]
	if text == "" || text[0] == '+' || text[0] == '.' {
		return 0, false
	}
	if plain && digits <= 15 {
		return float64(whole), true
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil && math.IsInf(n, 0) {
		err = nil // beyond the range of a double
	}
	return n, err == nil
}

// quoted reads a text in quotes.
func (r *Reader) quoted() (string, bool) {
	if !r.is('"') {
		return "", false
	}
	start := r.i
	end := strings.IndexByte(r.s[start:], '"')
	if end < 0 {
		return "", false
	}
	escape := strings.IndexByte(r.s[start:start+end], '\\')
	if escape < 0 {
		r.i = start + end + 1
		return r.s[start : start+end], true
	}
	from := len(r.buf)
	r.buf = append(r.buf, r.s[start:start+escape]...)
	r.i = start + escape
	for r.i < len(r.s) {
		switch c := r.s[r.i]; c {
		case '"':
			r.i++
			return r.kept(from), true
		case '\\':
			if !r.escape() {
				return "", false
			}
		default:
			r.buf = append(r.buf, c)
			r.i++
		}
	}
	return "", false
}

// escape reads a backslash and what it stands for.
func (r *Reader) escape() bool {
	if r.i+1 >= len(r.s) {
		return false
	}
	c := r.s[r.i+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return r.unicode()
	default:
		return false
	}
	r.buf = append(r.buf, c)
	r.i += 2
	return true
}

func (r *Reader) unicode() bool {
	first, ok := r.hex4()
	if !ok {
		return false
	}
	if first&0xF800 != 0xD800 {
		r.buf = utf8.AppendRune(r.buf, first)
		return true
	}
	second, ok := r.hex4()
	if !ok || first&0x400 != 0 || second&0xFC00 != 0xDC00 {
		return false
	}
	r.buf = utf8.AppendRune(r.buf, 0x10000+(first&0x3FF)<<10+second&0x3FF)
	return true
}

func (r *Reader) hex4() (rune, bool) {
	if r.i+6 > len(r.s) || r.s[r.i] != '\\' || r.s[r.i+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(r.s[r.i+2:r.i+6], 16, 32)
	r.i += 6
	return rune(n), err == nil
}

// skip passes over a value.
func (r *Reader) skip(depth int) bool {
	r.space()
	opening := r.peek()
	if opening != '{' && opening != '[' {
		_, _, ok := r.scalar()
		return ok
	}
	if depth > maxDepth {
		return false
	}
	r.i++
	closing := opening + 2 // in ASCII, for both kinds of brackets
	r.space()
	if r.is(closing) {
		return true
	}
	for {
		r.space()
		if opening == '{' {
			if _, ok := r.quoted(); !ok {
				return false
			}
			r.space()
			if !r.is(':') {
				return false
			}
		}
		if !r.skip(depth + 1) {
			return false
		}
		r.space()
		if r.is(closing) {
			return true
		}
		if !r.is(',') {
			return false
		}
	}
}

// compact returns a JSON text without the blanks between its parts.
func (r *Reader) compact(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	from, inText := len(r.buf), false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case inText && c == '\\':
			r.buf = append(r.buf, c)
			i++
			c = s[i]
		case c == '"':
			inText = !inText
		case !inText && (c == ' ' || c == '\t' || c == '\r' || c == '\n'):
			continue
		}
		r.buf = append(r.buf, c)
	}
	return r.kept(from)
}
