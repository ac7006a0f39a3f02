package afd

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tocsin-lma/tocsin/pkg/message"
)

// Expression selects field values: a plain literal, or a combination of
// comparisons (`>= 200 && < 300 || == 404`, `=~ ^osd%-%d+$ && !~ test`).
// It is immutable and may be shared.
type Expression struct {
	text    string
	plain   bool
	numeric bool
	plainAs float64 // the literal as a number, when it is one
	isNum   bool
	any     [][]term // disjunction of conjunctions
	broken  string   // the first malformed pattern; such terms never match
}

type term struct {
	op     string
	text   string
	number float64
	broken bool
}

// String returns the expression as written.
func (e *Expression) String() string { return e.text }

// Warning says what a reader of the model should know about e; "" if nothing.
func (e *Expression) Warning() string {
	if e.broken == "" {
		return ""
	}
	return fmt.Sprintf("pattern %q is malformed and never matches", e.broken)
}

// operators in the order in which they are tried: the longer ones first.
var expressionOperators = [...]string{"==", "!=", "<=", ">=", "=~", "!~", ">", "<"}

// ParseExpression reads a field expression.
func ParseExpression(text string) (*Expression, error) {
	e := &Expression{text: text}
	if strings.TrimFunc(text, isSpaceRune) == "" {
		return nil, fmt.Errorf("parse expression %q: it is empty; leave the field out to accept every value", text)
	}
	if !hasOperator(text) {
		e.plain = true
		e.plainAs, e.isNum = parseNumber(strings.TrimFunc(text, isSpaceRune), false)
		return e, nil
	}
	if alts, ok := parseTerms(text, numericOperand); ok {
		e.numeric, e.any = true, alts
		return e, nil
	}
	alts, ok := parseTerms(text, stringOperand)
	if !ok {
		return nil, fmt.Errorf("parse expression %q: want [operator] operand joined by && and || with spaces around them", text)
	}
	for _, conj := range alts {
		for i := range conj {
			t := &conj[i]
			switch t.op {
			case "==", "!=":
			case "=~", "!~":
				if checkPattern(t.text) != nil {
					t.broken = true
					e.broken = t.text
				}
			default:
				return nil, fmt.Errorf("parse expression %q: operator %s needs a number, not %q", text, t.op, t.text)
			}
		}
	}
	e.any = alts
	return e, nil
}

func hasOperator(text string) bool {
	for _, op := range expressionOperators {
		if strings.Contains(text, op) {
			return true
		}
	}
	return strings.Contains(text, "||") || strings.Contains(text, "&&")
}

// operandParser takes one operand off the front of s.
type operandParser func(s, op string) (t term, rest string, ok bool)

func parseTerms(s string, operand operandParser) ([][]term, bool) {
	alts := [][]term{nil}
	for {
		s = skipSpace(s)
		op := "=="
		for _, o := range expressionOperators {
			if strings.HasPrefix(s, o) {
				op, s = o, skipSpace(s[len(o):])
				break
			}
		}
		t, rest, ok := operand(s, op)
		if !ok {
			return nil, false
		}
		alts[len(alts)-1] = append(alts[len(alts)-1], t)
		s = skipSpace(rest)
		switch {
		case s == "":
			return alts, true
		case strings.HasPrefix(s, "||"):
			alts = append(alts, nil)
		case !strings.HasPrefix(s, "&&"):
			return nil, false
		}
		s = s[2:]
	}
}

func numericOperand(s, op string) (term, string, bool) {
	n := numberLength(s)
	if n == 0 || op == "=~" || op == "!~" {
		return term{}, "", false
	}
	v, err := strconv.ParseFloat(s[:n], 64)
	return term{op: op, text: s[:n], number: v}, s[n:], err == nil
}

func stringOperand(s, op string) (term, string, bool) {
	if len(s) > 1 && s[0] == '"' {
		if end := strings.IndexByte(s[1:], '"'); end > 0 {
			return term{op: op, text: s[1 : 1+end]}, s[end+2:], true
		}
	}
	end := strings.IndexFunc(s, isSpaceRune)
	if end < 0 {
		end = len(s)
	}
	word := s[:end]
	if word == "" || word == "||" || word == "&&" {
		return term{}, "", false
	}
	return term{op: op, text: word}, s[end:], true
}

func isSpaceRune(r rune) bool { return r < 128 && isSpace(byte(r)) }

func skipSpace(s string) string { return strings.TrimLeftFunc(s, isSpaceRune) }

// numberLength returns how many bytes at the front of s are a decimal number:
// optional minus, digits, optional fraction, optional exponent.
func numberLength(s string) int {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	start := i
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	if i == start {
		return 0
	}
	if i+1 < len(s) && s[i] == '.' && isDigit(s[i+1]) {
		for i++; i < len(s) && isDigit(s[i]); i++ {
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if j < len(s) && isDigit(s[j]) {
			for i = j; i < len(s) && isDigit(s[i]); i++ {
			}
		}
	}
	return i
}

// parseNumber reads a decimal number; trim allows spaces around it.
func parseNumber(s string, trim bool) (float64, bool) {
	if trim {
		s = strings.TrimFunc(s, isSpaceRune)
	}
	if s == "" || numberLength(s) != len(s) {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}

// Match reports whether the field value v satisfies e.
func (e *Expression) Match(v message.Value) bool {
	if e.plain {
		if n, ok := v.Number(); ok && e.isNum {
			return n == e.plainAs
		}
		return e.text == v.Text()
	}
	if e.numeric {
		n, ok := v.Number()
		if !ok {
			n, ok = parseNumber(v.Text(), true)
		}
		return ok && e.each(func(t *term) bool { return compareTerm(n, t.op, t.number) })
	}
	text := v.Text()
	return e.each(func(t *term) bool { return matchTerm(text, t) })
}

func (e *Expression) each(match func(*term) bool) bool {
	for _, conj := range e.any {
		all := true
		for i := range conj {
			if !match(&conj[i]) {
				all = false
				break
			}
		}
		if all {
			return true
		}
	}
	return false
}

func compareTerm(v float64, op string, operand float64) bool {
	switch op {
	case "==":
		return v == operand
	case "!=":
		return v != operand
	case "<=":
		return v <= operand
	case ">=":
		return v >= operand
	case ">":
		return v > operand
	}
	return v < operand
}

func matchTerm(text string, t *term) bool {
	switch t.op {
	case "==":
		return text == t.text
	case "!=":
		return text != t.text
	}
	if t.broken {
		return false
	}
	found, err := patternFind(text, t.text)
	return err == nil && found == (t.op == "=~")
}
