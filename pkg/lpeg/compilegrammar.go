package lpeg

import "fmt"

// inlineSize is the size up to which a rule that is used several times is
// compiled where it is used, if it calls no other rule.
const inlineSize = 12

func (c *compiler) genCall(p *Pattern, follow firstSet) {
	if c.env == nil {
		c.err = fmt.Errorf("rule '%s' used %w", nameText(p.value), ErrOutsideGrammar)
		return
	}
	i := c.env.sc.index[p.value]
	if c.env.inline[i] {
		c.gen(c.env.rules[i].Pattern, follow)
		return
	}
	at := c.emit(inst{op: opCall})
	c.calls = append(c.calls, pendingCall{at, i, c.env})
}

// genGrammar emits a call of the initial rule, and the rules behind it.
func (c *compiler) genGrammar(p *Pattern, follow firstSet) {
	if c.genSearch(p) {
		return
	}
	outer := c.env
	env := &grammarEnv{sc: c.scopeOf(p), rules: p.rules, addr: make([]int32, len(p.rules))}
	env.inline = inlineRules(p)
	c.env = env
	defer func() { c.env = outer }()
	var over int
	if env.inline[0] {
		c.gen(p.rules[0].Pattern, follow)
	} else {
		at := c.emit(inst{op: opCall})
		c.calls = append(c.calls, pendingCall{at, 0, env})
	}
	over = c.emit(inst{op: opJump})
	for i, r := range p.rules {
		if env.inline[i] {
			continue
		}
		env.addr[i] = c.here()
		c.gen(r.Pattern, anything)
		c.emit(inst{op: opReturn})
	}
	if int(c.here()) == over+1 && c.err == nil {
		c.prog.code = c.prog.code[:over]
		return
	}
	c.target(over)
}

// inlineRules picks the rules that do not call themselves and are small or used once.
func inlineRules(p *Pattern) []bool {
	use := make([]int, len(p.rules))
	calls := make([][]int, len(p.rules))
	use[0]++
	for i, r := range p.rules {
		var visit func(*Pattern)
		visit = func(q *Pattern) {
			if !q.attrs.open {
				return
			}
			if q.kind == nodeCall {
				callee := p.scope.index[q.value]
				use[callee]++
				calls[i] = append(calls[i], callee)
				return
			}
			q.children(visit)
		}
		visit(r.Pattern)
	}
	inline := make([]bool, len(p.rules))
	for i, r := range p.rules {
		inline[i] = (use[i] == 1 || r.Pattern.size <= inlineSize && len(calls[i]) == 0) && !reaches(calls, i)
	}
	return inline
}

// reaches reports whether rule start can call itself, directly or not.
func reaches(calls [][]int, start int) bool {
	seen := make([]bool, len(calls))
	todo := append([]int(nil), calls[start]...)
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if i == start {
			return true
		}
		if !seen[i] {
			seen[i] = true
			todo = append(todo, calls[i]...)
		}
	}
	return false
}

// genSearch compiles the search idiom, a grammar whose only rule is
// "p or else skip a byte and try again", into a loop that skips at once to
// the next place where p can begin.
func (c *compiler) genSearch(g *Pattern) bool {
	p := searched(g)
	if p == nil {
		return false
	}
	if p.kind == nodeString {
		c.genFind(p.text)
		c.emit(inst{op: opJump, n: int32(len(p.text)), off: c.here() + 1})
		return true
	}
	fs := c.first(p, anything)
	loop := c.here()
	if !fs.empty {
		c.genFindSet(fs.set, literalPrefix(p))
	}
	choice := c.emit(inst{op: opChoice})
	at := c.here()
	c.gen(p, anything)
	if !fs.empty && fs.set != FullSet() { // there is a byte, and it is one of them
		c.skipTested(at, fs.set)
	}
	commit := c.emit(inst{op: opCommit, n: 1})
	c.target(choice)
	c.emit(inst{op: opAny, n: 1})
	c.emit(inst{op: opLoop, off: loop})
	c.target(commit)
	return true
}

// searched returns what a pattern of the search idiom searches for, nil for others.
func searched(g *Pattern) *Pattern {
	if g.kind != nodeGrammar || len(g.rules) != 1 {
		return nil
	}
	body := g.rules[0].Pattern
	if body.kind != nodeChoice || body.b.kind != nodeSeq || body.a.attrs.open {
		return nil
	}
	skip, again := body.b.a, body.b.b
	if skip.kind != nodeAny || skip.n != 1 || again.kind != nodeCall || again.value != g.rules[0].Name {
		return nil
	}
	return body.a
}

// literalPrefix returns the text every match of p begins with, as far as it is plain to see.
func literalPrefix(p *Pattern) string {
	for {
		switch p.kind {
		case nodeString:
			return p.text
		case nodeSeq, nodeCapture:
			p = p.a
		default:
			return ""
		}
	}
}

func (c *compiler) genFind(s string) {
	if len(s) == 1 {
		c.emit(inst{op: opFindByte, c: s[0]})
		return
	}
	c.emit(inst{op: opFindString, n: c.str(s)})
}

func (c *compiler) genFindSet(set Set, prefix string) {
	if prefix != "" {
		c.genFind(prefix)
		return
	}
	if b, ok := set.only(); ok {
		c.emit(inst{op: opFindByte, c: b})
		return
	}
	if set != FullSet() {
		c.emit(inst{op: opFindSet, set: c.table(set)})
	}
}
