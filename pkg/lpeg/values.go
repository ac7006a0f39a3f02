package lpeg

import "slices"

// Values evaluates captures into Values. It keeps tables and slices from match
// to match, so that a warm one allocates only what its functions allocate.
type Values = Evaluator[Value]

// ForeignHost lets Values use functions and constants that are not Go's own.
// Functions that are nil make such captures fail with ErrUnsupported.
type ForeignHost struct {
	// Const converts an operand of Cc that is not a Go string, bool, int or float64.
	Const func(v any) Value
	// Call calls a function operand that is not a Folder and appends its results to out.
	Call func(fn any, args, out []Value) ([]Value, error)
	// Query looks key up in the operand of a query capture.
	Query func(table any, key Value) (v Value, ok bool, err error)
}

// NewValues returns an evaluator into Values. A nil host knows Folders and Go
// constants only.
func NewValues(host *ForeignHost) *Values {
	arena := &arena{}
	h := &Host[Value]{
		Text:     TextValue,
		Number:   func(n int) Value { return NumberValue(float64(n)) },
		Value:    func(v Value) Value { return v },
		Table:    arena.fill,
		Reuses:   true,
		AsText:   Value.AsText,
		Decide:   decide,
		TypeName: Value.typeName,
		Const:    func(v any) Value { return constant(v, host) },
		Call:     func(fn any, args, out []Value) ([]Value, error) { return callValue(host, fn, args, out) },
	}
	if host != nil {
		h.Query = host.Query
	}
	e := &Values{host: h}
	e.begin = arena.begin
	e.collect = collectValues
	return e
}

// collectValues is the method elements for Values. Most captures are texts with a
// name; they are written where they stay.
func collectValues(e *Values) error {
	m := &e.machine
	for e.cur < len(m.marks) {
		k := &m.marks[e.cur]
		if k.kind != CaptureGroup || k.end < 0 || k.info < 0 || m.prog.captures[k.info].value == nil {
			if err := e.element(k); err != nil {
				return err
			}
			continue
		}
		e.names = append(e.names, &m.prog.captures[k.info])
		e.named = slices.Grow(e.named, 1)[:len(e.named)+1]
		v := &e.named[len(e.named)-1]
		v.Kind, v.Bool, v.Number, v.Ref = KindText, false, 0, nil
		v.Text = m.subject[k.pos:k.end]
		e.cur++
	}
	return nil
}

func decide(v Value) Decision {
	switch v.Kind {
	case KindNil:
		return Decision{}
	case KindBool:
		return Decision{Match: v.Bool, Keep: true}
	case KindNumber:
		return Decision{Match: true, Position: int(v.Number)}
	}
	return Decision{Match: true}
}

func constant(v any, host *ForeignHost) Value {
	switch c := v.(type) {
	case nil:
		return Value{}
	case Value:
		return c
	case string:
		return TextValue(c)
	case float64:
		return NumberValue(c)
	case int:
		return NumberValue(float64(c))
	case bool:
		return BoolValue(c)
	}
	if host != nil && host.Const != nil {
		return host.Const(v)
	}
	return Value{Kind: KindOther, Ref: v}
}

func callValue(host *ForeignHost, fn any, args, out []Value) ([]Value, error) {
	if f, ok := fn.(Folder); ok {
		v, err := f.Fold(args)
		return append(out, v), err
	}
	if host == nil || host.Call == nil {
		return nil, ErrUnsupported
	}
	return host.Call(fn, args, out)
}

// arena lends tables out until the next match begins.
type arena struct {
	tables []*Table
	used   int
}

func (a *arena) table() *Table {
	if a.used == len(a.tables) {
		a.tables = append(a.tables, &Table{})
	}
	t := a.tables[a.used]
	a.used++
	return t
}

// fill makes the table of a capture. The table that last stood in its place
// mostly had the same names; then they are distinct and stay where they are.
func (a *arena) fill(_ *Site, names []*Site, named, array []Value) Value {
	t := a.table()
	t.Array = append(t.Array[:0], array...)
	if slices.Equal(t.sites, names) {
		for i := range named {
			t.Named[i].Value = named[i]
		}
		return Value{Kind: KindTable, Ref: t}
	}
	t.Named, t.index = t.Named[:0], nil
	for i, s := range names {
		t.Set(s.text, named[i])
	}
	t.sites = t.sites[:0]
	if len(t.Named) == len(names) {
		t.sites = append(t.sites, names...)
	}
	return Value{Kind: KindTable, Ref: t}
}

// begin takes all tables back. Of a match that used very many, most are dropped.
func (a *arena) begin() {
	if len(a.tables) > 1024 {
		a.tables = a.tables[:1024:1024]
	}
	a.used = 0
}

// loan is the state of an evaluator that evaluates captures of another machine.
type loan struct {
	machine    Machine
	cur, depth int
	begun      bool
}

// borrow makes e evaluate the marks of m from index cur on.
func (e *Evaluator[V]) borrow(m *Machine, cur, depth int) loan {
	old := loan{e.machine, e.cur, e.depth, e.lent}
	if !e.lent && e.begin != nil {
		e.begin()
		e.vals = e.vals[:0]
	}
	e.lent = true
	e.machine, e.cur, e.depth = *m, cur, depth
	return old
}

func (e *Evaluator[V]) giveBack(old loan) {
	e.machine, e.cur, e.depth, e.lent = old.machine, old.cur, old.depth, old.begun
}
