package pipeline

import (
	"fmt"
	"slices"
	"sort"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// orderFact tells the owner of a text (an order id or an event id) that a
// conversion known by it is new, gone, or has another verdict.
type orderFact struct {
	text    string
	order   *history.Order // nil: the conversion has the text as its event id
	removed bool
	cause   cause
}

// adjustFact tells a conversion's person what the owner of an id found: that it
// repeats an order, or which adjustment counts.
type adjustFact struct {
	ref    conversionRef
	what   adjustKind
	dup    bool
	adjust *event.Adjust
}

type adjustKind byte

const (
	orderDuplicate adjustKind = iota
	adjustedByID
	adjustedByOrder
)

// reference is what a tick knows of one text.
type reference struct {
	text       string
	orders     map[orderKey]*orderChange
	amendments []*item
	cause      cause
}

type orderKey struct {
	name, id string
	time     event.Millis
}

type orderChange struct {
	*history.Order
	removed bool
	existed bool
	was     history.Order
	cause   cause
}

// resolve settles order duplicates and adjustments for the texts that this shard
// owns and that something happened to.
func (s *shard) resolve() {
	refs := map[string]*reference{}
	at := func(text string, c cause) *reference {
		r := refs[text]
		if r == nil {
			r = &reference{text: text}
			refs[text] = r
		}
		r.cause = r.cause.latest(c)
		return r
	}
	s.inbox(func(m *mail) {
		for _, f := range m.orders {
			r := at(f.text, f.cause)
			if f.order == nil {
				continue
			}
			if r.orders == nil {
				r.orders = map[orderKey]*orderChange{}
			}
			r.orders[orderKey{f.order.Name, f.order.ID, f.order.Time}] = &orderChange{Order: f.order, removed: f.removed, cause: f.cause}
		}
		for _, it := range m.amendments {
			r := at(it.ev.Adjusts, it.cause)
			r.amendments = append(r.amendments, it)
		}
	})
	for _, text := range s.e.expired {
		if s.e.ownerOfKey(hashText(text)) == s {
			at(text, cause{})
		}
	}
	for _, r := range refs {
		if err := s.findOrderDuplicates(r); err != nil {
			s.fail(err)
			return
		}
		if err := s.amend(r); err != nil {
			s.fail(err)
			return
		}
	}
}

// findOrderDuplicates compares each conversion of the order that changed, and
// the valid one after it, with its valid predecessor of the same name.
func (s *shard) findOrderDuplicates(r *reference) error {
	if len(r.orders) == 0 {
		return nil
	}
	var list []*orderChange
	for _, o := range r.orders {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b *orderChange) int { return compareOrders(a.Order, b.Order) })
	for _, o := range list {
		if err := s.readOrder(r.text, o); err != nil {
			return err
		}
	}
	for _, o := range list {
		if err := s.judgeOrder(r, list, o); err != nil {
			return err
		}
		next, err := s.neighbour(r, list, o.Order, true)
		if err != nil {
			return err
		}
		if next == nil {
			continue
		}
		c := r.orders[orderKey{next.Name, next.ID, next.Time}]
		if c == nil {
			c = &orderChange{Order: next, existed: true, was: *next}
			r.orders[orderKey{next.Name, next.ID, next.Time}] = c
		}
		c.cause = c.cause.latest(o.cause)
		if err := s.judgeOrder(r, list, c); err != nil {
			return err
		}
	}
	for _, o := range r.orders {
		s.writeOrder(r.text, o)
	}
	return nil
}

// readOrder finds what is stored of an order, if anything.
func (s *shard) readOrder(text string, o *orderChange) error {
	found, err := s.reader.FindOrder(text, o.Order)
	if found != nil {
		o.existed, o.was, o.Dup = true, *found, found.Dup
	}
	return err
}

func compareOrders(a, b *history.Order) int {
	if a.Name != b.Name {
		if a.Name < b.Name {
			return -1
		}
		return 1
	}
	return event.Ref{Time: a.Time, ID: a.ID}.Compare(event.Ref{Time: b.Time, ID: b.ID})
}

// neighbour is the nearest valid conversion of the same order and name after
// or before o, with the changes of this tick.
func (s *shard) neighbour(r *reference, list []*orderChange, o *history.Order, after bool) (*history.Order, error) {
	var near *history.Order
	err := s.reader.OrdersFrom(r.text, o, after, func(found *history.Order) bool {
		if c := r.orders[orderKey{found.Name, found.ID, found.Time}]; c != nil && !slices.Contains(list, c) {
			found = c.Order
		} else if c != nil {
			return true // it changed in this tick: seen below
		}
		if found.Invalid {
			return true
		}
		near = found
		return false
	})
	if err != nil {
		return nil, err
	}
	i := sort.Search(len(list), func(i int) bool { return compareOrders(list[i].Order, o) >= 0 })
	step := -1
	if after {
		step = 1
		if i < len(list) && compareOrders(list[i].Order, o) > 0 {
			i-- // o itself is not in the list
		}
	}
	for i += step; i >= 0 && i < len(list) && list[i].Name == o.Name; i += step {
		c := list[i]
		if c.removed || c.Invalid {
			continue
		}
		if near == nil || (compareOrders(c.Order, near) < 0) == after {
			near = c.Order
		}
		break
	}
	return near, nil
}

// judgeOrder decides whether a conversion repeats an order.
func (s *shard) judgeOrder(r *reference, list []*orderChange, o *orderChange) error {
	o.Dup = false
	if o.removed || o.Invalid {
		return nil
	}
	prev, err := s.neighbour(r, list, o.Order, false)
	if err != nil || prev == nil {
		return err
	}
	o.Dup = o.Time-prev.Time <= s.credited().OrderWindow.Millis()
	return nil
}

