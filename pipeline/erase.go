package pipeline

import (
	"crypto/rand"
	"errors"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// Erasing a person takes everything out that is theirs. Conversions go as though
// they had never come: their value and credit leave the totals, which say that
// they were restated, because credits must sum to their conversions and totals
// to both. Impressions and clicks were shown and paid for: they stay in delivery
// as events without a person, as such events may be sent anyway, under a new id,
// at the beginning of their minute, without address and User-Agent.

// erasure is what one tick takes out: events of persons by way of the phases, so
// that all they took part in follows, and keys that nothing follows from.
type erasure struct {
	events []erasedEvent
	keys   [][]byte    // removed as they are
	rows   [][]byte    // of them and of others: what sinks must know
	sets   [][2][]byte // keys and values that take their place
	blank  [][]byte    // adjustments that stay, without the bytes of their records
}

// erasedEvent is an event to take out; anonymous is the id under which its
// delivery stays.
type erasedEvent struct {
	kind      event.Kind
	ref       event.Ref
	anonymous string
}

func newErasedEvent(kind event.Kind, ref event.Ref) erasedEvent {
	x := erasedEvent{kind: kind, ref: ref}
	if kind == event.Impression || kind == event.Click {
		x.anonymous = "erased-" + rand.Text()
	}
	return x
}

// erase takes the shard's part of an erasure into the tick: the second phase.
func (s *shard) erase(x *erasure) {
	if x == nil {
		return
	}
	for i := range x.events {
		ev := &x.events[i]
		if s.e.ownerOf(ev.ref.Person, ev.ref.ID) != s {
			continue
		}
		// Last in the tick, judged by its watermark: what is final is restated.
		c := cause{seq: s.e.seq + uint64(i) + 1, watermark: s.e.watermark, at: ev.ref.Time, kind: causeIdentity}
		if err := s.eraseOne(ev, c); err != nil {
			s.fail(err)
			return
		}
	}
}

func (s *shard) eraseOne(x *erasedEvent, c cause) error {
	p := s.person(x.ref.Person)
	switch x.kind {
	case event.Impression:
		return s.eraseImpression(p, x, c)
	case event.Conversion:
		w, err := s.load(p, conversionKey{x.ref.ID, x.ref.Time}, c)
		if err != nil {
			return err
		}
		ch, err := s.change(p, event.Conversion, x.ref)
		if err != nil || w == nil {
			return err
		}
		if ch == nil {
			ch = s.forgotten(p, w.was)
		}
		ch.removed, ch.cause = true, ch.cause.latest(c)
		w.removed, w.route, w.erased = true, true, true
		return nil
	}
	ch, err := s.change(p, x.kind, x.ref)
	if err != nil || ch == nil {
		return err
	}
	ch.removed, ch.cause = true, ch.cause.latest(c)
	if x.kind != event.Click {
		return nil
	}
	if err := s.forgetCounted(ch.ev); err != nil {
		return err
	}
	return s.keepDelivery(ch.ev, x, c)
}

// eraseImpression lets paths and sessions see the impression as one that does
// not count, and removes it.
func (s *shard) eraseImpression(p *person, x *erasedEvent, c cause) error {
	ev, err := s.reader.Find(event.Impression, x.ref)
	if err != nil || ev == nil {
		return err
	}
	stored := *ev
	gone := *ev
	gone.Reasons = event.BlockedIP.Set()
	p.flipped = append(p.flipped, &impressionFlip{ev: &gone, was: stored.Reasons, cause: c})
	s.writes.Delete(history.AppendKey(s.key[:0], event.Impression, x.ref))
	s.dropVerdict(&stored)
	dims, err := s.e.dict.Get(stored.Dims)
	if err != nil {
		return err
	}
	s.countInvalid(dims, &stored, stored.Reasons, 0, c)
	return s.keepDelivery(&stored, x, c)
}

// keepDelivery stores what an erased impression or click leaves in delivery. Its
// invalid traffic is counted again as the event itself is taken out of it.
func (s *shard) keepDelivery(ev *history.Event, x *erasedEvent, c cause) error {
	dims, err := s.e.dict.Get(ev.Dims)
	if err != nil {
		return err
	}
	left := &history.Event{
		Ref:  event.Ref{Time: ev.Time.Floor(event.Minute), ID: x.anonymous, Type: ev.Type},
		Kind: ev.Kind, Dims: ev.Dims, Amount: ev.Amount, Reasons: ev.Reasons, Shadow: ev.Shadow,
	}
	s.key = history.AppendKey(s.key[:0], left.Kind, left.Ref)
	s.value = left.AppendValue(s.value[:0])
	s.writes.Set(s.key, s.value)
	s.countInvalid(dims, left, 0, left.Reasons, c)
	if left.Reasons|left.Shadow != 0 {
		s.writeVerdict(left, dims.Campaign)
	}
	return nil
}

// dropVerdict removes the row of an event that is gone, if it may have one.
func (s *shard) dropVerdict(ev *history.Event) {
	if ev.Reasons|ev.Shadow == 0 && !ev.Dup {
		return
	}
	s.key = verdictKey(s.key[:0], ev.Ref)
	s.writes.Delete(s.key)
	s.changed(s.key)
}

// forgetCounted takes a click out of the keys that rules count. It must go in
// the commit of the click itself: a rule that finds it would give it a verdict.
func (s *shard) forgetCounted(ev *history.Event) error {
	d, err := s.e.dict.Get(ev.Dims)
	if err != nil {
		return err
	}
	click := event.Event{Kind: ev.Kind, Type: ev.Type, ID: ev.ID, Time: ev.Time, Person: ev.Person, Campaign: d.Campaign, Creative: d.Creative, IP: ev.IP}
	if ev.UA != 0 {
		ua, err := s.e.dict.Get(ev.UA)
		if err != nil {
			return err
		}
		click.UserAgent = ua.Text
	}
	for _, key := range s.countedUnder(&click) {
		s.writes.Delete(history.CountedKey(s.key[:0], key, ev.Ref))
	}
	return nil
}

// eraseKeys writes the part of an erasure that nothing follows from.
func (e *Engine) eraseKeys(x *erasure, c *Commit) error {
	if x == nil {
		return nil
	}
	for _, k := range x.keys {
		c.batch.Delete(k)
	}
	for _, k := range x.rows {
		e.shards[0].changed(k)
	}
	for _, kv := range x.sets {
		c.batch.Set(kv[0], kv[1])
	}
	for _, k := range x.blank {
		v, err := e.store.Get(k)
		if errors.Is(err, state.ErrNotFound) {
			continue
		}
		if err == nil {
			v, err = history.BlankAmendment(v)
		}
		if err != nil {
			return err
		}
		c.batch.Set(k, v)
	}
	return nil
}
