package pipeline

import (
	"errors"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// item is one accepted or still to be judged event on its way through a tick.
type item struct {
	ev     *event.Event
	dims   *history.Dims
	ua     uint32
	person uint64 // hash of the person, of the id where there is none
	cause  cause
	result *Outcome
}

// cause is the input record that a change goes back to: where it stood, the
// watermark that judged it, its event time and what kind of change it is.
type cause struct {
	seq       uint64
	watermark event.Millis
	at        event.Millis
	kind      causeKind
}

// latest returns the cause that came later; its watermark is the greater too.
func (c cause) latest(o cause) cause {
	if o.seq > c.seq {
		return o
	}
	return c
}

type causeKind byte

// The causes of the credit journal.
const (
	causeConversion causeKind = iota
	causeLateEvent
	causeVerdict
	causeAdjustment
	causeIdentity
	numCauses
)

func (k causeKind) String() string {
	return [...]string{"conversion", "late_event", "verdict", "adjustment", "identity"}[k]
}

// shard owns a hash range of all keys: persons, rule keys, ids. Within a phase
// of a tick it alone touches its state; what concerns a key of another shard it
// puts into that shard's mail, which is read in the next phase. Between phases
// all shards wait for each other, so that a later phase may read what an earlier
// one left in any shard.
type shard struct {
	e      *Engine
	id     int
	reader *history.Reader
	writes *state.Batch
	deltas *deltas
	mail   []mail // by receiving shard

	impressions *seen   // duplicates among impressions
	others      *seen   // among clicks and behavioural events
	recent      *recent // persons with more than impressions
	clicked     *recent // rule keys with clicks
	latest      *latest // impressions

	items    []*item
	people   map[string]*person
	chain    chain
	ids      map[string][]history.Known       // accepted in this tick, by kind and id
	linked   map[string]string                // anonymous ids linked in this tick
	members  map[string]map[string]membership // by user
	relinked []linkChange
	stats    Counts
	outbox   [][]byte
	deferred deferred
	ends     pathEnds
	runs     runIndex
	before   creditBuffer
	after    creditBuffer
	summed   creditSums
	sorted   sortedWrites
	packed   []byte            // changes of the rollups
	earlier  []history.Counted // buffers of counting clicks
	stretch  []counted
	times    []event.Millis
	key      []byte
	value    []byte
	buf      []byte
	err      error
}

// mail is what one shard has for another in one tick.
type mail struct {
	conversions []*item
	replaced    []conversionRef
	clicks      []clickFact
	identifies  []*item
	flips       []flip
	orders      []orderFact
	amendments  []*item
	adjusted    []adjustFact
	members     []memberSpan
	due         []conversionRef
	links       []linkChange
}

func (m *mail) reset() {
	*m = mail{
		m.conversions[:0], m.replaced[:0], m.clicks[:0], m.identifies[:0], m.flips[:0],
		m.orders[:0], m.amendments[:0], m.adjusted[:0], m.members[:0], m.due[:0], m.links[:0],
	}
}

type conversionRef struct {
	id     string
	time   event.Millis
	person string
	cause  cause
}

// person is what a tick knows of a person: the changes so far.
type person struct {
	id          string
	changes     map[event.Ref]*change
	impressions []*item                           // of this tick, where they may change more than delivery
	flipped     []*impressionFlip                 // stored impressions whose verdict changed
	sessions    map[event.Millis]*history.Session // as changed in this tick, by start; nil: gone
	moved       []moved
	spans       []span
	conversions map[conversionKey]*conversionWork
	leftOut     map[conversionKey]*leftOut
}

type impressionFlip struct {
	ev    *history.Event
	was   event.Reasons
	cause cause
}

// change is a click, conversion or behavioural event that is new or differs
// from what is stored.
type change struct {
	ev      *history.Event
	was     event.Reasons // as stored, where it existed
	wasDup  bool
	existed bool
	removed bool
	tail    bool // nothing of the person lay at or after it
	alone   bool // nor within the gap of a session before it
	// forgotten: history does not hold it any more, nor what lay around it.
	forgotten bool
	cause     cause
}

// net says whether the event counts now.
func (c *change) net() bool { return !c.removed && c.ev.Net() }

// wasNet says whether it counted before the tick.
func (c *change) wasNet() bool { return c.existed && c.was == 0 && !c.wasDup }

// span is a stretch of conversion times whose paths may have changed. Where all
// that happened is that a touch was added, it is that touch.
type span struct {
	from, to event.Millis
	cause    cause
	added    event.Touch
}

type conversionKey struct {
	id   string
	time event.Millis
}

func hashText(s string) uint64 { return xxh3.HashString(s) }

func hashRef(person uint64, r *event.Event) uint64 {
	h := xxh3.HashString(r.ID) ^ uint64(r.Kind)<<56
	if r.Kind == event.Behavioural {
		h ^= xxh3.HashString(r.Type)
	}
	h = (h ^ uint64(r.Time)) * 0x9E3779B97F4A7C15
	return (h ^ h>>29) + person*0xBF58476D1CE4E5B9
}

// owner is the shard that owns an event's history: that of its person, or of
// its id where it has none, so that such traffic spreads.
func (e *Engine) owner(personHash uint64, person, id string) *shard {
	if person == "" {
		personHash = hashText(id)
	}
	return e.shards[personHash%uint64(len(e.shards))]
}

func (e *Engine) ownerOf(person, id string) *shard {
	return e.owner(hashText(person), person, id)
}

func (e *Engine) ownerOfKey(h uint64) *shard { return e.shards[h%uint64(len(e.shards))] }

func (s *shard) to(o *shard) *mail { return &s.mail[o.id] }

// inbox visits the mail to this shard, sender by sender.
func (s *shard) inbox(fn func(*mail)) {
	for _, o := range s.e.shards {
		fn(&o.mail[s.id])
	}
}

// person returns the tick's record of a person, making it when needed.
func (s *shard) person(id string) *person {
	p := s.people[id]
	if p == nil {
		p = &person{id: id, changes: map[event.Ref]*change{}}
		s.people[id] = p
	}
	return p
}

// change returns the tick's record of a stored event, reading it when needed;
// nil when there is no such event.
func (s *shard) change(p *person, k event.Kind, ref event.Ref) (*change, error) {
	if c := p.changes[ref]; c != nil {
		return c, nil
	}
	ev, err := s.reader.Find(k, ref)
	if err != nil || ev == nil {
		return nil, err
	}
	c := &change{ev: ev, was: ev.Reasons, wasDup: ev.Dup, existed: true}
	p.changes[ref] = c
	return c, nil
}

// sorted returns the person's changes in order.
func (p *person) sorted() []*change {
	out := make([]*change, 0, len(p.changes))
	for _, c := range p.changes {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *change) int { return a.ev.Ref.Compare(b.ev.Ref) })
	return out
}

