package encoders

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// JSONConfig is the section of the json encoder; it has no keys.
type JSONConfig struct{}

// JSON writes a whole message as an object on a line: headers, and fields as a
// list that keeps order, types and repeated names. NaN and infinities are the
// texts nan, inf and -inf; bytes are base64.
type JSON struct{}

// NewJSON makes the encoder.
func NewJSON(JSONConfig) (*JSON, error) { return &JSON{}, nil }

// Encode appends the object and a line feed.
func (*JSON) Encode(dst []byte, m *message.Message) ([]byte, error) {
	dst = m.UUID.AppendText(append(dst, `{"uuid":"`...))
	dst = strconv.AppendInt(append(dst, `","timestamp_ns":"`...), m.Timestamp, 10)
	dst = appendString(append(dst, `","type":`...), m.Type)
	dst = appendString(append(dst, `,"logger":`...), m.Logger)
	dst = strconv.AppendInt(append(dst, `,"severity":`...), int64(m.Severity()), 10)
	if utf8.ValidString(m.Payload) {
		dst = appendString(append(dst, `,"payload":`...), m.Payload)
	} else {
		dst = base64.StdEncoding.AppendEncode(append(dst, `,"payload_base64":"`...), []byte(m.Payload))
		dst = append(dst, '"')
	}
	dst = appendString(append(dst, `,"env_version":`...), m.EnvVersion)
	dst = strconv.AppendInt(append(dst, `,"pid":`...), int64(m.PID()), 10)
	dst = appendString(append(dst, `,"hostname":`...), m.Hostname)
	dst = append(dst, `,"fields":[`...)
	for i := range m.Fields {
		f := &m.Fields[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(append(dst, `{"name":`...), f.Name)
		dst = strconv.AppendInt(append(dst, `,"value_type":`...), int64(f.Type), 10)
		dst = appendString(append(dst, `,"representation":`...), f.Representation)
		dst = append(dst, `,"value":[`...)
		for j := range f.Len() {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendTyped(dst, f.At(j))
		}
		dst = append(dst, "]}"...)
	}
	return append(dst, "]}\n"...), nil
}

func appendTyped(dst []byte, v message.Value) []byte {
	switch {
	case v.Type == message.Bytes:
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), []byte(v.Str()))
		return append(dst, '"')
	case v.Type == message.Double && math.IsNaN(v.Double()):
		return append(dst, `"nan"`...)
	case v.Type == message.Double && math.IsInf(v.Double(), 1):
		return append(dst, `"inf"`...)
	case v.Type == message.Double && math.IsInf(v.Double(), -1):
		return append(dst, `"-inf"`...)
	}
	return appendValue(dst, v)
}
