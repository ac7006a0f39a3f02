package sandbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/effort"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

func kind(k sandbox.Kind) func(*sandbox.Options) {
	return func(o *sandbox.Options) { o.Kind = k }
}

// eval runs one process_message body of a kind and returns what it emitted.
func eval(t *testing.T, k sandbox.Kind, m *message.Message, body string) ([]*message.Message, sandbox.Result, error) {
	t.Helper()
	p := open(t, "function process_message() "+body+" end", kind(k))
	var got collected
	res, err := p.Process(m, got.emit)
	return got.messages, res, err
}

func sample() *message.Message {
	m := &message.Message{UUID: message.DerivedUUID(7, 7, 0), Timestamp: 1e18, Type: "t", Logger: "l", Hostname: "h", Payload: "p"}
	m.SetSeverity(4)
	m.SetPID(12)
	m.AddString("s", "text")
	m.AddDouble("d", 1.5, "ms")
	m.AddBool("b", true)
	m.AddInteger("i", 42, "")
	m.AddStrings("list", "x", "y")
	m.AddField(message.NewField("bytes", "", message.BytesValue("")))
	m.AddString("s", "second")
	return m
}

func TestReadMessage(t *testing.T) {
	for expression, want := range map[string]string{
		`read_message("Uuid")`:                                   sample().UUID.String(),
		`read_message("Timestamp")`:                              "1e+18",
		`read_message("Type")`:                                   "t",
		`read_message("EnvVersion")`:                             "",
		`read_message("Severity")`:                               "4",
		`read_message("Pid")`:                                    "12",
		`read_message("Nothing")`:                                "nil",
		`read_message("Fields[s]")`:                              "text",
		`read_message("Fields[s]", 1)`:                           "second",
		`read_message("Fields[s]", 2)`:                           "nil",
		`read_message("Fields[list]", 0, 1)`:                     "y",
		`read_message("Fields[list]", 0, 2)`:                     "nil",
		`read_message("Fields[d]")`:                              "1.5",
		`read_message("Fields[i]")`:                              "42",
		`read_message("Fields[b]")`:                              "true",
		`read_message("Fields[bytes]")`:                          "nil",
		`read_message("Fields[s")`:                               "nil",
		`select(2, pcall(read_message))`:                         "read_message() incorrect number of arguments",
		`select(2, pcall(read_message, "Fields[s]", -1))`:        "bad argument #2 to '?' (field index must be >= 0)",
		`decode_message(read_message("raw")).Fields[5].value[2]`: "y",
		`decode_message(read_message("raw")).Payload`:            "p",
		`#decode_message(read_message("raw")).Uuid`:              "16",
		`pcall(decode_message, "\255")`:                          "false",
		`(function() local n, t = 0; while true do t = read_next_field(); if t == nil then return n end n = n + 1 end end)()`: "7",
	} {
		out, _, err := eval(t, sandbox.KindDecoder, sample(), `inject_message{Payload = tostring((`+expression+`))} return 0`)
		require.NoError(t, err, expression)
		require.Equal(t, want, out[0].Payload, expression)
	}
}

func TestReadMessageInTimer(t *testing.T) {
	p := open(t, `function process_message() return 0 end
		function timer_event() inject_message{Payload = tostring(read_message("Payload")) .. tostring(read_message("Fields[x]"))} end`, kind(sandbox.KindFilter))
	var got collected
	require.NoError(t, p.Timer(time.Unix(5, 0), got.emit))
	require.Equal(t, "nilnil", got.messages[0].Payload)
}

