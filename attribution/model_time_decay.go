package attribution

import (
	"math/big"
	"math/bits"

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

// powHalf is 2^(-a/b) in fixed point, for a < b.
func powHalf(a, b uint64) uint64 {
	p := uint64(1) << decayBits
	frac, _ := bits.Div64(a, 0, b)
	for frac != 0 {
		i := bits.LeadingZeros64(frac)
		p, _ = bits.Mul64(p, halfRoots[i])
		frac &^= 1 << (63 - i)
	}
	return p
}

// halfRoots[i] is 2^(-2^-(i+1)) with 64 fraction bits: 1/2 under i+1 square
// roots.
var halfRoots = func() (roots [64]uint64) {
	x := new(big.Float).SetPrec(256).SetFloat64(0.5)
	scale := new(big.Float).SetPrec(256).SetMantExp(big.NewFloat(1), 64)
	for i := range roots {
		x = new(big.Float).SetPrec(256).Sqrt(x)
		roots[i], _ = new(big.Float).SetPrec(256).Mul(x, scale).Uint64()
	}
	return roots
}()
