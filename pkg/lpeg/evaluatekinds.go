package lpeg

import "fmt"

// pushTable collects the contents of a table and then has it made at once.
func (e *Evaluator[V]) pushTable(k *mark, info *Site) (int, error) {
	m := &e.machine
	base, names := len(e.vals), len(e.names)
	e.cur++
	for k.end < 0 {
		c := &m.marks[e.cur]
		if c.kind == CaptureClose {
			e.cur++
			break
		}
		if err := e.element(c); err != nil {
			return 0, err
		}
	}
	if info.kind == CaptureReuse && !e.host.Reuses {
		return 0, fmt.Errorf("table: %w", ErrUnsupported)
	}
	t := e.host.Table(info, e.names[names:], e.named[names:], e.vals[base:])
	e.names, e.named, e.vals = e.names[:names], e.named[:names], append(e.vals[:base], t)
	return 1, nil
}

// element takes the capture c at the cursor into a table: a group with a name,
// or values in order.
func (e *Evaluator[V]) element(c *mark) error {
	m := &e.machine
	if c.kind != CaptureGroup || c.info < 0 || m.prog.captures[c.info].value == nil {
		_, err := e.push()
		return err
	}
	e.names = append(e.names, &m.prog.captures[c.info])
	if c.end < 0 {
		return e.pushNamed()
	}
	e.named = append(e.named, e.host.Text(m.subject[c.pos:c.end]))
	e.cur++
	return nil
}

// pushNamed moves the first value of the group at the cursor to the named
// values. The slots are in step with the names, whatever is nested in between.
func (e *Evaluator[V]) pushNamed() error {
	slot := len(e.named)
	e.named = append(e.named, e.host.Nil)
	last := len(e.vals)
	if err := e.value(); err != nil {
		return err
	}
	e.named[slot] = e.vals[last]
	e.vals = e.vals[:last]
	return nil
}

// call replaces the values from base on by what fn returns for them.
func (e *Evaluator[V]) call(fn any, base int) (int, error) {
	if e.host.Call == nil {
		return 0, fmt.Errorf("function: %w", ErrUnsupported)
	}
	end := len(e.vals)
	out, err := e.host.Call(fn, e.vals[base:end:end], e.vals)
	if err != nil {
		return 0, err
	}
	n := copy(out[base:], out[end:])
	e.vals = out[:base+n]
	return n, nil
}

func (e *Evaluator[V]) pushFunction(info *Site) (int, error) {
	if f, ok := info.value.(Folder); ok {
		v, err := e.fold(f)
		if err != nil {
			return 0, err
		}
		e.vals = append(e.vals, e.host.Value(v))
		return 1, nil
	}
	base := len(e.vals)
	if _, err := e.values(); err != nil {
		return 0, err
	}
	return e.call(info.value, base)
}

// fold evaluates the capture at the cursor as Values and hands them to f.
func (e *Evaluator[V]) fold(f Folder) (Value, error) {
	if own, ok := any(e).(*Values); ok {
		base := len(own.vals)
		if _, err := own.values(); err != nil {
			return Value{}, err
		}
		v, err := f.Fold(own.vals[base:])
		own.vals = own.vals[:base]
		return v, err
	}
	if e.folds == nil {
		e.folds = NewValues(nil)
	}
	sub := e.folds
	if sub.busy {
		sub = NewValues(nil)
	}
	if k := &e.machine.marks[e.cur]; k.end >= 0 {
		base := len(sub.vals)
		sub.vals = append(sub.vals, TextValue(e.machine.subject[k.pos:k.end]))
		e.cur++
		v, err := f.Fold(sub.vals[base:])
		sub.vals = sub.vals[:base]
		return v, err
	}
	outer := sub.borrow(&e.machine, e.cur, e.depth)
	defer sub.giveBack(outer)
	base := len(sub.vals)
	if _, err := sub.values(); err != nil {
		return Value{}, err
	}
	e.cur = sub.cur
	v, err := f.Fold(sub.vals[base:])
	sub.vals = sub.vals[:base]
	return v, err
}

