package main

import (
	"encoding/base64"
	"errors"
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// errOtherForm says that a message is not in the form that recordings are
// written in; parseMessage knows the others.
var errOtherForm = errors.New("another form of message")

// parseRecorded reads a message as recordingWriter writes it. It is here for
// speed: recordings of a day have hundreds of millions of fields.
func parseRecorded(text string) (*message.Message, error) {
	m := &message.Message{}
	var err error
	gjson.Parse(text).ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "uuid":
			m.UUID, err = message.ParseUUID(v.Str)
		case "timestamp_ns":
			m.Timestamp, err = strconv.ParseInt(v.Str, 10, 64)
		case "type":
			m.Type = v.Str
		case "logger":
			m.Logger = v.Str
		case "severity":
			m.SetSeverity(int32(v.Int()))
		case "payload":
			m.Payload = v.Str
		case "env_version":
			m.EnvVersion = v.Str
		case "pid":
			m.SetPID(int32(v.Int()))
		case "hostname":
			m.Hostname = v.Str
		case "fields":
			err = parseRecordedFields(m, v)
		default:
			err = errOtherForm
		}
		return err == nil
	})
	if m.UUID.IsZero() || m.Timestamp == 0 {
		return nil, errOtherForm
	}
	return m, err
}

func parseRecordedFields(m *message.Message, list gjson.Result) (err error) {
	if !list.IsArray() {
		return errOtherForm
	}
	list.ForEach(func(_, object gjson.Result) bool {
		kind, values := object.Get("value_type"), object.Get("value")
		if kind.Type != gjson.Number || !values.IsArray() {
			err = errOtherForm
			return false
		}
		f := message.NewField(object.Get("name").Str, object.Get("representation").Str)
		f.Type = message.ValueType(kind.Int())
		values.ForEach(func(_, v gjson.Result) bool {
			var value message.Value
			if value, err = recordedValue(f.Type, v); err == nil && !f.Append(value) {
				err = errOtherForm
			}
			return err == nil
		})
		m.AddField(f)
		return err == nil
	})
	return err
}

func recordedValue(kind message.ValueType, v gjson.Result) (message.Value, error) {
	text := v.Raw
	if v.Type == gjson.String {
		text = v.Str
	}
	switch {
	case kind == message.String && v.Type == gjson.String:
		return message.StringValue(text), nil
	case kind == message.Bytes && v.Type == gjson.String:
		b, err := base64.StdEncoding.DecodeString(text)
		return message.BytesValue(string(b)), err
	case kind == message.Integer && v.Type == gjson.Number:
		n, err := strconv.ParseInt(text, 10, 64)
		return message.IntegerValue(n), err
	case kind == message.Double:
		d, err := strconv.ParseFloat(text, 64) // nan, inf and -inf are texts
		return message.DoubleValue(d), err
	case kind == message.Bool && (v.Type == gjson.True || v.Type == gjson.False):
		return message.BoolValue(v.Bool()), nil
	}
	return message.Value{}, errOtherForm
}
