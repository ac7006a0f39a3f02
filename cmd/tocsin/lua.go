package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/lualpeg"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules"
	"github.com/tocsin-lma/tocsin/plugins"
)

const luaUsage = `Usage: tocsin lua [-I DIR]... SCRIPT [ARGUMENTS]

Runs a Lua script in a trusted state: the full Lua 5.1 library with io, os,
debug and load, and the native modules of the sandbox. Modules are looked for in
the -I directories, along LUA_PATH (";;" is the default path), then among the
modules that come with Tocsin. SCRIPT "-" is the standard input.

  -I DIR   look for modules in DIR first
`

// exitInterrupted is the exit code of a script that a signal ended.
const exitInterrupted = 130

// runLua is "tocsin lua".
func runLua(ctx context.Context, std streams, args []string) int {
	var dirs []string
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		flag := args[0]
		args = args[1:]
		switch {
		case flag == "-h" || flag == "--help" || flag == "-help":
			fmt.Fprint(std.out, luaUsage)
			return exitOK
		case flag == "--":
		case flag == "-I" && len(args) > 0:
			dirs = append(dirs, args[0])
			args = args[1:]
			continue
		case strings.HasPrefix(flag, "-I") && len(flag) > 2:
			dirs = append(dirs, flag[2:])
			continue
		default:
			fmt.Fprintf(std.err, "tocsin lua: unknown flag %s\n%s", flag, luaUsage)
			return exitUsage
		}
		break
	}
	if len(args) == 0 {
		fmt.Fprint(std.err, luaUsage)
		return exitUsage
	}
	source, err := readScript(std.in, args[0])
	if err != nil {
		fmt.Fprintf(std.err, "tocsin lua: cannot open %s: %v\n", args[0], err)
		return exitFindings
	}
	// A script that does not end must not outlive a signal: the machine has no
	// point at which to stop it, so the process ends.
	defer context.AfterFunc(ctx, func() { os.Exit(exitInterrupted) })()
	return runScript(std, dirs, args, source)
}

func readScript(stdin io.Reader, name string) (string, error) {
	if name == "-" {
		b, err := io.ReadAll(stdin)
		return string(b), err
	}
	b, err := os.ReadFile(name)
	return string(b), err
}

func runScript(std streams, dirs, args []string, source string) int {
	search := luavm.ExpandPath(os.Getenv("LUA_PATH"))
	for i := len(dirs) - 1; i >= 0; i-- {
		search = filepath.Join(dirs[i], "?.lua") + ";" + filepath.Join(dirs[i], "?", "init.lua") + ";" + search
	}
	vm := luavm.New(luavm.Options{
		Trusted: true, LuaPath: search, Loader: shippedModule,
		Stdin: std.in, Stdout: std.out, Stderr: std.err,
	})
	defer vm.Close()
	preloadNative(vm)
	arg := vm.L.NewTable()
	values := make([]lua.LValue, 0, len(args))
	for i, a := range args {
		arg.RawSet(lua.LNumber(i), lua.LString(a))
		if i > 0 {
			values = append(values, lua.LString(a))
		}
	}
	vm.SetGlobal("arg", arg)
	err := vm.Run("@"+args[0], source, values...)
	if flushed := vm.Flush(); flushed != nil {
		return exitFindings
	}
	if err == nil {
		return exitOK
	}
	var exit *luavm.ExitError
	if errors.As(err, &exit) {
		return exit.Code
	}
	var failed *luavm.Error
	if errors.As(err, &failed) && failed.Traceback != "" {
		fmt.Fprintf(std.err, "tocsin lua: %s\n%s\n", failed.Text, failed.Traceback)
		return exitFindings
	}
	fmt.Fprintf(std.err, "tocsin lua: %v\n", err)
	return exitFindings
}

// shippedModule finds the Lua modules that come with Tocsin.
func shippedModule(name string) (source []byte, chunk string, tried []string, err error) {
	file := path.Join("lua/modules", strings.ReplaceAll(name, ".", "/")+".lua")
	source, err = plugins.FS.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", []string{"tocsin:" + file}, nil
	}
	return source, "@tocsin:" + file, nil, err
}

// preloadNative makes the native modules known to require, without the limits
// that a plugin has.
func preloadNative(vm *luavm.VM) {
	patterns := lualpeg.Open(vm.L)
	vm.Preload("lpeg", patterns.Loader)
	vm.Preload("re", patterns.LoaderRe)
	for _, m := range modules.All(modules.Limits{}) {
		vm.Preload(m.Name, m.Open)
	}
}
