package pipeline

import (
	"errors"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
)

// touchKinds says which events become touches.
type touchKinds struct{ click, impression, visit bool }

func newTouchKinds(cfg *attribution.Config) touchKinds {
	has := func(t string) bool { return slices.Contains(cfg.TouchTypes, t) }
	return touchKinds{has("click"), has("impression"), has("visit")}
}

// memberSpan sends a span to the owner of another member of a person's group.
type memberSpan struct {
	person string
	span
}

// findSpans says which conversions may have another path after the person's
// changes: those within the lookback after each, of the person and of all that
// are linked with it.
func (s *shard) findSpans(p *person, changes []*change) error {
	lb := &s.credited().Lookback
	linked := s.e.links.mayLink(hashText(p.id))
	plain := s.e.plainPaths()
	var spans []span
	for _, c := range changes {
		if c.net() == c.wasNet() {
			continue
		}
		t := c.ev.Time
		switch {
		case c.ev.Kind == event.Click && (linked || !c.tail):
			reach := lb.Click.Millis()
			if s.e.touches.visit {
				reach = max(reach, attribution.VisitSuppression+lb.Visit.Millis())
			}
			sp := span{from: t, to: t.Add(reach), cause: c.cause}
			if plain && !c.existed {
				sp.added = touchOf(c.ev, "click")
			}
			spans = append(spans, sp)
		case s.e.touches.visit && c.ev.Type == pageView:
			end := t // of the session, in which a later page view may become the first
			for _, o := range p.sessions {
				if o != nil && o.Start <= t && t <= o.End {
					end = o.End
				}
			}
			spans = append(spans, span{from: t, to: end.Add(lb.Visit.Millis()), cause: c.cause})
		}
	}
	if s.e.touches.visit {
		for _, m := range p.moved {
			for _, c := range m.causes {
				spans = append(spans, span{from: max(m.start, c.changed), to: m.end.Add(lb.Visit.Millis()), cause: c.cause})
			}
		}
	}
	for _, it := range p.impressions {
		if it.ev.Lists&s.e.modes.enforce == 0 {
			sp := span{from: it.ev.Time, to: it.ev.Time.Add(lb.Impression.Millis()), cause: it.cause}
			if plain {
				sp.added = touchOf(s.e.asStored(it), "impression")
			}
			spans = append(spans, sp)
		}
	}
	for _, f := range p.flipped {
		if (f.was == 0) != (f.ev.Reasons == 0) {
			spans = append(spans, span{from: f.ev.Time, to: f.ev.Time.Add(lb.Impression.Millis()), cause: f.cause})
		}
	}
	if len(spans) == 0 {
		return nil
	}
	group, err := s.e.group(s.reader, p.id)
	if err != nil {
		return err
	}
	s.spread(group, spans)
	return nil
}

// spread sends spans to every member of a group.
func (s *shard) spread(group []string, spans []span) {
	for _, id := range group {
		m := s.to(s.e.ownerOf(id, ""))
		for _, sp := range spans {
			m.members = append(m.members, memberSpan{id, sp})
		}
	}
}

// pageView is the type of the events that may become visits.
const pageView = "page_view"

// path finds the touches of a conversion of the person at a time, in order, and
// how many were left out.
func (s *shard) path(person string, at event.Millis) ([]event.Touch, int, error) {
	group, err := s.e.group(s.reader, person)
	if err != nil {
		return nil, 0, err
	}
	pf := pathFinder{e: s.e, r: s.reader, group: group, at: at, path: attribution.NewPath(s.credited().MaxTouches)}
	touches, dropped, err := pf.find()
	if err != nil {
		return nil, 0, err
	}
	for i := range touches {
		if err := s.e.dict.Name(&touches[i]); err != nil {
			return nil, 0, err
		}
	}
	return touches, dropped, nil
}

// pathFinder gathers the touches of one conversion.
type pathFinder struct {
	e     *Engine
	r     *history.Reader
	group []string
	at    event.Millis
	path  *attribution.Path

	byCreative, byCampaign attribution.Clicks
}

