package web

import (
	"context"
	"math/big"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// unattributedChannel marks, with an empty campaign, the credit of conversions
// without touches.
const unattributedChannel = "(none)"

// figures are the sums behind one entry of an answer: all of one currency.
type figures struct {
	impressions, givtImpressions, sivtImpressions int64
	clicks, givtClicks, sivtClicks                int64
	spend, invalidSpend                           sum

	conversions, invalid, duplicates, retracted, unattributed int64
	value                                                     sum

	creditPPM, creditValue             sum // of touches
	unattributedPPM, unattributedValue sum

	status status
}

// place says where a row of the aggregates stands.
type place struct {
	time              event.Millis
	campaign, channel string
	currency          string
}

var (
	dlvImpressions = table.MinuteDelivery.Col("impressions")
	dlvStatus      = table.MinuteDelivery.Col("status")
	cnvCounts      = table.MinuteConversions.Col("conversions")
	cnvStatus      = table.MinuteConversions.Col("status")
	attPPM         = table.MinuteAttribution.Col("credit_ppm")

	hourImpressions = table.HourDelivery.Col("impressions")
)

// sums adds what the cube has of a table in the range to the figures that pick
// gives; where it gives nil, a place is left out. Figures that are not told
// apart by campaign or channel ask for the whole: with no filter by them the
// totals of the chunks do.
func (s *Server) sums(ctx context.Context, q *query, t *table.Table, model string, whole bool, pick func(place) *figures) error {
	if t == table.MinuteConversions {
		whole = true // they have neither
	} else if q.filtered("campaign_id", "channel") {
		whole = false
	}
	return s.cube.each(ctx, t, model, q.from, q.to, q.cut, func(x *chunk) {
		if whole {
			for i := range x.totals {
				n := &x.totals[i]
				p := place{time: x.key.start, currency: n.currency}
				if !q.wants("currency", p.currency) {
					continue
				}
				if f := pick(p); f != nil {
					f.merge(&n.figures)
					f.status = max(f.status, q.statusOf(t, n.minute, n.restated))
				}
			}
			return
		}
		for i := range x.parts {
			c := &x.parts[i]
			if !q.passes(c.place) {
				continue
			}
			p := c.place
			p.time = x.key.start
			if f := pick(p); f != nil {
				c.addTo(f, t)
				f.status = max(f.status, q.statusOf(t, c.minute, c.restated))
			}
		}
	})
}

// statusOf is the status of a row as of the watermark of the answer.
func (q *query) statusOf(t *table.Table, window event.Millis, restatedRow bool) status {
	end := window + widthOf(t) - 1
	if t == table.HourByTouch {
		end = end.Add(q.lookback)
	}
	switch {
	case q.watermark == event.NoTime || end > q.watermark:
		return provisional
	case restatedRow:
		return restated
	}
	return final
}

// delivery adds the delivery of the range to the figures that pick gives.
func (s *Server) delivery(ctx context.Context, q *query, whole bool, pick func(place) *figures) error {
	if q.hourly() {
		return s.hourDelivery(ctx, q, pick)
	}
	return s.sums(ctx, q, table.MinuteDelivery, "", whole, pick)
}

// hourDelivery reads the table that has all names of delivery; it is not kept in
// the cube, as its rows are many and it is asked for by a filter only.
func (s *Server) hourDelivery(ctx context.Context, q *query, pick func(place) *figures) error {
	return s.view.Scan(ctx, table.HourDelivery, q.from, q.to, func(r table.Row) error {
		p := place{campaign: r[1].Text, channel: r[6].Text, currency: r[7].Text, time: event.Millis(r[0].Int)}
		if !q.passes(p) || !q.wants("ad_group_id", r[2].Text) || !q.wants("creative_id", r[3].Text) ||
			!q.wants("publisher_id", r[4].Text) || !q.wants("country", r[5].Text) {
			return nil
		}
		f := pick(p)
		if f == nil {
			return nil
		}
		n := r[hourImpressions:]
		f.impressions += n[0].Int
		f.clicks += n[1].Int
		f.givtImpressions += n[2].Int
		f.sivtImpressions += n[3].Int
		f.givtClicks += n[4].Int
		f.sivtClicks += n[5].Int
		f.spend.add(n[6].Int)
		f.invalidSpend.add(n[7].Int)
		f.status = max(f.status, q.statusOf(table.HourDelivery, p.time, n[8].Text == "restated"))
		return nil
	})
}

// hourly says whether a filter asks for what delivery by the minute does not
// have.
func (q *query) hourly() bool {
	return q.filtered("ad_group_id", "creative_id", "publisher_id", "country")
}

// conversionCounts adds the conversions of the range. They have no campaign and
// no channel: only credit has.
func (s *Server) conversionCounts(ctx context.Context, q *query, pick func(place) *figures) error {
	return s.sums(ctx, q, table.MinuteConversions, "", true, pick)
}

// credit adds the credit of the range under a model, on the query's basis, to
// the figures that pick gives.
func (s *Server) credit(ctx context.Context, q *query, model string, whole bool, pick func(place) *figures) error {
	t := table.MinuteAttribution
	if q.basis == touchTime {
		t = table.HourByTouch
	}
	return s.sums(ctx, q, t, model, whole, pick)
}

func (q *query) passes(p place) bool {
	return q.wants("campaign_id", p.campaign) && q.wants("channel", p.channel) && q.wants("currency", p.currency)
}

func (p place) unattributed() bool { return p.campaign == "" && p.channel == unattributedChannel }

// shownSpend is the spend of the traffic asked for: gross, or less what was
// paid for invalid traffic.
func (f *figures) shownSpend(traffic string) sum {
	if traffic == trafficGross {
		return f.spend
	}
	return f.spend.sub(f.invalidSpend)
}

// deliveryFields: rates are null where nothing was counted that they divide by.
// ctr and invalid_rate have 6 places, half to even.
func (f *figures) deliveryFields(q *query, currency string) obj {
	impressions, clicks := f.impressions, f.clicks
	invalid := f.givtImpressions + f.sivtImpressions + f.givtClicks + f.sivtClicks
	if q.traffic == trafficNet {
		impressions -= f.givtImpressions + f.sivtImpressions
		clicks -= f.givtClicks + f.sivtClicks
	}
	return obj{
		{"impressions", impressions},
		{"clicks", clicks},
		{"ctr", rate(clicks, impressions)},
		{"givt_impressions", f.givtImpressions},
		{"sivt_impressions", f.sivtImpressions},
		{"givt_clicks", f.givtClicks},
		{"sivt_clicks", f.sivtClicks},
		{"invalid_rate", rate(invalid, f.impressions+f.clicks)},
		{"spend", moneyOf(f.shownSpend(q.traffic), currency)},
		{"invalid_spend", moneyOf(f.invalidSpend, currency)},
	}
}

// conversionFields are null where a filter asks for a campaign or channel, which
// a conversion as such does not have.
func (f *figures) conversionFields(q *query, currency string) obj {
	if !q.hasConversions() {
		return obj{
			{"conversions", nil},
			{"invalid_conversions", nil},
			{"duplicate_conversions", nil},
			{"retracted_conversions", nil},
			{"unattributed_conversions", nil},
			{"value", nil},
		}
	}
	conversions := f.conversions
	if q.traffic == trafficNet {
		conversions -= f.invalid + f.duplicates
	}
	return obj{
		{"conversions", conversions},
		{"invalid_conversions", f.invalid},
		{"duplicate_conversions", f.duplicates},
		{"retracted_conversions", f.retracted},
		{"unattributed_conversions", f.unattributed},
		{"value", moneyOf(f.value, currency)},
	}
}

// hasConversions: conversions as such have neither campaign nor channel, nor
// anything else that delivery is filtered by.
func (q *query) hasConversions() bool { return !q.filtered("campaign_id", "channel") && !q.hourly() }

// hasCredit: credit is not kept by what only delivery has. (Creatives have it,
// and a route of their own.)
func (q *query) hasCredit() bool { return q.groupBy == "creative" || !q.hourly() }

// creditFields: roas has 4 places, cpa 6 as all money, both half to even.
func (f *figures) creditFields(q *query, currency string) obj {
	if !q.hasCredit() {
		return obj{{"credited_conversions", nil}, {"credited_value", nil}, {"roas", nil}, {"cpa", nil}}
	}
	spend, ppm := f.shownSpend(q.traffic).big(), f.creditPPM.big()
	var cpa any
	// micros per conversion = spend / (ppm / 10^6)
	if n := divide(spend, ppm, 6); n != nil {
		cpa = money{millionths(n, 2), currency}
	}
	return obj{
		{"credited_conversions", number(millionths(ppm, 0))},
		{"credited_value", moneyOf(f.creditValue, currency)},
		{"roas", quotient(f.creditValue.big(), spend, 4)},
		{"cpa", cpa},
	}
}

// rate is n/d with 6 places, half to even; null where d is 0.
func rate(n, d int64) any { return quotient(big.NewInt(n), big.NewInt(d), 6) }

func join(parts ...obj) obj {
	var out obj
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// merge adds all sums of o.
func (f *figures) merge(o *figures) {
	f.impressions += o.impressions
	f.clicks += o.clicks
	f.givtImpressions += o.givtImpressions
	f.sivtImpressions += o.sivtImpressions
	f.givtClicks += o.givtClicks
	f.sivtClicks += o.sivtClicks
	f.spend.addSum(o.spend)
	f.invalidSpend.addSum(o.invalidSpend)
	f.conversions += o.conversions
	f.invalid += o.invalid
	f.duplicates += o.duplicates
	f.retracted += o.retracted
	f.unattributed += o.unattributed
	f.value.addSum(o.value)
	f.creditPPM.addSum(o.creditPPM)
	f.creditValue.addSum(o.creditValue)
	f.unattributedPPM.addSum(o.unattributedPPM)
	f.unattributedValue.addSum(o.unattributedValue)
	f.status = max(f.status, o.status)
}
