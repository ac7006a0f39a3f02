package parse

import (
	"fmt"
	"strings"
)

// kind is a byte for a token of one character, or one of those below.
type kind uint16

const (
	tokenEOF kind = 256 + iota
	tokenName
	tokenString
	tokenNumber
	tokenConcat // ..
	tokenVararg // ...
	tokenEq     // ==
	tokenGE     // >=
	tokenLE     // <=
	tokenNE     // ~=
	tokenAnd
	tokenBreak
	tokenDo
	tokenElse
	tokenElseif
	tokenEnd
	tokenFalse
	tokenFor
	tokenFunction
	tokenIf
	tokenIn
	tokenLocal
	tokenNil
	tokenNot
	tokenOr
	tokenRepeat
	tokenReturn
	tokenThen
	tokenTrue
	tokenUntil
	tokenWhile
)

// words are the tokens from tokenEOF on, as messages show them.
var words = [...]string{
	"<eof>", "<name>", "<string>", "<number>", "..", "...", "==", ">=", "<=", "~=",
	"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not", "or",
	"repeat", "return", "then", "true", "until", "while",
}

func (k kind) String() string {
	switch {
	case k >= tokenEOF:
		return words[k-tokenEOF]
	case k < ' ' || k == 0x7f:
		return fmt.Sprintf("char(%d)", k)
	}
	return string([]byte{byte(k)})
}

// reserved returns the token of a reserved word, or tokenName.
func reserved(name string) kind {
	switch name {
	case "and":
		return tokenAnd
	case "break":
		return tokenBreak
	case "do":
		return tokenDo
	case "else":
		return tokenElse
	case "elseif":
		return tokenElseif
	case "end":
		return tokenEnd
	case "false":
		return tokenFalse
	case "for":
		return tokenFor
	case "function":
		return tokenFunction
	case "if":
		return tokenIf
	case "in":
		return tokenIn
	case "local":
		return tokenLocal
	case "nil":
		return tokenNil
	case "not":
		return tokenNot
	case "or":
		return tokenOr
	case "repeat":
		return tokenRepeat
	case "return":
		return tokenReturn
	case "then":
		return tokenThen
	case "true":
		return tokenTrue
	case "until":
		return tokenUntil
	case "while":
		return tokenWhile
	}
	return tokenName
}

// token is a piece of the text.
type token struct {
	kind kind
	line int    // where it ends
	text string // of a name, string or number: what it stands for
	open string // of a string: how it begins
}

// near is how a message shows the token.
func (t *token) near() string {
	switch t.kind {
	case tokenName, tokenNumber:
		return t.text
	case tokenString:
		return t.open + t.text + strings.ReplaceAll(t.open, "[", "]")
	}
	return t.kind.String()
}

// scanner cuts a text into tokens. It panics with an *Error.
type scanner struct {
	source string
	text   string
	at     int // of the next byte
	line   int
	kept   map[string]string
	buf    []byte // of a string that is no plain part of the text
}

func (s *scanner) fail(message, near string) {
	near, _, _ = strings.Cut(near, "\x00") // which ends a text in C
	panic(&Error{Source: s.source, Line: s.line, Message: message, Near: near})
}

// keep returns a copy of a part of the text, the same one for equal parts: what is
// compiled must not hold the text it was compiled from.
func (s *scanner) keep(part string) string {
	if known, ok := s.kept[part]; ok {
		return known
	}
	part = strings.Clone(part)
	s.kept[part] = part
	return part
}

// peek returns the next byte, or 0 at the end of the text.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// newline passes the end of a line, which is at s.at: CR, LF or both.
func (s *scanner) newline() {
	c := s.text[s.at]
	s.at++
	if n := s.peek(); (n == '\n' || n == '\r') && n != c {
		s.at++
	}
	s.line++
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || isDigit(c)
}

// next returns the next token.
func (s *scanner) next() token {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case '\n', '\r':
			s.newline()
		case ' ', '\t', '\v', '\f':
			s.at++
		case '-':
			if s.at++; s.peek() != '-' {
				return s.token('-')
			}
			s.at++
			s.comment()
		case '"', '\'':
			return s.quoted(c)
		case '[':
			return s.bracket()
		case '=':
			return s.orEqual(c, tokenEq)
		case '<':
			return s.orEqual(c, tokenLE)
		case '>':
			return s.orEqual(c, tokenGE)
		case '~':
			return s.orEqual(c, tokenNE)
		case '.':
			return s.dots()
		default:
			if isDigit(c) {
				return s.number()
			}
			if isName(c) {
				return s.name()
			}
			s.at++
			return s.token(kind(c))
		}
	}
	return s.token(tokenEOF)
}

func (s *scanner) token(k kind) token { return token{kind: k, line: s.line} }

func (s *scanner) orEqual(c byte, with kind) token {
	if s.at++; s.peek() == '=' {
		s.at++
		return s.token(with)
	}
	return s.token(kind(c))
}

func (s *scanner) dots() token {
	rest := s.text[s.at:]
	switch {
	case len(rest) > 1 && isDigit(rest[1]):
		return s.number()
	case strings.HasPrefix(rest, "..."):
		s.at += 3
		return s.token(tokenVararg)
	case strings.HasPrefix(rest, ".."):
		s.at += 2
		return s.token(tokenConcat)
	}
	s.at++
	return s.token('.')
}

