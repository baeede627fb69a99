package oracle

import (
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// What the column adjusted says.
const (
	retracted = "retracted"
	restated  = "restated" // also a status
	final     = "final"
)

// adjust finds the targets of every adjustment, gives each conversion the
// greatest that applies to it, and makes dead letters of those without target.
func (m *model) adjust() {
	conversions := m.of(event.Conversion)
	for _, c := range conversions {
		c.value = c.Amount
	}
	for _, a := range m.of(event.Adjustment) { // in order: the greatest comes last
		targets := m.targets(a, conversions)
		applies := slices.DeleteFunc(slices.Clone(targets), func(c *ev) bool {
			return a.Restate && a.Currency != "" && a.Currency != c.Currency
		})
		if len(applies) == 0 {
			why := "no conversion for " + a.Adjusts + " within the window"
			if len(targets) > 0 {
				why = "currency " + a.Currency + " is not the conversion's"
			}
			m.add(table.DeadLetters, deadRow(event.DeadLetter{Pos: a.Pos, Code: event.BadAdjustment, Message: why, Raw: a.Raw}))
		}
		for _, c := range applies {
			if a.Restate {
				c.adjusted, c.value = restated, a.Amount
			} else {
				c.adjusted, c.value = retracted, 0
			}
		}
	}
	for _, c := range conversions {
		if !c.counted() {
			c.value = 0
		}
	}
}

// targets: an event id of any conversion is that conversion, in the window or
// not; else every conversion of that order which is not a duplicate.
func (m *model) targets(a *ev, conversions []*ev) []*ev {
	named := slices.DeleteFunc(slices.Clone(conversions), func(c *ev) bool { return c.ID != a.Adjusts })
	if len(named) == 0 {
		named = slices.DeleteFunc(slices.Clone(conversions), func(c *ev) bool {
			return c.OrderID != a.Adjusts || c.verdict == event.Duplicate
		})
	}
	return slices.DeleteFunc(named, func(c *ev) bool {
		return abs(c.Time-a.Time) > m.cfg.Attribution.AdjustmentWindow.Millis()
	})
}
