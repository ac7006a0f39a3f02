package lualpeg

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
)

// table makes the value of a table capture.
func (b *Binding) table(site *lpeg.Site, names []*lpeg.Site, named, array []lua.LValue) lua.LValue {
	if site.Kind() == lpeg.CaptureReuse {
		t := site.Operand().(*lua.LTable)
		t.Void()
		fill(t, names, named)
		for i, v := range array {
			t.RawSetInt(i+1, v)
		}
		return t
	}
	t := b.current.CreateTable(len(array), len(names))
	fill(t, names, named)
	for i, v := range array {
		t.RawSetInt(i+1, v)
	}
	return t
}

func fill(t *lua.LTable, names []*lpeg.Site, named []lua.LValue) {
	for i, s := range names {
		switch n := s.Operand().(type) {
		case string:
			t.RawSetString(n, named[i])
		case float64:
			t.RawSet(lua.LNumber(n), named[i])
		case objectName:
			t.RawSet(n.v, named[i])
		}
	}
}

// boxer makes Lua strings of captured text. A Lua value of a string is a
// pointer to its header; the boxer allocates the headers by the dozen.
type boxer struct {
	headers []lua.LString
}

// boxed is how many string headers are allocated at once.
const boxed = 32

// value mirrors the two words of an interface value.
type value struct {
	itab unsafe.Pointer
	data *lua.LString
}

func (x *boxer) text(s string) lua.LValue {
	if len(x.headers) == 0 {
		x.headers = make([]lua.LString, boxed)
	}
	h := &x.headers[0]
	x.headers = x.headers[1:]
	*h = lua.LString(s)
	var v lua.LValue = lua.LString("")
	(*value)(unsafe.Pointer(&v)).data = h
	return v
}
