package luavm

import (
	"fmt"
	"math"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// openOS opens os: clock, date, difftime and time everywhere, what input and
// output plugins may have in a state with devices, everything in a trusted one.
// Time is UTC everywhere.
func (vm *VM) openOS() {
	functions := map[string]lua.LGFunction{
		"clock":    vm.osClock,
		"date":     vm.osDate,
		"difftime": osDifftime,
		"time":     vm.osTime,
	}
	if vm.opts.Trusted || vm.opts.Devices {
		vm.addDeviceFunctions(functions)
	}
	if vm.opts.Trusted {
		functions["exit"] = vm.osExit
		functions["setlocale"] = osSetlocale
	}
	vm.library("os", functions)
}

func (vm *VM) osClock(L *lua.LState) int {
	L.Push(lua.LNumber(vm.opts.Clock().Sub(vm.started).Seconds()))
	return 1
}

// osDifftime takes whole seconds, C's time_t.
func osDifftime(L *lua.LState) int {
	later, earlier := toLong(CheckNumber(L, 1)), toLong(optNumber(L, 2, 0))
	if later >= earlier {
		L.Push(lua.LNumber(uint64(later) - uint64(earlier)))
	} else {
		L.Push(-lua.LNumber(uint64(earlier) - uint64(later)))
	}
	return 1
}

// osTime is mktime in a zone without summer time: a time that is said to be
// summer time is an hour earlier, and -1 is an error.
func (vm *VM) osTime(L *lua.LState) int {
	if isNone(L, 1) {
		L.Push(lua.LNumber(vm.opts.Clock().Unix()))
		return 1
	}
	t := checkTable(L, 1)
	sec, minute, hour := timeField(L, t, "sec", 0), timeField(L, t, "min", 0), timeField(L, t, "hour", 12)
	day, month, year := timeField(L, t, "day", -1), timeField(L, t, "month", -1), timeField(L, t, "year", -1)
	// struct tm counts years from 1900 and months from 0, with the integers of C.
	year, month = year-1900, month-1
	u := time.Date(int(year)+1900, time.Month(int(month)+1), int(day), int(hour), int(minute), int(sec), 0, time.UTC).Unix()
	if lua.LVAsBool(L.GetField(t, "isdst")) {
		u -= 3600
	}
	if u == -1 || u < firstSecond || u > lastSecond {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LNumber(u))
	return 1
}

// timeField returns a field of a date table; a negative def makes it compulsory.
func timeField(L *lua.LState, t *lua.LTable, name string, def int32) int32 {
	if f, ok := ToNumber(L.GetField(t, name)); ok {
		return int32(toLong(f))
	}
	if def < 0 {
		raise(L, "field '%s' missing in date table", name)
	}
	return def
}

// The times whose year C's struct tm can hold.
const (
	firstSecond = -67768040609740800
	lastSecond  = 67768036191676799
)

func (vm *VM) osDate(L *lua.LState) int {
	format := cString(OptString(L, 1, "%c"))
	var at time.Time
	if isNone(L, 2) {
		at = vm.opts.Clock()
	} else {
		seconds := toLong(CheckNumber(L, 2))
		if seconds < firstSecond || seconds > lastSecond {
			L.Push(lua.LNil)
			return 1
		}
		at = time.Unix(seconds, 0)
	}
	at = at.UTC()
	zone := "UTC"
	if strings.HasPrefix(format, "!") {
		format, zone = format[1:], "GMT"
	}
	if format == "*t" {
		L.Push(dateTable(L, at))
		return 1
	}
	vm.ChargeSteps(L, 80*len(format))
	pushBytes(L, appendTime(nil, format, at, zone))
	return 1
}

func dateTable(L *lua.LState, t time.Time) *lua.LTable {
	out := L.CreateTable(0, 9)
	set := func(name string, v int) { out.RawSetString(name, lua.LNumber(v)) }
	set("sec", t.Second())
	set("min", t.Minute())
	set("hour", t.Hour())
	set("day", t.Day())
	set("month", int(t.Month()))
	set("year", t.Year())
	set("wday", int(t.Weekday())+1)
	set("yday", t.YearDay())
	out.RawSetString("isdst", lua.LFalse)
	return out
}

// appendTime is os.date's strftime in the C locale, which sees one letter after
// each %; zone is what %Z shows.
func appendTime(dst []byte, format string, t time.Time, zone string) []byte {
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c != '%' || i+1 == len(format) {
			dst = append(dst, c)
			continue
		}
		i++
		dst = appendTimeVerb(dst, format[i], t, zone)
	}
	return dst
}