func TestInjectTable(t *testing.T) {
	out, res, err := eval(t, sandbox.KindDecoder, sample(), `
		inject_message{Timestamp = "1489399121207000000", Type = 5, Pid = "3434", Severity = "2.9", Payload = "x", EnvVersion = true,
			Fields = { a = "s", b = 2.5, c = true, d = {1, 2}, e = {value = 7, value_type = 2, representation = "B"}, f = {value = {"x", "y"}, value_type = 1} } }
		inject_message{Fields = {{name = "n", value = 1, value_type = 3, representation = "s"}, {name = "n", value = {true}}, hash = "ignored"}}
		return 0`)
	require.NoError(t, err)
	require.Equal(t, 2, res.Emitted)
	m := out[0]
	require.Equal(t, sample().UUID, m.UUID)
	require.Equal(t, sample().UUID.Derive(1), out[1].UUID)
	require.Equal(t, int64(1489399121207000000), m.Timestamp)
	require.Equal(t, "5", m.Type)
	require.EqualValues(t, 3434, m.PID())
	require.EqualValues(t, 2, m.Severity())
	require.Empty(t, m.EnvVersion)
	require.Equal(t, "h", m.Hostname, "inherited")
	require.Equal(t, "l", m.Logger, "inherited")
	require.Equal(t, message.Integer, m.Field("e").Type)
	require.Equal(t, "B", m.Field("e").Representation)
	require.Equal(t, message.Bytes, m.Field("f").Type)
	require.Equal(t, 2, m.Field("d").Len())
	require.Equal(t, message.Bool, m.Field("c").Type)
	second := out[1]
	require.Equal(t, int64(1489400000e9), second.Timestamp, "now in whole seconds")
	require.Equal(t, "t", second.Type, "inherited")
	require.EqualValues(t, 4, second.Severity(), "inherited")
	require.Empty(t, second.Payload, "not inherited")
	require.Len(t, second.Fields, 2)
}

func TestInjectRefusals(t *testing.T) {
	for fields, want := range map[string]string{
		`{e = {}}`:                            "unsupported type: nil",
		`{e = {value = nil}}`:                 "unsupported type: nil",
		`{e = {1, "x"}}`:                      "array has mixed types",
		`{e = {{1}}}`:                         "unsupported array type: table",
		`{e = function() end}`:                "unsupported type: function",
		`{e = {value = {value = 1}}}`:         "unsupported type: nil",
		`{[true] = 1}`:                        "field name must be a string",
		`{e = {value = "x", value_type = 3}}`: "invalid value_type",
		`{e = string.rep("x", 70000)}`:        "output_limit exceeded",
	} {
		out, _, err := eval(t, sandbox.KindDecoder, sample(), `
			local ok, err = pcall(inject_message, {Fields = `+fields+`})
			inject_message{Payload = tostring(ok) .. " " .. err} return 0`)
		require.NoError(t, err, fields)
		require.Len(t, out, 1, "a refused injection emits nothing and is survived")
		require.Equal(t, "false inject_message() could not encode protobuf - "+want, out[0].Payload[:min(len(out[0].Payload), len("false inject_message() could not encode protobuf - "+want))], fields)
	}
}

func TestReturnCodes(t *testing.T) {
	out, res, err := eval(t, sandbox.KindDecoder, sample(), `inject_message{} return -1, "why"`)
	require.NoError(t, err)
	require.Empty(t, out, "a negative code drops what the call emitted")
	require.Equal(t, sandbox.Result{Code: -1, Text: "why"}, res)

	_, res, err = eval(t, sandbox.KindDecoder, sample(), `return 0`)
	require.NoError(t, err)
	require.True(t, res.Held)

	for body, want := range map[string]string{
		`return 1`:           "returned 1",
		`return "x"`:         "must return a numeric status code",
		`return`:             "must return a numeric status code",
		`return 0, {}`:       "must return a nil or string error message",
		`error("boom")`:      "boom",
		`local x = nil .. 1`: "attempt to concatenate",
		`while true do end`:  "instruction_limit exceeded",
		`while true do pcall(function() while true do end end) end`: "instruction_limit exceeded",
		`add_to_payload(string.rep("x", 70000)) return 0`:           "output_limit exceeded",
	} {
		_, _, err = eval(t, sandbox.KindDecoder, sample(), body)
		var dead *sandbox.Terminated
		require.ErrorAs(t, err, &dead, body)
		require.Contains(t, dead.Reason, want, body)
	}
}

