package lpeg

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Errors of the notation of re.
var (
	// ErrReSyntax reports text that is not in the notation.
	ErrReSyntax = errors.New("pattern error near")
	// ErrReName reports a %name that is not defined.
	ErrReName = errors.New("undefined")
	// ErrReRule reports a rule that is defined twice.
	ErrReRule = errors.New("already defined as a rule")
)

// Definitions gives meaning to the names in a text for Re. Nil functions
// define nothing.
type Definitions struct {
	// Pattern returns the pattern of %name; ok is false if the name is not
	// defined, and the predefined names are tried.
	Pattern func(name string) (p *Pattern, ok bool, err error)
	// Divide makes "p -> name", Runtime "p => name" and Fold "p ~> name".
	Divide, Runtime, Fold func(p *Pattern, name string) (*Pattern, error)
	// Equal is the function operand that matches the text of a back
	// reference (=name). It is called with the subject, the position and
	// the text. Nil means a Folder that does that.
	Equal any
}

// errNoMatch says that something else than expected comes next; the sequence
// around it reports it, at the place where the part began.
var errNoMatch = errors.New("no match")

// maxReDepth bounds the nesting of parentheses.
const maxReDepth = 200

// reader parses the notation of re into patterns.
type reader struct {
	b       *Builder
	defs    *Definitions
	s       string
	i       int
	grammar bool
	depth   int
}

// Re returns the pattern that text describes in the notation of LPeg's module re.
func (b *Builder) Re(text string, defs *Definitions) (*Pattern, error) {
	if defs == nil {
		defs = &Definitions{}
	}
	r := &reader{b: b, defs: defs, s: text}
	p, err := r.exp()
	if err != nil {
		return nil, err
	}
	if r.i < len(r.s) {
		return nil, r.syntax()
	}
	return p, b.Err()
}

func (r *reader) syntax() error {
	rest := r.s[r.i:]
	if len(rest) >= 20 {
		rest = rest[:min(21, len(rest))] + "..."
	}
	return fmt.Errorf("%w '%s'", ErrReSyntax, rest)
}

func (r *reader) peek(s string) bool { return strings.HasPrefix(r.s[r.i:], s) }

func (r *reader) accept(s string) bool {
	if r.peek(s) {
		r.i += len(s)
		return true
	}
	return false
}

// space skips white space and comments.
func (r *reader) space() {
	for r.i < len(r.s) {
		switch c := r.s[r.i]; {
		case strings.IndexByte(" \t\n\v\f\r", c) >= 0:
			r.i++
		case r.peek("--"):
			if n := strings.IndexByte(r.s[r.i:], '\n'); n >= 0 {
				r.i += n
			} else {
				r.i = len(r.s)
			}
		default:
			return
		}
	}
}

func nameByte(c byte, first bool) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || !first && c >= '0' && c <= '9'
}

// name reads a name; "" if there is none.
func (r *reader) name() string {
	start := r.i
	for r.i < len(r.s) && nameByte(r.s[r.i], r.i == start) {
		r.i++
	}
	return r.s[start:r.i]
}

// definition reports whether "name <-" comes next.
func (r *reader) definition() bool {
	start := r.i
	defer func() { r.i = start }()
	if r.name() == "" {
		return false
	}
	r.space()
	return r.peek("<-")
}

func (r *reader) exp() (*Pattern, error) {
	if r.depth++; r.depth > maxReDepth {
		return nil, fmt.Errorf("%w (nested %d deep)", ErrTooBig, r.depth)
	}
	defer func() { r.depth-- }()
	r.space()
	if r.definition() {
		return r.rules()
	}
	var alts []*Pattern
	for {
		p, err := r.seq()
		if err != nil {
			return nil, err
		}
		alts = append(alts, p)
		if !r.accept("/") {
			return r.b.Choice(alts...), nil
		}
		r.space()
	}
}

func (r *reader) rules() (*Pattern, error) {
	outer := r.grammar
	r.grammar = true
	defer func() { r.grammar = outer }()
	var rules []Rule
	seen := make(map[string]bool)
	for r.definition() {
		name := r.name()
		r.space()
		r.accept("<-")
		p, err := r.exp()
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fmt.Errorf("'%s' %w", name, ErrReRule)
		}
		seen[name] = true
		rules = append(rules, Rule{name, p})
	}
	return r.b.Grammar(rules)
}

