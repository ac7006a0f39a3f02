package encoders

import "time"

const daySeconds = 86400

// civil is a UTC time in parts.
type civil struct {
	year, month, day  int
	hour, minute, sec int
	nano              int
}

// civilOf splits nanoseconds since the epoch (H. Hinnant, "chrono-compatible
// low-level date algorithms", civil_from_days).
func civilOf(ns int64) civil {
	s, nano := floorDiv(ns, int64(time.Second))
	days, rest := floorDiv(s, daySeconds)
	z := days + 719468
	era, doe := floorDiv(z, 146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	c := civil{
		year: int(yoe + era*400), day: int(doy - (153*mp+2)/5 + 1), month: int(mp + 3),
		hour: int(rest / 3600), minute: int(rest / 60 % 60), sec: int(rest % 60), nano: int(nano),
	}
	if mp >= 10 {
		c.month = int(mp - 9)
		c.year++
	}
	return c
}

func floorDiv(a, b int64) (quotient, remainder int64) {
	q, r := a/b, a%b
	if r < 0 {
		q, r = q-1, r+b
	}
	return q, r
}

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func append4(dst []byte, n int) []byte {
	n = min(max(n, 0), 9999)
	return append2(append2(dst, n/100), n%100)
}

// appendSeconds appends YYYY-MM-DDTHH:MM:SS.
func appendSeconds(dst []byte, c civil) []byte {
	dst = append(append4(dst, c.year), '-')
	dst = append(append2(dst, c.month), '-')
	dst = append(append2(dst, c.day), 'T')
	dst = append(append2(dst, c.hour), ':')
	dst = append(append2(dst, c.minute), ':')
	return append2(dst, c.sec)
}

// appendExact appends the time with as many decimals as it has: none, three,
// six or nine.
func appendExact(dst []byte, c civil) []byte {
	return appendFraction(appendSeconds(dst, c), c.nano)
}

// appendFraction appends the decimals of a second, if there are any.
func appendFraction(dst []byte, nano int) []byte {
	if nano == 0 {
		return dst
	}
	digits := 9
	for digits > 3 && nano%1000 == 0 {
		digits, nano = digits-3, nano/1000
	}
	dst = append(dst, ".000000000"[:digits+1]...)
	for i := len(dst) - 1; nano > 0; i-- {
		dst[i] = byte('0' + nano%10)
		nano /= 10
	}
	return dst
}
