package luavm

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) baseFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"assert":       baseAssert,
		"error":        baseError,
		"getfenv":      baseGetfenv,
		"setfenv":      baseSetfenv,
		"getmetatable": baseGetmetatable,
		"setmetatable": baseSetmetatable,
		"ipairs":       vm.ipairs,
		"pairs":        vm.pairs,
		"next":         vm.next,
		"pcall":        vm.pcall,
		"xpcall":       vm.xpcall,
		"rawequal":     baseRawequal,
		"rawget":       baseRawget,
		"rawset":       vm.rawset,
		"select":       baseSelect,
		"tonumber":     baseTonumber,
		"tostring":     vm.tostring,
		"type":         baseType,
		"unpack":       vm.unpack,
		"gcinfo":       vm.gcinfo,
		"module":       vm.module,
		"require":      vm.require,
	}
}

func (vm *VM) trustedFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"collectgarbage": vm.collectgarbage,
		"dofile":         vm.dofile,
		"load":           vm.load,
		"loadfile":       vm.loadfile,
		"loadstring":     vm.loadstring,
		"print":          vm.print,
	}
}

func baseAssert(L *lua.LState) int {
	if lua.LVIsFalse(checkAny(L, 1)) {
		raise(L, "%s", OptString(L, 2, "assertion failed!"))
	}
	return L.GetTop()
}

func baseError(L *lua.LState) int {
	level := OptInt(L, 2, 1)
	value := L.Get(1)
	if text, ok := ToString(value); ok && level > 0 {
		value = lua.LString(position(L, level) + text)
	}
	L.Error(value, 0)
	return 0
}

// raise is luaL_error: the message gets the position of the Lua function that
// called the host function.
func raise(L *lua.LState, format string, args ...any) {
	L.Error(lua.LString(position(L, 1)+fmt.Sprintf(format, args...)), 0)
}

// position is luaL_where: "chunk:line: " of the function at a level of the
// stack, or nothing for host functions.
func position(L *lua.LState, level int) string {
	dbg, ok := L.GetStack(level)
	if !ok {
		return ""
	}
	if _, err := L.GetInfo("Sl", dbg, lua.LNil); err != nil || dbg.CurrentLine <= 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", dbg.Source, dbg.CurrentLine)
}

func baseGetmetatable(L *lua.LState) int {
	mt := L.GetMetatable(checkAny(L, 1))
	if t, ok := mt.(*lua.LTable); ok {
		if protected := t.RawGetString("__metatable"); protected != lua.LNil {
			mt = protected
		}
	}
	L.Push(mt)
	return 1
}

func baseSetmetatable(L *lua.LState) int {
	t := checkTable(L, 1)
	mt := L.Get(2)
	if _, ok := mt.(*lua.LTable); L.GetTop() < 2 || (!ok && mt != lua.LNil) {
		ArgError(L, 2, "nil or table expected")
	}
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		raise(L, "cannot change a protected metatable")
	}
	t.Metatable = mt
	L.SetTop(1)
	return 1
}

func baseRawequal(L *lua.LState) int {
	L.Push(lua.LBool(L.RawEqual(checkAny(L, 1), checkAny(L, 2))))
	return 1
}

func baseRawget(L *lua.LState) int {
	t := checkTable(L, 1)
	L.Push(t.RawGet(checkAny(L, 2)))
	return 1
}

func (vm *VM) rawset(L *lua.LState) int {
	t := checkTable(L, 1)
	checkAny(L, 3)
	L.RawSet(t, L.Get(2), L.Get(3))
	L.SetTop(1)
	return 1
}

func baseSelect(L *lua.LState) int {
	top := L.GetTop()
	if L.Get(1) == lua.LString("#") {
		L.Push(lua.LNumber(top - 1))
		return 1
	}
	n := CheckInt(L, 1)
	if n < 0 {
		n = top + n
	} else if n > top {
		n = top
	}
	if n < 1 {
		ArgError(L, 1, "index out of range")
	}
	return top - n
}

