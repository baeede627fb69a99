package attribution

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
)

// TestDecayIsPowerOfTwo: a weight w for an age of a/b half-lives is 2^62 *
// 2^(-a/b) rounded down, which in integers is w^b <= 2^(62b-a) < (w+1)^b.
func TestDecayIsPowerOfTwo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		half := rapid.Int64Range(1, 300).Draw(t, "half life")
		age := rapid.Int64Range(0, half*70).Draw(t, "age")
		got := decayOf(event.Millis(age), event.Duration(half))
		whole := age / half
		if whole > decayBits {
			if got != 0 {
				t.Errorf("after %d half-lives the weight is %d, want 0", whole, got)
			}
			return
		}
		power := func(n uint64) *big.Int {
			return new(big.Int).Exp(new(big.Int).SetUint64(n), big.NewInt(half), nil)
		}
		exact := new(big.Int)
		if bits := decayBits*half - age; bits >= 0 {
			exact.Lsh(big.NewInt(1), uint(bits))
		}
		if power(got).Cmp(exact) > 0 {
			t.Errorf("2^(-%d/%d) is given as %d/2^62, which is too much", age, half, got)
		}
		if power(got+1).Cmp(exact) <= 0 {
			t.Errorf("2^(-%d/%d) is given as %d/2^62, which is too little", age, half, got)
		}
		if age%half == 0 && got != 1<<(decayBits-whole) {
			t.Errorf("after %d half-lives the weight is %d, want 2^%d", whole, got, decayBits-whole)
		}
	})
}

// TestDecayFalls: an older touch never weighs more, at half-lives as they are
// configured.
func TestDecayFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		half := event.Duration(rapid.Int64Range(1, int64(maxConfigHalfLife)).Draw(t, "half life"))
		age := event.Millis(rapid.Int64Range(0, int64(90*event.Day)).Draw(t, "age"))
		older := age + event.Millis(rapid.Int64Range(0, int64(event.Day)).Draw(t, "older by"))
		if a, b := decayOf(age, half), decayOf(older, half); a < b {
			t.Errorf("at a half-life of %d ms an age of %d weighs %d, one of %d weighs %d", half, age, a, older, b)
		}
	})
}

// decayOf is the weight of a touch so much older than the latest.
func decayOf(age event.Millis, half event.Duration) uint64 {
	cfg := DefaultConfig()
	cfg.HalfLife = half
	m, _ := ModelByID("time_decay")
	w := m.Weights(&cfg, []event.Touch{{Time: 0}, {Time: age}})
	if w[1] != 1<<decayBits {
		return 0 // and so nothing of what is expected holds
	}
	return w[0]
}