// seqEnd reports whether what can follow a sequence comes next.
func (r *reader) seqEnd() bool {
	if r.i == len(r.s) {
		return true
	}
	for _, s := range []string{"/", ")", "}", ":}", "~}", "|}"} {
		if r.peek(s) {
			return true
		}
	}
	return r.definition()
}

func (r *reader) seq() (*Pattern, error) {
	var parts []*Pattern
	for !r.seqEnd() {
		at := r.i
		p, err := r.prefix()
		if errors.Is(err, errNoMatch) {
			r.i = at
			return nil, r.syntax()
		}
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return r.b.Seq(parts...), nil
}

func (r *reader) prefix() (*Pattern, error) {
	var ops []byte
	for r.peek("&") || r.peek("!") {
		ops = append(ops, r.s[r.i])
		r.i++
		r.space()
	}
	p, err := r.suffix()
	if err != nil {
		return nil, err
	}
	for i := len(ops) - 1; i >= 0; i-- {
		if ops[i] == '&' {
			p = r.b.And(p)
		} else {
			p = r.b.Not(p)
		}
	}
	return p, nil
}

func (r *reader) suffix() (*Pattern, error) {
	p, err := r.primary()
	r.space()
	for err == nil {
		at, before := r.i, p
		switch {
		case r.accept("+"):
			p, err = r.b.Repeat(p, 1)
		case r.accept("*"):
			p, err = r.b.Repeat(p, 0)
		case r.accept("?"):
			p, err = r.b.Repeat(p, -1)
		case r.accept("^"):
			p, err = r.times(p)
		case r.accept("->"):
			p, err = r.arrow(p)
		case r.accept("=>"):
			p, err = r.named(p, r.defs.Runtime)
		case r.accept("~>"):
			p, err = r.named(p, r.defs.Fold)
		default:
			return p, nil
		}
		if errors.Is(err, errNoMatch) {
			r.i = at
			return before, nil
		}
		r.space()
	}
	return nil, err
}

func (r *reader) number() (int, bool) {
	start := r.i
	for r.i < len(r.s) && r.s[r.i] >= '0' && r.s[r.i] <= '9' {
		r.i++
	}
	n, err := strconv.Atoi(r.s[start:r.i])
	return n, err == nil
}

// times reads the count of "p^n", "p^+n" and "p^-n".
func (r *reader) times(p *Pattern) (*Pattern, error) {
	plus, minus := r.accept("+"), r.accept("-")
	n, ok := r.number()
	if !ok {
		return nil, errNoMatch
	}
	if plus || minus {
		if minus {
			n = -n
		}
		return r.b.Repeat(p, n)
	}
	if n > r.b.limit() {
		return nil, fmt.Errorf("%w (%d repetitions)", ErrTooBig, n)
	}
	parts := make([]*Pattern, n)
	for i := range parts {
		parts[i] = p
	}
	return r.b.Seq(parts...), nil
}

// named applies an operation whose operand is a defined name.
func (r *reader) named(p *Pattern, apply func(*Pattern, string) (*Pattern, error)) (*Pattern, error) {
	r.space()
	name := r.name()
	if name == "" {
		return nil, errNoMatch
	}
	if apply == nil {
		return nil, fmt.Errorf("%w name: %s", ErrReName, name)
	}
	return apply(p, name)
}

func (r *reader) arrow(p *Pattern) (*Pattern, error) {
	r.space()
	if r.accept("{}") {
		return r.b.Ct(p), nil
	}
	if r.peek("'") || r.peek("\"") {
		s, err := r.quoted()
		return r.b.Format(p, s), err
	}
	if n, ok := r.number(); ok {
		return r.b.Select(p, n)
	}
	return r.named(p, r.defs.Divide)
}

func (r *reader) quoted() (string, error) {
	end := strings.IndexByte(r.s[r.i+1:], r.s[r.i])
	if end < 0 {
		return "", errNoMatch
	}
	s := r.s[r.i+1 : r.i+1+end]
	r.i += end + 2
	return s, nil
}
