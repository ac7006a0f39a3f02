package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// runCases feeds lines to `tocsin plugin run`.
func runCases(t *testing.T, lines ...string) []pluginResult {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), streams{strings.NewReader(strings.Join(lines, "\n")), &out, &errs}, []string{"plugin", "run"})
	require.Equal(t, exitOK, code, errs.String())
	var results []pluginResult
	dec := json.NewDecoder(&out)
	for dec.More() {
		var r pluginResult
		require.NoError(t, dec.Decode(&r))
		results = append(results, r)
	}
	require.Len(t, results, len(lines), "one result a case")
	return results
}

func script(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "p.lua")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func caseLine(t *testing.T, kind, lua, rest string) string {
	t.Helper()
	return `{"id":"x","why":"ignored","kind":"` + kind + `","script":"` + script(t, lua) + `",` + rest + `}`
}

func TestPluginRunTermination(t *testing.T) {
	r := runCases(t, caseLine(t, "decoder", `function process_message()
		if read_message("Payload") == "die" then error("boom") end
		if read_message("Payload") == "bad" then inject_message{} return -1 end
		if read_message("Payload") == "hold" then return 0 end
		inject_message{} return 0 end`,
		`"steps":[{"msg":{"payload":"a"}},{"msg":{"PAYLOAD":"bad"}},{"msg":{"Payload":"hold"}},{"msg":{"Payload":"die"}},{"msg":{}},{"timer_ns":"5"}]`))[0]
	require.Nil(t, r.InitError)
	require.True(t, r.Steps[0].OK)
	require.Len(t, r.Steps[0].Out, 1)
	require.Equal(t, -1, *r.Steps[1].RC)
	require.False(t, r.Steps[1].OK)
	require.Nil(t, r.Steps[1].Error)
	require.Empty(t, r.Steps[1].Out)
	require.True(t, r.Steps[2].Passthrough && r.Steps[2].OK)
	for _, s := range r.Steps[3:] {
		require.True(t, s.Fatal)
		require.False(t, s.OK)
		require.Nil(t, s.RC)
		require.Contains(t, *s.Error, "boom")
		require.Empty(t, s.Out)
	}
}

func TestPluginRunFatalCode(t *testing.T) {
	r := runCases(t, caseLine(t, "decoder", `function process_message() return 3, "why" end`,
		`"steps":[{"msg":{}},{"msg":{}}]`))[0]
	require.Equal(t, 3, *r.Steps[0].RC, "the code that ended it")
	require.Equal(t, "why", *r.Steps[0].Error)
	require.True(t, r.Steps[0].Fatal && r.Steps[1].Fatal)
	require.Nil(t, r.Steps[1].RC)
}

func TestPluginRunEmptyArray(t *testing.T) {
	r := runCases(t, caseLine(t, "decoder", `function process_message()
		inject_message(decode_message(read_message("raw"))) return 0 end`,
		`"steps":[{"msg":{"Fields":{"none":[],"null":null,"one":[1]}}}]`))[0]
	require.True(t, r.Steps[0].OK)
	require.Len(t, r.Steps[0].Out[0].Fields, 1)
	require.Equal(t, "one", r.Steps[0].Out[0].Fields[0].Name)
}

func TestPluginRunInitErrors(t *testing.T) {
	for line, want := range map[string]string{
		`{"id":1,"component":"decoder.none","steps":[{"msg":{}}]}`:              "unknown component",
		`{"id":1,"component":"thing.none","steps":[]}`:                          "unknown component",
		`{"id":1,"kind":"decoder","script":"/nowhere/x.lua","steps":[]}`:        "no such file",
		`{"id":1,"kind":"decoder","steps":[]}`:                                  "no component and no script",
		`{"id":1,"script":"x.lua","steps":[]}`:                                  "without its kind",
		`not json`:                                                              "read case",
		caseLine(t, "decoder", `error("at load")`, `"steps":[]`):                "at load",
		caseLine(t, "filter", `require "date_time"`, `"shipped_modules":false`): "module 'date_time' not found",
	} {
		r := runCases(t, line)[0]
		require.NotNil(t, r.InitError, line)
		require.Contains(t, *r.InitError, want)
		require.Empty(t, r.Steps)
	}
}

func TestPluginRunMessages(t *testing.T) {
	lua := `function process_message()
		inject_message{Timestamp = read_message("Timestamp"), Payload = "\255", Fields = {
			nan = 0/0, inf = 1/0, raw = {value = "\1\2", value_type = 1}, n = read_message("Fields[n]"), b = read_message("Fields[b]"), second = read_message("Fields[l]", 0, 1) }}
		return 0 end`
	r := runCases(t, caseLine(t, "decoder", lua, `"clock":1500000000.5,"hostname":"node","steps":[{"msg":{"uuid":"6b3d39b1-0f4a-4f06-b0f6-6a1a2a3c4d5e","Fields":[{"name":"n","value":[3],"value_type":2},{"name":"b","value":[true]},{"name":"l","value":["x","y"]}]}},{"idle_seconds":10},{"msg":{"timestamp":"1489399121207000001","fields":{"n":{"value":2.5,"representation":"s"},"l":["p","q"]}}}]`))[0]
	m := r.Steps[0].Out[0]
	require.Equal(t, "6b3d39b1-0f4a-4f06-b0f6-6a1a2a3c4d5e", m.UUID)
	require.Equal(t, "1500000000500000000", m.TimestampNS)
	require.Equal(t, "/w==", *m.PayloadBase64)
	values := map[string]any{}
	for _, f := range m.Fields {
		values[f.Name] = f.Value[0]
	}
	require.Equal(t, map[string]any{"nan": "nan", "inf": "inf", "raw": "AQI=", "n": 3.0, "b": true, "second": "y"}, values)
	require.True(t, r.Steps[1].OK)
	require.Nil(t, r.Steps[1].RC)
	require.Equal(t, "q", valueOf(r.Steps[2].Out[0], "second"))
}

