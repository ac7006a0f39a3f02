package matcher

import (
	"sync"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// maxTypes bounds the types a Set remembers; there are a few dozen in practice.
const maxTypes = 1024

// MayMatch reports whether some message of the type typ could satisfy x.
func (x *Matcher) MayMatch(typ string) bool { return x.root.forType(typ) != constant(false) }

// Set evaluates many matchers at once. What a message's type decides is decided
// once per type, so that a message meets only the comparisons that are open. It
// may be used from several goroutines.
type Set struct {
	matchers []*Matcher
	mu       sync.RWMutex
	byType   map[string][]open
}

// open is a matcher that a type does not rule out, and what is left of it.
type open struct {
	index int
	rest  node
}

// NewSet makes a set; Match answers with the indices of matchers.
func NewSet(matchers ...*Matcher) *Set {
	return &Set{matchers: matchers, byType: make(map[string][]open)}
}

// Match appends to dst the indices of the matchers that m satisfies, ascending.
func (s *Set) Match(dst []int, m *message.Message) []int {
	for _, o := range s.open(m.Type) {
		if o.rest.match(m) {
			dst = append(dst, o.index)
		}
	}
	return dst
}

func (s *Set) open(typ string) []open {
	s.mu.RLock()
	list, known := s.byType[typ]
	s.mu.RUnlock()
	if known {
		return list
	}
	for i, x := range s.matchers {
		if rest := x.root.forType(typ); rest != constant(false) {
			list = append(list, open{i, rest})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byType) < maxTypes {
		// The type's text may be part of a buffer that is reused.
		s.byType[string([]byte(typ))] = list
	}
	return list
}
