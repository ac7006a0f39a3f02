package luavm

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

const (
	maxCaptures     = 32
	maxMatchDepth   = 1500
	capUnfinished   = -1
	capPosition     = -2
	stepsPerCharge  = 1 << 12
	tooComplexError = "pattern too complex"
)

type capture struct{ start, length int }

// matcher runs one compiled pattern over one subject. Its time is booked as
// work, so that back-tracking cannot outlast the limits of a call.
type matcher struct {
	vm    *VM
	L     *lua.LState
	src   string
	items []item
	steps int
	depth int
	level int
	caps  [maxCaptures]capture
}

func (m *matcher) begin(vm *VM, L *lua.LState, p *pattern, src string) {
	m.vm, m.L, m.src, m.items = vm, L, src, p.items
	m.steps, m.depth, m.level = 0, 0, 0
}

func (m *matcher) step(n int) {
	m.steps += n
	if m.steps >= stepsPerCharge {
		m.vm.ChargeSteps(m.L, m.steps)
		m.steps = 0
	}
}

func (m *matcher) fail(text string) { raise(m.L, "%s", text) }

// search finds the first match at or after init and returns its bounds, or -1.
func (m *matcher) search(p *pattern, init int) (start, end int) {
	for s := init; s <= len(m.src); s++ {
		if p.text != "" && !p.anchored {
			at := strings.Index(m.src[s:], p.text)
			if at < 0 {
				m.step((len(m.src) - s) / 64)
				return -1, -1
			}
			m.step(at / 64)
			s += at
		}
		m.level = 0
		if e := m.match(s, 0); e >= 0 {
			return s, e
		}
		if p.anchored {
			break
		}
	}
	return -1, -1
}

// match tries to match the items from p on at s; it returns the end or -1.
func (m *matcher) match(s, p int) int {
	m.depth++
	if m.depth > maxMatchDepth {
		m.fail(tooComplexError)
	}
	e := m.run(s, p)
	m.depth--
	return e
}

func (m *matcher) run(s, p int) int {
	for {
		m.step(1)
		it := &m.items[p]
		switch it.kind {
		case itemEnd:
			return s
		case itemChar, itemSet:
			switch it.rep {
			case 0:
				if s >= len(m.src) || !it.matches(m.src[s]) {
					return -1
				}
				s++
			case '?':
				if s < len(m.src) && it.matches(m.src[s]) {
					if e := m.match(s+1, p+1); e >= 0 {
						return e
					}
				}
			case '-':
				return m.minExpand(s, p)
			default:
				return m.maxExpand(s, p)
			}
		case itemOpen, itemPosition:
			return m.open(s, p)
		case itemClose:
			return m.close(s, p)
		case itemEndAnchor:
			if s == len(m.src) {
				return s
			}
			return -1
		case itemBalance:
			if s = m.balance(s, it); s < 0 {
				return -1
			}
		case itemFrontier:
			if !m.frontier(s, it) {
				return -1
			}
		case itemBackref:
			if s = m.backref(s, it); s < 0 {
				return -1
			}
		case itemError:
			m.fail(it.text)
		}
		p++
	}
}

func (it *item) matches(c byte) bool {
	if it.kind == itemChar {
		return it.a == c
	}
	return it.set[c]
}

// span counts how many characters from s on match a single-character item.
func (m *matcher) span(s int, it *item) int {
	src := m.src[s:]
	i := 0
	if it.kind == itemChar {
		for i < len(src) && src[i] == it.a {
			i++
		}
	} else if it.set == &anyByte {
		i = len(src)
	} else {
		for i < len(src) && it.set[src[i]] {
			i++
		}
	}
	m.step(i / 8)
	return i
}

func (m *matcher) maxExpand(s, p int) int {
	it := &m.items[p]
	n := m.span(s, it)
	least := 0
	if it.rep == '+' {
		least = 1
	}
	next := &m.items[p+1]
	if next.kind == itemEnd && n >= least {
		return s + n
	}
	literal := next.kind == itemChar && next.rep == 0
	for ; n >= least; n-- {
		if literal && (s+n >= len(m.src) || m.src[s+n] != next.a) {
			m.steps++
			continue
		}
		if e := m.match(s+n, p+1); e >= 0 {
			return e
		}
	}
	m.step(0)
	return -1
}

