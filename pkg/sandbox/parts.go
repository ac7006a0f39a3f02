package sandbox

import (
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// joined is a record of which more follows.
type joined struct {
	key     string
	first   *message.Message // its first part, as it was read
	text    []byte
	pieces  int    // messages already emitted of it
	at      uint64 // number of the first part that was not emitted
	touched time.Time
}

// maxJoined bounds the records of one stream that are open at a time.
const maxJoined = 16

func (m *multiline) byParts() bool { return m.part != nil || m.partName != "" }

// joinParts takes a record that says itself whether more of it follows. Records of
// different keys may alternate.
func (m *multiline) joinParts(raw *message.Message, emit message.Emit) error {
	m.seen++
	found, err := m.d.match(m.d.values, m.d.grammar, raw.Payload)
	if err != nil {
		return &refusal{reason: "run the grammar of " + m.d.p.opts.Name, cause: err}
	}
	if found == nil {
		return &refusal{reason: "cannot parse a record of " + raw.Logger, line: strings.Clone(raw.Payload[:min(len(raw.Payload), shownText)])}
	}
	_, more := found.get(m.partName)
	msg := &m.d.msg
	if err := m.d.build(msg, raw, found); err != nil {
		return err
	}
	if m.part != nil {
		if more, err = m.matches(m.part, msg.Payload); err != nil {
			return &refusal{reason: "join the parts of a record of " + raw.Logger, cause: err}
		}
	}
	if !more && len(m.unfinished) == 0 {
		msg.Payload = chomp(msg.Payload)
		return emit(msg)
	}
	return m.addPart(raw, msg, more, emit)
}

func (m *multiline) addPart(raw, msg *message.Message, more bool, emit message.Emit) error {
	key := ""
	for _, name := range m.key {
		if f := msg.Field(name); f != nil {
			key += f.At(0).Text() + "\x00"
		}
	}
	i := 0
	for i < len(m.unfinished) && m.unfinished[i].key != key {
		i++
	}
	if i == len(m.unfinished) {
		if !more {
			msg.Payload = chomp(msg.Payload)
			return emit(msg)
		}
		if i == maxJoined {
			payload := strings.Clone(msg.Payload) // msg serves for the one that is closed
			if err := m.closePart(0, emit); err != nil {
				return err
			}
			msg.Payload = payload
			i--
		}
		m.unfinished = append(m.unfinished, &joined{key: strings.Clone(key), first: raw.Clone(), at: m.seen})
	}
	j := m.unfinished[i]
	if len(j.text) > 0 && len(j.text)+len(msg.Payload) > sizeFlush {
		m.d.p.stats.MultilineSizeFlush++
		payload := strings.Clone(msg.Payload)
		if err := m.emitPart(j, emit); err != nil {
			return err
		}
		j.text, j.at = append(j.text[:0], payload...), m.seen
	} else {
		j.text = append(j.text, msg.Payload...)
	}
	j.touched = m.d.p.opts.Clock()
	if more {
		return nil
	}
	return m.closePart(i, emit)
}

// closePart emits a record and forgets it.
func (m *multiline) closePart(i int, emit message.Emit) error {
	j := m.unfinished[i]
	m.unfinished = append(m.unfinished[:i], m.unfinished[i+1:]...)
	return m.emitPart(j, emit)
}

// emitPart emits what there is of a record, decoded as if it had come in one piece.
func (m *multiline) emitPart(j *joined, emit message.Emit) error {
	text := valid(chomp(string(j.text)))
	m.d.whole = &text
	defer func() { m.d.whole = nil }()
	if err := m.d.decode(&m.d.msg, j.first); err != nil {
		return refusedHeld(err, j.first)
	}
	if !m.d.msg.UUID.IsZero() {
		m.d.msg.UUID = m.d.msg.UUID.Derive(j.pieces)
	}
	j.pieces++
	return emit(&m.d.msg)
}

// flushParts emits the records that were idle for long enough; all of them when
// now is zero.
func (m *multiline) flushParts(now time.Time, emit message.Emit) error {
	for i := 0; i < len(m.unfinished); {
		if !now.IsZero() && now.Sub(m.unfinished[i].touched) < idleFlush {
			i++
			continue
		}
		if err := m.closePart(i, emit); err != nil {
			return err
		}
	}
	return nil
}

// holding returns how many of the newest records must be read again when the
// stream ends here.
func (m *multiline) holding() int {
	held := m.held
	for _, j := range m.unfinished {
		held = max(held, int(m.seen-j.at+1))
	}
	return held
}

// chomp returns s without the line end at its end.
func chomp(s string) string {
	if t, ok := strings.CutSuffix(s, "\n"); ok {
		return strings.TrimSuffix(t, "\r")
	}
	return s
}
