package pipeline

import (
	"slices"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
)

// creditSums adds up the credits of one conversion by the rows of the two
// attribution rollups: a long path has a thousand credits but far fewer names.
// Its buffers are used again.
type creditSums struct {
	names []creditNames
	cells []creditCell
	index map[creditCell]int
	where [2][]placed // by position, of the two lists

	byName, byCell []sums // model by model
}

type creditNames struct{ campaign, channel string }

// creditCell is a row of hour_attribution_by_touch, but for the model.
type creditCell struct {
	hour  event.Millis
	names creditNames
}

// placed says which names and which cell a touch counts under; zero is unset.
type placed struct{ name, cell int }

// add carries the difference of two lists of credits into the rollups.
func (x *creditSums) add(d *deltas, now *history.Conversion, watermark event.Millis, before, after []credit) {
	x.names, x.cells = x.names[:0], x.cells[:0]
	if x.index == nil {
		x.index = map[creditCell]int{}
	}
	clear(x.index)
	x.where[0] = x.places(x.where[0][:0], now, before)
	x.where[1] = x.places(x.where[1][:0], now, after)
	n, m := len(x.names), len(x.cells)
	x.byName = slices.Grow(x.byName[:0], n*len(attribution.Models))[:n*len(attribution.Models)]
	x.byCell = slices.Grow(x.byCell[:0], m*len(attribution.Models))[:m*len(attribution.Models)]
	clear(x.byName)
	clear(x.byCell)
	x.sum(x.where[0], before, -1)
	x.sum(x.where[1], after, +1)
	for i, model := range attribution.Models {
		for j, s := range x.byName[i*n : (i+1)*n] {
			d.add(minuteAttribution, now.Time, watermark, s, model.ID, x.names[j].campaign, x.names[j].channel, now.Currency)
		}
		for j, s := range x.byCell[i*m : (i+1)*m] {
			c := &x.cells[j]
			d.add(hourByTouch, c.hour, watermark, s, model.ID, c.names.campaign, c.names.channel, now.Currency)
		}
	}
}

// places finds the rows of every position that has a credit.
func (x *creditSums) places(where []placed, now *history.Conversion, list []credit) []placed {
	for i := range list {
		c := &list[i]
		for c.Position >= len(where) {
			where = append(where, placed{-1, -1})
		}
		if where[c.Position].cell < 0 {
			where[c.Position] = x.place(now, c)
		}
	}
	return where
}

// place finds the row of a credit, or makes it.
func (x *creditSums) place(now *history.Conversion, c *credit) placed {
	cell := creditCell{names: creditNames{c.campaign(), c.channel()}, hour: now.Time.Floor(event.Hour)}
	if c.touch != nil {
		cell.hour = c.touch.Time.Floor(event.Hour)
	}
	var p placed
	var ok bool
	if p.cell, ok = x.index[cell]; !ok {
		p.cell = len(x.cells)
		x.cells = append(x.cells, cell)
		x.index[cell] = p.cell
	}
	byName := creditCell{hour: event.NoTime, names: cell.names}
	if p.name, ok = x.index[byName]; !ok {
		p.name = len(x.names)
		x.names = append(x.names, cell.names)
		x.index[byName] = p.name
	}
	return p
}

// sum adds a list, which is in order of the models.
func (x *creditSums) sum(where []placed, list []credit, sign int64) {
	model := 0
	for i := range list {
		c := &list[i]
		for attribution.Models[model].ID != c.Model {
			model++
		}
		p := where[c.Position]
		for _, s := range [2]*sums{&x.byName[model*len(x.names)+p.name], &x.byCell[model*len(x.cells)+p.cell]} {
			s[0] += sign * c.PPM
			s[1] += sign * int64(c.Micros)
		}
	}
}
