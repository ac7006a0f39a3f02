package lpeg

import "fmt"

// maxCode caps the instructions of a Program.
const maxCode = 500_000

// maxCompileWork bounds the work on first sets of one compilation; beyond it
// the code is correct but less clever.
const maxCompileWork = 3_000_000

// compiler turns one pattern into a Program.
type compiler struct {
	prog  *Program
	sets  map[Set]*[256]bool
	strs  map[string]int32
	env   *grammarEnv
	calls []pendingCall
	// scopes holds a private copy of each grammar's scope, so that patterns stay immutable.
	scopes map[*Pattern]*scope
	work   int // spent on first sets
	// firsts remembers first sets that do not depend on where the pattern stands.
	firsts map[*Pattern]firstSet
	err    error
}

// grammarEnv is the grammar whose rules are being compiled.
type grammarEnv struct {
	sc    *scope
	rules []Rule
	// addr holds the address of each rule that is called, -1 before it has one.
	addr []int32
	// inline marks the rules that are compiled where they are used.
	inline []bool
}

// pendingCall is a call whose target is not known yet.
type pendingCall struct {
	at, rule int
	env      *grammarEnv
}

func compile(p *Pattern) (*Program, error) {
	c := &compiler{
		prog: &Program{code: make([]inst, 0, min(p.size+1, 128))}, sets: make(map[Set]*[256]bool), strs: make(map[string]int32),
		scopes: make(map[*Pattern]*scope), firsts: make(map[*Pattern]firstSet),
	}
	c.gen(p, anything)
	c.emit(inst{op: opEnd})
	if c.err != nil {
		return nil, c.err
	}
	for _, call := range c.calls {
		c.prog.code[call.at].off = call.env.addr[call.rule]
	}
	c.prog.shorten()
	return c.prog, nil
}

func (c *compiler) here() int32 { return int32(len(c.prog.code)) }

func (c *compiler) emit(in inst) int {
	if len(c.prog.code) >= maxCode {
		if c.err == nil {
			c.err = fmt.Errorf("%w (more than %d instructions)", ErrTooBig, maxCode)
		}
		return 0
	}
	c.prog.code = append(c.prog.code, in)
	return len(c.prog.code) - 1
}

// target makes the jump at address at go to here; at < 0 is no jump.
func (c *compiler) target(at int) {
	if at >= 0 {
		c.prog.code[at].off = c.here()
	}
}

func (c *compiler) table(s Set) *[256]bool {
	t, ok := c.sets[s]
	if !ok {
		t = s.table()
		c.sets[s] = t
	}
	return t
}

func (c *compiler) str(s string) int32 {
	i, ok := c.strs[s]
	if !ok {
		i = int32(len(c.prog.strings))
		c.prog.strings = append(c.prog.strings, s)
		c.strs[s] = i
	}
	return i
}

func (c *compiler) attrs(p *Pattern) attrs {
	if c.env == nil {
		return p.attrs
	}
	return c.env.sc.attrs(p)
}

// scopeOf returns the scope of a grammar with a memory of this compiler's own.
func (c *compiler) scopeOf(g *Pattern) *scope {
	sc, ok := c.scopes[g]
	if !ok {
		sc = &scope{index: g.scope.index, rules: g.scope.rules, memo: make(map[*Pattern]attrs)}
		c.scopes[g] = sc
	}
	return sc
}

func (c *compiler) first(p *Pattern, follow firstSet) firstSet {
	switch p.kind {
	case nodeSet, nodeString, nodeAny:
		return firstSet{set: headSet(p)}
	}
	// What consumes something decides by itself what it begins with.
	if p.attrs.open || p.attrs.nullable && follow != anything {
		return c.computeFirst(p, follow)
	}
	fs, ok := c.firsts[p]
	if !ok {
		fs = c.computeFirst(p, anything)
		c.firsts[p] = fs
	}
	return fs
}

func (c *compiler) computeFirst(p *Pattern, follow firstSet) firstSet {
	st := starter{scopeOf: c.scopeOf}
	if c.env != nil {
		st.sc, st.rules = c.env.sc, c.env.rules
	} else if p.attrs.open {
		return anything
	}
	if c.work > maxCompileWork {
		return anything
	}
	fs := st.first(p, follow)
	c.work += st.work
	return fs
}

// gen emits the code of p. follow says what can come after p; decisions that
// rely on it are taken only where no alternative is pending.
func (c *compiler) gen(p *Pattern, follow firstSet) {
	if c.err != nil {
		return
	}
	switch p.kind {
	case nodeTrue:
	case nodeFalse:
		c.emit(inst{op: opFail})
	case nodeAny:
		c.emit(inst{op: opAny, n: int32(p.n)})
	case nodeSet:
		c.emit(inst{op: opSet, set: c.table(p.set)})
	case nodeString:
		c.genString(p.text)
	case nodeSeq:
		c.genSeq(p, follow)
	case nodeChoice:
		c.genChoice(p, follow)
	case nodeRepeat:
		c.genRepeat(p.a, follow)
	case nodeNot:
		c.genNot(p.a)
	case nodeAnd:
		c.genAnd(p.a)
	case nodeBehind:
		if p.n > 0 {
			c.emit(inst{op: opBehind, n: int32(p.n)})
		}
		c.gen(p.a, anything)
	case nodeCall:
		c.genCall(p, follow)
	case nodeGrammar:
		c.genGrammar(p, follow)
	case nodeCapture:
		c.genCapture(p, follow)
	case nodeRuntime:
		i := c.site(p)
		c.emit(inst{op: opOpen, n: i, capture: CaptureRuntime})
		c.gen(p.a, anything)
		c.emit(inst{op: opCloseRuntime, n: i})
	}
}

