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
)

// delivery adds the delivery rows of the range to the figures that pick gives.
func (s *Server) delivery(ctx context.Context, q *query, pick func(place) *figures) error {
	return s.view.Scan(ctx, table.MinuteDelivery, q.from, q.to, func(r table.Row) error {
		p := place{event.Millis(r[0].Int), r[1].Text, r[2].Text, r[3].Text}
		if !q.passes(p) {
			return nil
		}
		f := pick(p)
		c := r[dlvImpressions:]
		f.impressions += c[0].Int
		f.clicks += c[1].Int
		f.givtImpressions += c[2].Int
		f.sivtImpressions += c[3].Int
		f.givtClicks += c[4].Int
		f.sivtClicks += c[5].Int
		f.spend.add(c[6].Int)
		f.invalidSpend.add(c[7].Int)
		f.status = max(f.status, statusOf(r[dlvStatus]))
		return nil
	})
}

// conversionCounts adds the conversions of the range. They have no campaign and
// no channel: only credit has.
func (s *Server) conversionCounts(ctx context.Context, q *query, pick func(place) *figures) error {
	return s.view.Scan(ctx, table.MinuteConversions, q.from, q.to, func(r table.Row) error {
		p := place{time: event.Millis(r[0].Int), currency: r[2].Text}
		if !q.wants("currency", p.currency) {
			return nil
		}
		f := pick(p)
		c := r[cnvCounts:]
		f.conversions += c[0].Int
		f.invalid += c[1].Int
		f.duplicates += c[2].Int
		f.retracted += c[3].Int
		f.value.add(c[4].Int)
		f.unattributed += c[5].Int
		f.status = max(f.status, statusOf(r[cnvStatus]))
		return nil
	})
}

// credit adds the credit of the range on the query's basis to the figures that
// pick gives for its model; nil leaves a row out.
func (s *Server) credit(ctx context.Context, q *query, pick func(p place, model string) *figures) error {
	t := table.MinuteAttribution
	if q.basis == touchTime {
		t = table.HourByTouch
	}
	return s.view.Scan(ctx, t, q.from, q.to, func(r table.Row) error {
		p := place{event.Millis(r[0].Int), r[2].Text, r[3].Text, r[4].Text}
		if !q.passes(p) {
			return nil
		}
		f := pick(p, r[1].Text)
		if f == nil {
			return nil
		}
		ppm, value := r[attPPM].Int, r[attPPM+1].Int
		if p.unattributed() {
			f.unattributedPPM.add(ppm)
			f.unattributedValue.add(value)
		} else {
			f.creditPPM.add(ppm)
			f.creditValue.add(value)
		}
		f.status = max(f.status, statusOf(r[attPPM+2]))
		return nil
	})
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
	if q.filtered("campaign_id", "channel") {
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

// creditFields: roas has 4 places, cpa 6 as all money, both half to even.
func (f *figures) creditFields(q *query, currency string) obj {
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
