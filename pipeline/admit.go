package pipeline

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// idWindow is how far apart in event time two conversions, adjustments or
// identifications with one event id may lie to be one.
const idWindow = 90 * event.Day

// lateness is how long an event of a kind is applied after the watermark.
func (e *Engine) lateness(k event.Kind) event.Millis {
	if e.opt.NoLateness {
		return event.EndOfTime
	}
	l := &e.cfg.Time.AllowedLateness
	switch k {
	case event.Impression:
		return l.Impression.Millis()
	case event.Click:
		return l.Click.Millis()
	case event.Conversion:
		return l.Conversion.Millis()
	case event.Adjustment:
		return l.Adjustment.Millis()
	case event.Identify:
		return l.Identify.Millis()
	}
	return l.Behavioural.Millis()
}

func (e *Engine) tooLate(ev *event.Event, watermark event.Millis) bool {
	return ev.Time.Add(e.lateness(ev.Kind)) <= watermark
}

// admit decides for each of the shard's items whether it is applied: not too
// late, not applied before. It is the first phase of a tick.
func (s *shard) admit() {
	s.chain.reset(len(s.items))
	for _, it := range s.items {
		var err error
		switch it.ev.Kind {
		case event.Impression:
			err = s.admitImpression(it)
		case event.Click, event.Behavioural:
			err = s.admitEvent(it)
		default:
			err = s.admitByID(it)
		}
		if err != nil {
			s.fail(err)
			return
		}
	}
	s.sorted.flush(s.writes)
}

// sortedWrites collects the records of impressions and writes them in the order
// of their keys: the store's memtable finds the place of a key near that of the
// one before, instead of searching from its top.
type sortedWrites struct {
	arena []byte
	at    []keyValue
}

type keyValue struct{ key, value, end int }

func (w *sortedWrites) add(key, value []byte) {
	kv := keyValue{key: len(w.arena), value: len(w.arena) + len(key)}
	w.arena = append(append(w.arena, key...), value...)
	kv.end = len(w.arena)
	w.at = append(w.at, kv)
}

func (w *sortedWrites) flush(to *state.Batch) {
	slices.SortFunc(w.at, func(a, b keyValue) int {
		return bytes.Compare(w.arena[a.key:a.value], w.arena[b.key:b.value])
	})
	for _, kv := range w.at {
		to.Set(w.arena[kv.key:kv.value], w.arena[kv.value:kv.end])
	}
	w.arena, w.at = w.arena[:0], w.at[:0]
}

// admitImpression is the fast path: an impression that is later than all else
// that is known of its person writes its own record and counts in delivery.
func (s *shard) admitImpression(it *item) error {
	ev := it.ev
	if s.impressions.add(hashRef(it.person, ev), ev.Time) {
		if dup, err := s.repeatsImpression(it); dup || err != nil {
			return err
		}
	}
	reasons, shadow := s.e.modes.split(ev.Lists)
	h := history.Event{Kind: ev.Kind, Dims: it.dims.ID, Amount: ev.Amount, Reasons: reasons, Shadow: shadow, IP: ev.IP, UA: it.ua}
	s.key = history.AppendKey(s.key[:0], ev.Kind, ev.Ref())
	s.value = h.AppendValue(s.value[:0])
	s.sorted.add(s.key, s.value)
	s.countDelivery(it.dims, ev.Kind, ev.Time, it.cause.watermark, ev.Amount, +1)
	if reasons|shadow != 0 {
		h.Ref = ev.Ref()
		s.countInvalid(it.dims, &h, 0, reasons, it.cause)
		s.writeVerdict(&h, it.dims.Campaign)
	}
	*it.result = Accepted
	s.stats.Impressions++
	s.chain.add(it)
	if ev.Person == "" {
		return nil
	}
	s.latest.add(it.person, ev.Time)
	maybe, certain := s.recent.reaches(it.person, ev.Time)
	if maybe && !certain {
		var err error
		if maybe, err = s.reader.Any(ev.Person, ev.Time); err != nil {
			return err
		}
	}
	if maybe || s.e.links.mayLink(it.person) {
		p := s.person(ev.Person)
		p.impressions = append(p.impressions, it)
	}
	return nil
}

