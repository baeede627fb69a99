package attribution

import (
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
)

// hamilton shares total by largest remainder, ties to the later first: slow,
// and exact.
func hamilton(total uint64, w []uint64) []int64 {
	sum, left := new(big.Int), new(big.Int).SetUint64(total)
	for _, x := range w {
		sum.Add(sum, new(big.Int).SetUint64(x))
	}
	out, rest := make([]int64, len(w)), make([]*big.Int, len(w))
	order := make([]int, len(w))
	for i, x := range w {
		quota := new(big.Int).Mul(new(big.Int).SetUint64(total), new(big.Int).SetUint64(x))
		whole, r := new(big.Int).QuoRem(quota, sum, new(big.Int))
		out[i], rest[i], order[i] = whole.Int64(), r, i
		left.Sub(left, whole)
	}
	slices.SortFunc(order, func(a, b int) int {
		if c := rest[b].Cmp(rest[a]); c != 0 {
			return c
		}
		return b - a
	})
	for _, i := range order[:left.Int64()] {
		out[i]++
	}
	return out
}

// TestSplitIsExact: parts are those of the slow method, for weights whose sum
// needs one word and two.
func TestSplitIsExact(t *testing.T) {
	var d Divider // used again: what is left of one split must not show in the next
	rapid.Check(t, func(t *rapid.T) {
		weight := rapid.OneOf(
			rapid.Just(uint64(0)), rapid.Uint64Range(0, 3), rapid.Uint64Range(0, 1<<decayBits),
			rapid.Uint64Range(1<<decayBits-3, 1<<decayBits), rapid.Uint64(),
		)
		w := rapid.SliceOfN(weight, 1, 40).Draw(t, "weights")
		if slices.Max(w) == 0 {
			w[len(w)/2] = 1
		}
		total := rapid.OneOf(
			rapid.Uint64Range(0, 10), rapid.Just(uint64(Whole)), rapid.Uint64Range(0, uint64(event.MaxAmount)),
			rapid.Just(uint64(event.MaxAmount)),
		).Draw(t, "total")
		got := make([]int64, len(w))
		for i := range got {
			got[i] = -1
		}
		d.split(total, w, got)
		if want := hamilton(total, w); !slices.Equal(got, want) {
			t.Fatalf("split %d by %d: %d, want %d", total, w, got, want)
		}
		sum := int64(0)
		for i, n := range got {
			sum += n
			if n < 0 || w[i] == 0 && n != 0 {
				t.Errorf("part %d is %d by weight %d", i, n, w[i])
			}
		}
		if uint64(sum) != total {
			t.Errorf("parts sum to %d, want %d", sum, total)
		}
	})
}

// TestSplitStepsBack: quotas a little below a whole number, by weights that sum
// to more than 64 bits, where division by the leading bits gives too much.
func TestSplitStepsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Uint64Range(uint64(event.MaxAmount)/10, uint64(event.MaxAmount)).Draw(t, "total")
		whole := rapid.Uint64Range(total/2, total-1).Draw(t, "whole")
		sum := new(big.Int).Lsh(big.NewInt(1), 64)
		sum.Add(sum, big.NewInt(rapid.Int64Range(1, 1000).Draw(t, "over")))
		first := new(big.Int).Mul(sum, new(big.Int).SetUint64(whole))
		first.Quo(first, new(big.Int).SetUint64(total))
		w := []uint64{first.Uint64(), sum.Sub(sum, first).Uint64()}
		got := make([]int64, len(w))
		new(Divider).split(total, w, got)
		if want := hamilton(total, w); !slices.Equal(got, want) {
			t.Errorf("split %d by %d: %d, want %d", total, w, got, want)
		}
	})
}

