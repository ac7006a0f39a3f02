package sandbox

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
)

// readMessage is read_message(name [, fieldIndex [, arrayIndex]]).
func (p *Plugin) readMessage(L *lua.LState) int {
	n := L.GetTop()
	if n < 1 || n > 3 {
		raise.Error(L, "read_message() incorrect number of arguments")
	}
	name, ok := L.Get(1).(lua.LString)
	if !ok {
		name = lua.LString(luavm.CheckString(L, 1))
	}
	var fieldIndex, arrayIndex int
	if n > 1 {
		fieldIndex = optIndex(L, 2, "field index must be >= 0")
		if n > 2 {
			arrayIndex = optIndex(L, 3, "array index must be >= 0")
		}
	}
	m := p.current
	if m == nil {
		L.Push(lua.LNil)
		return 1
	}
	if p.written {
		m = &p.writable
	}
	if field, ok := fieldName(string(name)); ok {
		L.Push(p.fieldValue(m, field, fieldIndex, arrayIndex))
		return 1
	}
	L.Push(p.headerValue(m, string(name)))
	return 1
}

// keepText makes a value of a text that a script may keep for ever. Texts of a
// record are those of its input's buffer, which is used again when the call is
// over; only what a filter gets was copied before.
func (p *Plugin) keepText(s string) lua.LValue {
	if p.opts.Kind != KindFilter {
		s = strings.Clone(s)
	}
	return lua.LString(s)
}

// keptHeader is a header that is the same for record after record: its text, and
// the same as a script gets it.
type keptHeader struct {
	text  string
	value lua.LValue
}

// of is keepText for such a header.
func (h *keptHeader) of(s string) lua.LValue {
	if s != h.text || h.value == nil {
		h.text = strings.Clone(s)
		h.value = lua.LString(h.text)
	}
	return h.value
}

func optIndex(L *lua.LState, arg int, complaint string) int {
	v := L.Get(arg)
	if v == lua.LNil {
		return 0
	}
	n, ok := v.(lua.LNumber)
	if !ok {
		n = lua.LNumber(luavm.CheckNumber(L, arg))
	}
	if n < 0 {
		luavm.ArgError(L, arg, complaint)
	}
	return int(n)
}

// fieldName cuts NAME out of Fields[NAME].
func fieldName(s string) (string, bool) {
	if len(s) < 8 || s[:7] != "Fields[" || s[len(s)-1] != ']' {
		return "", false
	}
	return s[7 : len(s)-1], true
}

func (p *Plugin) fieldValue(m *message.Message, name string, fieldIndex, arrayIndex int) lua.LValue {
	f := m.FieldAt(name, fieldIndex)
	if f == nil || arrayIndex >= f.Len() {
		return lua.LNil
	}
	return p.keepValue(f.At(arrayIndex))
}

// keepValue makes a Lua value that a script may keep for ever.
func (p *Plugin) keepValue(v message.Value) lua.LValue {
	switch v.Type {
	case message.String:
		return p.keepText(v.Str())
	case message.Bytes:
		if v.Str() == "" {
			return lua.LNil
		}
		return p.keepText(v.Str())
	}
	return plainValue(p.L, v)
}

// plainValue makes a Lua value of a boolean or a number.
func plainValue(L *lua.LState, v message.Value) lua.LValue {
	if v.Type == message.Bool {
		return lua.LBool(v.Bool())
	}
	n, _ := v.Number()
	return L.Number(n)
}

