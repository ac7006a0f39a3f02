package collectd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// element is one element of the array: where it stands, and, of a sample that is
// shaped like one, what distinguishes it from others of its series.
type element struct {
	from, to int // in the body
	shaped   bool
	key      []byte // the text without values and time, and the number of values
	when     int64  // ns since the epoch
	first    int    // index of its values in numbers
	count    int

	series *series
	made   []madeMessage
}

// scanner cuts a record into elements. It checks what Lua is not asked about: the
// array itself, the values and the time; the text of an element is judged by Lua
// when it is first seen.
type scanner struct {
	body     string
	pos      int
	elements []element
	numbers  []float64 // values of all elements; NaN: null
	keys     []byte    // what the keys of the elements are cut from

	timeText string // as it was last seen
	timeNS   int64
}

var (
	errCut     = errors.New("it ends too early")
	errNotJSON = errors.New("this is no JSON")
)

// forget lets go of the record, and of memory that only a rare record needs.
func (s *scanner) forget() {
	const samples, bytes = 10000, 2 << 20
	s.body = ""
	if cap(s.elements) > samples || cap(s.keys) > bytes {
		s.elements, s.numbers, s.keys = nil, nil, nil
		return
	}
	clear(s.elements)
}

// record cuts body.
func (s *scanner) record(body string) error {
	s.body, s.pos = body, 0
	s.elements, s.numbers, s.keys = s.elements[:0], s.numbers[:0], s.keys[:0]
	// A key never moves: together they take less than the body, as the number of
	// values is shorter than the values' text and the two names.
	if cap(s.keys) < len(body) {
		s.keys = make([]byte, 0, len(body)+len(body)/4)
	}
	s.blanks()
	if !s.take('[') {
		return s.unexpected("[")
	}
	s.blanks()
	if s.take(']') {
		return s.end()
	}
	for {
		if err := s.element(); err != nil {
			return err
		}
		s.blanks()
		if s.take(']') {
			return s.end()
		}
		if !s.take(',') {
			return s.unexpected(", or ]")
		}
		s.blanks()
	}
}

func (s *scanner) end() error {
	s.blanks()
	if s.pos < len(s.body) {
		return s.unexpected("nothing more")
	}
	return nil
}

func (s *scanner) unexpected(want string) error {
	if s.pos >= len(s.body) {
		return errCut
	}
	return fmt.Errorf("byte %d is %q, want %s", s.pos, s.body[s.pos], want)
}

func (s *scanner) blanks() {
	for s.pos < len(s.body) && blank(s.body[s.pos]) {
		s.pos++
	}
}

