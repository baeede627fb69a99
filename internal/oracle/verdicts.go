package oracle

import (
	"net/netip"
	"slices"
	"sort"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/table"
)

// rule says whether one reason applies to e; before holds every accepted event
// that is not after e, without e, in order.
type rule struct {
	reason  event.Reason
	mode    fraud.Mode
	applies func(e *ev, before []*ev) bool
}

// judge gives every event its verdict, but for order duplicates.
func (m *model) judge() {
	rules := m.rules()
	for i, e := range m.events {
		before := m.events[:i]
		for _, r := range rules {
			if r.mode == fraud.Off || !r.applies(e, before) {
				continue
			}
			if r.mode == fraud.Shadow {
				e.shadow = append(e.shadow, r.reason)
			} else {
				e.enforced = append(e.enforced, r.reason)
			}
		}
		e.verdict, e.tier = decide(e.enforced)
	}
}

// decide: the lowest tier counts, then GIVT before SIVT.
func decide(reasons []event.Reason) (event.Verdict, int) {
	for tier := 1; tier <= 3; tier++ {
		for _, v := range []event.Verdict{event.GIVT, event.SIVT} {
			for _, r := range reasons {
				if tierOf(r) == tier && verdictOf(r) == v {
					return v, tier
				}
			}
		}
	}
	return event.Valid, 0
}

func tierOf(r event.Reason) int {
	switch r {
	case event.BotUserAgent, event.BlockedIP, event.DatacenterIP:
		return 1
	case event.MLScore:
		return 3
	}
	return 2
}

func verdictOf(r event.Reason) event.Verdict {
	switch r {
	case event.BotUserAgent, event.BlockedIP, event.DatacenterIP, event.DuplicateClick, event.ClickRatePerson:
		return event.GIVT
	}
	return event.SIVT
}

func (m *model) rules() []rule {
	c := m.cfg.Fraud.Rules
	listed := func(r event.Reason, kinds ...event.Kind) func(*ev, []*ev) bool {
		return func(e *ev, _ []*ev) bool { return e.Lists.Has(r) && slices.Contains(kinds, e.Kind) }
	}
	rules := []rule{
		{event.BotUserAgent, c.BotUserAgent.Mode, listed(event.BotUserAgent, event.Impression, event.Click, event.Behavioural)},
		{event.BlockedIP, c.BlockedIP.Mode, listed(event.BlockedIP, event.Impression, event.Click, event.Conversion, event.Behavioural)},
		{event.DatacenterIP, c.DatacenterIP.Mode, listed(event.DatacenterIP, event.Impression, event.Click)},
		{event.DuplicateClick, c.DuplicateClick.Mode, duplicateClick(c.DuplicateClick)},
		{event.ClickRatePerson, c.ClickRatePerson.Mode, clickRatePerson(c.ClickRatePerson)},
		{event.ClickRateIP, c.ClickRateIP.Mode, clickRateIP(c.ClickRateIP)},
		{event.ClickRateIPAny, c.ClickRateIPAny.Mode, clickRateIPAny(c.ClickRateIPAny)},
		{event.FastClick, c.FastClick.Mode, fastClick(c.FastClick)},
		{event.FastConversion, c.FastConversion.Mode, fastConversion(c.FastConversion)},
		// ml_score needs a scorer; in replay there is none.
	}
	return rules
}

func duplicateClick(c fraud.DuplicateClick) func(*ev, []*ev) bool {
	return func(e *ev, before []*ev) bool {
		if e.Kind != event.Click || e.Person == "" || e.Campaign == "" || e.Creative == "" {
			return false
		}
		for _, o := range slices.Backward(before) {
			if o.Kind == event.Click && o.Person == e.Person && o.Campaign == e.Campaign && o.Creative == e.Creative {
				return e.Time-o.Time <= c.Within.Millis() // the direct predecessor decides
			}
		}
		return false
	}
}

func clickRatePerson(c fraud.PersonRate) func(*ev, []*ev) bool {
	return func(e *ev, before []*ev) bool {
		if e.Kind != event.Click || e.Person == "" || e.Campaign == "" {
			return false
		}
		same := func(o *ev) bool { return o.Person == e.Person && o.Campaign == e.Campaign }
		return clicksWithin(event.Minute, e, before, same) > c.PerMinute ||
			clicksWithin(event.Hour, e, before, same) > c.PerHour
	}
}

