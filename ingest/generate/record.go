package generate

import (
	"strings"

	"github.com/tributary-data/tributary/event"
)

// The topics, which are also the base names of the files.
const (
	Impressions = "impressions"
	Clicks      = "clicks"
	Conversions = "conversions" // with identify and adjustment
	Behaviour   = "behaviour"
)

// Topics lists the topics.
var Topics = []string{Impressions, Clicks, Conversions, Behaviour}

func topicOf(typ string) string {
	switch typ {
	case "impression":
		return Impressions
	case "click":
		return Clicks
	case "conversion", "identify", "adjustment":
		return Conversions
	}
	return Behaviour
}

// record is one record on its way, and what is true of it.
type record struct {
	topic   string
	raw     []byte
	arrival event.Millis
	seq     uint64

	id, typ   string
	label     string
	time      event.Millis
	first     *record // of a repeat: what it repeats
	line      int64   // where it was written
	orderOf   string  // of an order sent twice: the first conversion
	malformed event.Code
	amount    int64 // micros of cost or value, 0 for what is not counted
	currency  string
}

// device is where records come from.
type device struct {
	anon, user string
	ip, agent  string
	country    string
	id         string
}

// draft is a record before its transport. Empty fields are left out.
type draft struct {
	typ, label string
	time       event.Millis
	dev        *device
	ad         *ad
	cost       bool // whether the ad's price is due
	page       string
	referrer   string
	name       string // of a conversion
	order      string
	value      int64
	currency   string
	adjusts    string
	kind       string
	experiment string
	orderOf    string
	exact      bool // arrives once, in time and unbroken
}

// Shares of what goes wrong on the way.
const (
	repeatShare    = 0.010 // sent again, 0.2 s to some minutes later
	malformedShare = 0.001
	delayedShare   = 0.020 // seconds behind, mostly within 15
	offlineShare   = 0.004 // a device without a network: minutes to hours
)

// emit makes the record of a draft and gives its id.
func (w *world) emit(d *draft, r *rng) *record {
	w.ids++
	id := d.typ[:2] + "-" + string(appendHex(nil, mix(w.ids^w.seed<<32), 16))
	rec := &record{topic: topicOf(d.typ), id: id, typ: d.typ, label: d.label, time: d.time, orderOf: d.orderOf, arrival: d.time + event.Millis(20+r.exponential(180))}
	if d.cost {
		rec.amount, rec.currency = price(d.ad, d.typ, r), d.ad.currency
	} else if d.typ == "conversion" {
		rec.amount, rec.currency = d.value, d.currency
	}
	rec.raw = w.render(d, rec)
	if d.exact {
		w.send(rec)
		return rec
	}
	switch u := r.unit(); {
	case u < offlineShare:
		rec.arrival += event.Millis(r.logNormal(25, 1.2) * float64(event.Minute))
	case u < offlineShare+delayedShare:
		rec.arrival += event.Millis(r.exponential(4000))
	}
	w.send(rec)
	if r.chance(repeatShare) {
		again := *rec
		again.first, again.amount = rec, 0
		again.arrival += event.Millis(200 + r.exponential(20_000))
		w.send(&again)
	}
	if r.chance(malformedShare) {
		w.send(w.broken(d, rec, r))
	}
	return rec
}

// price is what the ad costs: by the thousand impressions, or by the click.
func price(a *ad, typ string, r *rng) int64 {
	base := a.cpc
	if typ == "impression" {
		base = a.cpm / 1000
	}
	return base * r.between(70, 130) / 100
}

// broken is a record that no rule lets pass, beside the good one.
func (w *world) broken(d *draft, of *record, r *rng) *record {
	w.ids++
	bad := &record{topic: of.topic, id: "bad-" + string(appendHex(nil, mix(w.ids^w.seed<<32), 16)), typ: of.typ, label: "malformed", time: of.time, arrival: of.arrival + 1}
	text := strings.Replace(string(of.raw), of.id, bad.id, 1)
	when := `"event_time":"` + d.time.String() + `"`
	switch r.below(5) {
	case 0:
		text, bad.malformed = text[:len(text)/2], event.Malformed
	case 1:
		text, bad.malformed = strings.Replace(text, `"event_id"`, `"eventid"`, 1), event.MissingField
	case 2:
		text, bad.malformed = strings.Replace(text, `"type":"`, `"type":"Bad `, 1), event.BadField
	case 3:
		text, bad.malformed = strings.Replace(text, when, `"event_time":"yesterday"`, 1), event.BadTime
	default:
		if of.amount > 0 {
			field := `"cost":"`
			if d.typ == "conversion" {
				field = `"value":"`
			}
			text, bad.malformed = strings.Replace(text, field, field+"-", 1), event.BadMoney
		} else {
			text, bad.malformed = strings.Replace(text, when, `"event_time":1700000000`, 1), event.BadTime
		}
	}
	bad.raw = []byte(text)
	return bad
}

// render writes the record; every text in it needs no escaping.
func (w *world) render(d *draft, rec *record) []byte {
	b := make([]byte, 0, 640)
	field := func(name, value string) {
		if value != "" {
			b = append(b, `,"`...)
			b = append(b, name...)
			b = append(b, `":"`...)
			b = append(b, value...)
			b = append(b, '"')
		}
	}
	money := func(name string, micros int64, currency string) {
		b = append(b, `,"`...)
		b = append(b, name...)
		b = append(b, `":"`...)
		b = appendMoney(b, micros)
		b = append(b, '"')
		field("currency", currency)
	}
	b = append(b, `{"event_id":"`...)
	b = append(b, rec.id...)
	b = append(b, '"')
	field("type", d.typ)
	b = append(b, `,"event_time":"`...)
	b = w.stamp.append(b, d.time)
	b = append(b, '"')
	if v := d.dev; v != nil {
		field("user_id", v.user)
		field("anonymous_id", v.anon)
	}
	if a := d.ad; a != nil {
		field("campaign_id", a.id)
		field("ad_group_id", a.group)
		field("creative_id", a.creative)
		field("publisher_id", a.publisher)
		field("source", a.source)
		field("medium", a.medium)
		field("campaign", a.id)
	}
	switch d.typ {
	case "impression", "click":
		money("cost", rec.amount, rec.currency)
	case "conversion":
		field("conversion_name", d.name)
		field("order_id", d.order)
		money("value", d.value, d.currency)
	case "adjustment":
		field("adjusts", d.adjusts)
		field("kind", d.kind)
		if d.kind == "restate" {
			money("value", d.value, d.currency)
		}
	}
	field("page_url", d.page)
	field("referrer", d.referrer)
	if v := d.dev; v != nil {
		field("ip", v.ip)
		field("user_agent", v.agent)
		field("country", v.country)
		field("device_id", v.id)
	}
	if d.experiment != "" {
		b = append(b, `,"experiments":{"checkout-button":"`...)
		b = append(b, d.experiment...)
		b = append(b, `"}`...)
	}
	return append(b, '}')
}