func (s *scanner) name() token {
	from := s.at
	for s.at < len(s.text) && isName(s.text[s.at]) {
		s.at++
	}
	t := s.token(reserved(s.text[from:s.at]))
	if t.kind == tokenName {
		t.text = s.keep(s.text[from:s.at])
	}
	return t
}

// number takes what Lua 5.1 takes for a numeral, and then looks whether it is one.
func (s *scanner) number() token {
	from := s.at
	for s.at < len(s.text) && (isDigit(s.text[s.at]) || s.text[s.at] == '.') {
		s.at++
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		if s.at++; s.peek() == '+' || s.peek() == '-' {
			s.at++
		}
	}
	for s.at < len(s.text) && isName(s.text[s.at]) {
		s.at++
	}
	t := s.token(tokenNumber)
	t.text = s.keep(s.text[from:s.at])
	if _, ok := Number(t.text); !ok {
		s.fail("malformed number", t.text)
	}
	return t
}

// comment passes a comment, behind whose hyphens the scanner stands.
func (s *scanner) comment() {
	if s.peek() == '[' {
		if level := s.level(); level >= 0 {
			s.long(level, "unfinished long comment")
			return
		}
	}
	for s.at < len(s.text) && s.text[s.at] != '\n' && s.text[s.at] != '\r' {
		s.at++
	}
}

// level returns how many signs the long bracket at s.at has between its brackets,
// or -1 when there is none.
func (s *scanner) level() int {
	at := s.at + 1
	for at < len(s.text) && s.text[at] == '=' {
		at++
	}
	if at < len(s.text) && s.text[at] == '[' {
		return at - s.at - 1
	}
	return -1
}

func (s *scanner) bracket() token {
	level := s.level()
	if level >= 0 {
		open := s.text[s.at : s.at+level+2]
		t := token{kind: tokenString, text: s.long(level, "unfinished long string"), open: open}
		t.line = s.line
		return t
	}
	if strings.HasPrefix(s.text[s.at:], "[=") {
		near := "[" + s.text[s.at+1:s.at+1+len(s.text[s.at+1:])-len(strings.TrimLeft(s.text[s.at+1:], "="))]
		s.fail("invalid long string delimiter", near)
	}
	s.at++
	return s.token('[')
}

// long returns the text of a long bracket, with LF for the end of each line and
// without the first.
func (s *scanner) long(level int, unfinished string) string {
	s.at += level + 2
	if c := s.peek(); s.at < len(s.text) && (c == '\n' || c == '\r') {
		s.newline()
	}
	s.buf = s.buf[:0]
	from := s.at
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '\n', '\r':
			s.buf = append(append(s.buf, s.text[from:s.at]...), '\n')
			s.newline()
			from = s.at
		case '[':
			if s.at++; level == 0 && s.peek() == '[' {
				s.fail("nesting of [[...]] is deprecated", "[")
			}
		case ']':
			if end := s.at; s.closes(level) {
				s.buf = append(s.buf, s.text[from:end]...)
				return string(s.buf)
			}
		default:
			s.at++
		}
	}
	s.fail(unfinished, tokenEOF.String())
	return ""
}

// closes passes the bracket at s.at, and the rest of a closing long bracket.
func (s *scanner) closes(level int) bool {
	at := s.at + 1
	for at < len(s.text) && s.text[at] == '=' {
		at++
	}
	if at < len(s.text) && s.text[at] == ']' && at-s.at-1 == level {
		s.at = at + 1
		return true
	}
	s.at = at
	return false
}

func (s *scanner) quoted(quote byte) token {
	open := s.text[s.at : s.at+1]
	s.at++
	t := token{kind: tokenString, open: open}
	from := s.at
	for end := from; end < len(s.text); end++ {
		c := s.text[end]
		if c == quote {
			s.at = end + 1
			t.text, t.line = s.keep(s.text[from:end]), s.line
			return t
		}
		if c == '\\' || c == '\n' || c == '\r' {
			break
		}
	}
	s.buf = s.buf[:0]
	for s.at < len(s.text) && s.text[s.at] != quote {
		switch c := s.text[s.at]; c {
		case '\n', '\r':
			s.fail("unfinished string", open+string(s.buf))
		case '\\':
			s.at++
			s.escape(open)
		default:
			s.buf = append(s.buf, c)
			s.at++
		}
	}
	if s.at >= len(s.text) {
		s.fail("unfinished string", tokenEOF.String())
	}
	s.at++
	t.text, t.line = s.keep(string(s.buf)), s.line
	return t
}

// escape takes what follows a backslash.
func (s *scanner) escape(open string) {
	if s.at >= len(s.text) {
		return
	}
	c := s.text[s.at]
	if i := strings.IndexByte("abfnrtv", c); i >= 0 {
		s.buf = append(s.buf, "\a\b\f\n\r\t\v"[i])
		s.at++
		return
	}
	if c == '\n' || c == '\r' {
		s.buf = append(s.buf, '\n')
		s.newline()
		return
	}
	if !isDigit(c) {
		s.buf = append(s.buf, c)
		s.at++
		return
	}
	code := 0
	for i := 0; i < 3 && s.at < len(s.text) && isDigit(s.text[s.at]); i++ {
		code = 10*code + int(s.text[s.at]-'0')
		s.at++
	}
	if code > 255 {
		s.fail("escape sequence too large", open+string(s.buf))
	}
	s.buf = append(s.buf, byte(code))
}
