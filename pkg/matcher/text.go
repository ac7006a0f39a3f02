package matcher

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

type op uint8

const (
	opEqual op = iota
	opNotEqual
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opMatch
	opNotMatch
)

// textTest compares a text with a literal or a regular expression.
type textTest struct {
	op     op
	text   string // the literal, or the source of the expression
	re     *regexp.Regexp
	find   func(s, lit string) bool // replaces re where it is a plain literal
	needle string
}

func (t *textTest) matchText(s string) bool {
	switch t.op {
	case opMatch:
		return t.found(s)
	case opNotMatch:
		return !t.found(s)
	}
	return compare(t.op, s, t.text)
}

func (t *textTest) found(s string) bool {
	if t.find != nil {
		return t.find(s, t.needle)
	}
	return t.re.MatchString(s)
}

// newRegexTest compiles an RE2 expression. "^lit", "lit$", "^lit$" and "lit"
// become plain text tests.
func newRegexTest(o op, source string) (textTest, error) {
	re, err := regexp.Compile(source)
	if err != nil {
		return textTest{}, err
	}
	t := textTest{op: o, text: source, re: re}
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return t, nil
	}
	t.needle, t.find = literal(parsed.Simplify())
	return t, nil
}

func literal(re *syntax.Regexp) (string, func(s, lit string) bool) {
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		parts = re.Sub
	}
	begins, ends := false, false
	if len(parts) > 1 && parts[0].Op == syntax.OpBeginText {
		begins, parts = true, parts[1:]
	}
	if n := len(parts); n > 1 && parts[n-1].Op == syntax.OpEndText {
		ends, parts = true, parts[:n-1]
	}
	if len(parts) != 1 || parts[0].Op != syntax.OpLiteral || parts[0].Flags&syntax.FoldCase != 0 {
		return "", nil
	}
	lit := string(parts[0].Rune)
	switch {
	case begins && ends:
		return lit, func(s, lit string) bool { return s == lit }
	case begins:
		return lit, strings.HasPrefix
	case ends:
		return lit, strings.HasSuffix
	}
	return lit, strings.Contains
}
