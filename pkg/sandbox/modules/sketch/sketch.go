// Package sketch holds what the modules hyperloglog, bloom_filter and
// cuckoo_filter share: hashing keys, and checking the receiver of a method. It
// holds no state.
package sketch

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"
	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// Hash returns the hash of argument n, a string or a number.
func Hash(L *lua.LState, n int) uint64 {
	switch v := L.Get(n).(type) {
	case lua.LString:
		return xxhash.Sum64String(string(v))
	case lua.LNumber:
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], math.Float64bits(float64(v)))
		return xxhash.Sum64(b[:])
	}
	luavm.ArgError(L, n, "must be a string or number")
	return 0
}

// Mix scatters the bits of h: a second hash made of a first one (splitmix64).
func Mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// Check returns argument n as a value of type T, the receiver of a method called
// on a userdata of the module name.
func Check[T any](L *lua.LState, n int, name string) T {
	if ud, ok := L.Get(n).(*lua.LUserData); ok {
		if v, ok := ud.Value.(T); ok {
			return v
		}
	}
	luavm.ArgError(L, n, fmt.Sprintf("%s expected, got %s", name, L.Get(n).Type()))
	var none T
	return none
}

// Wrap makes a userdata of v whose methods are those of meta.
func Wrap(L *lua.LState, v any, meta *lua.LTable) *lua.LUserData {
	ud := L.NewUserData()
	ud.Value, ud.Metatable = v, meta
	return ud
}

// Meta makes the metatable of a module's userdata.
func Meta(L *lua.LState, methods map[string]lua.LGFunction) *lua.LTable {
	meta := L.CreateTable(0, 2)
	meta.RawSetString("__index", L.SetFuncs(L.CreateTable(0, len(methods)), methods))
	meta.RawSetString("__metatable", lua.LFalse)
	return meta
}
