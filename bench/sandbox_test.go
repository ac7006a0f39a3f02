package bench_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
	"github.com/tocsin-lma/tocsin/plugins"
)

// The three lines every decoder benchmark uses: 237, 131 and 169 bytes.
const (
	openstackLine = "2017-03-13 09:58:41.207 18302 INFO nova.osapi_compute.wsgi.server [req-0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d 8206d40abcc3452d8a9c1ea629b4a8d0 112245730b1f4858ab62e3673e1ee9e2 - - -] 10.20.0.7 \"GET /v2/servers/detail HTTP/1.1\" status: 200 len: 1906 time: 0.1084\n"
	syslogLine    = "<30>Mar 13 09:58:41 ctl01 haproxy[18302]: Proxy keystone_public_api started and is ready to serve requests from 10.20.0.0/24 now\n"
	nginxLine     = "10.20.30.40 - - [13/Mar/2017:11:40:00 +0200] \"GET /v3/auth/tokens?nocatalog HTTP/1.1\" 200 267 \"-\" \"python-keystoneclient/2.3 keystoneauth1/2.18 CPython/2.7\"\n"
)

const syslogTemplate = "<%PRI%>%TIMESTAMP% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg%\\n"

// grammars are declarative decoders of the three lines.
const (
	openstackGrammar = `
		local l = require "lpeg" l.locale(l) local sp = l.space
		local function search(p) return l.P{ p + 1 * l.V(1) } end
		local x4 = l.xdigit * l.xdigit * l.xdigit * l.xdigit
		local uuid = x4 * x4 * "-" * x4 * "-" * x4 * "-" * x4 * "-" * x4 * x4 * x4
		local level = l.P"CRITICAL" + l.P"ERROR" + l.P"WARNING" + l.P"INFO" + l.P"AUDIT" + l.P"DEBUG" + l.P"TRACE"
		grammar = l.Cg((1 - sp)^1 * sp * (1 - sp)^1, "Timestamp") * sp * l.Cg(l.digit^1, "Pid") * sp * l.Cg(level, "severity_label") * sp
			* l.Cg((1 - sp)^1, "python_module") * sp * l.Cg(l.P(1)^0, "Payload")
		logger_grammar = l.Cg(l.Cc"openstack." * l.C((1 - l.P"_")^1) / "%1%2", "Logger") * "_" * l.Cg(l.P(1)^1, "programname")
		extract = {
			(1 - l.P"[")^0 * "[" * l.P"req-"^-1 * l.Cg(uuid, "request_id"),
			search('"' * l.Cg(l.R"AZ"^3, "http_method") * sp * l.Cg((1 - sp)^1, "http_url") * sp * "HTTP/" * l.Cg(l.digit * "." * l.digit, "http_version") * '"' * sp^1
				* l.P"status: "^-1 * l.Cg(l.digit^3, "http_status") * sp^1 * l.P"len: "^-1 * l.Cg(l.digit^1, "http_response_size") * sp^1
				* l.P"time: "^-1 * l.Cg(l.digit^1 * (l.P"." * l.digit^0)^-1, "http_response_time")),
		}
		types = { http_status = "number", http_response_size = "number", http_response_time = "number" }`
	syslogGrammar = `
		local l = require "lpeg" l.locale(l)
		grammar = "<" * l.Cg(l.digit^1, "pri") * ">" * l.Cg(l.alpha^3 * " " * l.P(1) * l.digit * " " * (1 - l.P" ")^1, "Timestamp") * " "
			* l.Cg((1 - l.P" ")^1, "Hostname") * " " * l.Cg((1 - l.S"[: ")^1, "programname") * (l.P"[" * l.Cg(l.digit^1, "Pid") * "]")^-1 * ":" * l.P" "^-1
			* l.Cg((1 - l.P"\n")^0, "Payload")`
	nginxGrammar = `
		local l = require "lpeg" l.locale(l) local sp = l.P" "
		local word = (1 - sp)^1
		local quoted = (1 - l.P'"')^0
		grammar = l.Cg(word, "http_client_ip_address") * sp * word * sp * word * " [" * l.Cg((1 - l.P"]")^1, "Timestamp") * '] "'
			* l.Cg(l.R"AZ"^3, "http_method") * sp * l.Cg(word, "http_url") * " HTTP/" * l.Cg(l.digit * "." * l.digit, "http_version") * '" '
			* l.Cg(l.digit^1, "http_status") * sp * l.Cg(l.digit^1, "http_response_size") * ' "' * l.Cg(quoted, "referer") * '" "' * l.Cg(quoted, "user_agent") * '"'
		types = { http_status = "number", http_response_size = "number" }
		representations = { http_client_ip_address = "ipv4", http_response_size = "B" }
		defaults = { Severity = 6 }`
)