func (f *pathFinder) find() ([]event.Touch, int, error) {
	if f.e.plainPaths() {
		for _, id := range f.group {
			if err := f.runs(id); err != nil {
				return nil, 0, err
			}
		}
		touches, dropped := f.path.Touches()
		return touches, dropped, nil
	}
	steps := []func(person string) error{f.clicks}
	if f.e.touches.impression {
		steps = append(steps, f.impressions)
	}
	if f.e.touches.visit {
		steps = append(steps, f.visits)
	}
	f.byCreative, f.byCampaign = attribution.Clicks{}, attribution.Clicks{}
	for _, step := range steps { // all clicks before the first impression
		for _, id := range f.group {
			if err := step(id); err != nil {
				return nil, 0, err
			}
		}
	}
	touches, dropped := f.path.Touches()
	return touches, dropped, nil
}

// plainPaths says that touches are clicks and impressions that do not take each
// other's place, so that a path is the first and the latest of two runs.
func (e *Engine) plainPaths() bool {
	return e.touches.click && e.touches.impression && !e.touches.visit && !e.cfg.Attribution.ClickAbsorbsImpression
}

// runs adds the clicks and impressions of one person. It passes over the middle
// of long runs without decoding it.
func (f *pathFinder) runs(person string) error {
	cfg := &f.e.cfg.Attribution
	o := f.e.ownerOf(person, "")
	if p := o.people[person]; p != nil {
		for _, c := range p.changes {
			if c.existed && c.ev.Kind == event.Click {
				return errors.Join(f.clicks(person), f.impressions(person)) // what is stored is not what counts now
			}
		}
		if len(p.flipped) > 0 {
			return errors.Join(f.clicks(person), f.impressions(person))
		}
		for _, c := range p.changes {
			if c.ev.Kind == event.Click && c.net() && c.ev.Time <= f.at && c.ev.Time >= f.at-cfg.Lookback.Click.Millis() {
				f.path.Add(touchOf(c.ev, "click"))
			}
		}
	}
	o.chain.visit(hashText(person), person, func(it *item) bool {
		if t := it.ev.Time; t <= f.at && t >= f.at-cfg.Lookback.Impression.Millis() && it.ev.Lists&f.e.modes.enforce == 0 {
			f.path.Add(touchOf(f.e.asStored(it), "impression"))
		}
		return true
	})
	for _, k := range []event.Kind{event.Click, event.Impression} {
		lookback := cfg.Lookback.Click
		if k == event.Impression {
			lookback = cfg.Lookback.Impression
		}
		run, err := f.e.touchesOf(f.r, k, person, f.at-lookback.Millis(), f.at, cfg.MaxTouches)
		if err != nil {
			return err
		}
		if run.Total == 0 {
			continue
		}
		for _, ev := range run.Latest {
			f.path.Add(touchOf(ev, k.TypeName()))
		}
		left := run.Total - len(run.Latest)
		if left > 0 {
			f.path.Add(touchOf(run.First, k.TypeName()))
			left--
		}
		f.path.Leave(left)
	}
	return nil
}

func touchOf(ev *history.Event, typ string) event.Touch {
	return event.Touch{Time: ev.Time, ID: ev.ID, Person: ev.Person, Type: typ, Dims: ev.Dims}
}

