package entry

import (
	"encoding/binary"
	"strings"
)

// logfmt reads name=value pairs and flags; the first thing must be a pair, or the
// line is prose.
func (r *Reader) logfmt() bool {
	for r.i < len(r.s) && isSpace(r.s[r.i]) {
		r.i++
	}
	for first := true; ; first = false {
		start := r.i
		for r.i < len(r.s) && !separates(r.s[r.i]) && r.s[r.i] != '=' && r.s[r.i] != '"' {
			r.i++
		}
		name := r.s[start:r.i]
		switch {
		case name == "":
			return false
		case r.is('='):
			r.add(Pair{Name: name, Text: r.logfmtValue()})
		case first:
			return false
		default:
			r.add(Pair{Name: name, Kind: Bool, Bool: true})
		}
		end := r.i
		for r.i < len(r.s) && isSpace(r.s[r.i]) {
			r.i++
		}
		if r.i == len(r.s) {
			return true
		}
		if end == r.i {
			return false
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func separates(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// logfmtValue reads a value: in quotes, or up to the next blank.
func (r *Reader) logfmtValue() string {
	if text, ok := r.logfmtQuoted(); ok {
		return text
	}
	start := r.i
	for r.i < len(r.s) && !separates(r.s[r.i]) {
		r.i++
	}
	return r.s[start:r.i]
}

func (r *Reader) logfmtQuoted() (string, bool) {
	if r.peek() != '"' {
		return "", false
	}
	start := r.i + 1
	end := strings.IndexByte(r.s[start:], '"')
	if end < 0 {
		return "", false
	}
	if strings.IndexByte(r.s[start:start+end], '\\') < 0 {
		r.i = start + end + 1
		return r.s[start : start+end], true
	}
	from := len(r.buf)
	for i := start; i < len(r.s); i++ {
		c := r.s[i]
		if c == '"' {
			r.i = i + 1
			return r.kept(from), true
		}
		if c == '\\' {
			if i++; i == len(r.s) {
				break
			}
			c = plain(r.s[i])
		}
		r.buf = append(r.buf, c)
	}
	r.buf = r.buf[:from]
	return "", false
}

func plain(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// structuredData reads elements of RFC 5424, section 6.3. An element without
// parameters is a flag.
func (r *Reader) structuredData() bool {
	for r.i < len(r.s) {
		if !r.is('[') {
			return false
		}
		id := r.sdName()
		if id == "" {
			return false
		}
		params := 0
		for ; ; params++ {
			blank := false
			for r.is(' ') {
				blank = true
			}
			if r.is(']') {
				break
			}
			name := r.sdName()
			if !blank || name == "" || !r.is('=') {
				return false
			}
			value, ok := r.sdValue()
			if !ok {
				return false
			}
			r.add(Pair{Name: r.joined(id, ".", name), Text: value, Nested: true})
		}
		if params == 0 {
			r.add(Pair{Name: id, Kind: Bool, Bool: true})
		}
	}
	return true
}

func (r *Reader) sdName() string {
	start := r.i
	for r.i < len(r.s) {
		switch r.s[r.i] {
		case '=', ' ', ']', '"', '\n':
			return r.s[start:r.i]
		}
		r.i++
	}
	return r.s[start:r.i]
}

// sdValue reads a value in quotes; a backslash stands for nothing in front of a
// quote, a bracket or a backslash, and for itself elsewhere.
func (r *Reader) sdValue() (string, bool) {
	if !r.is('"') {
		return "", false
	}
	start, from, escaped := r.i, len(r.buf), false
	for ; r.i < len(r.s); r.i++ {
		c := r.s[r.i]
		if c == '"' {
			r.i++
			if escaped {
				return r.kept(from), true
			}
			return r.s[start : r.i-1], true
		}
		if c == '\\' && r.i+1 < len(r.s) && strings.IndexByte(`"\]`, r.s[r.i+1]) >= 0 {
			if !escaped {
				r.buf, escaped = append(r.buf, r.s[start:r.i]...), true
			}
			r.i++
			c = r.s[r.i]
		}
		if escaped {
			r.buf = append(r.buf, c)
		}
	}
	return "", false
}

// journal reads one entry of the export format: lines KEY=value, or KEY, a length
// of eight bytes and the data. It ends at an empty line.
func (r *Reader) journal() bool {
	r.blankLines()
	for r.i < len(r.s) && !r.is('\n') {
		end := strings.IndexByte(r.s[r.i:], '\n')
		if end < 0 {
			end = len(r.s) - r.i
		}
		line := r.s[r.i : r.i+end]
		n := 0
		for n < len(line) && isKey(line[n]) {
			n++
		}
		if n == 0 {
			return false
		}
		if n < len(line) {
			if line[n] != '=' {
				return false
			}
			r.add(Pair{Name: line[:n], Text: line[n+1:]})
			r.i += min(end+1, len(r.s)-r.i)
			continue
		}
		if !r.binary(line, r.i+end+1) {
			return false
		}
	}
	return true
}

// Rest returns what of the line stands behind the entry that was read last.
func (r *Reader) Rest() string {
	r.blankLines()
	return r.s[r.i:]
}

func (r *Reader) blankLines() {
	for r.is('\n') {
	}
}

func isKey(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// binary reads the length and the data that follow a key.
func (r *Reader) binary(key string, at int) bool {
	if at+8 > len(r.s) {
		return false
	}
	var length [8]byte
	copy(length[:], r.s[at:])
	size := binary.LittleEndian.Uint64(length[:])
	at += 8
	if size > uint64(len(r.s)-at) {
		return false
	}
	end := at + int(size)
	r.add(Pair{Name: key, Text: r.s[at:end]})
	r.i = end
	return r.is('\n') || r.i == len(r.s)
}

// journalValue takes an array of the journal's JSON format: bytes of a text that
// is not UTF-8, or the values of a key that was given several times.
func (r *Reader) journalValue(name string, list []Pair) bool {
	if list[0].Kind != Number {
		list[0].Name = name
		r.add(list[0])
		return true
	}
	from := len(r.buf)
	for i := range list {
		n := list[i].Number
		if n < 0 || n > 255 {
			r.buf = r.buf[:from]
			return true
		}
		r.buf = append(r.buf, byte(n))
	}
	r.add(Pair{Name: name, Text: r.kept(from)})
	return true
}
