// Package attribution turns a conversion's touches into credit: which touches
// count, and what each model gives to each. Pure functions over values.
//
// Invariants:
//  1. For every model but participation the parts sum to 1,000,000 ppm and to
//     the conversion's value, exactly.
//  2. Only integers: the same bits on every processor.
package attribution

import (
	"slices"

	"github.com/tributary-data/tributary/event"
)

// Whole is all of the credit, in parts per million.
const Whole = 1_000_000

// Model shares a conversion's credit among its touches.
type Model struct {
	ID string
	// weigh sets one weight per touch (never all zero, at least one touch).
	weigh func(cfg *Config, touches []event.Touch, w []uint64)
	// Overlapping: every weighted touch gets the whole credit, so that the sum
	// over touches says nothing.
	Overlapping bool
}

// Models in the order of their ids, which is the order of rows in the tables.
var Models = []Model{
	{ID: "first_touch", weigh: firstTouch},
	{ID: "inverse_j", weigh: inverseJ},
	{ID: "j_shaped", weigh: jShaped},
	{ID: "last_non_direct", weigh: lastNonDirect},
	{ID: "last_touch", weigh: lastTouch},
	{ID: "linear", weigh: linear},
	{ID: "participation", weigh: participation, Overlapping: true},
	{ID: "position_based", weigh: positionBased},
	{ID: "time_decay", weigh: timeDecay},
}

// Default is the model that answers use when none is named.
const Default = "last_non_direct"

// ModelByID finds a model.
func ModelByID(id string) (*Model, bool) {
	for i := range Models {
		if Models[i].ID == id {
			return &Models[i], true
		}
	}
	return nil, false
}

// Weights returns the model's weights and their sum as text-free integers, for
// explanations. The sum may need more than 64 bits, so it is left to the caller.
func (m *Model) Weights(cfg *Config, touches []event.Touch) []uint64 {
	w := make([]uint64, len(touches))
	if len(touches) > 0 {
		m.weigh(cfg, touches, w)
	}
	return w
}

// Credits gives the credit rows of a net conversion for all models, ordered by
// model and position. Rows in which everything is zero are left out. Without
// touches each model has the row of the unattributed conversion.
func Credits(cfg *Config, touches []event.Touch, value event.Micros) []event.Credit {
	return new(Divider).Credits(nil, cfg, touches, value)
}

// Divider computes credits with buffers of its own, for callers with many
// conversions. One goroutine uses it.
type Divider struct {
	weights     []uint64
	ppm, micros []int64
	rest        []remainder
}

// Credits appends to out what the function of that name returns.
func (d *Divider) Credits(out []event.Credit, cfg *Config, touches []event.Touch, value event.Micros) []event.Credit {
	if len(touches) == 0 {
		for _, m := range Models {
			out = append(out, event.Credit{Model: m.ID, PPM: Whole, Micros: value})
		}
		return out
	}
	n := len(touches)
	w := slices.Grow(d.weights[:0], n)[:n]
	ppm, micros := slices.Grow(d.ppm[:0], n)[:n], slices.Grow(d.micros[:0], n)[:n]
	d.weights, d.ppm, d.micros = w, ppm, micros
	for _, m := range Models {
		clear(w)
		m.weigh(cfg, touches, w)
		if m.Overlapping {
			for i := range w {
				if w[i] > 0 {
					out = append(out, event.Credit{Model: m.ID, Position: i + 1, PPM: Whole, Micros: value})
				}
			}
			continue
		}
		d.split(Whole, w, ppm)
		d.split(uint64(value), w, micros)
		for i := range w {
			if ppm[i] != 0 || micros[i] != 0 {
				out = append(out, event.Credit{Model: m.ID, Position: i + 1, PPM: ppm[i], Micros: event.Micros(micros[i])})
			}
		}
	}
	return out
}
