package sandbox

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// When an open record is emitted although no other record has begun.
const (
	idleFlush = 5 * time.Second
	sizeFlush = 256 << 10
)

// multiline joins lines to records: by their text before the grammar runs (start,
// continuation), by the decoded message (open, join, key), or because a line says
// itself that it is a part (part, key).
type multiline struct {
	d            *declarative
	start        *rule
	continuation *rule
	glue         *rule // matches the text of a record that the next line belongs to in any case
	open         *rule
	part         *rule  // matches a Payload of which more follows
	partName     string // captured in a record of which more follows
	key          []string
	appendRaw    bool  // lines the grammar refuses belong to the open record
	join         bool  // lines the grammar refuses belong to the record before them,
	joinTo       int32 // if its severity is at most this
	separator    string

	unfinished []*joined // records of which more follows
	seen       uint64    // records so far

	pending *message.Message // a raw record (by text) or a decoded one; nil: none
	keyed   bool             // lines with the same key belong to the open record
	keyText string
	text    []byte
	parts   int // messages already emitted of the open record
	held    int
	touched time.Time
}

// newMultiline reads the global multiline; nil when there is none.
func newMultiline(p *Plugin, d *declarative) (*multiline, error) {
	v := p.eng.global("multiline")
	if v == lua.LNil {
		return nil, nil
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("the global multiline is a %s; want a table", v.Type())
	}
	m := &multiline{d: d}
	for name, dst := range map[string]**rule{"start": &m.start, "continuation": &m.continuation, "open": &m.open, "part": &m.part, "glue": &m.glue} {
		v := t.RawGetString(name)
		if v == lua.LNil {
			continue
		}
		if text, isText := v.(lua.LString); isText && name == "part" {
			m.partName = string(text)
			continue
		}
		pattern, ok := p.eng.lpeg.Pattern(v)
		if !ok {
			return nil, fmt.Errorf("multiline.%s is a %s; want a pattern", name, v.Type())
		}
		text, _ := pattern.Searches()
		*dst = &rule{pattern: pattern, holds: text}
	}
	if n, isNumber := integer(t.RawGetString("join")); isNumber {
		m.join, m.joinTo = true, int32(n)
	}
	if m.start == nil && m.continuation == nil && m.open == nil && !m.byParts() {
		return nil, errors.New("the global multiline has none of start, continuation, open, part; name the pattern that tells records apart")
	}
	if keys, ok := t.RawGetString("key").(*lua.LTable); ok {
		for i := 1; keys.RawGetInt(i) != lua.LNil; i++ {
			m.key = append(m.key, keys.RawGetInt(i).String())
		}
	}
	m.appendRaw = t.RawGetString("unmatched").String() == "append"
	if s, ok := t.RawGetString("separator").(lua.LString); ok {
		m.separator = string(s)
	}
	return m, nil
}

func (m *multiline) process(raw *message.Message, emit message.Emit) error {
	switch {
	case m.byParts():
		return m.joinParts(raw, emit)
	case m.open != nil:
		return m.afterDecoding(raw, emit)
	}
	return m.byText(raw, emit)
}

func (m *multiline) matches(p *rule, text string) (bool, error) {
	if p.holds != "" {
		return strings.Contains(text, p.holds), nil
	}
	found, err := m.d.match(m.d.second, p, text)
	return found != nil, err
}

// byText decides with the line alone.
func (m *multiline) byText(raw *message.Message, emit message.Emit) error {
	begins := m.pending == nil
	if !begins {
		pattern := m.start
		if pattern == nil {
			pattern = m.continuation
		}
		ok, err := m.matches(pattern, raw.Payload)
		if err != nil {
			return &refusal{reason: "tell records of " + raw.Logger + " apart", cause: err}
		}
		begins = ok == (m.start != nil)
	}
	if begins && m.pending != nil && m.glue != nil {
		glued, err := m.matches(m.glue, unsafe.String(unsafe.SliceData(m.text), len(m.text)))
		if err != nil {
			return &refusal{reason: "tell records of " + raw.Logger + " apart", cause: err}
		}
		begins = !glued
	}
	if !begins && len(m.text)+len(raw.Payload) <= sizeFlush {
		m.add(raw.Payload)
		return nil
	}
	err := m.flush(emit)
	m.begin(raw.Clone(), raw.Payload)
	return err
}