func clickRateIP(c fraud.IPRate) func(*ev, []*ev) bool {
	return func(e *ev, before []*ev) bool {
		if e.Kind != event.Click || network(e.IP) == "" || e.UserAgent == "" || e.Campaign == "" {
			return false
		}
		return clicksWithin(event.Minute, e, before, func(o *ev) bool {
			return network(o.IP) == network(e.IP) && o.UserAgent == e.UserAgent && o.Campaign == e.Campaign
		}) > c.PerMinute
	}
}

func clickRateIPAny(c fraud.IPRate) func(*ev, []*ev) bool {
	return func(e *ev, before []*ev) bool {
		if e.Kind != event.Click || network(e.IP) == "" {
			return false
		}
		return clicksWithin(event.Minute, e, before, func(o *ev) bool { return network(o.IP) == network(e.IP) }) > c.PerMinute
	}
}

func fastClick(c fraud.FastClick) func(*ev, []*ev) bool {
	return func(e *ev, before []*ev) bool {
		if e.Kind != event.Click || e.Person == "" || e.Creative == "" {
			return false
		}
		for _, o := range slices.Backward(before) {
			if o.Kind == event.Impression && o.Person == e.Person && o.Creative == e.Creative {
				return e.Time-o.Time < c.Below.Millis()
			}
		}
		return false
	}
}

func fastConversion(c fraud.FastConversion) func(*ev, []*ev) bool {
	return func(e *ev, before []*ev) bool {
		if e.Kind != event.Conversion || e.Person == "" || !slices.Contains(c.Conversions, e.Name) {
			return false
		}
		for _, o := range slices.Backward(before) {
			if o.Kind == event.Click && o.Person == e.Person {
				return e.Time-o.Time < c.Below.Millis()
			}
		}
		return false
	}
}

// clicksWithin counts e and the clicks of its key at most span before it.
func clicksWithin(span event.Millis, e *ev, before []*ev, sameKey func(*ev) bool) int {
	n := 1
	for _, o := range slices.Backward(before) {
		if e.Time-o.Time > span {
			break
		}
		if o.Kind == event.Click && sameKey(o) {
			n++
		}
	}
	return n
}

// network is the address as the rules by IP know it: IPv4 whole, IPv6 by /64.
func network(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		panic("BUG: no /64 of " + a.String())
	}
	return p.String()
}

// markOrderDuplicates: invalid conversions neither are duplicates nor make
// others so; a duplicate does make others so.
func (m *model) markOrderDuplicates() {
	var valid []*ev
	for _, c := range m.of(event.Conversion) {
		if !c.invalid() && c.OrderID != "" {
			valid = append(valid, c)
		}
	}
	for i, c := range valid {
		for _, o := range valid[:i] { // smaller (event_time, event_id)
			if o.Name == c.Name && o.OrderID == c.OrderID && c.Time-o.Time <= m.cfg.Attribution.OrderWindow.Millis() {
				c.verdict, c.tier = event.Duplicate, 0
			}
		}
	}
}

// tabulateVerdicts fills verdicts and minute_invalid.
func (m *model) tabulateVerdicts() {
	invalid := rollup{t: table.MinuteInvalid}
	for _, e := range m.events {
		if e.verdict == event.Valid && len(e.shadow) == 0 {
			continue
		}
		m.add(table.Verdicts, table.Row{
			table.T(e.ID), table.At(e.Time), table.T(e.Person), table.T(e.Type), table.T(e.Campaign),
			table.T(e.verdict.String()), table.I(int64(e.tier)), table.L(names(e.enforced)), table.L(names(e.shadow)),
			table.T(""), table.T(""),
		})
		spend := event.Micros(0)
		if e.Kind == event.Impression || e.Kind == event.Click {
			spend = e.Amount
		}
		for _, r := range e.enforced {
			invalid.add(table.Row{
				table.At(e.Time.Floor(event.Minute)), table.T(e.Campaign), table.T(e.Publisher), table.T(e.Type),
				table.T(r.String()), table.T(e.Currency),
			}, 1, int64(spend))
		}
	}
	m.result.Tables[invalid.t.Name] = invalid.rows
}

func names(reasons []event.Reason) []string {
	out := []string{}
	for _, r := range reasons {
		out = append(out, r.String())
	}
	sort.Strings(out)
	return out
}
