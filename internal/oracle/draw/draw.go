// Package draw makes random histories and configurations for property tests:
// small universes, in which persons, ids, orders and addresses meet often, and
// times on a lattice around the edges that the configuration has.
//
// Invariants:
//  1. Every drawn event is one that decoding could have made: what a type does
//     not carry is absent, the channel never is.
//  2. Raw bytes and positions are unique within a history; positions count up
//     within an input, in order.
package draw

import (
	"fmt"
	"math/bits"
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/oracle"
)

// Options says what a history is made of.
type Options struct {
	Events int  // at most about this many; 0 means 60
	Inputs int  // at most; 0 means 4
	Unique bool // no id is repeated with other content, so that order cannot matter
	Dead   bool // dead letters among the records
}

// base is where drawn histories begin: late enough that the longest windows
// before it are still times that decoding accepts.
const base = event.Millis(1772323200000) // 2026-03-01T00:00:00Z

// History draws the records of each input in their order. They arrive in and
// out of order, within the bounds of cfg and beyond, at the edges more often
// than not.
func History(t *rapid.T, cfg oracle.Config, opt Options) [][]event.Record {
	if opt.Events == 0 {
		opt.Events = 60
	}
	if opt.Inputs == 0 {
		opt.Inputs = 4
	}
	h := &history{t: t, cfg: cfg, edges: edges(cfg)}
	for n := 1 + uniform(t, "events", opt.Events); len(h.arrivals) < n; {
		h.step()
	}
	if opt.Unique {
		h.arrivals = unique(h.arrivals)
	}
	tellApart(h.arrivals)
	inputs := make([][]event.Record, 1+uniform(t, "inputs", opt.Inputs))
	for n, e := range h.arrivals {
		i := uniform(t, "input", len(inputs))
		pos := func() event.Position {
			return event.Position{Prefix: fmt.Sprintf("f%d.ndjson:", i), N: int64(len(inputs[i]) + 1)}
		}
		if opt.Dead && uniform(t, "dead", 20) == 1 {
			raw := fmt.Appendf(nil, "dead %d", n)
			inputs[i] = append(inputs[i], event.Record{Dead: &event.DeadLetter{
				Pos: pos(), Code: event.Malformed, Message: "not JSON", Raw: raw,
			}})
		}
		e.Raw, e.Pos = fmt.Appendf(nil, `{"n":%d}`, n), pos()
		inputs[i] = append(inputs[i], event.Record{Event: e})
	}
	return inputs
}

// oneOf draws one of the values, each as likely as any other. SampledFrom and
// IntRange prefer the first and the small, which makes most histories a
// handful of equal events; shrinking still goes towards the first.
func oneOf[V any](t *rapid.T, what string, of ...V) V {
	return rapid.Custom(func(t *rapid.T) V {
		n := 0
		for range bits.Len(uint(len(of))) + 3 { // so many that the remainder is even enough
			n *= 2
			if rapid.Bool().Draw(t, "bit") {
				n++
			}
		}
		return of[n%len(of)]
	}).Draw(t, what)
}

// uniform draws 0 to n-1.
func uniform(t *rapid.T, what string, n int) int {
	of := make([]int, n)
	for i := range of {
		of[i] = i
	}
	return oneOf(t, what, of...)
}

// unique drops from a sequence of events those that repeat an identity with
// other content; exact repeats stay.
func unique(events []event.Event) []event.Event {
	var out []event.Event
	for _, e := range events {
		conflict := slices.ContainsFunc(out, func(o event.Event) bool {
			if o.Type != e.Type || o.ID != e.ID {
				return false
			}
			switch e.Kind {
			case event.Conversion, event.Adjustment, event.Identify:
				return max(o.Time-e.Time, e.Time-o.Time) <= 90*event.Day && fmt.Sprint(o) != fmt.Sprint(e)
			}
			return o.Person == e.Person && o.Time == e.Time && fmt.Sprint(o) != fmt.Sprint(e)
		})
		if !conflict {
			out = append(out, e)
		}
	}
	return out
}

// tellApart gives events of linked persons that have an id and a time in common
// other campaigns: rows of credits do not name the person of a touch, and so the
// tables would not say whether it is the valid one of them that has the credit.
func tellApart(events []event.Event) {
	type touch struct {
		kind string
		id   string
		time event.Millis
	}
	persons := map[touch][]string{}
	for i := range events {
		e := &events[i]
		if e.Person == "" {
			continue
		}
		k := touch{e.Type, e.ID, e.Time}
		at := slices.Index(persons[k], e.Person)
		if at < 0 {
			at = len(persons[k])
			persons[k] = append(persons[k], e.Person)
		}
		if at > 0 {
			e.Campaign += fmt.Sprintf("-%d", at)
		}
	}
}

