package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

const openstackGrammar = `
local l = require "lpeg"
l.locale(l)
local sp = l.space
local function search(p) return l.P{ p + 1 * l.V(1) } end
local x4 = l.xdigit * l.xdigit * l.xdigit * l.xdigit
local uuid = x4 * x4 * "-" * x4 * "-" * x4 * "-" * x4 * "-" * x4 * x4 * x4
local level = l.P"CRITICAL" + l.P"ERROR" + l.P"WARNING" + l.P"WARN" / "WARNING" + l.P"INFO" + l.P"AUDIT" + l.P"DEBUG" + l.P"TRACE"
local context = (1 - l.S"[\n")^0 * "[" * l.P"req-"^-1 * l.Cg(uuid, "request_id")
grammar = l.Cg((1 - sp)^1 * sp * (1 - sp)^1, "Timestamp") * sp * l.Cg(l.digit^1, "Pid") * sp
  * l.Cg(level, "severity_label") * sp * l.Cg((1 - sp)^1, "python_module") * sp
  * l.Cg(l.P(1)^0, "Payload")
local http = search('"' * l.Cg(l.R"AZ"^3, "http_method") * sp * l.Cg((1 - sp)^1, "http_url") * sp * "HTTP/" * l.Cg(l.digit * "." * l.digit, "http_version") * '"'
  * sp^1 * l.P"status: "^-1 * l.Cg(l.digit^3, "http_status") * sp^1 * l.P"len: "^-1 * l.Cg(l.digit^1, "http_response_size")
  * sp^1 * l.P"time: "^-1 * l.Cg(l.digit^1 * (l.P"." * l.digit^0)^-1, "http_response_time"))
types = { http_status = "number", http_response_size = "number", http_response_time = "number" }
representations = { http_response_size = "B", http_response_time = "s" }
extract = { context, http }
logger_grammar = l.Cg(l.Cc"openstack." * l.C((1 - l.P"_")^1) / "%1%2", "Logger") * "_" * l.Cg(l.P(1)^1, "programname")
multiline = { open = search(l.P"Traceback (most recent call last):"), key = {"Timestamp", "Pid", "python_module"}, unmatched = "append" }
`

type collected struct{ messages []*message.Message }

func (c *collected) emit(m *message.Message) error {
	c.messages = append(c.messages, m.Clone())
	return nil
}

func open(t testing.TB, source string, change func(*sandbox.Options)) *sandbox.Plugin {
	t.Helper()
	opts := sandbox.Options{
		Kind: sandbox.KindDecoder, Name: "test", Source: []byte(source), Hostname: "node",
		Clock: func() time.Time { return time.Unix(1489400000, 0) }, Tags: map[string]string{"env": "lab"},
	}
	if change != nil {
		change(&opts)
	}
	p, err := sandbox.Open(opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close(nil) })
	return p
}

func line(payload string) *message.Message {
	return &message.Message{UUID: message.DerivedUUID(1, 2, 0), Type: "logfile", Logger: "nova_nova-api", Hostname: "ctl01", Timestamp: 5, Payload: payload}
}

func text(t *testing.T, m *message.Message, field string) string {
	t.Helper()
	s, ok := m.Text(field)
	require.True(t, ok, field)
	return s
}

func TestDeclarativeDecoder(t *testing.T) {
	p := open(t, openstackGrammar, nil)
	require.True(t, p.Declarative())
	var got collected
	raw := line("2017-03-13 09:58:41.207 18302 WARN nova.wsgi [req-0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d - -] text\n")
	res, err := p.Process(raw, got.emit)
	require.NoError(t, err)
	require.Equal(t, sandbox.Result{Emitted: 1}, res)
	m := got.messages[0]
	require.Equal(t, "log", m.Type)
	require.Equal(t, "openstack.nova", m.Logger)
	require.Equal(t, "ctl01", m.Hostname)
	require.Equal(t, raw.UUID, m.UUID)
	require.EqualValues(t, 4, m.Severity())
	require.EqualValues(t, 18302, m.PID())
	require.Equal(t, int64(1489399121207000000), m.Timestamp)
	require.Equal(t, "WARNING", text(t, m, "severity_label"))
	require.Equal(t, "nova-api", text(t, m, "programname"))
	require.Equal(t, "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", text(t, m, "request_id"))
	require.Equal(t, "lab", text(t, m, "env"))

	res, err = p.Process(line("garbage"), got.emit)
	require.NoError(t, err)
	require.Equal(t, sandbox.CodeFail, res.Code)
	require.Contains(t, res.Text, "garbage")
	require.Len(t, got.messages, 1)
}

