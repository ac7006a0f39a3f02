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

func osDifftime(L *lua.LState) int {
	L.Push(lua.LNumber(CheckNumber(L, 1) - optNumber(L, 2, 0)))
	return 1
}

func (vm *VM) osTime(L *lua.LState) int {
	if isNone(L, 1) {
		L.Push(lua.LNumber(vm.opts.Clock().Unix()))
		return 1
	}
	t := checkTable(L, 1)
	field := func(name string, def int) int {
		if f, ok := ToNumber(L.GetField(t, name)); ok {
			return toInt(math.Trunc(min(max(f, math.MinInt32), math.MaxInt32)))
		}
		if def < 0 {
			raise(L, "field '%s' missing in date table", name)
		}
		return def
	}
	sec, minute, hour := field("sec", 0), field("min", 0), field("hour", 12)
	day, month, year := field("day", -1), field("month", -1), field("year", -1)
	u := time.Date(year, time.Month(month), day, hour, minute, sec, 0, time.UTC)
	L.Push(lua.LNumber(u.Unix()))
	return 1
}

func (vm *VM) osDate(L *lua.LState) int {
	format := OptString(L, 1, "%c")
	var at time.Time
	if isNone(L, 2) {
		at = vm.opts.Clock()
	} else {
		f := CheckNumber(L, 2)
		if math.IsNaN(f) || math.Abs(f) > 1<<55 {
			L.Push(lua.LNil)
			return 1
		}
		at = time.Unix(int64(f), 0)
	}
	at = at.UTC()
	zone := "UTC"
	if strings.HasPrefix(format, "!") {
		format, zone = format[1:], "GMT"
	}
	if strings.HasPrefix(format, "*t") {
		L.Push(dateTable(L, at))
		return 1
	}
	vm.ChargeSteps(L, 80*len(format))
	pushBytes(L, AppendTime(nil, format, at, zone))
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

// AppendTime is C's strftime in the C locale; zone is what %Z shows.
func AppendTime(dst []byte, format string, t time.Time, zone string) []byte {
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c != '%' || i+1 == len(format) {
			dst = append(dst, c)
			continue
		}
		i++
		if (format[i] == 'E' || format[i] == 'O') && i+1 < len(format) {
			i++
		}
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
		return AppendTime(dst, format, t, zone)
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
		return fmt.Appendf(dst, "%02d", floorDiv(t.Year(), 100))
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

// appendWeekVerb writes the verbs that count weeks; an unknown verb stays.
func appendWeekVerb(dst []byte, verb byte, t time.Time) []byte {
	isoYear, isoWeek := t.ISOWeek()
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
	return append(dst, '%', verb)
}

func floorDiv(a, b int) int { return int(math.Floor(float64(a) / float64(b))) }

func halfDay(t time.Time, am, pm string) string {
	if t.Hour() < 12 {
		return am
	}
	return pm
}
