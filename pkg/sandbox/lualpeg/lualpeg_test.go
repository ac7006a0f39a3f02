package lualpeg_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/lualpeg"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// open makes a state with the modules lpeg and re.
func open(t *testing.T) (*luavm.VM, *lualpeg.Binding) {
	t.Helper()
	vm := luavm.New(luavm.Options{Trusted: true})
	t.Cleanup(vm.Close)
	b := lualpeg.Open(vm.L)
	vm.Preload("lpeg", b.Loader)
	vm.Preload("re", b.LoaderRe)
	return vm, b
}

// eval runs a chunk and returns the global result as text.
func eval(t *testing.T, vm *luavm.VM, chunk string) string {
	t.Helper()
	vm.SetGlobal("result", lua.LNil)
	require.NoError(t, vm.Load("test", `local lpeg = require "lpeg"; `+chunk))
	return vm.L.ToStringMeta(vm.Global("result")).String()
}

// TestCases compares with the results of LPeg 1.0.2 under Lua 5.1, and these
// with the installed ones if there are any.
func TestCases(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "cases.golden"))
	require.NoError(t, err)
	script, err := os.ReadFile(filepath.Join("testdata", "cases.lua"))
	require.NoError(t, err)
	vm, _ := open(t)
	chunk := strings.Replace(string(script), "return table.concat(lines", "output = table.concat(lines", 1)
	require.NoError(t, vm.Load("cases.lua", chunk))
	require.Empty(t, cmp.Diff(string(golden), vm.Global("output").String()))

	exe, err := exec.LookPath("lua5.1")
	if err != nil || exec.CommandContext(t.Context(), exe, "-e", `require "lpeg"`).Run() != nil {
		t.Log("lua5.1 with lpeg is not installed: compared with the recorded results only")
		return
	}
	out, err := exec.CommandContext(t.Context(), exe, "-e", `io.write(dofile("testdata/cases.lua"))`).Output()
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(out), string(golden)))
}

func TestRegisteredFunctionSeesCapturesWithoutLua(t *testing.T) {
	vm, b := open(t)
	vm.Register("seconds", func(L *lua.LState) int {
		L.RaiseError("the Lua function was called")
		return 0
	})
	fn, ok := vm.Global("seconds").(*lua.LFunction)
	require.True(t, ok)
	b.Register(fn, lpeg.FoldFunc(func(args []lpeg.Value) (lpeg.Value, error) {
		h, _ := args[0].Table().Get("hour")
		m, _ := args[0].Table().Get("min")
		return lpeg.NumberValue(h.Number*3600 + m.Number*60), nil
	}))
	got := eval(t, vm, `
		local d2 = lpeg.R"09" * lpeg.R"09" / tonumber
		local t = lpeg.Ct(lpeg.Cg(d2, "hour") * ":" * lpeg.Cg(d2, "min")) / seconds
		local out = lpeg.Ct(lpeg.Cg(t, "at") * " " * lpeg.Cg(lpeg.P(1)^1, "rest")):match("02:03 x")
		result = out.at .. "/" .. out.rest`)
	require.Equal(t, "7380/x", got)
}

func TestValuesGiveCapturesToGo(t *testing.T) {
	vm, b := open(t)
	eval(t, vm, `
		local C, Cg, Ct, digit = lpeg.C, lpeg.Cg, lpeg.Ct, lpeg.R"09"
		grammar = Ct(Cg(digit^1 / tonumber, "Pid") * " " * Cg(Ct(Cg("x", "value") * Cg(lpeg.Cc"B", "representation")), "size")
			* " " * Cg(lpeg.P(1)^1 / function(s) return s:upper() end, "Payload") * lpeg.Cc(true))`)
	p, ok := b.Pattern(vm.Global("grammar"))
	require.True(t, ok)
	ev := b.Values(vm.L)
	for range 3 {
		vals, end, err := ev.Match(p, "31 x abc", 0, nil)
		require.NoError(t, err)
		require.Equal(t, 8, end)
		require.Len(t, vals, 1)
		tab := vals[0].Table()
		require.Equal(t, []string{"Pid", "size", "Payload"}, []string{tab.Named[0].Name, tab.Named[1].Name, tab.Named[2].Name})
		pid, _ := tab.Get("Pid")
		require.Equal(t, lpeg.NumberValue(31), pid)
		size, _ := tab.Get("size")
		unit, _ := size.Table().Get("representation")
		require.Equal(t, "B", unit.Text)
		text, _ := tab.Get("Payload")
		require.Equal(t, "ABC", text.Text)
		require.Equal(t, []lpeg.Value{lpeg.BoolValue(true)}, tab.Array)
	}
}

func TestPatternsAreShared(t *testing.T) {
	vm, _ := open(t)
	require.Equal(t, "true", eval(t, vm, `
		local function build() return lpeg.P{ lpeg.P"Traceback" + 1 * lpeg.V(1) } end
		result = rawequal(build(), build()) and not rawequal(build(), lpeg.P"Traceback")`))
}

func TestReusedTable(t *testing.T) {
	vm, _ := open(t)
	require.Equal(t, "true nil 2", eval(t, vm, `
		local t = {}
		local p = lpeg.Cr(lpeg.Cg(lpeg.P"a", "a")^-1 * lpeg.Cg(lpeg.R"09", "n"), t)
		p:match"a1"
		local same = p:match"2" == t
		result = tostring(same) .. " " .. tostring(t.a) .. " " .. t.n`))
}

// TestCapturedTablesAreIndependent guards the copying of model tables.
func TestCapturedTablesAreIndependent(t *testing.T) {
	vm, _ := open(t)
	require.Equal(t, "a=1,b=2,c=3,d=9|a=4,b=5,d=8|a=6,b=7|a=1,b=2", eval(t, vm, `
		local d = lpeg.R"09"
		local p = lpeg.Ct(lpeg.Cg(d, "a") * lpeg.Cg(d, "b"))
		p:match"00"
		local x, y, z, w = p:match"12", p:match"45", p:match"67", p:match"12"
		x.c = 3; x.d = 9; y.d = 8; w.e = 1; w.e = nil
		local function show(t)
			local parts = {}
			for k, v in pairs(t) do parts[#parts + 1] = k .. "=" .. v end
			table.sort(parts)
			return table.concat(parts, ",")
		end
		result = show(x) .. "|" .. show(y) .. "|" .. show(z) .. "|" .. show(w)`))
}

func TestMatchWithinMatch(t *testing.T) {
	vm, _ := open(t)
	require.Equal(t, "ab-2", eval(t, vm, `
		local inner = lpeg.C(lpeg.P(1)) * lpeg.Cp()
		local p = lpeg.Cs((lpeg.C(1) / function(c) return (inner:match(c)) end)^0) * lpeg.Cmt("", function(s)
			local ok = pcall(lpeg.match, lpeg.Cmt(1, error), s)
			return not ok, select(2, inner:match(s))
		end)
		local text, n = p:match"ab"
		result = text .. "-" .. n`))
}
