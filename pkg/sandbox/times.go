package sandbox

import (
	"math"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/lpeg"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/logtime"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
)

// openLogtime opens the module logtime: parse(text [, zone]) returns ns and
// whether the text named its offset, or nil. As `patt / parse` it gives ns alone
// and does not enter Lua.
func (p *Plugin) openLogtime(L *lua.LState) int {
	zones := map[string]*time.Location{"": nil, "UTC": nil}
	t := L.CreateTable(0, 1)
	parse := L.NewFunction(func(L *lua.LState) int {
		text, name := luavm.CheckString(L, 1), luavm.OptString(L, 2, "")
		zone, known := zones[name]
		if !known {
			var err error
			if zone, err = time.LoadLocation(name); err != nil {
				raise.Error(L, "unknown time zone '%s'", name)
			}
			if len(zones) < maxZones {
				zones[name] = zone
			}
		}
		got, ok := logtime.Parse(text, p.opts.Clock, zone)
		if !ok {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(got.NS))
		L.Push(lua.LBool(got.Offset))
		return 2
	})
	clock := p.opts.Clock // the fold outlives the plugin
	p.eng.fuse("logtime.parse", parse, lpeg.FoldFunc(func(args []lpeg.Value) (lpeg.Value, error) {
		if len(args) == 1 && args[0].Kind == lpeg.KindText {
			if got, ok := logtime.Parse(args[0].Text, clock, nil); ok {
				return lpeg.NumberValue(float64(got.NS)), nil
			}
		}
		return lpeg.Value{}, nil
	}))
	t.RawSetString("parse", parse)
	L.Push(t)
	return 1
}

const maxZones = 64

// openDateTime opens the shipped Lua module date_time and makes its
// time_to_ns known to the pattern library: patterns that end in `/ time_to_ns`
// build no table and do not enter Lua.
func (p *Plugin) openDateTime(L *lua.LState, source string) int {
	fn, err := p.eng.vm.CompileShared("date_time.lua", source)
	if err != nil {
		raise.Error(L, "error loading module 'date_time': %s", err.Error())
	}
	L.Push(fn)
	L.Push(lua.LString("date_time"))
	L.Call(1, 1)
	module, ok := L.Get(-1).(*lua.LTable)
	if !ok {
		return 1
	}
	if original, ok := module.RawGetString("time_to_ns").(*lua.LFunction); ok {
		p.eng.fuse("date_time.time_to_ns", original, lpeg.FoldFunc(foldTime))
	}
	return 1
}

// foldTime is time_to_ns of the module date_time on captures: the fields of
// os.time as text or numbers, sec_frac, offset_sign, offset_hour, offset_min,
// period (AM, PM), or time_t alone. What is no table gives 0.
func foldTime(args []lpeg.Value) (lpeg.Value, error) {
	if len(args) == 0 {
		return lpeg.NumberValue(0), nil
	}
	t := args[0].Table()
	if t == nil {
		return lpeg.NumberValue(0), nil
	}
	f := timeFields{hour: 12}
	for i := range t.Named {
		f.take(&t.Named[i])
	}
	return lpeg.NumberValue(f.ns()), nil
}

// timeFields are what a date is made of; hour is 12 unless given, as os.time has it.
type timeFields struct {
	year, month, day, hour, min, sec float64
	fraction, offset                 float64
	offsetMinutes                    float64
	sign                             string
	period                           string
	epoch                            float64
	hasEpoch, bad                    bool
}

func (f *timeFields) take(e *lpeg.Entry) {
	if e.Value.Kind == lpeg.KindNil {
		return
	}
	number := func() float64 {
		if e.Value.Kind == lpeg.KindNumber {
			return e.Value.Number
		}
		n, ok := shortNumber(e.Value.Text)
		if !ok {
			n, ok = parseNumber(e.Value.Text)
		}
		f.bad = f.bad || !ok
		return n
	}
	switch e.Name {
	case "year":
		f.year = number()
	case "month":
		f.month = number()
	case "day":
		f.day = number()
	case "hour":
		f.hour = number()
	case "min":
		f.min = number()
	case "sec":
		f.sec = number()
	case "sec_frac":
		f.fraction = number()
	case "offset_hour":
		f.offset = number()
	case "offset_min":
		f.offsetMinutes = number()
	case "offset_sign":
		f.sign = e.Value.Text
	case "period":
		f.period = e.Value.Text
	case "time_t":
		f.epoch, f.hasEpoch = number(), true
	}
}

func (f *timeFields) ns() float64 {
	if f.hasEpoch {
		return f.epoch * 1e9
	}
	if f.bad || f.year == 0 || f.month == 0 || f.day == 0 {
		return 0
	}
	switch {
	case f.period == "AM" && f.hour == 12:
		f.hour = 0
	case f.period == "PM" && f.hour < 12:
		f.hour += 12
	}
	whole := func(n float64) int { return int(math.Trunc(n)) }
	at := time.Date(whole(f.year), time.Month(whole(f.month)), whole(f.day), whole(f.hour), whole(f.min), whole(f.sec), 0, time.UTC)
	shift := f.offset*3600 + f.offsetMinutes*60
	if f.sign == "+" {
		shift = -shift
	}
	return (float64(at.Unix()) + f.fraction + shift) * 1e9
}
