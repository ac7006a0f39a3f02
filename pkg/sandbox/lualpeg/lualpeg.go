// Package lualpeg gives Lua states the modules lpeg and re, on top of pkg/lpeg.
//
// A Binding belongs to one Lua state and its coroutines: its patterns, its
// evaluator and its limits are used by one goroutine at a time. Equal patterns
// are one userdata, so a script that builds its patterns again for every record
// pays a table look-up, not a compilation.
//
// Invariants: captured strings share the memory of the subject; a match ends
// within Binding.Limits; a function known to be written in Go (tonumber,
// rawset, and what the host registers) is run without entering the Lua machine.
// The package starts no goroutine.
package lualpeg

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
)

// DefaultMaxStack is the largest stack lpeg.setmaxstack may ask for.
const DefaultMaxStack = 200_000

// Binding connects one Lua state with package lpeg.
type Binding struct {
	// Limits bound each match. Steps and Captures may be changed at any
	// time; Stack is what the script asked for with lpeg.setmaxstack.
	Limits lpeg.Limits
	// MaxStack caps lpeg.setmaxstack; 0 means DefaultMaxStack.
	MaxStack int
	// Charge, if set, is told the steps of every match, so that they count
	// towards the instructions of the call. It may raise an error.
	Charge func(L *lua.LState, steps int)

	builder lpeg.Builder
	host    *lpeg.Host[lua.LValue]
	values  *lpeg.Values
	eval    *lpeg.Evaluator[lua.LValue]
	current *lua.LState
	meta    *lua.LTable
	lib     *lua.LTable
	re      *reModule
	data    map[*lpeg.Pattern]*lua.LUserData
	folders map[*lua.LFunction]lpeg.Folder
	rawset  *lua.LFunction
	box     boxer
	classes []*lua.LUserData // what locale gives every module
	purges  int
	sealed  bool
}

// Open makes the binding of a state whose base library is open already: its
// tonumber and rawset are recognised as operands. It sets no global; see Loader.
func Open(L *lua.LState) *Binding { return OpenShared(L, nil) }

// OpenShared is Open of a binding that shares the patterns it makes, until Seal,
// with the bindings of other states; nil shares nothing.
func OpenShared(L *lua.LState, shared *lpeg.Shared) *Binding {
	b := &Binding{
		current: L,
		data:    make(map[*lpeg.Pattern]*lua.LUserData),
		folders: make(map[*lua.LFunction]lpeg.Folder),
	}
	b.builder.Shared, b.builder.Plain = shared, plain
	b.values = lpeg.NewValues(b.foreign())
	b.host = b.newHost()
	b.eval = lpeg.NewEvaluator(b.host, b.values)
	if fn, ok := L.GetGlobal("tonumber").(*lua.LFunction); ok {
		b.RegisterAs("tonumber", fn, ToNumber())
	}
	b.rawset, _ = L.GetGlobal("rawset").(*lua.LFunction)
	b.lib = b.newLib(L)
	return b
}

// Register makes patterns that apply fn ("patt / fn") run f instead, without
// a Lua call and without building the tables fn would be given. It holds for
// patterns that are made from then on.
func (b *Binding) Register(fn *lua.LFunction, f lpeg.Folder) { b.folders[fn] = f }

// RegisterAs is Register of an f that is the same in all states, by that name: the
// patterns made with it can be shared.
func (b *Binding) RegisterAs(name string, fn *lua.LFunction, f lpeg.Folder) {
	if b.builder.Shared != nil {
		f = b.builder.Shared.Folder(name, f)
	}
	b.Register(fn, f)
}

// Seal is to be called when the script has run: what it makes later is not shared,
// and what it made and does not refer to any more is let go.
func (b *Binding) Seal() {
	b.builder.Seal()
	b.sealed = true
}

// plain tells the values of Lua that mean the same in all states.
func plain(operand any) bool {
	switch operand.(type) {
	case lua.LString, lua.LNumber, lua.LBool, *lua.LNilType:
		return true
	}
	return false
}

// Loader is the function for package.preload["lpeg"]: it returns the module.
func (b *Binding) Loader(L *lua.LState) int {
	L.Push(b.lib)
	return 1
}

// Preload enters lpeg and re into package.preload of the state.
func (b *Binding) Preload(L *lua.LState) {
	L.PreloadModule("lpeg", b.Loader)
	L.PreloadModule("re", b.LoaderRe)
}

// Pattern returns the pattern in a Lua value, false if it is something else.
func (b *Binding) Pattern(v lua.LValue) (*lpeg.Pattern, bool) {
	if ud, ok := v.(*lua.LUserData); ok {
		p, ok := ud.Value.(*lpeg.Pattern)
		return p, ok
	}
	return nil, false
}

// Values returns the evaluator for declarative decoding: it runs a pattern of
// this state and gives the captures as lpeg.Values. Functions written in Lua
// are called, those written in Go are not seen by the Lua machine. A Lua error
// in such a function is a panic of gopher-lua, as in any unprotected call.
func (b *Binding) Values(L *lua.LState) *lpeg.Values {
	b.current = L
	b.values.SetLimits(b.Limits)
	return b.values
}

// SetMaxPattern caps the size of the patterns made from now on, in nodes; 0
// means lpeg.DefaultMaxSize.
func (b *Binding) SetMaxPattern(nodes int) { b.builder.MaxSize = nodes }

// wrap returns the userdata of a pattern.
func (b *Binding) wrap(L *lua.LState, p *lpeg.Pattern) *lua.LUserData {
	if n := b.builder.Purges(); n != b.purges {
		b.purges = n
		b.data = make(map[*lpeg.Pattern]*lua.LUserData)
	}
	if ud, ok := b.data[p]; ok {
		return ud
	}
	ud := L.NewUserData()
	ud.Value = p
	ud.Metatable = b.meta
	if b.sealed || b.builder.Shared == nil { // else most patterns are parts of others only
		b.data[p] = ud
	}
	return ud
}
