package generate

import (
	"slices"

	"github.com/tributary-data/tributary/event"
)

// script is an actor that does the same thing a number of times: an attack, or
// a clean crowd that looks like one.
type script struct {
	left  int
	every func() event.Millis
	do    func(now event.Millis)
}

func (s *script) wake(_ *world, now event.Millis) (event.Millis, bool) {
	s.do(now)
	s.left--
	return now + s.every(), s.left > 0
}

// scenario makes a script; clicks is about how many it will send.
type scenario struct {
	label  string
	clicks int
	make   func(w *world, r *rng) *script
}

// served is what was begun of a set of scenarios.
type served struct {
	begun  int
	clicks int64
	of     map[string]int // clicks by label
}

// due gives the scenario to begin now, if one is: when its set has fallen
// behind its share of the clicks, or while some of the set never came, so that
// a short run has them all. The one that was served least comes next.
func (s *served) due(set []scenario, w *world, now event.Millis, share float64) (scenario, bool) {
	behind := float64(s.clicks) < share*float64(w.clicks)
	missing := s.begun < len(set) && now >= w.begin+event.Millis(s.begun+1)*w.early
	if share == 0 || !behind && !missing {
		return scenario{}, false
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	best := set[0]
	for _, c := range set[1:] {
		if s.of[c.label] < s.of[best.label] {
			best = c
		}
	}
	s.begun++
	s.clicks += int64(best.clicks)
	s.of[best.label] += best.clicks
	return best, true
}

func (w *world) start(c scenario, now event.Millis) {
	w.actors++
	r := newRNG(w.seed, w.actors<<1|1)
	w.schedule(c.make(w, &r), now)
}

// Labels lists the labels of the truth: clean, malformed, the attacks, the
// hard clean cases.
func Labels() []string {
	out := []string{"clean", "malformed", "double_tap"}
	for _, c := range slices.Concat(attacks, hardCases) {
		out = append(out, c.label)
	}
	slices.Sort(out)
	return out
}

// IsAttack says whether a label of the truth is an attack.
func IsAttack(label string) bool {
	return slices.ContainsFunc(attacks, func(c scenario) bool { return c.label == label })
}

// stranger is a new cookie at an address.
func stranger(r *rng, ip uint32, agent string) *device {
	h := r.next()
	return &device{anon: "a-" + string(appendHex(nil, h, 14)), ip: string(appendIPv4(nil, ip)), agent: agent, country: countries[r.below(len(countries))]}
}

func home(r *rng) uint32    { return homeIPv4(r.next()) }
func browser(r *rng) string { return browsers[r.below(len(browsers))] }
func landing(a *ad) string {
	return "https://shop.example.com/l/" + a.id + "?utm_source=" + a.source + "&utm_medium=" + a.medium
}
func ms(n int64) event.Millis { return event.Millis(n) }

// viewed picks an ad that has impressions.
func viewed(r *rng) ad {
	for {
		if c := pickCampaign(r); c.views {
			return c.pick(r)
		}
	}
}

// show and click send one record each of a script.
func (w *world) show(label string, r *rng, t event.Millis, d *device, a *ad) {
	w.emit(&draft{typ: "impression", label: label, time: t, dev: d, ad: a, cost: true}, r)
}

func (w *world) click(label string, r *rng, t event.Millis, d *device, a *ad) {
	w.emit(&draft{typ: "click", label: label, time: t, dev: d, ad: a, cost: true, page: landing(a)}, r)
}

func (w *world) look(label string, r *rng, t event.Millis, d *device, page string) {
	w.emit(&draft{typ: "page_view", label: label, time: t, dev: d, page: page}, r)
}

func (w *world) purchase(label, name string, r *rng, t event.Millis, d *device, value int64) {
	dd := draft{typ: "conversion", label: label, time: t, dev: d, name: name, value: value, currency: "USD"}
	if value > 0 {
		dd.order = "o-" + string(appendHex(nil, r.next(), 10))
	}
	w.emit(&dd, r)
}
