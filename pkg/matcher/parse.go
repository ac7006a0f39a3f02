package matcher

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// maxTerms bounds the comparisons of one expression, and the depth of its
// parentheses.
const maxTerms = 1000

type operandKind uint8

const (
	operandText operandKind = iota
	operandNumber
	operandBool
	operandNil
)

// Parse compiles an expression such as
//
//	Type == 'log' && (Severity < 4 || Fields[http_status] =~ /^5/)
//
// "&&" binds tighter than "||". A line feed ends the expression. Errors name the
// column, what stands there and what is wanted.
func Parse(expr string) (*Matcher, error) {
	source := expr
	if i := strings.IndexByte(expr, '\n'); i >= 0 {
		expr = expr[:i]
	}
	p := &parser{s: expr}
	root, err := p.or()
	if err == nil && p.peek() != 0 {
		err = p.errorf("want && or || or the end")
	}
	if err != nil {
		return nil, fmt.Errorf("message matcher %q: %w", source, err)
	}
	return &Matcher{source: source, root: root}, nil
}

type parser struct {
	s     string
	i     int
	terms int
	depth int
}

func (p *parser) errorf(format string, args ...any) error {
	found := "the end"
	if p.i < len(p.s) {
		found = strconv.Quote(p.s[p.i:min(len(p.s), p.i+12)])
	}
	return fmt.Errorf("column %d: %s, found %s", p.i+1, fmt.Sprintf(format, args...), found)
}

// peek returns the next byte that is not white space, 0 at the end.
func (p *parser) peek() byte {
	for p.i < len(p.s) && strings.IndexByte(" \t\r", p.s[p.i]) >= 0 {
		p.i++
	}
	if p.i == len(p.s) {
		return 0
	}
	return p.s[p.i]
}

// accept takes text if it comes next.
func (p *parser) accept(text string) bool {
	p.peek()
	if !strings.HasPrefix(p.s[p.i:], text) {
		return false
	}
	p.i += len(text)
	return true
}

