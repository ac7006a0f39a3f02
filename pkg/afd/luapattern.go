package afd

import "errors"

// errPattern marks a Lua pattern that cannot be matched: malformed, or too
// deeply recursive for the subject.
var errPattern = errors.New("malformed pattern")

const (
	maxCaptures   = 32
	maxMatchDepth = 200
	// maxMatchSteps bounds the work of one pattern on one value: a pattern with
	// nested repetitions must not stop a collector.
	maxMatchSteps = 100_000

	capUnclosed = -1
	capPosition = -2
)

// patternFind reports whether the Lua 5.1 pattern p occurs in s (string.find
// without its captures).
func patternFind(s, p string) (bool, error) {
	anchored := len(p) > 0 && p[0] == '^'
	m := matcher{src: s, pat: p}
	start := 0
	if anchored {
		start = 1
	}
	for i := 0; i <= len(s); i++ {
		m.level = 0
		end := m.match(i, start, 0)
		if m.bad {
			return false, errPattern
		}
		if end >= 0 {
			return true, nil
		}
		if anchored {
			break
		}
	}
	return false, nil
}

// checkPattern walks the whole pattern once, so that a malformed tail is found
// even when no subject ever reaches it.
func checkPattern(p string) error {
	m := matcher{pat: p}
	open := []bool{}
	i := 0
	if len(p) > 0 && p[0] == '^' {
		i = 1
	}
	for i < len(p) && !m.bad {
		switch p[i] {
		case '(':
			if i+1 < len(p) && p[i+1] == ')' {
				open = append(open, false)
				i += 2
			} else {
				open = append(open, true)
				i++
			}
		case ')':
			if !closeLast(open) {
				return errPattern
			}
			i++
		default:
			i = m.checkItem(i, len(open))
		}
		if len(open) > maxCaptures {
			return errPattern
		}
	}
	for _, o := range open {
		if o {
			return errPattern
		}
	}
	if m.bad {
		return errPattern
	}
	return nil
}

func closeLast(open []bool) bool {
	for k := len(open) - 1; k >= 0; k-- {
		if open[k] {
			open[k] = false
			return true
		}
	}
	return false
}

func (m *matcher) checkItem(i, captures int) int {
	p := m.pat
	if p[i] == '%' && i+1 < len(p) {
		switch c := p[i+1]; {
		case c == 'b':
			if i+3 >= len(p) {
				m.bad = true
			}
			return i + 4
		case c == 'f':
			if i+2 >= len(p) || p[i+2] != '[' {
				m.bad = true
				return i
			}
			return m.classEnd(i + 2)
		case c >= '0' && c <= '9':
			if c == '0' || int(c-'0') > captures {
				m.bad = true
			}
			return i + 2
		}
	}
	i = m.classEnd(i)
	if i < len(p) && (p[i] == '*' || p[i] == '+' || p[i] == '-' || p[i] == '?') {
		i++
	}
	return i
}

// matcher is a backtracking matcher of Lua 5.1 patterns.
type matcher struct {
	src, pat string
	level    int
	steps    int
	bad      bool
	capture  [maxCaptures]struct{ start, len int }
}

// match returns the end of the match of pat[p:] at src[s:], or -1.
func (m *matcher) match(s, p, depth int) int {
	if m.steps++; depth > maxMatchDepth || m.steps > maxMatchSteps {
		m.bad = true
	}
	for !m.bad {
		if p >= len(m.pat) {
			return s
		}
		switch c := m.pat[p]; {
		case c == '(':
			return m.openCapture(s, p, depth)
		case c == ')':
			return m.closeCapture(s, p, depth)
		case c == '$' && p+1 == len(m.pat):
			if s == len(m.src) {
				return s
			}
			return -1
		case c == '%' && p+1 < len(m.pat) && isSpecial(m.pat[p+1]):
			var ok bool
			if s, p, ok = m.special(s, p); !ok {
				return -1
			}
			continue
		}
		end := m.classEnd(p)
		if m.bad {
			return -1
		}
		here := s < len(m.src) && m.single(m.src[s], p, end)
		var op byte
		if end < len(m.pat) {
			op = m.pat[end]
		}
		switch op {
		case '?':
			if here {
				if r := m.match(s+1, end+1, depth+1); r >= 0 || m.bad {
					return r
				}
			}
			p = end + 1
		case '*':
			return m.maxExpand(s, p, end, depth)
		case '+':
			if !here {
				return -1
			}
			return m.maxExpand(s+1, p, end, depth)
		case '-':
			return m.minExpand(s, p, end, depth)
		default:
			if !here {
				return -1
			}
			s, p = s+1, end
		}
	}
	return -1
}