func (c *compiler) genString(s string) {
	if len(s) == 1 {
		c.emit(inst{op: opChar, c: s[0]})
		return
	}
	c.emit(inst{op: opString, n: c.str(s), c: s[0]})
}

func (c *compiler) site(p *Pattern) int32 {
	text := p.text
	if p.capture == CaptureGroup && p.value != nil {
		text = nameText(p.value)
	}
	c.prog.captures = append(c.prog.captures, Site{p.capture, p.n, text, p.value, len(c.prog.captures)})
	return int32(len(c.prog.captures) - 1)
}

func (c *compiler) genCapture(p *Pattern, follow firstSet) {
	i := c.site(p)
	if set, n, ok := spanOf(p.a); ok {
		c.emit(inst{op: opFullSpan, n: i, off: int32(n), set: c.table(set), capture: p.capture})
		return
	}
	a := c.attrs(p.a)
	if a.fixed >= 0 && !a.captures {
		c.gen(p.a, follow)
		c.emit(inst{op: opFull, n: i, off: int32(a.fixed), capture: p.capture})
		return
	}
	c.emit(inst{op: opOpen, n: i, capture: p.capture})
	c.gen(p.a, follow)
	c.emit(inst{op: opClose, n: i})
}

// test emits a jump that is taken when the next byte rules fs out. It returns
// the address of the jump, -1 when no byte does.
func (c *compiler) test(fs firstSet) int {
	if fs.empty {
		return -1
	}
	if b, ok := fs.set.only(); ok {
		return c.emit(inst{op: opTestChar, c: b})
	}
	if fs.set == FullSet() {
		return c.emit(inst{op: opTestAny, n: 1})
	}
	return c.emit(inst{op: opTestSet, set: c.table(fs.set)})
}

// skipTested drops the check of the first byte at address at, where the byte
// is already known to be in set.
func (c *compiler) skipTested(at int32, set Set) {
	if at >= c.here() {
		return
	}
	in := &c.prog.code[at]
	known := false
	switch in.op {
	case opChar:
		known = set == SetOf(string([]byte{in.c}))
	case opSet:
		known = true
		for b := range 256 {
			known = known && (in.set[b] || !set.Has(byte(b)))
		}
	case opAny:
		known = in.n == 1
	}
	if known {
		*in = inst{op: opJump, n: 1, off: at + 1}
	}
}

func (c *compiler) genNot(p *Pattern) {
	a := c.attrs(p)
	fs := c.first(p, anything)
	test := c.test(fs)
	if a.headfail && test >= 0 {
		c.emit(inst{op: opFail})
		c.target(test)
		return
	}
	choice := c.emit(inst{op: opChoice})
	c.gen(p, anything)
	c.emit(inst{op: opFailTwice})
	c.target(test)
	c.target(choice)
}

func (c *compiler) genAnd(p *Pattern) {
	if q := searched(p); q != nil && q.kind == nodeString {
		c.emit(inst{op: opAheadString, n: c.str(q.text)})
		return
	}
	a := c.attrs(p)
	if a.fixed >= 0 && !a.captures {
		c.gen(p, anything)
		if a.fixed > 0 {
			c.emit(inst{op: opBehind, n: int32(a.fixed)})
		}
		return
	}
	choice := c.emit(inst{op: opChoice})
	c.gen(p, anything)
	commit := c.emit(inst{op: opBackCommit})
	c.target(choice)
	c.emit(inst{op: opFail})
	c.target(commit)
}

// shorten follows jumps to jumps and makes calls in tail position jumps.
func (p *Program) shorten() {
	final := func(at int32) int32 {
		for range 16 {
			if p.code[at].op != opJump || p.code[at].n > 0 {
				break
			}
			at = p.code[at].off
		}
		return at
	}
	for i := range p.code {
		in := &p.code[i]
		switch in.op {
		case opCall:
			in.off = final(in.off)
			if p.code[final(int32(i)+1)].op == opReturn {
				in.op = opLoop
			}
		case opJump:
			in.off = final(in.off)
			if op := p.code[in.off].op; in.n == 0 && (op == opReturn || op == opFail || op == opEnd) {
				*in = p.code[in.off]
			}
		case opTestChar, opTestSet, opTestAny, opChoice, opCommit, opBackCommit:
			in.off = final(in.off)
		case opSwitch:
			for b, at := range p.switches[in.n] {
				p.switches[in.n][b] = final(at)
			}
		}
	}
}
