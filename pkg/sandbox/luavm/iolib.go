package luavm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	lua "github.com/yuin/gopher-lua"
)

// ioLibrary is the io of one state, PUC Lua 5.1's with C's streams below it.
type ioLibrary struct {
	vm            *VM
	metatable     *lua.LTable
	files         *files
	stdin, stdout *stream
	stderr        *stream
	input, output *lua.LUserData // what io.read and io.write use
	failed        error          // the first error of the standard output
	closing       bool           // the state is being closed
	exiting       bool           // os.exit was called
}

// openIO opens io for states that may have files.
func (vm *VM) openIO() {
	L := vm.L
	lib := &ioLibrary{vm: vm, files: &files{open: map[*stream]struct{}{}}}
	vm.io = lib
	lib.metatable = L.NewTypeMetatable(fileType)
	lib.metatable.RawSetString("__index", lib.metatable)
	vm.fill(lib.metatable, map[string]lua.LGFunction{
		"close":      lib.fileClose,
		"flush":      func(L *lua.LState) int { f := lib.opened(L); return status(L, f.sync(), f) },
		"lines":      func(L *lua.LState) int { lib.opened(L); return lib.pushLines(L, L.Get(1), false) },
		"read":       func(L *lua.LState) int { return lib.read(L, lib.opened(L), 2) },
		"seek":       lib.fileSeek,
		"setvbuf":    lib.fileSetvbuf,
		"write":      func(L *lua.LState) int { return lib.write(L, lib.opened(L), 2) },
		"__gc":       lib.fileGC,
		"__tostring": lib.fileToString,
	})
	t := vm.library("io", map[string]lua.LGFunction{
		"close":   lib.ioClose,
		"flush":   func(L *lua.LState) int { f := lib.standard(L, lib.output, "output"); return status(L, f.sync(), f) },
		"input":   func(L *lua.LState) int { return lib.choose(L, &lib.input, "r") },
		"lines":   lib.ioLines,
		"open":    lib.ioOpen,
		"output":  func(L *lua.LState) int { return lib.choose(L, &lib.output, "w") },
		"popen":   lib.ioPopen,
		"read":    func(L *lua.LState) int { return lib.read(L, lib.standard(L, lib.input, "input"), 1) },
		"tmpfile": lib.ioTmpfile,
		"type":    lib.ioType,
		"write":   func(L *lua.LState) int { return lib.write(L, lib.standard(L, lib.output, "output"), 1) },
	})
	lib.stdin, lib.stdout, lib.stderr = lib.standardStreams()
	lib.input, lib.output = lib.adopt(L, lib.stdin), lib.adopt(L, lib.stdout)
	t.RawSetString("stdin", lib.input)
	t.RawSetString("stdout", lib.output)
	t.RawSetString("stderr", lib.adopt(L, lib.stderr))
}

// settle writes what print and io.write left in the buffer when the host gets
// the control back.
func (lib *ioLibrary) settle() {
	lib.reap()
	if !lib.stdout.flush() && lib.failed == nil {
		lib.failed = lib.stdout.err
	}
}

// Flush writes what print and io.write have buffered. It returns the first error
// that the standard output ever had at the end of a Load, Run or Call.
func (vm *VM) Flush() error {
	if vm.io == nil {
		return nil
	}
	vm.io.settle()
	return vm.io.failed
}

// handle returns argument 1, which must be a file, closed or not.
func (lib *ioLibrary) handle(L *lua.LState) *file {
	f := lib.fileOf(L.Get(1))
	if f == nil {
		typeError(L, 1, fileType)
	}
	return f
}

func (lib *ioLibrary) fileOf(v lua.LValue) *file {
	ud, ok := v.(*lua.LUserData)
	if !ok || ud.Metatable != lua.LValue(lib.metatable) {
		return nil
	}
	f, _ := ud.Value.(*file)
	return f
}

// opened returns argument 1, which must be an open file.
func (lib *ioLibrary) opened(L *lua.LState) *file {
	f := lib.handle(L)
	if f.stream == nil {
		raise(L, "attempt to use a closed file")
	}
	return f
}

// standard returns the default input or output.
func (lib *ioLibrary) standard(L *lua.LState, ud *lua.LUserData, name string) *file {
	f := lib.fileOf(ud)
	if f == nil || f.stream == nil {
		raise(L, "standard %s file is closed", name)
	}
	return f
}

// status pushes what file functions return: true, or nil and the error.
func status(L *lua.LState, ok bool, f *file) int {
	if ok {
		L.Push(lua.LTrue)
		return 1
	}
	return pushFailure(L, f.err)
}

// pushFailure pushes nil, a message and errno.
func pushFailure(L *lua.LState, err error) int {
	return pushError(L, err, systemText(err))
}

// pushFileFailure is pushFailure with the name of the file.
func pushFileFailure(L *lua.LState, err error, path string) int {
	return pushError(L, err, failureText(err, path))
}

func pushError(L *lua.LState, err error, text string) int {
	L.Push(lua.LNil)
	L.Push(lua.LString(text))
	L.Push(lua.LNumber(errnoOf(err)))
	return 3
}

func failureText(err error, path string) string {
	return cString(path) + ": " + systemText(err)
}

func (lib *ioLibrary) ioClose(L *lua.LState) int {
	if L.GetTop() == 0 {
		L.Push(lib.output)
	}
	return lib.fileClose(L)
}

func (lib *ioLibrary) fileClose(L *lua.LState) int {
	if L.GetTop() == 0 {
		L.Push(lua.LNil) // PUC Lua looks in the wrong table
	}
	f := lib.opened(L)
	if f.standard {
		L.Push(lua.LNil)
		L.Push(lua.LString("cannot close standard file"))
		return 2
	}
	if err := lib.closeFile(f); err != nil {
		return pushFailure(L, err)
	}
	L.Push(lua.LTrue)
	return 1
}

