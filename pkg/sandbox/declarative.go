package sandbox

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
	"github.com/tocsin-lma/tocsin/pkg/message"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/entry"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/logtime"
)

// declarative is a decoder that consists of a grammar. It keeps one message and
// one evaluator for all lines.
type declarative struct {
	p       *Plugin
	layout  *layout
	grammar *rule
	values  *lpeg.Values
	second  *lpeg.Values // for the other patterns: the grammar's captures stay valid
	inLua   bool         // the grammar calls Lua functions: each match is a protected call

	enough  *rule   // run over the decoded Payload; nil: none
	extract []*rule // the same, if enough does not match

	logger     *rule  // nil: none
	loggerText string // the Logger that loggerVals was made of
	loggerVals []taken
	loggerDone bool
	loggerNeed bool // records of a Logger that does not match are refused
	loggerOK   bool

	record  uint64 // number of the message being built
	matches uint64 // number of the last match

	text []byte // what the message being built has that is no part of the record

	reader   entry.Reader
	later    []later         // of the message being built
	weak     []taken         // of the message being built
	rest     string          // of the record, behind the entry that was read
	lastTime int64           // the Timestamp of the last record that had one; 0: none
	whole    *string         // the Payload of a record whose parts were joined
	line     []byte          // a record without the CR at its end
	plain    message.Message // the record with that line

	multi *multiline // nil: every record is one line
	msg   message.Message

	emit    message.Emit // of the current call
	counted message.Emit // emit, counted
	emitted int
}

// errNeedsLua tells that a grammar calls a function written in Lua.
var errNeedsLua = errors.New("the grammar calls a Lua function")

// newDeclarative reads the script's globals; nil when it has no grammar.
func newDeclarative(p *Plugin) (*declarative, error) {
	if p.opts.Kind != KindDecoder || p.eng.global("process_message").Type() == lua.LTFunction {
		return nil, nil
	}
	pattern, ok := p.eng.lpeg.Pattern(p.eng.global("grammar"))
	if !ok {
		return nil, nil
	}
	d := &declarative{p: p, grammar: &rule{pattern: pattern}}
	d.values = lpeg.NewValues(foreignHost())
	d.second = lpeg.NewValues(foreignHost())
	d.values.SetLimits(patternLimits(p.opts.Limits))
	d.second.SetLimits(patternLimits(p.opts.Limits))
	d.counted = d.pass
	if logger, ok := p.eng.lpeg.Pattern(p.eng.global("logger_grammar")); ok {
		d.logger = &rule{pattern: logger}
		d.loggerNeed = lua.LVAsBool(p.eng.global("logger_required"))
	}
	if err := d.readExtract(); err != nil {
		return nil, err
	}
	var err error
	if d.layout, err = newLayout(p); err != nil {
		return nil, err
	}
	if d.multi, err = newMultiline(p, d); err != nil {
		return nil, err
	}
	return d, nil
}

// readExtract reads the global extract: a pattern, or a list of them, perhaps with
// one that is tried first.
func (d *declarative) readExtract() error {
	v := d.p.eng.global("extract")
	if v == lua.LNil {
		return nil
	}
	var err error
	if d.extract, err = readRules(d.p, "extract", v); err != nil {
		return fmt.Errorf("the global %w", err)
	}
	list, ok := v.(*lua.LTable)
	if !ok || list.RawGetString("first") == lua.LNil {
		return nil
	}
	first := list.RawGetString("first")
	pattern, ok := d.p.eng.lpeg.Pattern(first)
	if !ok {
		return fmt.Errorf("the global extract.first is a %s; want a pattern", first.Type())
	}
	d.enough = &rule{pattern: pattern}
	return nil
}

