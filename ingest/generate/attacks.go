package generate

import "github.com/tributary-data/tributary/event"

// declaredAgents are crawlers and tools that say what they are.
var declaredAgents = []string{
	"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
	"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
	"python-requests/2.32.3",
	"curl/8.14.1",
}

// serverNets are networks of hosting companies: /16 within published ranges of
// Amazon EC2, Google Cloud, DigitalOcean, Hetzner and OVH.
var serverNets = []uint32{3<<24 | 84<<16, 34<<24 | 70<<16, 104<<24 | 131<<16, 88<<24 | 198<<16, 51<<24 | 68<<16}

func server(r *rng) uint32 { return serverNets[r.below(len(serverNets))] | uint32(r.next()&0xffff) }

// attacks are the scenarios of invalid traffic.
var attacks = []scenario{
	// A crawler that follows ads and says so in its User-Agent.
	{"declared_bot", 10, func(w *world, r *rng) *script {
		agent := declaredAgents[r.below(len(declaredAgents))]
		ip := 66<<24 | 249<<16 | 64<<8 | uint32(r.below(4096))
		return &script{left: 25, every: func() event.Millis { return ms(r.between(2000, 30_000)) }, do: func(now event.Millis) {
			a, d := viewed(r), stranger(r, ip, agent)
			w.show("declared_bot", r, now, d, &a)
			if r.chance(0.4) {
				w.click("declared_bot", r, now+ms(r.between(400, 2500)), d, &a)
			}
			w.look("declared_bot", r, now+ms(r.between(2600, 4000)), d, landing(&a))
		}}
	}},
	// A headless browser in a data centre that says it is a person's.
	{"datacenter_browser", 20, func(w *world, r *rng) *script {
		ip, agent := server(r), browser(r)
		return &script{left: 20, every: func() event.Millis { return ms(int64(r.logNormal(90_000, 0.6))) }, do: func(now event.Millis) {
			a, d := viewed(r), stranger(r, ip+uint32(r.below(8)), agent)
			w.show("datacenter_browser", r, now, d, &a)
			w.click("datacenter_browser", r, now+ms(r.between(600, 5000)), d, &a)
			if r.chance(0.5) {
				w.look("datacenter_browser", r, now+ms(r.between(5500, 9000)), d, landing(&a))
			}
		}}
	}},
	// A script that sends every click of a person a second time, or a third.
	{"double_click", 36, func(w *world, r *rng) *script {
		d, a := stranger(r, home(r), browser(r)), viewed(r)
		return &script{left: 12, every: func() event.Millis { return ms(r.between(200_000, 900_000)) }, do: func(now event.Millis) {
			w.show("double_click", r, now, d, &a)
			t := now + ms(r.between(900, 4000))
			for n := 2 + r.below(3); n > 0; n-- {
				w.click("double_click", r, t, d, &a)
				t += ms(r.between(40, 900))
			}
		}}
	}},
	// One device that clicks one campaign without end.
	{"click_flood", 60, func(w *world, r *rng) *script {
		d, a := stranger(r, home(r), browser(r)), viewed(r)
		return &script{left: 60, every: func() event.Millis { return ms(r.between(400, 4000)) }, do: func(now event.Millis) {
			w.click("click_flood", r, now, d, &a)
		}}
	}},
	// Malware that sees an install or order coming and puts a click before it.
	{"click_injection", 12, func(w *world, r *rng) *script {
		return &script{left: 12, every: func() event.Millis { return ms(r.between(60_000, 600_000)) }, do: func(now event.Millis) {
			d, a := stranger(r, home(r), browser(r)), viewed(r)
			w.look("clean", r, now, d, "https://shop.example.com/app")
			now += ms(r.between(90_000, 400_000))
			w.click("click_injection", r, now, d, &a)
			w.purchase("click_injection", "app_install", r, now+ms(r.between(200, 1800)), d, 0)
		}}
	}},
	// A room of phones behind one address: many accounts, one model, one campaign.
	{"click_farm", 100, func(w *world, r *rng) *script {
		ip, agent, a := home(r), browser(r), viewed(r)
		crew := make([]*device, 60)
		for i := range crew {
			crew[i] = stranger(r, ip, agent)
			crew[i].country = "IN"
		}
		return &script{left: 100, every: func() event.Millis { return ms(r.between(150, 900)) }, do: func(now event.Millis) {
			d := crew[r.below(len(crew))]
			w.show("click_farm", r, now, d, &a)
			w.click("click_farm", r, now+ms(r.between(400, 1500)), d, &a)
		}}
	}},
	// A few clicks an hour, all day, from homes, and never anything else: below
	// every threshold.
	{"low_and_slow", 30, func(w *world, r *rng) *script {
		a := viewed(r)
		crew := make([]*device, 6)
		for i := range crew {
			crew[i] = stranger(r, home(r), browser(r))
		}
		return &script{left: 30, every: func() event.Millis { return ms(int64(r.logNormal(9*60_000, 0.5))) }, do: func(now event.Millis) {
			d := crew[r.below(len(crew))]
			w.show("low_and_slow", r, now, d, &a)
			w.click("low_and_slow", r, now+ms(r.between(1200, 3000)), d, &a)
		}}
	}},
	// Another home and another cookie for every click; only the machine's haste
	// and its one User-Agent give it away.
	{"rotating_botnet", 50, func(w *world, r *rng) *script {
		agent, a := browser(r), viewed(r)
		return &script{left: 50, every: func() event.Millis { return ms(r.between(2000, 15_000)) }, do: func(now event.Millis) {
			d := stranger(r, home(r), agent)
			w.show("rotating_botnet", r, now, d, &a)
			w.click("rotating_botnet", r, now+ms(r.between(40, 280)), d, &a)
		}}
	}},
}
