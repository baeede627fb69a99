package pipeline

import (
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/sessionize"
)

// decide ends what concerns verdicts and goes on to sessions: it takes what the
// owners of ids found, stores the events that changed, brings sessions up to
// date and says which conversions may have another path now.
func (s *shard) decide() {
	s.inbox(func(m *mail) {
		for i := range m.adjusted {
			if err := s.takeAdjusted(&m.adjusted[i]); err != nil {
				s.fail(err)
				return
			}
		}
	})
	for _, p := range s.people {
		if err := s.decidePerson(p); err != nil {
			s.fail(err)
			return
		}
	}
}

func (s *shard) takeAdjusted(f *adjustFact) error {
	p := s.person(f.ref.person)
	w, err := s.load(p, conversionKey{f.ref.id, f.ref.time}, cause{})
	if err != nil {
		return err
	}
	if w == nil || w.removed {
		return nil // an older conversion whose id was used again
	}
	switch f.what {
	case orderDuplicate:
		ref := event.Ref{Time: f.ref.time, ID: f.ref.id, Person: f.ref.person, Type: "conversion"}
		c, err := s.change(p, event.Conversion, ref)
		if err != nil || c == nil {
			return err
		}
		c.ev.Dup, w.now.Dup = f.dup, f.dup
		c.cause = c.cause.latest(f.ref.cause)
	case adjustedByID:
		if sameAdjust(w.now.ByID, f.adjust) {
			return nil
		}
		w.now.ByID = f.adjust
	case adjustedByOrder:
		if sameAdjust(w.now.ByOrder, f.adjust) {
			return nil
		}
		w.now.ByOrder = f.adjust
	}
	w.cause = w.cause.latest(f.ref.cause)
	w.dirty = true
	return nil
}

func sameAdjust(a, b *event.Adjust) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func (s *shard) decidePerson(p *person) error {
	changes := p.sorted()
	for _, c := range changes {
		if c.ev.Kind == event.Conversion {
			dims, err := s.e.dict.Get(c.ev.Dims)
			if err != nil {
				return err
			}
			s.settleConversionVerdict(c, dims.Campaign)
		}
		s.storeEvent(c)
	}
	if p.id == "" {
		return nil
	}
	if err := s.updateSessions(p, changes); err != nil {
		return err
	}
	return s.findSpans(p, changes)
}

func (s *shard) settleConversionVerdict(c *change, campaign string) {
	ev := c.ev
	if c.removed {
		s.key = verdictKey(s.key[:0], ev.Ref)
		s.writes.Delete(s.key)
		s.changed(s.key)
		return
	}
	if c.existed || ev.Reasons|ev.Shadow != 0 || ev.Dup {
		s.writeVerdict(ev, campaign)
	}
}

// storeEvent writes an event's record, or removes it.
func (s *shard) storeEvent(c *change) {
	s.key = history.AppendKey(s.key[:0], c.ev.Kind, c.ev.Ref)
	if c.removed {
		s.writes.Delete(s.key)
		return
	}
	s.value = c.ev.AppendValue(s.value[:0])
	s.writes.Set(s.key, s.value)
}

// updateSessions applies the person's changes to the sessions around them.
func (s *shard) updateSessions(p *person, changes []*change) error {
	var added []sessionize.Item
	var removed []event.Ref
	because := map[event.Ref]cause{}
	alone := false // there is no session near
	for _, c := range changes {
		if !s.e.cfg.Sessions.Counts(c.ev.Kind) || c.net() == c.wasNet() {
			continue
		}
		because[c.ev.Ref] = c.cause
		if c.forgotten {
			if err := s.takeFromSession(p, c); err != nil {
				return err
			}
			delete(because, c.ev.Ref)
			continue
		}
		if c.net() {
			it, err := s.sessionItem(c.ev)
			if err != nil {
				return err
			}
			added, alone = append(added, it), c.alone
		} else {
			removed = append(removed, c.ev.Ref)
		}
	}
	from, to := event.EndOfTime, event.NoTime
	reach := func(t event.Millis) { from, to = min(from, t), max(to, t) }
	for ref := range because {
		reach(ref.Time)
	}
	for _, it := range p.impressions {
		reach(it.ev.Time)
	}
	for _, f := range p.flipped {
		reach(f.ev.Time)
	}
	if from > to {
		return nil
	}
	alone = alone && from == to && len(changes) == 1
	return s.sessionsAround(p, from, to, alone, added, removed, because)
}

