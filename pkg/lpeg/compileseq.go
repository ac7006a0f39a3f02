package lpeg

// flatten lists the operands of nested sequences or choices in order.
func flatten(p *Pattern, kind nodeKind) []*Pattern {
	var todo []*Pattern // operands on the right of one that is nested itself
	list := make([]*Pattern, 0, 8)
	for q := p; ; {
		switch {
		case q.kind == kind && q.a.kind == kind:
			todo = append(todo, q.b)
			q = q.a
			continue
		case q.kind == kind:
			list = append(list, q.a)
			q = q.b
			continue
		}
		list = append(list, q)
		if len(todo) == 0 {
			return list
		}
		q, todo = todo[len(todo)-1], todo[:len(todo)-1]
	}
}

func (c *compiler) genSeq(p *Pattern, follow firstSet) {
	parts := flatten(p, nodeSeq)
	follows := make([]firstSet, len(parts))
	for i := len(parts) - 1; i >= 0; i-- {
		follows[i] = follow
		if i > 0 {
			follow = c.first(parts[i], follow)
		}
	}
	for i := 0; i < len(parts); {
		if n := c.genRun(parts[i:]); n > 0 {
			i += n
			continue
		}
		c.gen(parts[i], follows[i])
		i++
	}
}

// genRun emits one instruction for several neighbours where it can: literals
// are joined, equal sets are counted, a set and its repetition become a span.
// It returns how many parts it took, 0 for none.
func (c *compiler) genRun(parts []*Pattern) int {
	if n := c.genClasses(parts); n > 0 {
		return n
	}
	if text, n := joinStrings(parts); n > 1 {
		if rest, ok := parts[0].asSet(); ok && setRun(parts, rest) > n {
			return c.genSetRun(parts, rest)
		}
		c.genString(text)
		return n
	}
	set, ok := parts[0].asSet()
	if !ok {
		return 0
	}
	return c.genSetRun(parts, set)
}

func joinStrings(parts []*Pattern) (string, int) {
	n := 0
	for n < len(parts) && parts[n].kind == nodeString {
		n++
	}
	if n < 2 {
		return "", n
	}
	text := make([]byte, 0, 16)
	for _, p := range parts[:n] {
		text = append(text, p.text...)
	}
	return string(text), n
}

// setRun counts how many parts from the first on match one byte of set, or any number of them.
func setRun(parts []*Pattern, set Set) int {
	n := 0
	for n < len(parts) {
		s, ok := parts[n].asSet()
		if parts[n].kind == nodeRepeat {
			s, ok = parts[n].a.asSet()
		}
		if !ok || s != set {
			break
		}
		n++
	}
	return n
}

func (c *compiler) genSetRun(parts []*Pattern, set Set) int {
	n := 0
	for n < len(parts) {
		s, ok := parts[n].asSet()
		if !ok || s != set {
			break
		}
		n++
	}
	span := false
	if n < len(parts) && parts[n].kind == nodeRepeat {
		s, ok := parts[n].a.asSet()
		span = ok && s == set
	}
	switch {
	case set == FullSet():
		c.emit(inst{op: opAny, n: int32(n)})
		return n
	case span && set.Complement().Len() != 1:
		c.emit(inst{op: opSpan, set: c.table(set), off: int32(n)})
		return n + 1
	case n == 1:
		c.gen(parts[0], anything)
		return 1
	}
	c.emit(inst{op: opSetN, set: c.table(set), n: int32(n)})
	return n
}

// genSpan emits the repetition of one byte of set.
func (c *compiler) genSpan(set Set) {
	if b, ok := set.Complement().only(); ok {
		c.emit(inst{op: opSpanByte, c: b})
		return
	}
	if set == FullSet() {
		c.emit(inst{op: opSpanAll})
		return
	}
	c.emit(inst{op: opSpan, set: c.table(set)})
}

func (c *compiler) genRepeat(body *Pattern, follow firstSet) {
	if set, ok := body.asSet(); ok {
		c.genSpan(set)
		return
	}
	if lit, ok := untilLiteral(body); ok {
		c.emit(inst{op: opSpanString, n: c.str(lit)})
		return
	}
	a := c.attrs(body)
	fs := c.first(body, anything)
	quick := c.quick(body)
	loop := c.here()
	if !quick.Empty() {
		c.genSpan(quick)
		// The quick bytes are gone, so the body is entered by others only.
		fs.set = fs.set.Minus(quick)
	}
	free := a.headfail || (!fs.empty && fs.set.disjoint(follow.set))
	test := c.test(fs)
	if free && test >= 0 {
		inner := firstSet{set: fs.set.Union(quick).Union(follow.set), empty: follow.empty}
		at := c.here()
		if a.headfail {
			inner = anything
		}
		c.gen(body, inner)
		c.skipTested(at, fs.set)
		c.emit(inst{op: opLoop, off: loop})
		c.target(test)
		return
	}
	choice := c.emit(inst{op: opChoice})
	if quick.Empty() {
		loop = c.here()
		c.gen(body, anything)
		c.emit(inst{op: opPartialCommit, off: loop})
	} else {
		c.gen(body, anything)
		c.emit(inst{op: opCommit, off: loop, n: 1})
	}
	c.target(choice)
	c.target(test)
}

// untilLiteral recognises the body "a byte, unless the literal begins here".
func untilLiteral(body *Pattern) (string, bool) {
	if body.kind != nodeSeq || body.a.kind != nodeNot || body.a.a.kind != nodeString {
		return "", false
	}
	if body.b.kind != nodeAny || body.b.n != 1 {
		return "", false
	}
	return body.a.a.text, true
}

// quick returns bytes on which p surely matches that one byte and captures nothing.
func (c *compiler) quick(p *Pattern) Set {
	if set, ok := p.asSet(); ok {
		return set
	}
	switch p.kind {
	case nodeChoice:
		x := c.first(p.a, anything)
		if x.empty {
			return Set{}
		}
		return c.quick(p.a).Union(c.quick(p.b).Minus(x.set))
	case nodeSeq:
		if p.a.kind != nodeNot {
			return Set{}
		}
		x := c.first(p.a.a, anything)
		if x.empty {
			return Set{}
		}
		return c.quick(p.b).Minus(x.set)
	}
	return Set{}
}
