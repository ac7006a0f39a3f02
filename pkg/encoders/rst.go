package encoders

import (
	"strconv"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// RSTConfig is the section of the rst encoder; it has no keys.
type RSTConfig struct{}

// RST prints a message for people, as a field list of reStructuredText.
type RST struct{}

// NewRST makes the encoder.
func NewRST(RSTConfig) (*RST, error) { return &RST{}, nil }

// Encode appends the text; it begins and ends with a line feed.
func (*RST) Encode(dst []byte, m *message.Message) ([]byte, error) {
	line := func(name, value string) {
		dst = append(append(append(append(dst, ':'), name...), ": "...), value...)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	line("Timestamp", time.Unix(0, m.Timestamp).UTC().String())
	line("Type", m.Type)
	line("Hostname", m.Hostname)
	line("Pid", strconv.Itoa(int(m.PID())))
	line("Uuid", m.UUID.String())
	line("Logger", m.Logger)
	line("Payload", m.Payload)
	line("EnvVersion", m.EnvVersion)
	line("Severity", strconv.Itoa(int(m.Severity())))
	if len(m.Fields) == 0 {
		return dst, nil
	}
	dst = append(dst, ":Fields:\n"...)
	for i := range m.Fields {
		f := &m.Fields[i]
		dst = strconv.AppendQuote(append(dst, "    | name:"...), f.Name)
		dst = append(append(dst, " type:"...), f.Type.String()...)
		dst = append(dst, " value:"...)
		if f.Len() != 1 {
			dst = append(dst, '[')
		}
		for j := range f.Len() {
			if j > 0 {
				dst = append(dst, ',')
			}
			if v := f.At(j); v.Type == message.String || v.Type == message.Bytes {
				dst = strconv.AppendQuote(dst, v.Str())
			} else {
				dst = append(dst, v.Text()...)
			}
		}
		if f.Len() != 1 {
			dst = append(dst, ']')
		}
		if f.Representation != "" {
			dst = strconv.AppendQuote(append(dst, " representation:"...), f.Representation)
		}
		dst = append(dst, '\n')
	}
	return dst, nil
}
