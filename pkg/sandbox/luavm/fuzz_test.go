package luavm_test

import (
	"testing"
	"time"

	"github.com/tocsin-lma/tocsin/internal/effort"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// FuzzPattern runs any pattern over any subject: it must answer or fail in Lua
// within the time that the limits allow.
func FuzzPattern(f *testing.F) {
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a*a*a*a*a*b")
	f.Add("hello world", "(%w+) (%w+)")
	f.Add("(a(b)c)", "%b()%f[%z]")
	f.Add("x", "[%a-")
	vm := luavm.New(luavm.Options{Instructions: 10_000, MemoryBytes: 4 << 20})
	f.Cleanup(vm.Close)
	if err := vm.Load("fuzz.lua", `
function match(s, p)
  pcall(string.find, s, p, 2)
  pcall(string.gsub, s, p, "%1<%0>")
  for _ in string.gmatch(s, p) do end
  return string.match(s, p)
end`); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, subject, pattern string) {
		cost := effort.Start()
		_, _, _ = vm.Call(vm.Global("match"), lstr(subject), lstr(pattern))
		if took := cost.Spent(); took > 2*time.Second {
			t.Fatalf("%q on %q took %s", pattern, subject, took)
		}
	})
}

// FuzzSource loads any text: it must load or fail, not break the process.
func FuzzSource(f *testing.F) {
	f.Add("local x, y = 1, 2; x, y = y, x; return x .. y")
	f.Add("goto = 1; t = {goto = goto}; --[[ goto ]] s = 'goto'")
	f.Add("function a.b:c(...) return ... end for i = 1, 2 do break end")
	f.Add("local function f() return f end; repeat local z until z or not f")
	f.Fuzz(func(_ *testing.T, source string) {
		vm := luavm.New(luavm.Options{Instructions: 10_000, LoadInstructions: 10_000, MemoryBytes: 4 << 20})
		defer vm.Close()
		_ = vm.Load("fuzz.lua", source)
	})
}

// FuzzNumber: what a number is written as reads back as the same text.
func FuzzNumber(f *testing.F) {
	f.Add("0x10")
	f.Add("1e3")
	f.Add(" -12.50 ")
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := luavm.ParseNumber(text)
		if !ok {
			return
		}
		once := luavm.FormatNumber(n)
		again, ok := luavm.ParseNumber(once)
		if !ok || luavm.FormatNumber(again) != once {
			t.Fatalf("%q reads as %v, writes as %q", text, n, once)
		}
	})
}