func (e *Evaluator[V]) pushBack(info *Site) (int, error) {
	m := &e.machine
	at := e.cur
	defer func() { m.steps -= at >> 6 }()
	for i := at - 1; i >= 0; i-- {
		k := &m.marks[i]
		if k.kind == CaptureClose {
			i = m.before(i)
			k = &m.marks[i]
		} else if k.end < 0 {
			continue
		}
		if k.kind != CaptureGroup || k.info < 0 || m.prog.captures[k.info].value != info.value {
			continue
		}
		e.cur = i
		n, err := e.values()
		e.cur = at + 1
		return n, err
	}
	return 0, fmt.Errorf("%w '%s' not found", ErrBackReference, nameText(info.value))
}

// before returns the index of the mark that opens what the end mark i closes.
func (m *Machine) before(i int) int {
	for depth := 0; ; i-- {
		switch k := &m.marks[i]; {
		case k.kind == CaptureClose:
			depth++
		case k.end < 0:
			depth--
		}
		if depth == 0 {
			return i
		}
	}
}

func (e *Evaluator[V]) pushQuery(info *Site) (int, error) {
	if e.host.Query == nil {
		return 0, fmt.Errorf("query: %w", ErrUnsupported)
	}
	if err := e.value(); err != nil {
		return 0, err
	}
	last := len(e.vals) - 1
	v, ok, err := e.host.Query(info.value, e.vals[last])
	if err != nil || !ok {
		e.vals = e.vals[:last]
		return 0, err
	}
	e.vals[last] = v
	return 1, nil
}

func (e *Evaluator[V]) pushSelect(info *Site) (int, error) {
	if info.n == 0 {
		e.skip()
		return 0, nil
	}
	base := len(e.vals)
	n, err := e.values()
	if err != nil {
		return 0, err
	}
	if n < info.n {
		return 0, fmt.Errorf("%w '%d'", ErrNoCapture, info.n)
	}
	e.vals[base] = e.vals[base+info.n-1]
	e.vals = e.vals[:base+1]
	return 1, nil
}

func (e *Evaluator[V]) pushFold(k *mark, info *Site) (int, error) {
	m := &e.machine
	e.cur++
	if k.end >= 0 || m.marks[e.cur].kind == CaptureClose {
		return 0, ErrFoldValue
	}
	base := len(e.vals)
	n, err := e.push()
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, ErrFoldValue
	}
	e.vals = e.vals[:base+1]
	for m.marks[e.cur].kind != CaptureClose {
		if _, err := e.push(); err != nil {
			return 0, err
		}
		n, err := e.call(info.value, base)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			e.vals = append(e.vals, e.host.Nil)
		}
		e.vals = e.vals[:base+1]
	}
	e.cur++
	return 1, nil
}

// runtime evaluates the match-time capture whose marks begin at open and
// which ends at pos, and replaces them by what its function captured.
func (e *Evaluator[V]) runtime(open, pos int) (int, error) {
	m := &e.machine
	fn := m.prog.captures[m.marks[open].info].value
	if e.host.Decide == nil {
		return -1, fmt.Errorf("match-time function: %w", ErrUnsupported)
	}
	base := len(e.vals)
	e.vals = append(e.vals, e.host.Text(m.subject), e.host.Number(pos+1))
	e.cur = open
	if _, err := e.values(); err != nil {
		return -1, err
	}
	n, err := e.call(fn, base)
	if err != nil {
		return -1, err
	}
	results := e.vals[base : base+n]
	e.vals = e.vals[:base]
	at := m.marks[open].pos
	m.marks = m.marks[:open]
	var d Decision
	if n > 0 {
		d = e.host.Decide(results[0])
	}
	if !d.Match {
		return -1, nil
	}
	if !d.Keep {
		if d.Position-1 < pos || d.Position-1 > len(m.subject) {
			return -1, ErrPosition
		}
		pos = d.Position - 1
	}
	if n > maxShort {
		return -1, ErrResults
	}
	if n > 1 {
		m.marks = append(m.marks, mark{pos: at, end: -1, info: -1, kind: CaptureGroup})
		for _, v := range results[1:] {
			m.marks = append(m.marks, mark{pos: at, end: at, info: int32(len(e.dynamic)), kind: captureDynamic})
			e.dynamic = append(e.dynamic, v)
		}
		m.marks = append(m.marks, mark{pos: int32(pos), end: -1, kind: CaptureClose})
	}
	return pos, nil
}
