package luavm

import (
	"math"
	"math/rand/v2"

	lua "github.com/yuin/gopher-lua"
)

// plain is a function of one argument that the processor computes as C does.
func plain(f func(float64) float64) lua.LGFunction {
	return func(L *lua.LState) int {
		L.Push(lua.LNumber(f(CheckNumber(L, 1))))
		return 1
	}
}

// invalid is what an invalid operation gives on x86, which C writes "-nan".
func invalid() float64 { return math.Copysign(math.NaN(), -1) }

// one is a function of one argument that gives back what is no number, and
// outside for arguments that it is not defined for.
func one(f func(float64) float64, outside float64) lua.LGFunction {
	return plain(func(x float64) float64 {
		y := f(x)
		switch {
		case math.IsNaN(x):
			return x
		case math.IsNaN(y):
			return outside
		}
		return y
	})
}

// two is a function of two arguments, which are checked from the last to the
// first, as the arguments of C functions are evaluated.
func two(f func(a, b float64) float64) lua.LGFunction {
	return func(L *lua.LState) int {
		b := CheckNumber(L, 2)
		a := CheckNumber(L, 1)
		c := f(a, b)
		switch {
		case !math.IsNaN(c):
		case math.IsNaN(a):
			c = a
		case math.IsNaN(b):
			c = b
		default:
			c = invalid()
		}
		L.Push(lua.LNumber(c))
		return 1
	}
}

const smallestNormal = 0x1p-1022

// logarithm is math.Log, which is wrong below the normal numbers.
func logarithm(x float64) float64 {
	if x > 0 && x < smallestNormal {
		return math.Log(x*0x1p54) - 54*math.Ln2
	}
	return math.Log(x)
}

// decimalLogarithm is exact for the powers of ten, which math.Log10 is not: the
// product of the exponent and log10(2) is added in two parts, the greater of
// which has so few digits that it is exact.
func decimalLogarithm(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return logarithm(x)
	}
	const high, low = 0x1.34413509f6p-2, 0x1.9fef311f12b358p-42
	fraction, exponent := math.Frexp(x)
	if exponent--; exponent >= 0 {
		fraction *= 2
	} else {
		exponent++
	}
	k := float64(exponent)
	return k*low + math.Log(fraction)/math.Ln10 + k*high
}

func arcSine(x float64) float64   { return math.Atan2(x, math.Sqrt((1-x)*(1+x))) }
func arcCosine(x float64) float64 { return 2 * math.Atan2(math.Sqrt(1-x), math.Sqrt(1+x)) }

// scaled is ldexp, whose exponent is C's int.
func scaled(m, e float64) float64 { return math.Ldexp(m, int(int32(toLong(e)))) }

func (vm *VM) openMath() {
	random := &randomSource{rand.New(rand.NewPCG(1, 2))}
	t := vm.library("math", map[string]lua.LGFunction{
		"abs": plain(math.Abs), "ceil": plain(math.Ceil), "floor": plain(math.Floor), "sqrt": one(math.Sqrt, invalid()),
		"deg":  plain(func(x float64) float64 { return x / (math.Pi / 180) }),
		"rad":  plain(func(x float64) float64 { return x * (math.Pi / 180) }),
		"acos": one(arcCosine, math.NaN()), "asin": one(arcSine, math.NaN()), "atan": one(math.Atan, 0),
		"cos": one(math.Cos, invalid()), "sin": one(math.Sin, invalid()), "tan": one(math.Tan, invalid()),
		"cosh": one(math.Cosh, 0), "sinh": one(math.Sinh, 0), "tanh": one(math.Tanh, 0),
		"exp": one(math.Exp, 0), "log": one(logarithm, invalid()), "log10": one(decimalLogarithm, math.NaN()),
		"atan2": two(math.Atan2), "fmod": two(math.Mod), "pow": two(lua.Pow),
		"ldexp":      two(scaled),
		"max":        func(L *lua.LState) int { return extreme(L, func(a, b float64) bool { return a > b }) },
		"min":        func(L *lua.LState) int { return extreme(L, func(a, b float64) bool { return a < b }) },
		"modf":       mathModf,
		"frexp":      mathFrexp,
		"random":     random.random,
		"randomseed": random.seed,
	})
	t.RawSetString("mod", t.RawGetString("fmod"))
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
	L.Push(lua.LNumber(math.Copysign(fraction, f)))
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
		u := int32(CheckInt(L, 1))
		if u < 1 {
			ArgError(L, 1, "interval is empty")
		}
		L.Push(lua.LNumber(math.Floor(x*float64(u)) + 1))
	case 2:
		l, u := int32(CheckInt(L, 1)), int32(CheckInt(L, 2))
		if l > u {
			ArgError(L, 2, "interval is empty")
		}
		L.Push(lua.LNumber(math.Floor(x*(float64(u)-float64(l)+1)) + float64(l)))
	default:
		raise(L, "wrong number of arguments")
	}
	return 1
}
