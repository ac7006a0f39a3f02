package lpeg

import (
	"fmt"
	"strings"
)

// primary reads what prefixes and suffixes are put to.
func (r *reader) primary() (*Pattern, error) {
	switch {
	case r.accept("("):
		return r.enclosed(")", func(p *Pattern) *Pattern { return p })
	case r.peek("'"), r.peek("\""):
		s, err := r.quoted()
		return r.b.Literal(s), err
	case r.peek("["):
		return r.class()
	case r.peek("%"):
		return r.defined()
	case r.accept("{:"):
		return r.group()
	case r.accept("="):
		return r.back()
	case r.accept("{}"):
		return r.b.Cp(), nil
	case r.accept("{~"):
		return r.enclosed("~}", r.b.Cs)
	case r.accept("{|"):
		return r.enclosed("|}", r.b.Ct)
	case r.accept("{"):
		return r.enclosed("}", r.b.C)
	case r.accept("."):
		return r.b.Any(1), nil
	}
	angle := r.accept("<")
	name := r.name()
	if name == "" || angle && !r.accept(">") {
		return nil, errNoMatch
	}
	if !r.grammar {
		return nil, fmt.Errorf("rule '%s' used %w", name, ErrOutsideGrammar)
	}
	return r.b.V(name), nil
}

// enclosed reads an expression and its closing mark.
func (r *reader) enclosed(end string, wrap func(*Pattern) *Pattern) (*Pattern, error) {
	p, err := r.exp()
	if err != nil {
		return nil, err
	}
	if !r.accept(end) {
		return nil, errNoMatch
	}
	return wrap(p), nil
}

// group reads the rest of "{: name: exp :}".
func (r *reader) group() (*Pattern, error) {
	at := r.i
	var groupName any
	if n := r.name(); n != "" && r.accept(":") && !strings.HasPrefix(r.s[r.i-1:], ":}") {
		groupName = n
	} else {
		r.i = at
	}
	return r.enclosed(":}", func(p *Pattern) *Pattern { return r.b.Cg(p, groupName) })
}

// back reads the rest of "=name".
func (r *reader) back() (*Pattern, error) {
	name := r.name()
	if name == "" {
		return nil, errNoMatch
	}
	equal := r.defs.Equal
	if equal == nil {
		equal = FoldFunc(equalText)
	}
	return r.b.Cmt(r.b.Cb(name), equal), nil
}

// equalText is the match-time function of a back reference.
func equalText(args []Value) (Value, error) {
	if len(args) < 3 || args[2].Kind != KindText {
		return BoolValue(false), nil
	}
	from := int(args[1].Number) - 1
	if !strings.HasPrefix(args[0].Text[from:], args[2].Text) {
		return BoolValue(false), nil
	}
	return NumberValue(float64(from + len(args[2].Text) + 1)), nil
}

// defined reads "%name".
func (r *reader) defined() (*Pattern, error) {
	r.i++
	name := r.name()
	if name == "" {
		return nil, errNoMatch
	}
	if r.defs.Pattern != nil {
		if p, ok, err := r.defs.Pattern(name); ok || err != nil {
			return p, err
		}
	}
	if set, ok := predefined(name); ok {
		return r.b.Set(set), nil
	}
	return nil, fmt.Errorf("name '%s' %w", name, ErrReName)
}

// predefined returns the sets every text may use: the classes by name and by
// letter, their complements by capital letter, and nl.
func predefined(name string) (Set, bool) {
	if name == "nl" {
		return SetOf("\n"), true
	}
	for _, c := range Classes() {
		if c.Name == name {
			return c.Set, true
		}
		letter := c.Name[:1]
		switch c.Name {
		case "alnum":
			letter = "w"
		case "print":
			letter = ""
		}
		switch {
		case name == letter:
			return c.Set, true
		case letter != "" && name == strings.ToUpper(letter):
			return c.Set.Complement(), true
		}
	}
	return Set{}, false
}

// class reads "[...]".
func (r *reader) class() (*Pattern, error) {
	r.i++
	negated := r.accept("^")
	var sum *Pattern
	for first := true; first || !r.peek("]"); first = false {
		if r.i >= len(r.s) {
			return nil, errNoMatch
		}
		p, err := r.item()
		if err != nil {
			return nil, err
		}
		if sum == nil {
			sum = p
		} else {
			sum = r.b.Choice2(sum, p)
		}
	}
	r.i++
	if negated {
		return r.b.Diff(r.b.Any(1), sum), nil
	}
	return sum, nil
}

// item reads a defined name, a range or a byte of a class.
func (r *reader) item() (*Pattern, error) {
	if r.peek("%") && r.i+1 < len(r.s) && nameByte(r.s[r.i+1], true) {
		return r.defined()
	}
	rest := r.s[r.i:]
	if len(rest) >= 3 && rest[1] == '-' && rest[2] != ']' {
		r.i += 3
		return r.b.Set(RangeOf(rest[0], rest[2])), nil
	}
	r.i++
	return r.b.Literal(rest[:1]), nil
}