// takeFromSession takes a forgotten event out of the counts of its session. The
// events around it are forgotten too, so the session cannot be cut anew: it
// keeps its ends.
func (s *shard) takeFromSession(p *person, c *change) error {
	old, err := s.reader.Sessions(p.id, c.ev.Time, c.ev.Time)
	if err != nil || len(old) == 0 {
		return err
	}
	after := old[0].Session
	after.Events--
	after.Conversions--
	var left []event.Session
	if after.Events > 0 {
		left = append(left, after)
	}
	return s.writeSessions(p, old, left, func(*event.Session) (cause, []timedCause) { return c.cause, nil })
}

func (s *shard) sessionItem(ev *history.Event) (sessionize.Item, error) {
	dims, err := s.e.dict.Get(ev.Dims)
	return sessionize.Item{Ref: ev.Ref, Kind: ev.Kind, Channel: dims.Channel}, err
}

// sessionsAround changes the sessions within the gap of [from, to].
func (s *shard) sessionsAround(p *person, from, to event.Millis, alone bool, added []sessionize.Item, removed []event.Ref, because map[event.Ref]cause) error {
	gap := s.e.cfg.Sessions.Gap.Millis()
	var old []*history.Session
	if !alone {
		var err error
		if old, err = s.reader.Sessions(p.id, from-gap, to+gap); err != nil {
			return err
		}
	}
	if len(old) == 0 && len(added) == 0 {
		return nil
	}
	hash := hashText(p.id)
	before := make([]event.Session, len(old))
	for i, x := range old {
		before[i] = x.Session
	}
	after, err := sessionize.Apply(&s.e.cfg.Sessions, before, added, removed, sessionize.Past{
		Items: func(from, to event.Millis, fn func(sessionize.Item)) error {
			var bad error
			err := s.e.events(s.reader, p.id, from, to, func(ev *history.Event) bool {
				if !ev.Net() || !s.e.cfg.Sessions.Counts(ev.Kind) {
					return true
				}
				var it sessionize.Item
				if it, bad = s.sessionItem(ev); bad != nil {
					return false
				}
				fn(it)
				return true
			})
			if err == nil {
				err = bad
			}
			return err
		},
		Impressions: func(from, to event.Millis) (int64, error) {
			if !s.latest.mayHave(hash, from, to) {
				return 0, nil
			}
			return s.reader.CountImpressions(p.id, from, to)
		},
	})
	if err != nil {
		return err
	}
	latest := s.addImpressions(p, after)
	return s.writeSessions(p, old, after, func(x *event.Session) (cause, []timedCause) {
		c := latest[x.Start]
		var causes []timedCause
		for ref, o := range because {
			if ref.Time >= x.Start-gap && ref.Time <= x.End+gap {
				c = c.latest(o)
				causes = append(causes, timedCause{ref.Time, o})
			}
		}
		return c, causes
	})
}

// addImpressions counts the impressions of this tick into the sessions that
// they lie in, and those whose verdict changed in or out.
func (s *shard) addImpressions(p *person, sessions []event.Session) map[event.Millis]cause {
	if len(sessions) == 0 {
		return nil
	}
	latest := map[event.Millis]cause{}
	put := func(t event.Millis, n int64, c cause) {
		i, ok := slices.BinarySearchFunc(sessions, t, func(x event.Session, t event.Millis) int {
			switch {
			case x.End < t:
				return -1
			case x.Start > t:
				return 1
			}
			return 0
		})
		if ok {
			sessions[i].Impressions += n
			latest[sessions[i].Start] = latest[sessions[i].Start].latest(c)
		}
	}
	s.chain.visit(hashText(p.id), p.id, func(it *item) bool {
		if it.ev.Lists&s.e.modes.enforce == 0 {
			put(it.ev.Time, 1, it.cause)
		}
		return true
	})
	for _, f := range p.flipped {
		if was, now := f.was == 0, f.ev.Reasons == 0; was && !now {
			put(f.ev.Time, -1, f.cause)
		} else if now && !was {
			put(f.ev.Time, 1, f.cause)
		}
	}
	return latest
}

