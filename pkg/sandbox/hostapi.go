package sandbox

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/number"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
)

// hostFunction is one row of the table of host functions: what it is called and
// which kinds see it.
type hostFunction struct {
	name  string
	kinds uint8
	fn    func(*Plugin, *lua.LState) int
}

const (
	inInput = 1 << iota
	inDecoder
	inFilter
	inEncoder
	inOutput
	inAll     = inInput | inDecoder | inFilter | inEncoder | inOutput
	inReaders = inAll &^ inInput
)

func hostFunctions() []hostFunction {
	return []hostFunction{
		{"read_config", inAll, (*Plugin).readConfig},
		{"decode_message", inAll, (*Plugin).decodeMessage},
		{"read_message", inReaders, (*Plugin).readMessage},
		{"read_next_field", inReaders, (*Plugin).readNextField},
		{"write_message", inDecoder | inEncoder, (*Plugin).writeMessage},
		{"inject_message", inAll &^ inOutput, (*Plugin).injectMessage},
		{"inject_payload", inDecoder | inFilter | inEncoder, (*Plugin).injectPayload},
		{"add_to_payload", inDecoder | inFilter | inEncoder, (*Plugin).addToPayload},
	}
}

// HostFunctions lists the host functions that plugins of any of the kinds see.
func HostFunctions(kinds ...Kind) []string {
	var names []string
	for _, h := range hostFunctions() {
		for _, k := range kinds {
			if h.kinds&(1<<k) != 0 {
				names = append(names, h.name)
				break
			}
		}
	}
	return names
}

func (p *Plugin) installHost() {
	kind := uint8(1) << p.opts.Kind
	for _, h := range hostFunctions() {
		if h.kinds&kind == 0 {
			continue
		}
		fn := h.fn
		p.L.SetGlobal(h.name, p.L.NewFunction(func(L *lua.LState) int { return fn(p, L) }))
	}
}

func (p *Plugin) readConfig(L *lua.LState) int {
	if L.GetTop() != 1 {
		raise.Error(L, "read_config() must have a single argument")
	}
	name := luavm.CheckString(L, 1)
	p.needs.config(name)
	L.Push(configValue(L, p.opts.Config[name], 0))
	return 1
}

// configValue makes a Lua value of a configuration value. Tables are more than
// Heka gave, which is harmless: it gave nil.
func configValue(L *lua.LState, v any, depth int) lua.LValue {
	switch v := v.(type) {
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	case int:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case uint64:
		return lua.LNumber(v)
	case []any:
		if depth > maxConfigDepth {
			return lua.LNil
		}
		t := L.CreateTable(len(v), 0)
		for _, e := range v {
			t.Append(configValue(L, e, depth+1))
		}
		return t
	case map[string]any:
		if depth > maxConfigDepth {
			return lua.LNil
		}
		t := L.CreateTable(0, len(v))
		for k, e := range v {
			t.RawSetString(k, configValue(L, e, depth+1))
		}
		return t
	}
	return lua.LNil
}

const maxConfigDepth = 20

// addToPayload appends its arguments to the payload buffer.
func (p *Plugin) addToPayload(L *lua.LState) int {
	n := L.GetTop()
	if n == 0 {
		raise.Error(L, "add_to_payload() must have at least one argument")
	}
	for i := 1; i <= n; i++ {
		p.appendPayload(L, i)
	}
	return 0
}

// serialiser is what a userdata that can be printed implements.
type serialiser interface {
	// AppendText appends the text of add_to_payload.
	AppendText(dst []byte) []byte
}

func (p *Plugin) appendPayload(L *lua.LState, arg int) {
	switch v := L.Get(arg).(type) {
	case lua.LString:
		if limit := p.opts.Limits.Output; limit > 0 && len(p.out)+len(v) > limit {
			raise.Error(L, "output_limit exceeded")
		}
		p.out = append(p.out, v...)
	case lua.LNumber:
		p.out = number.AppendPayload(p.out, float64(v))
	case *lua.LNilType:
		p.out = append(p.out, "nil"...)
	case lua.LBool:
		p.out = strconv.AppendBool(p.out, bool(v))
	case *lua.LUserData:
		s, ok := v.Value.(serialiser)
		if !ok {
			luavm.ArgError(L, arg, "unknown userdata type")
		}
		p.out = s.AppendText(p.out)
	default:
		luavm.ArgError(L, arg, "unsupported type")
	}
	if limit := p.opts.Limits.Output; limit > 0 && len(p.out) > limit {
		raise.Error(L, "output_limit exceeded")
	}
}

// parseNumber reads what Lua's tonumber accepts of a decimal or hexadecimal text.
func parseNumber(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsAny(s, "_pP") {
		return 0, false
	}
	digits := strings.TrimLeft(s, "+-")
	if len(digits) > 2 && (digits[:2] == "0x" || digits[:2] == "0X") {
		u, err := strconv.ParseUint(digits[2:], 16, 64)
		if err != nil || len(s)-len(digits) > 1 {
			return 0, false
		}
		if s[0] == '-' {
			return -float64(u), true
		}
		return float64(u), true
	}
	if c := digits; c == "" || (c[0] != '.' && (c[0] < '0' || c[0] > '9')) {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(n, 0) {
		return 0, false
	}
	return n, true
}
