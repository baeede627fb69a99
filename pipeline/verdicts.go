package pipeline

import (
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
)

// takeConversions puts the conversions that were accepted for the shard's
// persons into their changes, and takes out those whose id was used again.
func (s *shard) takeConversions() {
	s.inbox(func(m *mail) {
		for _, it := range m.conversions {
			ev := it.ev
			p := s.person(ev.Person)
			h := &history.Event{Ref: ev.Ref(), Kind: ev.Kind, Dims: it.dims.ID, Amount: ev.Amount, IP: ev.IP, UA: it.ua}
			h.Reasons, h.Shadow = s.e.modes.split(ev.Lists)
			p.changes[h.Ref] = &change{ev: h, cause: it.cause, alone: s.isAlone(it)}
			s.recent.add(it.person, ev.Time)
			w := s.work(p, conversionKey{ev.ID, ev.Time}, it.cause)
			w.now = &history.Conversion{
				ID: ev.ID, Time: ev.Time, Person: ev.Person, Name: ev.Name, OrderID: ev.OrderID,
				Original: ev.Amount, Currency: ev.Currency, Dims: it.dims.ID, Reasons: h.Reasons, Shadow: h.Shadow,
			}
			w.loaded, w.route = true, true
		}
		for _, r := range m.replaced {
			p := s.person(r.person)
			ref := event.Ref{Time: r.time, ID: r.id, Person: r.person, Type: "conversion"}
			w, err := s.load(p, conversionKey{r.id, r.time}, r.cause)
			s.fail(err)
			c, err := s.change(p, event.Conversion, ref)
			s.fail(err)
			if w == nil {
				continue
			}
			if c == nil {
				c = s.forgotten(p, w.was)
			}
			c.removed, c.cause = true, c.cause.latest(r.cause)
			w.removed, w.route = true, true
		}
	})
}

// forgotten is the change of a conversion whose event was dropped from history
// when it could no longer take part in anything but being replaced.
func (s *shard) forgotten(p *person, old *history.Conversion) *change {
	ref := event.Ref{Time: old.Time, ID: old.ID, Person: old.Person, Type: "conversion"}
	c := &change{
		ev: &history.Event{
			Ref: ref, Kind: event.Conversion, Dims: old.Dims, Amount: old.Original, Reasons: old.Reasons, Shadow: old.Shadow, Dup: old.Dup,
		},
		was: old.Reasons, wasDup: old.Dup, existed: true, forgotten: true,
	}
	p.changes[ref] = c
	return c
}

// judge gives verdicts to the shard's persons by the rules of tier 2: what the
// owners of rule keys counted, and what the person's own history says.
func (s *shard) judge() {
	s.inbox(func(m *mail) {
		for _, f := range m.flips {
			p := s.person(f.ref.Person)
			c, err := s.change(p, event.Click, f.ref)
			if err != nil {
				s.fail(err)
				return
			}
			if c == nil {
				bug("a rule counted a click that its person does not have: %+v", f.ref)
			}
			if s.e.modes.set(c.ev, f.reason, f.over) {
				c.cause = c.cause.latest(f.cause)
			}
		}
	})
	for _, p := range s.people {
		if p.id == "" {
			continue
		}
		if err := s.judgePerson(p); err != nil {
			s.fail(err)
			return
		}
	}
	for _, p := range s.people {
		for _, c := range p.sorted() {
			if err := s.settle(p, c); err != nil {
				s.fail(err)
				return
			}
		}
	}
}

func (s *shard) judgePerson(p *person) error {
	fast := s.e.cfg.Fraud.Rules.FastClick.Below.Millis()
	early := &s.e.cfg.Fraud.Rules.FastConversion
	for _, c := range p.sorted() {
		if c.existed || c.removed {
			continue
		}
		switch c.ev.Kind {
		case event.Click:
			if s.e.uses(event.FastClick) {
				hit, err := s.isFastClick(p, c.ev)
				if err != nil {
					return err
				}
				s.e.modes.set(c.ev, event.FastClick, hit)
			}
			if s.e.uses(event.FastConversion) && len(early.Conversions) > 0 {
				if err := s.clickBeforeConversions(p, c); err != nil {
					return err
				}
			}
		case event.Conversion:
			if s.e.uses(event.FastConversion) && len(early.Conversions) > 0 {
				if err := s.conversionAfterClick(p, c); err != nil {
					return err
				}
			}
		}
	}
	if !s.e.uses(event.FastClick) {
		return nil
	}
	for _, it := range p.impressions {
		if it.ev.Creative == "" {
			continue
		}
		if err := s.impressionBeforeClicks(p, it, fast); err != nil {
			return err
		}
	}
	return nil
}

// isFastClick says whether an impression of the creative lies less than the
// limit before the click and not after it.
func (s *shard) isFastClick(p *person, click *history.Event) (bool, error) {
	dims, err := s.e.dict.Get(click.Dims)
	if err != nil || dims.Creative == "" {
		return false, err
	}
	hit := false
	below := s.e.cfg.Fraud.Rules.FastClick.Below.Millis()
	if !s.latest.mayHave(hashText(p.id), click.Time-below+1, click.Time) {
		return false, nil
	}
	err = s.e.impressionsOf(s.reader, p.id, click.Time-below+1, click.Time, func(imp *history.Event) bool {
		if imp.Ref.Compare(click.Ref) > 0 {
			return true
		}
		var d *history.Dims
		if d, err = s.e.dict.Get(imp.Dims); err != nil {
			return false
		}
		hit = d.Creative == dims.Creative
		return !hit
	})
	return hit, err
}

