package pipeline

import (
	"cmp"
	"slices"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
)

// conversionWork is what a tick does to one conversion.
type conversionWork struct {
	was     *history.Conversion // as stored; nil: it is new
	now     *history.Conversion
	loaded  bool
	route   bool          // its verdict must be told to the owners of its ids
	repath  bool          // its path must be found anew
	added   []event.Touch // else these were added to it
	dirty   bool          // something else of it has
	removed bool
	erased  bool // with all that was ever said of it
	due     bool // the watermark reached it
	cause   cause
}

// work returns the tick's record of a conversion.
func (s *shard) work(p *person, k conversionKey, c cause) *conversionWork {
	if p.conversions == nil {
		p.conversions = map[conversionKey]*conversionWork{}
	}
	w := p.conversions[k]
	if w == nil {
		w = &conversionWork{}
		p.conversions[k] = w
	}
	w.cause = w.cause.latest(c)
	return w
}

// load returns the tick's record of a stored conversion; nil when there is none.
func (s *shard) load(p *person, k conversionKey, c cause) (*conversionWork, error) {
	w := s.work(p, k, c)
	if w.loaded {
		return w, nil
	}
	old, err := s.reader.Conversion(k.id, k.time, s.e.dict)
	if err != nil || old == nil {
		delete(p.conversions, k)
		return nil, err
	}
	now := *old
	w.was, w.now, w.loaded = old, &now, true
	p.takeLeftOut(k, w)
	return w, nil
}

// gather takes in whose conversions may have changed. It is a phase of its own:
// the next reads persons of other shards, and these make persons here.
func (s *shard) gather() {
	s.inbox(func(m *mail) {
		for _, sp := range m.members {
			p := s.person(sp.person)
			p.spans = append(p.spans, sp.span)
		}
		for _, r := range m.due {
			w, err := s.load(s.person(r.person), conversionKey{r.id, r.time}, cause{})
			s.fail(err)
			if w != nil {
				w.due = true
			}
		}
	})
	s.settleDeferred()
}

// recompute brings the shard's conversions up to date: the last phase.
func (s *shard) recompute() {
	for _, p := range s.people {
		if err := s.recomputePerson(p); err != nil {
			s.fail(err)
			return
		}
	}
}

func (s *shard) recomputePerson(p *person) error {
	if err := s.conversionsInSpans(p); err != nil {
		return err
	}
	if err := s.findSessions(p); err != nil {
		return err
	}
	keys := make([]conversionKey, 0, len(p.conversions))
	for k := range p.conversions {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b conversionKey) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.id, b.id))
	})
	for _, k := range keys {
		if err := s.recomputeConversion(p, p.conversions[k]); err != nil {
			return err
		}
	}
	s.writeLeftOut(p)
	return nil
}

// conversionsInSpans marks the person's conversions whose paths may differ.
func (s *shard) conversionsInSpans(p *person) error {
	for _, sp := range merged(p.spans) {
		var keys []conversionKey
		err := s.e.events(s.reader, p.id, sp.from, min(sp.to, s.e.maxTime), func(ev *history.Event) bool {
			if ev.Kind == event.Conversion {
				keys = append(keys, conversionKey{ev.ID, ev.Time})
			}
			return true
		})
		if err != nil {
			return err
		}
		for _, k := range keys {
			if s.leavesOut(p, k) || s.mayDefer(p, k) {
				continue
			}
			w, err := s.load(p, k, cause{})
			if err != nil {
				return err
			}
			if w == nil {
				bug("conversion %s of %s is in the history but has no record", k.id, p.id)
			}
			for _, o := range p.spans {
				if k.time < o.from || k.time > o.to {
					continue
				}
				w.cause = w.cause.latest(o.cause)
				if o.added.ID == "" {
					w.repath = true
				} else {
					w.added = append(w.added, o.added)
				}
			}
		}
	}
	return nil
}

// merged joins spans that overlap.
func merged(spans []span) []span {
	sorted := slices.Clone(spans)
	slices.SortFunc(sorted, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out []span
	for _, sp := range sorted {
		if n := len(out); n > 0 && sp.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, sp.to)
			continue
		}
		out = append(out, sp)
	}
	return out
}

