package attribution

import "github.com/tributary-data/tributary/event"

// positionBased is the U shape: 40 % to the ends, 20 % shared by the middle.
func positionBased(_ *Config, _ []event.Touch, w []uint64) { byPosition(w, 40, 40, 1, 1) }

// jShaped favours the last touch: 20 % first, 20 % middle, 60 % last (Adobe's
// J-shaped; of two touches 25 and 75).
func jShaped(_ *Config, _ []event.Touch, w []uint64) { byPosition(w, 20, 60, 25, 75) }

// inverseJ favours the first touch.
func inverseJ(_ *Config, _ []event.Touch, w []uint64) { byPosition(w, 60, 20, 75, 25) }

// byPosition sets percentages for the ends; the middle shares the rest. Two
// touches have shares of their own. Weights are multiplied by the number of
// middle touches to stay whole.
func byPosition(w []uint64, first, last, firstOfTwo, lastOfTwo uint64) {
	switch n := uint64(len(w)); n {
	case 1:
		w[0] = 1
	case 2:
		w[0], w[1] = firstOfTwo, lastOfTwo
	default:
		for i := range w {
			w[i] = 100 - first - last
		}
		w[0], w[n-1] = first*(n-2), last*(n-2)
	}
}