// impressionBeforeClicks marks the clicks that come too soon after an
// impression that arrived after them.
func (s *shard) impressionBeforeClicks(p *person, it *item, below event.Millis) error {
	ref := it.ev.Ref()
	var hits []*history.Event
	err := s.e.events(s.reader, p.id, it.ev.Time, it.ev.Time+below-1, func(ev *history.Event) bool {
		if ev.Kind == event.Click && ref.Compare(ev.Ref) < 0 {
			hits = append(hits, ev)
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, click := range hits {
		d, err := s.e.dict.Get(click.Dims)
		if err != nil {
			return err
		}
		if d.Creative != it.ev.Creative {
			continue
		}
		c, err := s.change(p, event.Click, click.Ref)
		if err != nil {
			return err
		}
		if s.e.modes.set(c.ev, event.FastClick, true) {
			c.cause = c.cause.latest(it.cause)
		}
	}
	return nil
}

func (s *shard) conversionAfterClick(p *person, c *change) error {
	w := p.conversions[conversionKey{c.ev.ID, c.ev.Time}]
	rule := &s.e.cfg.Fraud.Rules.FastConversion
	if w == nil || w.now == nil || !slices.Contains(rule.Conversions, w.now.Name) {
		return nil
	}
	hit := false
	err := s.e.events(s.reader, p.id, c.ev.Time-rule.Below.Millis()+1, c.ev.Time, func(ev *history.Event) bool {
		hit = ev.Kind == event.Click && ev.Ref.Compare(c.ev.Ref) < 0
		return !hit
	})
	s.e.modes.set(c.ev, event.FastConversion, hit)
	return err
}

// clickBeforeConversions marks the conversions that come too soon after a click
// that arrived after them.
func (s *shard) clickBeforeConversions(p *person, click *change) error {
	rule := &s.e.cfg.Fraud.Rules.FastConversion
	var after []event.Ref
	err := s.e.events(s.reader, p.id, click.ev.Time, click.ev.Time+rule.Below.Millis()-1, func(ev *history.Event) bool {
		if ev.Kind == event.Conversion && click.ev.Ref.Compare(ev.Ref) < 0 {
			after = append(after, ev.Ref)
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, ref := range after {
		w, err := s.load(p, conversionKey{ref.ID, ref.Time}, cause{})
		if err != nil {
			return err
		}
		if w == nil || !slices.Contains(rule.Conversions, w.now.Name) {
			continue
		}
		c, err := s.change(p, event.Conversion, ref)
		if err != nil {
			return err
		}
		if s.e.modes.set(c.ev, event.FastConversion, true) {
			c.cause = c.cause.latest(click.cause)
		}
	}
	return nil
}

// settle carries a verdict that is now known, but for order duplicates, into
// the rollups, and tells the owners of orders about conversions.
func (s *shard) settle(p *person, c *change) error {
	ev := c.ev
	dims, err := s.e.dict.Get(ev.Dims)
	if err != nil {
		return err
	}
	now := ev.Reasons
	if c.removed {
		now = 0
	}
	s.countInvalid(dims, ev, c.was, now, c.cause)
	if ev.Kind != event.Conversion {
		if c.removed {
			s.dropVerdict(ev)
			return nil
		}
		if !c.existed && ev.Reasons|ev.Shadow == 0 {
			return nil
		}
		s.writeVerdict(ev, dims.Campaign)
		return nil
	}
	key := conversionKey{ev.ID, ev.Time}
	w := p.conversions[key]
	if w == nil {
		if w, err = s.load(p, key, c.cause); err != nil {
			return err
		}
	}
	if w == nil {
		bug("conversion %s of %s is in the history but has no record", ev.ID, p.id)
	}
	if w.now.Reasons != ev.Reasons || w.now.Shadow != ev.Shadow {
		w.now.Reasons, w.now.Shadow, w.cause, w.route = ev.Reasons, ev.Shadow, w.cause.latest(c.cause), true
	}
	if w.route && w.now.OrderID != "" {
		o := &history.Order{Name: w.now.Name, ID: ev.ID, Time: ev.Time, Person: p.id, Currency: w.now.Currency, Invalid: ev.Reasons != 0}
		m := s.to(s.e.ownerOfKey(hashText(w.now.OrderID)))
		m.orders = append(m.orders, orderFact{w.now.OrderID, o, c.removed, w.cause})
	}
	if w.route {
		// The owner of the conversion's id looks for adjustments that name it.
		m := s.to(s.e.ownerOfKey(hashText(ev.ID)))
		m.orders = append(m.orders, orderFact{ev.ID, nil, c.removed, w.cause})
	}
	return nil
}

// uses says whether a rule is on.
func (e *Engine) uses(r event.Reason) bool { return (e.modes.enforce | e.modes.shadow).Has(r) }
