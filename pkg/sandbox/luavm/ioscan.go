package luavm

import (
	"math"
	"strconv"
	"strings"
)

// scanner reads what C's fscanf takes for a number of the conversion %lf. What
// it has looked at is gone, but for the first character after the number.
type scanner struct {
	s    *stream
	text []byte
	c    int // the character that is looked at; -1 at the end
	read int
	step func(read, length int)
}

// scanStep is after how many characters the caller is told.
const scanStep = 1024

func (n *scanner) advance() {
	n.c = n.s.getc()
	if n.read++; n.read%scanStep == 0 {
		n.step(scanStep, len(n.text))
	}
}

// keep takes the character for a part of the number.
func (n *scanner) keep() {
	n.text = append(n.text, byte(n.c))
	n.advance()
}

// back returns the character that is no part of the number.
func (n *scanner) back() {
	if n.c >= 0 {
		n.s.next--
	}
}

func (n *scanner) lower() int {
	if n.c >= 'A' && n.c <= 'Z' {
		return n.c + 'a' - 'A'
	}
	return n.c
}

// scanNumber reads a number. step is told now and then how many characters were
// read since, and how long the text of the number has become.
func scanNumber(s *stream, step func(read, length int)) (float64, bool) {
	n := &scanner{s: s, step: step}
	n.advance()
	for n.c >= 0 && strings.IndexByte(spaces, byte(n.c)) >= 0 {
		n.advance()
	}
	if n.c == '-' || n.c == '+' {
		n.keep()
		if n.c < 0 {
			return 0, false
		}
	}
	switch n.lower() {
	case 'n':
		return n.special(n.word("nan"))
	case 'i':
		return n.special(n.word("inf") && n.rest())
	}
	return n.digits()
}

// word reads the letters of a special number. A wrong letter is gone as well.
func (n *scanner) word(letters string) bool {
	for i := range letters {
		if n.lower() != int(letters[i]) {
			return false
		}
		n.text = append(n.text, letters[i])
		if i < len(letters)-1 {
			n.advance()
		}
	}
	return true
}

// rest reads what may follow "inf".
func (n *scanner) rest() bool {
	n.advance()
	if n.lower() == 'i' {
		return n.word("inity")
	}
	n.back()
	return true
}

func (n *scanner) special(ok bool) (float64, bool) {
	if !ok {
		return 0, false
	}
	return strtod(string(n.text))
}

// digits reads decimal and hexadecimal numbers.
func (n *scanner) digits() (float64, bool) {
	sign := len(n.text)
	exponent, hexadecimal, digit := 'e', false, false
	if n.c == '0' {
		n.keep()
		if n.lower() == 'x' {
			n.keep()
			exponent, hexadecimal = 'p', true
		} else {
			digit = true
		}
	}
	prefix := len(n.text)
	for point, powers := false, false; n.c >= 0; {
		switch c := n.lower(); {
		case c >= '0' && c <= '9', hexadecimal && !powers && c >= 'a' && c <= 'f':
			digit = true
		case powers && (c == '-' || c == '+') && rune(n.text[len(n.text)-1]) == exponent:
		case digit && !powers && rune(c) == exponent:
			point, powers = true, true
			n.c = c
		case c == '.' && !point:
			point = true
		default:
			n.back()
			return n.value(sign, prefix, hexadecimal)
		}
		n.keep()
	}
	return n.value(sign, prefix, hexadecimal)
}

func (n *scanner) value(sign, prefix int, hexadecimal bool) (float64, bool) {
	if len(n.text) == sign || hexadecimal && len(n.text) == prefix {
		return 0, false
	}
	return strtod(string(n.text))
}

// strtod converts the longest beginning of a text that is a number.
func strtod(text string) (float64, bool) {
	sign := 1.0
	switch text[0] {
	case '-':
		sign = -1
		text = text[1:]
	case '+':
		text = text[1:]
	}
	text = strings.ToLower(text)
	switch {
	case text == "nan":
		return math.Copysign(math.NaN(), sign), true
	case text == "inf" || text == "infinity":
		return math.Inf(int(sign)), true
	}
	exponent := "e"
	if strings.HasPrefix(text, "0x") {
		exponent = "p"
	}
	digits, power, _ := strings.Cut(text, exponent)
	if strings.Trim(power, "+-") == "" {
		power = "0"
	}
	if strings.Trim(strings.TrimPrefix(digits, "0x"), ".") == "" {
		// Of "0x." C reads the zero.
		return math.Copysign(0, sign), exponent == "p"
	}
	// An exponent that is too large gives infinity or zero, and an error of no
	// interest.
	f, _ := strconv.ParseFloat(digits+exponent+power, 64)
	return math.Copysign(f, sign), true
}