// edges are the spans at which some rule changes its mind.
func edges(cfg oracle.Config) []event.Millis {
	r, a, l := cfg.Fraud.Rules, cfg.Attribution, cfg.Lateness
	out := []event.Millis{0, 0, 0, 1, 100, 200, event.Second, event.Second, event.Minute, event.Minute, 30 * event.Minute, event.Hour, event.Hour, 90 * event.Day}
	for _, d := range []event.Duration{
		cfg.Sessions.Gap, r.DuplicateClick.Within, r.FastClick.Below, r.FastConversion.Below,
		a.Lookback.Click, a.Lookback.Impression, a.Lookback.Visit, a.OrderWindow, a.AdjustmentWindow, a.HalfLife,
	} {
		out = append(out, d.Millis())
	}
	// An event this much before one that has arrived is just late, or too late.
	late := cfg.OutOfOrderness.Millis() + 1
	out = append(out, late)
	for _, d := range []event.Duration{l.Impression, l.Click, l.Conversion, l.Adjustment, l.Identify, l.Behavioural} {
		out = append(out, d.Millis()+late)
	}
	return out
}

// history is a history in the course of being drawn.
type history struct {
	t        *rapid.T
	cfg      oracle.Config
	edges    []event.Millis
	arrivals []event.Event
	serial   int
}

// step adds one event, a repeat of one, or a burst.
func (h *history) step() {
	switch oneOf(h.t, "step", "new", "new", "new", "new", "new", "new", "repeat", "again", "burst") {
	case "repeat": // the same again, or nearly
		if len(h.arrivals) > 0 {
			e := oneOf(h.t, "repeated", h.arrivals...)
			if h.chance("conflict", 3) {
				h.alter(&e)
			}
			h.arrive(e)
			return
		}
	case "again": // its id at another time, or for another person
		if len(h.arrivals) > 0 {
			old := oneOf(h.t, "id of", h.arrivals...)
			e := h.event(old.Kind)
			e.ID = old.ID
			h.arrive(e)
			return
		}
	case "burst": // what rates count
		e := h.event(oneOf(h.t, "kind", event.Click, event.Click, event.Impression))
		span := oneOf[event.Millis](h.t, "span", 20, 500, 10_000, 20_000, 15*event.Minute)
		for range 2 + uniform(h.t, "burst", 4) {
			e.ID = h.id()
			e.Time += span + h.jitter()
			h.arrive(e)
		}
		return
	}
	h.arrive(h.event(oneOf(h.t, "kind", event.Impression, event.Impression, event.Click, event.Click, event.Click, event.Conversion, event.Conversion,
		event.Conversion, event.Behavioural, event.Behavioural, event.Identify, event.Adjustment, event.Adjustment)))
}

// arrive puts e among the arrivals: last, where its time says, or anywhere.
func (h *history) arrive(e event.Event) {
	at := len(h.arrivals)
	switch oneOf(h.t, "arrives", "in order", "in order", "in order", "in order", "last", "anywhere") {
	case "in order":
		for at > 0 && h.arrivals[at-1].Time > e.Time {
			at--
		}
	case "anywhere":
		at = uniform(h.t, "at", len(h.arrivals)+1)
	}
	h.arrivals = slices.Insert(h.arrivals, at, e)
}

func (h *history) chance(what string, oneIn int) bool {
	return uniform(h.t, what, oneIn) == 1
}

func (h *history) pick(what string, of ...string) string {
	return oneOf(h.t, what, of...)
}

func (h *history) jitter() event.Millis {
	return oneOf[event.Millis](h.t, "jitter", -1, 0, 0, 1)
}

// time is an edge away from another event.
func (h *history) time(from event.Millis) event.Millis {
	edge := oneOf(h.t, "edge", h.edges...)
	if h.chance("back", 3) {
		edge = -edge
	}
	at := from + edge + h.jitter()
	// Steps of 90 days add up; a time that decoding refuses must not come of it.
	if at < base-2000*event.Day || at > base+2000*event.Day {
		return base
	}
	return at
}

// id is new; its order among others has nothing to do with when it was drawn.
func (h *history) id() string {
	h.serial++
	return h.pick("letter", "a", "b", "c", "d") + fmt.Sprint(h.serial)
}

func (h *history) amount() event.Micros {
	if h.chance("any amount", 2) {
		return event.Micros(rapid.Int64Range(0, 100_000_000).Draw(h.t, "amount"))
	}
	return oneOf(h.t, "amount", 0, 1, 2, 7, 999_999, 1_000_000, 10_000_001, event.MaxAmount)
}