func TestTerminatedStaysDead(t *testing.T) {
	p := open(t, `function process_message() error("once") end`, nil)
	_, first := p.Process(sample(), nil)
	_, second := p.Process(sample(), nil)
	require.Equal(t, first, second)
}

func TestFilterInjection(t *testing.T) {
	p := open(t, `
		function process_message()
			inject_message{Type = "m", Logger = "mine", Hostname = "other", Payload = "1"}
			local ok, err = pcall(inject_message, {Type = "m"})
			add_to_payload("n=", 0.5, " ", 3e9, " ", 0/0, " ", nil, " ", true)
			return -1, err
		end
		function timer_event(ns)
			for i = 1, 10 do inject_payload("json", "name", i) end
			error((select(2, pcall(inject_payload, "txt", "", "x"))))
		end`, func(o *sandbox.Options) { o.Kind = sandbox.KindFilter; o.Name = "counter" })
	var got collected
	res, err := p.Process(sample(), got.emit)
	require.NoError(t, err)
	require.Equal(t, "inject_message() failed: exceeded InjectMessage count", res.Text)
	m := got.messages[0]
	require.Equal(t, []string{"heka.sandbox.m", "counter", "node"}, []string{m.Type, m.Logger, m.Hostname})
	err = p.Timer(time.Unix(1, 0), got.emit)
	require.ErrorContains(t, err, "exceeded InjectMessage count")
	require.Len(t, got.messages, 11)
	m = got.messages[10]
	require.Equal(t, "heka.sandbox-output", m.Type)
	require.Equal(t, "10", m.Payload)
	require.Equal(t, "json", text(t, m, "payload_type"))
	require.Equal(t, "file-extension", m.Field("payload_type").Representation)
}

func TestEncoderOutput(t *testing.T) {
	encode := func(body string) (string, bool) {
		t.Helper()
		p := open(t, "function process_message() "+body+" end", kind(sandbox.KindEncoder))
		res, err := p.Process(sample(), nil2)
		require.NoError(t, err)
		return string(res.Output), res.HasOutput
	}
	out, ok := encode(`inject_payload("txt", "", "a", 1, 0.25, 4294967296) return 0`)
	require.True(t, ok)
	require.Equal(t, "a10.254294967296", out)
	_, ok = encode(`add_to_payload("x") return -2`)
	require.False(t, ok)
	out, _ = encode(`return 0`)
	var m message.Message
	require.NoError(t, m.UnmarshalString(out))
	require.Equal(t, "p", m.Payload, "no output: the message in protobuf")
	out, _ = encode(`write_message("Payload", "new") write_message("Fields[s]", nil) write_message("Fields[n]", 3, "B") return 0`)
	require.NoError(t, m.UnmarshalString(out))
	require.Equal(t, "new", m.Payload)
	require.Equal(t, "second", text(t, &m, "s"))
	require.Equal(t, "B", m.Field("n").Representation)
	out, _ = encode(`inject_message{Payload = "made"} return 0`)
	require.NoError(t, m.UnmarshalString(out))
	require.Equal(t, "made", m.Payload)
}

func nil2(*message.Message) error { return errors.New("an encoder emits nothing") }

func TestWriteMessageRefuses(t *testing.T) {
	for _, call := range []string{
		`"Fields[s]", 1`, `"Fields[d]", "x"`, `"Severity", "high"`, `"Type", true`, `"Uuid", "x"`,
		`"Timestamp", "never"`, `"Fields[new]", "x", "", 1`, `"Fields[list]", "z", "", 0, 3`,
	} {
		out, _, err := eval(t, sandbox.KindDecoder, sample(), `local ok, e = pcall(write_message, `+call+`) inject_message{Payload = tostring(e)} return 0`)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(out[0].Payload, "write_message() failed"), "%s: %s", call, out[0].Payload)
	}
	m := sample()
	out, _, err := eval(t, sandbox.KindDecoder, m, `write_message("Fields[list]", "z", "", 0, 2) write_message("Timestamp", "2017-03-13T00:00:00Z") return 0`)
	require.NoError(t, err)
	require.Equal(t, []string{"x", "y", "z"}, out[0].Strings("list"))
	require.Equal(t, []string{"x", "y"}, m.Strings("list"), "the record itself is not changed")
}

