package sandbox

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
)

// engine is the Lua state of a plugin.
type engine struct {
	vm *luavm.VM
	L  *lua.LState
}

func newEngine(o *Options, loader luavm.Loader) *engine {
	vm := luavm.New(luavm.Options{
		Devices:      o.Kind == KindInput || o.Kind == KindOutput,
		Instructions: int64(max(o.Limits.Instructions, 0)),
		MemoryBytes:  max(o.Limits.Memory, 0),
		Loader:       loader,
		Clock:        o.Clock,
	})
	return &engine{vm: vm, L: vm.L}
}

func (e *engine) preload(name string, open lua.LGFunction) { e.vm.Preload(name, open) }

func (e *engine) run(text []byte, chunk string) error { return e.vm.Load(chunk, string(text)) }

// call runs fn under the limits of a call and returns its first two results.
func (e *engine) call(fn lua.LValue, args ...lua.LValue) (first, second lua.LValue, err error) {
	return e.vm.Call(fn, args...)
}

func (e *engine) global(name string) lua.LValue { return e.vm.Global(name) }

func (e *engine) usage() (memory, maxMemory, maxInstructions int) {
	u := e.vm.Usage()
	return u.Memory, u.MaxMemory, int(u.MaxInstructions)
}

func (e *engine) close() { e.vm.Close() }
