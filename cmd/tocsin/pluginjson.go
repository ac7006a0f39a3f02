package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// outMessage is a message in a result.
type outMessage struct {
	UUID          string     `json:"uuid"`
	TimestampNS   string     `json:"timestamp_ns"`
	Type          string     `json:"type"`
	Logger        string     `json:"logger"`
	Severity      int32      `json:"severity"`
	Payload       string     `json:"payload"`
	PayloadBase64 *string    `json:"payload_base64,omitempty"`
	EnvVersion    string     `json:"env_version"`
	PID           int32      `json:"pid"`
	Hostname      string     `json:"hostname"`
	Fields        []outField `json:"fields"`
}

type outField struct {
	Name           string `json:"name"`
	ValueType      int    `json:"value_type"`
	Representation string `json:"representation"`
	Value          []any  `json:"value"`
}

// toOut copies m: it is valid only until the emit function returns.
func toOut(m *message.Message) outMessage {
	o := outMessage{
		UUID: m.UUID.String(), TimestampNS: strconv.FormatInt(m.Timestamp, 10),
		Type: strings.Clone(m.Type), Logger: strings.Clone(m.Logger), Severity: m.Severity(),
		EnvVersion: strings.Clone(m.EnvVersion), PID: m.PID(), Hostname: strings.Clone(m.Hostname),
		Fields: make([]outField, 0, len(m.Fields)),
	}
	if utf8.ValidString(m.Payload) {
		o.Payload = strings.Clone(m.Payload)
	} else {
		s := base64.StdEncoding.EncodeToString([]byte(m.Payload))
		o.PayloadBase64 = &s
	}
	for i := range m.Fields {
		f := &m.Fields[i]
		of := outField{Name: strings.Clone(f.Name), ValueType: int(f.Type), Representation: strings.Clone(f.Representation), Value: make([]any, f.Len())}
		for k := range f.Len() {
			of.Value[k] = outValue(f.At(k))
		}
		o.Fields = append(o.Fields, of)
	}
	return o
}

func outValue(v message.Value) any {
	switch v.Type {
	case message.Bytes:
		return base64.StdEncoding.EncodeToString([]byte(v.Str()))
	case message.Integer:
		return v.Int()
	case message.Double:
		d := v.Double()
		switch {
		case math.IsNaN(d):
			return "nan"
		case math.IsInf(d, 1):
			return "inf"
		case math.IsInf(d, -1):
			return "-inf"
		}
		return d
	case message.Bool:
		return v.Bool()
	}
	return strings.Clone(v.Str())
}

// parseNS reads nanoseconds: a number or a decimal string.
func parseNS(raw json.RawMessage) (int64, error) {
	text := strings.Trim(strings.TrimSpace(string(raw)), `"`)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("parse nanoseconds %q: %w", text, err)
	}
	return int64(f), nil
}

// parseMessage reads a message of a case.
func parseMessage(raw json.RawMessage, now time.Time) (*message.Message, error) {
	headers, err := orderedObject(raw)
	if err != nil {
		return nil, err
	}
	m := &message.Message{}
	hasTime := false
	for _, h := range headers {
		if string(h.value) == "null" {
			continue
		}
		name := strings.ReplaceAll(strings.ToLower(h.name), "_", "")
		switch name {
		case "timestamp", "timestampns":
			m.Timestamp, err = parseNS(h.value)
			hasTime = true
		case "fields":
			err = parseFields(m, h.value)
		default:
			err = parseHeader(m, name, h.value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.name, err)
		}
	}
	if !hasTime {
		m.Timestamp = now.UnixNano()
	}
	if m.UUID.IsZero() {
		m.UUID = message.NewUUID()
	}
	return m, nil
}