func TestDeclarativeTraceback(t *testing.T) {
	now := time.Unix(1489400000, 0)
	p := open(t, openstackGrammar, func(o *sandbox.Options) { o.Clock = func() time.Time { return now } })
	var got collected
	feed := func(s string) {
		t.Helper()
		res, err := p.Process(line(s), got.emit)
		require.NoError(t, err)
		require.Zero(t, res.Code, res.Text)
	}
	head := "2017-03-13 09:58:41.207 1 ERROR nova.x "
	feed(head + "Traceback (most recent call last):\n")
	feed(head + "  File a\n")
	feed("bare line\n")
	require.Equal(t, 3, p.Holding())
	require.Empty(t, got.messages)
	feed("2017-03-13 09:58:42.000 1 INFO nova.x fine\n")
	require.Len(t, got.messages, 2)
	require.Equal(t, "Traceback (most recent call last):\n  File a\nbare line", got.messages[0].Payload)
	require.Equal(t, "fine", got.messages[1].Payload)
	require.Zero(t, p.Holding())

	feed(head + "Traceback (most recent call last):\n")
	require.NoError(t, p.Flush(now.Add(4*time.Second), true, got.emit))
	require.Len(t, got.messages, 2, "not idle for long enough")
	require.NoError(t, p.Flush(now.Add(6*time.Second), true, got.emit))
	require.Len(t, got.messages, 3)

	feed(head + "Traceback (most recent call last):\n")
	for range 300 {
		feed(strings.Repeat("x", 1024))
	}
	require.Len(t, got.messages, 4, "flushed by size")
	require.LessOrEqual(t, len(got.messages[3].Payload), 256<<10)
	require.NoError(t, p.Close(got.emit))
	require.Len(t, got.messages, 5, "flushed at shutdown")
	require.NotEqual(t, got.messages[3].UUID, got.messages[4].UUID)
}

func TestDeclarativeByText(t *testing.T) {
	for name, multiline := range map[string]string{
		"start":        `{ start = l.digit }`,
		"continuation": `{ continuation = l.S" \t" }`,
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, `local l = require "lpeg"; l.locale(l)
				grammar = l.Cg(l.digit^1, "n") * l.Cg(l.P(1)^0, "Payload")
				types = { n = "integer" }  representations = { n = "B" }
				defaults = { Severity = 3, Fields = { a = true } }
				multiline = `+multiline, nil)
			var got collected
			for _, s := range []string{"1 one\n", "  more\n", "2 two\n"} {
				_, err := p.Process(line(s), got.emit)
				require.NoError(t, err)
			}
			require.NoError(t, p.Flush(time.Time{}, false, got.emit))
			require.Len(t, got.messages, 2)
			m := got.messages[0]
			require.Equal(t, " one\n  more\n", m.Payload)
			require.Equal(t, int64(1), m.Field("n").At(0).Int())
			require.Equal(t, "B", m.Field("n").Representation)
			require.EqualValues(t, 3, m.Severity())
			require.Equal(t, "ERROR", text(t, m, "severity_label"))
		})
	}
}

func TestDeclarativeCallsLua(t *testing.T) {
	p := open(t, `local l = require "lpeg"
		grammar = l.Cg(l.C(l.R"az"^1) / function(s) if s == "bad" then error("no") end return s .. "!" end, "word")
		severity_label = false`, nil)
	var got collected
	for range 2 {
		_, err := p.Process(line("abc"), got.emit)
		require.NoError(t, err)
	}
	require.Equal(t, "abc!", text(t, got.messages[1], "word"))
	res, err := p.Process(line("bad"), got.emit)
	require.NoError(t, err)
	require.Equal(t, sandbox.CodeFail, res.Code)
	require.Contains(t, res.Text, "no")
}

