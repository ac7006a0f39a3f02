package circularbuffer

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tocsin-lma/tocsin/pkg/sandbox/luavm"
	"github.com/tocsin-lma/tocsin/pkg/sandbox/modules/raise"
)

// Opener returns the function that opens the module; maxBytes caps the size of
// one buffer, 0 does not.
func Opener(maxBytes int) lua.LGFunction {
	return func(L *lua.LState) int {
		meta := L.CreateTable(0, 2)
		meta.RawSetString("__index", L.SetFuncs(L.CreateTable(0, 12), map[string]lua.LGFunction{
			"add": luaAdd, "set": luaSet, "get": luaGet,
			"set_header": luaSetHeader, "get_header": luaGetHeader,
			"get_configuration": luaConfiguration, "compute": luaCompute,
			"mannwhitneyu": luaMannWhitney, "current_time": luaCurrentTime,
			"format": luaFormat, "fromstring": luaFromString,
		}))
		meta.RawSetString("__metatable", lua.LFalse)
		t := L.CreateTable(0, 1)
		t.RawSetString("new", L.NewFunction(func(L *lua.LState) int { return luaNew(L, meta, maxBytes) }))
		L.Push(t)
		return 1
	}
}

func luaNew(L *lua.LState, meta *lua.LTable, maxBytes int) int {
	n := L.GetTop()
	if n < 3 || n > 4 {
		luavm.ArgError(L, 0, "incorrect number of arguments")
	}
	rows, columns, seconds := luavm.CheckInt(L, 1), luavm.CheckInt(L, 2), luavm.CheckInt(L, 3)
	if rows <= 1 {
		luavm.ArgError(L, 1, "rows must be > 1")
	}
	if columns <= 0 {
		luavm.ArgError(L, 2, "columns must be > 0")
	}
	if seconds <= 0 || seconds > math.MaxInt32 {
		luavm.ArgError(L, 3, "seconds_per_row is out of range")
	}
	if maxBytes <= 0 {
		maxBytes = maxBufferBytes
	}
	if float64(rows)*float64(columns)*8 > float64(maxBytes) {
		raise.Error(L, "not enough memory")
	}
	raise.Charge(L, rows*columns*8)
	ud := L.NewUserData()
	ud.Value = New(rows, columns, seconds, n == 4 && lua.LVAsBool(L.Get(4)))
	ud.Metatable = meta
	L.Push(ud)
	return 1
}

// maxBufferBytes caps a buffer in a state without a memory limit.
const maxBufferBytes = 1 << 30

func check(L *lua.LState, minArgs int) *Buffer {
	ud, ok := L.Get(1).(*lua.LUserData)
	if ok {
		if b, ok := ud.Value.(*Buffer); ok {
			if L.GetTop() < minArgs {
				luavm.ArgError(L, 0, "incorrect number of arguments")
			}
			return b
		}
	}
	luavm.ArgError(L, 1, "circular_buffer expected, got "+L.Get(1).Type().String())
	return nil
}

func (b *Buffer) checkColumn(L *lua.LState, arg int) int {
	n := luavm.CheckInt(L, arg)
	if n < 1 || n > b.columns {
		luavm.ArgError(L, arg, "column out of range")
	}
	return n - 1
}

func push(L *lua.LState, v float64, ok bool) int {
	if ok {
		L.Push(lua.LNumber(v))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

func luaAdd(L *lua.LState) int {
	b := check(L, 4)
	ns, column, value := luavm.CheckNumber(L, 2), b.checkColumn(L, 3), luavm.CheckNumber(L, 4)
	v, ok := b.add(float64(ns), column, float64(value))
	return push(L, v, ok)
}

func luaSet(L *lua.LState) int {
	b := check(L, 4)
	ns, column, value := luavm.CheckNumber(L, 2), b.checkColumn(L, 3), luavm.CheckNumber(L, 4)
	v, ok := b.set(float64(ns), column, float64(value))
	return push(L, v, ok)
}

func luaGet(L *lua.LState) int {
	b := check(L, 3)
	row := b.find(float64(luavm.CheckNumber(L, 2)), false)
	column := b.checkColumn(L, 3)
	if row < 0 {
		return push(L, 0, false)
	}
	return push(L, b.values[row*b.columns+column], true)
}

func luaConfiguration(L *lua.LState) int {
	b := check(L, 1)
	L.Push(lua.LNumber(b.rows))
	L.Push(lua.LNumber(b.columns))
	L.Push(lua.LNumber(b.secondsPerRow))
	return 3
}

func luaSetHeader(L *lua.LState) int {
	b := check(L, 3)
	column := b.checkColumn(L, 2)
	name, unit, method := luavm.CheckString(L, 3), luavm.OptString(L, 4, "count"), luavm.OptString(L, 5, "sum")
	for i, known := range aggregationNames {
		if known != method {
			continue
		}
		b.headers[column] = header{
			name: replace(cut(name, maxName), ""), unit: replace(cut(unit, maxUnit), "/*"), aggregation: aggregation(i),
		}
		L.Push(lua.LNumber(column + 1))
		return 1
	}
	luavm.ArgError(L, 5, "invalid option '"+method+"'")
	return 0
}

// cut takes at most n bytes of s, none from a zero byte on.
func cut(s string, n int) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s[:min(len(s), n)]
}

// replace makes everything an underscore that is neither a letter, a digit nor allowed.
func replace(s, allowed string) string {
	b := []byte(s)
	for i, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && strings.IndexByte(allowed, c) < 0 {
			b[i] = '_'
		}
	}
	return string(b)
}