// composites are the verbs that stand for others.
func composite(verb byte) string {
	switch verb {
	case 'c':
		return "%a %b %e %H:%M:%S %Y"
	case 'D', 'x':
		return "%m/%d/%y"
	case 'F':
		return "%Y-%m-%d"
	case 'r':
		return "%I:%M:%S %p"
	case 'R':
		return "%H:%M"
	case 'T', 'X':
		return "%H:%M:%S"
	case 'h':
		return "%b"
	}
	return ""
}

func appendTimeVerb(dst []byte, verb byte, t time.Time, zone string) []byte {
	if format := composite(verb); format != "" {
		return appendTime(dst, format, t, zone)
	}
	hour12 := (t.Hour()+11)%12 + 1
	switch verb {
	case 'a':
		return append(dst, t.Weekday().String()[:3]...)
	case 'A':
		return append(dst, t.Weekday().String()...)
	case 'b':
		return append(dst, t.Month().String()[:3]...)
	case 'B':
		return append(dst, t.Month().String()...)
	case 'C':
		return fmt.Appendf(dst, "%d", floorDiv(t.Year(), 100))
	case 'd':
		return fmt.Appendf(dst, "%02d", t.Day())
	case 'e':
		return fmt.Appendf(dst, "%2d", t.Day())
	case 'H':
		return fmt.Appendf(dst, "%02d", t.Hour())
	case 'I':
		return fmt.Appendf(dst, "%02d", hour12)
	case 'j':
		return fmt.Appendf(dst, "%03d", t.YearDay())
	case 'k':
		return fmt.Appendf(dst, "%2d", t.Hour())
	case 'l':
		return fmt.Appendf(dst, "%2d", hour12)
	case 'm':
		return fmt.Appendf(dst, "%02d", int(t.Month()))
	case 'M':
		return fmt.Appendf(dst, "%02d", t.Minute())
	case 'n':
		return append(dst, '\n')
	case 'p':
		return append(dst, halfDay(t, "AM", "PM")...)
	case 'P':
		return append(dst, halfDay(t, "am", "pm")...)
	case 's':
		return fmt.Appendf(dst, "%d", t.Unix())
	case 'S':
		return fmt.Appendf(dst, "%02d", t.Second())
	case 't':
		return append(dst, '\t')
	case 'w':
		return fmt.Appendf(dst, "%d", int(t.Weekday()))
	case 'y':
		return fmt.Appendf(dst, "%02d", t.Year()-100*floorDiv(t.Year(), 100))
	case 'Y':
		return fmt.Appendf(dst, "%d", t.Year())
	case 'z':
		return append(dst, "+0000"...)
	case 'Z':
		return append(dst, zone...)
	case '%':
		return append(dst, '%')
	}
	return appendWeekVerb(dst, verb, t)
}

// appendWeekVerb writes the verbs that count weeks; an unknown verb stays, and a
// digit is the width of what stays.
func appendWeekVerb(dst []byte, verb byte, t time.Time) []byte {
	isoYear, isoWeek := t.ISOWeek()
	width := len("%3")
	switch verb {
	case 'g':
		return fmt.Appendf(dst, "%02d", isoYear-100*floorDiv(isoYear, 100))
	case 'G':
		return fmt.Appendf(dst, "%d", isoYear)
	case 'u':
		return fmt.Appendf(dst, "%d", (int(t.Weekday())+6)%7+1)
	case 'U':
		return fmt.Appendf(dst, "%02d", (t.YearDay()-1+7-int(t.Weekday()))/7)
	case 'V':
		return fmt.Appendf(dst, "%02d", isoWeek)
	case 'W':
		return fmt.Appendf(dst, "%02d", (t.YearDay()-1+7-(int(t.Weekday())+6)%7)/7)
	}
	for ; verb >= '3' && verb <= '9' && width < int(verb-'0'); width++ {
		dst = append(dst, ' ')
	}
	return append(dst, '%', verb)
}

func floorDiv(a, b int) int { return int(math.Floor(float64(a) / float64(b))) }

func halfDay(t time.Time, am, pm string) string {
	if t.Hour() < 12 {
		return am
	}
	return pm
}