func TestDeclarativeZone(t *testing.T) {
	p := open(t, `local l = require "lpeg"; grammar = l.Cg(l.P(1)^1, "Timestamp")`, func(o *sandbox.Options) {
		o.Config = map[string]any{"tz": "Europe/Paris"}
	})
	var got collected
	for _, s := range []string{"2017-07-01 12:00:00", "2017-07-01 12:00:00Z", "never"} {
		_, err := p.Process(line(s), got.emit)
		require.NoError(t, err)
	}
	require.Len(t, got.messages, 2)
	require.Equal(t, "10:00:00", time.Unix(0, got.messages[0].Timestamp).UTC().Format(time.TimeOnly))
	require.Equal(t, "12:00:00", time.Unix(0, got.messages[1].Timestamp).UTC().Format(time.TimeOnly))
}

func TestDeclarativeCaptures(t *testing.T) {
	p := open(t, `local l = require "lpeg"; l.locale(l)
		local d = l.digit^1
		grammar = (l.Cg(d, "v4") * "!" + l.Cg(l.alpha^1, "host")) * " " * l.Cg(d, "us") * " " * l.Cg(d, "_received") * " "
			* ("@" * l.Cg(d, "Timestamp") * " ")^-1 * l.Cg(d, "TimestampFraction") * " " * l.Cg(l.xdigit^1, "tid") * " "
			* l.Cg((1 - l.S" \n")^1, "_agent") * (" " * l.Cg((1 - l.P"\n")^1, "_entry"))^-1
		captures = {
			v4 = { to = "client", representation = "ipv4" }, host = { to = "client" },
			us = { to = "took", type = "number", divide = 1e6, representation = "s" },
			_received = { to = "Timestamp", weak = true },
			tid = { type = "hex" },
			_agent = { grammar = { "x" * l.Cg(d, "version"), l.Cg(l.alpha, "initial") } },
			_entry = { format = "json", names = { Payload = { "msg", "text" }, app = { "app" } }, fields = "in" },
		}`, nil)
	var got collected
	for _, s := range []string{
		"7! 2500000 1489386914 @1489386915 25 ff x12\n",
		`h 1 1489386914 5 a curl {"text":"hello\u00e4","msg":7,"app":true,"out":1,"in":{"a":[1,2],"b":{"c":"x"}}}` + "\n",
	} {
		res, err := p.Process(line(s), got.emit)
		require.NoError(t, err)
		require.Zero(t, res.Code, res.Text)
	}
	first, second := got.messages[0], got.messages[1]
	require.Equal(t, "ipv4", first.Field("client").Representation)
	require.Equal(t, "s", first.Field("took").Representation)
	require.InDelta(t, 2.5, first.Field("took").At(0).Double(), 0)
	require.Equal(t, int64(1489386915250000000), first.Timestamp, "what is weak gives way")
	require.InDelta(t, 255, first.Field("tid").At(0).Double(), 0)
	require.Equal(t, "12", text(t, first, "version"))
	require.Equal(t, "x", text(t, first, "initial"))

	require.Equal(t, int64(1489386914500000000), second.Timestamp)
	require.Equal(t, "h", text(t, second, "client"))
	require.Nil(t, second.Field("version"))
	require.Equal(t, "7", second.Payload)
	require.Equal(t, "true", text(t, second, "app"))
	require.Equal(t, 2, second.Field("a").Len())
	require.Equal(t, "x", text(t, second, "b.c"))
	require.Nil(t, second.Field("out"))

	res, err := p.Process(line("h 1 1489386914 5 a curl {nonsense}\n"), got.emit)
	require.NoError(t, err)
	require.Equal(t, sandbox.CodeFail, res.Code)
}

