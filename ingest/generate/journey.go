package generate

import (
	"strconv"

	"github.com/tributary-data/tributary/event"
)

// journey is a person over the run: visits over days, on one device, with a
// login early, late or never.
type journey struct {
	rng     rng
	serial  uint64
	dev     device
	label   string
	userID  string // what the person logs in as
	visits  int    // still to come
	keen    bool   // one who clicks and buys; most people only see ads
	habit   *campaign
	variant string
	pending []refund
	loginAt event.Millis // a login still to come; 0 for none
	wanted  event.Millis // when the next visit is
	truth   truth
}

// truth is what a journey did, kept only where it is asked for.
type truth struct {
	touches, conversions, refunds, identifies []sent
	last                                      event.Millis // arrival of the last of them
}

// sent is a record that was planned; it is part of the truth if it arrived
// before the end of the run.
type sent struct {
	id, typ, adjusts string
	time, arrival    event.Millis
	seq              uint64
}

// remember keeps a record for the truth.
func (j *journey) remember(w *world, list *[]sent, rec *record, adjusts string) {
	if w.finish != nil {
		*list = append(*list, sent{rec.id, rec.typ, adjusts, rec.time, rec.arrival, rec.seq})
		j.truth.last = max(j.truth.last, rec.arrival)
	}
}

type refund struct {
	at    event.Millis
	of    *record
	value int64 // the new total; 0 for a retraction
}

func newJourney(w *world, serial uint64) *journey {
	r := newRNG(w.seed, serial<<1)
	h := r.next()
	j := &journey{rng: r, serial: serial, label: "clean"}
	j.dev = device{
		anon: "a-" + string(appendHex(nil, h, 14)), ip: string(appendIPv4(nil, homeIPv4(h))), agent: browsers[r.below(len(browsers))],
		country: countries[r.below(len(countries))], id: "d-" + string(appendHex(nil, h>>9, 10)),
	}
	j.userID = "user-" + strconv.FormatUint(serial+100_000, 10)
	j.keen = r.chance(0.2)
	// Heavy tail: half of all people come once or twice, one in a thousand
	// more than a hundred times.
	j.visits = min(int(1/max(r.unit(), 1e-4)*0.9)+1, 400)
	if j.keen {
		j.visits += 2
	}
	j.habit = pickCampaign(&j.rng)
	if h&15 < 5 {
		j.variant = [...]string{"blue", "green"}[h>>4&1]
	}
	if r.chance(0.15) { // logged in from before
		j.dev.user = j.userID
	}
	j.rng = r
	return j
}

// wake implements actor: the next of refund, login and visit that is due.
func (j *journey) wake(w *world, now event.Millis) (event.Millis, bool) {
	if j.wanted == 0 {
		j.wanted = now
	}
	for i, f := range j.pending {
		if f.at <= now {
			j.refund(w, f)
			j.pending = append(j.pending[:i], j.pending[i+1:]...)
			return j.more(w, now)
		}
	}
	if j.loginAt != 0 && j.loginAt <= now {
		j.login(w, now)
		return j.more(w, now)
	}
	if j.visits > 0 && j.wanted <= now {
		j.visits--
		end := j.visit(w, now)
		j.wanted = j.gap(w, end)
	}
	return j.more(w, now)
}

// more is when to wake again; after the last time the truth is told.
func (j *journey) more(w *world, now event.Millis) (event.Millis, bool) {
	next, more := j.next()
	if !more && w.finish != nil {
		w.schedule(closing{j}, max(now, j.truth.last+1))
	}
	return next, more
}

// closing waits until all that a journey sent has arrived.
type closing struct{ j *journey }

func (c closing) wake(w *world, now event.Millis) (event.Millis, bool) {
	w.finish(c.j)
	return now, false
}