func (lib *ioLibrary) fileGC(L *lua.LState) int {
	if f := lib.handle(L); f.stream != nil && !f.standard {
		_ = lib.closeFile(f) // nobody is told
	}
	return 0
}

func (lib *ioLibrary) fileToString(L *lua.LState) int {
	text := "file (closed)"
	if f := lib.handle(L); f.stream != nil {
		text = fmt.Sprintf("file (%p)", f.stream)
	}
	L.Push(lua.LString(text))
	return 1
}

func (lib *ioLibrary) ioType(L *lua.LState) int {
	switch f := lib.fileOf(checkAny(L, 1)); {
	case f == nil:
		L.Push(lua.LNil)
	case f.stream == nil:
		L.Push(lua.LString("closed file"))
	default:
		L.Push(lua.LString("file"))
	}
	return 1
}

func (lib *ioLibrary) ioOpen(L *lua.LState) int {
	path := CheckString(L, 1)
	s, err := lib.openFile(path, OptString(L, 2, "r"))
	if err != nil {
		return pushFileFailure(L, err, path)
	}
	L.Push(lib.adopt(L, s))
	return 1
}

func (lib *ioLibrary) ioTmpfile(L *lua.LState) int {
	f, err := os.CreateTemp("", "lua_")
	if err != nil {
		return pushFailure(L, err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return pushFailure(L, errors.Join(err, f.Close()))
	}
	L.Push(lib.adopt(L, fileStream(f, os.O_RDWR)))
	return 1
}

// choose is io.input and io.output.
func (lib *ioLibrary) choose(L *lua.LState, which **lua.LUserData, mode string) int {
	if path, ok := ToString(L.Get(1)); ok {
		s, err := lib.openFile(path, mode)
		if err != nil {
			ArgError(L, 1, failureText(err, path))
		}
		*which = lib.adopt(L, s)
	} else if !isNone(L, 1) {
		lib.opened(L)
		*which, _ = L.Get(1).(*lua.LUserData)
	}
	L.Push(*which)
	return 1
}

func (lib *ioLibrary) ioLines(L *lua.LState) int {
	if isNone(L, 1) {
		if L.GetTop() == 0 {
			L.Push(lib.input)
		}
		lib.opened(L)
		return lib.pushLines(L, L.Get(1), false)
	}
	path := CheckString(L, 1)
	s, err := lib.openFile(path, "r")
	if err != nil {
		ArgError(L, 1, failureText(err, path))
	}
	return lib.pushLines(L, lib.adopt(L, s), true)
}

// pushLines pushes an iterator; with closing it closes the file at its end.
func (lib *ioLibrary) pushLines(L *lua.LState, ud lua.LValue, closing bool) int {
	L.Push(L.NewClosure(lib.nextLine, ud, lua.LBool(closing)))
	return 1
}

func (lib *ioLibrary) nextLine(L *lua.LState) int {
	f := lib.fileOf(L.Get(lua.UpvalueIndex(1)))
	if f == nil || f.stream == nil {
		raise(L, "file is already closed")
	}
	line, ok := lib.readLine(L, f.stream)
	if f.err != nil {
		raise(L, "%s", systemText(f.err))
	}
	if ok {
		pushBytes(L, line)
		return 1
	}
	if L.Get(lua.UpvalueIndex(2)) == lua.LTrue {
		_ = lib.closeFile(f) // it was only read
	}
	return 0
}

// write is the write of a file and of io; first is its first argument.
func (lib *ioLibrary) write(L *lua.LState, f *file, first int) int {
	ok := true
	for i := first; i <= L.GetTop(); i++ {
		text := CheckString(L, i)
		lib.vm.charge(L, len(text), 0)
		ok = ok && f.write(text)
	}
	return status(L, ok, f)
}

func (lib *ioLibrary) fileSeek(L *lua.LState) int {
	f := lib.opened(L)
	whence := checkOption(L, 2, "cur", "set", "cur", "end")
	at, err := f.seek(toLong(optNumber(L, 3, 0)), whence)
	if err != nil {
		return pushFailure(L, err)
	}
	L.Push(lua.LNumber(at))
	return 1
}

func (lib *ioLibrary) fileSetvbuf(L *lua.LState) int {
	f := lib.opened(L)
	mode := checkOption(L, 2, "", "no", "full", "line")
	OptInt(L, 3, 0)
	return status(L, f.setBuffering(buffering(mode)), f)
}

// checkOption is luaL_checkoption: the place of argument n in a list.
func checkOption(L *lua.LState, n int, def string, options ...string) int {
	if def == "" || !isNone(L, n) {
		def = CheckString(L, n)
	}
	i := slices.Index(options, cString(def))
	if i < 0 {
		ArgError(L, n, fmt.Sprintf("invalid option '%s'", cString(def)))
	}
	return i
}

// openError is the message of a source file that cannot be opened.
func openError(path string, err error) string {
	return "cannot open " + path + ": " + systemText(err)
}

// systemText is strerror.
func systemText(err error) string {
	var errno syscall.Errno
	var pe *fs.PathError
	switch {
	case errors.As(err, &errno):
		text := errno.Error()
		return strings.ToUpper(text[:1]) + text[1:]
	case errors.As(err, &pe):
		return pe.Err.Error()
	}
	return err.Error()
}

// errnoOf is the number of an error, that of an input/output error when the
// system gave none.
func errnoOf(err error) int {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return int(errno)
	}
	return int(syscall.EIO)
}