func TestExtractFirst(t *testing.T) {
	p := open(t, `local l = require "lpeg" l.locale(l)
		grammar = l.Cg(l.P(1)^0, "Payload")
		local n = l.Cg(l.digit^1, "n")
		extract = { first = "#" * n, (1 - l.S"#")^0 * "#" * n, l.Cg(l.alpha^1, "word") * l.Cg(l.Cc"list", "n") }
		common_tags = false severity_label = false`, nil)
	for payload, want := range map[string]map[string]string{
		"#12 a":    {"n": "12"},
		"a #12":    {"n": "12", "word": "a"},
		"a":        {"n": "list", "word": "a"},
		"# a":      {},
		"#x a #12": {},
	} {
		var got collected
		_, err := p.Process(line(payload), got.emit)
		require.NoError(t, err)
		fields := map[string]string{}
		for _, f := range got.messages[0].Fields {
			fields[f.Name] = f.At(0).Str()
		}
		require.Equal(t, want, fields, payload)
	}

	_, err := sandbox.Open(sandbox.Options{
		Kind: sandbox.KindDecoder, Name: "test", Source: []byte(`grammar = require("lpeg").P(1) extract = { first = "x" }`),
	})
	require.ErrorContains(t, err, "extract.first is a string")
}

func TestUUIDs(t *testing.T) {
	p := open(t, `grammar = require("lpeg").Cg(require("lpeg").P(1)^0, "id") types = { id = "uuid" }`, nil)
	for id, want := range map[string]string{
		"0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4d":     "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
		"0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d": "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
		"12":                                   "12",
		strings.Repeat("\xff", 32):             "\uFFFD",
	} {
		var got collected
		_, err := p.Process(line(id), got.emit)
		require.NoError(t, err)
		require.Equal(t, want, text(t, got.messages[0], "id"))
	}
}

func TestDeclarativeParts(t *testing.T) {
	now := time.Unix(1489400000, 0)
	p := open(t, `local l = require "lpeg"
		grammar = l.Cg(l.R"ab", "stream") * (l.Cg("+", "_part") + "-") * l.Cg((1 - l.P"\n")^0, "Payload")
		extract = "level=" * l.Cg(l.R"az"^1, "Severity")
		multiline = { part = "_part", key = { "stream" } }`, func(o *sandbox.Options) { o.Clock = func() time.Time { return now } })
	var got collected
	feed := func(s string) {
		t.Helper()
		res, err := p.Process(line(s), got.emit)
		require.NoError(t, err)
		require.Zero(t, res.Code, res.Text)
	}
	feed("a+lev\n")
	feed("b-other\r\n")
	require.Equal(t, 2, p.Holding(), "the record behind the open one is read again too")
	feed("b+never ends\n")
	feed("a-el=error\n")
	require.Len(t, got.messages, 2)
	require.Equal(t, "other", got.messages[0].Payload)
	require.Equal(t, "level=error", got.messages[1].Payload)
	require.EqualValues(t, 3, got.messages[1].Severity(), "the text is looked into when it is whole")
	require.Equal(t, 2, p.Holding())
	require.NoError(t, p.Flush(now.Add(6*time.Second), true, got.emit))
	require.Len(t, got.messages, 3)
	require.Zero(t, p.Holding())
	for range 600 {
		feed("a+" + strings.Repeat("x", 1024) + "\n")
	}
	require.Len(t, got.messages, 5, "flushed by size")
	require.NotEqual(t, got.messages[3].UUID, got.messages[4].UUID)
}