func (p *Plugin) headerValue(m *message.Message, name string) lua.LValue {
	switch name {
	case "Payload":
		return p.keepText(m.Payload)
	case "Type":
		return p.lastType.of(m.Type)
	case "Logger":
		return p.lastLogger.of(m.Logger)
	case "Hostname":
		return p.lastHostname.of(m.Hostname)
	case "Timestamp":
		return p.L.Number(float64(m.Timestamp))
	case "EnvVersion":
		return p.keepText(m.EnvVersion)
	case "Uuid":
		return lua.LString(m.UUID.String())
	case "Severity":
		if m.HasSeverity() {
			return p.L.Number(float64(m.Severity()))
		}
	case "Pid":
		if m.HasPID() {
			return p.L.Number(float64(m.PID()))
		}
	case "raw", "framed":
		return p.rawMessage(m, name == "framed")
	}
	return lua.LNil
}

// rawMessage encodes m on demand; Heka gave the bytes as received.
func (p *Plugin) rawMessage(m *message.Message, framed bool) lua.LValue {
	b := message.AppendMessage(nil, m)
	raise.Charge(p.L, len(b))
	if framed {
		b = message.AppendFrame(nil, b, nil)
	}
	return lua.LString(b)
}

// readNextField iterates over the fields: value type, name, first value,
// representation and number of values; five nils at the end.
func (p *Plugin) readNextField(L *lua.LState) int {
	m := p.current
	if p.written {
		m = &p.writable
	}
	if m == nil || p.nextField >= len(m.Fields) {
		for range 5 {
			L.Push(lua.LNil)
		}
		return 5
	}
	f := &m.Fields[p.nextField]
	p.nextField++
	L.Push(L.Number(float64(f.Type)))
	L.Push(p.keepText(f.Name))
	if f.Len() > 0 {
		L.Push(p.keepValue(f.At(0)))
	} else {
		L.Push(lua.LNil)
	}
	L.Push(p.keepText(f.Representation))
	L.Push(L.Number(float64(f.Len())))
	return 5
}

// decodeMessage is decode_message(bytes): the message as a table.
func (p *Plugin) decodeMessage(L *lua.LState) int {
	if L.GetTop() != 1 {
		raise.Error(L, "decode_message() must have a single argument")
	}
	raw := luavm.CheckString(L, 1)
	raise.Charge(L, 8*len(raw))
	var m message.Message
	if err := m.UnmarshalString(raw); err != nil {
		raise.Error(L, "decode_message() failed: %s", err.Error())
	}
	t := L.CreateTable(0, 10)
	t.RawSetString("Uuid", lua.LString(m.UUID[:]))
	t.RawSetString("Timestamp", lua.LNumber(m.Timestamp))
	set := func(name, value string) {
		if value != "" {
			t.RawSetString(name, lua.LString(value))
		}
	}
	set("Type", m.Type)
	set("Logger", m.Logger)
	set("Payload", m.Payload)
	set("EnvVersion", m.EnvVersion)
	set("Hostname", m.Hostname)
	if m.HasSeverity() {
		t.RawSetString("Severity", lua.LNumber(m.Severity()))
	}
	if m.HasPID() {
		t.RawSetString("Pid", lua.LNumber(m.PID()))
	}
	if len(m.Fields) > 0 {
		t.RawSetString("Fields", fieldsTable(L, &m))
	}
	L.Push(t)
	return 1
}

func fieldsTable(L *lua.LState, m *message.Message) *lua.LTable {
	fields := L.CreateTable(len(m.Fields), 0)
	for i := range m.Fields {
		f := &m.Fields[i]
		entry := L.CreateTable(0, 4)
		entry.RawSetString("name", lua.LString(f.Name))
		entry.RawSetString("value_type", lua.LNumber(f.Type))
		if f.Representation != "" {
			entry.RawSetString("representation", lua.LString(f.Representation))
		}
		values := L.CreateTable(f.Len(), 0)
		for k := range f.Len() {
			v := f.At(k)
			if v.Type == message.Bytes || v.Type == message.String {
				values.RawSetInt(k+1, lua.LString(v.Str()))
				continue
			}
			values.RawSetInt(k+1, plainValue(L, v))
		}
		entry.RawSetString("value", values)
		fields.RawSetInt(i+1, entry)
	}
	return fields
}
