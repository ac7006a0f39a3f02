// Package luavm measures the Lua engine: what its limits cost, and the library
// functions that plugins use on every line.
package luavm

import (
	"runtime"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

func limited() luavm.Options {
	return luavm.Options{Instructions: 1_000_000, MemoryBytes: 8 << 20}
}

// measure runs the function f of a script with limits, once an iteration.
func measure(b *testing.B, opts luavm.Options, source string) {
	b.Helper()
	vm := luavm.New(opts)
	b.Cleanup(vm.Close)
	if err := vm.Load("bench.lua", source); err != nil {
		b.Fatal(err)
	}
	f := vm.Global("f")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := vm.Call(f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCall(b *testing.B) { measure(b, limited(), "function f() return 0 end") }

// BenchmarkLoop is 10,000 turns of x = x + i; "stock" is gopher-lua alone.
func BenchmarkLoop(b *testing.B) {
	const source = "function f() local x = 0; for i = 1, 10000 do x = x + i end end"
	b.Run("limited", func(b *testing.B) { measure(b, limited(), source) })
	b.Run("trusted", func(b *testing.B) { measure(b, luavm.Options{Trusted: true}, source) })
	b.Run("stock", func(b *testing.B) { stock(b, source) })
}

// BenchmarkStores is dominated by stores under computed keys, which are guarded.
func BenchmarkStores(b *testing.B) {
	const source = "local t = {}; function f() for i = 1, 1000 do t[i] = i end end"
	b.Run("limited", func(b *testing.B) { measure(b, limited(), source) })
	b.Run("stock", func(b *testing.B) { stock(b, source) })
}

func stock(b *testing.B, source string) {
	b.Helper()
	L := lua.NewState()
	b.Cleanup(L.Close)
	if err := L.DoString(source); err != nil {
		b.Fatal(err)
	}
	f := L.GetGlobal("f")
	b.ReportAllocs()
	for b.Loop() {
		if err := L.CallByParam(lua.P{Fn: f, Protect: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkString compares library functions with gopher-lua's own.
func BenchmarkString(b *testing.B) {
	bodies := []struct{ name, body string }{
		{"match", `local a, b = string.match("cpu_usage", "([^_]+)_(.+)")`},
		{"find", `local a = string.find("GET /index.html HTTP/1.1", "HTTP", 1, true)`},
		{"gsub", `local a = string.gsub("a.b.c", "%.", "_")`},
		{"format", `local a = string.format("%s-%d", "abc", 42)`},
		{"concat", `local i = 7; local a = "abc" .. i .. "def"`},
		{"tonumber", `local a = tonumber("31753")`},
		{"tostring", `local a = tostring(3.25)`},
		{"sub", `local a = string.sub("abcdef", 2, 4)`},
	}
	for _, c := range bodies {
		source := "local string, tonumber, tostring = string, tonumber, tostring; function f() " + c.body + " end"
		b.Run(c.name+"/limited", func(b *testing.B) { measure(b, limited(), source) })
		b.Run(c.name+"/stock", func(b *testing.B) { stock(b, source) })
	}
}

// BenchmarkNew is the start of a state; B/op is what it allocates, and state-B
// what it keeps.
func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		luavm.New(limited()).Close()
	}
	b.StopTimer()
	const states = 50
	kept := make([]*luavm.VM, states)
	before := heap()
	for i := range kept {
		kept[i] = luavm.New(limited())
	}
	b.ReportMetric(float64(heap()-before)/states, "state-B")
	for _, vm := range kept {
		vm.Close()
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