func modules(b testing.TB) fs.FS {
	sub, err := fs.Sub(plugins.FS, "lua/modules")
	if err != nil {
		b.Fatal(err)
	}
	return sub
}

// decode runs one line through a decoder to the encoded message.
func decode(b *testing.B, opts sandbox.Options, logger, payload string) {
	b.Helper()
	opts.Kind = sandbox.KindDecoder
	opts.Shipped = modules(b)
	opts.Tags = map[string]string{"environment_label": "lab"}
	p, err := sandbox.Open(opts)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = p.Close(nil) }()
	raw := &message.Message{UUID: message.DerivedUUID(1, 1, 0), Type: "logfile", Logger: logger, Hostname: "ctl01", Payload: payload}
	var out []byte
	emitted := 0
	emit := func(m *message.Message) error {
		out = message.AppendMessage(out[:0], m)
		emitted++
		return nil
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	used := cpuTime(b)
	for b.Loop() {
		res, err := p.Process(raw, emit)
		if err != nil || res.Code != 0 {
			b.Fatal(res.Code, res.Text, err)
		}
	}
	used = cpuTime(b) - used
	if emitted < b.N {
		b.Fatalf("%d messages of %d lines", emitted, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(b.N)/used.Seconds(), "lines/cpu-s")
}

// cpuTime is the processor time of the process so far: what a benchmark used of it
// does not depend on what else the machine does.
func cpuTime(b testing.TB) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkDecodeDeclarative measures grammars that the engine runs by itself.
func BenchmarkDecodeDeclarative(b *testing.B) {
	for name, c := range map[string][3]string{
		"openstack": {openstackGrammar, "nova_nova-api", openstackLine},
		"syslog":    {syslogGrammar, "system.daemon", syslogLine},
		"nginx":     {nginxGrammar, "nginx_access", nginxLine},
	} {
		b.Run(name, func(b *testing.B) {
			decode(b, sandbox.Options{Name: name, Source: []byte(c[0])}, c[1], c[2])
		})
	}
}

// BenchmarkDecodeShipped measures the shipped decoders.
func BenchmarkDecodeShipped(b *testing.B) {
	for name, c := range map[string]struct {
		logger, line string
		config       map[string]any
	}{
		"openstack_log":   {"nova_nova-api", openstackLine, nil},
		"generic_syslog":  {"system.daemon", syslogLine, map[string]any{"syslog_pattern": syslogTemplate}},
		"apache_wsgi_log": {"nginx_access", nginxLine, map[string]any{"logger": "nginx", "apache_log_pattern": apachePattern}},
	} {
		b.Run(name, func(b *testing.B) {
			text, err := plugins.FS.ReadFile("lua/decoders/" + name + ".lua")
			if err != nil {
				b.Skip(err)
			}
			decode(b, sandbox.Options{Name: name, Source: text, Config: c.config}, c.logger, c.line)
		})
	}
}

const apachePattern = `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`

// The same grammars as Lua plugins that reuse their tables.
const (
	reuse = `
		local captured, fields = {}, {}
		local msg = { Type = "log", Fields = fields }
		local patt = l.Cr(grammar, captured)
		grammar = nil
		function process_message()
			if not patt:match(read_message("Payload")) then return -1 end
			msg.Timestamp, msg.Payload = captured.ns, captured.text
			fields.a, fields.b, fields.c, fields.d, fields.e = captured.a, captured.b, captured.c, captured.d, captured.e
			inject_message(msg)
			return 0
		end`
	openstackLua = `
		local l = require "lpeg" l.locale(l) local sp = l.space
		local ns = require("date_time").time_to_ns
		local d = l.digit
		local stamp = l.Ct(l.Cg(d^4, "year") * "-" * l.Cg(d^2, "month") * "-" * l.Cg(d^2, "day") * sp * l.Cg(d^2, "hour") * ":" * l.Cg(d^2, "min") * ":" * l.Cg(d^2, "sec")
			* l.Cg(("." * d^1) / tonumber, "sec_frac")^-1) / ns
		grammar = l.Cg(stamp, "ns") * sp * l.Cg(d^1, "a") * sp * l.Cg(l.upper^1, "b") * sp * l.Cg((1 - sp)^1, "c") * sp * l.Cg(l.P(1)^0, "text")` + reuse
	syslogLua = `
		local l = require "lpeg" l.locale(l)
		local ns = require("logtime").parse
		grammar = "<" * l.Cg(l.digit^1, "a") * ">" * l.Cg(l.alpha^3 * " " * l.P(1) * l.digit * " " * (1 - l.P" ")^1 / ns, "ns") * " "
			* l.Cg((1 - l.P" ")^1, "b") * " " * l.Cg((1 - l.S"[: ")^1, "c") * (l.P"[" * l.Cg(l.digit^1, "d") * "]")^-1 * ":" * l.P" "^-1
			* l.Cg((1 - l.P"\n")^0, "text")` + reuse
	nginxLua = `
		local l = require "lpeg" l.locale(l) local sp = l.P" "
		local ns = require("logtime").parse
		local word = (1 - sp)^1
		grammar = l.Cg(word, "a") * sp * word * sp * word * " [" * l.Cg((1 - l.P"]")^1 / ns, "ns") * '] "'
			* l.Cg(l.R"AZ"^3, "b") * sp * l.Cg(word, "c") * " HTTP/" * l.digit * "." * l.digit * '" '
			* l.Cg(l.digit^1 / tonumber, "d") * sp * l.Cg(l.digit^1 / tonumber, "e") * l.Cg(l.P(1)^0, "text")` + reuse
)

// BenchmarkDecodeProcessMessage measures decoders with a process_message.
func BenchmarkDecodeProcessMessage(b *testing.B) {
	for name, c := range map[string][3]string{
		"openstack": {openstackLua, "nova_nova-api", openstackLine},
		"syslog":    {syslogLua, "system.daemon", syslogLine},
		"nginx":     {nginxLua, "nginx_access", nginxLine},
	} {
		b.Run(name, func(b *testing.B) {
			decode(b, sandbox.Options{Name: name, Source: []byte(c[0])}, c[1], c[2])
		})
	}
}

// BenchmarkDecodeStackLight measures StackLight's own decoders, unchanged, from
// the folder in STACKLIGHT_LUA (the one that holds decoders/ and common/).
func BenchmarkDecodeStackLight(b *testing.B) {
	dir := os.Getenv("STACKLIGHT_LUA")
	if dir == "" {
		b.Skip("STACKLIGHT_LUA does not name a folder with StackLight's Lua files")
	}
	for name, c := range map[string]struct {
		logger, line string
		config       map[string]any
	}{
		"openstack_log":   {"nova_nova-api", openstackLine, nil},
		"generic_syslog":  {"system.daemon", syslogLine, map[string]any{"syslog_pattern": syslogTemplate}},
		"apache_wsgi_log": {"nginx_access", nginxLine, map[string]any{"logger": "nginx", "apache_log_pattern": apachePattern}},
	} {
		b.Run(name, func(b *testing.B) {
			opts := sandbox.Options{Name: name, Script: filepath.Join(dir, "decoders", name+".lua"), ModuleDirs: []string{filepath.Join(dir, "common")}, Config: c.config}
			decode(b, opts, c.logger, c.line)
		})
	}
}

// BenchmarkOpen measures starting a plugin.
func BenchmarkOpen(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		p, err := sandbox.Open(sandbox.Options{Kind: sandbox.KindFilter, Name: "x", Source: []byte(`function process_message() return 0 end`)})
		if err != nil {
			b.Fatal(err)
		}
		_ = p.Close(nil)
	}
}
