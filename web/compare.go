package web

import (
	"context"
	"errors"
	"math/big"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// What a range may be compared with.
const (
	previousPeriod = "previous_period"
	yesterday      = "yesterday"
	lastWeek       = "last_week"
)

// comparison is the query for the range that a query is compared with.
type comparison struct {
	*query
	mode  string
	shift func(event.Millis) event.Millis
	worst status
	begin event.Millis // of the data, where that is later than of the range; NoTime otherwise
}

// comparison is nil when nothing is compared. The range is as long as the part
// of the query's that has been: half a day is compared with half a day.
func (q *query) comparison() *comparison {
	if q.compare == "" {
		return nil
	}
	end := q.to
	if now := ceil(q.now, q.grain()); now > q.from {
		end = min(end, now)
	}
	c := &comparison{mode: q.compare, begin: event.NoTime}
	switch q.compare {
	case previousPeriod:
		length := end - q.from
		c.shift = func(t event.Millis) event.Millis { return t - length }
	case yesterday:
		c.shift = q.daysBefore(1)
	case lastWeek:
		c.shift = q.daysBefore(7)
	default:
		panic("BUG: compare " + q.compare)
	}
	x := *q
	x.from, x.to, x.cut = c.shift(q.from), c.shift(end), nil
	c.query = &x
	return c
}

// daysBefore shifts by days of the calendar: the clock shows the same time.
func (q *query) daysBefore(days int) func(event.Millis) event.Millis {
	return func(t event.Millis) event.Millis {
		return event.Millis(t.Time().In(q.loc).AddDate(0, 0, -days).UnixMilli()).Floor(q.grain())
	}
}

func ceil(t, grain event.Millis) event.Millis {
	if f := t.Floor(grain); f != t {
		return f + grain
	}
	return t
}

func (c *comparison) meta() field {
	var begin any
	if c.begin != event.NoTime {
		begin = c.begin.String()
	}
	return field{"compare", obj{
		{"mode", c.mode},
		{"from", c.from.String()},
		{"to", c.to.String()},
		{"data_from", begin},
		{"status", c.closed(c.worst, c.to).String()},
	}}
}

var errSeen = errors.New("seen enough")

// findBegin sees whether there are data before the range, and where they begin
// if not: to compare with a range of which a part was never recorded misleads.
func (c *comparison) findBegin(ctx context.Context, v View, q *query) error {
	first := event.NoTime
	see := func(r table.Row) error {
		first = event.Millis(r[0].Int)
		return errSeen
	}
	err := v.Scan(ctx, table.MinuteDelivery, event.NoTime, c.from+event.Minute, see)
	if err == nil {
		if err = v.Scan(ctx, table.MinuteDelivery, c.from+event.Minute, q.to, see); errors.Is(err, errSeen) {
			c.begin = first
		}
	}
	if errors.Is(err, errSeen) {
		err = nil
	}
	return err
}

// fields are the members that a comparison adds to an entry.
func (c *comparison) fields(q *query, now, before *figures, entry func(*query, *figures) obj) obj {
	if before == nil && now.isBlank() {
		before = &figures{} // the row that names the columns
	}
	if before == nil {
		return obj{{"previous", nil}, {"change", changes(q, now, &figures{})}}
	}
	return obj{{"previous", entry(c.query, before)}, {"change", changes(q, now, before)}}
}

// changes is (now - before) / before of every figure, exactly until it is
// rounded.
func changes(q *query, now, before *figures) obj {
	out := obj{}
	a, b := measures(q, now), measures(q, before)
	for i, m := range a {
		var change any
		if x, y := m.value, b[i].value; x != nil && y != nil && y.Sign() != 0 {
			r := new(big.Rat).Sub(x, y)
			r.Quo(r, y)
			change = quotient(r.Num(), r.Denom(), 4)
		}
		out = append(out, field{m.name, change})
	}
	return out
}

// isBlank says that nothing was counted.
func (f *figures) isBlank() bool { return *f == figures{} }

type measure struct {
	name  string
	value *big.Rat // nil where there is none
}

// measures are the figures as exact numbers.
func measures(q *query, f *figures) []measure {
	ratio := func(n, d *big.Int) *big.Rat {
		if d.Sign() == 0 {
			return nil
		}
		return new(big.Rat).SetFrac(n, d)
	}
	whole := func(n int64) *big.Rat { return new(big.Rat).SetInt64(n) }
	impressions, clicks, conversions := f.impressions, f.clicks, f.conversions
	invalid := f.givtImpressions + f.sivtImpressions + f.givtClicks + f.sivtClicks
	if q.traffic == trafficNet {
		impressions -= f.givtImpressions + f.sivtImpressions
		clicks -= f.givtClicks + f.sivtClicks
		conversions -= f.invalid + f.duplicates
	}
	spend, value := f.shownSpend(q.traffic).big(), f.creditValue.big()
	out := []measure{
		{"impressions", whole(impressions)},
		{"clicks", whole(clicks)},
		{"ctr", ratio(big.NewInt(clicks), big.NewInt(impressions))},
		{"invalid_rate", ratio(big.NewInt(invalid), big.NewInt(f.impressions+f.clicks))},
		{"spend", new(big.Rat).SetInt(spend)},
		{"conversions", whole(conversions)},
		{"value", new(big.Rat).SetInt(f.value.big())},
		{"credited_conversions", new(big.Rat).SetInt(f.creditPPM.big())},
		{"credited_value", new(big.Rat).SetInt(value)},
		{"roas", ratio(value, spend)},
		{"cpa", ratio(spend, f.creditPPM.big())},
	}
	for i := range out {
		switch out[i].name {
		case "conversions", "value":
			if !q.hasConversions() {
				out[i].value = nil
			}
		case "credited_conversions", "credited_value", "roas", "cpa":
			if !q.hasCredit() {
				out[i].value = nil
			}
		}
	}
	return out
}