// Where too many records are open, the oldest goes on its way, and the one that
// takes its place keeps its own text.
func TestDeclarativePartsOfManyRecords(t *testing.T) {
	p := open(t, `local l = require "lpeg"
		grammar = l.Cg(l.R"az", "stream") * (l.Cg("+", "_part") + "-") * l.Cg((1 - l.P"\n")^0, "Payload")
		multiline = { part = "_part", key = { "stream" } }`, nil)
	var got collected
	for _, sign := range []string{"+", "-"} {
		for key := 'a'; key <= 'q'; key++ { // 17
			res, err := p.Process(line(string(key)+sign+string(key)+sign+"\n"), got.emit)
			require.NoError(t, err)
			require.Zero(t, res.Code, res.Text)
		}
	}
	var texts []string
	for _, m := range got.messages {
		texts = append(texts, m.Payload)
	}
	want := []string{"a+", "a-"}
	for key := 'b'; key <= 'q'; key++ {
		want = append(want, string(key)+"+"+string(key)+"-")
	}
	require.Equal(t, want, texts)
}

// A bad entry of a record of several costs no other one, and is counted.
func TestDeclarativeEntries(t *testing.T) {
	const source = `local l = require "lpeg"
		grammar = l.Cg(l.P(1)^0, "_entry")
		captures = { _entry = { format = "journal", names = { Payload = { "MESSAGE" } }, required = { "MESSAGE" } } }`
	for record, want := range map[string]struct {
		messages []string
		failures int64
		code     int
	}{
		"MESSAGE=a\n\nMESSAGE=b\n\n":    {[]string{"a", "b"}, 0, 0},
		"MESSAGE=a\n\nA=x\n\nMESSAGE=b": {[]string{"a", "b"}, 1, 0},
		"A=x\n\nMESSAGE=b\n":            {[]string{"b"}, 1, 0},
		"A=x\n\nA=y\n":                  {nil, 2, sandbox.CodeFail},
	} {
		p := open(t, source, nil)
		var got collected
		res, err := p.Process(line(record), got.emit)
		require.NoError(t, err)
		require.Equal(t, want.code, res.Code, record)
		var texts []string
		for _, m := range got.messages {
			texts = append(texts, m.Payload)
		}
		require.Equal(t, want.messages, texts, record)
		require.Equal(t, want.failures, p.Stats().Failures, record)
	}
}

func TestDeclarativeRefusesItsScript(t *testing.T) {
	for source, want := range map[string]string{
		`x = 1`: "no function process_message",
		`local l = require "lpeg"; grammar = l.P(1); types = { a = "float" }`:         "types.a",
		`local l = require "lpeg"; grammar = l.P(1); severity_map = { X = 9 }`:        "severity_map.X",
		`local l = require "lpeg"; grammar = l.P(1); multiline = {}`:                  "none of start",
		`local l = require "lpeg"; grammar = l.P(1); multiline = { start = "\n" }`:    "multiline.start",
		`local l = require "lpeg"; grammar = l.P(1); severity_label = "sometimes"`:    "severity_label",
		`local l = require "lpeg"; grammar = l.P(1); captures = {a = {as = 1}}`:       "captures.a: as",
		`local l = require "lpeg"; grammar = l.P(1); captures = {a = {format = "x"}}`: "captures.a: format",
		`local l = require "lpeg"; grammar = l.P(1); captures = {a = {fields = "x"}}`: "captures.a: fields",
		`local l = require "lpeg"; grammar = l.P(1); defaults = 3`:                    "defaults",
		`local l = require "lpeg"; grammar = l.P(1); defaults = {Fields = {a = {}}}`:  "unsupported type: nil",
	} {
		_, err := sandbox.Open(sandbox.Options{Kind: sandbox.KindDecoder, Name: "x", Source: []byte(source)})
		require.ErrorContains(t, err, want, source)
	}
}

func BenchmarkDeclarative(b *testing.B) {
	p := open(b, openstackGrammar, nil)
	raw := line("2017-03-13 09:58:41.207 18302 INFO nova.osapi_compute.wsgi.server [req-0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d 8206d40abcc3452d8a9c1ea629b4a8d0 - - -] 10.20.0.7 \"GET /v2/servers/detail HTTP/1.1\" status: 200 len: 1906 time: 0.1084\n")
	var out []byte
	emit := func(m *message.Message) error {
		out = message.AppendMessage(out[:0], m)
		return nil
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Process(raw, emit); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	_ = fmt.Sprint(len(out))
}
