package luavm_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// TestMemoryEstimate compares the walk with what the heap really grew by.
func TestMemoryEstimate(t *testing.T) {
	for name, body := range map[string]string{
		"arrays of numbers": "for i = 1, 10000 do local a = {}; for k = 1, 20 do a[k] = k + 0.5 end; t[i] = a end",
		"records":           "for i = 1, 15000 do t[i] = {name = 'n' .. i, value = i, host = 'h' .. i} end",
		"string keys":       "for i = 1, 100000 do t['key' .. i] = i end",
		"strings":           "for i = 1, 25000 do t[i] = string.rep('x', 500) .. i end",
		"closures":          "for i = 1, 100000 do local a, b = i, i; t[i] = function() return a + b end end",
	} {
		t.Run(name, func(t *testing.T) {
			// What is freed with the state is what it took.
			vm := luavm.New(luavm.Options{})
			require.NoError(t, vm.Load("a.lua", "t = {}; function fill() "+body+" end"))
			_, _, err := vm.Call(vm.Global("fill"))
			require.NoError(t, err)
			estimate, full := float64(vm.Memory()), heap()
			runtime.KeepAlive(vm)
			vm = nil
			real := float64(int64(full) - int64(heap()))
			t.Logf("real %.0f, estimate %.0f: %.0f %%", real, estimate, 100*estimate/real)
			require.Greater(t, estimate/real, 0.5)
			require.Less(t, estimate/real, 1.6)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestDeadKeys: a table that loses its keys again does not keep them.
func TestDeadKeys(t *testing.T) {
	vm := open(t, luavm.Options{})
	require.NoError(t, vm.Load("a.lua", `
t = {keep = 1}
function churn(from) for i = from, from + 9999 do t["k" .. i] = i; t["k" .. i] = nil end end`))
	_, _, err := vm.Call(vm.Global("churn"), lnum(1))
	require.NoError(t, err)
	before := heap()
	for i := 1; i < 50; i++ {
		_, _, err = vm.Call(vm.Global("churn"), lnum(float64(i*10000)))
		require.NoError(t, err)
	}
	require.Less(t, int64(heap())-int64(before), int64(4<<20))
	v := vm.Global("t").(*lua.LTable).RawGetString("keep")
	require.Equal(t, lua.LNumber(1), v)
}
