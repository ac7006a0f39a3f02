package lpeg

import (
	"hash/maphash"
	"sync"
)

// Shared is a table of patterns for Builders of several goroutines: a pattern that
// one of them has made is the same object for all, together with its Program. It
// holds patterns only whose operands mean the same everywhere. The zero value is
// ready for use.
type Shared struct {
	mu      sync.RWMutex
	known   patternTable
	seeded  sync.Once
	seed    maphash.Seed
	weight  int
	folders map[string]*sharedFolder
}

// maxShared bounds the table, in nodes of up to 16 bytes of text; when it is full,
// Builders keep what they make to themselves.
const maxShared = 256 << 10

// sharedFolder is a Folder that means the same to all Builders.
type sharedFolder struct{ Folder }

// Folder returns the Folder that is known by the name, which is f for the first who
// asks. Patterns made with it are shared. It is called by several goroutines.
func (s *Shared) Folder(name string, f Folder) Folder {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.folders[name]
	if !ok {
		if s.folders == nil {
			s.folders = map[string]*sharedFolder{}
		}
		known = &sharedFolder{f}
		s.folders[name] = known
	}
	return known
}

func (s *Shared) hash(key *nodeKey) uint64 {
	s.seeded.Do(func() { s.seed = maphash.MakeSeed() })
	return maphash.Comparable(s.seed, *key)
}

func (s *Shared) get(hash uint64, key *nodeKey) *Pattern {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known.find(hash, key)
}

// put enters a pattern and returns it, or the equal one that was faster.
func (s *Shared) put(hash uint64, key *nodeKey, p *Pattern, weight int) *Pattern {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.known.find(hash, key); old != nil {
		return old
	}
	if s.weight+weight > maxShared {
		return p
	}
	if s.known == nil {
		s.known = make(patternTable, 256)
	}
	p.shared = true
	s.known.add(hash, p)
	s.weight += weight
	return p
}

// canShare reports whether what the key and the rules say means the same to every
// Builder.
func (b *Builder) canShare(key *nodeKey, rules []Rule) bool {
	if b.Shared == nil || !b.plain(key.value) || key.a != nil && !key.a.shared || key.b != nil && !key.b.shared {
		return false
	}
	for i := range rules {
		if !rules[i].Pattern.shared || !b.plain(rules[i].Name) {
			return false
		}
	}
	return true
}

func (b *Builder) plain(operand any) bool {
	switch operand.(type) {
	case nil, string, float64, *sharedFolder:
		return true
	}
	return b.Plain != nil && b.Plain(operand)
}

// recall returns the pattern that is known by the key; nil if there is none.
func (b *Builder) recall(hash uint64, key *nodeKey, rules []Rule) *Pattern {
	if old := b.known.find(hash, key); old != nil {
		return old
	}
	if b.canShare(key, rules) {
		if old := b.Shared.get(hash, key); old != nil && old.size <= b.limit() {
			return old
		}
	}
	return nil
}

// Seal ends the making of shared patterns: from now on patterns are found in the
// Shared table, but not added to it. The Builder forgets those of its own.
func (b *Builder) Seal() {
	b.sealed = true
	b.known, b.weight = nil, 0
	b.purges++
}
