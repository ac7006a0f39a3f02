package lpeg

import "slices"

// A list of classes is worth its memory from minGroups instructions on that it
// stands for; longer literals are compared faster at once.
const (
	minGroups   = 3
	maxClasses  = 8 // a bit each
	maxLiterals = 2
)

// classes is a run of bytes, each of a set of its own: byte k belongs to the class
// bits[k].
type classes struct {
	table *[256]uint8 // the classes of each byte
	bits  []uint8
}

// match returns the offset behind the run that begins at i, -1 if none does.
func (l *classes) match(s string, i int) int {
	end := i + len(l.bits)
	if end > len(s) {
		return -1
	}
	for k, c := range []byte(s[i:end]) {
		if l.table[c]&l.bits[k] == 0 {
			return -1
		}
	}
	return end
}

// run is a run of bytes as the compiler collects it.
type run struct {
	sets []Set
	bits []uint8
}

// add puts a byte of set at the end; it reports false when there are too many sets.
func (r *run) add(set Set) bool {
	k := slices.Index(r.sets, set)
	if k < 0 {
		if k = len(r.sets); k == maxClasses {
			return false
		}
		r.sets = append(r.sets, set)
	}
	r.bits = append(r.bits, 1<<k)
	return true
}

// addGroup puts literals, or sets, at the end; on false nothing was added.
func (r *run) addGroup(parts []*Pattern) bool {
	old := *r
	for _, p := range parts {
		if p.kind != nodeString {
			if set, _ := p.asSet(); !r.add(set) {
				*r = old
				return false
			}
			continue
		}
		for _, c := range []byte(p.text) {
			if !r.add(SetOf(string([]byte{c}))) {
				*r = old
				return false
			}
		}
	}
	return true
}

// group counts the parts that one instruction would serve otherwise; 0 where there
// is a better one than a list of classes.
func group(parts []*Pattern) int {
	n, length := 0, 0
	for n < len(parts) && parts[n].kind == nodeString {
		length += len(parts[n].text)
		n++
	}
	if length > maxLiterals {
		return 0
	}
	if n > 0 {
		return n
	}
	set, ok := parts[0].asSet()
	if !ok {
		return 0
	}
	for n < len(parts) {
		s, ok := parts[n].asSet()
		if !ok || s != set || parts[n].kind == nodeString {
			break
		}
		n++
	}
	if setRun(parts, set) > n { // a span
		return 0
	}
	return n
}

// genClasses emits one instruction for a run of bytes, each of a set of its own: the
// digits and marks of a time or of an identifier. It returns how many parts it took,
// 0 for none.
func (c *compiler) genClasses(parts []*Pattern) int {
	var r run
	taken, groups := 0, 0
	for taken < len(parts) {
		n := group(parts[taken:])
		if n == 0 || !r.addGroup(parts[taken:taken+n]) {
			break
		}
		taken += n
		groups++
	}
	if groups < minGroups {
		return 0
	}
	table := new([256]uint8)
	for k, set := range r.sets {
		for b := range table {
			if set.Has(byte(b)) {
				table[b] |= 1 << k
			}
		}
	}
	c.emit(inst{op: opClasses, n: c.classList(classes{table, r.bits})})
	return taken
}

// classList returns the index of a list of classes, which may be known already.
func (c *compiler) classList(l classes) int32 {
	for i, known := range c.prog.classes {
		if *known.table == *l.table && slices.Equal(known.bits, l.bits) {
			return int32(i)
		}
	}
	c.prog.classes = append(c.prog.classes, l)
	return int32(len(c.prog.classes) - 1)
}

// spanOf recognises bytes of a set, as many as there are, at least n.
func spanOf(p *Pattern) (set Set, n int, ok bool) {
	for p.kind == nodeSeq {
		s, isSet := p.a.asSet()
		if !isSet || n > 0 && s != set {
			return set, 0, false
		}
		set, n, p = s, n+1, p.b
	}
	if p.kind != nodeRepeat {
		return set, 0, false
	}
	s, isSet := p.a.asSet()
	if !isSet || n > 0 && s != set || s.Complement().Len() <= 1 {
		return set, 0, false
	}
	return s, n, true
}