// TestSplitTies: of equal remainders the later gets the odd one.
func TestSplitTies(t *testing.T) {
	for _, c := range []struct {
		total uint64
		w     []uint64
		want  []int64
	}{
		{5, []uint64{1, 1, 1}, []int64{1, 2, 2}},
		{1, []uint64{1, 1}, []int64{0, 1}},
		{2, []uint64{7, 7, 0, 7}, []int64{0, 1, 0, 1}},
		{3, []uint64{2, 1, 1}, []int64{1, 1, 1}},     // remainders 2/4, 3/4, 3/4
		{10, []uint64{40, 20, 40}, []int64{4, 2, 4}}, // nothing left to give
		{1, []uint64{1 << 62, 1 << 62, 1 << 62, 1 << 62, 1 << 62}, []int64{0, 0, 0, 0, 1}},
		{0, []uint64{1, 2}, []int64{0, 0}},
	} {
		got := make([]int64, len(c.w))
		new(Divider).split(c.total, c.w, got)
		if !slices.Equal(got, c.want) {
			t.Errorf("split %d by %v: %v, want %v", c.total, c.w, got, c.want)
		}
	}
}

// TestSplitByNothing: weights that sum to zero are a broken invariant.
func TestSplitByNothing(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a split by no weight did not panic")
		}
	}()
	new(Divider).split(1, []uint64{0, 0}, make([]int64, 2))
}

// drawTouches draws a path in order.
func drawTouches(t *rapid.T) []event.Touch {
	channel, campaign := rapid.SampledFrom([]string{Direct, "Email", "Display"}), rapid.SampledFrom([]string{"", "c1", "c2"})
	gap := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 1000), rapid.Int64Range(0, int64(40*event.Day)))
	at := event.Millis(0)
	touches := make([]event.Touch, rapid.IntRange(1, 12).Draw(t, "touches"))
	for i := range touches {
		at += event.Millis(gap.Draw(t, "gap"))
		touches[i] = event.Touch{ID: string(rune('a' + i)), Time: at, Channel: channel.Draw(t, "channel"), Campaign: campaign.Draw(t, "campaign")}
	}
	return touches
}

// TestCreditsSum: for every model but participation both sums are exact, rows
// are in order, and none is empty; participation marks each campaign once.
func TestCreditsSum(t *testing.T) {
	var d Divider
	var buffer []event.Credit
	rapid.Check(t, func(t *rapid.T) {
		cfg := DefaultConfig()
		cfg.HalfLife = event.Duration(rapid.Int64Range(1, int64(10*event.Day)).Draw(t, "half life"))
		touches := drawTouches(t)
		if rapid.IntRange(0, 9).Draw(t, "no touches") == 1 {
			touches = nil
		}
		value := event.Micros(rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, int64(event.MaxAmount))).Draw(t, "value"))
		got := Credits(&cfg, touches, value)
		if buffer = d.Credits(buffer[:0], &cfg, touches, value); !slices.Equal(got, buffer) {
			t.Fatalf("a divider that was used before gives %v, a new one %v", buffer, got)
		}
		ppm, micros, rows := map[string]int64{}, map[string]event.Micros{}, map[string]int{}
		campaigns := map[string]bool{}
		for _, x := range touches {
			campaigns[x.Campaign] = true
		}
		for i, c := range got {
			ppm[c.Model] += c.PPM
			micros[c.Model] += c.Micros
			rows[c.Model]++
			if c.PPM == 0 && c.Micros == 0 || c.PPM < 0 || c.Micros < 0 {
				t.Errorf("a row of nothing or less: %+v", c)
			}
			if i > 0 && (got[i-1].Model > c.Model || got[i-1].Model == c.Model && got[i-1].Position >= c.Position) {
				t.Errorf("%+v after %+v", c, got[i-1])
			}
			if (c.Position == 0) != (touches == nil) || c.Position > len(touches) {
				t.Errorf("a position that is none: %+v of %d touches", c, len(touches))
			}
		}
		for _, m := range Models {
			times := int64(1)
			if m.Overlapping {
				times = int64(max(1, len(campaigns)))
				if rows[m.ID] != int(times) {
					t.Errorf("%s has %d rows, want one for each of %d campaigns", m.ID, rows[m.ID], times)
				}
			}
			if ppm[m.ID] != times*Whole || micros[m.ID] != event.Micros(times)*value {
				t.Errorf("%s sums to %d ppm and %d micros, want %d and %d", m.ID, ppm[m.ID], micros[m.ID], times*Whole, event.Micros(times)*value)
			}
		}
	})
}
