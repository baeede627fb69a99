package attribution

import (
	"math/bits"
	"slices"
)

// split shares total by weight into parts that sum to it: each gets the whole
// part of its quota, and what is left goes one by one to the largest
// remainders, among equal ones to the later touch (the method of Hamilton).
func (d *Divider) split(total uint64, w []uint64, parts []int64) {
	var sum u128
	for _, x := range w {
		sum = sum.add(x)
	}
	if sum == (u128{}) {
		panic("BUG: split by weights that sum to 0; want at least one touch with weight")
	}
	rest := d.rest[:0]
	left := total
	for i := len(w) - 1; i >= 0; i-- { // so that equal remainders are in order already
		x := w[i]
		if x == 0 || total == 0 {
			parts[i] = 0
			continue
		}
		q, r := divide(total, x, sum)
		parts[i] = int64(q)
		left -= q
		if r != (u128{}) {
			rest = append(rest, remainder{r, i})
		}
	}
	d.rest = rest
	if left == 0 {
		return
	}
	slices.SortFunc(rest, func(a, b remainder) int {
		if c := b.r.cmp(a.r); c != 0 {
			return c
		}
		return b.i - a.i
	})
	for _, r := range rest[:left] {
		parts[r.i]++
	}
}

type remainder struct {
	r u128
	i int
}

// u128 is an unsigned integer of 128 bits.
type u128 struct{ hi, lo uint64 }

func (a u128) add(b uint64) u128 {
	lo, carry := bits.Add64(a.lo, b, 0)
	return u128{a.hi + carry, lo}
}

func (a u128) cmp(b u128) int {
	if a.hi != b.hi {
		if a.hi < b.hi {
			return -1
		}
		return 1
	}
	switch {
	case a.lo < b.lo:
		return -1
	case a.lo > b.lo:
		return 1
	}
	return 0
}

// divide returns total*weight / sum and its remainder, for weight <= sum.
func divide(total, weight uint64, sum u128) (q uint64, r u128) {
	if sum.hi == 0 && sum.lo == weight {
		return total, u128{}
	}
	hi, lo := bits.Mul64(total, weight)
	if sum.hi == 0 {
		q, rem := bits.Div64(hi, lo, sum.lo)
		return q, u128{0, rem}
	}
	// The sum has more than 64 bits: divide by its leading 64, which gives at
	// most a little too much, and step back.
	s := uint(bits.Len64(sum.hi))
	q, _ = bits.Div64(hi>>s, hi<<(64-s)|lo>>s, sum.hi<<(64-s)|sum.lo>>s)
	for {
		phi, plo := bits.Mul64(q, sum.lo)
		phi += q * sum.hi
		if p := (u128{phi, plo}); p.cmp(u128{hi, lo}) <= 0 {
			rlo, borrow := bits.Sub64(lo, plo, 0)
			return q, u128{hi - phi - borrow, rlo}
		}
		q--
	}
}
