package lpeg

import "fmt"

// maxFormat is the number of captures a string capture can refer to, the
// whole match (%0) included.
const maxFormat = 10

// pushBuffer pushes the text built since from and drops it from the buffer.
func (e *Evaluator[V]) pushBuffer(from int) int {
	e.vals = append(e.vals, e.host.Text(string(e.buf[from:])))
	e.buf = e.buf[:from]
	return 1
}

// piece is what a %n of a string capture stands for: text of the subject, or
// the capture that begins at mark.
type piece struct {
	from, to int32
	mark     int
	isText   bool
}

// pieces lists the capture at the cursor and those in it, from slot n on.
func (e *Evaluator[V]) pieces(list *[maxFormat]piece, n int) int {
	m := &e.machine
	own := n
	k := m.marks[e.cur]
	list[own] = piece{from: k.pos, to: k.end, isText: true}
	n++
	e.cur++
	if k.end >= 0 {
		return n
	}
	for m.marks[e.cur].kind != CaptureClose {
		switch {
		case n >= maxFormat:
			e.skip()
		case m.marks[e.cur].kind == CaptureText:
			n = e.pieces(list, n)
		default:
			list[n] = piece{mark: e.cur}
			n++
			e.skip()
		}
	}
	list[own].to = m.marks[e.cur].pos
	e.cur++
	return n
}

// appendFormat appends the string capture at the cursor to the buffer.
func (e *Evaluator[V]) appendFormat(format string) error {
	var list [maxFormat]piece
	n := e.pieces(&list, 0)
	after := e.cur
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			e.buf = append(e.buf, format[i])
			continue
		}
		i++
		if i == len(format) {
			e.buf = append(e.buf, 0)
			break
		}
		if format[i] < '0' || format[i] > '9' {
			e.buf = append(e.buf, format[i])
			continue
		}
		l := int(format[i] - '0')
		if l >= n {
			return fmt.Errorf("%w (%d)", ErrCaptureIndex, l)
		}
		if p := list[l]; p.isText {
			e.buf = append(e.buf, e.machine.subject[p.from:p.to]...)
			continue
		}
		e.cur = list[l].mark
		ok, err := e.appendValue("capture")
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w %d", ErrNoValues, l)
		}
	}
	e.cur = after
	return nil
}

// appendSubst appends the substitution capture at the cursor to the buffer.
func (e *Evaluator[V]) appendSubst() error {
	m := &e.machine
	k := &m.marks[e.cur]
	from := k.pos
	e.cur++
	if k.end >= 0 {
		e.buf = append(e.buf, m.subject[from:k.end]...)
		return nil
	}
	for m.marks[e.cur].kind != CaptureClose {
		c := m.marks[e.cur]
		e.buf = append(e.buf, m.subject[from:c.pos]...)
		ok, err := e.appendValue("replacement")
		if err != nil {
			return err
		}
		from = c.pos
		if ok {
			from = c.end
			if from < 0 {
				from = m.marks[e.cur-1].pos
			}
		}
	}
	e.buf = append(e.buf, m.subject[from:m.marks[e.cur].pos]...)
	e.cur++
	return nil
}

// appendValue appends the first value of the capture at the cursor; ok is
// false when it has none.
func (e *Evaluator[V]) appendValue(what string) (ok bool, err error) {
	if err := e.enter(); err != nil {
		return false, err
	}
	defer func() { e.depth-- }()
	k := &e.machine.marks[e.cur]
	switch k.kind {
	case CaptureFormat:
		return true, e.appendFormat(e.machine.prog.captures[k.info].text)
	case CaptureSubst:
		return true, e.appendSubst()
	case CaptureText:
		if k.end >= 0 {
			e.buf = append(e.buf, e.machine.subject[k.pos:k.end]...)
			e.cur++
			return true, nil
		}
	}
	base := len(e.vals)
	n, err := e.push()
	if err != nil || n == 0 {
		return false, err
	}
	v := e.vals[base]
	e.vals = e.vals[:base]
	text, ok := e.host.AsText(v)
	if !ok {
		return false, fmt.Errorf("invalid %s %w (a %s)", what, ErrNotText, e.host.TypeName(v))
	}
	e.buf = append(e.buf, text...)
	return true, nil
}
