package lpeg

// scope resolves the rule references of one grammar. A nil scope means that
// no grammar encloses the pattern yet.
type scope struct {
	index map[any]int
	rules []attrs
	memo  map[*Pattern]attrs
}

// attrs returns the properties of p inside the grammar of the scope.
func (sc *scope) attrs(p *Pattern) attrs {
	if sc == nil || !p.attrs.open {
		return p.attrs
	}
	if a, ok := sc.memo[p]; ok {
		return a
	}
	a := attrsOf(p, sc)
	if sc.memo != nil {
		sc.memo[p] = a
	}
	return a
}

// attrsOf computes the properties of p from those of its parts.
func attrsOf(p *Pattern, sc *scope) attrs {
	switch p.kind {
	case nodeTrue:
		return attrs{nullable: true, nofail: true}
	case nodeFalse:
		return attrs{headfail: true}
	case nodeAny:
		return attrs{headfail: p.n == 1, fixed: p.n}
	case nodeSet:
		return attrs{headfail: true, fixed: 1}
	case nodeString:
		return attrs{headfail: len(p.text) == 1, fixed: len(p.text)}
	case nodeSeq:
		return seqAttrs(sc.attrs(p.a), sc.attrs(p.b))
	case nodeChoice:
		return choiceAttrs(sc.attrs(p.a), sc.attrs(p.b))
	case nodeCall:
		return callAttrs(p, sc)
	case nodeGrammar:
		return p.scope.rules[0]
	}
	a := sc.attrs(p.a)
	switch p.kind {
	case nodeRepeat:
		a.nullable, a.nofail, a.headfail, a.fixed = true, true, false, -1
	case nodeNot:
		a.nullable, a.nofail, a.headfail, a.fixed = true, false, false, 0
	case nodeAnd:
		a.nullable, a.fixed = true, 0
	case nodeBehind:
		a.nullable, a.nofail, a.headfail, a.fixed = true, false, false, 0
	case nodeCapture:
		a.captures = true
	case nodeRuntime:
		a.captures, a.nofail, a.headfail, a.fixed = true, false, false, -1
	}
	return a
}

func seqAttrs(x, y attrs) attrs {
	a := attrs{
		nullable: x.nullable && y.nullable,
		nofail:   x.nofail && y.nofail,
		headfail: x.headfail && y.nofail,
		captures: x.captures || y.captures,
		open:     x.open || y.open,
		fixed:    -1,
	}
	if x.fixed >= 0 && y.fixed >= 0 {
		a.fixed = x.fixed + y.fixed
	}
	return a
}

func choiceAttrs(x, y attrs) attrs {
	a := attrs{
		nullable: x.nullable || y.nullable,
		nofail:   y.nofail || x.nofail,
		headfail: x.headfail && y.headfail,
		captures: x.captures || y.captures,
		open:     x.open || y.open,
		fixed:    -1,
	}
	if x.fixed == y.fixed {
		a.fixed = x.fixed
	}
	return a
}

func callAttrs(p *Pattern, sc *scope) attrs {
	a := attrs{fixed: -1}
	if sc != nil {
		if i, ok := sc.index[p.value]; ok {
			a = sc.rules[i]
		}
	}
	a.open = true
	return a
}

// maxFirst bounds the work of one first-set computation; beyond it the answer is "anything".
const maxFirst = 4000

// firstSet is what is known of the beginning of a match.
type firstSet struct {
	set Set
	// empty: the pattern may match at the end of the subject, so that no
	// test of the next byte can exclude it.
	empty bool
	// runtime: it begins with a match-time function, which must be called
	// whatever the next byte is.
	runtime bool
}

var anything = firstSet{set: Set{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}, empty: true}

// starter computes first sets within one grammar.
type starter struct {
	sc      *scope
	rules   []Rule
	scopeOf func(*Pattern) *scope
	work    int
}

// first returns the bytes a match of p can begin with, where follow are the
// bytes that can come after it.
func (st *starter) first(p *Pattern, follow firstSet) firstSet {
	st.work++
	if st.work > maxFirst {
		return anything
	}
	switch p.kind {
	case nodeSet, nodeString, nodeAny:
		return firstSet{set: headSet(p)}
	case nodeFalse:
		return firstSet{}
	case nodeTrue, nodeBehind:
		return follow
	case nodeChoice:
		x, y := st.first(p.a, follow), st.first(p.b, follow)
		return firstSet{x.set.Union(y.set), x.empty || y.empty, x.runtime || y.runtime}
	case nodeSeq:
		if !st.sc.attrs(p.a).nullable {
			return st.first(p.a, anything)
		}
		return st.first(p.a, st.first(p.b, follow))
	case nodeRepeat:
		x := st.first(p.a, anything)
		return firstSet{x.set.Union(follow.set), follow.empty || x.runtime, x.runtime || follow.runtime}
	case nodeCapture:
		return st.first(p.a, follow)
	case nodeNot:
		if s, ok := p.a.asSet(); ok {
			return firstSet{follow.set.Minus(s), follow.empty, follow.runtime}
		}
		if x := st.first(p.a, anything); x.runtime {
			return x
		}
		return follow
	case nodeAnd:
		x := st.first(p.a, anything)
		if x.runtime || follow.runtime {
			return firstSet{set: FullSet(), empty: true, runtime: true}
		}
		return firstSet{set: x.set.Intersect(follow.set), empty: x.empty && follow.empty}
	case nodeRuntime:
		return firstSet{set: FullSet(), empty: true, runtime: true}
	case nodeCall:
		i, ok := st.sc.index[p.value]
		if !ok {
			return anything
		}
		return st.first(st.rules[i].Pattern, follow)
	case nodeGrammar:
		inner := starter{sc: st.scopeOf(p), rules: p.rules, scopeOf: st.scopeOf, work: st.work}
		x := inner.first(p.rules[0].Pattern, follow)
		st.work = inner.work
		return x
	}
	return anything
}

// headSet returns the bytes p, a set, string or any, can begin with.
func headSet(p *Pattern) Set {
	switch p.kind {
	case nodeString:
		return SetOf(p.text[:1])
	case nodeSet:
		return p.set
	}
	return FullSet()
}
