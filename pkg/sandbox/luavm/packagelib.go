package luavm

import (
	"fmt"
	"os"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// defaultPath is package.path of a trusted state without LUA_PATH.
const defaultPath = "./?.lua;/usr/local/share/lua/5.1/?.lua;/usr/local/share/lua/5.1/?/init.lua;/usr/share/lua/5.1/?.lua;/usr/share/lua/5.1/?/init.lua"

// ExpandPath puts the default path where LUA_PATH says ";;".
func ExpandPath(path string) string {
	if path == "" {
		return defaultPath
	}
	path = strings.ReplaceAll(path, ";;", ";\x01;")
	path = strings.ReplaceAll(path, "\x01", defaultPath)
	return strings.Trim(path, ";")
}

// openPackage opens package. Fenced states see an empty table that still answers
// for seeall and loaded, which module idioms need.
func (vm *VM) openPackage() {
	L := vm.L
	t := L.NewTable()
	content := t
	if !vm.opts.Trusted {
		content = L.NewTable()
		mt := L.NewTable()
		mt.RawSetString("__index", content)
		mt.RawSetString("__metatable", lua.LFalse)
		t.Metatable = mt
	}
	content.RawSetString("loaded", vm.loaded)
	content.RawSetString("seeall", L.NewFunction(seeall))
	if vm.opts.Trusted {
		t.RawSetString("path", lua.LString(ExpandPath(vm.opts.LuaPath)))
		t.RawSetString("cpath", lua.LString(""))
		t.RawSetString("config", lua.LString("/\n;\n?\n!\n-\n"))
		t.RawSetString("preload", L.NewTable())
		vm.openLoaders(t)
	}
	vm.packages = t
	L.G.Global.RawSetString("package", t)
	vm.loaded.RawSetString("package", t)
}

func seeall(L *lua.LState) int {
	t := checkTable(L, 1)
	mt, ok := t.Metatable.(*lua.LTable)
	if !ok {
		mt = L.CreateTable(0, 1)
		t.Metatable = mt
	}
	mt.RawSetString("__index", L.G.Global)
	return 0
}

// validModule accepts dotted names; everything that could leave the module
// directories is refused.
func validModule(name string) bool {
	for _, part := range strings.Split(name, ".") {
		if part == "" {
			return false
		}
		for i := 0; i < len(part); i++ {
			if c := part[i]; !isAlpha(c) && !isDigit(c) && c != '_' && c != '-' {
				return false
			}
		}
	}
	return len(name) <= 255
}

func (vm *VM) require(L *lua.LState) int {
	name := CheckString(L, 1)
	if v := vm.loaded.RawGetString(name); lua.LVAsBool(v) {
		if v == lua.LValue(vm.loading) {
			raise(L, "loop or previous error loading module '%s'", name)
		}
		L.Push(v)
		return 1
	}
	if !vm.opts.Trusted && !validModule(name) {
		raise(L, "invalid module name '%s'", name)
	}
	loader, native := vm.findModule(L, name)
	vm.loaded.RawSetString(name, vm.loading)
	defer func() {
		// A module that failed may be required again.
		if vm.loaded.RawGetString(name) == lua.LValue(vm.loading) {
			vm.loaded.RawSetString(name, lua.LNil)
		}
	}()
	L.Push(loader)
	L.Push(lua.LString(name))
	L.Call(1, 1)
	value := L.Get(-1)
	if value != lua.LNil {
		vm.loaded.RawSetString(name, value)
	} else if vm.loaded.RawGetString(name) == lua.LValue(vm.loading) {
		vm.loaded.RawSetString(name, lua.LTrue)
	}
	value = vm.loaded.RawGetString(name)
	if native && !strings.Contains(name, ".") {
		L.G.Global.RawSetString(name, value)
	}
	L.Push(value)
	return 1
}

// findModule returns the function that makes a module, or raises Lua's list of
// the places that were searched.
func (vm *VM) findModule(L *lua.LState, name string) (loader *lua.LFunction, native bool) {
	if vm.opts.Trusted {
		return vm.askLoaders(L, name), vm.preload[name] != nil
	}
	if open := vm.preload[name]; open != nil {
		return L.NewFunction(open), true
	}
	fn, missed := vm.fromHost(L, name)
	if fn == nil {
		tried := append([]string{fmt.Sprintf("no field package.preload['%s']", name)}, missed...)
		raise(L, "module '%s' not found:\n\t%s", name, strings.Join(tried, "\n\t"))
	}
	return fn, false
}

// fromHost asks the Loader of the state for a module.
func (vm *VM) fromHost(L *lua.LState, name string) (fn *lua.LFunction, tried []string) {
	if vm.opts.Loader != nil && validModule(name) {
		source, chunk, missed, err := vm.opts.Loader(name)
		if err != nil {
			raise(L, "error loading module '%s':\n\t%s", name, err.Error())
		}
		if source != nil {
			return vm.moduleChunk(L, name, chunk, string(source)), nil
		}
		for _, m := range missed {
			tried = append(tried, fmt.Sprintf("no file '%s'", m))
		}
	}
	return nil, tried
}

// openLoaders fills package.loaders of a trusted state: what it has itself or in
// package.preload, then files.
func (vm *VM) openLoaders(packages *lua.LTable) {
	L := vm.L
	loaders := L.NewTable()
	loaders.Append(L.NewFunction(func(L *lua.LState) int {
		name := CheckString(L, 1)
		preload, ok := packages.RawGetString("preload").(*lua.LTable)
		if !ok {
			raise(L, "'package.preload' must be a table")
		}
		if open := vm.preload[name]; open != nil {
			L.Push(L.NewFunction(open))
		} else if fn := preload.RawGetString(name); fn != lua.LNil {
			L.Push(fn)
		} else {
			L.Push(lua.LString(fmt.Sprintf("\n\tno field package.preload['%s']", name)))
		}
		return 1
	}))
	loaders.Append(L.NewFunction(func(L *lua.LState) int {
		name := CheckString(L, 1)
		fn, tried := vm.searchPath(L, name)
		if fn == nil {
			var missed []string
			fn, missed = vm.fromHost(L, name)
			tried = append(tried, missed...)
		}
		if fn != nil {
			L.Push(fn)
		} else {
			L.Push(lua.LString("\n\t" + strings.Join(tried, "\n\t")))
		}
		return 1
	}))
	packages.RawSetString("loaders", loaders)
	packages.RawSetString("loadlib", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LNil)
		L.Push(lua.LString("dynamic libraries not enabled; check your Lua installation"))
		L.Push(lua.LString("absent"))
		return 3
	}))
}