// events visits the person's events in [from, to] in order, as they are after
// the changes of this tick. r is the calling shard's reader; the person may
// belong to any shard, whose changes stand still in phases that call this.
func (e *Engine) events(r *history.Reader, id string, from, to event.Millis, fn func(*history.Event) bool) error {
	var changed []*change
	if p := e.ownerOf(id, "").people[id]; p != nil {
		for _, c := range p.changes {
			if c.ev.Time >= from && c.ev.Time <= to {
				changed = append(changed, c)
			}
		}
		slices.SortFunc(changed, func(a, b *change) int { return a.ev.Ref.Compare(b.ev.Ref) })
	}
	goes := true
	err := r.Events(id, from, to, func(ev *history.Event) bool {
		for goes && len(changed) > 0 {
			c := changed[0]
			order := c.ev.Ref.Compare(ev.Ref)
			if order > 0 {
				break
			}
			changed = changed[1:]
			if !c.removed {
				goes = fn(c.ev)
			}
			if order == 0 {
				return goes // it stands in place of the stored one
			}
		}
		goes = goes && fn(ev)
		return goes
	})
	for ; err == nil && goes && len(changed) > 0; changed = changed[1:] {
		if !changed[0].removed {
			goes = fn(changed[0].ev)
		}
	}
	return err
}