func (s *shard) repeatsImpression(it *item) (bool, error) {
	ev := it.ev
	var same *event.Event
	s.chain.visit(it.person, ev.Person, func(o *item) bool {
		if o.ev.ID == ev.ID && o.ev.Time == ev.Time {
			same = o.ev
		}
		return same == nil
	})
	if same != nil {
		s.duplicate(it, sameContent(same, ev))
		return true, nil
	}
	old, err := s.reader.Find(ev.Kind, ev.Ref())
	if old != nil {
		s.duplicate(it, old.Dims == it.dims.ID && old.Amount == ev.Amount && old.IP == ev.IP && old.UA == it.ua)
	}
	return old != nil, err
}

func sameContent(a, b *event.Event) bool {
	return a.Campaign == b.Campaign && a.AdGroup == b.AdGroup && a.Creative == b.Creative && a.Publisher == b.Publisher &&
		a.Country == b.Country && a.Channel == b.Channel && a.Amount == b.Amount && a.Currency == b.Currency &&
		a.IP == b.IP && a.UserAgent == b.UserAgent
}

func (s *shard) duplicate(it *item, same bool) {
	*it.result = DuplicateEvent
	s.stats.Duplicates++
	if !same {
		s.stats.Conflicts++
	}
}

// admitEvent takes a click or a behavioural event into its person's changes.
func (s *shard) admitEvent(it *item) error {
	ev, ref := it.ev, it.ev.Ref()
	p := s.person(ev.Person)
	if s.others.add(hashRef(it.person, ev), ev.Time) {
		var old *history.Event
		if c := p.changes[ref]; c != nil {
			old = c.ev
		} else {
			var err error
			if old, err = s.reader.Find(ev.Kind, ref); err != nil {
				return err
			}
		}
		if old != nil {
			s.duplicate(it, old.Dims == it.dims.ID && old.Amount == ev.Amount && old.IP == ev.IP && old.UA == it.ua)
			return nil
		}
	}
	h := &history.Event{Ref: ref, Kind: ev.Kind, Dims: it.dims.ID, Amount: ev.Amount, IP: ev.IP, UA: it.ua}
	h.Reasons, h.Shadow = s.e.modes.split(ev.Lists)
	maybe, _ := s.recent.reaches(it.person, ev.Time)
	p.changes[ref] = &change{ev: h, cause: it.cause, tail: !maybe, alone: s.isAlone(it)}
	*it.result = Accepted
	if ev.Kind == event.Click {
		s.stats.Clicks++
		s.countDelivery(it.dims, ev.Kind, ev.Time, it.cause.watermark, ev.Amount, +1)
		s.sendClick(it)
	} else {
		s.stats.Behavioural++
	}
	if ev.Person != "" {
		s.recent.add(it.person, ev.Time)
	}
	return nil
}

// isAlone says that nothing of the event's person lies within the gap of a
// session before it, nor after it.
func (s *shard) isAlone(it *item) bool {
	maybe, _ := s.recent.reaches(it.person, it.ev.Time-s.e.cfg.Sessions.Gap.Millis())
	return !maybe
}

