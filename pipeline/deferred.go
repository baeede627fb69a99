package pipeline

import (
	"errors"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// deferred are the conversions of a shard for which touches have come that are
// not in their paths yet. A path of 200 touches takes half a millisecond to
// credit anew, and a busy person gets many touches out of order; joined, they
// cost once. Only conversions that are not final wait, so that no status, cause
// or journal entry can tell: all that is seen is that a provisional figure
// follows some ticks later. What waits stands beside the conversion in the
// space Pending, in the commit of the touch itself.
type deferred struct {
	waiting map[conversionKey]*waiting
	queue   []conversionKey // in order of the first touch; some are gone from waiting
	budget  int             // how many more this tick may settle
}

type waiting struct {
	person string
	added  []event.Touch
}

// maxAdded is how many touches wait for one conversion: more are settled at
// once, as every touch writes them all.
const maxAdded = 64

// allow sets the budget of a tick, see Tick.Settle.
func (d *deferred) allow(settle int) {
	switch {
	case settle == 0:
		d.budget = int(^uint(0) >> 1)
	case settle < 0:
		d.budget = 0
	default:
		d.budget = settle
	}
}

// take gives what waits for a conversion, which then does not any more.
func (d *deferred) take(k conversionKey) *waiting {
	w := d.waiting[k]
	if w != nil {
		delete(d.waiting, k)
	}
	return w
}

func (d *deferred) put(k conversionKey, w *waiting) {
	if d.waiting == nil {
		d.waiting = map[conversionKey]*waiting{}
	}
	d.waiting[k] = w
	if d.queue = append(d.queue, k); len(d.queue) > 1024+2*len(d.waiting) {
		d.queue = slices.DeleteFunc(d.queue, func(k conversionKey) bool { return d.waiting[k] == nil })
	}
}

// loadDeferred finds what waits after a restart.
func (e *Engine) loadDeferred() error {
	var bad error
	prefix := []byte{byte(state.Pending)}
	err := e.store.Scan(prefix, state.After(prefix), func(k, v []byte) bool {
		var p history.Pending
		if p, bad = history.ParsePending(k, v); bad != nil {
			return false
		}
		if len(p.Added) > 0 {
			e.ownerOf(p.Person, "").deferred.put(conversionKey{p.ID, p.Time}, &waiting{p.Person, p.Added})
		}
		return true
	})
	return errors.Join(err, bad)
}

// Unsettled is how many conversions wait for a tick to take in their touches.
func (e *Engine) Unsettled() int {
	n := 0
	for _, s := range e.shards {
		n += len(s.deferred.waiting)
	}
	return n
}

// settleDeferred takes in what has waited longest.
func (s *shard) settleDeferred() {
	d := &s.deferred
	for d.budget > 0 && len(d.queue) > 0 {
		k := d.queue[0]
		d.queue = d.queue[1:]
		x := d.waiting[k]
		if x == nil {
			continue
		}
		w, err := s.load(s.person(x.person), k, cause{})
		s.fail(err)
		if w == nil && err == nil {
			bug("touches wait for conversion %s of %s, which has no record", k.id, x.person)
		}
		d.budget--
	}
	if len(d.waiting) == 0 {
		d.queue = nil
	}
}

// mayDefer puts what the tick has for a conversion aside, where all of it is
// touches and the conversion is not final; false where it cannot wait.
func (s *shard) mayDefer(p *person, k conversionKey) bool {
	d := &s.deferred
	if k.time <= s.e.watermark || p.conversions[k] != nil {
		return false
	}
	x := d.waiting[k]
	if x == nil && d.budget > 0 {
		d.budget--
		return false
	}
	have := 0
	if x != nil {
		have = len(x.added)
	}
	var added []event.Touch
	for _, sp := range p.spans {
		if k.time < sp.from || k.time > sp.to {
			continue
		}
		if added = append(added, sp.added); sp.added.ID == "" || have+len(added) > maxAdded {
			return false
		}
	}
	if x == nil {
		x = &waiting{person: strings.Clone(p.id)}
		d.put(conversionKey{strings.Clone(k.id), k.time}, x)
	}
	for _, t := range added { // copies: the texts are parts of buffers that many records share
		t.ID, t.Person = strings.Clone(t.ID), strings.Clone(t.Person)
		x.added = append(x.added, t)
	}
	s.value = history.AppendPending(s.value[:0], p.id, x.added)
	s.writes.Set(history.PendingKey(s.key[:0], k.time, k.id), s.value)
	return true
}

// takeDeferred gives the touches that wait for a conversion which is computed
// now for whatever reason.
func (s *shard) takeDeferred(c *history.Conversion) []event.Touch {
	x := s.deferred.take(conversionKey{c.ID, c.Time})
	if x == nil {
		return nil
	}
	s.value = history.AppendPending(s.value[:0], c.Person, nil)
	s.writes.Set(history.PendingKey(s.key[:0], c.Time, c.ID), s.value)
	return x.added
}

// withTouches is the conversion as it would have been said to be had the touches
// not waited.
func (s *shard) withTouches(c *history.Conversion, late []event.Touch) *history.Conversion {
	if len(late) == 0 || !c.Counted() {
		return c
	}
	out := *c
	for _, t := range late {
		s.fail(s.e.dict.Name(&t))
		out.Touches, out.Dropped = attribution.Insert(out.Touches, out.Dropped, s.credited().MaxTouches, t)
	}
	return &out
}
