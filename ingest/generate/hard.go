package generate

import "github.com/tributary-data/tributary/event"

// relayNets are egress networks of iCloud Private Relay: 172.224.224.0/19 and
// 104.28.0.0/16, as /20 that the masks below fill.
var relayNets = []uint32{172<<24 | 224<<16 | 224<<8, 172<<24 | 224<<16 | 240<<8, 104<<24 | 28<<16 | 32<<8}

const relaySafari = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15"

// hardCases are crowds of people that look like attacks. The fifth, the double
// tap, happens in journeys.
var hardCases = []scenario{
	// A mobile carrier that has thousands of phones behind one address.
	{"carrier_nat", 40, func(w *world, r *rng) *script {
		ip := home(r)
		phones := []string{browsers[len(browsers)-1], browsers[len(browsers)-3], browsers[len(browsers)-4]}
		c := pickCampaign(r)
		return &script{left: 40, every: func() event.Millis { return ms(r.between(300, 5000)) }, do: func(now event.Millis) {
			a := c.pick(r)
			if !c.views || r.chance(0.3) {
				a = viewed(r)
			}
			w.person("carrier_nat", r, now, stranger(r, ip, phones[r.below(len(phones))]), &a, 0.03)
		}}
	}},
	// An office behind one address, every computer set up alike.
	{"office_nat", 40, func(w *world, r *rng) *script {
		ip, agent := home(r), browser(r)
		staff := make([]*device, 25)
		for i := range staff {
			staff[i] = stranger(r, ip, agent)
		}
		return &script{left: 40, every: func() event.Millis { return ms(r.between(20_000, 240_000)) }, do: func(now event.Millis) {
			a := viewed(r)
			w.person("office_nat", r, now, staff[r.below(len(staff))], &a, 0.03)
		}}
	}},
	// Private Relay: people whose address belongs to a content network.
	{"private_relay", 30, func(w *world, r *rng) *script {
		return &script{left: 30, every: func() event.Millis { return ms(r.between(10_000, 200_000)) }, do: func(now event.Millis) {
			a := viewed(r)
			ip := relayNets[r.below(len(relayNets))] | uint32(r.next()&0xfff)
			w.person("private_relay", r, now, stranger(r, ip, relaySafari), &a, 0.04)
		}}
	}},
	// A flash sale: hundreds in minutes, and they buy at once.
	{"flash_sale", 90, func(w *world, r *rng) *script {
		c := &campaigns[0]
		return &script{left: 90, every: func() event.Millis { return ms(r.between(150, 2500)) }, do: func(now event.Millis) {
			a := c.pick(r)
			w.person("flash_sale", r, now, stranger(r, home(r), browser(r)), &a, 0.12)
		}}
	}},
}

// person is a short clean encounter: an ad, a click, a page, maybe a purchase.
func (w *world) person(label string, r *rng, t event.Millis, d *device, a *ad, buys float64) {
	w.show(label, r, t, d, a)
	t += ms(int64(900 + r.logNormal(2500, 0.6)))
	w.click(label, r, t, d, a)
	t += ms(r.between(400, 2500))
	w.look(label, r, t, d, landing(a))
	if r.chance(buys) {
		t += ms(int64(8000 + r.exponential(40_000)))
		w.purchase(label, "purchase", r, t, d, int64(r.logNormal(48, 0.5)*100)*10_000)
	}
}