func TestConfigAndModules(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mine.lua"), []byte(`local M = {} setfenv(1, M) who = "dir" return M`), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "struct.lua"), []byte(`return { who = "replaced" }`), 0o600))
	p := open(t, `
		local tags = require("extra_fields")
		local msg = {Fields = {}}
		tags.add_tags(msg)
		function process_message()
			local ok, err = pcall(require, "missing.module")
			local bad, why = pcall(require, "../etc/passwd")
			inject_message{Payload = table.concat({ require("mine").who, require("other").who, require("struct").who,
				tags.tags.env, msg.Fields.env, read_config("text"), read_config("number"), tostring(read_config("none")),
				read_config("list")[2], err, why }, "|")}
			return 0
		end`, func(o *sandbox.Options) {
		o.ModuleDirs = []string{dir}
		o.Shipped = fstest.MapFS{"other.lua": {Data: []byte(`return { who = "shipped" }`)}, "mine.lua": {Data: []byte(`return { who = "shipped" }`)}}
		o.Config = map[string]any{"text": "t", "number": 3, "list": []any{1, 2}}
	})
	var got collected
	_, err := p.Process(sample(), got.emit)
	require.NoError(t, err)
	parts := strings.Split(got.messages[0].Payload, "|")
	require.Equal(t, []string{"dir", "shipped", "replaced", "lab", "lab", "t", "3", "nil", "2"}, parts[:9])
	require.Contains(t, parts[9], "module 'missing.module' not found:")
	require.Contains(t, parts[9], filepath.Join(dir, "missing", "module.lua"))
	require.Contains(t, parts[10], "invalid module name")
	require.Contains(t, p.Modules(), "mine")
	require.Contains(t, p.ConfigKeys(), "list")
}

func TestKindsSeeTheirFunctions(t *testing.T) {
	for k, missing := range map[sandbox.Kind]string{
		sandbox.KindInput: "read_message", sandbox.KindFilter: "write_message", sandbox.KindOutput: "inject_message",
	} {
		_, err := sandbox.Open(sandbox.Options{Kind: k, Name: "x", Source: []byte(`assert(` + missing + ` == nil) assert(output == nil) function process_message() return 0 end`)})
		require.NoError(t, err, k)
	}
}

func TestStats(t *testing.T) {
	p := open(t, `function process_message() inject_message{} return 0 end`, nil)
	var got collected
	for range 3 {
		_, err := p.Process(sample(), got.emit)
		require.NoError(t, err)
	}
	s := p.Stats()
	require.EqualValues(t, 3, s.Processed)
	require.EqualValues(t, 3, s.Injected)
	require.Positive(t, s.MaxInstructions)
	require.Positive(t, s.ProcessAverage())
	require.Zero(t, s.TimerAverage())
}

func TestEmitErrorReachesTheCaller(t *testing.T) {
	stop := errors.New("stop")
	p := open(t, `function process_message() inject_message{} return 0 end`, nil)
	_, err := p.Process(sample(), func(*message.Message) error { return stop })
	require.ErrorIs(t, err, stop)
	_, err = p.Process(sample(), func(*message.Message) error { return nil })
	require.NoError(t, err, "the plugin lives on")
}

func TestInputsGetDefaults(t *testing.T) {
	out, _, err := eval(t, sandbox.KindInput, nil, `inject_message{Payload = "x"} return 0`)
	require.NoError(t, err)
	require.Equal(t, "test", out[0].Logger)
	require.Equal(t, "node", out[0].Hostname)
	require.False(t, out[0].UUID.IsZero())
}