func (j *journey) next() (event.Millis, bool) {
	var at event.Millis
	earliest := func(t event.Millis) {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	if j.visits > 0 {
		earliest(j.wanted)
	}
	earliest(j.loginAt)
	for _, f := range j.pending {
		earliest(f.at)
	}
	return at, at != 0
}

// gap is when the next visit is: hours later, rather by day than by night.
func (j *journey) gap(w *world, after event.Millis) event.Millis {
	hours := 14.0
	if j.visits > 20 {
		hours = 2.5
	}
	at := after
	for range 4 {
		at += event.Millis(float64(j.rng.logNormal(hours, 1)*w.pace) * float64(event.Hour))
		if j.rng.chance(dayCurve(at) / 1.5) {
			break
		}
	}
	return at
}

// visit is one encounter: ads seen, maybe one clicked, or a visit by itself.
// It gives the time of its end.
func (j *journey) visit(w *world, now event.Millis) event.Millis {
	r := &j.rng
	u := r.unit()
	if j.keen {
		u += 0.14 // they also come by themselves
	}
	switch {
	case u < 0.86:
		return j.exposed(w, now)
	case u < 0.95:
		return j.browse(w, now, "", []string{"https://www.google.com/", "https://www.bing.com/", "https://duckduckgo.com/"}[r.below(3)], 12)
	case u < 0.97:
		return j.browse(w, now, "", []string{"https://www.reddit.com/", "https://www.pinterest.com/", "https://blog.example.net/best-boots"}[r.below(3)], 8)
	}
	return j.browse(w, now, "", "", 14)
}

// exposed shows ads of one campaign; a click may follow.
func (j *journey) exposed(w *world, now event.Millis) event.Millis {
	r := &j.rng
	c := j.habit
	if !r.chance(0.35) {
		c = pickCampaign(r)
	}
	a := c.pick(r)
	t := now
	if c.views {
		for n := 1 + r.below(5); n > 0; n-- {
			rec := w.emit(&draft{typ: "impression", label: j.label, time: t, dev: &j.dev, ad: &a, cost: true}, r)
			j.remember(w, &j.truth.touches, rec, "")
			if n > 1 {
				t += event.Millis(3000 + r.exponential(25_000))
			}
		}
	}
	ctr := c.ctr
	if j.keen {
		ctr *= 5
	}
	if r.below(10_000) >= ctr {
		return t
	}
	t += event.Millis(900 + r.logNormal(4000, 0.8))
	landing := j.landing(c)
	rec := w.emit(&draft{typ: "click", label: j.label, time: t, dev: &j.dev, ad: &a, cost: true, page: landing}, r)
	j.remember(w, &j.truth.touches, rec, "")
	if r.chance(0.02) { // an accidental double tap
		t += event.Millis(r.between(180, 900))
		rec := w.emit(&draft{typ: "click", label: "double_tap", time: t, dev: &j.dev, ad: &a, cost: true, page: landing}, r)
		j.remember(w, &j.truth.touches, rec, "")
	}
	return j.browse(w, t+event.Millis(r.between(300, 2500)), landing, "", c.cvr)
}

// landing is the page behind an ad, with what the ad platform adds.
func (j *journey) landing(c *campaign) string {
	b := append([]byte(nil), "https://shop.example.com/l/"...)
	b = append(b, c.id...)
	b = append(b, "?utm_source="...)
	b = append(b, c.source...)
	b = append(b, "&utm_medium="...)
	b = append(b, c.medium...)
	b = append(b, "&utm_campaign="...)
	b = append(b, c.id...)
	if c.click != "" {
		b = append(b, '&')
		b = append(b, c.click...)
		b = append(b, '=')
		b = appendHex(b, j.rng.next(), 16)
	}
	return string(b)
}

// browse is a visit of the shop; cvr is its chance of 1,000 to end in a
// purchase, which grows with what the person has seen before.
func (j *journey) browse(w *world, t event.Millis, landing, referrer string, cvr int) event.Millis {
	r := &j.rng
	page := func(typ, url string) {
		w.emit(&draft{typ: typ, label: j.label, time: t, dev: &j.dev, page: url, referrer: referrer, experiment: j.variant}, r)
		referrer = "https://shop.example.com/"
	}
	if landing == "" {
		landing = "https://shop.example.com/"
	}
	page("page_view", landing)
	for n := r.below(4); n > 0; n-- {
		t += event.Millis(2000 + r.exponential(25_000))
		page("page_view", "https://shop.example.com/p/"+strconv.Itoa(1000+r.below(400)))
	}
	if !j.keen {
		cvr /= 3
	}
	switch u := r.below(1000); {
	case u < cvr:
		t += event.Millis(4000 + r.exponential(40_000))
		page("add_to_cart", "https://shop.example.com/cart")
		t += event.Millis(8000 + r.exponential(90_000))
		page("begin_checkout", "https://shop.example.com/checkout")
		return j.buy(w, t)
	case u < 3*cvr/2:
		t += event.Millis(6000 + r.exponential(60_000))
		rec := w.emit(&draft{typ: "conversion", label: j.label, time: t, dev: &j.dev, name: "signup", currency: "USD", experiment: j.variant}, r)
		j.remember(w, &j.truth.conversions, rec, "")
		j.login(w, t+event.Millis(r.between(100, 900)))
	case u < 4*cvr:
		t += event.Millis(4000 + r.exponential(40_000))
		page("add_to_cart", "https://shop.example.com/cart")
	}
	return t
}

// buy is a purchase; it may be sent twice, be refunded, and make the person
// known before, later or never.
func (j *journey) buy(w *world, t event.Millis) event.Millis {
	r := &j.rng
	u := r.unit()
	if u < 0.55 {
		j.login(w, t+event.Millis(r.between(2000, 20_000)))
	}
	t += event.Millis(25_000 + r.exponential(60_000))
	currency := "USD"
	switch j.dev.country {
	case "DE", "FR", "NL", "ES", "IT":
		currency = "EUR"
	}
	value := int64(r.logNormal(64, 0.7)*100) * 10_000 // whole cents
	order := "o-" + string(appendHex(nil, r.next(), 10))
	d := draft{typ: "conversion", label: j.label, time: t, dev: &j.dev, name: "purchase", order: order, value: value, currency: currency, page: "https://shop.example.com/thank-you", experiment: j.variant}
	rec := w.emit(&d, r)
	j.remember(w, &j.truth.conversions, rec, "")
	if r.chance(0.012) { // the page is loaded again
		d.time, d.orderOf = t+event.Millis(r.between(800, 9000)), rec.id
		j.remember(w, &j.truth.conversions, w.emit(&d, r), "")
	}
	if r.chance(0.08) {
		f := refund{at: t + event.Millis(r.between(20*3600, 6*86400))*event.Second, of: rec}
		if r.chance(0.3) {
			f.value = value / 2 / 10_000 * 10_000
		}
		j.pending = append(j.pending, f)
	}
	if u >= 0.55 && u < 0.75 && j.dev.user == "" { // logs in hours later, to see where the parcel is
		j.loginAt = t + event.Millis(r.between(1800, 72*3600))*event.Second
	}
	return t
}

func (j *journey) login(w *world, t event.Millis) {
	j.loginAt = 0
	if j.dev.user != "" {
		return
	}
	both := j.dev
	both.user = j.userID
	rec := w.emit(&draft{typ: "identify", label: j.label, time: t, dev: &both}, &j.rng)
	j.remember(w, &j.truth.identifies, rec, "")
	j.dev.user = j.userID
}

func (j *journey) refund(w *world, f refund) {
	d := draft{typ: "adjustment", label: j.label, time: f.at, adjusts: f.of.id, kind: "retract"}
	if f.value > 0 {
		d.kind, d.value, d.currency = "restate", f.value, f.of.currency
	}
	rec := w.emit(&d, &j.rng)
	j.remember(w, &j.truth.refunds, rec, f.of.id)
}