// admitByID takes what its event id alone identifies. This shard owns the id;
// the event goes on to the shard that owns its person or what it names.
func (s *shard) admitByID(it *item) error {
	ev := it.ev
	known, err := s.reader.KnownIDs(ev.ID, ev.Kind, 0, 1<<52)
	if err != nil {
		return err
	}
	s.buf = append(append(s.buf[:0], byte(ev.Kind)), ev.ID...)
	known = append(known, s.ids[string(s.buf)]...)
	newest, others := event.NoTime, -1
	for i, k := range known {
		if d := k.Time - ev.Time; -idWindow <= d && d <= idWindow {
			s.duplicate(it, k.Person == ev.Person && k.Currency == ev.Currency && k.Time == ev.Time)
			return nil
		}
		if k.Time > newest {
			newest, others = k.Time, i
		}
	}
	if s.e.tooLate(ev, it.cause.watermark) {
		*it.result = TooLate
		return nil
	}
	k := history.Known{Time: ev.Time, Person: ev.Person, Currency: ev.Currency}
	s.ids[string(s.buf)] = append(s.ids[string(s.buf)], k)
	s.key = history.RefIDKey(s.key[:0], ev.ID, ev.Kind, ev.Time)
	s.value = k.AppendValue(s.value[:0])
	s.writes.Set(s.key, s.value)
	*it.result = Accepted
	switch ev.Kind {
	case event.Conversion:
		s.stats.Conversions++
		if others >= 0 {
			// An id used again: the later one is the row, the other is as
			// though it had not been accepted.
			if newest > ev.Time {
				return nil
			}
			o := known[others]
			m := s.to(s.e.ownerOf(o.Person, ""))
			m.replaced = append(m.replaced, conversionRef{ev.ID, o.Time, o.Person, it.cause})
		}
		m := s.to(s.e.owner(it.person, ev.Person, ev.ID))
		m.conversions = append(m.conversions, it)
	case event.Adjustment:
		s.stats.Adjustments++
		m := s.to(s.e.ownerOfKey(hashText(ev.Adjusts)))
		m.amendments = append(m.amendments, it)
	case event.Identify:
		s.stats.Identifies++
		m := s.to(s.e.ownerOf("a:"+ev.AnonymousID, ""))
		m.identifies = append(m.identifies, it)
	}
	return nil
}

// countDelivery adds an impression or click to delivery, or takes it out.
func (s *shard) countDelivery(d *history.Dims, k event.Kind, t, watermark event.Millis, amount event.Micros, sign int64) {
	n := s.deltas.deliver(d, t, watermark)
	if k == event.Impression {
		n[impressions] += sign
	} else {
		n[clicks] += sign
	}
	n[spend] += sign * int64(amount)
}

// countInvalid moves an event between valid and invalid in the rollups: was and
// now are its enforced reasons.
func (s *shard) countInvalid(d *history.Dims, ev *history.Event, was, now event.Reasons, c cause) {
	if was == now {
		return
	}
	cost := int64(ev.Amount)
	if ev.Kind == event.Impression || ev.Kind == event.Click {
		n := s.deltas.deliver(d, ev.Time, c.watermark)
		shift := func(r event.Reasons, sign int64) {
			v, _ := r.Decide()
			if !v.Invalid() {
				return
			}
			column := givtImpressions
			if ev.Kind == event.Click {
				column = givtClicks
			}
			if v == event.SIVT {
				column++
			}
			n[column] += sign
			n[invalidSpend] += sign * cost
		}
		shift(was, -1)
		shift(now, +1)
	} else {
		cost = 0 // of conversions the amount is a value, not spend
	}
	for r := range event.NumReasons {
		sign := int64(0)
		if now.Has(r) {
			sign++
		}
		if was.Has(r) {
			sign--
		}
		if sign != 0 {
			s.deltas.add(minuteInvalid, ev.Time, c.watermark, sums{sign, sign * cost}, d.Campaign, d.Publisher, ev.Type, r.String(), d.Currency)
		}
	}
}

// writeVerdict brings the event's row of verdicts up to date. Of impressions a
// fixed sample has one.
func (s *shard) writeVerdict(ev *history.Event, campaign string) {
	if ev.Kind == event.Impression && s.e.opt.VerdictSample > 1 && hashText(ev.ID)%s.e.opt.VerdictSample != 0 {
		return
	}
	s.key = verdictKey(s.key[:0], ev.Ref)
	if ev.Verdict() == event.Valid && ev.Shadow == 0 {
		s.writes.Delete(s.key)
	} else {
		s.value = appendVerdict(s.value[:0], ev, campaign, s.e.version)
		s.writes.Set(s.key, s.value)
	}
	s.changed(s.key)
}

func verdictKey(b []byte, r event.Ref) []byte {
	b = state.AppendText(append(b, byte(state.Verdicts)), r.ID)
	b = state.AppendTime(b, r.Time)
	b = state.AppendText(b, r.Person)
	return append(b, r.Type...)
}

// changed notes a row for the outbox.
func (s *shard) changed(key []byte) {
	if s.e.opt.Outbox {
		s.outbox = append(s.outbox, append([]byte(nil), key...))
	}
}

// bug reports a broken invariant.
func bug(format string, args ...any) { panic("BUG: " + fmt.Sprintf(format, args...)) }
