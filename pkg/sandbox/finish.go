package sandbox

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// finish judges the return code and passes on what the call made.
func (p *Plugin) finish(code int, text string) (Result, error) {
	res := Result{Code: code, Text: text}
	current := p.current
	p.current = nil
	switch {
	case code < 0:
		p.dropPending()
		if failure(p.opts.Kind, code) {
			p.stats.Failures++
		}
		return res, nil
	case code > 0:
		p.dropPending()
		reason := text
		if reason == "" {
			reason = fmt.Sprintf("process_message() returned %d", code)
		}
		return res, p.fail(errors.New(reason))
	}
	switch p.opts.Kind {
	case KindDecoder:
		return p.finishDecoder(res, current)
	case KindEncoder:
		p.finishEncoder(&res, current)
	default:
		res.Emitted = p.injected
	}
	return res, nil
}

// failure tells a negative code that reports a failure from one that does not:
// an encoder without output, an output that skips or has not sent yet.
func failure(k Kind, code int) bool {
	switch k {
	case KindEncoder:
		return code != CodeSkip
	case KindOutput:
		return code != CodeSkip && code != CodeBatching && code != CodeAsync
	}
	return true
}

func (p *Plugin) finishDecoder(res Result, current *message.Message) (Result, error) {
	res.Emitted = len(p.pending)
	if len(p.pending) == 0 && p.written && current != nil {
		res.Emitted = 1
		return res, p.emit(&p.writable)
	}
	before := p.held
	p.held.note(current, len(p.pending), p.holds)
	if len(p.pending) == 0 {
		if current != nil {
			res.Held = true
			p.stats.Held++
		}
		return res, nil
	}
	var err error
	for i, m := range p.pending {
		if m.UUID.IsZero() {
			m.UUID = before.identity(current, i)
		}
		if err = p.emit(m); err != nil {
			break
		}
		p.stats.Injected++
	}
	p.dropPending()
	return res, err
}

// held infers what a Lua decoder that defines flush() holds back: it alone
// knows, and a log position must not pass it. The inference errs on the safe side.
type held struct {
	count int          // the newest records that are held
	first message.UUID // of the oldest of them; what a flush emits is derived from it
}

// identity names message i of one call. The first closes what was held, if
// something was, and has its identity whether the next record or a flush closes
// it; the others are made of the current record.
func (h held) identity(current *message.Message, i int) message.UUID {
	from := h.first
	switch {
	case current == nil:
	case h.count == 0:
		from = current.UUID
	case i > 0:
		from, i = current.UUID, i-1
	}
	if from.IsZero() {
		return message.NewUUID()
	}
	return from.Derive(i)
}

// note books one call: with a record, or without one when it was a flush.
func (h *held) note(current *message.Message, emitted int, holds bool) {
	switch {
	case !holds:
	case current == nil:
		if emitted > 0 {
			*h = held{}
		}
	case emitted == 0:
		if h.count == 0 {
			h.first = current.UUID
		}
		h.count++
	case h.count > 0 && emitted == 1:
		// Either the held record was continued by this one, or this one closed
		// it and is held itself.
		*h = held{count: 1, first: current.UUID}
	default:
		*h = held{}
	}
}

func (p *Plugin) finishEncoder(res *Result, current *message.Message) {
	if !p.hasOut {
		if p.written {
			current = &p.writable
		}
		if current != nil {
			p.encoded = message.AppendMessage(p.encoded[:0], current)
		}
	}
	res.Output, res.HasOutput = p.encoded, true
	p.account()
}

func (p *Plugin) dropPending() {
	for _, m := range p.pending[:min(len(p.pending), maxPool)] {
		if len(p.pool) < maxPool {
			p.pool = append(p.pool, m)
		}
	}
	clear(p.pending)
	p.pending = p.pending[:0]
	p.pendingBytes = 0
}

// maxPool bounds the messages kept for reuse.
const maxPool = 64

// pendingMessage returns an empty message that is kept until the call ends.
func (p *Plugin) pendingMessage() *message.Message {
	if n := len(p.pool); n > 0 {
		m := p.pool[n-1]
		p.pool = p.pool[:n-1]
		m.Reset()
		return m
	}
	return &message.Message{}
}

func toNumber(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		n, ok := parseNumber(string(v))
		return n, ok
	}
	return 0, false
}
