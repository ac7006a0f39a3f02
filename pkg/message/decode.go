package message

import (
	"errors"
	"fmt"
	"unsafe"
)

// ErrMalformed is wrapped by every error about bytes that are not a message.
var ErrMalformed = errors.New("malformed message")

// Unmarshal replaces m by the message in b. m shares no memory with b.
func (m *Message) Unmarshal(b []byte) error { return m.UnmarshalString(string(b)) }

// UnmarshalShared replaces m by the message in b. The strings of m are parts of
// b: b must not change while m is in use.
func (m *Message) UnmarshalShared(b []byte) error {
	return m.UnmarshalString(unsafe.String(unsafe.SliceData(b), len(b)))
}

// UnmarshalString replaces m by the message in s, whose memory m shares. Unknown
// fields are skipped; numbers may be packed or not. After an error m is empty.
func (m *Message) UnmarshalString(s string) error {
	m.Reset()
	if err := m.parse(s); err != nil {
		m.Reset()
		return err
	}
	return nil
}

func (m *Message) parse(s string) error {
	r := wire{s: s}
	var seen uint8
	for r.more() {
		tag := r.uvarint()
		switch tag {
		case tagUUID:
			text := r.text()
			if r.err == nil && len(text) != 16 {
				return fmt.Errorf("%w: uuid has %d bytes, want 16", ErrMalformed, len(text))
			}
			copy(m.UUID[:], text)
			seen |= 1
		case tagTimestamp:
			m.Timestamp = int64(r.uvarint())
			seen |= 2
		case tagType:
			m.Type = r.text()
		case tagLogger:
			m.Logger = r.text()
		case tagSeverity:
			m.SetSeverity(int32(r.uvarint()))
		case tagPayload:
			m.Payload = r.text()
		case tagEnvVersion:
			m.EnvVersion = r.text()
		case tagPID:
			m.SetPID(int32(r.uvarint()))
		case tagHostname:
			m.Hostname = r.text()
		case tagFields:
			body := r.text()
			if r.err != nil {
				return r.err
			}
			if err := m.parseField(body); err != nil {
				return fmt.Errorf("field %d: %w", len(m.Fields), err)
			}
		default:
			r.skip(tag)
		}
	}
	if r.err != nil {
		return r.err
	}
	if seen != 3 {
		return fmt.Errorf("%w: no uuid or no timestamp", ErrMalformed)
	}
	return nil
}

// parseField reuses the slot behind the last field, and its memory.
func (m *Message) parseField(s string) error {
	if n := len(m.Fields); n < cap(m.Fields) {
		m.Fields = m.Fields[:n+1]
	} else {
		m.Fields = append(m.Fields, Field{})
	}
	f := &m.Fields[len(m.Fields)-1]
	if f.parseUsual(s) {
		return nil
	}
	f.more, f.n = f.more[:0], 0
	f.Name, f.Representation = "", ""
	r := wire{s: s}
	declared := ValueType(255)
	for r.more() {
		tag := r.uvarint()
		switch tag {
		case tagName:
			f.Name = r.text()
		case tagValueType:
			declared = ValueType(min(r.uvarint(), 255))
			if r.err == nil && declared > Bool {
				return fmt.Errorf("%w: value type %d", ErrMalformed, declared)
			}
		case tagRepresentation:
			f.Representation = r.text()
		case tagString:
			f.take(Value{Type: String, str: r.text()}, &r)
		default:
			if !f.parseValues(&r, tag) {
				r.skip(tag)
			}
		}
		if r.err != nil {
			return r.err
		}
	}
	if f.Name == "" {
		return fmt.Errorf("%w: no name", ErrMalformed)
	}
	if declared == 255 {
		declared = String
	}
	if f.n == 0 {
		f.first, f.Type = Value{}, declared
	}
	return nil
}

