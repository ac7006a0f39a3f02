package luavm_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// items is a list of n constants for a table constructor.
func items(n int) string { return strings.Repeat("7,", n) }

// chunks are whole scripts that print; the golden answer is PUC Lua's own.
var chunks = map[string]string{
	"swap of locals":             `local x, y = 1, 2; x, y = y, x; print(x, y)`,
	"swap of parameters":         `local function f(a, b) a, b = b, a; return a, b end print(f(1, 2))`,
	"rotation":                   `local a, b, c = 1, 2, 3; a, b, c = c, a, b; print(a, b, c)`,
	"swap of fields":             `local t = {1, 2}; t[1], t[2] = t[2], t[1]; print(t[1], t[2])`,
	"swap of upvalues":           `local x, y = 1, 2; (function() x, y = y, x end)(); print(x, y)`,
	"index before assignment":    `local i, a = 3, {}; i, a[i] = i + 1, 20; print(i, a[3], a[4])`,
	"assignment before index":    `local i, a = 3, {}; a[i], i = 20, i + 1; print(i, a[3], a[4])`,
	"object that is assigned":    `local a = {}; local b = a; a.x, a = 1, 2; print(a, b.x)`,
	"fewer values":               `local a, b, c = 1, 2, 3; a, b, c = 9; print(a, b, c)`,
	"more values":                `local function f() print("called") return 5 end local a, b = 1, 2; a, b = 3, 4, f(); print(a, b)`,
	"values of a call":           `local function f() return 1, 2, 3 end local a, b, c, d; a, b, c, d = 0, f(); print(a, b, c, d) a, b = f(); print(a, b) a, b = (f()); print(a, b)`,
	"values of ...":              `local function f(...) local a, b, c; a, b, c = ...; return a, b, c end print(f(1, 2))`,
	"globals and fields":         `t = {}; x, t.a, t["b"], t[1] = 1, 2, 3, 4; print(x, t.a, t.b, t[1])`,
	"key that a call changes":    `local k = "a"; local t = {}; local function f() k = "b" return 1 end t[k], x = f(), 2; print(t.a, t.b)`,
	"object that is a constant":  `print(pcall(function() local z; ("x").y, z = 1, 2 end))`,
	"batch and call":             `local function f() return 1, 2, 3 end local t = {` + items(50) + `f()}; print(#t, t[50], t[51], t[53])`,
	"batch and ...":              `local function f(...) local t = {` + items(50) + `...}; return #t, t[51] end print(f(8, 9))`,
	"more than a batch and call": `local function f() return 1, 2 end local t = {` + items(73) + `f()}; print(#t, t[73], t[74], t[75])`,
	"batch and keyed fields":     `local t = {` + items(50) + `a = 1, b = 2, 8, 9}; print(#t, t[50], t[51], t[52], t.a, t.b)`,
	"keyed call at the end":      `local function f() return 1, 2, 3 end local t = {5, x = f()}; print(#t, t.x, t[2])`,
	"call in the middle":         `local function f() return 1, 2, 3 end local t = {f(), f()}; print(#t)`,
	"26,000 values":              `local t = {` + items(26_000) + `1}; print(#t, t[25551], t[26001])`,
	"function that has no name":  `f = 5; local f = function() return f end; print(f())`,
	"function that has a name":   `local function f(n) if n == 0 then return "end" end return f(n - 1) end print(f(3))`,
	"goto is a name":             `local goto = 1; goto = goto + 1; print(goto, ({goto = 3}).goto)`,
	"clearing while traversing":  `local t = {1, 2, 3, a = 1, b = 2, c = 3}; local n = 0 for k in pairs(t) do t[k] = nil; n = n + 1 end print(n, next(t))`,
	"storing while traversing":   `local t = {a = 1, b = 2, c = 3}; for k, v in pairs(t) do t[k] = v * 2 end print(t.a, t.b, t.c)`,
	"many keys that come and go": `local t = {} for i = 1, 5000 do t["k" .. i] = i; t["k" .. i - 10] = nil end local n = 0 for k, v in pairs(t) do n = n + v end print(n, t.k5000, t.k4990)`,
	"numbers behind the array":   `local t = {} for i = 20, 1, -1 do t[i] = i end print(#t, t[20]) t[100] = 1; print(#t, t[100]) for i = 21, 99 do t[i] = i end print(#t)`,
	"keys that are numbers":      `local t = {[1.5] = 1, [-1] = 2, [0] = 3, [2^53] = 4, [1e300] = 5}; print(t[1.5], t[-1], t[0], t[-0], t[2^53], t[1e300])`,
	"the empty string as a key":  `local t = {[""] = 1, [true] = 2}; t[1.5] = 3; print(t[""], t[true], t[false]) t[""] = nil; print(t[""], t[true], t[1.5])`,
	"array that shrinks":         `local t = {} for i = 1, 10 do t[i] = i end for i = 10, 4, -1 do t[i] = nil end print(#t) t[4] = 1; print(#t) table.insert(t, 9) print(#t, t[5])`,
	"insert and remove":          `local t = {1, 2, 3} table.insert(t, 1, 0) table.insert(t, 3, 9) print(table.concat(t, " ")) print(table.remove(t, 1), table.remove(t), table.concat(t, " "))`,
	"joining after a choice":     `local a, b = "x", "y"; print(a .. (a and b .. a), a .. (nil or b .. b) .. a)`,
	"joining with metamethods":   `local m = setmetatable({}, {__concat = function(a, b) return (type(a) == "table" and "T" or a) .. "|" .. (type(b) == "table" and "T" or b) end}) print("a" .. "b" .. m .. "c" .. 1, m .. m)`,
	"arithmetic on numerals":     `local m = setmetatable({}, {__add = function(a, b) return "added" end}) print("10" + 5, "0x10" * "2", -"3", "5" + m, 5 % math.huge, -5 % 3)`,
	"loops over numerals":        `for i = "1", "3" do io.write(i, " ") end print(pcall(function() for i = 1, {} do end end))`,
	"minus zero":                 `local z = -0; local t = {0 * -1}; print(1 / (0 * -1), t[1], 0 * -1 == 0)`,
	"closures after an error":    `local n = 0 local function inc() n = n + 1 end pcall(function() inc() error("x") end) inc() print(n)`,
	"names in errors": `
local t, s = {}, "x"
local function show(f, ...) print(select(2, pcall(f, ...))) end
show(function() return t.a.b end) show(function() return undefinedname.x end) show(function() t.x.y.z = 1 end)
show(function() local q; q() end) show(function() t.f() end) show(function() t:m() end) show(function() s:nope() end)
show(function() return 1 + nil end) show(function() return t + 1 end) show(function() return t.n * 2 end) show(function(a) return a - 1 end)
show(function() return "a" .. {} end) show(function() return s .. t.y .. s end) show(function() return #nothing end) show(function() return -t end)
show(function() return 1 < "2" end) show(function() return {} < {} end) show(function() return nil <= 1 end)
show(function() t[nil] = 1 end) show(function() t[0/0] = 1 end) show(function() string.rep() end) show(function() ("x"):rep({}) end)
show(function() local a = {} ; a.b.c() end) show(function() for i = 1, "x" do end end) show(function() for k in 5 do end end)`,
	"coroutines": `
local co = coroutine.create(function(a, b) local c = coroutine.yield(a + b); error("oops " .. c) end)
print(coroutine.resume(co, 1, 2)) print(coroutine.resume(co, "x")) print(coroutine.resume(co)) print(coroutine.status(co))
for v in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do io.write(v, " ") end print()`,
}

// TestChunksAgainstLua runs whole scripts here and in the lua5.1 of this machine.
func TestChunksAgainstLua(t *testing.T) {
	puc, err := exec.LookPath("lua5.1")
	if err != nil {
		t.Skip("lua5.1 is not installed")
	}
	for name, source := range chunks {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), puc, "-")
			cmd.Stdin = strings.NewReader(source)
			want, err := cmd.CombinedOutput()
			require.NoError(t, err, string(want))
			var got bytes.Buffer
			vm := open(t, luavm.Options{Trusted: true, Stdout: &got})
			require.NoError(t, vm.Load("=stdin", source))
			require.Equal(t, string(want), got.String())
		})
	}
}
