package sandbox

import (
	"errors"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
)

var errOutputLimit = errors.New("output_limit exceeded")

const (
	filterTypePrefix = "heka.sandbox."
	payloadType      = "heka.sandbox-output"
)

// injectMessage is inject_message(table or protobuf string).
func (p *Plugin) injectMessage(L *lua.LState) int {
	if L.GetTop() != 1 {
		raise.Error(L, "inject_message() takes a single string or table argument")
	}
	p.checkInjections(L, "inject_message")
	m := p.pendingMessage()
	var named uint8
	switch v := L.Get(1).(type) {
	case *lua.LTable:
		var err error
		if named, err = fromTable(m, v, p.opts.Limits.Output); err != nil {
			p.pool = append(p.pool, m)
			raise.Error(L, "inject_message() could not encode protobuf - %s", err.Error())
		}
	case lua.LString:
		if err := m.UnmarshalString(string(v)); err != nil {
			p.pool = append(p.pool, m)
			raise.Error(L, "inject_message() failed: %s", err.Error())
		}
		named = namedHeaders(m)
	default:
		p.pool = append(p.pool, m)
		raise.Error(L, "inject_message() takes a single string or table argument")
	}
	if m.Timestamp == 0 {
		m.Timestamp = p.opts.Clock().Unix() * int64(time.Second)
	} else if p.zone != nil && p.opts.Kind <= KindDecoder && !p.zoneAware() {
		m.Timestamp = inZone(m.Timestamp, p.zone)
	}
	p.inject(L, m, named, "inject_message")
	return 0
}

// zoneAware tells that the plugin applies the zone itself: it alone knows which
// times carried an offset of their own.
func (p *Plugin) zoneAware() bool {
	return lua.LVAsBool(p.eng.global("timezone_aware"))
}

func namedHeaders(m *message.Message) (named uint8) {
	set := func(ok bool, flag uint8) {
		if ok {
			named |= flag
		}
	}
	set(m.Type != "", namesType)
	set(m.Logger != "", namesLogger)
	set(m.Hostname != "", namesHostname)
	set(m.HasSeverity(), namesSeverity)
	set(m.HasPID(), namesPid)
	return named
}

// inZone reads the UTC wall clock of ns as the local time of zone.
func inZone(ns int64, zone *time.Location) int64 {
	t := time.Unix(0, ns).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone).UnixNano()
}

func (p *Plugin) checkInjections(L *lua.LState, function string) {
	if p.emit == nil {
		raise.Error(L, "%s() failed: no message may be emitted now", function)
	}
	if p.injectMax >= 0 && p.injected >= p.injectMax {
		raise.Error(L, "%s() failed: exceeded InjectMessage count", function)
	}
}

// inject passes m on by the rules of the plugin's kind; it takes ownership.
func (p *Plugin) inject(L *lua.LState, m *message.Message, named uint8, function string) {
	p.injected++
	switch p.opts.Kind {
	case KindDecoder:
		p.injectDecoded(L, m, named, function)
		return
	case KindEncoder:
		m.UUID = orNewUUID(m.UUID)
		p.encoded = message.AppendMessage(p.encoded[:0], m)
		p.hasOut = true
		p.pool = append(p.pool, m)
		return
	case KindFilter:
		m.Type = filterTypePrefix + m.Type
		m.Logger = p.opts.Name
		m.Hostname = p.opts.Hostname
	case KindInput:
		if named&namesLogger == 0 {
			m.Logger = p.opts.Name
		}
		if named&namesHostname == 0 {
			m.Hostname = p.opts.Hostname
		}
	}
	m.UUID = orNewUUID(m.UUID)
	err := p.emit(m)
	p.pool = append(p.pool, m)
	if err != nil {
		p.injected--
		p.emitErr = err
		raise.Error(L, "%s() failed: %s", function, err.Error())
	}
	p.stats.Injected++
}

func orNewUUID(u message.UUID) message.UUID {
	if u.IsZero() {
		return message.NewUUID()
	}
	return u
}

func (p *Plugin) injectDecoded(L *lua.LState, m *message.Message, named uint8, function string) {
	if from := p.current; from != nil {
		inherit(m, from, named)
	}
	p.pendingBytes += len(m.Payload) + 256 + 64*len(m.Fields)
	if limit := p.opts.Limits.Memory; limit > 0 && p.pendingBytes > limit {
		raise.Error(L, "%s() failed: not enough memory for the messages of one call", function)
	}
	p.pending = append(p.pending, m)
}

// inherit fills what a decoder's message leaves unset from the record it was
// made of.
func inherit(m, from *message.Message, named uint8) {
	if named&namesType == 0 {
		m.Type = from.Type
	}
	if named&namesLogger == 0 {
		m.Logger = from.Logger
	}
	if named&namesHostname == 0 {
		m.Hostname = from.Hostname
	}
	if named&namesSeverity == 0 && from.HasSeverity() {
		m.SetSeverity(from.Severity())
	}
	if named&namesPid == 0 && from.HasPID() {
		m.SetPID(from.PID())
	}
}

// injectPayload is inject_payload([type [, name [, ...]]]).
func (p *Plugin) injectPayload(L *lua.LState) int {
	n := L.GetTop()
	kind, name := "txt", ""
	if n >= 1 && L.Get(1) != lua.LNil {
		kind = luavm.CheckString(L, 1)
	}
	if n >= 2 && L.Get(2) != lua.LNil {
		name = luavm.CheckString(L, 2)
	}
	for i := 3; i <= n; i++ {
		p.appendPayload(L, i)
	}
	if len(p.out) == 0 {
		return 0
	}
	p.checkInjections(L, "inject_payload")
	p.account()
	if p.opts.Kind == KindEncoder {
		p.encoded = append(p.encoded[:0], p.out...)
		p.hasOut = true
		p.out = p.out[:0]
		return 0
	}
	m := p.pendingMessage()
	if p.opts.Kind == KindDecoder {
		if p.current == nil {
			p.pool = append(p.pool, m)
			raise.Error(L, "inject_payload() failed: there is no message to replace the payload of")
		}
		fields := append(m.Fields[:0], p.current.Fields...)
		*m = *p.current
		m.Fields = fields
		if len(p.pending) > 0 {
			m.UUID = message.UUID{}
		}
	} else {
		m.Type = payloadType
		m.Timestamp = p.opts.Clock().UnixNano()
	}
	m.Payload = string(p.out)
	p.out = p.out[:0]
	m.AddField(message.NewField("payload_type", "file-extension", message.StringValue(kind)))
	m.AddString("payload_name", name)
	p.emitPayload(L, m)
	return 0
}

func (p *Plugin) emitPayload(L *lua.LState, m *message.Message) {
	if p.opts.Kind == KindDecoder {
		p.inject(L, m, namesType|namesLogger|namesHostname|namesSeverity|namesPid, "inject_payload")
		return
	}
	p.injected++
	m.Logger, m.Hostname = p.opts.Name, p.opts.Hostname
	m.UUID = message.NewUUID()
	err := p.emit(m)
	p.pool = append(p.pool, m)
	if err != nil {
		p.injected--
		p.emitErr = err
		raise.Error(L, "inject_payload() failed: %s", err.Error())
	}
	p.stats.Injected++
}