// findSessions sets the session of each conversion that may have another one.
func (s *shard) findSessions(p *person) error {
	for i := range p.moved {
		m := &p.moved[i]
		var keys []conversionKey
		err := s.e.events(s.reader, p.id, m.start, m.end, func(ev *history.Event) bool {
			if ev.Kind == event.Conversion {
				keys = append(keys, conversionKey{ev.ID, ev.Time})
			}
			return true
		})
		if err != nil {
			return err
		}
		for _, k := range keys {
			w, err := s.load(p, k, m.before(k.time))
			if err != nil {
				return err
			}
			if w != nil {
				w.dirty = true
			}
		}
	}
	for k, w := range p.conversions {
		if w.removed || w.was != nil && !w.dirty && !w.route {
			continue
		}
		w.now.SessionID = ""
		if !w.now.Verdict().Net() {
			continue
		}
		list, err := s.e.sessionsOf(s.reader, p.id, k.time, k.time)
		if err != nil {
			return err
		}
		if len(list) == 1 {
			w.now.SessionID = list[0].ID
		} else if s.e.cfg.Sessions.Counts(event.Conversion) {
			bug("conversion %s of %s lies in %d sessions; want 1", k.id, p.id, len(list))
		}
	}
	return nil
}

// recomputeConversion finds the path and the credits anew, compares them with
// what was said before, and writes what differs.
func (s *shard) recomputeConversion(p *person, w *conversionWork) error {
	now := w.now
	if w.removed {
		if w.was != nil {
			s.deferred.take(conversionKey{w.was.ID, w.was.Time})
		}
		return s.removeConversion(w)
	}
	isNew := w.was == nil
	counted := now.Counted()
	late := s.takeDeferred(now)
	switch {
	case !counted:
		now.Touches, now.Dropped = nil, 0
	case isNew || w.repath || !w.was.Counted():
		var err error
		if now.Touches, now.Dropped, err = s.path(p.id, now.Time); err != nil {
			return err
		}
	default:
		for _, t := range slices.Concat(late, w.added) {
			if err := s.e.dict.Name(&t); err != nil {
				return err
			}
			now.Touches, now.Dropped = attribution.Insert(now.Touches, now.Dropped, s.credited().MaxTouches, t)
		}
	}
	final := now.Time <= s.e.watermark
	changed := isNew || !sameConversion(w.was, now)
	if !changed && !w.due {
		return nil
	}
	var before, after []credit
	if isNew || !sameCredits(w.was, now) {
		if !isNew {
			before = s.before.of(s.credited(), w.was)
		}
		after = s.after.of(s.credited(), now)
	}
	if w.cause.watermark >= now.Time && (isNew || !saysSame(s.withTouches(w.was, late), now)) {
		now.Restated = true
	}
	if changed {
		s.rollUp(w, before, after)
	}
	if final {
		first := !now.Final
		now.Final = true
		s.journal(w, before, after, first)
	}
	s.storeConversion(w, final)
	return nil
}

// storeConversion writes a conversion's record, or what of it changed.
func (s *shard) storeConversion(w *conversionWork, final bool) {
	was, now := w.was, w.now
	now.Rev = s.e.rev
	key := history.ConversionKey(s.key[:0], now.ID, now.Time)
	if was != nil && was.Dropped <= now.Dropped && sameButCounts(was, now) {
		s.writes.Merge(key, history.ConversionChange(now.Rev, now.Final, now.Restated, now.Journals-was.Journals, uint32(now.Dropped-was.Dropped)))
	} else {
		s.value = now.AppendValue(s.value[:0])
		s.writes.Set(key, s.value)
	}
	s.ends.note(now, s.credited().MaxTouches)
	s.changed(key)
	s.key = key
	if was == nil {
		s.writes.Set(history.ConversionTimeKey(s.key[:0], now.Time, now.ID), []byte(now.Person))
	}
	if was == nil && !final {
		s.value = history.AppendPending(s.value[:0], now.Person, nil)
		s.writes.Set(history.PendingKey(s.key[:0], now.Time, now.ID), s.value)
	} else if was != nil && final && !was.Final {
		s.writes.Delete(history.PendingKey(s.key[:0], now.Time, now.ID))
	}
}

// removeConversion takes out a conversion whose id was used again.
func (s *shard) removeConversion(w *conversionWork) error {
	c := w.was
	if c == nil {
		return nil // it came and went within the tick
	}
	s.ends.forget(conversionKey{c.ID, c.Time})
	before := s.before.of(s.credited(), c)
	w.now = &history.Conversion{ID: c.ID, Time: c.Time, Person: c.Person, Name: c.Name, Currency: c.Currency, Journals: c.Journals}
	s.rollUp(w, before, nil)
	if w.erased {
		if err := s.eraseJournal(c); err != nil {
			return err
		}
	}
	if c.Final && !w.erased {
		s.journal(w, before, nil, false)
	} else {
		s.writes.Delete(history.PendingKey(s.key[:0], c.Time, c.ID))
	}
	s.writes.Delete(history.ConversionKey(s.key[:0], c.ID, c.Time))
	s.writes.Delete(history.ConversionTimeKey(s.key[:0], c.Time, c.ID))
	s.changed(history.ConversionKey(s.key[:0], c.ID, c.Time))
	return nil
}

