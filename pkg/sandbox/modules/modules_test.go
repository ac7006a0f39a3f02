package modules_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules"
)

// run runs a script of assertions with every module.
func run(t *testing.T, script string) {
	t.Helper()
	vm := luavm.New(luavm.Options{Instructions: 10_000_000, MemoryBytes: 64 << 20})
	defer vm.Close()
	for _, m := range modules.All(modules.Limits{Output: 63 << 10, Memory: 8 << 20}) {
		vm.Preload(m.Name, m.Open)
	}
	require.NoError(t, vm.Load("test.lua", `
		local function same(a, b) if a ~= b and (a == a or b == b) then error("got " .. tostring(a) .. ", want " .. tostring(b), 2) end end
		local function fails(text, f, ...)
			local ok, err = pcall(f, ...)
			if ok then error("no error, want " .. text, 2) end
			if not string.find(err, text, 1, true) then error("got error " .. err .. ", want " .. text, 2) end
		end
	`+script))
}

func TestScriptsCanFail(t *testing.T) {
	vm := luavm.New(luavm.Options{})
	defer vm.Close()
	require.Error(t, vm.Load("test.lua", `assert(1 == 2)`))
}

func TestCJSONEncode(t *testing.T) {
	run(t, `
	local c = require "cjson"
	same(c.encode{1, 2, 3}, "[1,2,3]")
	same(c.encode{}, "{}")
	same(c.encode{a = "x/y\"\\\n\1\127"}, '{"a":"x\\/y\\"\\\\\\n\\u0001\\u007f"}')
	same(c.encode(0.1 + 0.2), "0.3")
	same(c.encode(1e15), "1e+15")
	same(c.encode(123456789012), "123456789012")
	same(c.encode(-0.5e-7), "-5e-08")
	same(c.encode{[3] = 1}, "[null,null,1]")
	same(c.encode(c.null), "null")
	same(c.encode{[1] = 1, x = 2} == '{"1":1,"x":2}', true)
	fails("excessively sparse array", c.encode, {[1000] = 1})
	fails("must not be NaN or Inf", c.encode, 1/0)
	fails("type not supported", c.encode, print or function() end)
	fails("table key must be a number or string", c.encode, {[true] = 1})
	fails("strbuf output_limit exceeded", c.encode, string.rep("x", 70000))
	local deep = {} ; local t = deep
	for i = 1, 1001 do t[1] = {} ; t = t[1] end
	fails("excessive depth", c.encode, deep)
	c.encode_sparse_array(true)
	same(c.encode{[1000] = 1}, '{"1000":1}')
	c.encode_invalid_numbers("null")
	same(c.encode(0/0), "null")
	c.encode_number_precision(3)
	same(c.encode(3.14159), "3.14")
	same(c.new, nil)
	same(c.encode_keep_buffer, nil)
	same(cjson, c)`)
}

func TestCJSONDecode(t *testing.T) {
	run(t, `
	local c = require "cjson"
	local v = c.decode('{"a":[1,null,3],"b":null,"s":"\\u00e9\\ud83d\\ude00\\/","t":true,"n":-1.5e2}')
	same(v.a[1], 1) same(v.a[2], nil) same(v.a[3], 3) same(v.b, nil)
	same(v.s, "\195\169\240\159\152\128/") same(v.t, true) same(v.n, -150)
	same(c.decode("null"), nil)
	fails("Expected value but found invalid token at character 1", c.decode, "hello")
	fails("Expected value but found T_END at character 1", c.decode, "")
	fails("Expected object key string but found invalid token", c.decode, "{x}")
	fails("Expected comma or array end but found T_END at character 3", c.decode, "[1")
	fails("Expected the end but found T_NUMBER", c.decode, "1 2")
	fails("unexpected end of string", c.decode, '"abc')
	fails("invalid escape code", c.decode, '"\\x"')
	fails("invalid unicode escape code", c.decode, '"\\ud800"')
	fails("too many nested", c.decode, string.rep("[", 1001))
	fails("too long", c.decode, string.rep(" ", 5000000))
	fails("UTF-16", c.decode, "\0001")
	local ok, err = pcall(c.decode, "x")
	same(string.sub(err, 1, 8), "Expected")
	c.decode_null(true)
	same(c.decode("null"), c.null)
	c.decode_invalid_numbers(false)
	fails("invalid number", c.decode, "0x10")`)
}

