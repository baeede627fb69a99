package attribution

import (
	"math/big"
	"math/bits"
	"sync"

	"github.com/tributary-data/tributary/event"
)

// decayBits is the number of fraction bits of a time-decay weight.
const decayBits = 62

// timeDecay weighs a touch by 2^(-age/half_life), its age counted back from the
// latest touch. Fixed point with 62 fraction bits, rounded down.
func timeDecay(cfg *Config, touches []event.Touch, w []uint64) {
	latest := touches[len(touches)-1].Time
	half := uint64(max(cfg.HalfLife, 1))
	for i := range touches {
		age := uint64(latest - touches[i].Time)
		if k := age / half; k < decayBits+1 {
			w[i] = powHalf(age%half, half) >> k
		}
	}
}

// powHalf is 2^(-a/b) in fixed point, for a < b. It is worked out with 64 more
// bits, so that only what is exactly between two weights could be rounded wrong.
func powHalf(a, b uint64) uint64 {
	if a == 0 {
		return 1 << decayBits
	}
	powers := halfPowers()
	p := u128{hi: 1 << decayBits}
	frac, rest := bits.Div64(a, 0, b)
	for digit := range powers {
		if d := byte(frac >> (56 - 8*digit)); d != 0 {
			p = p.mulFraction(powers[digit][d])
		}
	}
	// What is left of the exponent, x < 2^-64, takes p*x*ln 2 away.
	rest, _ = bits.Div64(rest, 0, b)
	less, _ := bits.Mul64(rest, ln2)
	less, _ = bits.Mul64(less, p.hi)
	lo, borrow := bits.Sub64(p.lo, less, 0)
	p = u128{p.hi - borrow, lo}
	return p.hi
}

// ln2 is the natural logarithm of 2 with 64 fraction bits.
const ln2 = 0xB17217F7D1CF79AB

// mulFraction multiplies by a number below 1 with 128 fraction bits.
func (a u128) mulFraction(f u128) u128 {
	hi, lo := bits.Mul64(a.hi, f.hi)
	h1, l1 := bits.Mul64(a.hi, f.lo)
	h2, l2 := bits.Mul64(a.lo, f.hi)
	h3, _ := bits.Mul64(a.lo, f.lo)
	mid, c1 := bits.Add64(l1, l2, 0)
	_, c2 := bits.Add64(mid, h3, 0)
	lo, c3 := bits.Add64(lo, h1, c1)
	lo, c4 := bits.Add64(lo, h2, c2)
	return u128{hi + c3 + c4, lo}
}

// halfPowers[k][d] is 2^(-d/256^(k+1)) with 128 fraction bits, for d > 0: an
// exponent between 0 and 1 is a sum of such, one for each of its bytes.
var halfPowers = sync.OnceValue(func() *[8][256]u128 {
	const precision = 320
	powers := new([8][256]u128)
	scale := new(big.Float).SetPrec(precision).SetMantExp(big.NewFloat(1), 128)
	root := new(big.Float).SetPrec(precision).SetFloat64(0.5)
	for k := range powers {
		for range 8 {
			root.Sqrt(root)
		}
		x := new(big.Float).SetPrec(precision).SetFloat64(1)
		for d := 1; d < 256; d++ {
			x.Mul(x, root)
			n, _ := new(big.Float).SetPrec(precision).Mul(x, scale).Int(nil)
			hi, lo := new(big.Int).DivMod(n, new(big.Int).Lsh(big.NewInt(1), 64), new(big.Int))
			powers[k][d] = u128{hi.Uint64(), lo.Uint64()}
		}
	}
	return powers
})
