package modules_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules"
)

// machine opens a state with all modules and the function a script returns as f.
func machine(f *testing.F, script string) (*luavm.VM, lua.LValue) {
	f.Helper()
	vm := luavm.New(luavm.Options{Instructions: 1_000_000, MemoryBytes: 8 << 20})
	f.Cleanup(vm.Close)
	for _, m := range modules.All(modules.Limits{Output: 63 << 10, Memory: 8 << 20}) {
		vm.Preload(m.Name, m.Open)
	}
	require.NoError(f, vm.Load("fuzz.lua", script))
	return vm, vm.Global("f")
}

// FuzzJSON decodes any text; what decodes encodes again to something that
// decodes to the same text.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{"b":null}],"c":"\u00e9\ud83d\ude00","d":-1.5e3,"e":true}`, `[1,,2]`, `"\x"`, `nan`, `0x10`} {
		f.Add(s)
	}
	vm, fn := machine(f, `local c = require "cjson"
		function f(s)
			local ok, v = pcall(c.decode, s)
			if not ok then return end
			local ok, text = pcall(c.encode, v)
			if not ok then return end
			assert(c.encode(c.decode(text)) ~= nil)
		end`)
	f.Fuzz(func(t *testing.T, s string) {
		_, _, err := vm.Call(fn, lua.LString(s))
		require.NoError(t, err)
	})
}

// FuzzStruct unpacks any text by any format.
func FuzzStruct(f *testing.F) {
	f.Add("<i4bHs", "\x01\x02\x03\x04\x05\x06\x07abc\x00")
	f.Add("!8>c0d", "12345678")
	vm, fn := machine(f, `require "struct" function f(format, s)
		pcall(struct.unpack, format, s) pcall(struct.size, format) pcall(struct.pack, format, 1, 2, "x") end`)
	f.Fuzz(func(t *testing.T, format, s string) {
		_, _, err := vm.Call(fn, lua.LString(format), lua.LString(s))
		require.NoError(t, err)
	})
}
