// Package raise raises Lua errors from host functions the way luaL_error does.
// It holds no state.
package raise

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// Error raises an error and does not return. The text gets the position of the
// Lua code that called the running host function, and none when a host function
// such as pcall called it.
func Error(L *lua.LState, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if dbg, ok := L.GetStack(1); ok {
		if _, err := L.GetInfo("Sl", dbg, lua.LNil); err == nil && dbg.What != "G" {
			text = fmt.Sprintf("%s:%d: %s", dbg.Source, dbg.CurrentLine, text)
		}
	}
	L.Error(lua.LString(text), 0)
}

// Charge books n bytes that the running host function is about to allocate or
// has read, so that loops over expensive functions meet the plugin's limits.
func Charge(L *lua.LState, n int) {
	if vm := luavm.Of(L); vm != nil {
		vm.Charge(L, n)
	}
}
