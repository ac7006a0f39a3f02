package luavm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// TestCoroutines: what PUC Lua 5.1 answers.
func TestCoroutines(t *testing.T) {
	vm := open(t, luavm.Options{Trusted: true})
	require.NoError(t, vm.Load("a.lua", `
local function same(want, ...)
  local got = {}
  for i = 1, select("#", ...) do got[i] = tostring((select(i, ...))) end
  got = table.concat(got, " ")
  if got ~= want then error(got .. ", not " .. want, 2) end
end

local w = coroutine.wrap(function() end)
w()
same("false cannot resume dead coroutine", pcall(w))
same("false a.lua:12: cannot resume dead coroutine", pcall(function() w() end))
w = coroutine.wrap(function() error("w") end)
same("false a.lua:14: a.lua:13: w", pcall(function() w() end))
w = coroutine.wrap(function() error("w") end)
same("false a.lua:15: w", pcall(w))

local a, b
a = coroutine.create(function() return coroutine.resume(b) end)
b = coroutine.create(function() return coroutine.status(a), coroutine.resume(a) end)
same("true true normal false cannot resume normal coroutine", coroutine.resume(a))
same("false cannot resume running coroutine", coroutine.wrap(function()
  return coroutine.resume(coroutine.running())
end)())

local refused = "attempt to yield across metamethod/C-call boundary"
same("false " .. refused, pcall(coroutine.yield))
same("true false " .. refused, coroutine.resume(coroutine.create(function() return pcall(coroutine.yield, 1) end)))
same("false " .. refused, coroutine.resume(coroutine.create(function()
  return string.gsub("a", "a", function() coroutine.yield(7) end)
end)))
same("false " .. refused, coroutine.resume(coroutine.create(function()
  return setmetatable({}, {__index = coroutine.yield}).x
end)))

local depth = 0
local function deeper()
  depth = depth + 1
  return coroutine.resume(coroutine.create(deeper))
end
local ok, why = deeper()
while ok and why ~= nil do ok, why = why, nil end
assert(depth < 250, depth)

same("false bad argument #1 to '?' (coroutine expected)", pcall(coroutine.resume, 1))
same("false bad argument #1 to '?' (coroutine expected)", pcall(coroutine.status, 1))
`))
}

// TestNestedCalls: recursion through the host ends as in PUC Lua 5.1.
func TestNestedCalls(t *testing.T) {
	vm := open(t, luavm.Options{Trusted: true})
	require.NoError(t, vm.Load("a.lua", `
local depth = 0
local function f() depth = depth + 1 return (string.gsub("a", "a", f)) end
local ok, why = pcall(f)
assert(not ok and why:find("C stack overflow"), why)
assert(depth > 150 and depth < 200, depth)
depth = 0
ok, why = pcall(f)
assert(depth > 150, "the depth is as it was before: " .. depth)

assert(select(2, xpcall(error, function() error("again") end)) == "error in error handling")
local n = 0
ok, why = xpcall(function() error("one", 0) end, function(m) n = n + 1 if n == 1 then error("two", 0) end return m .. " handled" end)
assert(not ok and why == "two handled", why)

local t = setmetatable({1, 2}, {__len = function() return 42 end, __tostring = function() return "T" end, __metatable = false})
assert(#t == 2 and tostring(t) == "T")
local fn, text = load(function() error("gone", 0) end)
assert(fn == nil and text == "gone")
fn, text = load(function() return {} end)
assert(fn == nil and text == "a.lua:20: reader function must return a string", text)
assert(not tostring(print):find("builtin"))

package.loaders[#package.loaders + 1] = function(name) return name == "made.up" and function(n) return n .. "!" end or "\n\tnowhere" end
assert(require("made.up") == "made.up!")
ok, why = pcall(require, "not.there")
assert(why:find("module 'not.there' not found:\n\tno field package.preload['not.there']\n\tno file", 1, true) and why:find("\n\tnowhere", 1, true), why)
`))
}
