// Package logtime reads the times that log lines carry, by their shape: no
// layout has to be named. It is pure: the current time, which some shapes need
// for their year, is an argument.
//
// The shapes, with an optional fraction after the seconds and an optional
// offset or zone name at the end of each:
//
//	2017-03-13 09:58:41.207    also with T, _ or / and with a weekday before the time
//	Mar 13 09:58:41            year by the rule below; or with a year before or after the time
//	13 Mar 09:58:41            the same; also 13/Mar/2017:09:58:41 +0200, 13-Mar-2017::09:58:41
//	03/13/2017 03:40:47 AM     month first, also Mar/13/2017
//	170313 9:58:41             two-digit year
//	0313 09:58:41.207000       month and day
//	1489399121.207             seconds, or ms, us, ns by the number of digits
//
// A time without a year lies in the current year, unless that puts it more than
// a day into the future: then in the year before.
package logtime

import (
	"time"
)

// Time is what a text says.
type Time struct {
	NS     int64 // nanoseconds since the epoch, UTC
	Offset bool  // the text named its offset or zone itself
}

// Parse reads the whole of s. zone is where a time without offset was written,
// nil for UTC; now gives a missing year and is not
// called otherwise. ok is false when s has no known shape.
func Parse(s string, now func() time.Time, zone *time.Location) (t Time, ok bool) {
	p := parser{s: s}
	if p.plain() {
		return p.at(p.year, zone), true
	}
	p.skip(' ')
	if p.i < len(s) && s[p.i] == '[' && s[len(s)-1] == ']' {
		p.s, p.i = s[:len(s)-1], p.i+1
	}
	if ns, ok := p.epoch(); ok {
		return Time{NS: ns, Offset: true}, true
	}
	if !p.date() || !p.end() {
		return Time{}, false
	}
	if p.month < 1 || p.month > 12 || p.day < 1 || p.day > daysIn(p.month) || p.hour > 23 || p.minute > 59 || p.second > 60 {
		return Time{}, false
	}
	if p.year < 0 {
		return p.inYear(now(), zone), true
	}
	return p.at(p.year, zone), true
}

// parser holds what was read; year is -1 as long as none was.
type parser struct {
	s                                      string
	i                                      int
	year, month, day, hour, minute, second int
	nanos                                  int
	offset                                 int // seconds east
	hasOffset                              bool
}

func (p *parser) at(year int, zone *time.Location) Time {
	if !p.hasOffset && zone != nil && zone != time.UTC {
		return Time{NS: time.Date(year, time.Month(p.month), p.day, p.hour, p.minute, p.second, p.nanos, zone).UnixNano()}
	}
	seconds := daysFromCivil(year, p.month, p.day)*86400 + int64(p.hour*3600+p.minute*60+p.second-p.offset)
	return Time{NS: seconds*1e9 + int64(p.nanos), Offset: p.hasOffset}
}

func (p *parser) inYear(now time.Time, zone *time.Location) Time {
	at := now.UTC()
	if !p.hasOffset && zone != nil {
		at = now.In(zone)
	}
	if p.month == 2 && p.day == 29 {
		return p.leapDay(at.Year(), now, zone)
	}
	t := p.at(at.Year(), zone)
	if t.NS > now.UnixNano()+int64(24*time.Hour) {
		return p.at(at.Year()-1, zone)
	}
	if at.Month() == time.December && p.month == 1 {
		// A clock ahead of ours may already be in the new year.
		if next := p.at(at.Year()+1, zone); next.NS <= now.UnixNano()+int64(24*time.Hour) {
			return next
		}
	}
	return t
}

// leapDay is the latest 29 February that is at most a day ahead.
func (p *parser) leapDay(year int, now time.Time, zone *time.Location) Time {
	for ; ; year-- {
		if year%4 != 0 || year%100 == 0 && year%400 != 0 {
			continue
		}
		if t := p.at(year, zone); t.NS <= now.UnixNano()+int64(24*time.Hour) {
			return t
		}
	}
}

// daysFromCivil counts the days since 1970-01-01 in the Gregorian calendar
// (algorithm: Howard Hinnant, chrono-compatible low-level date algorithms).
func daysFromCivil(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	shifted := m - 3
	if m <= 2 {
		shifted = m + 9
	}
	doy := (153*shifted+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}

func daysIn(month int) int {
	switch month {
	case 2:
		return 29
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}
