package logtime

// plain reads the shape that most logs have, 2017-03-13 09:58:41.207, and nothing
// else; on false nothing was read.
func (p *parser) plain() bool {
	const size = len("2017-03-13 09:58:41")
	s := p.s
	if len(s) < size || s[4] != '-' || s[7] != '-' || s[10] != ' ' && s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return false
	}
	century, year, month, day := two(s[0:]), two(s[2:]), two(s[5:]), two(s[8:])
	hour, minute, second := two(s[11:]), two(s[14:]), two(s[17:])
	if century|year|month|day|hour|minute|second < 0 {
		return false
	}
	if month < 1 || month > 12 || day < 1 || day > daysIn(month) || hour > 23 || minute > 59 || second > 60 {
		return false
	}
	nanos := 0
	if len(s) > size {
		if s[size] != '.' && s[size] != ',' {
			return false
		}
		unit := 1_000_000_000
		for _, c := range []byte(s[size+1:]) {
			if c -= '0'; c > 9 {
				return false
			}
			unit /= 10
			nanos += int(c) * unit
		}
	}
	p.year, p.month, p.day, p.hour, p.minute, p.second, p.nanos = 100*century+year, month, day, hour, minute, second, nanos
	return true
}

// two reads two digits; the result is negative if they are none.
func two(s string) int {
	a, b := int(s[0])-'0', int(s[1])-'0'
	if uint(a) > 9 || uint(b) > 9 {
		return -1
	}
	return 10*a + b
}

func (p *parser) skip(c byte) bool {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] == c {
		p.i++
	}
	return p.i > start
}

func (p *parser) is(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) isOne(of string) bool {
	if p.i >= len(p.s) {
		return false
	}
	for k := range len(of) {
		if p.s[p.i] == of[k] {
			p.i++
			return true
		}
	}
	return false
}

// digits reads at most limit digits and returns how many there were.
func (p *parser) digits(limit int) (value, n int) {
	for n < limit && p.i < len(p.s) {
		c := p.s[p.i] - '0'
		if c > 9 {
			break
		}
		value = value*10 + int(c)
		p.i++
		n++
	}
	return value, n
}

// epoch reads a plain number: seconds, with a fraction, or finer units by size.
func (p *parser) epoch() (ns int64, ok bool) {
	start := p.i
	whole, n := p.digits(19)
	if n >= 9 && p.i == len(p.s) {
		switch {
		case n <= 11:
			return int64(whole) * 1e9, true
		case n <= 14:
			return int64(whole) * 1e6, true
		case n <= 17:
			return int64(whole) * 1e3, true
		}
		return int64(whole), true
	}
	if n >= 9 && n <= 11 && p.is('.') {
		p.fraction(1e9)
		if p.i == len(p.s) {
			return int64(whole)*1e9 + int64(p.nanos), true
		}
	}
	p.i, p.nanos = start, 0
	return 0, false
}

// date reads a date and the time after it.
func (p *parser) date() bool {
	p.year = -1
	if p.i >= len(p.s) {
		return false
	}
	if c := p.s[p.i]; c < '0' || c > '9' {
		return p.monthFirst()
	}
	value, n := p.digits(6)
	switch n {
	case 4:
		if p.isOne("-/") {
			return p.yearFirst(value)
		}
		p.month, p.day = value/100, value%100 // klog
		return p.skip(' ') && p.clock()
	case 6:
		p.year, p.month, p.day = 2000+value/10000, value/100%100, value%100
		return p.skip(' ') && p.clock()
	case 1, 2:
		return p.dayFirst(value)
	}
	return false
}

func (p *parser) yearFirst(year int) bool {
	p.year = year
	var n int
	if p.month, n = p.digits(2); n == 0 || !p.isOne("-/") {
		return false
	}
	if p.day, n = p.digits(2); n == 0 || !p.isOne(" T_t") {
		return false
	}
	if p.skip(' '); p.i < len(p.s) && p.s[p.i] > '9' { // a weekday
		if p.word() == "" || !p.skip(' ') {
			return false
		}
	}
	return p.clock()
}