// parseValues takes the values behind tag and reports whether it knows the tag.
// Values of another type than the field's first are dropped: a field is an
// array of one type.
func (f *Field) parseValues(r *wire, tag uint64) bool {
	switch tag {
	case tagBytes:
		f.take(Value{Type: Bytes, str: r.text()}, r)
	case tagInteger:
		for p := (wire{s: r.text()}); p.more(); {
			f.take(Value{Type: Integer, num: p.uvarint()}, &p)
			r.fail(p.err)
		}
	case tagInteger &^ 7:
		f.take(Value{Type: Integer, num: r.uvarint()}, r)
	case tagDouble:
		for p := (wire{s: r.text()}); p.more(); {
			f.take(Value{Type: Double, num: p.fixed64()}, &p)
			r.fail(p.err)
		}
	case tagDouble&^7 | 1:
		f.take(Value{Type: Double, num: r.fixed64()}, r)
	case tagBool:
		for p := (wire{s: r.text()}); p.more(); {
			f.take(Value{Type: Bool, num: truth(p.uvarint())}, &p)
			r.fail(p.err)
		}
	case tagBool &^ 7:
		f.take(Value{Type: Bool, num: truth(r.uvarint())}, r)
	default:
		return false
	}
	return true
}

func (f *Field) take(v Value, r *wire) {
	if r.err == nil {
		f.Append(v)
	}
}

func truth(v uint64) uint64 {
	if v != 0 {
		return 1
	}
	return 0
}

// wire reads protobuf primitives; after the first error it reads zeros and is
// at its end.
type wire struct {
	s   string
	i   int
	err error
}

func (r *wire) more() bool { return r.i < len(r.s) && r.err == nil }

func (r *wire) fail(err error) {
	if r.err == nil && err != nil {
		r.err = err
	}
}

func (r *wire) uvarint() uint64 {
	if i := r.i; i < len(r.s) && r.s[i] < 0x80 { // small enough to be inlined
		r.i = i + 1
		return uint64(r.s[i])
	}
	return r.longUvarint()
}

func (r *wire) longUvarint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		if r.i >= len(r.s) {
			r.fail(fmt.Errorf("%w: number cut off at byte %d", ErrMalformed, r.i))
			return 0
		}
		b := r.s[r.i]
		r.i++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if shift == 63 && b > 1 {
				break
			}
			return v
		}
	}
	r.fail(fmt.Errorf("%w: number of more than 64 bits at byte %d", ErrMalformed, r.i))
	return 0
}

func (r *wire) text() string {
	i := r.i
	if i < len(r.s) && r.s[i] < 0x80 { // a length of one byte, as most are
		from := i + 1
		if end := from + int(r.s[i]); end <= len(r.s) {
			r.i = end
			return r.s[from:end]
		}
	}
	return r.longText()
}

func (r *wire) longText() string {
	n := r.uvarint()
	if n > uint64(len(r.s)-r.i) {
		r.fail(fmt.Errorf("%w: length %d at byte %d reaches over the end", ErrMalformed, n, r.i))
		return ""
	}
	r.i += int(n)
	return r.s[r.i-int(n) : r.i]
}

func (r *wire) fixed64() uint64 {
	if len(r.s)-r.i < 8 {
		r.fail(fmt.Errorf("%w: double cut off at byte %d", ErrMalformed, r.i))
		r.i = len(r.s)
		return 0
	}
	r.i += 8
	return doubleBits(r.s[r.i-8:])
}

// skip passes over an unknown field.
func (r *wire) skip(tag uint64) {
	if r.err == nil && tag>>3 == 0 {
		r.fail(fmt.Errorf("%w: field number 0 at byte %d", ErrMalformed, r.i))
		return
	}
	switch tag & 7 {
	case 0:
		r.uvarint()
	case 1:
		r.fixed64()
	case 2:
		r.text()
	case 5:
		if len(r.s)-r.i < 4 {
			r.fail(fmt.Errorf("%w: number cut off at byte %d", ErrMalformed, r.i))
			return
		}
		r.i += 4
	default:
		r.fail(fmt.Errorf("%w: wire type %d at byte %d", ErrMalformed, tag&7, r.i))
	}
}
