package sandbox

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/lualpeg"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// engine is the Lua state of a plugin with its pattern library.
type engine struct {
	vm   *luavm.VM
	L    *lua.LState
	lpeg *lualpeg.Binding
}

// patternSteps bounds one match: about half a second of work.
const patternSteps = 20_000_000

// patternLimits bound the matches of a plugin whose calls are limited.
func patternLimits(l Limits) lpeg.Limits {
	if l.Instructions <= 0 {
		return lpeg.Limits{}
	}
	return lpeg.Limits{Steps: patternSteps, Text: max(l.Memory, 0)}
}

func newEngine(o *Options, loader luavm.Loader) *engine {
	vm := luavm.New(luavm.Options{
		Devices:      o.Kind == KindInput || o.Kind == KindOutput,
		Instructions: int64(max(o.Limits.Instructions, 0)),
		MemoryBytes:  max(o.Limits.Memory, 0),
		Loader:       loader,
		Chunks:       o.Cache.sharedChunks(),
		Clock:        o.Clock,
	})
	e := &engine{vm: vm, L: vm.L, lpeg: lualpeg.OpenShared(vm.L, o.Cache.sharedPatterns())}
	e.lpeg.Limits = patternLimits(o.Limits)
	e.lpeg.Charge = vm.ChargeSteps
	if library, ok := vm.Global("string").(*lua.LTable); ok {
		e.fuse("string.upper", library.RawGetString("upper"), textFold(strings.ToUpper))
		e.fuse("string.lower", library.RawGetString("lower"), textFold(strings.ToLower))
	}
	return e
}

// fuse makes patterns that apply the Lua function fn run f without entering Lua. All
// sandboxes of a Cache run the f that came first with the name, on any goroutine; it
// must not refer to its sandbox.
func (e *engine) fuse(name string, fn lua.LValue, f lpeg.Folder) {
	if fn, ok := fn.(*lua.LFunction); ok {
		e.lpeg.RegisterAs(name, fn, f)
	}
}

// textFold makes an operand of a function from text to text.
func textFold(f func(string) string) lpeg.Folder {
	return lpeg.FoldFunc(func(args []lpeg.Value) (lpeg.Value, error) {
		if len(args) == 0 {
			return lpeg.Value{}, nil
		}
		s, ok := args[0].AsText()
		if !ok {
			return args[0], nil
		}
		return lpeg.TextValue(f(s)), nil
	})
}

func (e *engine) run(text []byte, chunk string) error { return e.vm.Load(chunk, string(text)) }

// load is run for the script itself, which other sandboxes load too.
func (e *engine) load(text []byte, chunk string) error {
	return e.vm.LoadShared(chunk, string(text))
}

// call runs fn under the limits of a call and returns its first two results.
func (e *engine) call(fn lua.LValue, args ...lua.LValue) (first, second lua.LValue, err error) {
	return e.vm.Call(fn, args...)
}

func (e *engine) global(name string) lua.LValue { return e.vm.Global(name) }

// usage is nothing for a sandbox without a Lua state.
func (e *engine) usage() (memory, maxMemory, maxInstructions int) {
	if e == nil {
		return 0, 0, 0
	}
	u := e.vm.Usage()
	return u.Memory, u.MaxMemory, int(u.MaxInstructions)
}

func (e *engine) close() {
	if e != nil {
		e.vm.Close()
	}
}