// writeOrder stores an order's entry and tells its person what changed.
func (s *shard) writeOrder(text string, o *orderChange) {
	s.key = history.OrderKey(s.key[:0], text, o.Order)
	if o.removed {
		s.writes.Delete(s.key)
		return
	}
	s.value = o.AppendValue(s.value[:0])
	s.writes.Set(s.key, s.value)
	if o.Dup != (o.existed && o.was.Dup) {
		m := s.to(s.e.ownerOf(o.Person, ""))
		m.adjusted = append(m.adjusted, adjustFact{ref: conversionRef{o.ID, o.Time, o.Person, o.cause}, what: orderDuplicate, dup: o.Dup})
	}
}

// target is a conversion that an adjustment may act on.
type target struct {
	id, person, currency string
	time                 event.Millis
}

// amend finds for each conversion known by the text the adjustment that counts,
// and for each adjustment whether it has found one.
func (s *shard) amend(r *reference) error {
	all, err := s.reader.Amendments(r.text)
	if err != nil {
		return err
	}
	fresh := len(all)
	for _, it := range r.amendments {
		ev := it.ev
		all = append(all, &history.Amendment{
			Adjust:   event.Adjust{Time: ev.Time, ID: ev.ID, Restate: ev.Restate, Amount: ev.Amount},
			Currency: ev.Currency, Position: ev.Pos.String(), Payload: ev.Raw,
		})
	}
	if len(all) == 0 {
		return nil
	}
	byID, orders, err := s.targets(r)
	if err != nil {
		return err
	}
	acting := make([]struct{ matched, mismatched bool }, len(all))
	choose := func(t target) (best *event.Adjust) {
		for i, a := range all {
			d := a.Time - t.time
			if w := s.credited().AdjustmentWindow.Millis(); d > w || d < -w {
				continue
			}
			if a.Currency != "" && a.Currency != t.currency {
				acting[i].mismatched = true
				continue
			}
			acting[i].matched = true
			if a.Adjust.After(best) {
				best = &a.Adjust
			}
		}
		return best
	}
	tell := func(t target, what adjustKind, a *event.Adjust) {
		m := s.to(s.e.ownerOf(t.person, ""))
		m.adjusted = append(m.adjusted, adjustFact{ref: conversionRef{t.id, t.time, t.person, r.cause}, what: what, adjust: a})
	}
	if byID != nil {
		tell(*byID, adjustedByID, choose(*byID))
	}
	for _, o := range orders {
		var a *event.Adjust
		if byID == nil && !o.dup {
			a = choose(o.target)
		}
		tell(o.target, adjustedByOrder, a)
	}
	for i, a := range all {
		s.noteAmendment(r.text, a, i >= fresh, acting[i].matched, acting[i].mismatched)
	}
	return nil
}

type orderTarget struct {
	target
	dup bool
}

// targets are the conversion with the text as its event id, if any, and those
// with it as their order id.
func (s *shard) targets(r *reference) (byID *target, orders []orderTarget, err error) {
	known, err := s.reader.KnownIDs(r.text, event.Conversion, 0, 1<<52)
	if err != nil {
		return nil, nil, err
	}
	known = append(known, s.ids[string(append([]byte{byte(event.Conversion)}, r.text...))]...)
	for _, k := range known {
		if byID == nil || k.Time > byID.time {
			byID = &target{r.text, k.Person, k.Currency, k.Time}
		}
	}
	err = s.reader.Orders(r.text, func(o *history.Order) bool {
		if r.orders[orderKey{o.Name, o.ID, o.Time}] == nil {
			orders = append(orders, orderTarget{target{o.ID, o.Person, o.Currency, o.Time}, o.Dup})
		}
		return true
	})
	for _, c := range r.orders {
		if !c.removed {
			orders = append(orders, orderTarget{target{c.ID, c.Person, c.Currency, c.Time}, c.Dup})
		}
	}
	return byID, orders, err
}

// noteAmendment stores what became of an adjustment. One that has found only
// conversions in other currencies, or none within the window, stands among the
// dead letters for as long as that is so.
func (s *shard) noteAmendment(text string, a *history.Amendment, fresh, matched, mismatched bool) {
	due := a.Time.Add(s.credited().AdjustmentWindow.Millis()).Add(s.e.lateness(event.Conversion))
	dead := !matched && (mismatched || due <= s.e.watermark)
	if fresh && due > s.e.watermark {
		s.writes.Set(history.ExpiryKey(nil, due, text, a.Time, a.ID), nil)
	}
	if !fresh && a.Applied == matched && a.Dead == dead {
		return
	}
	if dead != a.Dead {
		s.key = deadLetterKey(s.key[:0], a.Position)
		if dead {
			message := fmt.Sprintf("adjusts: no conversion with the event id or order id %.64q within %s; send it with the id that the conversion was sent with", text, s.credited().AdjustmentWindow)
			if mismatched {
				message = fmt.Sprintf("currency: the conversion that %.64q names is in another currency than %s", text, a.Currency)
			}
			s.value = appendDeadLetter(s.value[:0], event.BadAdjustment, message, a.Payload)
			s.writes.Set(s.key, s.value)
			s.stats.BadAdjustments++
		} else {
			s.writes.Delete(s.key)
			s.stats.BadAdjustments--
		}
		s.changed(s.key)
	}
	a.Applied, a.Dead = matched, dead
	s.key = history.AmendmentKey(s.key[:0], text, a.Time, a.ID)
	s.value = a.AppendValue(s.value[:0])
	s.writes.Set(s.key, s.value)
}

func deadLetterKey(b []byte, position string) []byte {
	return append(append(b, byte(state.DeadLetters)), position...)
}