func baseTonumber(L *lua.LState) int {
	base := OptInt(L, 2, 10)
	if base == 10 {
		if f, ok := ToNumber(checkAny(L, 1)); ok {
			L.Push(lua.LNumber(f))
		} else {
			L.Push(lua.LNil)
		}
		return 1
	}
	s := CheckString(L, 1)
	if base < 2 || base > 36 {
		ArgError(L, 2, "base out of range")
	}
	if f, ok := parseBase(s, base); ok {
		L.Push(lua.LNumber(f))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

func parseBase(s string, base int) (float64, bool) {
	s = strings.Trim(s, spaces)
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if base == 16 && len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		s = s[2:]
	}
	if s == "" || len(s) > maxNumeral {
		return 0, false
	}
	f := 0.0
	for i := 0; i < len(s); i++ {
		d := digitValue(s[i])
		if d >= base {
			return 0, false
		}
		f = f*float64(base) + float64(d)
	}
	if negative {
		// strtoul wraps a negative number around.
		f = float64(uint64(-int64(min(f, 1<<62))))
	}
	return f, true
}

func (vm *VM) tostring(L *lua.LState) int {
	L.Push(vm.toStringValue(L, checkAny(L, 1)))
	return 1
}

// toStringValue is luaL_tostring with __tostring.
func (vm *VM) toStringValue(L *lua.LState, v lua.LValue) lua.LValue {
	switch v := v.(type) {
	case lua.LString:
		return v
	case lua.LNumber:
		return lua.LString(FormatNumber(float64(v)))
	}
	if h := L.GetMetaField(v, "__tostring"); h != lua.LNil {
		L.Push(h)
		L.Push(v)
		L.Call(1, 1)
		out := L.Get(-1)
		L.Pop(1)
		return out
	}
	return lua.LString(v.String())
}

func baseType(L *lua.LState) int {
	L.Push(lua.LString(checkAny(L, 1).Type().String()))
	return 1
}

// maxUnpack is how many values PUC Lua can return from one C function.
const maxUnpack = 7990

func (vm *VM) unpack(L *lua.LState) int {
	t := checkTable(L, 1)
	from := OptInt(L, 2, 1)
	to := 0
	if isNone(L, 3) {
		to = t.Len()
	} else {
		to = CheckInt(L, 3)
	}
	if from > to {
		return 0
	}
	n := to - from + 1
	if n <= 0 || n > maxUnpack {
		raise(L, "too many results to unpack")
	}
	vm.ChargeSteps(L, n)
	for i := from; i <= to; i++ {
		L.Push(t.RawGet(lua.LNumber(i)))
	}
	return n
}

func (vm *VM) gcinfo(L *lua.LState) int {
	L.Push(lua.LNumber(vm.meter.usage.Memory / 1024))
	return 1
}

func (vm *VM) collectgarbage(L *lua.LState) int {
	switch option := OptString(L, 1, "collect"); option {
	case "count":
		bytes := vm.meter.measure()
		L.Push(lua.LNumber(float64(bytes) / 1024))
	case "collect":
		vm.io.collect()
		L.Push(lua.LNumber(0))
	case "step":
		L.Push(lua.LFalse)
	case "setpause", "setstepmul":
		L.Push(lua.LNumber(200)) // what PUC Lua begins with
	case "stop", "restart":
		L.Push(lua.LNumber(0))
	default:
		ArgError(L, 1, fmt.Sprintf("invalid option '%s'", option))
	}
	return 1
}

func (vm *VM) print(L *lua.LState) int {
	var line []byte
	for i := 1; i <= L.GetTop(); i++ {
		if i > 1 {
			line = append(line, '\t')
		}
		text, ok := ToString(vm.toStringValue(L, L.Get(i)))
		if !ok {
			raise(L, "'tostring' must return a string to 'print'")
		}
		line = append(line, text...)
	}
	vm.io.stdout.write(string(append(line, '\n')))
	return 0
}