func luaGetHeader(L *lua.LState) int {
	b := check(L, 2)
	h := b.headers[b.checkColumn(L, 2)]
	L.Push(lua.LString(h.name))
	L.Push(lua.LString(h.unit))
	L.Push(lua.LString(aggregationNames[h.aggregation]))
	return 3
}

func luaCompute(L *lua.LState) int {
	b := check(L, 3)
	function := luavm.CheckString(L, 2)
	switch function {
	case "sum", "avg", "sd", "min", "max", "variance":
	default:
		luavm.ArgError(L, 2, "invalid option '"+function+"'")
	}
	column := b.checkColumn(L, 3)
	start := float64(L.OptNumber(4, lua.LNumber(float64(b.start())*1e9)))
	end := float64(L.OptNumber(5, lua.LNumber(float64(b.now)*1e9)))
	if end < start {
		luavm.ArgError(L, 5, "end must be >= start")
	}
	first, last := b.find(start, false), b.find(end, false)
	if first < 0 || last < 0 {
		L.Push(lua.LNil)
		L.Push(lua.LNumber(0))
		return 2
	}
	raise.Charge(L, 8*b.rows)
	result, active := b.compute(function, column, first, last)
	L.Push(lua.LNumber(result))
	L.Push(lua.LNumber(active))
	return 2
}

func luaMannWhitney(L *lua.LState) int {
	b := check(L, 6)
	n := L.GetTop()
	if n > 7 {
		luavm.ArgError(L, 0, "too many arguments")
	}
	column := b.checkColumn(L, 2)
	start1, end1 := float64(luavm.CheckNumber(L, 3)), float64(luavm.CheckNumber(L, 4))
	if end1 < start1 {
		luavm.ArgError(L, 4, "end_1 must be >= start_1")
	}
	start2, end2 := float64(luavm.CheckNumber(L, 5)), float64(luavm.CheckNumber(L, 6))
	if end2 < start2 {
		luavm.ArgError(L, 6, "end_2 must be >= start_2")
	}
	if end1 >= start2 && end2 >= start1 {
		luavm.ArgError(L, 4, "ranges must not overlap")
	}
	continuity := true
	if n == 7 {
		v, ok := L.Get(7).(lua.LBool)
		if !ok {
			luavm.ArgError(L, 7, "use_continuity must be a boolean")
		}
		continuity = bool(v)
	}
	var rows [4]int
	for i, ns := range [...]float64{start1, end1, start2, end2} {
		if rows[i] = b.find(ns, false); rows[i] < 0 {
			return 0
		}
	}
	count := func(start, end float64) int {
		return min(int((end-start)/1e9/float64(b.secondsPerRow))+1, b.rows)
	}
	raise.Charge(L, 64*b.rows)
	first := b.cells(column, rows[0], rows[1], count(start1, end1))
	second := b.cells(column, rows[2], rows[3], count(start2, end2))
	u, p, ok := mannWhitney(first, second, continuity)
	if !ok {
		return 0
	}
	L.Push(lua.LNumber(u))
	L.Push(lua.LNumber(p))
	return 2
}

func luaCurrentTime(L *lua.LState) int {
	L.Push(lua.LNumber(float64(check(L, 1).now) * 1e9))
	return 1
}

func luaFormat(L *lua.LState) int {
	b := check(L, 2)
	if L.GetTop() != 2 {
		luavm.ArgError(L, 0, "incorrect number of arguments")
	}
	switch format := luavm.CheckString(L, 2); format {
	case "cbuf":
		b.changed = false
	case "cbufd":
		b.changed = true
	default:
		luavm.ArgError(L, 2, "invalid option '"+format+"'")
	}
	L.Push(L.Get(1))
	return 1
}

// luaFromString reads what AppendRestore wrote: time, row, the cells, and with
// deltas the changed rows.
func luaFromString(L *lua.LState) int {
	b := check(L, 2)
	text := luavm.CheckString(L, 2)
	raise.Charge(L, 8*len(text))
	fields := strings.Fields(text)
	if len(fields) >= 2 {
		now, _ := strconv.ParseInt(fields[0], 10, 64)
		row, _ := strconv.Atoi(fields[1])
		b.now, b.row = now, min(max(row, 0), b.rows-1)
		fields = fields[2:]
	} else {
		fields = nil
	}
	numbers := make([]float64, 0, len(fields))
	for _, f := range fields {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil && !math.IsInf(v, 0) {
			v = math.NaN()
		}
		numbers = append(numbers, v)
	}
	want := len(b.values)
	if len(numbers) < want {
		copy(b.values, numbers)
		raise.Error(L, "fromstring() too few values: %d, expected %d", len(numbers), want)
	}
	copy(b.values, numbers)
	rest := numbers[want:]
	if !b.delta {
		if len(rest) > 0 {
			raise.Error(L, "fromstring() too many values, more than: %d", want)
		}
		return 0
	}
	for len(rest) > 0 {
		if len(rest) < b.columns+1 {
			raise.Error(L, "fromstring() invalid delta")
		}
		for c := range b.columns {
			b.note(b.rowStart(rest[0]*1e9), c, rest[1+c])
		}
		rest = rest[b.columns+1:]
	}
	return 0
}