func TestCircularBuffer(t *testing.T) {
	run(t, `
	local cb = require "circular_buffer"
	local b = cb.new(3, 2, 1)
	same(b:current_time(), 2e9)
	same(b:set_header(1, "Add column!", "count", "sum"), 1)
	local name, unit, method = b:get_header(1)
	same(name, "Add_column_") same(unit, "count") same(method, "sum")
	same(b:get(0, 1) ~= b:get(0, 1), true)
	same(b:add(0, 1, 2), 2) same(b:add(0, 1, 3), 5) same(b:set(1e9, 1, 7), 7)
	local sum, rows = b:compute("sum", 1)
	same(sum, 12) same(rows, 2)
	same(b:compute("avg", 1), 6) same(b:compute("min", 1), 5) same(b:compute("max", 1), 7)
	same(b:compute("variance", 1), 1) same(b:compute("sd", 1), 1)
	local none, active = b:compute("avg", 2)
	same(none ~= none, true) same(active, 0) same(b:compute("sum", 2), 0)
	same(b:add(10e9, 1, 1), 1) same(b:current_time(), 10e9)
	same(b:add(1e9, 1, 1), nil) same(b:get(1e9, 1), nil) same(b:get(11e9, 1), nil)
	same(b:compute("sum", 1, 0, 1e9), nil)
	same(b:compute("sum", 1), 1)
	b:set_header(2, "low", "ms", "min")
	same(b:set(10e9, 2, 5), 5) same(b:set(10e9, 2, 6), 5) same(b:set(10e9, 2, 4), 4)
	local r, c, s = b:get_configuration()
	same(r, 3) same(c, 2) same(s, 1)
	fails("rows must be > 1", cb.new, 1, 1, 1)
	fails("columns must be > 0", cb.new, 2, 0, 1)
	fails("seconds_per_row", cb.new, 2, 1, 0)
	fails("incorrect number of arguments", cb.new, 2)
	fails("not enough memory", cb.new, 100000, 100000, 1)
	fails("column out of range", b.add, b, 0, 3, 1)
	fails("end must be >= start", b.compute, b, "sum", 1, 2, 1)
	fails("too few values", b.fromstring, b, "1 2 3")
	fails("too many values", b.fromstring, b, "1 2 1 2 3 4 5 6 7")`)
}

func TestMannWhitney(t *testing.T) {
	run(t, `
	local b = require("circular_buffer").new(40, 1, 1)
	for i = 0, 9 do b:set(i * 1e9, 1, i) ; b:set((i + 10) * 1e9, 1, i + 5) end
	local u, p = b:mannwhitneyu(1, 0, 9e9, 10e9, 19e9)
	same(u, 12.5)
	same(p > 0.0021 and p < 0.0027, true)
	for i = 0, 19 do b:set(i * 1e9, 1, 3) end
	same(b:mannwhitneyu(1, 0, 9e9, 10e9, 19e9), nil)
	fails("must not overlap", b.mannwhitneyu, b, 1, 0, 9e9, 9e9, 19e9)`)
}

func TestStruct(t *testing.T) {
	run(t, `
	local s = require "struct"
	same(s.pack("<i4", 7), "\7\0\0\0")
	same(s.pack(">I2", 258), "\1\2")
	same(s.pack("<bHs", -1, 65535, "hi"), "\255\255\255hi\0")
	same(s.pack("<!4bi4", 1, 2), "\1\0\0\0\2\0\0\0")
	local a, b, c, d, next_ = s.unpack("<bHsd", s.pack("<bHsd", -1, 65535, "hi", 1.5))
	same(a, -1) same(b, 65535) same(c, "hi") same(d, 1.5) same(next_, 15)
	same(s.unpack(">f", s.pack(">f", 0.5)), 0.5)
	same(s.unpack("<Bc0", "\3abcd"), "abc")
	same(s.unpack("<i8", s.pack("<i8", -5)), -5)
	same(s.size("<!8bd"), 16)
	same(s.size(">i3x"), 4)
	fails("data string too short", s.unpack, "<i4", "abc")
	fails("invalid format option", s.pack, "q", 1)
	fails("integral size 9", s.pack, "i9", 1)
	fails("variable-size", s.size, "s")
	fails("unfinished string", s.unpack, "s", "abc")
	fails("string too short", s.pack, "c5", "abc")`)
}

func TestSketches(t *testing.T) {
	run(t, `
	local hll = require("hyperloglog").new()
	same(hll:add("a"), true) same(hll:add("a"), false)
	for i = 1, 10000 do hll:add(i) end
	local n = hll:count()
	same(n > 9800 and n < 10200, true)
	local other = hyperloglog.new()
	for i = 5000, 15000 do other:add(i) end
	local both = hyperloglog.count(hll, other)
	same(both > 14600 and both < 15400, true)
	same(hyperloglog.merge(hll, other):count(), both)
	hll:clear() same(hll:count(), 0)
	fails("bytes found", hll.fromstring, hll, "x")

	local bf = require("bloom_filter").new(1000, 0.01)
	local wrong = 0
	for i = 1, 1000 do bf:add(i) end
	for i = 1, 1000 do same(bf:query(i), true) end
	for i = 1001, 11000 do if bf:query(i) then wrong = wrong + 1 end end
	same(wrong < 250, true)
	same(bf:count() > 950, true)
	bf:clear() same(bf:count(), 0) same(bf:query(1), false)
	fails("items must be > 1", bloom_filter.new, 1, 0.1)
	fails("probability", bloom_filter.new, 10, 1)

	local cf = require("cuckoo_filter").new(1000)
	for i = 1, 1000 do same(cf:add(i), true) end
	same(cf:count(), 1000)
	for i = 1, 1000 do same(cf:query(i), true) end
	same(cf:delete(1), true) same(cf:delete(1), false) same(cf:query(1), false) same(cf:count(), 999)
	same(cf:add(2), false)
	local full = cuckoo_filter.new(5)
	local added = 0
	for i = 1, 100 do if full:add(i) then added = added + 1 end end
	same(full:count(), added) same(added <= 16, true)
	cf:clear() same(cf:count(), 0)
	fails("items must be > 4", cuckoo_filter.new, 4)
	fails("must be a string or number", cf.add, cf, {})`)
}
