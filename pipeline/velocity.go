package pipeline

import (
	"encoding/binary"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// clickFact tells the owner of a rule key that a click of that key was accepted.
type clickFact struct {
	key   [state.VelocityKey]byte
	rule  int
	ref   event.Ref
	cause cause
}

// flip tells a click's person that a counting rule now finds otherwise.
type flip struct {
	ref    event.Ref
	reason event.Reason
	over   bool
	cause  cause
}

// sendClick sends the click to the owner of each rule key that it has.
func (s *shard) sendClick(it *item) {
	for i, rule := range s.e.clickRules {
		b, ok := rule.AppendKey(s.buf[:0], it.ev)
		s.buf = b
		if !ok {
			continue
		}
		h := xxh3.Hash128(b)
		f := clickFact{key: h.Bytes(), rule: i, ref: it.ev.Ref(), cause: it.cause}
		m := s.to(s.e.ownerOfKey(h.Lo))
		m.clicks = append(m.clicks, f)
	}
}

// countedUnder lists the rule keys of a click.
func (s *shard) countedUnder(ev *event.Event) (keys [][state.VelocityKey]byte) {
	for _, rule := range s.e.clickRules {
		b, ok := rule.AppendKey(s.buf[:0], ev)
		s.buf = b
		if ok {
			keys = append(keys, xxh3.Hash128(b).Bytes())
		}
	}
	return keys
}

// countClicks judges the keys that got clicks: those clicks, and the few after
// them whose windows reach back over them.
func (s *shard) countClicks() {
	var facts []clickFact
	s.inbox(func(m *mail) { facts = append(facts, m.clicks...) })
	slices.SortFunc(facts, func(a, b clickFact) int {
		if a.rule != b.rule {
			return a.rule - b.rule
		}
		if c := slices.Compare(a.key[:], b.key[:]); c != 0 {
			return c
		}
		return a.ref.Compare(b.ref)
	})
	for len(facts) > 0 {
		n := 1
		for n < len(facts) && facts[n].rule == facts[0].rule && facts[n].key == facts[0].key {
			n++
		}
		if err := s.countKey(&s.e.clickRules[facts[0].rule], facts[:n]); err != nil {
			s.fail(err)
			return
		}
		for i := range facts[:n] {
			s.clicked.add(facts[i].hash(), facts[i].ref.Time)
		}
		facts = facts[n:]
	}
}

// counted is one click of a key in the stretch that is judged.
type counted struct {
	history.Counted
	fact *clickFact // nil: it was there before
}

// countKey judges one key, stretch by stretch: a stretch begins Reach clicks
// before a new click and ends Reach clicks after the last new one in it, or
// where no window reaches back over that one.
func (s *shard) countKey(rule *fraud.ClickRule, facts []clickFact) error {
	reach := fraud.Reach(rule.Windows)
	widest := event.Millis(0)
	for _, w := range rule.Windows {
		widest = max(widest, w.Span)
	}
	if c := &facts[0]; len(facts) == 1 && !s.wasClicked(c, c.ref.Time-widest) {
		s.stretch = append(s.stretch[:0], counted{history.Counted{Ref: c.ref}, c})
		s.judgeStretch(rule, s.stretch, 0)
		facts = nil
	}
	for len(facts) > 0 {
		first := &facts[0]
		before, err := s.reader.CountedBefore(s.earlier[:0], first.key, first.ref, first.ref.Time-widest, reach)
		if err != nil {
			return err
		}
		s.earlier = before
		slices.Reverse(before)
		list := s.stretch[:0]
		for _, c := range before {
			list = append(list, counted{Counted: c})
		}
		from := len(list)
		last := first.ref.Time // of the latest new click in the stretch
		since := 0             // stored clicks after it
		take := func() {
			last, since = facts[0].ref.Time, 0
			list = append(list, counted{history.Counted{Ref: facts[0].ref}, &facts[0]})
			facts = facts[1:]
		}
		near := func() bool { return len(facts) > 0 && facts[0].ref.Time-last <= widest }
		take()
		for more := true; more; {
			var stop *event.Ref // the stored click that is too far away
			seen, err := s.reader.CountedAfter(first.key, list[len(list)-1].Ref, func() event.Millis { return last + widest }, func(c history.Counted) bool {
				// New clicks go into the list before the stored ones after them,
				// which are judged by them.
				for near() && facts[0].ref.Compare(c.Ref) < 0 {
					take()
				}
				if c.Time > last+widest || since >= reach {
					stop = &c.Ref
					return false
				}
				list = append(list, counted{Counted: c})
				since++
				return true
			})
			if err != nil {
				return err
			}
			// New clicks that follow with no stored one between prolong the
			// stretch; then stored clicks may follow within their windows.
			more = false
			for since < reach && near() && (stop == nil && facts[0].ref.Time <= seen || stop != nil && facts[0].ref.Compare(*stop) < 0) {
				take()
				more = stop != nil || last+widest > seen
			}
		}
		s.judgeStretch(rule, list, from)
		s.stretch = list
	}
	return nil
}

// wasClicked says whether the key of a click may have one that is stored at or
// after from.
func (s *shard) wasClicked(c *clickFact, from event.Millis) bool {
	maybe, _ := s.clicked.reaches(c.hash(), from)
	return maybe
}

func (c *clickFact) hash() uint64 { return binary.BigEndian.Uint64(c.key[:]) }

func (s *shard) judgeStretch(rule *fraud.ClickRule, list []counted, from int) {
	times := slices.Grow(s.times[:0], len(list))[:len(list)]
	s.times = times
	for i := range list {
		times[i] = list[i].Time
	}
	var key [state.VelocityKey]byte
	var because cause
	for i := from; i < len(list); i++ {
		c := &list[i]
		if c.fact != nil {
			key = c.fact.key
			because = because.latest(c.fact.cause)
		}
		over := fraud.Over(rule.Windows, times, i)
		if c.fact == nil && over == c.Over {
			continue
		}
		s.key = history.CountedKey(s.key[:0], key, c.Ref)
		s.writes.Set(s.key, []byte{flag(over, 1)})
		if c.fact == nil || over {
			m := s.to(s.e.ownerOf(c.Person, c.ID))
			m.flips = append(m.flips, flip{c.Ref, rule.Reason, over, because})
		}
	}
}