// foreignHost evaluates what needs no Lua code: constants and tables. A
// function written in Lua ends the match with errNeedsLua.
func foreignHost() *lpeg.ForeignHost {
	return &lpeg.ForeignHost{
		Const: func(v any) lpeg.Value {
			switch v := v.(type) {
			case lua.LString:
				return lpeg.TextValue(string(v))
			case lua.LNumber:
				return lpeg.NumberValue(float64(v))
			case lua.LBool:
				return lpeg.BoolValue(bool(v))
			}
			return lpeg.Value{}
		},
		Call: func(any, []lpeg.Value, []lpeg.Value) ([]lpeg.Value, error) { return nil, errNeedsLua },
		Query: func(table any, key lpeg.Value) (lpeg.Value, bool, error) {
			t, ok := table.(*lua.LTable)
			text, isText := key.AsText()
			if !ok || !isText || key.Kind != lpeg.KindText {
				return lpeg.Value{}, false, errNeedsLua
			}
			switch v := t.RawGetString(text).(type) {
			case lua.LString:
				return lpeg.TextValue(string(v)), true, nil
			case lua.LNumber:
				return lpeg.NumberValue(float64(v)), true, nil
			case lua.LBool:
				return lpeg.BoolValue(bool(v)), true, nil
			case *lua.LNilType:
				return lpeg.Value{}, false, nil
			}
			return lpeg.Value{}, false, errNeedsLua
		},
	}
}

// pass emits a message and counts it.
func (d *declarative) pass(m *message.Message) error {
	m.UUID = orNewUUID(m.UUID)
	d.emitted++
	d.p.stats.Injected++
	return d.emit(m)
}

// process decodes one record.
func (d *declarative) process(raw *message.Message, emit message.Emit) (Result, error) {
	d.p.stats.Processed++
	d.emit, d.emitted = emit, 0
	if strings.HasSuffix(raw.Payload, "\r\n") {
		raw = d.withoutCR(raw)
	}
	var err error
	if d.multi != nil {
		err = d.multi.process(raw, d.counted)
	} else {
		err = d.single(raw)
	}
	d.emit = nil
	res := Result{Emitted: d.emitted}
	if err == nil {
		if res.Held = res.Emitted == 0; res.Held {
			d.p.stats.Held++
		}
		return res, nil
	}
	var refused *refusal
	if errors.As(err, &refused) {
		d.p.stats.Failures++
		res.Code, res.Text, res.Refused = CodeFail, refused.Error(), refused.held
		return res, nil
	}
	return res, err
}

// single decodes a record that is complete in itself; it may hold several entries.
func (d *declarative) single(raw *message.Message) error {
	err := d.one(raw)
	if d.rest == "" {
		return err
	}
	var refused *refusal
	bad := 0
	for n, more := 1, *raw; ; n++ {
		if errors.As(err, &refused) {
			bad++
		} else if err != nil {
			d.rest = ""
			return err
		}
		if d.rest == "" {
			break
		}
		more.Payload, more.UUID = d.rest, raw.UUID
		if !raw.UUID.IsZero() {
			more.UUID = raw.UUID.Derive(n)
		}
		d.rest = ""
		err = d.one(&more)
	}
	if bad > 0 && d.emitted == 0 {
		d.p.stats.Failures += int64(bad - 1) // the caller counts this one
		return refused
	}
	d.p.stats.Failures += int64(bad) // one bad entry must not cost the others
	return nil
}

// one decodes one entry.
func (d *declarative) one(raw *message.Message) error {
	if err := d.decode(&d.msg, raw); err != nil {
		return err
	}
	return d.counted(&d.msg)
}

// withoutCR returns the record with LF at its end instead of CR LF. It is valid
// until the next one.
func (d *declarative) withoutCR(raw *message.Message) *message.Message {
	d.line = append(append(d.line[:0], raw.Payload[:len(raw.Payload)-2]...), '\n')
	d.plain = *raw
	d.plain.Payload = unsafe.String(&d.line[0], len(d.line))
	return &d.plain
}

// refusal says why a record was not decoded.
type refusal struct {
	reason string
	line   string
	cause  error
	held   *message.Message // the record, if it is not the one at hand
}

const shownText = 64

func (r *refusal) Error() string {
	line := r.line[:min(len(r.line), shownText)]
	if r.cause != nil {
		return fmt.Sprintf("%s: %v in %q", r.reason, r.cause, line)
	}
	return fmt.Sprintf("%s: %q", r.reason, line)
}

func (r *refusal) Unwrap() error { return r.cause }

