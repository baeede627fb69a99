package oracle

import (
	"fmt"
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// rollup sums numbers by key: after the key come the numbers, in the order of
// the table's columns.
type rollup struct {
	t    *table.Table
	rows []table.Row
	at   map[string]int // index of a row by its key as text
}

func (r *rollup) add(key table.Row, numbers ...int64) {
	if r.at == nil {
		r.at = map[string]int{}
	}
	text := fmt.Sprintf("%#v", key)
	i, ok := r.at[text]
	if !ok {
		i = len(r.rows)
		r.at[text] = i
		r.rows = append(r.rows, append(slices.Clone(key), make(table.Row, len(numbers))...))
	}
	for n, x := range numbers {
		r.rows[i][r.t.Keys+n].Int += x
	}
}

// finish drops rows in which nothing is other than zero, and adds the status.
func (m *model) finish(r rollup) {
	for _, row := range r.rows {
		zero := true
		for _, v := range row[r.t.Keys:] {
			zero = zero && v.Int == 0
		}
		if !zero {
			m.add(r.t, append(row, table.T(final)))
		}
	}
}

func (m *model) tabulateDelivery() {
	minutes, hours := rollup{t: table.MinuteDelivery}, rollup{t: table.HourDelivery}
	for _, e := range m.of(event.Impression, event.Click) {
		n := make([]int64, 8) // impressions clicks givt_i sivt_i givt_c sivt_c spend invalid_spend
		kind := 0
		if e.Kind == event.Click {
			kind = 1
		}
		n[kind]++
		switch e.verdict {
		case event.GIVT:
			n[2+2*kind]++
		case event.SIVT:
			n[3+2*kind]++
		}
		n[6] = int64(e.Amount)
		if e.invalid() {
			n[7] = int64(e.Amount)
		}
		minutes.add(table.Row{
			table.At(e.Time.Floor(event.Minute)), table.T(e.Campaign), table.T(e.Channel), table.T(e.Currency),
		}, n...)
		hours.add(table.Row{
			table.At(e.Time.Floor(event.Hour)), table.T(e.Campaign), table.T(e.AdGroup), table.T(e.Creative),
			table.T(e.Publisher), table.T(e.Country), table.T(e.Channel), table.T(e.Currency),
		}, n...)
	}
	m.finish(minutes)
	m.finish(hours)
}

// tabulateConversions fills conversions, credits and the tables summed from
// them.
func (m *model) tabulateConversions() {
	minutes := rollup{t: table.MinuteConversions}
	byConversion, byTouch := rollup{t: table.MinuteAttribution}, rollup{t: table.HourByTouch}
	for _, c := range m.of(event.Conversion) {
		var sessionID string
		if c.session != nil {
			sessionID = c.session.id()
		}
		m.add(table.Conversions, table.Row{
			table.T(c.ID), table.T(c.Person), table.At(c.Time), table.T(c.Name), table.T(c.OrderID),
			table.Money(c.Amount), table.Money(c.value), table.T(c.Currency), table.T(c.verdict.String()),
			table.T(c.adjusted), table.I(int64(len(c.path))), table.I(int64(c.dropped)), table.T(sessionID), table.T(final),
		})
		n := []int64{1, 0, 0, 0, int64(c.value), 0}
		switch {
		case c.invalid():
			n[1] = 1
		case c.verdict == event.Duplicate:
			n[2] = 1
		case c.adjusted == retracted:
			n[3] = 1
		case len(c.path) == 0:
			n[5] = 1
		}
		minute := c.Time.Floor(event.Minute)
		minutes.add(table.Row{table.At(minute), table.T(c.Name), table.T(c.Currency)}, n...)
		if !c.counted() {
			continue
		}
		for _, model := range Models {
			for _, r := range m.creditRows(c, model) {
				m.add(table.Credits, r)
				touchTime := event.Millis(r[3].Int)
				if touchTime == event.NoTime {
					touchTime = c.Time
				}
				campaign, channel, ppm, micros := r[6], r[9], r[11].Int, r[12].Int
				byConversion.add(table.Row{table.At(minute), table.T(model), campaign, channel, table.T(c.Currency)}, ppm, micros)
				byTouch.add(table.Row{table.At(touchTime.Floor(event.Hour)), table.T(model), campaign, channel, table.T(c.Currency)}, ppm, micros)
			}
		}
	}
	m.finish(minutes)
	m.finish(byConversion)
	m.finish(byTouch)
}

// creditRows are the rows of credits of one counted conversion and model.
func (m *model) creditRows(c *ev, model string) []table.Row {
	if len(c.path) == 0 {
		return []table.Row{{
			table.T(c.ID), table.T(model), table.I(0), table.At(event.NoTime), table.T(""), table.T(""), table.T(""),
			table.T(""), table.T(""), table.T("(none)"), table.I(0), table.I(wholePPM), table.Money(c.value), table.T(c.Currency),
		}}
	}
	var rows []table.Row
	for _, k := range credits(model, c.path, c.value, m.cfg.Attribution.HalfLife) {
		t := c.path[k.position-1]
		rows = append(rows, table.Row{
			table.T(c.ID), table.T(model), table.I(int64(k.position)), table.At(t.Time), table.T(t.ID), table.T(t.typ),
			table.T(t.Campaign), table.T(t.AdGroup), table.T(t.Creative), table.T(t.Channel),
			table.I(int64(len(c.path))), table.I(k.ppm), table.Money(k.micros), table.T(c.Currency),
		})
	}
	return rows
}
