package luavm

import (
	"github.com/yuin/gopher-lua/ast"
)

// Operations that can raise a type error.
type operation uint8

const (
	opIndex operation = iota
	opCall
	opArith
	opConcat
	opLength
)

// Kinds of variables as Lua's messages name them; kindNone is a temporary value.
type variableKind uint8

const (
	kindNone variableKind = iota
	kindLocal
	kindUpvalue
	kindGlobal
	kindField
	kindMethod
)

var kindWords = [...]string{"", "local", "upvalue", "global", "field", "method"}

type variable struct {
	kind variableKind
	name string
}

// site is a place in the source that can raise a type error.
type site struct {
	op            operation
	key           string // the constant key of an index, the operator of arithmetic
	first, second variable
	operands      []variable
}

// siteTable holds the sites of one chunk by line.
type siteTable struct {
	byLine map[int][]site
	count  int
}

// maxSites bounds the memory that a chunk's sites take.
const maxSites = 20_000

func newSiteTable() *siteTable { return &siteTable{byLine: map[int][]site{}} }

func (t *siteTable) add(line int, s site) {
	if t.count++; t.count <= maxSites {
		t.byLine[line] = append(t.byLine[line], s)
	}
}

// scope knows which names are locals and upvalues while a tree is walked.
type scope struct {
	blocks []blockScope
}

type blockScope struct {
	function bool // the block is a function's body
	names    []string
}

func (s *scope) open(function bool) {
	s.blocks = append(s.blocks, blockScope{function: function})
}

func (s *scope) close() { s.blocks = s.blocks[:len(s.blocks)-1] }

func (s *scope) declare(name string) {
	b := &s.blocks[len(s.blocks)-1]
	b.names = append(b.names, name)
}

func (s *scope) kind(name string) variableKind {
	kind := kindLocal
	for i := len(s.blocks) - 1; i >= 0; i-- {
		for _, n := range s.blocks[i].names {
			if n == name {
				return kind
			}
		}
		if s.blocks[i].function {
			kind = kindUpvalue
		}
	}
	return kindGlobal
}

func (r *rewriter) describe(e ast.Expr) variable {
	switch e := e.(type) {
	case *ast.IdentExpr:
		return variable{r.scope.kind(e.Value), e.Value}
	case *ast.AttrGetExpr:
		if key, ok := e.Key.(*ast.StringExpr); ok {
			return variable{kindField, key.Value}
		}
		return variable{kindField, "?"}
	}
	return variable{}
}

func constantKey(e ast.Expr) string {
	if s, ok := e.(*ast.StringExpr); ok {
		return s.Value
	}
	return ""
}
