package luavm

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// Bounds of a chunk's source.
const (
	maxSource = 256 << 10 // bytes, in a state with limits
	maxDepth  = 1000      // nesting of expressions and blocks
)

// ErrSyntax is wrapped by errors of chunks that do not compile.
var ErrSyntax = errors.New("syntax error")

// syntaxError carries the text as Lua shows it.
type syntaxError struct{ text string }

func (e *syntaxError) Error() string { return e.text }
func (e *syntaxError) Unwrap() error { return ErrSyntax }

// Compile compiles a chunk to a function without running it. The chunk passes
// through a rewriting of its syntax tree that repairs gopher-lua; see rewriter.
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
	shown string
	proto *lua.FunctionProto
	sites *siteTable
}

func compile(shown, source string) (c *compiled, err error) {
	defer func() {
		// The compiler panics on what it cannot express, such as too many registers.
		if r := recover(); r != nil {
			c, err = nil, &syntaxError{fmt.Sprintf("%s: %v", shown, r)}
		}
	}()
	if strings.HasPrefix(source, "#") {
		end := strings.IndexByte(source, '\n')
		if end < 0 {
			end = len(source)
		}
		source = "--" + source[:end] + source[end:]
	}
	if strings.HasPrefix(source, "\x1bLua") {
		return nil, &syntaxError{shown + ": precompiled chunks are not supported"}
	}
	source, renamed := hideGoto(source)
	chunk, err := parse.Parse(strings.NewReader(source), shown)
	if err != nil {
		return nil, &syntaxError{parseErrorText(shown, err)}
	}
	r := newRewriter(shown, renamed)
	if err := r.chunk(chunk); err != nil {
		return nil, &syntaxError{err.Error()}
	}
	proto, err := lua.Compile(chunk, shown)
	if err != nil {
		return nil, &syntaxError{compileErrorText(shown, err)}
	}
	return &compiled{shown, proto, r.sites}, nil
}

// function makes the function of a chunk in this state.
func (vm *VM) function(c *compiled) *lua.LFunction {
	vm.sites[c.shown] = c.sites
	return vm.L.NewFunctionFromProto(vm.bound(c.proto))
}

// bound puts the concat function where the rewriter left its name as a constant,
// in copies of the prototypes concerned. A constant is out of reach of the
// script's environments.
func (vm *VM) bound(proto *lua.FunctionProto) *lua.FunctionProto {
	out := proto
	own := func() *lua.FunctionProto {
		if out == proto {
			c := *proto
			c.Constants, c.FunctionPrototypes = slices.Clone(c.Constants), slices.Clone(c.FunctionPrototypes)
			out = &c
		}
		return out
	}
	for i, c := range proto.Constants {
		if c == lua.LString(concatName) {
			own().Constants[i] = vm.concat
		}
	}
	for i, inner := range proto.FunctionPrototypes {
		if b := vm.bound(inner); b != inner {
			own().FunctionPrototypes[i] = b
		}
	}
	return out
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

var identifiers = regexp.MustCompile(`--\[(=*)\[|--[^\n]*|\[(=*)\[|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'|[A-Za-z_][A-Za-z_0-9]*`)

// gotoName stands for the identifier goto, a keyword to gopher-lua but not to
// Lua 5.1, while the chunk is parsed.
const gotoName = "goto__identifier"

// hideGoto renames the identifier goto outside strings and comments.
func hideGoto(source string) (string, bool) {
	if !strings.Contains(source, "goto") {
		return source, false
	}
	var out strings.Builder
	renamed := false
	for rest := source; ; {
		m := identifiers.FindStringSubmatchIndex(rest)
		if m == nil {
			out.WriteString(rest)
			return out.String(), renamed
		}
		end := m[1]
		for _, group := range [2]int{2, 4} {
			if m[group] >= 0 {
				end = longBracketEnd(rest, m[1], m[group+1]-m[group])
			}
		}
		word := rest[m[0]:end]
		out.WriteString(rest[:m[0]])
		if word == "goto" {
			word, renamed = gotoName, true
		}
		out.WriteString(word)
		rest = rest[end:]
	}
}

func longBracketEnd(s string, from, level int) int {
	closer := "]" + strings.Repeat("=", level) + "]"
	if i := strings.Index(s[from:], closer); i >= 0 {
		return from + i + len(closer)
	}
	return len(s)
}

func parseErrorText(chunk string, err error) string {
	var pe *parse.Error
	if !errors.As(err, &pe) {
		return chunk + ": " + err.Error()
	}
	if pe.Pos.Line == parse.EOF {
		return fmt.Sprintf("%s: unexpected symbol near '<eof>'", chunk)
	}
	near := pe.Token
	if pe.Token == "" {
		near = "<eof>"
	}
	near = strings.ReplaceAll(near, gotoName, "goto")
	message := pe.Message
	if message == "syntax error" || message == "" {
		message = "unexpected symbol"
	}
	return fmt.Sprintf("%s:%d: %s near '%s'", chunk, pe.Pos.Line, message, near)
}

func compileErrorText(chunk string, err error) string {
	var ce *lua.CompileError
	if errors.As(err, &ce) {
		return chunk + ":" + strconv.Itoa(ce.Line) + ": " + ce.Message
	}
	return chunk + ": " + err.Error()
}

func at[T ast.PositionHolder](node T, line, last int) T {
	node.SetLine(line)
	node.SetLastLine(last)
	return node
}
