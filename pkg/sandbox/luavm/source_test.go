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

// TestSyntaxErrors: the texts are those of PUC Lua 5.1.
func TestSyntaxErrors(t *testing.T) {
	vm := open(t, luavm.Options{})
	for source, text := range map[string]string{
		"x = = 1":                               "1: unexpected symbol near '='",
		"x = 1\ny = }":                          "2: unexpected symbol near '}'",
		"goto continue":                         "1: '=' expected near 'continue'",
		"::label::":                             "1: unexpected symbol near ':'",
		"break":                                 "1: no loop to break near '<eof>'",
		"while x do break y() end":              "1: 'end' expected near 'y'",
		"function f() while x do end break end": "1: no loop to break near 'end'",
		"for i = 1 do end":                      "1: ',' expected near 'do'",
		"for a do end":                          "1: '=' or 'in' expected near 'do'",
		"for a, 1 in x do end":                  "1: '<name>' expected near '1'",
		"return function() return ..":           "1: unexpected symbol near '..'",
		"return 1 x = 2":                        "1: '<eof>' expected near 'x'",
		"if x then\ny()\n":                      "3: 'end' expected (to close 'if' at line 1) near '<eof>'",
		"if x then":                             "1: 'end' expected near '<eof>'",
		"end":                                   "1: '<eof>' expected near 'end'",
		"repeat\nx()":                           "2: 'until' expected (to close 'repeat' at line 1) near '<eof>'",
		"f(\n1":                                 "2: ')' expected (to close '(' at line 1) near '<eof>'",
		"f\n(1)":                                "2: ambiguous syntax (function call x new statement) near '('",
		"x = {1\n2}":                            "2: '}' expected (to close '{' at line 1) near '2'",
		"x = {[1] 2}":                           "1: '=' expected near '2'",
		"a.b":                                   "1: '=' expected near '<eof>'",
		"a.b:c = 1":                             "1: function arguments expected near '='",
		"f() = 1":                               "1: unexpected symbol near '='",
		"(f) = 1":                               "1: syntax error near '='",
		"x, f() = 1":                            "1: syntax error near '='",
		"local 1":                               "1: '<name>' expected near '1'",
		"function f(a,) end":                    "1: <name> or '...' expected near ')'",
		"function f(a b) end":                   "1: ')' expected near 'b'",
		"function f() return ... end":           "1: cannot use '...' outside a vararg function near '...'",
		"x = 1;;":                               "1: unexpected symbol near ';'",
		"x = 3x":                                "1: malformed number near '3x'",
		"x = 0x":                                "1: malformed number near '0x'",
		"x = 3..2":                              "1: malformed number near '3..2'",
		"x = 1e+":                               "1: malformed number near '1e+'",
		"x = \"abc":                             "1: unfinished string near '<eof>'",
		"x = \"abc\n\"":                         "1: unfinished string near '\"abc'",
		"x = '\\999'":                           "1: escape sequence too large near '''",
		"x = 'a' 'b'":                           "1: unexpected symbol near ''b''",
		"x = [[abc\n":                           "2: unfinished long string near '<eof>'",
		"x = [==[ ]=]":                          "1: unfinished long string near '<eof>'",
		"x = [=a":                               "1: invalid long string delimiter near '[='",
		"x = [[a [[b]] ]]":                      "1: nesting of [[...]] is deprecated near '['",
		"--[[ abc":                              "1: unfinished long comment near '<eof>'",
		"@":                                     "1: unexpected symbol near '@'",
		"\x01":                                  "1: unexpected symbol near 'char(1)'",
		"~ = 1":                                 "1: unexpected symbol near '~'",
		"#x = 1":                                "1: unexpected symbol near '#'",
		"x = " + strings.Repeat("(", 2000):      "1: chunk has too many syntax levels near '('",
	} {
		_, err := vm.Compile("a.lua", source)
		require.ErrorIs(t, err, luavm.ErrSyntax, source)
		require.EqualError(t, err, "a.lua:"+text, source)
	}
	_, err := vm.Compile("a.lua", "\x1bLuaQ")
	require.EqualError(t, err, "a.lua: precompiled chunks are not supported")
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
