package luavm_test

import lua "github.com/yuin/gopher-lua"

func lstr(s string) lua.LValue  { return lua.LString(s) }
func lnum(f float64) lua.LValue { return lua.LNumber(f) }
