package luavm

import (
	"math"
	"math/rand/v2"

	lua "github.com/yuin/gopher-lua"
)

func one(f func(float64) float64) lua.LGFunction {
	return func(L *lua.LState) int {
		L.Push(lua.LNumber(f(CheckNumber(L, 1))))
		return 1
	}
}

func two(f func(a, b float64) float64) lua.LGFunction {
	return func(L *lua.LState) int {
		L.Push(lua.LNumber(f(CheckNumber(L, 1), CheckNumber(L, 2))))
		return 1
	}
}

func (vm *VM) openMath() {
	random := &randomSource{rand.New(rand.NewPCG(1, 2))}
	t := vm.library("math", map[string]lua.LGFunction{
		"abs": one(math.Abs), "acos": one(math.Acos), "asin": one(math.Asin), "atan": one(math.Atan),
		"ceil": one(math.Ceil), "cos": one(math.Cos), "cosh": one(math.Cosh), "exp": one(math.Exp),
		"deg":   one(func(x float64) float64 { return x / (math.Pi / 180) }),
		"rad":   one(func(x float64) float64 { return x * (math.Pi / 180) }),
		"floor": one(math.Floor), "log": one(math.Log), "log10": one(math.Log10), "sin": one(math.Sin),
		"sinh": one(math.Sinh), "sqrt": one(math.Sqrt), "tan": one(math.Tan), "tanh": one(math.Tanh),
		"atan2": two(math.Atan2), "fmod": two(math.Mod), "mod": two(math.Mod), "pow": two(math.Pow),
		"ldexp":      two(func(m, e float64) float64 { return math.Ldexp(m, toInt(min(max(e, -1<<20), 1<<20))) }),
		"max":        func(L *lua.LState) int { return extreme(L, func(a, b float64) bool { return a > b }) },
		"min":        func(L *lua.LState) int { return extreme(L, func(a, b float64) bool { return a < b }) },
		"modf":       mathModf,
		"frexp":      mathFrexp,
		"random":     random.random,
		"randomseed": random.seed,
	})
	t.RawSetString("pi", lua.LNumber(math.Pi))
	t.RawSetString("huge", lua.LNumber(math.Inf(1)))
}

func extreme(L *lua.LState, better func(a, b float64) bool) int {
	best := CheckNumber(L, 1)
	for i := 2; i <= L.GetTop(); i++ {
		if v := CheckNumber(L, i); better(v, best) {
			best = v
		}
	}
	L.Push(lua.LNumber(best))
	return 1
}

func mathModf(L *lua.LState) int {
	f := CheckNumber(L, 1)
	whole, fraction := math.Trunc(f), 0.0
	if !math.IsInf(f, 0) {
		fraction = f - whole
	}
	L.Push(lua.LNumber(whole))
	L.Push(lua.LNumber(fraction))
	return 2
}

func mathFrexp(L *lua.LState) int {
	m, e := math.Frexp(CheckNumber(L, 1))
	L.Push(lua.LNumber(m))
	L.Push(lua.LNumber(e))
	return 2
}

// randomSource is the state's own generator: seeding it touches no other state.
type randomSource struct{ *rand.Rand }

func (r *randomSource) seed(L *lua.LState) int {
	r.Rand = rand.New(rand.NewPCG(uint64(toLong(CheckNumber(L, 1))), 2))
	return 0
}

func (r *randomSource) random(L *lua.LState) int {
	x := r.Float64()
	switch L.GetTop() {
	case 0:
		L.Push(lua.LNumber(x))
	case 1:
		u := CheckInt(L, 1)
		if u < 1 {
			ArgError(L, 1, "interval is empty")
		}
		L.Push(lua.LNumber(math.Floor(x*float64(u)) + 1))
	case 2:
		l, u := CheckInt(L, 1), CheckInt(L, 2)
		if l > u {
			ArgError(L, 2, "interval is empty")
		}
		L.Push(lua.LNumber(math.Floor(x*(float64(u)-float64(l)+1)) + float64(l)))
	default:
		raise(L, "wrong number of arguments")
	}
	return 1
}
