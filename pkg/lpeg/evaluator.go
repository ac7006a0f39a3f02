package lpeg

import "fmt"

// maxNesting bounds the recursion over nested captures, and maxReentry that
// of matches started by functions of a running match.
const (
	maxNesting = 200 // LPeg's
	maxReentry = 150
)

// Evaluator matches patterns and turns their captures into values of a Host.
// It keeps its memory between matches. It is for one goroutine; a function
// called by the host during a match may use the same Evaluator for another match.
type Evaluator[V any] struct {
	machine Machine
	host    *Host[V]
	vals    []V
	names   []*Site
	named   []V
	dynamic []V
	args    []V
	buf     []byte
	cur     int
	depth   int
	level   int
	busy    bool
	lent    bool
	begin   func()
	collect func(*Evaluator[V]) error // of MatchNamed, for hosts that know a faster way; nil: none
	found   Named[V]
	atMatch func(open, pos int) (int, error) // the method runtime
	used    int
	inner   *Evaluator[V]
	root    *Evaluator[V] // nil for the root itself
	folds   *Evaluator[Value]
}

// NewEvaluator returns an Evaluator for the host. folds evaluates the captures
// of Folder operands; nil stands for one that knows Folders only.
func NewEvaluator[V any](host *Host[V], folds *Evaluator[Value]) *Evaluator[V] {
	return &Evaluator[V]{host: host, folds: folds}
}

// SetLimits bounds the matches from now on.
func (e *Evaluator[V]) SetLimits(l Limits) { e.machine.Limits = l }

// TakeUsed returns the steps of all matches, those within matches included,
// since it was called last.
func (e *Evaluator[V]) TakeUsed() int {
	n := e.used
	e.used = 0
	return n
}

// Match runs p on subject from offset init, counted from 0. It returns the
// values of its captures and the offset behind the match; end is -1 when p
// does not match. args are the values of Carg. The values belong to the
// Evaluator and are valid until its next match.
func (e *Evaluator[V]) Match(p *Pattern, subject string, init int, args []V) (values []V, end int, err error) {
	ev, prog, err := e.acquire(p)
	if err != nil {
		return nil, -1, err
	}
	defer ev.release()
	m := &ev.machine
	end, err = ev.match(prog, subject, init, args)
	if err != nil || end < 0 {
		return nil, -1, err
	}
	left := m.steps
	for ev.cur = 0; ev.cur < len(m.marks); {
		if _, err := ev.push(); err != nil {
			return nil, -1, err
		}
	}
	m.used += left - m.steps
	return ev.vals, end, nil
}

// Named is what a match captured: the groups with a name in order of
// appearance, with one value each, and the values of all other captures. A name
// may appear more than once. It belongs to the Evaluator and is valid until the
// Evaluator's next match.
type Named[V any] struct {
	Sites  []*Site
	Values []V
	Others []V
}

// MatchNamed is Match for callers that take the contents of the table that
// Ct(p) would make: it makes no table. named is nil when p does not match.
func (e *Evaluator[V]) MatchNamed(p *Pattern, subject string, init int) (named *Named[V], end int, err error) {
	ev, prog, err := e.acquire(p)
	if err != nil {
		return nil, -1, err
	}
	defer ev.release()
	end, err = ev.match(prog, subject, init, nil)
	if err != nil || end < 0 {
		return nil, -1, err
	}
	m := &ev.machine
	left := m.steps
	ev.cur = 0
	if ev.collect != nil {
		err = ev.collect(ev)
	} else {
		err = ev.elements()
	}
	if err != nil {
		return nil, -1, err
	}
	m.used += left - m.steps
	ev.found = Named[V]{Sites: ev.names, Values: ev.named, Others: ev.vals}
	return &ev.found, end, nil
}

// elements takes all captures into the table of MatchNamed.
func (e *Evaluator[V]) elements() error {
	for m := &e.machine; e.cur < len(m.marks); {
		if err := e.element(&m.marks[e.cur]); err != nil {
			return err
		}
	}
	return nil
}

// acquire returns the evaluator to use, which is another one during a match, and
// p's program. The caller releases it.
func (e *Evaluator[V]) acquire(p *Pattern) (*Evaluator[V], *Program, error) {
	prog, err := p.Compile()
	if err != nil {
		return nil, nil, err
	}
	if e.busy {
		if e, err = e.reenter(); err != nil {
			return nil, nil, err
		}
	}
	e.busy = true
	return e, prog, nil
}

// match runs the machine and leaves the captures in its marks.
func (e *Evaluator[V]) match(prog *Program, subject string, init int, args []V) (end int, err error) {
	if e.begin != nil {
		e.begin()
	}
	m := &e.machine
	m.used = 0
	m.runtime = nil
	if len(prog.captures) > 0 {
		if e.atMatch == nil { // kept: each method value is an allocation
			e.atMatch = e.runtime
		}
		m.runtime = e.atMatch
	}
	e.names, e.named = e.names[:0], e.named[:0]
	e.vals, e.dynamic, e.args, e.buf, e.depth = e.vals[:0], e.dynamic[:0], args, e.buf[:0], 0
	return m.match(prog, subject, init)
}

// release ends a match, however it ended, and counts its steps.
func (e *Evaluator[V]) release() {
	e.busy = false
	root := e
	if e.root != nil {
		root = e.root
	}
	root.used += e.machine.used
}

