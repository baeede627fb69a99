package web

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// fraudKey is one line of the reasons.
type fraudKey struct {
	campaign, publisher, reason, typ, currency string
}

func (k fraudKey) compare(o fraudKey) int {
	return cmp.Or(strings.Compare(k.campaign, o.campaign), strings.Compare(k.publisher, o.publisher),
		strings.Compare(k.reason, o.reason), strings.Compare(k.typ, o.typ), strings.Compare(k.currency, o.currency))
}

// invalidSum is what stands under a reason.
type invalidSum struct {
	events int64
	spend  sum
}

// fraudReasons are the sums of minute_invalid, by what they are looked at.
type fraudReasons struct {
	byReason, byPublisher, byCampaign map[fraudKey]*invalidSum
}

func (s *Server) fraudReasons(q *query) (*fraudReasons, error) {
	out := &fraudReasons{map[fraudKey]*invalidSum{}, map[fraudKey]*invalidSum{}, map[fraudKey]*invalidSum{}}
	err := s.view.Scan(q.r.Context(), table.MinuteInvalid, q.from, q.to, func(r table.Row) error {
		campaign, publisher, typ, reason, currency := r[1].Text, r[2].Text, r[3].Text, r[4].Text, r[5].Text
		if !q.wants("campaign_id", campaign) || !q.wants("currency", currency) || !q.wants("publisher_id", publisher) || !q.wants("reason", reason) {
			return nil
		}
		add := func(m map[fraudKey]*invalidSum, k fraudKey) {
			x := m[k]
			if x == nil {
				x = &invalidSum{}
				m[k] = x
			}
			x.events += r[6].Int
			x.spend.add(r[7].Int)
		}
		add(out.byReason, fraudKey{reason: reason, typ: typ, currency: currency})
		add(out.byPublisher, fraudKey{publisher: publisher, reason: reason, currency: currency})
		add(out.byCampaign, fraudKey{campaign: campaign, reason: reason, currency: currency})
		return nil
	})
	return out, err
}

// fraudSummary goes from gross to net, and says why by reason, campaign and
// publisher. An event with several reasons stands under each, so that the
// reasons do not sum to the totals.
func (s *Server) fraudSummary(q *query) (*answer, error) {
	q.widen(event.Minute)
	s.readStatus(q)
	totals, campaigns := map[string]*figures{}, map[groupKey]*figures{}
	err := s.sums(q.r.Context(), q, table.MinuteDelivery, "", false, func(p place) *figures {
		return figuresOf(campaigns, groupKey{group: p.campaign, currency: p.currency})
	})
	if err != nil {
		return nil, err
	}
	for k, f := range campaigns {
		figuresOf(totals, k.currency).merge(f)
	}
	if !q.filtered("campaign_id") {
		err := s.conversionCounts(q.r.Context(), q, func(p place) *figures { return figuresOf(totals, p.currency) })
		if err != nil {
			return nil, err
		}
	}
	reasons, err := s.fraudReasons(q)
	if err != nil {
		return nil, err
	}
	worst := final
	for _, f := range totals {
		worst = max(worst, f.status)
	}
	return &answer{body: obj{
		{"data", obj{
			{"totals", fraudTotals(q, totals)},
			{"by_reason", byReason(reasons.byReason)},
			{"by_campaign", fraudCampaigns(q, campaigns)},
			{"by_campaign_reason", reasonRows(reasons.byCampaign, func(k fraudKey) field { return field{"campaign_id", k.campaign} })},
			{"by_publisher", reasonRows(reasons.byPublisher, func(k fraudKey) field { return field{"publisher_id", k.publisher} })},
		}},
		{"meta", q.meta(worst)},
	}}, nil
}

func fraudTotals(q *query, totals map[string]*figures) []obj {
	out := []obj{}
	for _, c := range sortedKeys(totals, strings.Compare) {
		f := totals[c]
		out = append(out, obj{
			{"currency", c},
			{"gross_impressions", f.impressions},
			{"givt_impressions", f.givtImpressions},
			{"sivt_impressions", f.sivtImpressions},
			{"net_impressions", f.impressions - f.givtImpressions - f.sivtImpressions},
			{"gross_clicks", f.clicks},
			{"givt_clicks", f.givtClicks},
			{"sivt_clicks", f.sivtClicks},
			{"net_clicks", f.clicks - f.givtClicks - f.sivtClicks},
			{"invalid_rate", f.invalidRate()},
			{"gross_spend", moneyOf(f.spend, c)},
			{"invalid_spend", moneyOf(f.invalidSpend, c)},
			{"net_spend", moneyOf(f.spend.sub(f.invalidSpend), c)},
			{"gross_conversions", f.conversions},
			{"invalid_conversions", f.invalid},
			{"duplicate_conversions", f.duplicates},
			{"net_conversions", f.conversions - f.invalid - f.duplicates},
			{"status", q.closed(f.status, q.to).String()},
		})
	}
	return out
}

func (f *figures) invalidImpressions() int64 { return f.givtImpressions + f.sivtImpressions }
func (f *figures) invalidClicks() int64      { return f.givtClicks + f.sivtClicks }
func (f *figures) invalidRate() any {
	return rate(f.invalidImpressions()+f.invalidClicks(), f.impressions+f.clicks)
}

// fraudCampaigns lists what was paid for invalid traffic, the most first.
func fraudCampaigns(q *query, campaigns map[groupKey]*figures) []obj {
	keys := sortedKeys(campaigns, groupKey.compare)
	slices.SortStableFunc(keys, func(a, b groupKey) int {
		return campaigns[b].invalidSpend.big().Cmp(campaigns[a].invalidSpend.big())
	})
	out := make([]obj, 0, len(keys))
	for _, k := range keys {
		f := campaigns[k]
		out = append(out, obj{
			{"campaign_id", k.group},
			{"currency", k.currency},
			{"gross_impressions", f.impressions},
			{"invalid_impressions", f.invalidImpressions()},
			{"gross_clicks", f.clicks},
			{"invalid_clicks", f.invalidClicks()},
			{"invalid_rate", f.invalidRate()},
			{"gross_spend", moneyOf(f.spend, k.currency)},
			{"invalid_spend", moneyOf(f.invalidSpend, k.currency)},
			{"net_spend", moneyOf(f.spend.sub(f.invalidSpend), k.currency)},
			{"status", q.closed(f.status, q.to).String()},
		})
	}
	return out
}

func byReason(sums map[fraudKey]*invalidSum) []obj {
	out := []obj{}
	for _, k := range sortedKeys(sums, fraudKey.compare) {
		verdict, tier := "", 0
		if r, ok := event.ReasonByName(k.reason); ok {
			verdict, tier = r.Verdict().String(), r.Tier()
		}
		out = append(out, obj{
			{"reason", k.reason},
			{"verdict", verdict},
			{"tier", tier},
			{"type", k.typ},
			{"currency", k.currency},
			{"events", sums[k].events},
			{"spend", moneyOf(sums[k].spend, k.currency)},
		})
	}
	return out
}

func reasonRows(sums map[fraudKey]*invalidSum, group func(fraudKey) field) []obj {
	out := []obj{}
	for _, k := range sortedKeys(sums, fraudKey.compare) {
		out = append(out, obj{
			group(k),
			{"reason", k.reason},
			{"currency", k.currency},
			{"events", sums[k].events},
			{"spend", moneyOf(sums[k].spend, k.currency)},
		})
	}
	return out
}
