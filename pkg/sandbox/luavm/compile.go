package luavm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// maxSource is the longest source of a chunk in a state with limits, in bytes.
const maxSource = 256 << 10

// ErrSyntax is wrapped by errors of chunks that do not compile.
var ErrSyntax = errors.New("syntax error")

// syntaxError carries the text as Lua shows it.
type syntaxError struct{ text string }

func (e *syntaxError) Error() string { return e.text }
func (e *syntaxError) Unwrap() error { return ErrSyntax }

// Compile compiles a chunk to a function without running it.
func (vm *VM) Compile(name, source string) (fn *lua.LFunction, err error) {
	shown := chunkName(name)
	if err := vm.checkSource(shown, source); err != nil {
		return nil, err
	}
	c, err := compile(shown, source)
	if err != nil {
		return nil, err
	}
	return vm.function(c), nil
}

func (vm *VM) checkSource(shown, source string) error {
	if !vm.opts.Trusted && len(source) > maxSource {
		return &syntaxError{fmt.Sprintf("%s: chunk has %d bytes, more than the %d allowed", shown, len(source), maxSource)}
	}
	return nil
}

// compiled is a chunk before it belongs to a state. It is immutable.
type compiled struct {
	proto *lua.FunctionProto
}

func compile(shown, source string) (c *compiled, err error) {
	defer func() {
		// The compiler panics on what it cannot express, such as too many registers.
		if r := recover(); r != nil {
			c, err = nil, &syntaxError{fmt.Sprintf("%s: %v", shown, r)}
		}
	}()
	if strings.HasPrefix(source, "\x1bLua") {
		return nil, &syntaxError{shown + ": precompiled chunks are not supported"}
	}
	chunk, err := parse.ParseText(source, shown)
	if err != nil {
		return nil, &syntaxError{err.Error()}
	}
	proto, err := lua.Compile(chunk, shown)
	if err != nil {
		return nil, &syntaxError{compileErrorText(shown, err)}
	}
	return &compiled{proto}, nil
}

// fileText is the text of a file as a chunk: a first line that begins with # is
// for the shell.
func fileText(source string) string {
	if strings.HasPrefix(source, "#") {
		return "--" + source
	}
	return source
}

// function makes the function of a chunk in this state.
func (vm *VM) function(c *compiled) *lua.LFunction {
	return vm.L.NewFunctionFromProto(c.proto)
}

// chunkName turns a chunk name in the form of luaL_loadbuffer ("@file", "=text"
// or the source itself) into what messages show.
func chunkName(name string) string {
	if name == "" {
		return `[string ""]`
	}
	switch name[0] {
	case '@', '=':
		return name[1:]
	}
	return name
}

// stringChunk names a chunk given as text, as Lua does.
func stringChunk(source string) string {
	const room = 60 - len(`[string "..."] `)
	line, _, cut := strings.Cut(source, "\n")
	if cut || len(line) > room {
		return `[string "` + line[:min(len(line), room)] + `..."]`
	}
	return `[string "` + line + `"]`
}

func compileErrorText(chunk string, err error) string {
	var ce *lua.CompileError
	if errors.As(err, &ce) {
		return chunk + ":" + strconv.Itoa(ce.Line) + ": " + ce.Message
	}
	return chunk + ": " + err.Error()
}