func valueOf(m outMessage, name string) any {
	for _, f := range m.Fields {
		if f.Name == name {
			return f.Value[0]
		}
	}
	return nil
}

func TestPluginRunStreamsAndClock(t *testing.T) {
	lua := `local n, idle = 0
		function process_message() n = n + 1 inject_message{Payload = n .. " " .. os.time()} return 0 end
		function flush(ns, i) inject_message{Payload = "flush " .. ns / 1e9 .. " " .. tostring(i)} end`
	r := runCases(t, caseLine(t, "decoder", lua, `"clock":100,"steps":[{"msg":{}},{"msg":{},"stream":"b"},{"msg":{},"stream":"b"},{"idle_seconds":6},{"msg":{}},{"timer_ns":200000000000},{"msg":{}}]`))[0]
	var got []string
	for _, s := range r.Steps {
		for _, m := range s.Out {
			got = append(got, m.Payload)
		}
	}
	require.Equal(t, []string{"1 100", "1 100", "2 100", "flush 106 true", "flush 106 true", "2 106", "3 200"}, got)
}

func TestPluginRunLimits(t *testing.T) {
	lua := `function process_message()
		for i = 1, 3 do inject_message{} end return 0 end
		function timer_event() for i = 1, 3 do inject_payload("txt", "", "x") end end`
	r := runCases(t, caseLine(t, "filter", lua, `"max_process_inject":3,"max_timer_inject":2,"plugin_name":"p","steps":[{"msg":{}},{"timer_ns":"1"}]`))[0]
	require.Len(t, r.Steps[0].Out, 3)
	require.Equal(t, "p", r.Steps[0].Out[0].Logger)
	require.True(t, r.Steps[1].Fatal)
	require.Contains(t, *r.Steps[1].Error, "exceeded InjectMessage count")
	r = runCases(t, caseLine(t, "encoder", `function process_message() add_to_payload(string.rep("x", 200)) inject_payload() return 0 end`, `"output_limit":100,"steps":[{"msg":{}}]`))[0]
	require.Contains(t, *r.Steps[0].Error, "output_limit exceeded")
	r = runCases(t, caseLine(t, "filter", `function process_message() while true do end end`, `"instruction_limit":1000,"steps":[{"msg":{}}]`))[0]
	require.Contains(t, *r.Steps[0].Error, "instruction_limit exceeded")
}

func TestPluginRunNativeDecoders(t *testing.T) {
	r := runCases(t,
		`{"id":1,"component":"decoder.payload_regex","config":{"match_regex":"^(?P<A>\\w+)","message_fields":{"a":"%A%"}},"steps":[{"msg":{"Payload":"abc def"}},{"msg":{"Payload":"-"}}]}`,
		`{"id":2,"component":"decoder.payload_regex","config":{"match_rex":"x"},"steps":[]}`,
		`{"id":3,"component":"decoder.multidecoder","config":{"subs":["openstack_log","redis"]},"steps":[{"msg":{"Logger":"contrail.redis-server","Payload":"[20417] 13 Mar 06:35:14.648 # text\n"}}]}`,
		`{"id":4,"component":"encoder.payload","steps":[{"msg":{"Payload":"hello"}}]}`)
	require.Equal(t, "abc", valueOf(r[0].Steps[0].Out[0], "a"))
	require.Nil(t, r[0].Steps[0].RC)
	require.False(t, r[0].Steps[1].OK)
	require.Contains(t, *r[1].InitError, "match_regex")
	require.True(t, r[2].Steps[0].OK, deref(r[2].Steps[0].Error))
	require.Len(t, r[2].Steps[0].Out, 1)
	require.Contains(t, *r[3].Steps[0].Encoded, "hello")
}

func TestPluginCheckAndList(t *testing.T) {
	call := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(t.Context(), streams{strings.NewReader(""), &out, &errs}, append([]string{"plugin"}, args...))
		return code, out.String() + errs.String()
	}
	good := script(t, `local c = require "cjson" local l = require "lpeg" local d = require "date_time"
		local x = read_config("level") -- write_message
		function process_message() inject_message{} return 0 end`)
	code, out := call("check", good)
	require.Equal(t, exitOK, code, out)
	require.Contains(t, out, "config keys read: level")
	require.Contains(t, out, "host functions: read_config, inject_message")
	code, out = call("check", "--kind", "filter", script(t, `function process_message() write_message("a", 1) return 0 end`))
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, "write_message is nil")
	code, out = call("check", script(t, `x = `))
	require.Equal(t, exitFindings, code)
	require.Contains(t, out, "p.lua")
	code, _ = call("check")
	require.Equal(t, exitUsage, code)
	code, out = call("list")
	require.Equal(t, exitOK, code)
	for _, want := range []string{"decoder.openstack_log", "decoder.multidecoder", "encoder.status_sensu", "filter.logs_counter"} {
		require.Contains(t, out, want)
	}
	code, _ = call("nothing")
	require.Equal(t, exitUsage, code)
	code, _ = call()
	require.Equal(t, exitUsage, code)
}
