package message

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// Field numbers and wire types of the message schema: number<<3 | wire type.
const (
	tagUUID       = 1<<3 | 2
	tagTimestamp  = 2 << 3
	tagType       = 3<<3 | 2
	tagLogger     = 4<<3 | 2
	tagSeverity   = 5 << 3
	tagPayload    = 6<<3 | 2
	tagEnvVersion = 7<<3 | 2
	tagPID        = 8 << 3
	tagHostname   = 9<<3 | 2
	tagFields     = 10<<3 | 2

	tagName           = 1<<3 | 2
	tagValueType      = 2 << 3
	tagRepresentation = 3<<3 | 2
	tagString         = 4<<3 | 2
	tagBytes          = 5<<3 | 2
	tagInteger        = 6<<3 | 2
	tagDouble         = 7<<3 | 2
	tagBool           = 8<<3 | 2
)

// shortField bounds the texts of a field whose length surely takes one byte: with
// tags, lengths and a number of ten bytes it has 18 more.
const shortField = 0x7f - 18

// AppendMessage appends the wire form of m, that of Heka's protobuf schema. It
// allocates nothing but what dst needs to grow.
func AppendMessage(dst []byte, m *Message) []byte {
	dst = append(dst, tagUUID, 16)
	dst = append(dst, m.UUID[:]...)
	dst = append(dst, tagTimestamp)
	dst = binary.AppendUvarint(dst, uint64(m.Timestamp))
	dst = appendText(dst, tagType, m.Type)
	dst = appendText(dst, tagLogger, m.Logger)
	if m.has&hasSeverity != 0 {
		dst = append(dst, tagSeverity)
		dst = binary.AppendUvarint(dst, uint64(int64(m.severity)))
	}
	dst = appendText(dst, tagPayload, m.Payload)
	dst = appendText(dst, tagEnvVersion, m.EnvVersion)
	if m.has&hasPID != 0 {
		dst = append(dst, tagPID)
		dst = binary.AppendUvarint(dst, uint64(int64(m.pid)))
	}
	dst = appendText(dst, tagHostname, m.Hostname)
	for i := range m.Fields {
		f := &m.Fields[i]
		if f.n > 1 || len(f.Name)+len(f.Representation)+len(f.first.str) > shortField {
			dst = append(dst, tagFields)
			dst = binary.AppendUvarint(dst, uint64(f.size()))
			dst = f.append(dst)
			continue
		}
		if f.Type == String && f.n == 1 && f.Representation == "" {
			dst = f.appendText(dst)
			continue
		}
		// A length of one byte: it is written when the field is there.
		dst = append(dst, tagFields, 0)
		start := len(dst)
		dst = f.append(dst)
		dst[start-1] = byte(len(dst) - start)
	}
	return dst
}

// Size returns the number of bytes AppendMessage appends for m.
func Size(m *Message) int {
	n := 18 + 1 + uvarintSize(uint64(m.Timestamp)) + textSize(m.Type) + textSize(m.Logger) +
		textSize(m.Payload) + textSize(m.EnvVersion) + textSize(m.Hostname)
	if m.has&hasSeverity != 0 {
		n += 1 + uvarintSize(uint64(int64(m.severity)))
	}
	if m.has&hasPID != 0 {
		n += 1 + uvarintSize(uint64(int64(m.pid)))
	}
	for i := range m.Fields {
		size := m.Fields[i].size()
		n += 1 + uvarintSize(uint64(size)) + size
	}
	return n
}

// appendText appends a short field of one text, tag and length included.
func (f *Field) appendText(dst []byte) []byte {
	name, text := len(f.Name), len(f.first.str)
	from, n := len(dst), 6+name+text
	dst = slices.Grow(dst, n)[:from+n]
	b := dst[from:]
	b[0], b[1], b[2], b[3] = tagFields, byte(n-2), tagName, byte(name)
	copy(b[4:], f.Name)
	b = b[4+name:]
	b[0], b[1] = tagString, byte(text)
	copy(b[2:], f.first.str)
	return dst
}

func (f *Field) append(dst []byte) []byte {
	dst = appendBytes(dst, tagName, f.Name)
	if f.Type != String {
		dst = append(dst, tagValueType, byte(f.Type))
	}
	dst = appendText(dst, tagRepresentation, f.Representation)
	if f.n == 0 {
		return dst
	}
	switch f.Type {
	case String, Bytes:
		tag := byte(tagString)
		if f.Type == Bytes {
			tag = tagBytes
		}
		for i := range f.n {
			dst = appendBytes(dst, tag, f.At(i).str)
		}
	case Integer:
		dst = append(dst, tagInteger)
		dst = binary.AppendUvarint(dst, uint64(f.packedSize()))
		for i := range f.n {
			dst = binary.AppendUvarint(dst, f.At(i).num)
		}
	case Double:
		dst = append(dst, tagDouble)
		dst = binary.AppendUvarint(dst, uint64(8*f.n))
		for i := range f.n {
			dst = binary.LittleEndian.AppendUint64(dst, f.At(i).num)
		}
	case Bool:
		dst = append(dst, tagBool)
		dst = binary.AppendUvarint(dst, uint64(f.n))
		for i := range f.n {
			dst = append(dst, byte(f.At(i).num))
		}
	}
	return dst
}

func (f *Field) size() int {
	n := 1 + uvarintSize(uint64(len(f.Name))) + len(f.Name) + textSize(f.Representation)
	if f.Type != String {
		n += 2
	}
	if f.n == 0 {
		return n
	}
	if f.Type == String || f.Type == Bytes {
		for i := range f.n {
			size := len(f.At(i).str)
			n += 1 + uvarintSize(uint64(size)) + size
		}
		return n
	}
	packed := f.packedSize()
	return n + 1 + uvarintSize(uint64(packed)) + packed
}

// packedSize is the size of the values of a numeric field, without its length.
func (f *Field) packedSize() int {
	switch f.Type {
	case Double:
		return 8 * f.n
	case Bool:
		return f.n
	}
	n := 0
	for i := range f.n {
		n += uvarintSize(f.At(i).num)
	}
	return n
}

func appendText(dst []byte, tag byte, s string) []byte {
	if s == "" {
		return dst
	}
	return appendBytes(dst, tag, s)
}

func appendBytes(dst []byte, tag byte, s string) []byte {
	if len(s) < 0x80 {
		dst = append(dst, tag, byte(len(s)))
	} else {
		dst = binary.AppendUvarint(append(dst, tag), uint64(len(s)))
	}
	return append(dst, s...)
}

func textSize(s string) int {
	if s == "" {
		return 0
	}
	return 1 + uvarintSize(uint64(len(s))) + len(s)
}

func uvarintSize(v uint64) int {
	if v < 0x80 {
		return 1
	}
	return (bits.Len64(v) + 6) / 7
}

// doubleBits keeps math out of the decoder's loop.
func doubleBits(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// IsFinite reports whether v is a number that every store accepts: not NaN and
// not an infinity.
func IsFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