// acceptWord takes word if it comes next and ends there.
func (p *parser) acceptWord(word string) bool {
	p.peek()
	if !strings.HasPrefix(p.s[p.i:], word) {
		return false
	}
	if end := p.i + len(word); end < len(p.s) && wordByte(p.s[end]) {
		return false
	}
	p.i += len(word)
	return true
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

func (p *parser) or() (node, error) {
	terms, err := p.list("||", p.and)
	if err != nil {
		return nil, err
	}
	return shortest(or(terms), constant(false)), nil
}

func (p *parser) and() (node, error) {
	terms, err := p.list("&&", p.term)
	if err != nil {
		return nil, err
	}
	return shortest(and(terms), constant(true)), nil
}

func (p *parser) list(separator string, element func() (node, error)) ([]node, error) {
	var out []node
	for {
		n, err := element()
		if err != nil {
			return nil, err
		}
		out = append(out, n)
		if !p.accept(separator) {
			return out, nil
		}
	}
}

func (p *parser) term() (node, error) {
	if p.terms++; p.terms > maxTerms {
		return nil, p.errorf("more than %d comparisons", maxTerms)
	}
	if p.accept("(") {
		if p.depth++; p.depth > maxTerms {
			return nil, p.errorf("more than %d parentheses", maxTerms)
		}
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		p.depth--
		if !p.accept(")") {
			return nil, p.errorf("want ')'")
		}
		return n, nil
	}
	if p.acceptWord("TRUE") {
		return constant(true), nil
	}
	if p.acceptWord("FALSE") {
		return constant(false), nil
	}
	if p.accept("Fields[") {
		return p.field()
	}
	for _, h := range textHeaders {
		if p.acceptWord(h.name) {
			return p.textHeader(h)
		}
	}
	for _, h := range numberHeaders {
		if p.acceptWord(h.name) {
			return p.numberHeader(h)
		}
	}
	return nil, p.errorf("want a comparison: Type, Logger, Payload, EnvVersion, Hostname, Uuid, Timestamp, Severity, Pid or Fields[name]")
}

type textHeader struct {
	name string
	get  func(*message.Message) string
}

var textHeaders = [...]textHeader{
	{"Type", func(m *message.Message) string { return m.Type }},
	{"Logger", func(m *message.Message) string { return m.Logger }},
	{"Payload", func(m *message.Message) string { return m.Payload }},
	{"EnvVersion", func(m *message.Message) string { return m.EnvVersion }},
	{"Hostname", func(m *message.Message) string { return m.Hostname }},
	{"Uuid", nil},
}

type numberHeader struct {
	name string
	get  func(*message.Message) (float64, bool)
}

var numberHeaders = [...]numberHeader{
	{"Timestamp", func(m *message.Message) (float64, bool) { return float64(m.Timestamp), true }},
	{"Severity", func(m *message.Message) (float64, bool) { return float64(m.Severity()), true }},
	{"Pid", func(m *message.Message) (float64, bool) { return float64(m.PID()), true }},
}

func (p *parser) textHeader(h textHeader) (node, error) {
	o, err := p.operator()
	if err != nil {
		return nil, err
	}
	if p.acceptWord("NIL") {
		if (o != opEqual && o != opNotEqual) || h.get == nil {
			return nil, p.errorf("NIL goes with == and != only, and not with Uuid")
		}
		return nilTest{want: o == opEqual, has: func(m *message.Message) bool { return h.get(m) != "" }}, nil
	}
	t, err := p.textOperand(o)
	switch {
	case err != nil:
		return nil, err
	case h.name == "Type":
		return newTypeTest(t), nil
	case h.get == nil:
		return uuidTest{t}, nil
	}
	return headerTest{test: t, get: h.get}, nil
}

func (p *parser) numberHeader(h numberHeader) (node, error) {
	o, err := p.operator()
	if err != nil {
		return nil, err
	}
	if p.acceptWord("NIL") && (o == opEqual || o == opNotEqual) {
		return nilTest{want: o == opEqual, has: headerPresence(h.name)}, nil
	}
	if o == opMatch || o == opNotMatch {
		return nil, p.errorf("%s is a number: want == != > >= < or <=", h.name)
	}
	if c := p.peek(); h.name == "Timestamp" && (c == '"' || c == '\'') {
		start := p.i
		text, err := p.quoted(c)
		if err != nil {
			return nil, err
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			p.i = start
			return nil, p.errorf("want a number of nanoseconds or an RFC 3339 time")
		}
		return numberTest{op: o, value: float64(at.UnixNano()), get: h.get}, nil
	}
	v, err := p.number()
	if err != nil {
		return nil, err
	}
	return numberTest{op: o, value: v, get: h.get}, nil
}

func headerPresence(name string) func(*message.Message) bool {
	switch name {
	case "Severity":
		return (*message.Message).HasSeverity
	case "Pid":
		return (*message.Message).HasPID
	}
	return func(m *message.Message) bool { return m.Timestamp != 0 }
}

func (p *parser) field() (node, error) {
	end := strings.IndexByte(p.s[p.i:], ']')
	if end <= 0 {
		return nil, p.errorf("want the name of a field and ']'")
	}
	f := &fieldTest{name: p.s[p.i : p.i+end]}
	p.i += end + 1
	for _, index := range []*int{&f.field, &f.at} {
		if p.i >= len(p.s) || p.s[p.i] != '[' {
			break
		}
		close := strings.IndexByte(p.s[p.i:], ']')
		n, err := strconv.Atoi(p.s[p.i+1 : p.i+max(close, 1)])
		if close < 0 || err != nil || n < 0 {
			return nil, p.errorf("want an index such as [0]")
		}
		*index = n
		p.i += close + 1
	}
	o, err := p.operator()
	if err != nil {
		return nil, err
	}
	f.op = o
	return f, p.fieldOperand(f)
}

func (p *parser) fieldOperand(f *fieldTest) (err error) {
	for word, kind := range map[string]operandKind{"TRUE": operandBool, "FALSE": operandBool, "NIL": operandNil} {
		if !p.acceptWord(word) {
			continue
		}
		if f.op != opEqual && (kind != operandNil || f.op != opNotEqual) {
			return p.errorf("%s does not go with this operator", word)
		}
		f.kind, f.wantBool, f.wantAbsent = kind, word == "TRUE", f.op == opEqual
		return nil
	}
	c := p.peek()
	if c == '"' || c == '\'' || f.op == opMatch || f.op == opNotMatch {
		f.text, err = p.textOperand(f.op)
		return err
	}
	f.kind = operandNumber
	f.number, err = p.number()
	return err
}

var operators = [...]struct {
	text string
	op   op
}{
	{"==", opEqual},
	{"!=", opNotEqual},
	{"<=", opLessEqual},
	{">=", opGreaterEqual},
	{"<", opLess},
	{">", opGreater},
	{"=~", opMatch},
	{"!~", opNotMatch},
}

func (p *parser) operator() (op, error) {
	for _, o := range operators {
		if p.accept(o.text) {
			return o.op, nil
		}
	}
	return 0, p.errorf("want == != > >= < <= =~ or !~")
}

func (p *parser) textOperand(o op) (textTest, error) {
	c := p.peek()
	if o == opMatch || o == opNotMatch {
		if c != '/' {
			return textTest{}, p.errorf("want a regular expression between slashes")
		}
		start := p.i
		source, err := p.quoted('/')
		if err != nil {
			return textTest{}, err
		}
		t, err := newRegexTest(o, source)
		if err != nil {
			p.i = start
			return textTest{}, p.errorf("want an RE2 regular expression (%v)", err)
		}
		return t, nil
	}
	if c != '"' && c != '\'' {
		return textTest{}, p.errorf("want a text in quotes")
	}
	text, err := p.quoted(c)
	return textTest{op: o, text: text}, err
}

// quoted takes what stands between two quote bytes. A backslash escapes the
// quote and nothing else; everything else is kept as it is.
func (p *parser) quoted(quote byte) (string, error) {
	var b strings.Builder
	for i := p.i + 1; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == quote:
			p.i = i + 1
			return b.String(), nil
		case c == '\\' && i+1 < len(p.s) && p.s[i+1] == quote:
			i++
			b.WriteByte(quote)
		default:
			b.WriteByte(c)
		}
	}
	return "", p.errorf("want a closing %c", quote)
}

func (p *parser) number() (float64, error) {
	p.peek()
	end := p.i
	for end < len(p.s) && strings.IndexByte("0123456789.e+-", p.s[end]) >= 0 {
		end++
	}
	v, err := strconv.ParseFloat(p.s[p.i:end], 64)
	if err != nil {
		return 0, p.errorf("want a number")
	}
	p.i = end
	return v, nil
}

// MustParse is Parse for expressions that are part of a program; it panics on
// an error.
func MustParse(expr string) *Matcher {
	x, err := Parse(expr)
	if err != nil {
		panic(err)
	}
	return x
}
