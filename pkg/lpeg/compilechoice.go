package lpeg

// Limits of the code that a switch may duplicate.
const (
	switchMinAlts  = 3
	switchMaxSize  = 24
	switchMaxLists = 40
)

func (c *compiler) genChoice(p *Pattern, follow firstSet) {
	alts := flatten(p, nodeChoice)
	if c.genOptionSpan(alts) || c.genOptionString(alts) || c.genSwitch(alts, follow) {
		return
	}
	c.genAlternatives(alts, follow)
}

// genOptionSpan compiles "at most n bytes of a set", the nested options of S^-n.
func (c *compiler) genOptionSpan(alts []*Pattern) bool {
	n := int32(0)
	var set Set
	for {
		if len(alts) != 2 || alts[1].kind != nodeTrue {
			return false
		}
		head, rest := alts[0], (*Pattern)(nil)
		if head.kind == nodeSeq {
			head, rest = head.a, head.b
		}
		s, ok := head.asSet()
		if !ok || (n > 0 && s != set) {
			return false
		}
		set = s
		n++
		if rest == nil {
			break
		}
		if rest.kind != nodeChoice {
			return false
		}
		alts = []*Pattern{rest.a, rest.b}
	}
	c.emit(inst{op: opSpanMax, set: c.table(set), n: n})
	return true
}

// genOptionString compiles "this literal or nothing".
func (c *compiler) genOptionString(alts []*Pattern) bool {
	if len(alts) != 2 || alts[0].kind != nodeString || alts[1].kind != nodeTrue {
		return false
	}
	c.emit(inst{op: opTryString, n: c.str(alts[0].text)})
	return true
}

// genAlternatives emits the alternatives one after the other.
func (c *compiler) genAlternatives(alts []*Pattern, follow firstSet) {
	if len(alts) == 1 {
		c.gen(alts[0], follow)
		return
	}
	firsts := c.firstOfRest(alts, follow)
	var ends []int
	for i, p := range alts {
		if i == len(alts)-1 {
			c.gen(p, follow)
			break
		}
		fs := c.first(p, anything)
		test := c.test(fs)
		if test >= 0 && (c.attrs(p).headfail || fs.set.disjoint(firsts[i+1].set)) {
			at := c.here()
			c.gen(p, follow)
			c.skipTested(at, fs.set)
			if alts[i+1].kind != nodeTrue { // else there is nothing to jump over
				ends = append(ends, c.emit(inst{op: opJump}))
			}
			c.target(test)
			continue
		}
		choice := c.emit(inst{op: opChoice})
		at := c.here()
		c.gen(p, anything)
		if test >= 0 {
			c.skipTested(at, fs.set)
		}
		ends = append(ends, c.emit(inst{op: opCommit, n: 1}))
		c.target(choice)
		c.target(test)
	}
	for _, at := range ends {
		c.target(at)
	}
}

// firstOfRest returns, for each i, what a match of one of alts[i:] can begin with.
func (c *compiler) firstOfRest(alts []*Pattern, follow firstSet) []firstSet {
	firsts := make([]firstSet, len(alts))
	for i := len(alts) - 1; i >= 0; i-- {
		fs := c.first(alts[i], follow)
		if i < len(alts)-1 {
			fs = firstSet{set: fs.set.Union(firsts[i+1].set), empty: fs.empty || firsts[i+1].empty}
		}
		firsts[i] = fs
	}
	return firsts
}

// genSwitch compiles many alternatives into one jump by the next byte. Each
// byte leads to the alternatives that can begin with it, in their order;
// alternatives may be compiled more than once when they are small.
func (c *compiler) genSwitch(alts []*Pattern, follow firstSet) bool {
	if len(alts) < switchMinAlts || len(alts) > 64 {
		return false
	}
	var masks [257]uint64 // alternatives by next byte; the last for the end of the subject
	for i, p := range alts {
		fs := c.first(p, anything)
		for b := range 256 {
			if fs.empty || fs.set.Has(byte(b)) {
				masks[b] |= 1 << i
			}
		}
		if fs.empty {
			masks[256] |= 1 << i
		}
	}
	uses := make([]int, len(alts))
	lists := make(map[uint64]int32)
	for _, m := range masks {
		if _, ok := lists[m]; ok {
			continue
		}
		lists[m] = 0
		for i := range alts {
			uses[i] += int(m >> i & 1)
		}
	}
	if len(lists) > switchMaxLists || len(lists) < switchMinAlts {
		return false
	}
	for i, p := range alts {
		if uses[i] > 1 && p.size > switchMaxSize {
			return false
		}
	}
	c.emitSwitch(alts, follow, &masks, lists)
	return true
}

func (c *compiler) emitSwitch(alts []*Pattern, follow firstSet, masks *[257]uint64, lists map[uint64]int32) {
	table := new(jumps)
	c.prog.switches = append(c.prog.switches, table)
	c.emit(inst{op: opSwitch, n: int32(len(c.prog.switches) - 1)})
	clear(lists)
	var ends []int
	for b, m := range masks {
		addr, ok := lists[m]
		if !ok {
			addr = c.here()
			lists[m] = addr
			var chosen []*Pattern
			for i, p := range alts {
				if m>>i&1 == 1 {
					chosen = append(chosen, p)
				}
			}
			if len(chosen) == 0 {
				c.emit(inst{op: opFail})
			} else {
				c.genAlternatives(chosen, follow)
				ends = append(ends, c.emit(inst{op: opJump}))
			}
		}
		table[b] = addr
	}
	for _, end := range ends {
		c.target(end)
	}
}