func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// take moves past c if it is next.
func (s *scanner) take(c byte) bool {
	if s.pos < len(s.body) && s.body[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// element cuts the element that begins here.
func (s *scanner) element() error {
	s.elements = append(s.elements, element{from: s.pos, first: len(s.numbers)})
	el := &s.elements[len(s.elements)-1]
	var err error
	if s.pos < len(s.body) && s.body[s.pos] == '{' {
		err = s.object(el)
	} else {
		err = s.value()
	}
	el.to = s.pos
	return err
}

// object cuts an object. It is shaped like a sample when it has one list of numbers
// and nulls called values, and one number called time.
func (s *scanner) object(el *element) error {
	s.pos++
	odd := false
	var values, when [2]int
	s.blanks()
	for more := !s.take('}'); more; {
		start := s.pos
		if err := s.text(); err != nil {
			return err
		}
		name := s.body[start+1 : s.pos-1]
		s.blanks()
		if !s.take(':') {
			return s.unexpected(":")
		}
		s.blanks()
		from, known := s.pos, false
		switch {
		case name == "values" && values[1] == 0:
			known = s.list(el)
			values = [2]int{from, s.pos}
		case name == "time" && when[1] == 0:
			known = s.time(el)
			when = [2]int{from, s.pos}
		case name == "values", name == "time", strings.IndexByte(name, '\\') >= 0:
		default:
			known = true
			if err := s.value(); err != nil {
				return err
			}
		}
		if !known {
			odd = true
			s.pos = from
			if err := s.value(); err != nil {
				return err
			}
		}
		s.blanks()
		if more = !s.take('}'); more {
			if !s.take(',') {
				return s.unexpected(", or }")
			}
			s.blanks()
		}
	}
	if odd || values[1] == 0 || when[1] == 0 {
		s.numbers = s.numbers[:el.first]
		return nil
	}
	el.shaped, el.count = true, len(s.numbers)-el.first
	s.key(el, values, when)
	return nil
}

// key makes the key of the object that ends here.
func (s *scanner) key(el *element, a, b [2]int) {
	if a[0] > b[0] {
		a, b = b, a
	}
	from := len(s.keys)
	s.keys = append(s.keys, s.body[el.from:a[0]]...)
	s.keys = append(s.keys, s.body[a[1]:b[0]]...)
	s.keys = append(s.keys, s.body[b[1]:s.pos]...)
	s.keys = binary.AppendUvarint(s.keys, uint64(el.count))
	el.key = s.keys[from:len(s.keys):len(s.keys)]
}

// list reads numbers and nulls; false when there is something else.
func (s *scanner) list(el *element) bool {
	s.numbers = s.numbers[:el.first]
	if !s.take('[') {
		return false
	}
	s.blanks()
	if s.take(']') {
		return true
	}
	for {
		if strings.HasPrefix(s.body[s.pos:], "null") {
			s.pos += len("null")
			s.numbers = append(s.numbers, math.NaN())
		} else {
			_, v, ok := s.number()
			if !ok {
				return false
			}
			s.numbers = append(s.numbers, v)
		}
		s.blanks()
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
		s.blanks()
	}
}

// time reads a number of seconds that makes a time.
func (s *scanner) time(el *element) bool {
	from := s.pos
	if n := len(s.timeText); n > 0 && strings.HasPrefix(s.body[from:], s.timeText) && from+n < len(s.body) && !numeric(s.body[from+n]) {
		s.pos, el.when = from+n, s.timeNS
		return true
	}
	text, v, ok := s.number()
	if !ok || v < 1e-3 || v > 9e9 {
		return false
	}
	s.timeText, s.timeNS = strings.Clone(text), nanoseconds(v)
	el.when = s.timeNS
	return true
}

// nanoseconds converts seconds to ns, to the microsecond unless they are whole, as
// the Lua module log_time does.
func nanoseconds(seconds float64) int64 {
	ns := seconds * 1e9
	if math.Mod(ns, 1e9) == 0 {
		return int64(ns)
	}
	return int64(math.Floor(ns/1e3+0.5)) * 1000
}

func numeric(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

// number reads a number of JSON that a double can hold.
func (s *scanner) number() (text string, v float64, ok bool) {
	from := s.pos
	for s.pos < len(s.body) && numeric(s.body[s.pos]) {
		s.pos++
	}
	text = s.body[from:s.pos]
	if !validNumber(text) {
		return "", 0, false
	}
	v, err := strconv.ParseFloat(text, 64)
	return text, v, err == nil
}

// validNumber checks the grammar of RFC 8259, section 6.
func validNumber(t string) bool {
	i := 0
	digits := func() bool {
		from := i
		for i < len(t) && t[i] >= '0' && t[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(t) && t[i] == '-' {
		i++
	}
	if i+1 < len(t) && t[i] == '0' && t[i+1] >= '0' && t[i+1] <= '9' {
		return false
	}
	if !digits() {
		return false
	}
	if i < len(t) && t[i] == '.' {
		if i++; !digits() {
			return false
		}
	}
	if i < len(t) && (t[i] == 'e' || t[i] == 'E') {
		if i++; i < len(t) && (t[i] == '+' || t[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(t)
}

// value moves past a value of any kind.
func (s *scanner) value() error {
	if s.pos >= len(s.body) {
		return errCut
	}
	switch s.body[s.pos] {
	case '"':
		return s.text()
	case '{', '[':
		return s.nested()
	}
	from := s.pos
	for s.pos < len(s.body) && strings.IndexByte(",:{}[]\" \t\r\n", s.body[s.pos]) < 0 {
		s.pos++
	}
	if s.pos == from {
		return s.unexpected("a value")
	}
	return nil
}

// nested moves past an object or an array; brackets are paired by kind.
func (s *scanner) nested() error {
	var stack []byte
	for s.pos < len(s.body) {
		switch c := s.body[s.pos]; c {
		case '"':
			if err := s.text(); err != nil {
				return err
			}
			continue
		case '{', '[':
			stack = append(stack, c+2) // the bracket that closes it
		case '}', ']':
			if stack[len(stack)-1] != c {
				return s.unexpected(string(stack[len(stack)-1:]))
			}
			stack = stack[:len(stack)-1]
		}
		s.pos++
		if len(stack) == 0 {
			return nil
		}
	}
	return errCut
}

// text moves past a string.
func (s *scanner) text() error {
	if !s.take('"') {
		return s.unexpected(`"`)
	}
	for {
		n := strings.IndexByte(s.body[s.pos:], '"')
		if n < 0 {
			s.pos = len(s.body)
			return errCut
		}
		end := s.pos + n
		escapes := 0
		for end-escapes > s.pos && s.body[end-escapes-1] == '\\' {
			escapes++
		}
		s.pos = end + 1
		if escapes%2 == 0 {
			return nil
		}
	}
}

// noSample says why an element that is no object is not a sample.
func noSample(text string) error {
	if !gjson.Valid(text) {
		return notJSON(text)
	}
	return fmt.Errorf("a collectd sample is no object: %.32s", text)
}

// notJSON says which part of a record is no JSON, so that the record is none.
func notJSON(text string) error { return fmt.Errorf("%.64q: %w", text, errNotJSON) }
