package luavm

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// Bounds of a chunk's source.
const (
	maxSource = 1 << 20 // bytes, in a state with limits
	maxDepth  = 1000    // nesting of expressions and blocks
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
	if !vm.opts.Trusted && len(source) > maxSource {
		return nil, &syntaxError{fmt.Sprintf("%s: chunk has %d bytes, more than the %d allowed", shown, len(source), maxSource)}
	}
	defer func() {
		// The compiler panics on what it cannot express, such as too many registers.
		if r := recover(); r != nil {
			fn, err = nil, &syntaxError{fmt.Sprintf("%s: %v", shown, r)}
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
	proto, err := lua.Compile(r.wrap(chunk), shown)
	if err != nil {
		return nil, &syntaxError{compileErrorText(shown, err)}
	}
	vm.sites[shown] = r.sites
	return vm.instantiate(proto), nil
}

// instantiate runs the wrapper that binds the concat function, and returns the
// chunk proper.
func (vm *VM) instantiate(proto *lua.FunctionProto) *lua.LFunction {
	L := vm.L
	inner := proto.FunctionPrototypes[0]
	fn := L.NewFunctionFromProto(inner)
	for i := range fn.Upvalues {
		fn.Upvalues[i] = &lua.Upvalue{}
		up := upvalueOf(fn.Upvalues[i])
		up.closed, up.value = true, vm.concat
	}
	return fn
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

// wrap puts the chunk into a function that sees concatName as a local of the
// enclosing one.
func (r *rewriter) wrap(chunk []ast.Stmt) []ast.Stmt {
	last := 1
	if n := len(chunk); n > 0 {
		last = chunk[n-1].LastLine()
	}
	fn := &ast.FunctionExpr{ParList: &ast.ParList{HasVargs: true}, Stmts: chunk}
	at(fn, 0, last)
	local := &ast.LocalAssignStmt{Names: []string{concatName}, Exprs: []ast.Expr{at(&ast.NilExpr{}, 0, 0)}}
	at(local, 0, 0)
	ret := &ast.ReturnStmt{Exprs: []ast.Expr{fn}}
	at(ret, 0, last)
	return []ast.Stmt{local, ret}
}

func at[T ast.PositionHolder](node T, line, last int) T {
	node.SetLine(line)
	node.SetLastLine(last)
	return node
}
