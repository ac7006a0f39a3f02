package luavm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

func open(t testing.TB, opts luavm.Options) *luavm.VM {
	t.Helper()
	vm := luavm.New(opts)
	t.Cleanup(vm.Close)
	return vm
}

func TestLoadAndCall(t *testing.T) {
	vm := open(t, luavm.Options{Instructions: 1000, MemoryBytes: 8 << 20})
	require.NoError(t, vm.Load("a.lua", "function f(a, b) local x, y = a, b; x, y = y, x; return x .. '/' .. y, 0.1 + 0.2 end"))
	a, b, err := vm.Call(vm.Global("f"), lstr("1"), lstr("2"))
	require.NoError(t, err)
	require.Equal(t, "2/1", a.String())
	text, _ := luavm.ToString(b)
	require.Equal(t, "0.3", text)
}

func TestInstructionLimitIsExact(t *testing.T) {
	const source = "function f(n) for i = 1, n do end end"
	vm := open(t, luavm.Options{})
	require.NoError(t, vm.Load("a.lua", source))
	_, _, err := vm.Call(vm.Global("f"), lnum(1000))
	require.NoError(t, err)
	used := vm.Usage().Instructions
	for _, limit := range []int64{used - 1, used} {
		vm := open(t, luavm.Options{Instructions: limit})
		require.NoError(t, vm.Load("a.lua", source))
		_, _, err := vm.Call(vm.Global("f"), lnum(1000))
		if limit < used {
			require.ErrorIs(t, err, luavm.ErrInstructions)
			require.Equal(t, limit, vm.Usage().Instructions)
			require.Contains(t, err.Error(), "instruction_limit exceeded")
			continue
		}
		require.NoError(t, err)
	}
}

func TestErrorClosesOnlyTheFramesThatEnd(t *testing.T) {
	vm := open(t, luavm.Options{Instructions: 10_000})
	require.NoError(t, vm.Load("a.lua", `
local n = 0
local function inc() n = n + 1 end
local kept
pcall(function() local m = 7; kept = function() m = m + 1; return m end; inc(); error("x") end)
inc()
pcall(error, "y")
inc()
assert(n == 3, n)
assert(kept() == 8)
local a, b, c = 1, 2, 3
assert(kept() == 9)
`))
}
