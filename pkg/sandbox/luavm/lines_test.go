package luavm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// TestLinesOfErrors: an error in an expression of several lines names the line
// that PUC Lua 5.1 names.
func TestLinesOfErrors(t *testing.T) {
	vm := open(t, luavm.Options{})
	for source, text := range map[string]string{
		"local a\nlocal x = 1 +\n a":                      "3: attempt to perform arithmetic on local 'a' (a nil value)",
		"local a\nlocal x = a\n + 1":                      "3: attempt to perform arithmetic on local 'a' (a nil value)",
		"local a\nlocal x = a ..\n 'x' ..\n'y'":           "4: attempt to concatenate local 'a' (a nil value)",
		"local x = (1 +\n2) ..\n{}":                       "3: attempt to concatenate a table value",
		"return -\n{}":                                    "2: attempt to perform arithmetic on a table value",
		"local a = {}\nif a\n< 1\n then\n end":            "3: attempt to compare table with number",
		"local t = {}\nt.x\n.y\n.z = 1":                   "3: attempt to index field 'x' (a nil value)",
		"local t\nlocal y = t[\n1]":                       "3: attempt to index local 't' (a nil value)",
		"repeat local x = nil\nuntil x.y\n == 1":          "3: attempt to index local 'x' (a nil value)",
		"local t\nt\n.x\n= 5":                             "4: attempt to index local 't' (a nil value)",
		"local t = {}\nt[\nnil\n] = 5":                    "4: table index is nil",
		"x = {\n a = \nnil + 1\n}":                        "3: attempt to perform arithmetic on a nil value",
		"undefined(\n1\n)":                                "1: attempt to call global 'undefined' (a nil value)",
		"local s = 'x'\nlocal y = s\n:foo(1)":             "3: attempt to call method 'foo' (a nil value)",
		"x = nil\nlocal r = x\n 'str'":                    "3: attempt to call global 'x' (a nil value)",
		"for i = 1,\n {} do end":                          "2: 'for' limit must be a number",
		"for i in\n 5\n do\n end":                         "2: attempt to call a number value",
		"local function f()\n error('x', 2)\nend\nf(1\n)": "4: x",
	} {
		require.EqualError(t, vm.Load("a.lua", source), "a.lua:"+text, source)
	}
}
