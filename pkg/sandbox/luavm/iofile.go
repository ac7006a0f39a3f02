package luavm

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	lua "github.com/yuin/gopher-lua"
)

// fileType is the name of the type in messages and in the registry.
const fileType = "FILE*"

// file is the value of a userdata that stands for a stream; without one it is
// closed.
type file struct{ *stream }

// MemoryBytes is what the file takes besides its userdata.
func (f *file) MemoryBytes() int {
	if f.stream == nil {
		return 0
	}
	return 256 + cap(f.buf)
}

// files are the streams that a state has opened, so that what is buffered in
// them is written at the end, and when no script can reach them any more.
type files struct {
	open map[*stream]struct{}

	mu   sync.Mutex
	lost []*stream // the collector found nobody who knows them
}

// adopt makes a userdata for a stream.
func (lib *ioLibrary) adopt(L *lua.LState, s *stream) *lua.LUserData {
	f := &file{s}
	lib.vm.charge(L, f.MemoryBytes()+bufferSize, sizeUserData+f.MemoryBytes()+bufferSize)
	if !s.standard {
		all := lib.files
		all.open[s] = struct{}{}
		runtime.AddCleanup(f, func(s *stream) {
			all.mu.Lock()
			all.lost = append(all.lost, s)
			all.mu.Unlock()
		}, s)
	}
	ud := L.NewUserData()
	ud.Value, ud.Metatable = f, lib.metatable
	return ud
}

// closeFile is the close function of a file that is not a standard one.
func (lib *ioLibrary) closeFile(f *file) error {
	s := f.stream
	f.stream = nil
	delete(lib.files.open, s)
	return s.close()
}

// reap closes the files that the collector found.
func (lib *ioLibrary) reap() {
	all := lib.files
	all.mu.Lock()
	lost := all.lost
	all.lost = nil
	all.mu.Unlock()
	for _, s := range lost {
		if _, open := all.open[s]; open {
			delete(all.open, s)
			_ = s.close() // nobody is left to be told
		}
	}
}

// collect looks for files that no script can reach, and closes them. That takes
// as long as a collection.
func (lib *ioLibrary) collect() {
	if len(lib.files.open) == 0 {
		return
	}
	done := make(chan struct{})
	runtime.AddCleanup(&file{}, func(done chan struct{}) { close(done) }, done)
	runtime.GC()
	select {
	case <-done:
	case <-time.After(20 * time.Millisecond):
	}
	lib.reap()
}

// close ends the library: everything is written, and every file closed.
func (lib *ioLibrary) close() {
	lib.settle()
	lib.closing = true
	for s := range lib.files.open {
		_ = s.close() // nobody is left to be told
	}
	clear(lib.files.open)
}

// openFile is fopen.
func (lib *ioLibrary) openFile(path, mode string) (*stream, error) {
	flags, err := openFlags(mode)
	if err != nil {
		return nil, err
	}
	lib.reap()
	f, err := os.OpenFile(cString(path), flags, 0o666)
	if errors.Is(err, syscall.EMFILE) {
		lib.collect()
		f, err = os.OpenFile(cString(path), flags, 0o666)
	}
	if err != nil {
		return nil, err
	}
	s := fileStream(f, flags)
	if flags&(os.O_APPEND|os.O_RDWR) == os.O_APPEND {
		_, _ = f.Seek(0, io.SeekEnd) // a pipe has no end
	}
	return s, nil
}

func fileStream(f *os.File, flags int) *stream {
	s := &stream{pos: f, shut: f.Close, mode: bufferFull, appends: flags&os.O_APPEND != 0}
	if flags&os.O_WRONLY == 0 {
		s.in = f
	}
	if flags&(os.O_WRONLY|os.O_RDWR) != 0 {
		s.out = f
	}
	return s
}

// openFlags reads the mode of fopen as glibc does.
func openFlags(mode string) (int, error) {
	mode = cString(mode)
	access, flags := os.O_WRONLY, 0
	switch {
	case mode == "":
		return 0, syscall.EINVAL
	case mode[0] == 'r':
		access = os.O_RDONLY
	case mode[0] == 'w':
		flags = os.O_CREATE | os.O_TRUNC
	case mode[0] == 'a':
		flags = os.O_CREATE | os.O_APPEND
	default:
		return 0, syscall.EINVAL
	}
	for _, c := range mode[1:min(len(mode), 7)] {
		switch c {
		case '+':
			access = os.O_RDWR
		case 'x':
			flags |= os.O_EXCL
		}
	}
	return access | flags, nil
}

// cString is what C sees of a string: what is before its first zero.
func cString(s string) string {
	for i := range len(s) {
		if s[i] == 0 {
			return s[:i]
		}
	}
	return s
}

// sink is the standard output as the script and its child processes share it.
type sink struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// standardStreams opens what the options name, or the process's own.
func (lib *ioLibrary) standardStreams() (in, out, err *stream) {
	opts := &lib.vm.opts
	in = &stream{in: os.Stdin, standard: true, mode: bufferFull}
	if opts.Stdin != nil {
		in.in = opts.Stdin
	}
	in.pos, _ = in.in.(io.Seeker)
	out = standardOutput(opts.Stdout, os.Stdout)
	out.mode = bufferFull
	if !opts.Trusted || terminal(out.out) {
		out.mode = bufferLine
	}
	in.wait = func() {
		if out.mode != bufferFull {
			out.flush()
		}
	}
	err = standardOutput(opts.Stderr, os.Stderr)
	return in, out, err
}

func standardOutput(w io.Writer, own *os.File) *stream {
	if w == nil {
		w = own
	}
	s := &stream{out: w, standard: true}
	s.pos, _ = w.(io.Seeker)
	if _, direct := w.(*os.File); !direct {
		s.out = &sink{w: w}
	}
	return s
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	found := false
	err = conn.Control(func(fd uintptr) {
		_, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		found = err == nil
	})
	return found && err == nil
}