// askLoaders asks each of package.loaders for a module.
func (vm *VM) askLoaders(L *lua.LState, name string) *lua.LFunction {
	loaders, ok := vm.packages.RawGetString("loaders").(*lua.LTable)
	if !ok {
		raise(L, "'package.loaders' must be a table")
	}
	var tried strings.Builder
	for i := 1; ; i++ {
		loader := loaders.RawGetInt(i)
		if loader == lua.LNil {
			raise(L, "module '%s' not found:%s", name, tried.String())
		}
		L.Push(loader)
		L.Push(lua.LString(name))
		L.Call(1, 1)
		found := L.Get(-1)
		L.Pop(1)
		if fn, ok := found.(*lua.LFunction); ok {
			return fn
		}
		if text, ok := ToString(found); ok {
			tried.WriteString(text)
		}
	}
}

func (vm *VM) moduleChunk(L *lua.LState, name, chunk, source string) *lua.LFunction {
	fn, err := vm.CompileShared(chunk, source)
	if err != nil {
		raise(L, "error loading module '%s' from file '%s':\n\t%s", name, chunkName(chunk), err.Error())
	}
	return fn
}

// searchPath looks along package.path of a trusted state.
func (vm *VM) searchPath(L *lua.LState, name string) (*lua.LFunction, []string) {
	path, ok := ToString(vm.packages.RawGetString("path"))
	if !ok {
		raise(L, "'package.path' must be a string")
	}
	var tried []string
	file := strings.ReplaceAll(name, ".", "/")
	for _, template := range strings.Split(path, ";") {
		if template == "" {
			continue
		}
		at := strings.ReplaceAll(template, "?", file)
		source, err := os.ReadFile(at)
		if err != nil {
			tried = append(tried, fmt.Sprintf("no file '%s'", at))
			continue
		}
		return vm.moduleChunk(L, name, "@"+at, string(source)), nil
	}
	return nil, tried
}

// module is Lua's module(name, ...).
func (vm *VM) module(L *lua.LState) int {
	name := CheckString(L, 1)
	options := L.GetTop()
	mod, ok := vm.loaded.RawGetString(name).(*lua.LTable)
	if !ok {
		mod = vm.globalTable(L, name)
		vm.loaded.RawSetString(name, mod)
	}
	if mod.RawGetString("_NAME") == lua.LNil {
		mod.RawSetString("_M", mod)
		mod.RawSetString("_NAME", lua.LString(name))
		mod.RawSetString("_PACKAGE", lua.LString(name[:strings.LastIndexByte(name, '.')+1]))
	}
	caller := callerOf(L)
	if caller == nil || caller.IsG {
		raise(L, "'module' not called from a Lua function")
	}
	caller.Env = mod
	for i := 2; i <= options; i++ {
		L.Push(L.Get(i))
		L.Push(mod)
		L.Call(1, 0)
	}
	return 0
}

// globalTable finds or makes the table at a dotted name below the globals.
func (vm *VM) globalTable(L *lua.LState, name string) *lua.LTable {
	t := L.G.Global
	for _, part := range strings.Split(name, ".") {
		switch v := t.RawGetString(part).(type) {
		case *lua.LTable:
			t = v
		case *lua.LNilType:
			next := L.NewTable()
			t.RawSetString(part, next)
			t = next
		default:
			raise(L, "name conflict for module '%s'", name)
		}
	}
	return t
}

// callerOf returns the function that called the running host function, or nil.
func callerOf(L *lua.LState) *lua.LFunction {
	dbg, ok := L.GetStack(1)
	if !ok {
		return nil
	}
	v, err := L.GetInfo("f", dbg, lua.LNil)
	if err != nil {
		return nil
	}
	fn, _ := v.(*lua.LFunction)
	return fn
}