func TestHoldingOfLuaDecoders(t *testing.T) {
	p := open(t, `
		local held
		local function emit(s) inject_message{Payload = s} end
		function process_message()
			local s = read_message("Payload")
			if s == "more" then held = held .. "+" return 0 end
			if held then emit(held) held = nil end
			if s == "open" then held = s return 0 end
			emit(s)
			return 0
		end
		function flush(ns, idle) if held and (not idle or ns >= 1489400005e9) then emit(held) held = nil end end`, nil)
	var got collected
	for _, step := range []struct {
		line          string
		holding, sent int
	}{{"a", 0, 1}, {"open", 1, 1}, {"more", 2, 1}, {"open", 1, 2}, {"b", 0, 4}, {"open", 1, 4}} {
		_, err := p.Process(line(step.line), got.emit)
		require.NoError(t, err)
		require.Equal(t, step.holding, p.Holding(), step.line)
		require.Len(t, got.messages, step.sent, step.line)
	}
	at := time.Unix(1489400000, 0)
	require.NoError(t, p.Flush(at.Add(time.Second), true, got.emit))
	require.Equal(t, 1, p.Holding())
	require.NoError(t, p.Flush(at.Add(6*time.Second), true, got.emit))
	require.Zero(t, p.Holding())
	require.Equal(t, line("").UUID, got.messages[4].UUID, "what a flush emits has the identity of the held record")
}

func TestIdentitiesOfHeldRecords(t *testing.T) {
	p := open(t, `
		local held
		function process_message()
			if held then inject_message{Payload = held} end
			held = read_message("Payload")
			return 0
		end
		function flush() if held then inject_message{Payload = held} held = nil end end`, nil)
	var got collected
	var want []message.UUID
	for i, text := range []string{"a", "b", "c"} {
		m := line(text)
		m.UUID = message.DerivedUUID(7, uint64(i), 0)
		want = append(want, m.UUID)
		_, err := p.Process(m, got.emit)
		require.NoError(t, err)
	}
	require.NoError(t, p.Flush(time.Unix(1489400000, 0), false, got.emit))
	require.Len(t, got.messages, 3)
	for i, m := range got.messages {
		require.Equal(t, want[i], m.UUID, "%s has the identity of its own line, whoever closed it", m.Payload)
	}
}

func TestOutputCodes(t *testing.T) {
	for code, failures := range map[string]int64{"0": 0, "-1": 1, "-2": 0, "-3": 1, "-4": 0, "-5": 0} {
		p := open(t, "function process_message() return "+code+" end", kind(sandbox.KindOutput))
		_, err := p.Process(sample(), nil)
		require.NoError(t, err)
		require.Equal(t, failures, p.Stats().Failures, code)
	}
}

func TestExpensiveHostFunctionsMeetTheLimits(t *testing.T) {
	for _, body := range []string{
		`while true do pcall(inject_message, {Payload = "x"}) end`,
		`require "circular_buffer" while true do pcall(circular_buffer.new, 100000, 8, 1) end`,
		`require "bloom_filter" while true do pcall(bloom_filter.new, 4000000, 0.01) end`,
		`require "hyperloglog" local h = hyperloglog.new() while true do hyperloglog.count(h, h, h, h) end`,
		`require "cjson" local s = "[" .. string.rep("1,", 500000) .. "1]" while true do pcall(cjson.decode, s) end`,
		`local r = read_message("raw") while true do decode_message(r) end`,
		`while true do pcall(add_to_payload, "x") end`,
	} {
		cost := effort.Start()
		_, _, err := eval(t, sandbox.KindDecoder, sample(), body)
		var dead *sandbox.Terminated
		require.ErrorAs(t, err, &dead, body)
		require.Less(t, cost.Spent(), 5*time.Second, body)
	}
}
