package lpeg

import (
	"fmt"
	"hash/maphash"
	"math"
)

// DefaultMaxSize is the size cap of the patterns of a Builder that sets none.
const DefaultMaxSize = 200_000

// maxDepth bounds the recursion over a pattern, whatever its size.
const maxDepth = 100_000

// maxValues is LPeg's limit on the names, constants and functions in a pattern.
const maxValues = math.MaxUint16

// maxInterned bounds the table of known patterns, in nodes of up to 16 bytes
// of text; when it is full it is emptied.
const maxInterned = 8192

// maxShort is the largest index of arguments and numbered captures.
const maxShort = math.MaxInt16

// Builder makes patterns. Equal patterns of one Builder are the same object as
// long as its table holds them (a few thousand, then it starts afresh). The
// zero value is ready for use. A Builder is not safe for concurrent use; what
// it made is.
type Builder struct {
	// MaxSize caps the size of a pattern; 0 means DefaultMaxSize. A
	// pattern above it is replaced by one that reports ErrTooBig, see Err.
	MaxSize int
	// Shared holds the patterns that are the same for several Builders; nil: none.
	Shared *Shared
	// Plain tells which operands of the host mean the same to all of them; nil: none.
	Plain func(operand any) bool

	sealed bool
	seed   maphash.Seed // if nothing is shared
	known  patternTable
	weight int // of the nodes in known
	purges int
	err    error
}

// node is what a Pattern is made of; most are known already.
type node struct {
	kind     nodeKind
	capture  CaptureKind
	n        int
	a, b     *Pattern
	set      Set
	text     string
	value    any
	rules    []Rule
	repeated bool
	scope    *scope
}

// nodeKey identifies a node by its own contents and the identity of its parts.
type nodeKey struct {
	kind    nodeKind
	capture CaptureKind
	n       int
	a, b    *Pattern
	set     Set
	text    string
	value   any
}

func (p *Pattern) key() nodeKey {
	return nodeKey{p.kind, p.capture, p.n, p.a, p.b, p.set, p.text, p.value}
}

// patternTable finds patterns by the hash of their keys; those of one hash are
// chained. A key is six times as large as a hash and a pattern together.
type patternTable map[uint64]*Pattern

func (t patternTable) find(hash uint64, key *nodeKey) *Pattern {
	for p := t[hash]; p != nil; p = p.next {
		if p.key() == *key {
			return p
		}
	}
	return nil
}

// add enters a pattern that is in no table.
func (t patternTable) add(hash uint64, p *Pattern) {
	p.next = t[hash]
	t[hash] = p
}

// hash is the same for all Builders with one Shared table.
func (b *Builder) hash(key *nodeKey) uint64 {
	if b.Shared != nil {
		return b.Shared.hash(key)
	}
	if b.seed == (maphash.Seed{}) {
		b.seed = maphash.MakeSeed()
	}
	return maphash.Comparable(b.seed, *key)
}

// Err returns the first size error of the Builder since the last call, and
// forgets it. After an error the pattern that was too big is one that never matches.
func (b *Builder) Err() error {
	err := b.err
	b.err = nil
	return err
}

// Purges counts how often the Builder forgot the patterns it knew. Whoever
// keeps them by identity should forget them at the same time.
func (b *Builder) Purges() int { return b.purges }

// make returns the pattern for p, an earlier equal one if there is one.
func (b *Builder) make(n *node) *Pattern {
	key := nodeKey{n.kind, n.capture, n.n, n.a, n.b, n.set, n.text, n.value}
	hash := b.hash(&key)
	if old := b.recall(hash, &key, n.rules); old != nil {
		return old
	}
	p := &Pattern{
		kind: n.kind, capture: n.capture, n: n.n, a: n.a, b: n.b, set: n.set, text: n.text, value: n.value,
		rules: n.rules, repeated: n.repeated, scope: n.scope,
	}
	size, depth, values := 1+len(p.text)/16, 0, 0
	if p.value != nil || p.kind == nodeCapture && p.capture == CaptureFormat {
		values++
	}
	p.children(func(c *Pattern) {
		size += c.size
		depth = max(depth, c.depth)
		values += c.values
	})
	if p.a == p.b && p.a != nil || p.repeated {
		values = p.a.values
	}
	if limit := b.limit(); size > limit || depth >= maxDepth {
		if b.err == nil {
			b.err = fmt.Errorf("%w (%d nodes, at most %d)", ErrTooBig, size, limit)
		}
		return b.False()
	}
	if values > maxValues {
		if b.err == nil {
			b.err = ErrTooManyValues
		}
		return b.False()
	}
	p.size, p.depth, p.values = size, depth+1, values
	p.attrs = attrsOf(p, nil)
	own := 1 + len(p.text)/16
	if !b.sealed && b.canShare(&key, p.rules) {
		if p = b.Shared.put(hash, &key, p, own); p.shared {
			return p
		}
	}
	if b.known == nil || b.weight+own > maxInterned {
		b.known = patternTable{}
		b.weight = 0
		b.purges++
	}
	b.weight += own
	b.known.add(hash, p)
	return p
}

func (b *Builder) limit() int {
	if b.MaxSize > 0 {
		return b.MaxSize
	}
	return DefaultMaxSize
}

// True returns the pattern that matches the empty string.
func (b *Builder) True() *Pattern { return b.make(&node{kind: nodeTrue}) }

