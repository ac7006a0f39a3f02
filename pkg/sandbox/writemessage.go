package sandbox

import (
	"math"
	"strconv"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
)

// writeMessage is write_message(name, value [, representation [, fieldIndex
// [, arrayIndex]]]). It works on a copy: the message the plugin was given
// belongs to others as well.
func (p *Plugin) writeMessage(L *lua.LState) int {
	n := L.GetTop()
	if n < 2 || n > 5 {
		raise.Error(L, "write_message() incorrect number of arguments")
	}
	name := luavm.CheckString(L, 1)
	value := L.Get(2)
	switch value.Type() {
	case lua.LTNil, lua.LTString, lua.LTNumber, lua.LTBool:
	default:
		raise.Error(L, "write_message() only accepts numeric, string, or boolean field values, or nil to delete")
	}
	representation := luavm.OptString(L, 3, "")
	fieldIndex := optIndex(L, 4, "field index must be >= 0")
	arrayIndex := optIndex(L, 5, "array index must be >= 0")
	hasArrayIndex := n == 5 && L.Get(5) != lua.LNil
	if p.current == nil || !p.write(name, value, representation, fieldIndex, arrayIndex, hasArrayIndex) {
		raise.Error(L, "write_message() failed")
	}
	return 0
}

// own makes the writable copy of the current message, once a call.
func (p *Plugin) own() *message.Message {
	if !p.written {
		fields := p.writable.Fields[:0]
		p.writable = *p.current
		p.writable.Fields = append(fields, p.current.Fields...)
		p.written = true
	}
	return &p.writable
}

func (p *Plugin) write(name string, value lua.LValue, representation string, fieldIndex, arrayIndex int, hasArrayIndex bool) bool {
	m := p.own()
	if field, ok := fieldName(name); ok {
		if value == lua.LNil {
			deleteField(m, field, fieldIndex, arrayIndex, hasArrayIndex)
			return true
		}
		v, ok := fieldOf(value)
		return ok && setField(m, field, v, representation, fieldIndex, arrayIndex)
	}
	return writeHeader(m, name, value)
}

func fieldOf(value lua.LValue) (message.Value, bool) {
	switch v := value.(type) {
	case lua.LString:
		return message.StringValue(string(v)), true
	case lua.LNumber:
		return message.DoubleValue(float64(v)), true
	case lua.LBool:
		return message.BoolValue(bool(v)), true
	}
	return message.Value{}, false
}

// setField replaces or appends; it may add one field or one value, no more.
func setField(m *message.Message, name string, v message.Value, representation string, fieldIndex, arrayIndex int) bool {
	seen := 0
	for i := range m.Fields {
		if m.Fields[i].Name != name {
			continue
		}
		if seen == fieldIndex {
			f := copyField(&m.Fields[i])
			if v.Type == message.Double && f.Type == message.Integer {
				n := v.Double()
				if n != math.Trunc(n) {
					return false
				}
				v = message.IntegerValue(int64(n))
			}
			if v.Type == message.String && f.Type == message.Bytes {
				v = message.BytesValue(v.Str())
			}
			if !f.Set(arrayIndex, v) {
				return false
			}
			if representation != "" {
				f.Representation = representation
			}
			m.Fields[i] = f
			return true
		}
		seen++
	}
	if seen != fieldIndex || arrayIndex != 0 {
		return false
	}
	m.AddField(message.NewField(name, representation, v))
	return true
}

// copyField returns a field that shares no values with f.
func copyField(f *message.Field) message.Field {
	values := make([]message.Value, f.Len())
	for i := range values {
		values[i] = f.At(i)
	}
	c := message.NewField(f.Name, f.Representation, values...)
	c.Type = f.Type
	return c
}

func deleteField(m *message.Message, name string, fieldIndex, arrayIndex int, one bool) {
	seen := 0
	for i := range m.Fields {
		if m.Fields[i].Name != name {
			continue
		}
		if seen < fieldIndex {
			seen++
			continue
		}
		if one {
			f := copyField(&m.Fields[i])
			f.Delete(arrayIndex)
			m.Fields[i] = f
			if f.Len() > 0 {
				return
			}
		}
		m.Fields = append(m.Fields[:i], m.Fields[i+1:]...)
		return
	}
}

func writeHeader(m *message.Message, name string, value lua.LValue) bool {
	if value.Type() == lua.LTBool {
		return false
	}
	text := ""
	if s, ok := value.(lua.LString); ok {
		text = string(s)
	}
	switch name {
	case "Type", "Logger", "Payload", "EnvVersion", "Hostname":
		if value.Type() == lua.LTNumber {
			return false
		}
		*textHeader(m, name) = text
		return true
	case "Uuid":
		u, err := message.ParseUUID(text)
		if err != nil {
			return false
		}
		m.UUID = u
		return true
	case "Timestamp":
		return writeTimestamp(m, value, text)
	case "Severity", "Pid":
		return writeInteger(m, name, value, text)
	}
	return false
}

func writeTimestamp(m *message.Message, value lua.LValue, text string) bool {
	if n, ok := value.(lua.LNumber); ok {
		m.Timestamp = int64(n)
		return true
	}
	if value == lua.LNil {
		return false
	}
	for _, layout := range [...]string{time.RFC3339Nano, time.RFC1123Z, time.RFC1123, time.RFC850, time.ANSIC, time.UnixDate, time.RubyDate, time.DateTime, time.Stamp} {
		if t, err := time.Parse(layout, text); err == nil {
			m.Timestamp = t.UnixNano()
			return true
		}
	}
	return false
}

func writeInteger(m *message.Message, name string, value lua.LValue, text string) bool {
	set, clearIt := m.SetSeverity, m.ClearSeverity
	if name == "Pid" {
		set, clearIt = m.SetPID, m.ClearPID
	}
	switch v := value.(type) {
	case *lua.LNilType:
		clearIt()
	case lua.LNumber:
		set(int32(v))
	default:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return false
		}
		set(int32(n))
	}
	return true
}

func textHeader(m *message.Message, name string) *string {
	switch name {
	case "Type":
		return &m.Type
	case "Logger":
		return &m.Logger
	case "Payload":
		return &m.Payload
	case "EnvVersion":
		return &m.EnvVersion
	}
	return &m.Hostname
}
