package encoders

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// SyslogConfig is the section of the syslog encoder.
type SyslogConfig struct {
	Facility *int `yaml:"facility"` // 0 to 23; default 16 (local0)
}

// DefaultSyslogConfig returns the settings that hold when the model says nothing.
func DefaultSyslogConfig() SyslogConfig { return SyslogConfig{} }

// Syslog makes lines by RFC 5424, without structured data. An audit event (CADF)
// carries its JSON as the text, since that is its payload.
type Syslog struct{ facility int }

// NewSyslog makes the encoder.
func NewSyslog(cfg SyslogConfig) (*Syslog, error) {
	e := &Syslog{facility: 16}
	if cfg.Facility != nil {
		e.facility = *cfg.Facility
	}
	if e.facility < 0 || e.facility > 23 {
		return nil, fmt.Errorf("read facility: %d: want 0 to 23", e.facility)
	}
	return e, nil
}

// Encode appends <PRI>1 TIME HOST APP PID - - TEXT and a line feed. Line feeds
// within the text become #.
func (e *Syslog) Encode(dst []byte, m *message.Message) ([]byte, error) {
	severity := min(max(int(m.Severity()), 0), 7)
	dst = strconv.AppendInt(append(dst, '<'), int64(8*e.facilityOf(m)+severity), 10)
	dst = appendSeconds(append(dst, ">1 "...), civilOf(m.Timestamp))
	dst = appendToken(append(dst, "Z "...), m.Hostname, 255)
	app, _ := m.Text("programname")
	if app == "" {
		app = m.Logger
	}
	dst = appendToken(append(dst, ' '), app, 48)
	dst = append(dst, ' ')
	if m.PID() == 0 {
		dst = append(dst, '-')
	} else {
		dst = strconv.AppendInt(dst, int64(m.PID()), 10)
	}
	dst = append(dst, " - - "...)
	text := strings.TrimSuffix(m.Payload, "\n")
	for {
		line, rest, more := strings.Cut(text, "\n")
		dst = append(dst, line...)
		if !more {
			return append(dst, '\n'), nil
		}
		dst = append(dst, '#')
		text = rest
	}
}

func (e *Syslog) facilityOf(m *message.Message) int {
	f := m.Field("syslogfacility")
	if f == nil || f.Len() == 0 {
		return e.facility
	}
	n, ok := f.At(0).Number()
	if !ok {
		i, err := strconv.Atoi(f.At(0).Text())
		n, ok = float64(i), err == nil
	}
	if !ok || n < 0 || n > 23 || n != float64(int(n)) {
		return e.facility
	}
	return int(n)
}

// appendToken appends a header value: printable ASCII without blanks, at most
// limit bytes, a dash when empty.
func appendToken(dst []byte, s string, limit int) []byte {
	if s == "" {
		return append(dst, '-')
	}
	for i := range min(len(s), limit) {
		c := s[i]
		if c <= ' ' || c > '~' {
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}