var addresses = []netip.Addr{
	{},
	netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"),
	netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8:0:1::1"),
}

func (h *history) event(k event.Kind) event.Event {
	// What happens often happens to somebody to whom something happened.
	from := event.Event{Time: base}
	if len(h.arrivals) > 0 {
		from = oneOf(h.t, "from", h.arrivals...)
	}
	e := event.Event{
		ID: h.id(), Kind: k, Type: k.TypeName(), Time: h.time(from.Time), Currency: "USD",
		Campaign: h.pick("campaign", "", "c1", "c1", "c2"), AdGroup: h.pick("ad group", "", "g1"),
		Creative: h.pick("creative", "", "k1", "k1", "k2"), Publisher: h.pick("publisher", "", "p1"),
		Country: h.pick("country", "", "DE"), Channel: h.pick("channel", "Direct", "Paid Search", "Email"),
		IP: oneOf(h.t, "ip", addresses...), UserAgent: h.pick("user agent", "", "ua1", "ua1", "ua2"),
	}
	if h.chance("shared id", 8) {
		e.ID = h.pick("id", "1", "2", "o1")
	}
	if from.Person != "" && k != event.Identify && h.chance("same person", 2) {
		e.Person, e.UserID, e.AnonymousID = from.Person, from.UserID, from.AnonymousID
		if h.chance("same creative", 2) {
			e.Campaign, e.Creative = from.Campaign, from.Creative
		}
	} else {
		h.person(&e)
	}
	switch k {
	case event.Impression, event.Click:
		e.Amount, e.Currency = h.amount(), h.pick("currency", "USD", "USD", "EUR")
	case event.Behavioural:
		e.Type = h.pick("type", "page_view", "page_view", "add_to_cart")
	case event.Conversion:
		e.Amount, e.Currency = h.amount(), h.pick("currency", "USD", "USD", "EUR")
		e.Name, e.OrderID = h.pick("name", "conversion", "install"), h.pick("order", "", "", "o1", "o1", "o2", "1")
	case event.Adjustment:
		e.Currency = ""
		e.Adjusts = h.target()
		if e.Restate = h.chance("restate", 2); e.Restate {
			e.Amount, e.Currency = h.amount(), h.pick("currency", "", "", "USD", "EUR")
		}
	}
	h.list(&e)
	return e
}

// person gives the ids that the kind needs.
func (h *history) person(e *event.Event) {
	var kinds []string
	switch e.Kind {
	case event.Identify:
		kinds = []string{"both"}
	case event.Impression, event.Click, event.Adjustment:
		kinds = []string{"user", "user", "anonymous", "anonymous", "both", "nobody"}
	default:
		kinds = []string{"user", "user", "anonymous", "anonymous", "both"}
	}
	who := h.pick("who", kinds...)
	if who == "user" || who == "both" {
		e.UserID = h.pick("user", "1", "1", "2", "x")
		e.Person = "u:" + e.UserID
	}
	if who == "anonymous" || who == "both" {
		e.AnonymousID = h.pick("anonymous", "1", "1", "2", "y")
		if e.Person == "" {
			e.Person = "a:" + e.AnonymousID
		}
	}
}

// target is mostly a conversion or an order that is there already.
func (h *history) target() string {
	var ids []string
	for _, e := range h.arrivals {
		if e.Kind == event.Conversion {
			ids = append(ids, e.ID)
		}
	}
	ids = append(ids, "o1", "o2", "1", "nothing")
	return h.pick("adjusts", ids...)
}

// list sets reasons of tier 1, only those that lists could have found.
func (h *history) list(e *event.Event) {
	set := func(r event.Reason, kinds ...event.Kind) {
		if slices.Contains(kinds, e.Kind) && h.chance(r.String(), 12) {
			e.Lists = e.Lists.With(r, true)
		}
	}
	set(event.BotUserAgent, event.Impression, event.Click, event.Behavioural)
	set(event.BlockedIP, event.Impression, event.Click, event.Conversion, event.Behavioural)
	set(event.DatacenterIP, event.Impression, event.Click)
}

// alter changes something that is not part of the event's identity.
func (h *history) alter(e *event.Event) {
	e.Campaign = h.pick("campaign", "c1", "c2", "c3")
	if e.Kind == event.Conversion || e.Restate {
		e.Amount = h.amount()
	}
	if e.Kind == event.Conversion || e.Kind == event.Adjustment || e.Kind == event.Identify {
		e.Time += event.Millis(uniform(h.t, "shift", 2001) - 1000)
	}
}
