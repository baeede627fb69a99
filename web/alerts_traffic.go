package web

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// A campaign is compared with its own last day. The limits are such that
// ordinary traffic hardly ever passes them by chance: 20 expected events that do
// not come, four standard errors, five expected conversions that do not come.
const (
	pastHours      = 23 // before the last hour
	nearMinutes    = 180
	silentFor      = 15 * event.Minute
	leastHours     = 18 // with traffic, of the past hours
	leastExpected  = 20 // events that should have come in the silence
	spikeEvents    = 100
	spikePastMin   = 500
	spikePoints    = 0.05
	spikeErrors    = 4
	spikeCritical  = 0.5
	costlyCPAs     = 5
	leastCredited  = 10 // conversions of all campaigns, to speak of a usual cost
	convExpected   = 10 // conversions an hour, to miss them
	bucketMinutes  = 10 // of the near past
	nearBuckets    = nearMinutes / bucketMinutes
	millionthsUnit = 1e6
)

// traffic is what campaigns did lately, as of the last complete minute.
type traffic struct {
	end       event.Millis // nothing before it is open; NoTime when there is nothing
	campaigns map[groupKey]*recentCampaign
	money     map[string]*recentMoney // by currency
	openSpend *stake                  // since the watermark
}

// recentCampaign is one campaign in one currency.
type recentCampaign struct {
	past, hour figures // the past hours, and the last one
	hours      uint32  // which of the past hours had traffic: bit 0 is the oldest
	buckets    [nearBuckets]figures
	lastSeen   event.Millis // the last minute with traffic in the near past
	firstSpend event.Millis
}

// recentMoney is all of one currency.
type recentMoney struct {
	past, hour figures
	hours      uint32       // which of the past hours had conversions
	lastConv   event.Millis // the last minute with a conversion in the near past
}

