package luavm

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// ArgError raises Lua's "bad argument" for argument n of the host function that
// is running, with the name it was called by.
func ArgError(L *lua.LState, n int, message string) {
	name, kind := L.CalledAs(0)
	if name == "" {
		name = "?"
	}
	if kind == "method" {
		n--
		if n == 0 {
			raise(L, "calling '%s' on bad self (%s)", name, message)
		}
	}
	raise(L, "bad argument #%d to '%s' (%s)", n, name, message)
}

func typeName(L *lua.LState, n int) string {
	if n > L.GetTop() {
		return "no value"
	}
	return L.Get(n).Type().String()
}

func typeError(L *lua.LState, n int, want string) {
	ArgError(L, n, fmt.Sprintf("%s expected, got %s", want, typeName(L, n)))
}

func checkAny(L *lua.LState, n int) lua.LValue {
	if n > L.GetTop() {
		ArgError(L, n, "value expected")
	}
	return L.Get(n)
}

// CheckString returns argument n, a string or a number written as Lua does.
func CheckString(L *lua.LState, n int) string {
	switch v := L.Get(n).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return FormatNumber(float64(v))
	}
	typeError(L, n, "string")
	return ""
}

// CheckNumber returns argument n, a number or a numeric string.
func CheckNumber(L *lua.LState, n int) float64 {
	switch v := L.Get(n).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if f, ok := ParseNumber(string(v)); ok {
			return f
		}
	}
	typeError(L, n, "number")
	return 0
}

// CheckInt returns argument n as C's (int) cast of a number does on amd64.
func CheckInt(L *lua.LState, n int) int { return toInt(CheckNumber(L, n)) }

func toInt(f float64) int { return int(toLong(f)) }

// OptInt returns argument n, or def when it is nil or absent.
func OptInt(L *lua.LState, n, def int) int {
	switch v := L.Get(n).(type) {
	case *lua.LNilType:
		return def
	case lua.LNumber:
		return toInt(float64(v))
	}
	return CheckInt(L, n)
}

func optNumber(L *lua.LState, n int, def float64) float64 {
	if isNone(L, n) {
		return def
	}
	return CheckNumber(L, n)
}

// OptString returns argument n, or def when it is nil or absent.
func OptString(L *lua.LState, n int, def string) string {
	if isNone(L, n) {
		return def
	}
	return CheckString(L, n)
}

func isNone(L *lua.LState, n int) bool {
	return L.Get(n) == lua.LNil
}

func checkTable(L *lua.LState, n int) *lua.LTable {
	t, ok := L.Get(n).(*lua.LTable)
	if !ok {
		typeError(L, n, "table")
	}
	return t
}

func checkFunction(L *lua.LState, n int) *lua.LFunction {
	f, ok := L.Get(n).(*lua.LFunction)
	if !ok {
		typeError(L, n, "function")
	}
	return f
}
