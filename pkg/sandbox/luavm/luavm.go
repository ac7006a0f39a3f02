// Package luavm is one Lua 5.1 state: gopher-lua, repaired where it differs from
// PUC Lua 5.1 and fenced so that a hostile script hurts only itself.
//
// Invariant: after a limit has fired no instruction of the script runs any more
// until the host call that it fired in has returned, whatever the script does
// with pcall, coroutines, metatables or environments. A VM owns all of its
// state; two VMs share nothing that a script can write.
//
// A VM is used by one goroutine at a time and starts none.
package luavm

import (
	"errors"
	"fmt"
	"io"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Limits that were exceeded; *Error unwraps to one of them.
var (
	// ErrInstructions says that a call used up its instructions.
	ErrInstructions = errors.New("instruction_limit exceeded")
	// ErrWork says that a call spent too much time or too many bytes inside host
	// functions; it reads like ErrInstructions because it is the same limit in
	// another unit.
	ErrWork = errors.New("instruction_limit exceeded (work in library functions)")
	// ErrTime says that a call ran too long although it was within its
	// instructions.
	ErrTime = errors.New("instruction_limit exceeded (running time)")
	// ErrMemory says that the state reaches more bytes than it may.
	ErrMemory = errors.New("not enough memory")
)

// Options configure a VM. The zero value is a fenced state without limits on
// instructions and memory.
type Options struct {
	// Trusted opens the full library (io, os, debug, load and its kin) and
	// switches every limit off.
	Trusted bool
	// Devices adds what input and output plugins may use: io, coroutine and the
	// parts of os that do not reach the process.
	Devices bool
	// Instructions is how many VM instructions one Call may run; 0 is unlimited.
	Instructions int64
	// LoadInstructions is the same for the main chunk of Load; 0 takes 10 million
	// when Instructions is set.
	LoadInstructions int64
	// MemoryBytes is how much the state may reach, and the size of the largest
	// string; 0 is unlimited.
	MemoryBytes int
	// TimeLimit bounds a Call or a Load against instructions that are slow, not
	// many; 0 takes 600 ms when Instructions is set. Time during which the process
	// did not run hardly counts. Without it the work of library functions is not
	// bounded either.
	TimeLimit time.Duration
	// Loader finds the source of a Lua module; nil finds none. In a trusted state
	// package.path is searched first.
	Loader Loader
	// Chunks remembers the chunks of LoadShared, CompileShared and Loader for other
	// states; nil remembers nothing.
	Chunks *Chunks
	// Clock is the time that os.time, os.date and os.clock see; nil is time.Now.
	Clock func() time.Time
	// Stdin, Stdout and Stderr are what print, io and child processes use; nil
	// means the process's own. What is written to Stdout is there at the latest
	// when a Load, Run or Call returns. Other goroutines write to a Stdout or
	// Stderr that is no *os.File while a child process runs, never two at a time.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// LuaPath is the initial package.path of a trusted state; "" is the default.
	LuaPath string
}

// Loader returns the source of the Lua module with this name, already checked to
// be a plain dotted name, and the chunk name to show in errors. A nil source
// means not found; tried then lists the places that were looked at.
type Loader func(name string) (source []byte, chunk string, tried []string, err error)

// VM is one Lua state.
type VM struct {
	// L is the underlying state, for host functions.
	L *lua.LState

	opts      Options
	meter     *meter
	strlib    *stringLibrary
	io        *ioLibrary // nil where the state has no files
	preload   map[string]lua.LGFunction
	loaded    *lua.LTable
	handler   *lua.LFunction
	guards    []guard
	nextFn    *lua.LFunction
	ipairsFn  *lua.LFunction
	packages  *lua.LTable
	loading   *lua.LUserData
	started   time.Time
	traceback string
}

// New opens a state. Close releases it.
func New(opts Options) *VM {
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	limited := opts.Instructions > 0
	if opts.LoadInstructions == 0 && limited {
		opts.LoadInstructions = 10_000_000
	}
	if opts.TimeLimit == 0 && limited {
		opts.TimeLimit = 600 * time.Millisecond
	}
	vm := &VM{
		opts:    opts,
		preload: map[string]lua.LGFunction{},
		started: opts.Clock(),
	}
	vm.L = lua.NewState(stackOptions(opts.Trusted))
	vm.meter = newMeter(vm)
	vm.loading = vm.L.NewUserData()
	vm.openLibraries()
	vm.meter.arm()
	return vm
}

func stackOptions(trusted bool) lua.Options {
	o := lua.Options{
		SkipOpenLibs: true, MinimizeStackMemory: true,
		CallStackSize: 6000, RegistrySize: 512, RegistryGrowStep: 1024, RegistryMaxSize: 1 << 18,
	}
	if trusted {
		o.CallStackSize, o.RegistryMaxSize = 16000, 1<<21
	}
	return o
}

// Close releases the state and closes the files that it has open; what is
// buffered for them is written. Child processes of a state with Devices get a
// second to end, those of a trusted one the time they need, or none after
// os.exit. The VM must not be used afterwards.
func (vm *VM) Close() {
	if vm.io != nil {
		vm.io.close()
	}
	if !vm.L.IsClosed() {
		vm.L.Close()
	}
}

// Load compiles and runs a chunk under the load limits. name is shown in error
// messages as it is, usually the path of the file.
func (vm *VM) Load(name, source string) error {
	return vm.Run(name, source)
}

// Run is Load with arguments for the chunk, which it sees as "...".
func (vm *VM) Run(name, source string, args ...lua.LValue) error {
	fn, err := vm.Compile(name, fileText(source))
	return vm.runChunk(fn, err, args...)
}

// LoadShared is Load of a chunk that other states load too.
func (vm *VM) LoadShared(name, source string) error {
	fn, err := vm.CompileShared(name, source)
	return vm.runChunk(fn, err)
}

func (vm *VM) runChunk(fn *lua.LFunction, err error, args ...lua.LValue) error {
	if err != nil {
		return &Error{Text: err.Error(), Value: lua.LString(err.Error()), cause: err}
	}
	vm.meter.begin(vm.opts.LoadInstructions)
	_, _, err = vm.run(fn, 0, args...)
	return err
}

// Global returns a global variable without metamethods, nil when unset.
func (vm *VM) Global(name string) lua.LValue {
	return vm.L.G.Global.RawGetString(name)
}

// SetGlobal sets a global variable without metamethods.
func (vm *VM) SetGlobal(name string, v lua.LValue) {
	vm.L.G.Global.RawSetString(name, v)
}

// Register defines a global host function.
func (vm *VM) Register(name string, fn lua.LGFunction) {
	vm.SetGlobal(name, vm.L.NewFunction(fn))
}

// Preload makes a native module known to require. open leaves the module on the
// stack and returns 1; as Heka's modules do, it becomes a global as well. Names
// with dots do not become globals.
func (vm *VM) Preload(name string, open lua.LGFunction) {
	vm.preload[name] = open
}

// Call runs fn protected and under the limits of a call, and returns its first
// two results (nil where there are none). err is a *Error.
func (vm *VM) Call(fn lua.LValue, args ...lua.LValue) (first, second lua.LValue, err error) {
	vm.meter.begin(vm.opts.Instructions)
	return vm.run(fn, 2, args...)
}

func (vm *VM) run(fn lua.LValue, nret int, args ...lua.LValue) (first, second lua.LValue, err error) {
	L := vm.L
	top := L.GetTop()
	L.Push(fn)
	for _, a := range args {
		L.Push(a)
	}
	first, second = lua.LNil, lua.LNil
	err = vm.protect(L, len(args), nret)
	if err == nil && nret == 2 {
		first, second = L.Get(-2), L.Get(-1)
	}
	L.SetTop(top)
	if vm.io != nil {
		vm.io.settle()
	}
	if cause := vm.meter.cause; cause != nil {
		err = limitError(err, cause)
	} else if err != nil {
		err = asError(err)
	}
	if e, ok := err.(*Error); ok {
		e.Traceback = vm.traceback
	}
	if late := vm.meter.end(); late != nil && err == nil {
		err = limitError(nil, late)
	}
	return first, second, err
}

// Usage says what the last Call or Load used, and the most that any Call did.
type Usage struct {
	Instructions    int64 // of the last Call or Load
	MaxInstructions int64 // the most of any Call or Load
	Memory          int   // bytes reachable when they were last counted
	MaxMemory       int   // the most bytes ever counted
}

// Usage returns the counters of the state. It must not be called from a host
// function.
func (vm *VM) Usage() Usage {
	if vm.meter.usage.MaxMemory == 0 {
		vm.meter.measure()
	}
	return vm.meter.usage
}

// Memory counts the bytes that the state reaches now. It takes about 30 ns an
// entry.
func (vm *VM) Memory() int {
	return vm.meter.measure()
}

// Abort makes the limit err fire: the script cannot catch it, and the Call in
// progress returns an *Error that wraps err. For host functions.
func (vm *VM) Abort(L *lua.LState, err error) {
	vm.meter.fire(err)
	raise(L, "%s", err.Error())
}

// Of returns the VM that a state or one of its coroutines belongs to, nil for a
// state that New did not open.
func Of(L *lua.LState) *VM {
	vm, _ := L.G.Owner.(*VM)
	return vm
}

// Error is a failed Load or Call.
type Error struct {
	Text      string     // the message as Lua shows it, with its position
	Value     lua.LValue // the error value, a string for errors of the machine
	Traceback string     // "stack traceback:" and one line a frame; may be empty
	cause     error
}

func (e *Error) Error() string { return e.Text }

// Unwrap returns the limit that fired, or nil.
func (e *Error) Unwrap() error { return e.cause }

func limitError(err, cause error) error {
	out := &Error{Text: cause.Error(), Value: lua.LString(cause.Error()), cause: cause}
	if err != nil {
		if e, ok := asError(err).(*Error); ok {
			out.Text, out.Traceback = e.Text, e.Traceback
		}
	}
	return out
}

func asError(err error) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	var api *lua.ApiError
	if !errors.As(err, &api) {
		return &Error{Text: err.Error(), Value: lua.LString(err.Error()), cause: err}
	}
	value := errorValue(api)
	return &Error{Text: errorText(value), Value: value, Traceback: api.StackTrace, cause: api.Cause}
}

func errorText(v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return FormatNumber(float64(v))
	case nil:
		return "nil"
	default:
		return fmt.Sprintf("(error object is a %s value)", v.Type())
	}
}
