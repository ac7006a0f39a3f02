package luavm

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	lua "github.com/yuin/gopher-lua"
)

// addDeviceFunctions adds what reaches the system.
func (vm *VM) addDeviceFunctions(functions map[string]lua.LGFunction) {
	functions["execute"] = func(L *lua.LState) int { return vm.io.execute(L) }
	functions["getenv"] = osGetenv
	functions["remove"] = osRemove
	functions["rename"] = osRename
	functions["tmpname"] = osTmpname
}

// ExitError is the cause of the *Error of a trusted script that called os.exit.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("exit %d", e.Code) }

func (vm *VM) osExit(L *lua.LState) int {
	code := 0
	switch v := L.Get(1).(type) {
	case lua.LBool:
		if !v {
			code = 1
		}
	default:
		code = OptInt(L, 1, 0)
	}
	vm.io.exiting = true
	vm.meter.cause = &ExitError{code}
	raise(L, "exit")
	return 0
}

func osGetenv(L *lua.LState) int {
	value, ok := os.LookupEnv(cString(CheckString(L, 1)))
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LString(value))
	return 1
}

// osRemove is C's remove: a file, or an empty directory.
func osRemove(L *lua.LState) int {
	path := CheckString(L, 1)
	err := syscall.Unlink(cString(path))
	if errors.Is(err, syscall.EISDIR) {
		err = syscall.Rmdir(cString(path))
	}
	return fileStatus(L, err, path)
}

func osRename(L *lua.LState) int {
	from, to := CheckString(L, 1), CheckString(L, 2)
	return fileStatus(L, syscall.Rename(cString(from), cString(to)), from)
}

func fileStatus(L *lua.LState, err error, path string) int {
	if err != nil {
		return pushFileFailure(L, err, path)
	}
	L.Push(lua.LTrue)
	return 1
}

// osTmpname makes an empty file, so that nobody else gets its name.
func osTmpname(L *lua.LState) int {
	f, err := os.CreateTemp("/tmp", "lua_")
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		raise(L, "unable to generate a unique filename")
	}
	L.Push(lua.LString(f.Name()))
	return 1
}

// osSetlocale knows the locale of every script, C.
func osSetlocale(L *lua.LState) int {
	checkOption(L, 2, "all", "all", "collate", "ctype", "monetary", "numeric", "time")
	switch OptString(L, 1, "C") {
	case "", "C", "POSIX":
		L.Push(lua.LString("C"))
	default:
		L.Push(lua.LNil)
	}
	return 1
}
