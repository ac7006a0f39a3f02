package main

import (
	"errors"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox"
)

// luaSubject is a Lua plugin. A decoder has one state a stream, as in a daemon.
type luaSubject struct {
	opts    sandbox.Options
	plugins map[string]*sandbox.Plugin
	order   []*sandbox.Plugin
}

func openLua(opts sandbox.Options) (subject, error) {
	s := &luaSubject{opts: opts, plugins: map[string]*sandbox.Plugin{}}
	if _, err := s.plugin(""); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *luaSubject) plugin(stream string) (*sandbox.Plugin, error) {
	if s.opts.Kind != sandbox.KindDecoder {
		stream = ""
	}
	if p := s.plugins[stream]; p != nil {
		return p, nil
	}
	p, err := sandbox.Open(s.opts)
	if err != nil {
		return nil, err
	}
	s.plugins[stream] = p
	s.order = append(s.order, p)
	return p, nil
}

func (s *luaSubject) process(stream string, m *message.Message, emit message.Emit) stepResult {
	p, err := s.plugin(stream)
	if err != nil {
		return rejected(err)
	}
	res, err := p.Process(m, emit)
	if err != nil {
		r := callError(err)
		if res.Code > 0 {
			r.RC = &res.Code // it returned, and that code ended it
		}
		return r
	}
	r := stepResult{OK: res.Code == 0}
	if !p.Declarative() {
		r.RC = &res.Code
	}
	if res.Code != 0 && res.Text != "" {
		r.Error = &res.Text
	}
	switch s.opts.Kind {
	case sandbox.KindDecoder:
		r.Passthrough = res.Held && !p.Declarative() // a grammar swallows what it holds
	case sandbox.KindEncoder:
		if res.Code == sandbox.CodeSkip {
			r.OK, r.Error = true, nil
		}
		if res.HasOutput {
			return encodedResult(r, res.Output)
		}
	}
	return r
}

func callError(err error) stepResult {
	r := rejected(err)
	var dead *sandbox.Terminated
	r.Fatal = errors.As(err, &dead)
	return r
}

func (s *luaSubject) timer(now time.Time, emit message.Emit) stepResult {
	r := stepResult{OK: true}
	for _, p := range s.order {
		if err := p.Timer(now, emit); err != nil {
			r = callError(err)
		}
	}
	return r
}

func (s *luaSubject) idle(now time.Time, emit message.Emit) stepResult {
	r := stepResult{OK: true}
	for _, p := range s.order {
		if err := p.Flush(now, true, emit); err != nil {
			r = callError(err)
		}
	}
	return r
}

func (s *luaSubject) close() {
	for _, p := range s.order {
		_ = p.Close(nil)
	}
}
