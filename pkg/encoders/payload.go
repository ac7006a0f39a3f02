package encoders

import (
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// PayloadConfig is the section of the payload encoder.
type PayloadConfig struct {
	AppendNewlines *bool  `yaml:"append_newlines"` // default true
	PrefixTime     bool   `yaml:"prefix_ts"`
	FromMessage    *bool  `yaml:"ts_from_message"` // default true; otherwise the time of encoding
	TimeFormat     string `yaml:"ts_format"`       // strftime letters; default [%Y/%m/%d:%H:%M:%S +0000]
}

// DefaultPayloadConfig returns the settings that hold when the model says nothing.
func DefaultPayloadConfig() PayloadConfig {
	return PayloadConfig{TimeFormat: "[%Y/%m/%d:%H:%M:%S +0000]"}
}

// Payload sends a message's payload as it is.
type Payload struct {
	newline, prefix, fromMessage bool
	format                       string
}

// NewPayload makes the encoder.
func NewPayload(cfg PayloadConfig) (*Payload, error) {
	e := &Payload{newline: true, fromMessage: true, prefix: cfg.PrefixTime, format: cfg.TimeFormat}
	if cfg.AppendNewlines != nil {
		e.newline = *cfg.AppendNewlines
	}
	if cfg.FromMessage != nil {
		e.fromMessage = *cfg.FromMessage
	}
	if e.format == "" {
		e.format = DefaultPayloadConfig().TimeFormat
	}
	return e, nil
}

// Encode appends the payload; nothing when it is empty.
func (e *Payload) Encode(dst []byte, m *message.Message) ([]byte, error) {
	if m.Payload == "" && !e.prefix {
		return dst, nil
	}
	if e.prefix {
		ns := m.Timestamp
		if !e.fromMessage {
			ns = time.Now().UnixNano()
		}
		dst = append(appendDate(dst, e.format, ns), ' ')
	}
	dst = append(dst, m.Payload...)
	if e.newline && dst[len(dst)-1] != '\n' {
		dst = append(dst, '\n')
	}
	return dst, nil
}
