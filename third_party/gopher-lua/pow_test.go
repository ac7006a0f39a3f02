package lua

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"testing"
)

func TestPow(t *testing.T) {
	for n := -323; n <= 308; n++ {
		want, _ := strconv.ParseFloat(fmt.Sprintf("1e%d", n), 64)
		if got := Pow(10, float64(n)); got != want {
			t.Errorf("10^%d is %v", n, got)
		}
	}
	for _, x := range []float64{3.14159265, 0.7, 1.0000001, -2.5, 17, 1e-3} {
		for _, n := range []int{1, 2, 3, 7, 30, 100, 101, 255, 600} {
			exact := big.NewFloat(1).SetPrec(4000)
			for range n {
				exact.Mul(exact, big.NewFloat(x).SetPrec(4000))
			}
			want, _ := exact.Float64()
			if got := Pow(x, float64(n)); got != want {
				t.Errorf("%v^%d is %v, not %v", x, n, got, want)
			}
			if back := new(big.Float).Quo(big.NewFloat(1).SetPrec(4000), exact); want != 0 {
				want, _ = back.Float64()
				if got := Pow(x, float64(-n)); got != want {
					t.Errorf("%v^-%d is %v, not %v", x, n, got, want)
				}
			}
		}
	}
	inf := math.Inf(1)
	for _, c := range [][3]float64{{0, 0, 1}, {0, -1, inf}, {2, 0.5, math.Sqrt2}, {inf, -1, 0}, {2, 5000, inf}, {2, -5000, 0}, {-2, 3, -8}, {-8, 1.0 / 3, math.NaN()}, {1, math.NaN(), 1}} {
		if got := Pow(c[0], c[1]); got != c[2] && !(got != got && c[2] != c[2]) {
			t.Errorf("%v^%v is %v, not %v", c[0], c[1], got, c[2])
		}
	}
}
