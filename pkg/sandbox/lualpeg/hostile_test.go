package lualpeg_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/internal/effort"
	"github.com/tocsin-lma/tocsin/pkg/lpeg"
)

// TestHostilePatterns runs patterns that would go on for very long, or fill
// the memory, and names the limit that stops each.
func TestHostilePatterns(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"exponential backtracking", `
			local p = lpeg.P"a"
			for _ = 1, 40 do p = (p * lpeg.P"x" + p * lpeg.P"y" + lpeg.P"a") end
			p:match(("a"):rep(100))`, "too big"},
		{"exponential grammar", `
			local g = { lpeg.V"r1" }
			for i = 1, 60 do g["r" .. i] = lpeg.V("r" .. i + 1) * "x" + lpeg.V("r" .. i + 1) * "y" end
			g.r61 = lpeg.P"a"
			lpeg.match(g, "a")`, "step limit"},
		{"quadratic search", `
			local p = lpeg.P{ lpeg.P"a"^0 * "b" + 1 * lpeg.V(1) }
			p:match(("a"):rep(300000))`, "step limit"},
		{"deep recursion", `
			lpeg.setmaxstack(1e9)
			lpeg.match({ "(" * lpeg.V(1) * ")" + "x" }, ("("):rep(400000))`, "backtrack stack overflow"},
		{"too many captures", `(lpeg.C(1)^0):match(("a"):rep(300000))`, "too many captures"},
		{"doubling pattern", `local p = lpeg.P"a" for _ = 1, 60 do p = p * p end`, "too big"},
		{"huge repetition", `local p = lpeg.P"a" ^ 1e9`, "too big"},
		{"huge option", `local p = lpeg.P"a" ^ -1e9`, "too big"},
		{"doubling text", `
			local p = lpeg.C(1) / "%1"
			for _ = 1, 60 do p = p / "%1%1" end
			p:match"a"`, "limit"},
		{"nested captures", `
			local p = lpeg.C(1)
			for _ = 1, 5000 do p = lpeg.Ct(p) end
			p:match"a"`, "nesting too deep"},
		{"back references", `
			local p = lpeg.Cg(lpeg.C(1), "g")
			((lpeg.Cg("a", "x")^1 * lpeg.Cb"g"^-1)):match(("a"):rep(90000))`, ""},
		{"deep pattern", `
			local p = lpeg.P"z"
			for i = 1, 30000 do p = p * "x" + lpeg.P"y" end
			p:match("zx")`, ""},
		{"empty loop", `lpeg.P{ lpeg.V"e"^0, e = lpeg.P"a" + "" }`, "empty loop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			vm, b := open(t)
			b.Limits = lpeg.Limits{Steps: 1_000_000, Captures: 100_000, Text: 1 << 20}
			cost := effort.Start()
			err := vm.Load("hostile", `local lpeg = require "lpeg"; `+c.script)
			require.Less(t, cost.Spent(), 2*time.Second)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}

// TestForgottenPatternsAreFreed makes many large patterns and keeps none.
func TestForgottenPatternsAreFreed(t *testing.T) {
	vm, _ := open(t)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	eval(t, vm, `
		for i = 1, 300 do
			local p = lpeg.P(("x"):rep(500000) .. i)
			p:match("x")
		end`)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(16<<20))
}

func TestStepsAreCharged(t *testing.T) {
	vm, b := open(t)
	charged := 0
	b.Charge = func(_ *lua.LState, steps int) { charged += steps }
	eval(t, vm, `lpeg.P{ lpeg.P"a" * "b" + 1 * lpeg.V(1) }:match(("a"):rep(1000))`)
	require.Greater(t, charged, 10)
	before := charged
	eval(t, vm, `lpeg.Cmt(1, function(s) lpeg.match((lpeg.P"a" * lpeg.P"a" + "b")^0, s) return true end):match(("ab"):rep(1000))`)
	require.Greater(t, charged, before)
}