// impressionsOf visits the person's impressions in [from, to] likewise, in
// order except that those of this tick come last.
func (e *Engine) impressionsOf(r *history.Reader, id string, from, to event.Millis, fn func(*history.Event) bool) error {
	o := e.ownerOf(id, "")
	var flipped []*impressionFlip
	if p := o.people[id]; p != nil {
		flipped = p.flipped
	}
	goes := true
	err := r.Impressions(id, from, to, func(ev *history.Event) bool {
		for _, f := range flipped {
			if f.ev.Ref == ev.Ref {
				ev = f.ev
			}
		}
		goes = fn(ev)
		return goes
	})
	if err != nil || !goes {
		return err
	}
	o.chain.visit(hashText(id), id, func(it *item) bool {
		if it.ev.Time < from || it.ev.Time > to {
			return true
		}
		return fn(e.asStored(it))
	})
	return nil
}

// asStored is an impression of this tick as history will have it.
func (e *Engine) asStored(it *item) *history.Event {
	h := &history.Event{
		Ref: it.ev.Ref(), Kind: it.ev.Kind, Dims: it.dims.ID, Amount: it.ev.Amount, IP: it.ev.IP, UA: it.ua,
	}
	h.Reasons, h.Shadow = e.modes.split(it.ev.Lists)
	return h
}

// chain finds a person's impressions of this tick: a hash table whose entries
// are linked, made anew every tick.
type chain struct {
	heads []int32
	next  []int32
	items []*item
}

func (c *chain) reset(n int) {
	size := 256
	for size < n {
		size *= 2
	}
	if len(c.heads) < size {
		c.heads = make([]int32, size)
	}
	clear(c.heads)
	c.next, c.items = c.next[:0], c.items[:0]
}

func (c *chain) add(it *item) {
	h := &c.heads[it.person&uint64(len(c.heads)-1)]
	c.next = append(c.next, *h)
	c.items = append(c.items, it)
	*h = int32(len(c.items))
}

func (c *chain) visit(hash uint64, person string, fn func(*item) bool) {
	if len(c.items) == 0 {
		return
	}
	for i := c.heads[hash&uint64(len(c.heads)-1)]; i > 0; i = c.next[i-1] {
		if it := c.items[i-1]; it.person == hash && it.ev.Person == person && !fn(it) {
			return
		}
	}
}

// modeSets are the reasons by what their rules do.
type modeSets struct{ enforce, shadow event.Reasons }

func newModeSets(r fraud.Rules) modeSets {
	var m modeSets
	for i, mode := range r.Modes() {
		switch mode {
		case fraud.Enforce:
			m.enforce |= event.Reason(i).Set()
		case fraud.Shadow:
			m.shadow |= event.Reason(i).Set()
		}
	}
	return m
}

func (m modeSets) split(r event.Reasons) (enforced, shadow event.Reasons) {
	return r & m.enforce, r & m.shadow
}

// set puts one reason into the set that its mode says, or takes it out.
func (m modeSets) set(ev *history.Event, r event.Reason, on bool) (changed bool) {
	before, beforeShadow := ev.Reasons, ev.Shadow
	if m.enforce.Has(r) {
		ev.Reasons = ev.Reasons.With(r, on)
	}
	if m.shadow.Has(r) {
		ev.Shadow = ev.Shadow.With(r, on)
	}
	return before != ev.Reasons || beforeShadow != ev.Shadow
}

// fail keeps the first error of a shard's phase.
func (s *shard) fail(err error) {
	if err != nil && s.err == nil {
		s.err = err
	}
}

func (s *shard) close() error {
	if s.reader == nil {
		return nil
	}
	err := s.reader.Close()
	s.reader = nil
	return errors.Join(err, s.err)
}

// credited is the configuration of credits.
func (s *shard) credited() *attribution.Config { return &s.e.cfg.Attribution }