// False returns the pattern that never matches.
func (b *Builder) False() *Pattern { return b.make(&node{kind: nodeFalse}) }

// Literal returns the pattern that matches s.
func (b *Builder) Literal(s string) *Pattern {
	if s == "" {
		return b.True()
	}
	return b.make(&node{kind: nodeString, text: s})
}

// Any returns the pattern that matches n bytes; with a negative n, the one
// that matches, consuming nothing, where fewer than -n bytes are left.
func (b *Builder) Any(n int) *Pattern {
	switch {
	case n == 0:
		return b.True()
	case n < 0:
		return b.Not(b.Any(-n))
	}
	return b.make(&node{kind: nodeAny, n: n})
}

// Set returns the pattern that matches one byte of set.
func (b *Builder) Set(set Set) *Pattern {
	switch set.Len() {
	case 1:
		c, _ := set.only()
		return b.Literal(string([]byte{c}))
	case 256:
		return b.Any(1)
	}
	return b.make(&node{kind: nodeSet, set: set})
}

// Chars returns the pattern that matches one byte of chars.
func (b *Builder) Chars(chars string) *Pattern { return b.Set(SetOf(chars)) }

// Range returns the pattern that matches one byte of the ranges, each of two bytes.
func (b *Builder) Range(ranges ...string) (*Pattern, error) {
	var set Set
	for _, r := range ranges {
		if len(r) != 2 {
			return nil, fmt.Errorf("range %w", ErrInvalidRange)
		}
		set = set.Union(RangeOf(r[0], r[1]))
	}
	return b.Set(set), nil
}

// Seq returns the pattern that matches its parts one after the other.
func (b *Builder) Seq(parts ...*Pattern) *Pattern {
	if len(parts) == 0 {
		return b.True()
	}
	p := parts[len(parts)-1]
	for i := len(parts) - 2; i >= 0; i-- {
		p = b.Seq2(parts[i], p)
	}
	return p
}

// Seq2 is Seq of two parts.
func (b *Builder) Seq2(x, y *Pattern) *Pattern {
	switch {
	case x.kind == nodeFalse || y.kind == nodeTrue:
		return x
	case x.kind == nodeTrue:
		return y
	}
	return b.make(&node{kind: nodeSeq, a: x, b: y})
}

// Choice returns the pattern that matches the first of its parts that matches.
func (b *Builder) Choice(parts ...*Pattern) *Pattern {
	if len(parts) == 0 {
		return b.False()
	}
	p := parts[len(parts)-1]
	for i := len(parts) - 2; i >= 0; i-- {
		p = b.Choice2(parts[i], p)
	}
	return p
}

// Choice2 is Choice of two parts.
func (b *Builder) Choice2(x, y *Pattern) *Pattern {
	if x.attrs.nofail || y.kind == nodeFalse {
		return x
	}
	if x.kind == nodeFalse {
		return y
	}
	if s, ok := x.asSet(); ok {
		if t, ok := y.asSet(); ok {
			return b.Set(s.Union(t))
		}
	}
	return b.make(&node{kind: nodeChoice, a: x, b: y})
}

// Diff returns the pattern that matches x where y does not match.
func (b *Builder) Diff(x, y *Pattern) *Pattern {
	if s, ok := x.asSet(); ok {
		if t, ok := y.asSet(); ok {
			return b.Set(s.Minus(t))
		}
	}
	return b.Seq2(b.Not(y), x)
}

// Not returns the pattern that matches, consuming nothing, where p does not.
func (b *Builder) Not(p *Pattern) *Pattern { return b.make(&node{kind: nodeNot, a: p}) }

// And returns the pattern that matches where p does, and consumes nothing.
func (b *Builder) And(p *Pattern) *Pattern { return b.make(&node{kind: nodeAnd, a: p}) }

// Behind returns the pattern that matches, consuming nothing, where p matches
// the text that ends here. p must have a fixed length of at most 255 and no captures.
func (b *Builder) Behind(p *Pattern) (*Pattern, error) {
	switch {
	case p.attrs.fixed < 0:
		return nil, ErrNotFixed
	case p.attrs.captures:
		return nil, ErrBehindCaptures
	case p.attrs.fixed > math.MaxUint8:
		return nil, ErrBehindTooLong
	}
	return b.make(&node{kind: nodeBehind, a: p, n: p.attrs.fixed}), nil
}

// Repeat returns the pattern that matches at least n times p, as many as it
// can; with a negative n, at most -n times.
func (b *Builder) Repeat(p *Pattern, n int) (*Pattern, error) {
	if n >= 0 && p.attrs.nullable {
		return nil, ErrEmptyLoop
	}
	times, limit := max(n, -n), b.limit()
	if times > limit || (times+1)*p.size > 2*limit {
		return nil, fmt.Errorf("%w (%d repetitions of %d nodes, at most %d)", ErrTooBig, times, p.size, limit)
	}
	if n < 0 {
		opt := b.True()
		for ; n < 0; n++ {
			once := p
			if opt.kind != nodeTrue && p.kind != nodeFalse {
				once = b.make(&node{kind: nodeSeq, a: p, b: opt, repeated: true})
			}
			opt = b.Choice2(once, b.True())
		}
		return opt, b.Err()
	}
	rep := b.make(&node{kind: nodeRepeat, a: p})
	for range n {
		rep = b.make(&node{kind: nodeSeq, a: p, b: rep, repeated: true})
	}
	return rep, b.Err()
}
