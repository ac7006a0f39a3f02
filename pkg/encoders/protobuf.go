package encoders

import "github.com/tocsin-lma/tocsin/pkg/message"

// ProtobufConfig is the section of the protobuf encoder.
type ProtobufConfig struct {
	Framing *bool `yaml:"use_framing"` // default true: a batch can be taken apart again
}

// DefaultProtobufConfig returns the settings that hold when the model says
// nothing.
func DefaultProtobufConfig() ProtobufConfig { return ProtobufConfig{} }

// Protobuf sends messages in the wire format, in Heka's stream framing.
type Protobuf struct{ framing bool }

// NewProtobuf makes the encoder.
func NewProtobuf(cfg ProtobufConfig) (*Protobuf, error) {
	return &Protobuf{framing: cfg.Framing == nil || *cfg.Framing}, nil
}

// Encode appends the message.
func (e *Protobuf) Encode(dst []byte, m *message.Message) ([]byte, error) {
	if e.framing {
		return message.AppendFramed(dst, m), nil
	}
	return message.AppendMessage(dst, m), nil
}
