package sandbox

import (
	"fmt"
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/number"
)

// Which headers a converted table or message names itself; the others may be
// inherited.
const (
	namesType = 1 << iota
	namesLogger
	namesHostname
	namesSeverity
	namesPid
)

// The names, boxed once: looking a header up by a constant allocates nothing.
const (
	keyType       = "Type"
	keyLogger     = "Logger"
	keyPayload    = "Payload"
	keyEnvVersion = "EnvVersion"
	keyHostname   = "Hostname"
	keySeverity   = "Severity"
	keyPid        = "Pid"
	keyTimestamp  = "Timestamp"
	keyUUID       = "Uuid"
	keyFields     = "Fields"
)

// fromTable fills m, which is empty, from a Lua table by the rules of
// inject_message. A missing Timestamp is left 0. limit caps the text taken.
func fromTable(m *message.Message, t *lua.LTable, limit int) (named uint8, err error) {
	if u, ok := t.RawGetString(keyUUID).(lua.LString); ok && len(u) == len(m.UUID) {
		copy(m.UUID[:], u)
	}
	if ns, ok := integer(t.RawGetString(keyTimestamp)); ok {
		m.Timestamp = ns
	}
	size := 0
	text := func(key string, dst *string, flag uint8) {
		if s, ok := asText(t.RawGetString(key)); ok {
			*dst = s
			named |= flag
			size += len(s)
		}
	}
	text(keyType, &m.Type, namesType)
	text(keyLogger, &m.Logger, namesLogger)
	text(keyPayload, &m.Payload, 0)
	text(keyEnvVersion, &m.EnvVersion, 0)
	text(keyHostname, &m.Hostname, namesHostname)
	if n, ok := integer(t.RawGetString(keySeverity)); ok {
		m.SetSeverity(int32(n))
		named |= namesSeverity
	}
	if n, ok := integer(t.RawGetString(keyPid)); ok {
		m.SetPID(int32(n))
		named |= namesPid
	}
	if fields, ok := t.RawGetString(keyFields).(*lua.LTable); ok {
		if err := convertFields(m, fields); err != nil {
			return named, err
		}
	}
	if limit > 0 {
		for i := range m.Fields {
			size += len(m.Fields[i].Name) + fieldSize(&m.Fields[i])
		}
		if size > limit {
			return named, errOutputLimit
		}
	}
	return named, nil
}

func fieldSize(f *message.Field) int {
	size := 0
	for i := range f.Len() {
		if f.Type == message.String || f.Type == message.Bytes {
			size += len(f.At(i).Str())
			continue
		}
		size++
	}
	return size
}

// asText takes strings and numbers, as lua_isstring does.
func asText(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return numberText(float64(v)), true
	}
	return "", false
}

// numberText prints n as Lua's tostring does (%.14g).
func numberText(n float64) string {
	return string(number.AppendG(make([]byte, 0, 24), n, 14))
}

// integer takes numbers and numeric strings and truncates them.
func integer(v lua.LValue) (int64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return truncate(float64(v)), true
	case lua.LString:
		if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return i, true
		}
		n, ok := parseNumber(string(v))
		return truncate(n), ok
	}
	return 0, false
}

// truncate converts as C does on the machines Heka ran on, without depending on
// what Go leaves open for values out of range.
func truncate(n float64) int64 {
	if n != n || n >= math.MaxInt64 || n <= math.MinInt64 {
		return math.MinInt64
	}
	return int64(n)
}

func convertFields(m *message.Message, fields *lua.LTable) error {
	if _, ok := fields.RawGetInt(1).(*lua.LTable); ok {
		return convertFieldList(m, fields)
	}
	for key, value := range fields.All() {
		name := key.Text
		if !key.IsText() {
			n, ok := key.Number()
			if !ok {
				return fmt.Errorf("field name must be a string")
			}
			name = numberText(n)
		}
		if err := appendField(m, name, value); err != nil {
			return err
		}
	}
	return nil
}

func convertFieldList(m *message.Message, fields *lua.LTable) error {
	for i := 1; ; i++ {
		entry, ok := fields.RawGetInt(i).(*lua.LTable)
		if !ok {
			return nil
		}
		name, ok := asText(entry.RawGetString("name"))
		if !ok {
			return fmt.Errorf("field name must be a string")
		}
		if err := appendObject(m, name, entry); err != nil {
			return err
		}
	}
}

// appendField converts one value of the hash form.
func appendField(m *message.Message, name string, value lua.LValue) error {
	switch v := value.(type) {
	case lua.LString:
		m.AddString(name, string(v))
		return nil
	case lua.LNumber:
		m.AddDouble(name, float64(v), "")
		return nil
	case lua.LBool:
		m.AddBool(name, bool(v))
		return nil
	case *lua.LTable:
		if v.RawGetInt(1) == lua.LNil {
			return appendObject(m, name, v)
		}
	}
	return appendValues(m, name, value, "", -1)
}

// appendObject converts {value=, value_type=, representation=}.
func appendObject(m *message.Message, name string, t *lua.LTable) error {
	representation, _ := asText(t.RawGetString("representation"))
	valueType := -1
	if n, ok := integer(t.RawGetString("value_type")); ok {
		valueType = int(n)
	}
	return appendValues(m, name, t.RawGetString("value"), representation, valueType)
}

func appendValues(m *message.Message, name string, value lua.LValue, representation string, valueType int) error {
	f := message.Field{Name: name, Representation: representation}
	switch v := value.(type) {
	case *lua.LTable:
		first := v.RawGetInt(1)
		if first == lua.LNil {
			return fmt.Errorf("unsupported type: nil")
		}
		if first.Type() == lua.LTTable {
			return fmt.Errorf("unsupported array type: table")
		}
		for _, element := range v.All() {
			if element.Type() != first.Type() {
				return fmt.Errorf("array has mixed types")
			}
			converted, err := scalar(element, valueType)
			if err != nil {
				return err
			}
			f.Append(converted)
		}
	default:
		converted, err := scalar(value, valueType)
		if err != nil {
			return err
		}
		f.Append(converted)
	}
	m.AddField(f)
	return nil
}

// scalar converts one value; valueType -1 means that none was asked for.
func scalar(value lua.LValue, valueType int) (message.Value, error) {
	switch v := value.(type) {
	case lua.LString:
		switch valueType {
		case -1, int(message.String):
			return message.StringValue(string(v)), nil
		case int(message.Bytes):
			return message.BytesValue(string(v)), nil
		}
		return message.Value{}, typeMismatch(valueType, "string")
	case lua.LNumber:
		switch valueType {
		case -1, int(message.Double):
			return message.DoubleValue(float64(v)), nil
		case int(message.Integer):
			return message.IntegerValue(truncate(float64(v))), nil
		}
		return message.Value{}, typeMismatch(valueType, "number")
	case lua.LBool:
		if valueType != -1 && valueType != int(message.Bool) {
			return message.Value{}, typeMismatch(valueType, "boolean")
		}
		return message.BoolValue(bool(v)), nil
	case *lua.LUserData:
		if s, ok := v.Value.(serialiser); ok {
			return message.BytesValue(string(s.AppendText(nil))), nil
		}
	}
	return message.Value{}, fmt.Errorf("unsupported type: %s", value.Type())
}

func typeMismatch(valueType int, got string) error {
	return fmt.Errorf("invalid value_type: %d for a %s", valueType, got)
}