func parseHeader(m *message.Message, name string, raw json.RawMessage) error {
	var text string
	switch name {
	case "severity", "pid":
		n, err := parseNS(raw)
		if err != nil {
			return err
		}
		if name == "pid" {
			m.SetPID(int32(n))
		} else {
			m.SetSeverity(int32(n))
		}
		return nil
	case "payloadbase64":
		var b []byte
		if err := json.Unmarshal(raw, &b); err != nil {
			return err
		}
		m.Payload = string(b)
		return nil
	}
	dst := map[string]*string{"type": &m.Type, "logger": &m.Logger, "payload": &m.Payload, "envversion": &m.EnvVersion, "hostname": &m.Hostname, "uuid": &text}[name]
	if dst == nil {
		return nil
	}
	if err := json.Unmarshal(raw, dst); err != nil {
		return err
	}
	if name == "uuid" && text != "" {
		u, err := message.ParseUUID(text)
		m.UUID = u
		return err
	}
	return nil
}

type member struct {
	name  string
	value json.RawMessage
}

// orderedObject reads a JSON object and keeps the order of its members.
func orderedObject(raw json.RawMessage) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("want a JSON object")
	}
	var out []member
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var m member
		m.name, _ = key.(string)
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// fieldSpec is a field given as an object.
type fieldSpec struct {
	Name           string          `json:"name"`
	Value          json.RawMessage `json:"value"`
	ValueType      *int            `json:"value_type"`
	Representation string          `json:"representation"`
}

func parseFields(m *message.Message, raw json.RawMessage) error {
	if len(raw) > 0 && bytes.TrimSpace(raw)[0] == '[' {
		var list []fieldSpec
		if err := json.Unmarshal(raw, &list); err != nil {
			return err
		}
		for _, spec := range list {
			if err := addField(m, spec); err != nil {
				return err
			}
		}
		return nil
	}
	members, err := orderedObject(raw)
	if err != nil {
		return err
	}
	for _, f := range members {
		spec := fieldSpec{Value: f.value}
		if v := bytes.TrimSpace(f.value); len(v) > 0 && v[0] == '{' {
			if err := json.Unmarshal(v, &spec); err != nil {
				return err
			}
		}
		spec.Name = f.name
		if err := addField(m, spec); err != nil {
			return err
		}
	}
	return nil
}

func addField(m *message.Message, spec fieldSpec) error {
	dec := json.NewDecoder(bytes.NewReader(spec.Value))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return fmt.Errorf("field %s: %w", spec.Name, err)
	}
	list, isList := v.([]any)
	if !isList {
		if v == nil {
			return nil
		}
		list = []any{v}
	}
	if len(list) == 0 {
		return nil // no message can hold a field without a value
	}
	f := message.NewField(spec.Name, spec.Representation)
	if spec.ValueType != nil {
		f.Type = message.ValueType(*spec.ValueType)
	}
	for _, e := range list {
		value, err := inValue(e, spec.ValueType)
		if err != nil {
			return fmt.Errorf("field %s: %w", spec.Name, err)
		}
		if !f.Append(value) {
			return fmt.Errorf("field %s: values of different types", spec.Name)
		}
	}
	m.AddField(f)
	return nil
}

func inValue(e any, valueType *int) (message.Value, error) {
	want := message.ValueType(255)
	if valueType != nil {
		want = message.ValueType(*valueType)
	}
	switch e := e.(type) {
	case string:
		switch want {
		case message.Bytes:
			b, err := base64.StdEncoding.DecodeString(e)
			return message.BytesValue(string(b)), err
		case message.Double:
			d, err := strconv.ParseFloat(e, 64)
			return message.DoubleValue(d), err
		case message.Integer:
			i, err := strconv.ParseInt(e, 10, 64)
			return message.IntegerValue(i), err
		}
		return message.StringValue(e), nil
	case bool:
		return message.BoolValue(e), nil
	case json.Number:
		if want == message.Integer {
			if i, err := e.Int64(); err == nil {
				return message.IntegerValue(i), nil
			}
		}
		d, err := e.Float64()
		if want == message.Integer {
			return message.IntegerValue(int64(d)), err
		}
		return message.DoubleValue(d), err
	}
	return message.Value{}, fmt.Errorf("unsupported value %v", e)
}
