package luavm

import (
	"strings"
)

// itemKind says what one item of a compiled pattern does.
type itemKind uint8

const (
	itemEnd itemKind = iota
	itemChar
	itemSet
	itemOpen
	itemPosition
	itemClose
	itemEndAnchor
	itemBalance
	itemFrontier
	itemBackref
	itemError // raises its text when it is reached, as PUC Lua does
)

type byteSet = [256]bool

// item is one item of a pattern: a single-character test with its repetition, or
// one of the others.
type item struct {
	kind itemKind
	rep  byte // 0, '*', '+', '-' or '?'
	a, b byte // the character; the pair of %b; the number of a back reference
	set  *byteSet
	text string
}

// pattern is a compiled Lua pattern. It does not change.
type pattern struct {
	items    []item
	anchored bool
	literal  bool   // nothing but characters: text is all of it
	text     string // the literal, or the characters that every match begins with
}

const patternSpecials = "^$*+?.([%-"

// compilePattern never fails: mistakes become items that raise when a match
// reaches them, since PUC Lua finds them at that moment. With noAnchor a leading
// ^ is a plain character, as in gmatch.
func compilePattern(src string, noAnchor bool) *pattern {
	p := &pattern{}
	if !noAnchor && strings.HasPrefix(src, "^") {
		p.anchored = true
		src = src[1:]
	}
	p.items = make([]item, 0, len(src)+1)
	for i := 0; i < len(src); {
		it, next := compileItem(src, i)
		p.items = append(p.items, it)
		i = next
	}
	p.items = append(p.items, item{kind: itemEnd})
	n := 0
	for n < len(p.items) && p.items[n].kind == itemChar && p.items[n].rep == 0 {
		n++
	}
	lead := make([]byte, n)
	for i := range lead {
		lead[i] = p.items[i].a
	}
	p.text = string(lead)
	p.literal = p.items[n].kind == itemEnd && !p.anchored
	return p
}

func compileItem(src string, i int) (item, int) {
	switch src[i] {
	case '(':
		if i+1 < len(src) && src[i+1] == ')' {
			return item{kind: itemPosition}, i + 2
		}
		return item{kind: itemOpen}, i + 1
	case ')':
		return item{kind: itemClose}, i + 1
	case '$':
		if i+1 == len(src) {
			return item{kind: itemEndAnchor}, i + 1
		}
	case '%':
		if i+1 < len(src) {
			switch c := src[i+1]; {
			case c == 'b':
				if i+3 >= len(src) {
					return item{kind: itemError, text: "unbalanced pattern"}, len(src)
				}
				return item{kind: itemBalance, a: src[i+2], b: src[i+3]}, i + 4
			case c == 'f':
				return compileFrontier(src, i+2)
			case c >= '0' && c <= '9':
				return item{kind: itemBackref, a: c}, i + 2
			}
		}
	}
	it, next := compileSingle(src, i)
	if it.kind != itemError && next < len(src) {
		switch src[next] {
		case '*', '+', '-', '?':
			it.rep = src[next]
			next++
		}
	}
	return it, next
}

func compileFrontier(src string, i int) (item, int) {
	if i >= len(src) || src[i] != '[' {
		return item{kind: itemError, text: "missing '[' after '%f' in pattern"}, len(src)
	}
	it, next := compileSingle(src, i)
	if it.kind != itemError {
		it.kind = itemFrontier
	}
	return it, next
}

func compileSingle(src string, i int) (item, int) {
	switch c := src[i]; c {
	case '.':
		return item{kind: itemSet, set: &anyByte}, i + 1
	case '%':
		if i+1 >= len(src) {
			return item{kind: itemError, text: "malformed pattern (ends with '%')"}, len(src)
		}
		if set := classSet(src[i+1]); set != nil {
			return item{kind: itemSet, set: set}, i + 2
		}
		return item{kind: itemChar, a: src[i+1]}, i + 2
	case '[':
		return compileSet(src, i)
	default:
		return item{kind: itemChar, a: c}, i + 1
	}
}

// compileSet compiles [set] or [^set]. A ] right after the bracket is a plain
// character.
func compileSet(src string, i int) (item, int) {
	missing := item{kind: itemError, text: "malformed pattern (missing ']')"}
	set := new(byteSet)
	i++
	negate := i < len(src) && src[i] == '^'
	if negate {
		i++
	}
	for first := true; ; first = false {
		if i >= len(src) {
			return missing, len(src)
		}
		c := src[i]
		switch {
		case c == ']' && !first:
			if negate {
				for k := range set {
					set[k] = !set[k]
				}
			}
			return item{kind: itemSet, set: set}, i + 1
		case c == '%':
			if i+1 >= len(src) {
				return missing, len(src)
			}
			addClass(set, src[i+1])
			i += 2
		case i+2 < len(src) && src[i+1] == '-' && src[i+2] != ']':
			for k := int(c); k <= int(src[i+2]); k++ {
				set[k] = true
			}
			i += 3
		default:
			set[c] = true
			i++
		}
	}
}

func addClass(set *byteSet, c byte) {
	class := classSet(c)
	if class == nil {
		set[c] = true
		return
	}
	for k, in := range class {
		set[k] = set[k] || in
	}
}

var anyByte = makeSet(func(byte) bool { return true })

func makeSet(in func(byte) bool) (set byteSet) {
	for i := range set {
		set[i] = in(byte(i))
	}
	return set
}

// classes are the character classes of the C locale, by lower-case letter.
var classes = [...]struct {
	letter     byte
	set, other byteSet
}{
	class('a', isAlpha),
	class('c', func(c byte) bool { return c < 32 || c == 127 }),
	class('d', isDigit),
	class('l', isLower),
	class('p', func(c byte) bool { return c > 32 && c < 127 && !isAlpha(c) && !isDigit(c) }),
	class('s', isSpace),
	class('u', isUpper),
	class('w', func(c byte) bool { return isAlpha(c) || isDigit(c) }),
	class('x', func(c byte) bool { return digitValue(c) < 16 }),
	class('z', func(c byte) bool { return c == 0 }),
}

func class(letter byte, in func(byte) bool) struct {
	letter     byte
	set, other byteSet
} {
	return struct {
		letter     byte
		set, other byteSet
	}{letter, makeSet(in), makeSet(func(c byte) bool { return !in(c) })}
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isAlpha(c byte) bool { return isLower(c) || isUpper(c) }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// classSet returns the set of %c, nil when the letter names no class.
func classSet(c byte) *byteSet {
	for i := range classes {
		switch c {
		case classes[i].letter:
			return &classes[i].set
		case classes[i].letter - 'a' + 'A':
			return &classes[i].other
		}
	}
	return nil
}