func (m *matcher) minExpand(s, p int) int {
	it := &m.items[p]
	for {
		if e := m.match(s, p+1); e >= 0 {
			return e
		}
		if s >= len(m.src) || !it.matches(m.src[s]) {
			return -1
		}
		s++
	}
}

func (m *matcher) open(s, p int) int {
	if m.level >= maxCaptures {
		m.fail("too many captures")
	}
	length := capUnfinished
	if m.items[p].kind == itemPosition {
		length = capPosition
	}
	m.caps[m.level] = capture{s, length}
	m.level++
	e := m.match(s, p+1)
	if e < 0 {
		m.level--
	}
	return e
}

func (m *matcher) close(s, p int) int {
	l := -1
	for i := m.level - 1; i >= 0; i-- {
		if m.caps[i].length == capUnfinished {
			l = i
			break
		}
	}
	if l < 0 {
		m.fail("invalid pattern capture")
	}
	m.caps[l].length = s - m.caps[l].start
	e := m.match(s, p+1)
	if e < 0 {
		m.caps[l].length = capUnfinished
	}
	return e
}

func (m *matcher) balance(s int, it *item) int {
	if s >= len(m.src) || m.src[s] != it.a {
		return -1
	}
	open := 1
	for i := s + 1; i < len(m.src); i++ {
		switch m.src[i] {
		case it.b:
			if open--; open == 0 {
				m.step((i - s) / 4)
				return i + 1
			}
		case it.a:
			open++
		}
	}
	m.step((len(m.src) - s) / 4)
	return -1
}

func (m *matcher) frontier(s int, it *item) bool {
	var before, here byte
	if s > 0 {
		before = m.src[s-1]
	}
	if s < len(m.src) {
		here = m.src[s]
	}
	return !it.set[before] && it.set[here]
}

func (m *matcher) backref(s int, it *item) int {
	l := int(it.a) - '1'
	if l < 0 || l >= m.level || m.caps[l].length == capUnfinished {
		m.fail("invalid capture index")
	}
	c := m.caps[l]
	if c.length < 0 {
		// A position capture has no text that could repeat.
		return -1
	}
	m.step(c.length / 64)
	if strings.HasPrefix(m.src[s:], m.src[c.start:c.start+c.length]) {
		return s + c.length
	}
	return -1
}

// capture returns capture i of the match [s, e).
func (m *matcher) capture(i, s, e int) lua.LValue {
	if i >= m.level {
		if i != 0 {
			m.fail("invalid capture index")
		}
		return lua.LString(m.src[s:e])
	}
	c := m.caps[i]
	switch c.length {
	case capUnfinished:
		m.fail("unfinished capture")
	case capPosition:
		return lua.LNumber(c.start + 1)
	}
	return lua.LString(m.src[c.start : c.start+c.length])
}

// pushCaptures pushes all captures, or the whole match when there are none and
// whole is set.
func (m *matcher) pushCaptures(s, e int, whole bool) int {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	for i := 0; i < n; i++ {
		m.L.Push(m.capture(i, s, e))
	}
	return n
}

// finish books the steps that were not booked yet.
func (m *matcher) finish() {
	m.vm.ChargeSteps(m.L, m.steps)
	m.steps = 0
}

// stringLibrary caches compiled patterns.
type stringLibrary struct {
	patterns map[string]*pattern
	loose    map[string]*pattern // of gmatch, where ^ is no anchor
}

const (
	maxPatterns      = 512
	maxCachedPattern = 1024
	maxPattern       = 64 << 10
)

func (vm *VM) pattern(L *lua.LState, src string, noAnchor bool) *pattern {
	cache := vm.strlib.patterns
	if noAnchor {
		cache = vm.strlib.loose
	}
	if p := cache[src]; p != nil {
		return p
	}
	if len(src) > maxPattern {
		raise(L, "%s", fmt.Sprintf("%s (%d bytes)", tooComplexError, len(src)))
	}
	vm.Charge(L, 64*len(src))
	p := compilePattern(src, noAnchor)
	if len(src) <= maxCachedPattern {
		if len(cache) >= maxPatterns {
			clear(cache)
		}
		cache[strings.Clone(src)] = p
	}
	return p
}
