package lua

import "math"

const smallestNormal = 0x1p-1022

// Pow is C's pow. Whole exponents are done by squaring with twice the digits:
// math.Pow loses one with each squaring.
func Pow(x, y float64) float64 {
	if math.Trunc(y) != y || math.Abs(y) > 1<<31 || x == 0 || x != x || math.IsInf(x, 0) {
		if x != 0 && math.Abs(x) < smallestNormal {
			return math.Pow(x*0x1p54, y) * math.Exp2(-54*y) // math.Pow is wrong there
		}
		return math.Pow(x, y)
	}
	p := wide{high: 1}
	for b, n := widen(x), uint64(math.Abs(y)); n > 0; n >>= 1 {
		if n&1 != 0 {
			p = p.times(b)
		}
		b = b.times(b)
	}
	if y < 0 {
		p = p.inverse()
	}
	return p.float()
}

// wide is (high + low) * 2^exponent, with 106 digits and 0.5 <= |high| < 1, or 1.
type wide struct {
	high, low float64
	exponent  int64
}

func widen(x float64) wide {
	f, e := math.Frexp(x)
	return wide{high: f, exponent: int64(e)}
}

func (a wide) times(b wide) wide {
	p := a.high * b.high
	rest := math.FMA(a.high, b.high, -p) + (a.high*b.low + a.low*b.high)
	return normal(p, rest, a.exponent+b.exponent)
}

func (a wide) inverse() wide {
	q := 1 / a.high
	rest := q * (math.FMA(-q, a.high, 1) - q*a.low)
	return normal(q, rest, -a.exponent)
}

func normal(high, low float64, exponent int64) wide {
	sum := high + low
	low -= sum - high
	f, e := math.Frexp(sum)
	return wide{high: f, low: math.Ldexp(low, -e), exponent: exponent + int64(e)}
}

func (a wide) float() float64 {
	return math.Ldexp(a.high+a.low, int(max(-5000, min(5000, a.exponent))))
}
