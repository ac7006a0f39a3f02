package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tocsinLua runs "tocsin lua" on a script in a temporary folder.
func tocsinLua(t *testing.T, source string, args ...string) (code int, out, errText string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script.lua")
	require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
	var stdout, stderr bytes.Buffer
	for i, a := range args {
		if a == "SCRIPT" {
			args[i] = file
		}
	}
	code = runLua(t.Context(), streams{strings.NewReader("from stdin\n"), &stdout, &stderr}, args)
	return code, stdout.String(), stderr.String()
}

func TestLuaArguments(t *testing.T) {
	code, out, _ := tocsinLua(t, "#!/usr/bin/lua\nprint(#arg, arg[1], arg[2], ...) io.write(1.5, '\\n') print(arg[0] ~= nil)", "SCRIPT", "a", "-b")
	require.Equal(t, exitOK, code)
	require.Equal(t, "2\ta\t-b\ta\t-b\n1.5\ntrue\n", out)
}

func TestLuaExit(t *testing.T) {
	code, out, _ := tocsinLua(t, "io.write('kept') pcall(os.exit, 7) print('never')", "SCRIPT")
	require.Equal(t, 7, code)
	require.Equal(t, "kept", out)
	code, _, _ = tocsinLua(t, "coroutine.wrap(function() os.exit(3) end)() ", "SCRIPT")
	require.Equal(t, 3, code)
}

func TestLuaError(t *testing.T) {
	code, _, errText := tocsinLua(t, "local function f()\n  local x = nothing.at.all\nend\nf()", "SCRIPT")
	require.Equal(t, exitFindings, code)
	require.Contains(t, errText, "script.lua:2: attempt to index global 'nothing' (a nil value)")
	require.Contains(t, errText, "stack traceback:")
	require.Contains(t, errText, "in function 'f'")
	code, _, errText = tocsinLua(t, "x = = 1", "SCRIPT")
	require.Equal(t, exitFindings, code)
	require.Contains(t, errText, "script.lua:1: unexpected symbol near '='")
}

func TestLuaModules(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mine.lua"), []byte("return {name = ...}"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "date_time.lua"), []byte("return 'replaced'"), 0o600))
	code, out, errText := tocsinLua(t, "print(require('mine').name, require('date_time'))", "-I", dir, "SCRIPT")
	require.Equal(t, exitOK, code, errText)
	require.Equal(t, "mine\treplaced\n", out)
	t.Setenv("LUA_PATH", dir+"/?.lua;;")
	code, out, errText = tocsinLua(t, "print(require('mine').name, package.path:find('./?.lua', 1, true) ~= nil)", "SCRIPT")
	require.Equal(t, exitOK, code, errText)
	require.Equal(t, "mine\ttrue\n", out)
	code, out, errText = tocsinLua(t, `
package.path = ""
local lpeg, cjson = require "lpeg", require "cjson"
require "re" require "circular_buffer" require "string"
print(lpeg.match(lpeg.P"a"^1, "aab"), cjson.encode({1, 2}), type(require("date_time")))
print(select(2, pcall(require, "nowhere")))`, "SCRIPT")
	require.Equal(t, exitOK, code, errText)
	require.True(t, strings.HasPrefix(out, "3\t[1,2]\ttable\n"), out)
	require.Contains(t, out, "module 'nowhere' not found:\n\tno field package.preload['nowhere']\n\tno file ")
}

func TestLuaUsage(t *testing.T) {
	code, _, errText := tocsinLua(t, "")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errText, "Usage:")
	code, _, _ = tocsinLua(t, "", "--nonsense", "SCRIPT")
	require.Equal(t, exitUsage, code)
	code, _, errText = tocsinLua(t, "", "/nowhere.lua")
	require.Equal(t, exitFindings, code)
	require.Contains(t, errText, "/nowhere.lua")
}