func (m *multiline) begin(pending *message.Message, text string) {
	m.pending = pending
	m.text = append(m.text[:0], text...)
	m.parts, m.held, m.touched = 0, 1, m.d.p.opts.Clock()
}

func (m *multiline) add(text string) {
	if len(m.text) > 0 {
		m.text = append(m.text, m.separator...)
	}
	m.text = append(m.text, text...)
	m.held++
	m.touched = m.d.p.opts.Clock()
}

// afterDecoding decides with the decoded message.
func (m *multiline) afterDecoding(raw *message.Message, emit message.Emit) error {
	found, err := m.d.match(m.d.values, m.d.grammar, raw.Payload)
	if err != nil {
		return &refusal{reason: "run the grammar of " + m.d.p.opts.Name, cause: err}
	}
	if found == nil {
		if m.pending == nil || !m.appendRaw {
			return &refusal{reason: "cannot parse a record of " + raw.Logger, line: strings.Clone(raw.Payload[:min(len(raw.Payload), shownText)])}
		}
		return m.extend(raw.Payload, emit)
	}
	msg := &m.d.msg
	if err := m.d.build(msg, raw, found); err != nil {
		return err
	}
	if m.pending != nil {
		if m.keyed && len(m.key) > 0 && m.keyOf(found, raw) == m.keyText {
			return m.extend(msg.Payload, emit)
		}
		if err := m.flush(emit); err != nil {
			return err
		}
	}
	opens, err := m.matches(m.open, msg.Payload)
	if err != nil {
		return &refusal{reason: "tell records of " + raw.Logger + " apart", cause: err}
	}
	if !opens && !(m.join && msg.Severity() <= m.joinTo) {
		msg.Payload = chomp(msg.Payload) // it was kept in case the record opens one
		return emit(msg)
	}
	m.keyed = opens
	m.keyText = m.keyOf(found, raw)
	m.begin(msg.Clone(), msg.Payload)
	return nil
}

// keyOf joins the values of the key's names as they were captured.
func (m *multiline) keyOf(found *captures, raw *message.Message) string {
	if len(m.key) == 0 {
		return ""
	}
	var b strings.Builder
	for _, name := range m.key {
		if name == "Logger" {
			b.WriteString(raw.Logger)
		}
		if v, ok := found.get(name); ok {
			text, _ := v.AsText()
			b.WriteString(text)
		}
		b.WriteByte(0)
	}
	return b.String()
}

// extend adds to the open record; one that grows too big is emitted and what
// follows becomes a further part of it.
func (m *multiline) extend(text string, emit message.Emit) error {
	if len(m.text) > 0 && len(m.text)+len(text) > sizeFlush {
		m.d.p.stats.MultilineSizeFlush++
		if err := m.piece(emit); err != nil {
			return err
		}
		m.text, m.held = m.text[:0], 0
	}
	m.add(text)
	return nil
}

// piece emits what the open record has.
func (m *multiline) piece(emit message.Emit) error {
	out := *m.pending
	out.Fields = append([]message.Field(nil), m.pending.Fields...)
	out.Payload = valid(chomp(string(m.text)))
	if !out.UUID.IsZero() {
		out.UUID = out.UUID.Derive(m.parts)
	}
	m.parts++
	return emit(&out)
}

// flush emits the open record.
func (m *multiline) flush(emit message.Emit) error {
	if m.byParts() {
		return m.flushParts(time.Time{}, emit)
	}
	if m.pending == nil {
		return nil
	}
	pending := m.pending
	if m.open != nil {
		err := m.piece(emit)
		m.pending, m.held = nil, 0
		return err
	}
	m.pending, m.held = nil, 0
	pending.Payload = string(m.text)
	var out message.Message
	if err := m.d.decode(&out, pending); err != nil {
		return refusedHeld(err, pending)
	}
	return emit(&out)
}

func (m *multiline) flushIdle(now time.Time, emit message.Emit) error {
	if m.byParts() {
		return m.flushParts(now, emit)
	}
	if m.pending == nil || now.Sub(m.touched) < idleFlush {
		return nil
	}
	return m.flush(emit)
}

// refusedHeld says which record a refusal is about: one that was held back.
func refusedHeld(err error, held *message.Message) error {
	var refused *refusal
	if errors.As(err, &refused) {
		refused.held = held
	}
	return err
}
