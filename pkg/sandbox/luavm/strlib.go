package luavm

import (
	"strings"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) stringFunctions() map[string]lua.LGFunction {
	vm.strlib = &stringLibrary{patterns: map[string]*pattern{}, loose: map[string]*pattern{}}
	return map[string]lua.LGFunction{
		"byte":    vm.strByte,
		"char":    vm.strChar,
		"dump":    strDump,
		"find":    func(L *lua.LState) int { return vm.strFind(L, true) },
		"format":  vm.strFormat,
		"gmatch":  vm.strGmatch,
		"gsub":    vm.strGsub,
		"len":     strLen,
		"lower":   func(L *lua.LState) int { return vm.strMap(L, lower) },
		"match":   func(L *lua.LState) int { return vm.strFind(L, false) },
		"rep":     vm.strRep,
		"reverse": vm.strReverse,
		"sub":     strSub,
		"upper":   func(L *lua.LState) int { return vm.strMap(L, upper) },
	}
}

// pushBytes pushes a string made of bytes that nobody changes any more.
func pushBytes(L *lua.LState, b []byte) {
	L.Push(lua.LString(unsafe.String(unsafe.SliceData(b), len(b))))
}

func relative(i, length int) int {
	if i < 0 {
		i += length + 1
	}
	return max(i, 0)
}

func (vm *VM) strByte(L *lua.LState) int {
	s := CheckString(L, 1)
	from := relative(OptInt(L, 2, 1), len(s))
	to := relative(OptInt(L, 3, from), len(s))
	from, to = max(from, 1), min(to, len(s))
	if from > to {
		return 0
	}
	n := to - from + 1
	if n > maxUnpack {
		raise(L, "string slice too long")
	}
	for i := from - 1; i < to; i++ {
		L.Push(lua.LNumber(s[i]))
	}
	vm.ChargeSteps(L, n)
	return n
}

func (vm *VM) strChar(L *lua.LState) int {
	n := L.GetTop()
	b := make([]byte, n)
	for i := range b {
		c := CheckInt(L, i+1)
		if c < 0 || c > 255 {
			ArgError(L, i+1, "invalid value")
		}
		b[i] = byte(c)
	}
	vm.Charge(L, n)
	pushBytes(L, b)
	return 1
}

func strDump(L *lua.LState) int {
	checkFunction(L, 1)
	raise(L, "unable to dump given function")
	return 0
}

func strLen(L *lua.LState) int {
	L.Push(lua.LNumber(len(CheckString(L, 1))))
	return 1
}

func lower(c byte) byte {
	if isUpper(c) {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if isLower(c) {
		return c - 'a' + 'A'
	}
	return c
}

func (vm *VM) strMap(L *lua.LState, f func(byte) byte) int {
	s := CheckString(L, 1)
	vm.charge(L, 4*len(s), len(s))
	b := make([]byte, len(s))
	for i := range b {
		b[i] = f(s[i])
	}
	pushBytes(L, b)
	return 1
}

func (vm *VM) strReverse(L *lua.LState) int {
	s := CheckString(L, 1)
	vm.charge(L, 2*len(s), len(s))
	b := make([]byte, len(s))
	for i := range b {
		b[len(s)-1-i] = s[i]
	}
	pushBytes(L, b)
	return 1
}

func strSub(L *lua.LState) int {
	s := CheckString(L, 1)
	from := relative(CheckInt(L, 2), len(s))
	to := relative(OptInt(L, 3, -1), len(s))
	from, to = max(from, 1), min(to, len(s))
	if from > to {
		L.Push(lua.LString(""))
	} else {
		L.Push(lua.LString(s[from-1 : to]))
	}
	return 1
}

func (vm *VM) strRep(L *lua.LState) int {
	s, n := CheckString(L, 1), CheckInt(L, 2)
	if n <= 0 || s == "" {
		L.Push(lua.LString(""))
		return 1
	}
	if n > (1<<31)/len(s) {
		raise(L, "resulting string too large")
	}
	vm.Charge(L, n*len(s))
	L.Push(lua.LString(strings.Repeat(s, n)))
	return 1
}

func (vm *VM) strFind(L *lua.LState, find bool) int {
	s, src := CheckString(L, 1), CheckString(L, 2)
	init := OptInt(L, 3, 1)
	if init < 0 {
		init = max(init+len(s)+1, 1)
	}
	init = min(max(init-1, 0), len(s))
	if find && (lua.LVAsBool(L.Get(4)) || !strings.ContainsAny(src, patternSpecials)) {
		vm.charge(L, 2*(len(s)-init), 0)
		at := strings.Index(s[init:], src)
		if at < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(init + at + 1))
		L.Push(lua.LNumber(init + at + len(src)))
		return 2
	}
	p := vm.pattern(L, src, false)
	var m matcher
	m.begin(vm, L, p, s)
	start, end := m.search(p, init)
	m.finish()
	if start < 0 {
		L.Push(lua.LNil)
		return 1
	}
	if find {
		L.Push(lua.LNumber(start + 1))
		L.Push(lua.LNumber(end))
		return 2 + m.pushCaptures(start, end, false)
	}
	return m.pushCaptures(start, end, true)
}

func (vm *VM) strGmatch(L *lua.LState) int {
	s, src := CheckString(L, 1), CheckString(L, 2)
	p := vm.pattern(L, src, true)
	pos := 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if pos > len(s) {
			return 0
		}
		var m matcher
		m.begin(vm, L, p, s)
		start, end := m.search(p, pos)
		m.finish()
		if start < 0 {
			pos = len(s) + 1
			return 0
		}
		pos = end
		if end == start {
			pos++
		}
		return m.pushCaptures(start, end, true)
	}))
	return 1
}
