package oracle

import (
	"slices"

	"github.com/tributary-data/tributary/event"
)

// visit is the type of a touch that a page view made.
const visit = "visit"

// Spans of the contract that have no name in the configuration.
const (
	visitClickSpan = 30 * event.Minute // a click that recently stands before a visit replaces it
	absorbSpan     = event.Hour        // impressions that a click drops
)

// touch is one touch of a conversion's path.
type touch struct {
	*ev
	typ string // click, impression or visit
}

// links maps anonymous ids to users: the smallest identify wins.
func (m *model) links() map[string]string {
	out := map[string]string{}
	for _, e := range m.of(event.Identify) { // in order
		if _, ok := out[e.AnonymousID]; !ok {
			out[e.AnonymousID] = e.UserID
		}
	}
	return out
}

// attribute gives each conversion that has credits its touches.
func (m *model) attribute() {
	links := m.links()
	owner := map[*ev]string{} // whose paths the event belongs to
	for _, e := range m.events {
		owner[e] = e.Person
		if e.UserID == "" && e.AnonymousID != "" {
			if user, ok := links[e.AnonymousID]; ok {
				owner[e] = "u:" + user
			}
		}
	}
	for _, c := range m.of(event.Conversion) {
		if !c.counted() {
			continue
		}
		var mine []*ev
		for _, e := range m.events {
			if e.Person != "" && owner[e] == owner[c] && e.net() {
				mine = append(mine, e)
			}
		}
		c.path, c.dropped = m.path(c, mine)
	}
}

// counted says whether the conversion has value and credit.
func (e *ev) counted() bool { return e.net() && e.adjusted != retracted }

// path finds the touches of conversion c among the net events of its path's
// person.
func (m *model) path(c *ev, mine []*ev) (path []touch, dropped int) {
	cfg := m.cfg.Attribution
	within := func(e *ev, lookback event.Duration) bool {
		return e.Time <= c.Time && c.Time-e.Time <= lookback.Millis()
	}
	for _, e := range mine {
		switch e.Kind {
		case event.Click:
			if slices.Contains(cfg.TouchTypes, "click") && within(e, cfg.Lookback.Click) {
				path = append(path, touch{e, "click"})
			}
		case event.Impression:
			if slices.Contains(cfg.TouchTypes, "impression") && within(e, cfg.Lookback.Impression) {
				path = append(path, touch{e, "impression"})
			}
		case event.Behavioural:
			if slices.Contains(cfg.TouchTypes, visit) && within(e, cfg.Lookback.Visit) &&
				beginsVisit(e) && !clickedBefore(e, mine) {
				path = append(path, touch{e, visit})
			}
		}
	}
	if cfg.ClickAbsorbsImpression {
		all := path
		path = nil
		for _, t := range all {
			absorbed := t.typ == "impression" && t.Creative != "" && slices.ContainsFunc(all, func(o touch) bool {
				return o.typ == "click" && o.Creative == t.Creative && t.Time <= o.Time && o.Time-t.Time <= absorbSpan
			})
			if !absorbed {
				path = append(path, t)
			}
		}
	}
	if n := len(path); n > cfg.MaxTouches {
		dropped = n - cfg.MaxTouches
		path = append([]touch{path[0]}, path[n-(cfg.MaxTouches-1):]...)
	}
	return path, dropped
}

// beginsVisit: the first page view of its session.
func beginsVisit(e *ev) bool {
	if e.Type != "page_view" || e.session == nil {
		return false
	}
	for _, o := range e.session.events {
		if o.Type == "page_view" {
			return o == e
		}
	}
	return false
}

// clickedBefore: a click of the same campaign in the 30 minutes that end with
// the page view.
func clickedBefore(e *ev, mine []*ev) bool {
	return e.Campaign != "" && slices.ContainsFunc(mine, func(o *ev) bool {
		return o.Kind == event.Click && o.Campaign == e.Campaign && o.Time <= e.Time && e.Time-o.Time <= visitClickSpan
	})
}
