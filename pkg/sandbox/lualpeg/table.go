package lualpeg

import (
	"maps"
	"slices"
	"unsafe"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
)

// tableLayout mirrors lua.LTable of gopher-lua 1.1.2, the version pinned in
// go.mod; TestLayout compares the two. A table with string keys keeps three
// structures; to copy them from a model is several times cheaper than to grow
// them key by key.
type tableLayout struct {
	metatable lua.LValue
	array     []lua.LValue
	dict      map[lua.LValue]lua.LValue
	strdict   map[string]lua.LValue
	keys      []lua.LValue
	k2i       map[lua.LValue]int
}

// shape is a model table for one capture: the names it had last time.
type shape struct {
	names []*lpeg.Site
	model *lua.LTable
}

// maxShapes bounds the remembered shapes; when they are full they are forgotten.
const maxShapes = 1024

// table makes the value of a table capture.
func (b *Binding) table(site *lpeg.Site, names []*lpeg.Site, named, array []lua.LValue) lua.LValue {
	if site.Kind() == lpeg.CaptureReuse {
		t := emptied(site.Operand().(*lua.LTable))
		fill(t, names, named)
		for i, v := range array {
			t.RawSetInt(i+1, v)
		}
		return t
	}
	t := b.shaped(site, names, named)
	if t == nil {
		t = b.current.CreateTable(len(array), len(names))
		fill(t, names, named)
		b.learn(site, names, named)
	}
	if len(array) > 0 {
		// A hole or a nil must not be stored as it is.
		for i, v := range array {
			t.RawSetInt(i+1, v)
		}
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

// shaped copies the model table of the capture, if it has these names and no
// value is nil, and fills it.
func (b *Binding) shaped(site *lpeg.Site, names []*lpeg.Site, named []lua.LValue) *lua.LTable {
	sh := b.shapes[site]
	if sh == nil || len(names) == 0 || !slices.Equal(sh.names, names) {
		return nil
	}
	for _, v := range named {
		if v == lua.LNil {
			return nil
		}
	}
	model := (*tableLayout)(unsafe.Pointer(sh.model))
	t, keys := newTable(len(model.keys))
	layout := (*tableLayout)(unsafe.Pointer(t))
	strdict := maps.Clone(model.strdict)
	for i, s := range names {
		strdict[s.Name()] = named[i]
	}
	layout.metatable = lua.LNil
	layout.strdict = strdict
	layout.keys = append(keys, model.keys...)
	layout.k2i = maps.Clone(model.k2i)
	return t
}

// newTable allocates a table and room for its list of keys in one piece.
func newTable(keys int) (*lua.LTable, []lua.LValue) {
	switch {
	case keys <= 4:
		x := new(struct {
			table lua.LTable
			keys  [4]lua.LValue
		})
		return &x.table, x.keys[:0]
	case keys <= 8:
		x := new(struct {
			table lua.LTable
			keys  [8]lua.LValue
		})
		return &x.table, x.keys[:0]
	}
	return new(lua.LTable), make([]lua.LValue, 0, keys)
}

// learn makes the model of a capture whose names are distinct strings.
func (b *Binding) learn(site *lpeg.Site, names []*lpeg.Site, named []lua.LValue) {
	if len(names) == 0 || len(names) > 64 {
		return
	}
	seen := make(map[string]bool, len(names))
	for i, s := range names {
		if _, ok := s.Operand().(string); !ok || seen[s.Name()] || named[i] == lua.LNil {
			return
		}
		seen[s.Name()] = true
	}
	if len(b.shapes) >= maxShapes {
		clear(b.shapes)
	}
	model := b.current.CreateTable(0, len(names))
	for _, s := range names {
		model.RawSetString(s.Name(), lua.LTrue)
	}
	b.shapes[site] = &shape{names: slices.Clone(names), model: model}
}

// emptied removes the contents of a table that is filled again. The keys stay
// known to the table, so that filling it allocates nothing.
func emptied(t *lua.LTable) *lua.LTable {
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		t.RawSet(k, lua.LNil)
	}
	return t
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