// saysSame compares all that the tables say of a conversion and its credits. It
// may be the same though what it is said for differs, such as a second refund.
func saysSame(a, b *history.Conversion) bool {
	return a.Verdict() == b.Verdict() && a.Adjusted() == b.Adjusted() && a.Value() == b.Value() && a.SessionID == b.SessionID &&
		a.Dropped == b.Dropped && slices.EqualFunc(a.Touches, b.Touches, func(x, y event.Touch) bool {
		x.Person, x.Dims = y.Person, y.Dims
		return x == y
	})
}

// sameConversion compares all that is known of a conversion.
func sameConversion(a, b *history.Conversion) bool {
	return a.Dropped == b.Dropped && sameButCounts(a, b)
}

// sameButCounts compares all but what may change without the path being written.
func sameButCounts(a, b *history.Conversion) bool {
	return a.Reasons == b.Reasons && a.Shadow == b.Shadow && a.Dup == b.Dup && a.SessionID == b.SessionID &&
		sameAdjust(a.ByID, b.ByID) && sameAdjust(a.ByOrder, b.ByOrder) && sameTouches(a, b)
}

// sameCredits says whether what credits are made of is the same.
func sameCredits(a, b *history.Conversion) bool {
	return a.Counted() == b.Counted() && a.Value() == b.Value() && sameTouches(a, b)
}

func sameTouches(a, b *history.Conversion) bool {
	return len(a.Touches) == len(b.Touches) && (len(a.Touches) == 0 || &a.Touches[0] == &b.Touches[0] || slices.Equal(a.Touches, b.Touches))
}

// credit is a credit row with the touch that it is for.
type credit struct {
	event.Credit
	touch *event.Touch // nil: unattributed
}

// unattributedChannel stands where a conversion has no touch.
const unattributedChannel = "(none)"

func (c *credit) campaign() string {
	if c.touch == nil {
		return ""
	}
	return c.touch.Campaign
}

func (c *credit) channel() string {
	if c.touch == nil {
		return unattributedChannel
	}
	return c.touch.Channel
}

func (c *credit) touchTime() event.Millis {
	if c.touch == nil {
		return event.NoTime
	}
	return c.touch.Time
}

// creditsOf gives the credit rows of a conversion; none when it is not counted.
func creditsOf(cfg *attribution.Config, c *history.Conversion) []credit {
	var b creditBuffer
	return b.of(cfg, c)
}

// creditBuffer makes credit rows in memory that is used again: what it returns
// is valid until the next call.
type creditBuffer struct {
	divider attribution.Divider
	rows    []event.Credit
	out     []credit
}

func (b *creditBuffer) of(cfg *attribution.Config, c *history.Conversion) []credit {
	if !c.Counted() {
		return nil
	}
	b.rows = b.divider.Credits(b.rows[:0], cfg, c.Touches, c.Value())
	b.out = b.out[:0]
	for _, r := range b.rows {
		x := credit{Credit: r}
		if r.Position > 0 {
			x.touch = &c.Touches[r.Position-1]
		}
		b.out = append(b.out, x)
	}
	return b.out
}

// rollUp carries the difference of a conversion into the rollups.
func (s *shard) rollUp(w *conversionWork, before, after []credit) {
	now, d := w.now, s.deltas
	wm := w.cause.watermark
	var n sums
	if w.was != nil {
		countConversion(&n, w.was, -1)
	}
	if !w.removed {
		countConversion(&n, now, +1)
	}
	d.add(minuteConversions, now.Time, wm, n, now.Name, now.Currency)

	s.summed.add(d, now, wm, before, after)
}

func countConversion(n *sums, c *history.Conversion, sign int64) {
	n[conversions] += sign
	switch v := c.Verdict(); {
	case v.Invalid():
		n[invalidConversions] += sign
	case v == event.Duplicate:
		n[duplicateConversions] += sign
	case !c.Counted():
		n[retractedConversions] += sign
	default:
		n[conversionValue] += sign * int64(c.Value())
		if len(c.Touches) == 0 {
			n[unattributed] += sign
		}
	}
}
