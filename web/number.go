package web

import (
	"math/big"
	"math/bits"
	"strings"
)

// sum adds int64 numbers in 128 bits: ten thousand conversions of the greatest
// amount overflow 64.
type sum struct {
	hi int64
	lo uint64
}

func (s *sum) add(v int64) {
	lo, carry := bits.Add64(s.lo, uint64(v), 0)
	s.lo = lo
	s.hi += v>>63 + int64(carry)
}

func (s *sum) addSum(o sum) {
	lo, carry := bits.Add64(s.lo, o.lo, 0)
	s.lo = lo
	s.hi += o.hi + int64(carry)
}

func (s sum) sub(o sum) sum {
	lo, borrow := bits.Sub64(s.lo, o.lo, 0)
	return sum{s.hi - o.hi - int64(borrow), lo}
}

func (s sum) isZero() bool { return s.hi == 0 && s.lo == 0 }

func (s sum) big() *big.Int {
	n := new(big.Int).Lsh(big.NewInt(s.hi), 64)
	return n.Add(n, new(big.Int).SetUint64(s.lo))
}

func sumOf(v int64) sum {
	var s sum
	s.add(v)
	return s
}

// millionths writes n/10^6 exactly, with at least so many fraction digits.
func millionths(n *big.Int, least int) string {
	return point(n, 6, least)
}

// point writes n/10^places, without zeros at the end beyond the least digits.
func point(n *big.Int, places, least int) string {
	digits := new(big.Int).Abs(n).String()
	if len(digits) <= places {
		digits = strings.Repeat("0", places+1-len(digits)) + digits
	}
	whole, frac := digits[:len(digits)-places], digits[len(digits)-places:]
	for len(frac) > least && frac[len(frac)-1] == '0' {
		frac = frac[:len(frac)-1]
	}
	out := whole
	if frac != "" {
		out += "." + frac
	}
	if n.Sign() < 0 {
		out = "-" + out
	}
	return out
}

// quotient is num/den as a decimal of exactly the given places, half to even;
// nil (JSON null) when den is 0, because there is no such rate.
func quotient(num, den *big.Int, places int) any {
	n := divide(num, den, places)
	if n == nil {
		return nil
	}
	return number(point(n, places, places))
}

// divide is num * 10^places / den, half to even; nil when den is 0.
func divide(num, den *big.Int, places int) *big.Int {
	if den.Sign() == 0 {
		return nil
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
	n := new(big.Int).Mul(num, scale)
	neg := n.Sign()*den.Sign() < 0
	n.Abs(n)
	d := new(big.Int).Abs(den)
	q, r := n.QuoRem(n, d, new(big.Int))
	switch r.Lsh(r, 1).Cmp(d) {
	case 1:
		q.Add(q, big.NewInt(1))
	case 0:
		if q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
	}
	if neg {
		q.Neg(q)
	}
	return q
}

// money is an amount in REST answers.
type money struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

func moneyOf(micros sum, currency string) money {
	return money{millionths(micros.big(), 2), currency}
}