func (f *pathFinder) clicks(person string) error {
	cfg := &f.e.cfg.Attribution
	from := f.at - cfg.Lookback.Click.Millis()
	begin := from
	if f.e.touches.visit {
		begin = min(begin, f.at-cfg.Lookback.Visit.Millis()-attribution.VisitSuppression)
	}
	if !f.e.touches.click && !f.e.touches.visit {
		return nil
	}
	var bad error
	err := f.e.events(f.r, person, begin, f.at, func(ev *history.Event) bool {
		if ev.Kind != event.Click || !ev.Net() {
			return true
		}
		if f.e.touches.visit || cfg.ClickAbsorbsImpression {
			var d *history.Dims
			if d, bad = f.e.dict.Get(ev.Dims); bad != nil {
				return false
			}
			f.byCampaign.Add(d.Campaign, ev.Time)
			if ev.Time >= from && f.e.touches.click {
				f.byCreative.Add(d.Creative, ev.Time)
			}
		}
		if ev.Time >= from && f.e.touches.click {
			f.path.Add(touchOf(ev, "click"))
		}
		return true
	})
	if err == nil {
		err = bad
	}
	return err
}

func (f *pathFinder) impressions(person string) error {
	cfg := &f.e.cfg.Attribution
	var bad error
	err := f.e.impressionsOf(f.r, person, f.at-cfg.Lookback.Impression.Millis(), f.at, func(ev *history.Event) bool {
		if !ev.Net() {
			return true
		}
		if cfg.ClickAbsorbsImpression {
			var d *history.Dims
			if d, bad = f.e.dict.Get(ev.Dims); bad != nil {
				return false
			}
			if f.byCreative.Within(d.Creative, ev.Time, ev.Time+attribution.AbsorbWindow) {
				return true
			}
		}
		f.path.Add(touchOf(ev, "impression"))
		return true
	})
	if err == nil {
		err = bad
	}
	return err
}

// visits adds the first page view of each session, where no click of its
// campaign led to it.
func (f *pathFinder) visits(person string) error {
	from := f.at - f.e.cfg.Attribution.Lookback.Visit.Millis()
	sessions, err := f.e.sessionsOf(f.r, person, from, f.at)
	if err != nil || !f.e.cfg.Sessions.Counts(event.Behavioural) {
		return err
	}
	for _, x := range sessions {
		var first *history.Event
		err := f.e.events(f.r, person, x.Start, min(x.End, f.at), func(ev *history.Event) bool {
			if ev.Kind == event.Behavioural && ev.Type == pageView && ev.Net() {
				first = ev
			}
			return first == nil
		})
		if err != nil {
			return err
		}
		if first == nil || first.Time < from {
			continue
		}
		d, err := f.e.dict.Get(first.Dims)
		if err != nil {
			return err
		}
		if !f.byCampaign.Within(d.Campaign, first.Time-attribution.VisitSuppression, first.Time) {
			f.path.Add(touchOf(first, "visit"))
		}
	}
	return nil
}

// userPrefix and anonymousPrefix begin the two kinds of persons.
const (
	userPrefix      = "u:"
	anonymousPrefix = "a:"
)

// group returns the persons whose touches a person's conversions have: itself,
// or the user and all anonymous ids linked to it.
func (e *Engine) group(r *history.Reader, person string) ([]string, error) {
	if !e.links.mayLink(hashText(person)) {
		return []string{person}, nil
	}
	user, isUser := strings.CutPrefix(person, userPrefix)
	if !isUser {
		var err error
		if user, err = e.linkOf(r, strings.TrimPrefix(person, anonymousPrefix)); err != nil {
			return nil, err
		}
		if user == "" {
			return []string{person}, nil
		}
	}
	members, err := r.Members(user)
	if err != nil {
		return nil, err
	}
	group := []string{userPrefix + user}
	change := e.ownerOf(userPrefix+user, "").members[user]
	for _, m := range members {
		if !change[m].left {
			group = append(group, anonymousPrefix+m)
		}
	}
	for m, c := range change {
		if c.joined {
			group = append(group, anonymousPrefix+m)
		}
	}
	slices.Sort(group[1:])
	return group, nil
}

// linkOf is the user that an anonymous id is linked to after this tick.
func (e *Engine) linkOf(r *history.Reader, anonymous string) (string, error) {
	if user, ok := e.ownerOf(anonymousPrefix+anonymous, "").linked[anonymous]; ok {
		return user, nil
	}
	_, _, user, err := r.Link(anonymous)
	return user, err
}
