package message

import "unsafe"

const (
	arenaText   = 64 << 10
	arenaFields = 512
)

// Arena makes clones that share a few large blocks of memory, for batches of
// messages that live and die together. The zero value is ready; it is not safe
// for concurrent use, its clones are as safe as any message.
type Arena struct {
	text   []byte
	fields []Field
	msgs   []Message
}

// Clone returns a deep copy of m. A block is freed when no clone in it is in use.
func (a *Arena) Clone(m *Message) *Message {
	if len(a.msgs) == cap(a.msgs) {
		a.msgs = make([]Message, 0, 64)
	}
	a.msgs = append(a.msgs, *m)
	c := &a.msgs[len(a.msgs)-1]
	a.copy(&c.Type)
	a.copy(&c.Logger)
	a.copy(&c.Payload)
	a.copy(&c.EnvVersion)
	a.copy(&c.Hostname)
	n := len(m.Fields)
	if n == 0 {
		c.Fields = nil
		return c
	}
	if cap(a.fields)-len(a.fields) < n {
		a.fields = make([]Field, 0, max(arenaFields, n))
	}
	start := len(a.fields)
	a.fields = append(a.fields, m.Fields...)
	c.Fields = a.fields[start : start+n : start+n]
	for i := range c.Fields {
		f := &c.Fields[i]
		a.copy(&f.Name)
		a.copy(&f.Representation)
		a.copy(&f.first.str)
		if f.n > 1 {
			f.more = append([]Value(nil), f.more...)
			for j := range f.more {
				a.copy(&f.more[j].str)
			}
		}
	}
	return c
}

func (a *Arena) copy(s *string) {
	n := len(*s)
	if n == 0 {
		return
	}
	if cap(a.text)-len(a.text) < n {
		a.text = make([]byte, 0, max(arenaText, n))
	}
	start := len(a.text)
	a.text = append(a.text, *s...)
	*s = unsafe.String(&a.text[start], n) // never written again: text only grows
}

// Release lets go of the blocks; clones made so far stay valid.
func (a *Arena) Release() { *a = Arena{} }