func (s *Server) recentTraffic(q *query) (*traffic, error) {
	t := &traffic{end: event.NoTime, campaigns: map[groupKey]*recentCampaign{}, money: map[string]*recentMoney{}}
	if q.watermark == event.NoTime {
		return t, nil
	}
	t.end = (q.watermark + 1).Floor(event.Minute)
	hourAgo := t.end - event.Hour
	from := hourAgo - pastHours*event.Hour
	ctx := q.r.Context()
	minutes := func(_, _ event.Millis) bool { return true }
	ask := func(from, to event.Millis, cut func(from, to event.Millis) bool) *query {
		return &query{r: q.r, from: from, to: to, watermark: q.watermark, lookback: q.lookback, model: defaultModel, basis: conversionTime, traffic: trafficNet, cut: cut}
	}
	campaign := func(p place) *recentCampaign {
		k := groupKey{group: p.campaign, currency: p.currency}
		c := t.campaigns[k]
		if c == nil {
			c = &recentCampaign{lastSeen: event.NoTime, firstSpend: event.NoTime}
			t.campaigns[k] = c
		}
		return c
	}
	cash := func(currency string) *recentMoney {
		m := t.money[currency]
		if m == nil {
			m = &recentMoney{lastConv: event.NoTime}
			t.money[currency] = m
		}
		return m
	}
	bit := func(at event.Millis) uint32 { return 1 << (max(0, at-from) / event.Hour) }
	past, near := ask(from, hourAgo, nil), ask(t.end-nearMinutes*event.Minute, t.end, minutes)
	steps := []func() error{
		func() error {
			return s.sums(ctx, past, table.MinuteDelivery, "", false, func(p place) *figures {
				c := campaign(p)
				c.hours |= bit(p.time)
				if c.firstSpend == event.NoTime || p.time < c.firstSpend {
					c.firstSpend = p.time
				}
				return &c.past
			})
		},
		func() error {
			return s.sums(ctx, past, table.MinuteAttribution, defaultModel, false, func(p place) *figures {
				if p.unattributed() {
					return nil
				}
				return &campaign(p).past
			})
		},
		func() error {
			return s.sums(ctx, past, table.MinuteConversions, "", true, func(p place) *figures {
				m := cash(p.currency)
				m.hours |= bit(p.time)
				return &m.past
			})
		},
		func() error {
			return s.sums(ctx, near, table.MinuteDelivery, "", false, func(p place) *figures {
				c := campaign(p)
				c.lastSeen = max(c.lastSeen, p.time)
				if c.firstSpend == event.NoTime {
					c.firstSpend = p.time
				}
				return &c.buckets[(p.time-near.from)/(bucketMinutes*event.Minute)]
			})
		},
		func() error {
			last := ask(hourAgo, t.end, minutes)
			return s.sums(ctx, last, table.MinuteAttribution, defaultModel, false, func(p place) *figures {
				if p.unattributed() {
					return nil
				}
				return &campaign(p).hour
			})
		},
		func() error {
			return s.sums(ctx, near, table.MinuteConversions, "", true, func(p place) *figures {
				m := cash(p.currency)
				m.lastConv = max(m.lastConv, p.time)
				if p.time < hourAgo {
					return nil
				}
				return &m.hour
			})
		},
		func() error {
			return t.readOpen(s, ask(t.end, max(ceil(q.now, event.Minute), t.end+event.Minute), nil))
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	for k, c := range t.campaigns {
		for i := nearBuckets - 60/bucketMinutes; i < nearBuckets; i++ {
			c.hour.merge(&c.buckets[i])
		}
		m := cash(k.currency)
		addMoney(&m.past, &c.past)
		addMoney(&m.hour, &c.hour)
	}
	return t, nil
}

// addMoney adds what a campaign spent and was credited with.
func addMoney(f, o *figures) {
	f.spend.addSum(o.spend)
	f.invalidSpend.addSum(o.invalidSpend)
	f.creditPPM.addSum(o.creditPPM)
	f.creditValue.addSum(o.creditValue)
}

// readOpen sums what was spent since the watermark.
func (t *traffic) readOpen(s *Server, q *query) error {
	by := map[string]*figures{}
	err := s.sums(q.r.Context(), q, table.MinuteDelivery, "", true, func(p place) *figures { return figuresOf(by, p.currency) })
	for _, c := range sortedKeys(by, strings.Compare) {
		t.openSpend = greater(t.openSpend, &stake{by[c].spend.big(), c, "spend that is still provisional"})
	}
	return err
}

// greater is the one of more money; nothing and nil are less.
func greater(a, b *stake) *stake {
	if b == nil || b.amount.Sign() <= 0 || a != nil && a.amount.Cmp(b.amount) >= 0 {
		return a
	}
	return b
}

// usualSpend is what is usually spent in so much time, of the currency of which
// it is most.
func (t *traffic) usualSpend(d event.Millis, note string) *stake {
	var best *stake
	for _, c := range sortedKeys(t.money, strings.Compare) {
		m := t.money[c]
		best = greater(best, &stake{portion(m.past.spend.big(), d), c, note})
	}
	return best
}

// portion is what so much time has of an amount of the past hours.
func portion(amount *big.Int, d event.Millis) *big.Int {
	n := new(big.Int).Mul(amount, big.NewInt(int64(max(0, d))))
	return n.Quo(n, big.NewInt(int64(pastHours*event.Hour)))
}

// alerts are those of campaigns and of conversions.
func (t *traffic) alerts() []*alert {
	var out []*alert
	if t.end == event.NoTime {
		return nil
	}
	for _, currency := range sortedKeys(t.money, strings.Compare) {
		if a := t.conversionsStopped(currency); a != nil {
			out = append(out, a)
		}
	}
	for _, k := range sortedKeys(t.campaigns, groupKey.compare) {
		if k.group == "" {
			continue // traffic without a campaign
		}
		for _, rule := range []func(groupKey, *recentCampaign) *alert{t.stopped, t.spike, t.unrewarded} {
			if a := rule(k, t.campaigns[k]); a != nil {
				a.subject, a.id, a.link = "campaign", k.group, campaignLink(k.group)
				out = t.join(out, a)
			}
		}
	}
	return out
}

// join adds an alert; of one campaign in two currencies the greater stake counts,
// so that an id is there once.
func (t *traffic) join(list []*alert, a *alert) []*alert {
	for i, b := range list {
		if b.key() == a.key() {
			if a.rank(b) < 0 {
				list[i] = a
			}
			return list
		}
	}
	return append(list, a)
}

// conversionsStopped: none came for an hour, where there always were some.
func (t *traffic) conversionsStopped(currency string) *alert {
	m := t.money[currency]
	perHour := m.past.conversions / pastHours
	if perHour < convExpected || bits.OnesCount32(m.hours) < leastHours || m.hour.conversions > 0 {
		return nil
	}
	since := max(m.lastConv+event.Minute, t.end-nearMinutes*event.Minute)
	silent := t.end - since
	return &alert{
		kind: "conversions_stopped", severity: "critical", subject: "pipeline", id: currency, link: "/conversions",
		title:  "No conversion in " + currency + " for " + span(silent),
		detail: fmt.Sprintf("usually there are %d an hour", perHour),
		action: "See whether the shop still sends conversions: its tag, its server, the topic. They are counted when they come later.",
		since:  since, stake: greater(nil, &stake{portion(m.past.value.big(), silent), currency, "usual value of conversions in this time"}),
	}
}

// stopped: a campaign that ran all day is silent.
func (t *traffic) stopped(k groupKey, c *recentCampaign) *alert {
	events := c.past.impressions + c.past.clicks
	since := max(c.lastSeen+event.Minute, t.end-nearMinutes*event.Minute)
	silent := t.end - since
	if silent < silentFor || bits.OnesCount32(c.hours) < leastHours || c.hours&1 == 0 {
		return nil // or it was silent at this time of yesterday too
	}
	if events*int64(silent) < leastExpected*int64(pastHours*event.Hour) {
		return nil
	}
	worth := portion(c.past.creditValue.big(), silent)
	note := "usual credited value in this time, under " + defaultModel
	if worth.Sign() == 0 {
		worth, note = portion(c.past.spend.big(), silent), "usual spend in this time"
	}
	return &alert{
		kind: "campaign_stopped", severity: "critical", title: fmt.Sprintf("Campaign %s has been silent for %s", k.group, span(silent)),
		detail: fmt.Sprintf("it usually has %d impressions and clicks an hour", events/pastHours),
		action: "See whether it was paused, has used up its budget, or was refused by the network; and whether its events still arrive.",
		since:  since, stake: greater(nil, &stake{worth, k.currency, note}),
	}
}

// spike: the share of invalid traffic is well above the campaign's own.
func (t *traffic) spike(k groupKey, c *recentCampaign) *alert {
	n1, n0 := float64(c.hour.impressions+c.hour.clicks), float64(c.past.impressions+c.past.clicks)
	if n1 < spikeEvents || n0 < spikePastMin {
		return nil
	}
	k1, k0 := float64(c.hour.invalidImpressions()+c.hour.invalidClicks()), float64(c.past.invalidImpressions()+c.past.invalidClicks())
	p1, p0, p := k1/n1, k0/n0, (k1+k0)/(n1+n0)
	if p1-p0 < spikePoints || p1 < 2*p0 || p1-p0 < spikeErrors*math.Sqrt(p*(1-p)*(1/n1+1/n0)) {
		return nil
	}
	since := t.end - event.Hour
	for i := nearBuckets - 1; i >= 0; i-- { // as far back as it was like this
		b := &c.buckets[i]
		n := float64(b.impressions + b.clicks)
		if n > 0 && float64(b.invalidImpressions()+b.invalidClicks())/n < (p1+p0)/2 {
			break
		}
		if n > 0 {
			since = t.end - event.Millis(nearBuckets-i)*bucketMinutes*event.Minute
		}
	}
	severity := "warning"
	if p1 >= spikeCritical {
		severity = "critical"
	}
	return &alert{
		kind: "invalid_spike", severity: severity, title: fmt.Sprintf("%s of the traffic of campaign %s is invalid", percent(int64(k1), int64(n1)), k.group),
		detail: fmt.Sprintf("in the last hour, against %s in the %d hours before", percent(int64(k0), int64(n0)), pastHours),
		action: "Look at the reasons and publishers of the campaign; exclude the publisher, and ask for the money back: what was invalid is listed event by event.",
		since:  since, stake: greater(nil, &stake{c.hour.invalidSpend.big(), k.currency, "spend on invalid traffic in the last hour"}),
	}
}

// unrewarded: much was spent, and no conversion is credited.
func (t *traffic) unrewarded(k groupKey, c *recentCampaign) *alert {
	m := t.money[k.currency]
	all, ppm := m.past.shownSpend(trafficNet), m.past.creditPPM
	all.addSum(m.hour.shownSpend(trafficNet))
	ppm.addSum(m.hour.creditPPM)
	if ppm.big().Cmp(big.NewInt(leastCredited*millionthsUnit)) < 0 || !c.past.creditPPM.isZero() || !c.hour.creditPPM.isZero() {
		return nil
	}
	spend := c.past.shownSpend(trafficNet)
	spend.addSum(c.hour.shownSpend(trafficNet))
	cpa := divide(all.big(), ppm.big(), 6) // micros per conversion
	if cpa.Sign() == 0 || spend.big().Cmp(new(big.Int).Mul(cpa, big.NewInt(costlyCPAs))) < 0 {
		return nil
	}
	return &alert{
		kind: "spend_without_conversions", severity: "warning", title: fmt.Sprintf("Campaign %s is credited with no conversion in 24 hours", k.group),
		detail: fmt.Sprintf("a conversion costs %s %s over all campaigns", millionths(cpa, 2), k.currency),
		action: "See whether its landing page works and its clicks carry the ids; under first_touch or linear it may have credit. Else pause it.",
		since:  c.firstSpend, stake: greater(nil, &stake{spend.big(), k.currency, "net spend in 24 hours"}),
	}
}