// decode runs the grammar over raw's Payload into m.
func (d *declarative) decode(m *message.Message, raw *message.Message) error {
	found, err := d.match(d.values, d.grammar, raw.Payload)
	if err != nil {
		return &refusal{reason: "run the grammar of " + d.p.opts.Name, line: strings.Clone(raw.Payload[:min(len(raw.Payload), shownText)]), cause: err}
	}
	if found == nil {
		return &refusal{reason: "cannot parse a record of " + raw.Logger, line: strings.Clone(raw.Payload[:min(len(raw.Payload), shownText)])}
	}
	return d.build(m, raw, found)
}

// build fills m from the captures, the logger's captures, the defaults and raw.
func (d *declarative) build(m, raw *message.Message, found *captures) error {
	m.Reset()
	d.record++
	d.text = d.text[:0]
	b := builder{d: d, m: m, raw: raw, ascii: isASCII(raw.Payload)}
	d.evaluateLogger(raw.Logger)
	if d.loggerNeed && !d.loggerOK {
		return &refusal{reason: "cannot use the stream name of a record", line: strings.Clone(raw.Logger)}
	}
	d.later, d.weak, d.rest = d.later[:0], d.weak[:0], ""
	b.take(found)
	for i := range d.loggerVals {
		b.capture(d.loggerVals[i].slot, &d.loggerVals[i].value)
	}
	if len(d.later) > 0 {
		b.parseCaptured()
	}
	if d.whole != nil && b.err == nil {
		b.first(toPayload)
		m.Payload = *d.whole
	}
	if b.err == nil && (d.enough != nil || len(d.extract) > 0) {
		b.extract()
	}
	if len(d.weak) > 0 && b.err == nil {
		b.takeWeak()
	}
	if b.err != nil {
		return b.err
	}
	b.finish()
	if b.has(toTimestamp) {
		d.lastTime = m.Timestamp
	}
	return nil
}

// evaluateLogger keeps the captures of the last Logger: it is the same for all
// lines of a stream.
func (d *declarative) evaluateLogger(logger string) {
	if d.logger == nil || d.loggerDone && d.loggerText == logger {
		return
	}
	d.loggerText, d.loggerDone = strings.Clone(logger), true
	d.loggerVals = d.loggerVals[:0]
	found, err := d.match(d.second, d.logger, d.loggerText)
	d.loggerOK = err == nil && found != nil
	if d.loggerOK {
		for _, e := range found.appendEntries(nil) {
			d.loggerVals = append(d.loggerVals, taken{d.layout.slot(e.Name), e.Value})
		}
	}
}

func (d *declarative) flushIdle(now time.Time, emit message.Emit) error {
	if d.multi == nil {
		return nil
	}
	d.emit = emit
	return d.flushed(d.multi.flushIdle(now, d.counted))
}

// flushed makes the refusal of a record that was held back a *Refused.
func (d *declarative) flushed(err error) error {
	var refused *refusal
	if err == nil || !errors.As(err, &refused) {
		return err
	}
	d.p.stats.Failures++
	return &Refused{Record: refused.held, Reason: refused.Error()}
}

func (d *declarative) flushAll(emit message.Emit) error {
	if d.multi == nil {
		return nil
	}
	d.emit = emit
	return d.flushed(d.multi.flush(d.counted))
}

func (d *declarative) holding() int {
	if d.multi == nil {
		return 0
	}
	return d.multi.holding()
}

// parseTime reads a captured time; it reports false when it has no known shape.
func (d *declarative) parseTime(s string) (int64, bool) {
	t, ok := logtime.Parse(s, d.p.opts.Clock, d.p.zone)
	return t.NS, ok
}

// isASCII tells that every piece cut out of s is valid UTF-8.
func isASCII(s string) bool {
	const high = 0x8080808080808080
	for len(s) >= 32 {
		if (word(s)|word(s[8:])|word(s[16:])|word(s[24:]))&high != 0 {
			return false
		}
		s = s[32:]
	}
	for len(s) >= 8 {
		if word(s)&high != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// word returns the first eight bytes of s, written so that the compiler makes one
// load of it.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// valid returns s as UTF-8; what is not becomes U+FFFD.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "�")
}
