package lpeg

import (
	"sync/atomic"
)

type nodeKind uint8

const (
	nodeTrue    nodeKind = iota
	nodeFalse            // fails
	nodeAny              // n bytes
	nodeSet              // one byte of set
	nodeString           // the bytes of text, at least one
	nodeSeq              // a then b
	nodeChoice           // a or else b
	nodeRepeat           // a, any number of times
	nodeNot              // not a, consumes nothing
	nodeAnd              // a, consumes nothing
	nodeBehind           // a ends here; n is its length
	nodeCall             // rule value
	nodeGrammar          // rules; the first is the initial one
	nodeCapture          // a, captured as capture
	nodeRuntime          // a, then the function value decides
)

// CaptureKind tells what a capture makes of the text and values it encloses.
type CaptureKind uint8

// The kinds of captures, named after LPeg's functions.
const (
	CaptureClose    CaptureKind = iota // end of an enclosing capture
	CapturePosition                    // Cp
	CaptureConst                       // Cc
	CaptureBack                        // Cb
	CaptureArg                         // Carg
	CaptureText                        // C
	CaptureTable                       // Ct
	CaptureReuse                       // Cr, our addition: Ct into one table that is used again
	CaptureFunction                    // patt / function
	CaptureQuery                       // patt / table
	CaptureFormat                      // patt / string
	CaptureSelect                      // patt / number
	CaptureGroup                       // Cg
	CaptureSubst                       // Cs
	CaptureFold                        // Cf
	CaptureRuntime                     // Cmt
	captureDynamic                     // a value made by Cmt
)

// Pattern is an immutable parsing expression. It is made by a Builder and may
// be shared by goroutines.
type Pattern struct {
	kind    nodeKind
	capture CaptureKind
	n       int
	a, b    *Pattern
	set     Set
	text    string
	value   any
	rules   []Rule

	size int
	// values counts the names, constants and functions in the pattern; a
	// repetition, made of copies of one part, counts them once.
	values   int
	repeated bool
	shared   bool     // it is in a Shared table
	next     *Pattern // in the same table, with the same hash
	depth    int
	attrs    attrs
	scope    *scope // of a grammar
	prog     atomic.Pointer[Program]
}

// Rule is one rule of a grammar.
type Rule struct {
	// Name is the rule's name: a string, or a number as float64 (ints are converted).
	Name any
	// Pattern is its body; nil is refused.
	Pattern *Pattern
}

// attrs are the properties of a pattern that its compiler asks for. Those of
// an open pattern (one with references to rules of an enclosing grammar) are
// preliminary: a reference counts as something that consumes.
type attrs struct {
	nullable bool // may match without consuming
	nofail   bool // never fails
	headfail bool // fails only because of the next byte
	captures bool // makes captures
	open     bool // refers to rules of an enclosing grammar
	fixed    int  // length of every match, -1 when it varies
}

// Size returns the number of nodes of the pattern, shared parts counted each time.
func (p *Pattern) Size() int { return p.size }

// nodeShare is what a node is reckoned with in MemoryBytes. It is a fraction of
// a node's real size, because patterns share most of their parts.
const nodeShare = 32

// MemoryBytes estimates the memory that the pattern holds, its Program included.
func (p *Pattern) MemoryBytes() int {
	n := 256 + len(p.text) + p.size*nodeShare
	if prog := p.prog.Load(); prog != nil {
		n += prog.memoryBytes()
	}
	return n
}

// HasCaptures reports whether a match of p may make captures.
func (p *Pattern) HasCaptures() bool { return p.attrs.captures }

// Nullable reports whether p may match the empty string.
func (p *Pattern) Nullable() bool { return p.attrs.nullable }

// FixedLen returns the length of every match of p, or -1 when it varies.
func (p *Pattern) FixedLen() int { return p.attrs.fixed }

// Searches tells that p matches, and captures nothing, wherever a subject holds text,
// and nowhere else.
func (p *Pattern) Searches() (text string, ok bool) {
	if q := searched(p); q != nil && q.kind == nodeString {
		return q.text, true
	}
	return "", false
}

// asSet returns p as a set of single bytes, when it is one.
func (p *Pattern) asSet() (Set, bool) {
	switch p.kind {
	case nodeSet:
		return p.set, true
	case nodeString:
		if len(p.text) == 1 {
			return SetOf(p.text), true
		}
	case nodeAny:
		if p.n == 1 {
			return FullSet(), true
		}
	}
	return Set{}, false
}

// children calls f for the direct parts of p.
func (p *Pattern) children(f func(*Pattern)) {
	if p.a != nil {
		f(p.a)
	}
	if p.b != nil {
		f(p.b)
	}
	for i := range p.rules {
		f(p.rules[i].Pattern)
	}
}

// EachOperand calls f for what the captures of p were made with: the constants,
// functions and tables of the host, the formats and the names. It stops when f
// returns false, and reports whether it came to the end.
func (p *Pattern) EachOperand(f func(kind CaptureKind, operand any) bool) bool {
	seen := map[*Pattern]bool{}
	var walk func(p *Pattern) bool
	walk = func(p *Pattern) bool {
		if seen[p] {
			return true
		}
		seen[p] = true
		if (p.kind == nodeCapture || p.kind == nodeRuntime) && p.value != nil && !f(p.capture, p.value) {
			return false
		}
		ok := true
		p.children(func(c *Pattern) { ok = ok && walk(c) })
		return ok
	}
	return walk(p)
}
