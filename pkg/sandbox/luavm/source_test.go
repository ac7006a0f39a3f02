package luavm_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/internal/effort"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// TestLargestSource loads the densest chunks that the source limit lets through.
func TestLargestSource(t *testing.T) {
	const size = 256 << 10
	for name, unit := range map[string]string{
		"assignments": "x=1\n",
		"calls":       "f()\n",
		"tables":      "x={{},{},{}}\n",
		"locals":      "do local a,b=1,2 end\n",
		"functions":   "f=function()end\n",
	} {
		t.Run(name, func(t *testing.T) {
			vm := open(t, luavm.Options{Instructions: 1_000_000, MemoryBytes: 8 << 20})
			vm.SetGlobal("f", vm.Global("type"))
			before := heap()
			cost := effort.Start()
			_, err := vm.Compile("big.lua", strings.Repeat(unit, size/len(unit)))
			t.Logf("%s, %d MiB kept, error %v", cost.Spent(), (heap()-before)>>20, err)
			require.Less(t, cost.Spent(), 2*time.Second)
		})
	}
	vm := open(t, luavm.Options{Instructions: 1000})
	_, err := vm.Compile("big.lua", strings.Repeat(" ", size+1))
	require.ErrorIs(t, err, luavm.ErrSyntax)
}

func TestSyntaxErrors(t *testing.T) {
	vm := open(t, luavm.Options{})
	for source, text := range map[string]string{
		"x = = 1":                     "a.lua:1: unexpected symbol near '='",
		"x = 1\ny = }":                "a.lua:2: unexpected symbol near '}'",
		"goto continue":               "a.lua:1:",
		"::label::":                   "a.lua:1:",
		"break":                       "a.lua:1: no loop to break",
		"\x1bLuaQ":                    "a.lua: precompiled chunks are not supported",
		"for i = 1 do end":            "a.lua:1:",
		"return function() return ..": "near",
	} {
		_, err := vm.Compile("a.lua", source)
		require.ErrorIs(t, err, luavm.ErrSyntax, source)
		require.Contains(t, err.Error(), text, source)
	}
}

func TestRequire(t *testing.T) {
	sources := map[string]string{
		"plain":    "return {x = 1}",
		"fenced":   "local M = {} local string = string setfenv(1, M) function f(s) return string.upper(s) end return M",
		"classic":  "module(..., package.seeall) function f() return type(1) end",
		"a.b":      "return ...",
		"broken":   "x = = 1",
		"circular": "return require 'circular'",
		"nothing":  "y = 1",
	}
	vm := open(t, luavm.Options{Instructions: 100_000, Loader: func(name string) ([]byte, string, []string, error) {
		if s, ok := sources[name]; ok {
			return []byte(s), name + ".lua", nil, nil
		}
		return nil, "", []string{"/modules/" + name + ".lua"}, nil
	}})
	require.NoError(t, vm.Load("a.lua", `
assert(require("plain").x == 1 and require("plain") == require("plain") and plain == nil)
assert(require("fenced").f("a") == "A")
assert(require("classic").f() == "number" and classic._NAME == "classic")
assert(require("a.b") == "a.b" and require("nothing") == true)
assert(require("string") == string and require("os") == os and require("_G") == _G)
local function fails(name, text)
  local ok, e = pcall(require, name)
  assert(not ok and e:find(text, 1, true), e)
end
fails("missing", "module 'missing' not found:\n\tno field package.preload['missing']\n\tno file '/modules/missing.lua'")
fails("broken", "error loading module 'broken' from file 'broken.lua':\n\tbroken.lua:1: unexpected symbol near '='")
fails("circular", "loop or previous error loading module 'circular'")
fails("../plain", "invalid module name")
`))
}