// writeSessions stores what differs. A session whose first event changed is
// another session: its row goes and a new one comes, and the conversions in it
// refer to the new one.
func (s *shard) writeSessions(p *person, old []*history.Session, after []event.Session, why func(*event.Session) (cause, []timedCause)) error {
	if p.sessions == nil {
		p.sessions = map[event.Millis]*history.Session{}
	}
	was := make(map[string]*history.Session, len(old))
	for _, x := range old {
		was[x.ID] = x
	}
	kept := make(map[string]bool, len(after))
	for i := range after {
		x := &history.Session{Session: after[i], ID: sessionize.ID(&after[i]), Rev: s.e.rev}
		o := was[x.ID]
		kept[x.ID] = true
		if o != nil && o.Session == x.Session {
			p.sessions[x.Start] = o
			continue
		}
		c, causes := why(&x.Session)
		x.Restated = o != nil && o.Restated || c.watermark >= x.End.Add(s.e.cfg.Sessions.Gap.Millis())
		s.value = x.AppendValue(s.value[:0])
		s.writes.Set(history.SessionKey(s.key[:0], p.id, x.Start), s.value)
		if o == nil || o.End != x.End {
			if o != nil {
				s.writes.Delete(history.SessionEndKey(s.key[:0], o.End, o.ID))
			}
			s.writes.Set(history.SessionEndKey(s.key[:0], x.End, x.ID), nil)
		}
		if o == nil {
			s.writes.Set(history.SessionIDKey(s.key[:0], x.ID), history.SessionKey(nil, p.id, x.Start))
		}
		s.changed(history.SessionIDKey(s.key[:0], x.ID))
		p.sessions[x.Start] = x
		if o == nil { // else what lay in it still does
			p.moved = append(p.moved, moved{x.Start, x.End, causes})
		}
	}
	for _, o := range old {
		if kept[o.ID] {
			continue
		}
		s.writes.Delete(history.SessionIDKey(s.key[:0], o.ID))
		s.writes.Delete(history.SessionEndKey(s.key[:0], o.End, o.ID))
		s.changed(history.SessionIDKey(s.key[:0], o.ID))
		if n := p.sessions[o.Start]; n == nil || n.ID == o.ID {
			s.writes.Delete(history.SessionKey(s.key[:0], p.id, o.Start))
			p.sessions[o.Start] = nil
		}
		_, causes := why(&o.Session)
		p.moved = append(p.moved, moved{o.Start, o.End, causes})
	}
	return nil
}

// moved is a stretch in which events may belong to another session now, and the
// changes that it goes back to.
type moved struct {
	start, end event.Millis
	causes     []timedCause
}

// timedCause is the cause of a change to an event at a time.
type timedCause struct {
	changed event.Millis
	cause
}

// before is why an event at t may be in another session: a change after it
// prolongs its session, but does not make it another.
func (m *moved) before(t event.Millis) cause {
	var c cause
	for _, o := range m.causes {
		if o.changed <= t {
			c = c.latest(o.cause)
		}
	}
	return c
}

// sessionsOf returns the person's sessions that overlap [from, to] as they are
// after this tick.
func (e *Engine) sessionsOf(r *history.Reader, id string, from, to event.Millis) ([]*history.Session, error) {
	list, err := r.Sessions(id, from, to)
	if err != nil {
		return nil, err
	}
	p := e.ownerOf(id, "").people[id]
	if p == nil || len(p.sessions) == 0 {
		return list, nil
	}
	list = slices.DeleteFunc(list, func(x *history.Session) bool { _, ok := p.sessions[x.Start]; return ok })
	for _, x := range p.sessions {
		if x != nil && x.End >= from && x.Start <= to {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b *history.Session) int { return int(a.Start - b.Start) })
	return list, nil
}
