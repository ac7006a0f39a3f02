package sandbox

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// engine is the Lua state of a plugin.
type engine struct {
	L *lua.LState
}

func newEngine(o *Options, loader func(string) ([]byte, string, []string, error)) *engine {
	e := &engine{L: lua.NewState()}
	L := e.L
	L.SetGlobal("require", L.NewFunction(func(L *lua.LState) int {
		name := L.CheckString(1)
		loaded := L.GetField(L.GetField(L.Get(lua.EnvironIndex), "package"), "loaded")
		if loaded == lua.LNil {
			loaded = L.GetField(L.Get(lua.RegistryIndex), "_LOADED")
		}
		if v := L.GetField(loaded, name); v != lua.LNil {
			L.Push(v)
			return 1
		}
		if pre := L.GetField(L.GetField(L.GetGlobal("package"), "preload"), name); pre != lua.LNil {
			L.Push(pre)
			L.Call(0, 1)
			v := L.Get(-1)
			L.SetField(loaded, name, v)
			L.SetGlobal(name, v)
			return 1
		}
		src, chunk, tried, err := loader(name)
		if err != nil {
			L.RaiseError("%s", err.Error())
		}
		if src == nil {
			msg := ""
			for _, t := range tried {
				msg += "\n\tno file '" + t + "'"
			}
			L.RaiseError("module '%s' not found:%s", name, msg)
		}
		fn, err := L.LoadString(string(src))
		if err != nil {
			L.RaiseError("error loading module %s: %s", name, err.Error())
		}
		_ = chunk
		L.Push(fn)
		L.Push(lua.LString(name))
		L.Call(1, 1)
		v := L.Get(-1)
		if v == lua.LNil {
			v = lua.LTrue
		}
		L.SetField(loaded, name, v)
		L.Push(v)
		return 1
	}))
	return e
}

func (e *engine) preload(name string, open lua.LGFunction) { e.L.PreloadModule(name, open) }

func (e *engine) run(text []byte, chunk string) error {
	fn, err := e.L.LoadString(string(text))
	if err != nil {
		return err
	}
	_ = chunk
	_, _, err = e.call(fn)
	return err
}

func (e *engine) call(fn lua.LValue, args ...lua.LValue) (first, second lua.LValue, err error) {
	if err := e.L.CallByParam(lua.P{Fn: fn, NRet: 2, Protect: true}, args...); err != nil {
		var api *lua.ApiError
		if errors.As(err, &api) {
			return lua.LNil, lua.LNil, fmt.Errorf("%s", api.Object.String())
		}
		return lua.LNil, lua.LNil, err
	}
	first, second = e.L.Get(-2), e.L.Get(-1)
	e.L.SetTop(0)
	return first, second, nil
}

func (e *engine) global(name string) lua.LValue { return e.L.G.Global.RawGetString(name) }

func (e *engine) memory() int { return 0 }

func (e *engine) usage() (memory, maxMemory, maxInstructions int) { return 0, 0, 0 }

func (e *engine) close() { e.L.Close() }