func isSpecial(c byte) bool { return c == 'b' || c == 'f' || c >= '0' && c <= '9' }

// special matches %b, %f and a back reference; they take no repetition.
func (m *matcher) special(s, p int) (ns, np int, ok bool) {
	switch c := m.pat[p+1]; c {
	case 'b':
		if p+3 >= len(m.pat) {
			m.bad = true
			return 0, 0, false
		}
		ns, ok = m.balance(s, m.pat[p+2], m.pat[p+3])
		return ns, p + 4, ok
	case 'f':
		if p+2 >= len(m.pat) || m.pat[p+2] != '[' {
			m.bad = true
			return 0, 0, false
		}
		end := m.classEnd(p + 2)
		if m.bad {
			return 0, 0, false
		}
		var before, after byte
		if s > 0 {
			before = m.src[s-1]
		}
		if s < len(m.src) {
			after = m.src[s]
		}
		ok = !m.inSet(before, p+2, end-1) && m.inSet(after, p+2, end-1)
		return s, end, ok
	default:
		l := int(c) - '1'
		if l < 0 || l >= m.level || m.capture[l].len == capUnclosed {
			m.bad = true
			return 0, 0, false
		}
		n := max(m.capture[l].len, 0)
		at := m.capture[l].start
		if len(m.src)-s < n || m.src[at:at+n] != m.src[s:s+n] {
			return 0, 0, false
		}
		return s + n, p + 2, true
	}
}

func (m *matcher) balance(s int, open, shut byte) (int, bool) {
	if s >= len(m.src) || m.src[s] != open {
		return 0, false
	}
	depth := 1
	for i := s + 1; i < len(m.src); i++ {
		switch m.src[i] {
		case shut:
			if depth--; depth == 0 {
				return i + 1, true
			}
		case open:
			depth++
		}
	}
	return 0, false
}

func (m *matcher) maxExpand(s, p, end, depth int) int {
	n := 0
	for s+n < len(m.src) && m.single(m.src[s+n], p, end) {
		n++
	}
	for ; n >= 0 && !m.bad; n-- {
		if r := m.match(s+n, end+1, depth+1); r >= 0 {
			return r
		}
	}
	return -1
}

func (m *matcher) minExpand(s, p, end, depth int) int {
	for !m.bad {
		if r := m.match(s, end+1, depth+1); r >= 0 {
			return r
		}
		if s >= len(m.src) || !m.single(m.src[s], p, end) {
			return -1
		}
		s++
	}
	return -1
}

func (m *matcher) openCapture(s, p, depth int) int {
	if m.level >= maxCaptures {
		m.bad = true
		return -1
	}
	length, next := capUnclosed, p+1
	if p+1 < len(m.pat) && m.pat[p+1] == ')' {
		length, next = capPosition, p+2
	}
	m.capture[m.level].start, m.capture[m.level].len = s, length
	m.level++
	r := m.match(s, next, depth+1)
	if r < 0 {
		m.level--
	}
	return r
}

func (m *matcher) closeCapture(s, p, depth int) int {
	for l := m.level - 1; l >= 0; l-- {
		if m.capture[l].len != capUnclosed {
			continue
		}
		m.capture[l].len = s - m.capture[l].start
		r := m.match(s, p+1, depth+1)
		if r < 0 {
			m.capture[l].len = capUnclosed
		}
		return r
	}
	m.bad = true
	return -1
}
