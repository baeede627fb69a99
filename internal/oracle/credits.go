package oracle

import (
	"math/big"
	"slices"
	"sync"

	"github.com/tributary-data/tributary/event"
)

// Models are the names of the models, bytewise.
var Models = []string{
	"first_touch", "inverse_j", "j_shaped", "last_non_direct", "last_touch", "linear",
	"participation", "position_based", "time_decay",
}

// credit is what one touch gets of one conversion.
type credit struct {
	position int // 1 is the first touch
	ppm      int64
	micros   event.Micros
}

// wholePPM is a whole credit.
const wholePPM = 1_000_000

// credits shares a conversion among the touches of its path, which is not
// empty. Touches that get nothing are left out.
func credits(model string, path []touch, value event.Micros, halfLife event.Duration) []credit {
	var out []credit
	give := func(i int, ppm, micros int64) {
		if ppm != 0 || micros != 0 {
			out = append(out, credit{i + 1, ppm, event.Micros(micros)})
		}
	}
	if model == "participation" {
		for i, t := range path {
			later := slices.ContainsFunc(path[i+1:], func(o touch) bool { return o.Campaign == t.Campaign })
			if !later {
				give(i, wholePPM, int64(value))
			}
		}
		return out
	}
	w := weights(model, path, halfLife)
	ppm, micros := split(wholePPM, w), split(int64(value), w)
	for i := range path {
		give(i, ppm[i], micros[i])
	}
	return out
}

// weights of the touches; their sum is not zero and need not be 1.
func weights(model string, path []touch, halfLife event.Duration) []*big.Rat {
	n := len(path)
	w := make([]*big.Rat, n)
	for i := range w {
		w[i] = new(big.Rat)
	}
	ends := func(first, last int64) { // in percent; the middle shares the rest
		switch n {
		case 1:
			w[0].SetInt64(1)
		case 2:
			w[0].SetInt64(first)
			w[1].SetInt64(last)
		default:
			for i := range w {
				w[i].SetFrac64(100-first-last, int64(n-2))
			}
			w[0].SetInt64(first)
			w[n-1].SetInt64(last)
		}
	}
	switch model {
	case "first_touch":
		w[0].SetInt64(1)
	case "last_touch":
		w[n-1].SetInt64(1)
	case "last_non_direct":
		last := n - 1
		for i, t := range path {
			if t.Channel != "Direct" {
				last = i
			}
		}
		w[last].SetInt64(1)
	case "linear":
		for i := range w {
			w[i].SetInt64(1)
		}
	case "position_based":
		ends(40, 40)
	case "j_shaped":
		if n == 2 {
			ends(25, 75)
		} else {
			ends(20, 60)
		}
	case "inverse_j":
		if n == 2 {
			ends(75, 25)
		} else {
			ends(60, 20)
		}
	case "time_decay":
		for i, t := range path {
			w[i].SetInt(decay(path[n-1].Time-t.Time, halfLife))
		}
	default:
		panic("BUG: no model " + model)
	}
	return w
}

// Precision of decay: results have 62 fraction bits; they are worked out with
// so many more that the rounding of each step does not reach them.
const (
	decayBits = 62
	workBits  = 256
)

// decay is 2^(-age/halfLife) x 2^62, cut to an integer: the exponent is
// written in binary, and each of its bits halves, or takes a repeated square
// root of, one half.
func decay(age event.Millis, halfLife event.Duration) *big.Int {
	whole, rest := new(big.Int).DivMod(big.NewInt(int64(age)), big.NewInt(int64(halfLife)), new(big.Int))
	if whole.Cmp(big.NewInt(decayBits)) > 0 {
		return new(big.Int)
	}
	result := new(big.Int).Lsh(big.NewInt(1), workBits)
	for _, root := range rootsOfHalf() {
		rest.Lsh(rest, 1)
		if rest.Cmp(big.NewInt(int64(halfLife))) >= 0 {
			rest.Sub(rest, big.NewInt(int64(halfLife)))
			result.Mul(result, root)
			result.Rsh(result, workBits)
		}
	}
	return result.Rsh(result, uint(workBits-decayBits)+uint(whole.Int64()))
}

// rootsOfHalf are 2^-(1/2), 2^-(1/4), 2^-(1/8) ... with workBits fraction bits.
var rootsOfHalf = sync.OnceValue(func() []*big.Int {
	var roots []*big.Int
	root := new(big.Int).Lsh(big.NewInt(1), workBits-1)
	for range workBits / 2 {
		root = new(big.Int).Sqrt(new(big.Int).Lsh(root, workBits))
		roots = append(roots, root)
	}
	return roots
})

// split shares total by the weights, by largest remainder; ties go to the
// later touch first.
func split(total int64, w []*big.Rat) []int64 {
	sum := new(big.Rat)
	for _, x := range w {
		sum.Add(sum, x)
	}
	out := make([]int64, len(w))
	rest := make([]*big.Rat, len(w))
	left := total
	for i, x := range w {
		quota := new(big.Rat).Quo(new(big.Rat).Mul(x, new(big.Rat).SetInt64(total)), sum)
		floor := new(big.Int).Quo(quota.Num(), quota.Denom())
		out[i] = floor.Int64()
		rest[i] = quota.Sub(quota, new(big.Rat).SetInt(floor))
		left -= out[i]
	}
	order := make([]int, len(w))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := rest[b].Cmp(rest[a]); c != 0 {
			return c
		}
		return b - a
	})
	for _, i := range order[:left] {
		out[i]++
	}
	return out
}