// monthFirst reads `Mar 13 09:58:41`, with or without weekday and year, and
// `Mar/13/2017 …`.
func (p *parser) monthFirst() bool {
	word := p.word()
	p.month = monthOf(word)
	if p.month == 0 {
		p.is(',')
		if len(word) < 3 || !p.skip(' ') {
			return false
		}
		if c := p.peek(); c >= '0' && c <= '9' {
			value, n := p.digits(2)
			return n > 0 && p.dayFirst(value)
		}
		if p.month = monthOf(p.word()); p.month == 0 {
			return false
		}
	}
	if p.is('/') {
		return p.american()
	}
	if !p.skip(' ') {
		return false
	}
	var n int
	if p.day, n = p.digits(2); n == 0 {
		return false
	}
	p.is(',')
	if !p.skip(' ') {
		return false
	}
	if value, ok := p.fourDigits(); ok {
		p.year = value
		if !p.skip(' ') {
			return false
		}
	}
	if !p.clock() {
		return false
	}
	if mark := p.i; !p.hasOffset && p.skip(' ') {
		if value, ok := p.fourDigits(); ok {
			p.year = value
		} else {
			p.i = mark
		}
	}
	return true
}

func (p *parser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

// fourDigits reads a year: four digits and no colon after them.
func (p *parser) fourDigits() (int, bool) {
	mark := p.i
	value, n := p.digits(5)
	if n != 4 || p.peek() == ':' {
		p.i = mark
		return 0, false
	}
	return value, true
}

// american reads what follows the month of 03/13/2017.
func (p *parser) american() bool {
	var n int
	if p.day, n = p.digits(2); n == 0 || !p.is('/') {
		return false
	}
	if p.year, n = p.digits(4); n != 4 || !p.isOne(" T") {
		return false
	}
	p.skip(' ')
	return p.clock()
}

// dayFirst reads what follows a leading day, or the month of an American date.
func (p *parser) dayFirst(value int) bool {
	separator := p.peek()
	if !p.isOne("/- ") {
		return false
	}
	p.skip(' ')
	if c := p.peek(); c >= '0' && c <= '9' {
		p.month = value
		return separator == '/' && p.american()
	}
	p.day = value
	if p.month = monthOf(p.word()); p.month == 0 {
		return false
	}
	if !p.isOne("/- ") {
		return false
	}
	p.skip(' ')
	if value, n, mark := 0, 0, p.i; true {
		if value, n = p.digits(4); n == 4 {
			p.year = value
			p.skip(':')
			p.skip(' ')
		} else {
			p.i = mark
		}
	}
	return p.clock()
}

func (p *parser) word() string {
	start := p.i
	for p.i < len(p.s) {
		if c := p.s[p.i] | 0x20; c < 'a' || c > 'z' {
			break
		}
		p.i++
	}
	return p.s[start:p.i]
}

// clock reads HH:MM:SS, a fraction, AM or PM, and an offset.
func (p *parser) clock() bool {
	var n int
	if p.hour, n = p.digits(2); n == 0 || !p.is(':') {
		return false
	}
	if p.minute, n = p.digits(2); n != 2 || !p.is(':') {
		return false
	}
	if p.second, n = p.digits(2); n != 2 {
		return false
	}
	switch {
	case p.isOne(".,"):
		p.fraction(1e9)
	case p.is(':'): // contrail: milliseconds, with their own fraction
		ms, n := p.digits(3)
		if n == 0 {
			return false
		}
		if p.is('.') {
			p.fraction(1e6)
		}
		p.nanos += ms * 1e6
	}
	return p.halfDay() && p.zone()
}

// fraction reads digits as a fraction of unit nanoseconds.
func (p *parser) fraction(unit int) {
	for p.i < len(p.s) {
		c := p.s[p.i] - '0'
		if c > 9 {
			return
		}
		unit /= 10
		p.nanos += int(c) * unit
		p.i++
	}
}

func (p *parser) halfDay() bool {
	mark := p.i
	p.skip(' ')
	if p.i+2 <= len(p.s) && p.s[p.i+1]|0x20 == 'm' && (p.i+2 == len(p.s) || p.s[p.i+2] == ' ') {
		half := p.s[p.i] | 0x20
		if half == 'a' || half == 'p' {
			p.i += 2
			if p.hour < 1 || p.hour > 12 {
				return false
			}
			p.hour %= 12
			if half == 'p' {
				p.hour += 12
			}
			return true
		}
	}
	p.i = mark
	return true
}

// zone reads an offset or the name of a zone with a fixed one.
func (p *parser) zone() bool {
	mark := p.i
	p.skip(' ')
	switch c := p.peek(); {
	case c == '+' || c == '-':
		p.i++
		hours, n := p.digits(2)
		if n != 2 {
			return false
		}
		p.is(':')
		minutes, _ := p.digits(2)
		if hours > 23 || minutes > 59 {
			return false
		}
		p.offset = hours*3600 + minutes*60
		if c == '-' {
			p.offset = -p.offset
		}
		p.hasOffset = true
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		seconds, ok := zoneOf(p.word())
		if !ok {
			return false
		}
		p.offset, p.hasOffset = seconds, true
	default:
		p.i = mark
	}
	return true
}

func zoneOf(name string) (seconds int, ok bool) {
	hours := 0
	switch name {
	case "Z", "z", "UTC", "GMT", "WET":
	case "CET", "WEST", "BST":
		hours = 1
	case "CEST", "EET":
		hours = 2
	case "EEST", "MSK":
		hours = 3
	case "IST":
		return 5*3600 + 1800, true
	case "JST", "KST":
		hours = 9
	case "AEST":
		hours = 10
	case "AEDT":
		hours = 11
	case "EST", "CDT":
		hours = -5
	case "EDT":
		hours = -4
	case "CST", "MDT":
		hours = -6
	case "MST", "PDT":
		hours = -7
	case "PST":
		hours = -8
	default:
		return 0, false
	}
	return hours * 3600, true
}

// end accepts blanks and nothing else.
func (p *parser) end() bool {
	for p.i < len(p.s) {
		if c := p.s[p.i]; c != ' ' && c != '\n' && c != '\r' {
			return false
		}
		p.i++
	}
	return true
}

// monthOf returns the number of a month by its English name or its first three
// letters, 0 when there is none.
func monthOf(name string) int {
	if len(name) < 3 {
		return 0
	}
	key := uint32(name[0]|0x20)<<16 | uint32(name[1]|0x20)<<8 | uint32(name[2]|0x20)
	month := 0
	switch key {
	case 'j'<<16 | 'a'<<8 | 'n':
		month = 1
	case 'f'<<16 | 'e'<<8 | 'b':
		month = 2
	case 'm'<<16 | 'a'<<8 | 'r':
		month = 3
	case 'a'<<16 | 'p'<<8 | 'r':
		month = 4
	case 'm'<<16 | 'a'<<8 | 'y':
		month = 5
	case 'j'<<16 | 'u'<<8 | 'n':
		month = 6
	case 'j'<<16 | 'u'<<8 | 'l':
		month = 7
	case 'a'<<16 | 'u'<<8 | 'g':
		month = 8
	case 's'<<16 | 'e'<<8 | 'p':
		month = 9
	case 'o'<<16 | 'c'<<8 | 't':
		month = 10
	case 'n'<<16 | 'o'<<8 | 'v':
		month = 11
	case 'd'<<16 | 'e'<<8 | 'c':
		month = 12
	}
	return month
}