// reenter returns the evaluator for a match within a match.
func (e *Evaluator[V]) reenter() (*Evaluator[V], error) {
	for e.busy {
		if e.level >= maxReentry {
			return nil, fmt.Errorf("%w (a match within %d others)", ErrNesting, e.level)
		}
		if e.inner == nil {
			e.inner = &Evaluator[V]{host: e.host, folds: e.folds, level: e.level + 1, root: e.root}
			if e.root == nil {
				e.inner.root = e
			}
		}
		e.inner.machine.Limits = e.machine.Limits
		e = e.inner
	}
	return e, nil
}

// push evaluates the capture at the cursor and moves behind it. It returns
// the number of values it left on the stack.
func (e *Evaluator[V]) push() (int, error) {
	k := &e.machine.marks[e.cur]
	switch k.kind {
	case CaptureText:
		if k.end < 0 {
			break
		}
		return e.one(e.host.Text(e.machine.subject[k.pos:k.end]))
	case CaptureConst:
		return e.one(e.host.Const(e.machine.prog.captures[k.info].value))
	case CapturePosition:
		return e.one(e.host.Number(int(k.pos) + 1))
	case captureDynamic:
		return e.one(e.dynamic[k.info])
	}
	if err := e.enter(); err != nil {
		return 0, err
	}
	if k.info < 0 { // the group around the values of a match-time function
		n, err := e.values()
		e.depth--
		return n, err
	}
	n, err := e.pushNested(k, &e.machine.prog.captures[k.info])
	e.depth--
	return n, err
}

// enter goes one level deeper and charges a step for it.
func (e *Evaluator[V]) enter() error {
	e.depth++
	e.machine.steps--
	switch {
	case e.depth > maxNesting+1:
		return fmt.Errorf("%w (%d)", ErrNesting, maxNesting)
	case e.machine.steps < 0:
		return ErrSteps
	case len(e.buf) > e.machine.maxText():
		return ErrTextTooLong
	}
	return nil
}

// one pushes the value of a capture that has no contents.
func (e *Evaluator[V]) one(v V) (int, error) {
	e.vals = append(e.vals, v)
	e.cur++
	return 1, nil
}

// pushText pushes the text of an open C, then the values in it.
func (e *Evaluator[V]) pushText(k *mark) (int, error) {
	base := len(e.vals)
	e.vals = append(e.vals, e.host.Nil)
	from := k.pos
	n, err := e.within()
	if err != nil {
		return 0, err
	}
	e.vals[base] = e.host.Text(e.machine.subject[from:e.machine.marks[e.cur].pos])
	e.cur++
	return n + 1, nil
}

// within evaluates the contents of the open capture at the cursor and leaves
// the cursor at its end mark.
func (e *Evaluator[V]) within() (int, error) {
	e.cur++
	n := 0
	for e.machine.marks[e.cur].kind != CaptureClose {
		c, err := e.push()
		if err != nil {
			return 0, err
		}
		n += c
	}
	return n, nil
}

func (e *Evaluator[V]) pushNested(k *mark, info *Site) (int, error) {
	switch k.kind {
	case CaptureText:
		return e.pushText(k)
	case CaptureGroup:
		if info.value == nil {
			return e.values()
		}
		e.skip()
		return 0, nil
	case CaptureTable, CaptureReuse:
		return e.pushTable(k, info)
	case CaptureFunction:
		return e.pushFunction(info)
	case CaptureFormat:
		from := len(e.buf)
		if err := e.appendFormat(info.text); err != nil {
			return 0, err
		}
		return e.pushBuffer(from), nil
	case CaptureSubst:
		from := len(e.buf)
		if err := e.appendSubst(); err != nil {
			return 0, err
		}
		return e.pushBuffer(from), nil
	case CaptureBack:
		return e.pushBack(info)
	case CaptureArg:
		if info.n > len(e.args) {
			return 0, fmt.Errorf("%w #%d", ErrNoArgument, info.n)
		}
		return e.one(e.args[info.n-1])
	case CaptureQuery:
		return e.pushQuery(info)
	case CaptureSelect:
		return e.pushSelect(info)
	case CaptureFold:
		return e.pushFold(k, info)
	}
	return 0, fmt.Errorf("capture %d: %w", k.kind, ErrUnsupported)
}

// values pushes the values of the capture at the cursor, or its text if it has none.
func (e *Evaluator[V]) values() (int, error) {
	k := &e.machine.marks[e.cur]
	if k.end >= 0 {
		return e.one(e.host.Text(e.machine.subject[k.pos:k.end]))
	}
	from := k.pos
	n, err := e.within()
	if err != nil {
		return 0, err
	}
	if n == 0 {
		e.vals = append(e.vals, e.host.Text(e.machine.subject[from:e.machine.marks[e.cur].pos]))
		n = 1
	}
	e.cur++
	return n, nil
}

// value pushes the first value of the capture at the cursor.
func (e *Evaluator[V]) value() error {
	n, err := e.values()
	if n > 1 {
		e.vals = e.vals[:len(e.vals)-n+1]
	}
	return err
}

// skip moves the cursor behind the capture it is at.
func (e *Evaluator[V]) skip() {
	e.cur = e.machine.after(e.cur)
}

// after returns the index behind the capture that begins at mark i.
func (m *Machine) after(i int) int {
	if m.marks[i].end >= 0 {
		return i + 1
	}
	defer func(from int) { m.steps -= (i - from) >> 4 }(i)
	for depth := 0; ; i++ {
		switch k := &m.marks[i]; {
		case k.kind == CaptureClose:
			depth--
		case k.end < 0:
			depth++
		}
		if depth == 0 {
			return i + 1
		}
	}
}
