package luavm

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// read is the read of a file and of io; first is its first argument.
func (lib *ioLibrary) read(L *lua.LState, f *file, first int) int {
	top := L.GetTop()
	f.clear()
	ok := true
	if top < first {
		ok = lib.pushLine(L, f.stream)
	}
	for i := first; i <= top && ok; i++ {
		ok = lib.readFormat(L, f.stream, i)
	}
	if f.err != nil {
		return pushFailure(L, f.err)
	}
	if !ok {
		L.Push(lua.LNil)
	}
	return L.GetTop() - top
}

// readFormat reads what argument n asks for and pushes it; without it nothing
// is pushed.
func (lib *ioLibrary) readFormat(L *lua.LState, s *stream, n int) bool {
	if count, ok := L.Get(n).(lua.LNumber); ok {
		length := toLong(float64(count))
		if length == 0 {
			L.Push(lua.LString(""))
			return atMore(L, s)
		}
		if length < 0 {
			length = math.MaxInt64 // C's size_t
		}
		return lib.pushChars(L, s, length, false)
	}
	format, ok := ToString(L.Get(n))
	format = cString(format)
	if !ok || format == "" || format[0] != '*' {
		ArgError(L, n, "invalid option")
	}
	switch format[1:min(len(format), 2)] {
	case "n":
		if s.in == nil {
			return false // fscanf does not call this an error of the stream
		}
		f, ok := scanNumber(s, func(read, length int) {
			lib.vm.charge(L, read, read)
			lib.vm.grow(L, length, length)
		})
		if ok {
			L.Push(lua.LNumber(f))
		}
		return ok
	case "l":
		return lib.pushLine(L, s)
	case "a":
		return lib.pushChars(L, s, math.MaxInt64, true)
	}
	ArgError(L, n, "invalid format")
	return false
}

// atMore tells whether there is something to read; the value for it is pushed.
func atMore(L *lua.LState, s *stream) bool {
	if s.fill() {
		return true
	}
	L.Pop(1)
	return false
}

func (lib *ioLibrary) pushLine(L *lua.LState, s *stream) bool {
	line, ok := lib.readLine(L, s)
	if ok {
		pushBytes(L, line)
	}
	return ok
}

// readLine reads a line; false is the end of the file or an error. Unlike PUC
// Lua it keeps what follows a zero byte in a line.
func (lib *ioLibrary) readLine(L *lua.LState, s *stream) ([]byte, bool) {
	var line []byte
	booked := 0
	for s.fill() {
		var ended bool
		line, ended = s.appendLine(line)
		booked = lib.vm.grow(L, len(line), booked)
		if ended {
			return line, true
		}
	}
	return line, len(line) > 0
}

// pushChars reads up to n bytes. Without any it pushes nothing, or the empty
// string when that will do.
func (lib *ioLibrary) pushChars(L *lua.LState, s *stream, n int64, emptyToo bool) bool {
	var text []byte
	booked := 0
	for n > 0 {
		before := len(text)
		text = s.appendSome(text, int(n))
		if len(text) == before {
			break
		}
		n -= int64(len(text) - before)
		booked = lib.vm.grow(L, len(text), booked)
	}
	if len(text) == 0 && !emptyToo {
		return false
	}
	pushBytes(L, text)
	return true
}
