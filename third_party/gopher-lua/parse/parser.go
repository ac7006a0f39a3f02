// Package parse makes a syntax tree of the text of a Lua 5.1 chunk. It accepts
// what PUC Lua 5.1 accepts, and refuses the rest with its words.
package parse

import (
	"fmt"
	"io"

	"github.com/yuin/gopher-lua/ast"
)

// Error is why a text is no chunk.
type Error struct {
	Source  string // the chunk
	Line    int    // where the parser stood
	Message string
	Near    string // the token it stood at
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d: %s near '%s'", e.Source, e.Line, e.Message, e.Near)
}

// maxLevels is how deep statements and expressions may be nested, which the Go
// stack must hold.
const maxLevels = 1000

// Parse is ParseText of what a reader holds.
func Parse(reader io.Reader, name string) ([]ast.Stmt, error) {
	text, err := io.ReadAll(reader)
	if err != nil {
		return nil, err
	}
	return ParseText(string(text), name)
}

// ParseText parses a chunk called name. The tree does not refer to the text. An
// error is an *Error.
func ParseText(text, name string) (chunk []ast.Stmt, err error) {
	p := &parser{scanner: scanner{
		source: name, text: text, line: 1, kept: make(map[string]string, min(len(text)/64, 256)),
	}}
	defer func() {
		if failed, ok := recover().(*Error); ok {
			chunk, err = nil, failed
		}
	}()
	p.function = &function{vararg: true}
	p.advance()
	chunk = p.block()
	if p.tok.kind != tokenEOF {
		p.expected(tokenEOF)
	}
	return chunk, nil
}

// function is what statements must know of the function they are in.
type function struct {
	parent *function
	vararg bool
	loops  int
}

// parser goes down the grammar, one token ahead. Lists are collected on stacks and
// copied when they are complete.
type parser struct {
	scanner
	tok      token
	ahead    token // behind tok, if looked
	looked   bool
	last     int // the line of the token before tok
	levels   int
	function *function

	stmts  []ast.Stmt
	exprs  []ast.Expr
	fields []*ast.Field
	names  []string

	nodes nodes
}

func (p *parser) advance() {
	p.last = p.tok.line
	if p.looked {
		p.tok, p.looked = p.ahead, false
		return
	}
	p.tok = p.next()
}

// follows tells whether the token behind the current one is of kind k.
func (p *parser) follows(k kind) bool {
	if !p.looked {
		p.ahead, p.looked = p.next(), true
	}
	return p.ahead.kind == k
}

func (p *parser) accept(k kind) bool {
	if p.tok.kind != k {
		return false
	}
	p.advance()
	return true
}

func (p *parser) syntax(message string) { p.fail(message, p.tok.near()) }

func (p *parser) expected(k kind) { p.syntax(fmt.Sprintf("'%s' expected", k)) }

func (p *parser) expect(k kind) {
	if !p.accept(k) {
		p.expected(k)
	}
}

// match takes what closes a construct that opened in a line.
func (p *parser) match(closing, opening kind, line int) {
	if p.accept(closing) {
		return
	}
	if line == p.line {
		p.expected(closing)
	}
	p.syntax(fmt.Sprintf("'%s' expected (to close '%s' at line %d)", closing, opening, line))
}

// name takes a name.
func (p *parser) name() string {
	if p.tok.kind != tokenName {
		p.expected(tokenName)
	}
	name := p.tok.text
	p.advance()
	return name
}

func (p *parser) enter() {
	if p.levels++; p.levels > maxLevels {
		p.fail("chunk has too many syntax levels", p.tok.near())
	}
}

func (p *parser) leave() { p.levels-- }

// take copies what a stack holds from base on, and drops it there.
func take[T any](stack *[]T, base int) []T {
	out := make([]T, len(*stack)-base)
	copy(out, (*stack)[base:])
	*stack = (*stack)[:base]
	return out
}

// slab allocates the nodes of one type by the dozen: the tree is thrown away as a whole.
type slab[T any] struct {
	free []T
	size int
}

func (s *slab[T]) new() *T {
	if len(s.free) == 0 {
		s.size = min(64, max(8, 2*s.size))
		s.free = make([]T, s.size)
	}
	n := &s.free[0]
	s.free = s.free[1:]
	return n
}

// nodes are those that there are many of.
type nodes struct {
	names   slab[ast.IdentExpr]
	strings slab[ast.StringExpr]
	numbers slab[ast.NumberExpr]
	indices slab[ast.AttrGetExpr]
	calls   slab[ast.FuncCallExpr]
	fields  slab[ast.Field]
	locals  slab[ast.LocalAssignStmt]
	assigns slab[ast.AssignStmt]
	sums    slab[ast.ArithmeticOpExpr]
}

func (p *parser) nameExpr(name string, line int) *ast.IdentExpr {
	e := p.nodes.names.new()
	e.Value = name
	e.SetLine(line)
	return e
}

func (p *parser) stringExpr(text string, line int) *ast.StringExpr {
	e := p.nodes.strings.new()
	e.Value = text
	e.SetLine(line)
	return e
}

func (p *parser) index(object, key ast.Expr) *ast.AttrGetExpr {
	e := p.nodes.indices.new()
	e.Object, e.Key = object, key
	e.SetLine(p.last)
	return e
}
