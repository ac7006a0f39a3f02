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
		if p.opts.Kind != KindEncoder || code != CodeSkip {
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

func (p *Plugin) finishDecoder(res Result, current *message.Message) (Result, error) {
	res.Emitted = len(p.pending)
	if len(p.pending) == 0 && p.written && current != nil {
		res.Emitted = 1
		return res, p.emit(&p.writable)
	}
	if len(p.pending) == 0 {
		res.Held = true
		p.stats.Held++
		return res, nil
	}
	var err error
	for i, m := range p.pending {
		switch {
		case !m.UUID.IsZero():
		case current != nil && !current.UUID.IsZero():
			m.UUID = current.UUID.Derive(i)
		default:
			m.UUID = message.NewUUID()
		}
		if err = p.emit(m); err != nil {
			break
		}
		p.stats.Injected++
	}
	p.dropPending()
	return res, err
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
