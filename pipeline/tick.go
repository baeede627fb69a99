package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// Tick is a run of records, in the order in which the sequencer put them.
type Tick struct {
	Records []Stamped
	// Rejudged are verdict changes from outside, such as from a new list; they
	// come after the records.
	Rejudged []Rejudged
	// Erased is what of persons is taken out. Such a tick has no records.
	Erased *erasure
	// Watermark after the last record.
	Watermark event.Millis
	// Settle bounds how many conversions each shard brings up to date for which
	// all that came is a touch, and which are not final: the rest of them wait
	// for a later tick, or to be final. 0: no bound. Later: none.
	Settle int
	// Fold says what becomes of the rollup rows that changed.
	Fold Fold
	// Inputs is what the sequencer needs to go on after this tick.
	Inputs []byte
}

// Later is the Settle of a tick after which nobody looks: each conversion takes
// the touches that come out of order at once, when it becomes final.
const Later = -1

// Fold says which rollup rows a tick writes: those of the cycle under way, a new
// cycle's, or all.
type Fold byte

// The ways to fold.
const (
	FoldOn Fold = iota
	FoldBegin
	FoldAll
)

// Stamped is a record with the watermark that stood before it.
type Stamped struct {
	Record    *event.Record
	Watermark event.Millis
}

// Outcome is what became of a record.
type Outcome byte

// The outcomes.
const (
	pendingOutcome Outcome = iota
	Accepted
	DuplicateEvent
	TooLate
	DeadLetter
)

// Commit is a tick that was applied. It is durable when Wait returns nil, and
// not before.
type Commit struct {
	Number   uint64
	Outcomes []Outcome // by record
	batch    *state.Batch
}

// Wait blocks until the commit is durable.
func (c *Commit) Wait() error { return c.batch.Wait() }

// Tick applies a tick. After an error the engine must not be used again: what
// the store holds is the last commit that was applied whole.
//
// The path of the data reads from top to bottom: each phase runs on all shards
// at once and reads the mail that earlier phases sent.
func (e *Engine) Tick(t *Tick) (*Commit, error) {
	e.commit++
	e.rev = uint64(e.store.Epoch())<<40 | e.commit
	c := &Commit{Number: e.commit, Outcomes: make([]Outcome, len(t.Records)), batch: e.store.NewBatch()}

	if err := e.route(t, c); err != nil {
		return nil, err
	}
	e.watermark = max(e.watermark, t.Watermark)
	due, err := e.findDue(c.batch)
	if err != nil {
		return nil, err
	}
	if err := e.openReaders(); err != nil {
		return nil, err
	}
	for _, s := range e.shards {
		s.deferred.allow(t.Settle)
	}
	for _, phase := range []func(*shard){
		// Which records are applied: not too late, not applied before.
		(*shard).admit,
		// The owners of conversions, rule keys and anonymous ids take theirs.
		func(s *shard) {
			s.takeConversions()
			s.countClicks()
			s.identify()
			s.rejudge(t.Rejudged)
			s.erase(t.Erased)
		},
		// Verdicts, but for repeated orders.
		func(s *shard) { s.takeLinks(); s.judge() },
		// Repeated orders, and which adjustment counts.
		(*shard).resolve,
		// Sessions, and which conversions may have another path.
		func(s *shard) { s.decide(); s.spreadLinks() },
		// These conversions are read, and then their credits made anew.
		func(s *shard) { s.mailDue(due); s.gather() },
		(*shard).recompute,
		func(s *shard) { s.remember(); s.packed = s.deltas.pack(s.packed[:0]) },
	} {
		if err := e.parallel(phase); err != nil {
			return nil, fmt.Errorf("tick %d: %w", e.commit, err)
		}
	}
	if t.Erased != nil {
		e.forgetCounts()
	}
	if err := e.finish(t, c); err != nil {
		return nil, fmt.Errorf("tick %d: %w", e.commit, err)
	}
	return c, nil
}

// route gives each record to the shard that admits it. Dead letters and what is
// too late end here.
func (e *Engine) route(t *Tick, c *Commit) error {
	counts := &e.counts
	clear(e.dead)
	if cap(e.items) < len(t.Records) {
		e.items = make([]item, len(t.Records))
	}
	e.items = e.items[:len(t.Records)]
	for i := range t.Records {
		rec, wm := t.Records[i].Record, t.Records[i].Watermark
		e.seq++
		counts.Records++
		if rec.Dead != nil {
			if err := e.keepDeadLetter(rec.Dead, c.batch); err != nil {
				return err
			}
			c.Outcomes[i] = DeadLetter
			continue
		}
		ev := &rec.Event
		late := ev.Time <= wm
		if late {
			counts.Late++
		}
		if late && ev.Kind != event.Conversion && ev.Kind != event.Adjustment && ev.Kind != event.Identify && e.tooLate(ev, wm) {
			c.Outcomes[i] = TooLate
			continue // written in finish, with those found by id
		}
		it := &e.items[i]
		*it = item{ev: ev, result: &c.Outcomes[i], cause: cause{seq: e.seq, watermark: wm, at: ev.Time, kind: causeLateEvent}}
		owner := ev.Person
		switch ev.Kind {
		case event.Impression:
		case event.Adjustment:
			owner = ""
			it.cause.kind = causeAdjustment
		case event.Identify:
			owner = ""
			it.cause.kind = causeIdentity
			e.links.add(userPrefix + ev.UserID)
			e.links.add(anonymousPrefix + ev.AnonymousID)
		case event.Conversion:
			owner = ""
		}
		if it.person = hashText(ev.Person); ev.Person == "" {
			it.person = hashText(ev.ID)
		}
		if ev.Kind != event.Adjustment && ev.Kind != event.Identify {
			if err := e.intern(it, c.batch); err != nil {
				return err
			}
			e.buckets.Add(ev.Kind, ev.Time)
			e.maxTime = max(e.maxTime, ev.Time)
		}
		var s *shard
		if owner == "" {
			s = e.ownerOfKey(hashText(ev.ID))
		} else {
			s = e.ownerOfKey(it.person)
		}
		s.items = append(s.items, it)
	}
	return nil
}

// intern numbers the names and the User-Agent of an event.
func (e *Engine) intern(it *item, b *state.Batch) (err error) {
	e.tuple = history.AppendTuple(e.tuple[:0], it.ev)
	if it.dims, err = e.dict.Intern(e.tuple, b); err != nil {
		return err
	}
	if it.ev.UserAgent == "" {
		return nil
	}
	e.tuple = history.AppendTextTuple(e.tuple[:0], it.ev.UserAgent)
	ua, err := e.dict.Intern(e.tuple, b)
	if err != nil {
		return err
	}
	it.ua = ua.ID
	return nil
}

// keepDeadLetter stores a record that breaks a rule. A client may name two of
// its requests alike, and a topic that was made anew uses its offsets again: the
// second record at a position gets one of its own, the same record sent again
// does not.
func (e *Engine) keepDeadLetter(d *event.DeadLetter, b *state.Batch) error {
	counts := &e.counts
	if counts.DeadLetters == nil {
		counts.DeadLetters = map[event.Code]int64{}
	}
	counts.DeadLetters[d.Code]++
	value := appendDeadLetter(nil, d.Code, d.Message, d.Raw)
	pos := d.Pos.String()
	key := deadLetterKey(nil, pos)
	for n := 2; ; n++ {
		old, ok := e.dead[string(key)]
		if !ok {
			stored, err := e.store.Get(key)
			if errors.Is(err, state.ErrNotFound) {
				break
			}
			if err != nil {
				return err
			}
			old = string(stored)
		}
		if old == string(value) {
			break
		}
		key = deadLetterKey(nil, fmt.Sprintf("%s+%d", pos, n))
	}
	e.dead[string(key)] = string(value)
	b.Set(key, value)
	e.shards[0].changed(key)
	return nil
}

// findDue lists what the watermark has reached: conversions that become final,
// and adjustments that stop waiting.
func (e *Engine) findDue(b *state.Batch) (due []conversionRef, err error) {
	e.expired = e.expired[:0]
	// What was due before this tick is gone: beginning there passes over the
	// tombstones.
	from := e.published.watermark
	end := state.After(state.AppendTime([]byte{byte(state.Pending)}, e.watermark))
	var bad error
	err = e.store.Scan(state.AppendTime([]byte{byte(state.Pending)}, from), end, func(k, v []byte) bool {
		var p history.Pending
		if p, bad = history.ParsePending(k, v); bad != nil {
			return false
		}
		due = append(due, conversionRef{id: p.ID, time: p.Time, person: p.Person})
		return true
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, err
	}
	end = state.After(state.AppendTime([]byte{byte(state.Expiry)}, e.watermark))
	err = e.store.Scan(state.AppendTime([]byte{byte(state.Expiry)}, from), end, func(k, _ []byte) bool {
		var text string
		if _, text, bad = history.ParseExpiry(k); bad != nil {
			return false
		}
		e.expired = append(e.expired, text)
		b.Delete(k)
		return true
	})
	if err == nil {
		err = bad
	}
	return due, err
}

// mailDue puts the shard's due conversions where gather looks for them.
func (s *shard) mailDue(due []conversionRef) {
	m := &s.mail[s.id]
	for _, r := range due {
		if s.e.ownerOf(r.person, "") == s {
			m.due = append(m.due, r)
		}
	}
}

func (e *Engine) openReaders() error {
	for _, s := range e.shards {
		r, err := history.NewReader(e.store, e.buckets)
		if err != nil {
			return err
		}
		s.reader = r
	}
	return nil
}

// finish merges what the shards wrote into the commit and applies it.
func (e *Engine) finish(t *Tick, c *Commit) error {
	if err := e.keepTooLate(t, c); err != nil {
		return err
	}
	if err := e.eraseKeys(t.Erased, c); err != nil {
		return err
	}
	e.packed = binary.BigEndian.AppendUint64(e.packed[:0], e.rev)
	n := uint32(0)
	e.published.Lock()
	defer e.published.Unlock()
	for _, s := range e.shards {
		if err := s.close(); err != nil {
			return err
		}
		for _, key := range s.outbox {
			c.batch.Set(outboxKey(e.commit, n), key)
			n++
		}
		if err := c.batch.Add(s.writes); err != nil {
			return err
		}
		e.counts.add(&s.stats)
		e.packed = append(e.packed, s.packed...)
		s.endTick()
	}
	if len(e.packed) > 8 {
		c.batch.Set(deltaKey(e.commit), e.packed)
	}
	e.published.outbox += int64(n)
	e.expire(c.batch)
	e.inputs = t.Inputs
	m := meta{e.commit, e.watermark, e.maxTime, e.retained, e.counts, e.inputs}
	c.batch.Set(metaEngine, m.encode())
	if err := e.foldAndApply(t.Fold, c.batch); err != nil {
		return err
	}
	e.published.commit, e.published.watermark = e.commit, e.watermark
	e.published.counts, e.published.buckets = e.counts.clone(), e.buckets.Clone()
	return nil
}

// foldAndApply ends the batch with the rollup rows that it is to hold and applies
// it, while the changes of the tick are added to the rows in memory. Only where
// all rows are written these hold the tick's own changes.
func (e *Engine) foldAndApply(f Fold, b *state.Batch) error {
	if e.foldsAll(f) {
		if err := e.rollups.merge(e.shards, e.rev); err != nil {
			return err
		}
		e.fold(FoldAll, b)
		return applied(b.Apply())
	}
	e.fold(f, b)
	done := make(chan error, 1)
	go func() { done <- applied(b.Apply()) }()
	return errors.Join(e.rollups.merge(e.shards, e.rev), <-done)
}

func applied(err error) error {
	if err != nil {
		return fmt.Errorf("apply the commit: %w", err)
	}
	return nil
}

// keepTooLate stores the records that came too late to change anything.
func (e *Engine) keepTooLate(t *Tick, c *Commit) error {
	for i, o := range c.Outcomes {
		if o != TooLate {
			continue
		}
		e.counts.TooLate++
		ev := &t.Records[i].Record.Event
		pos := ev.Pos.String()
		key := state.AppendText([]byte{byte(state.LateEvents)}, ev.ID)
		key = append(state.AppendTime(key, ev.Time), pos...)
		value := state.AppendText(state.AppendTime(nil, t.Records[i].Watermark), ev.Type)
		if _, err := e.store.Get(key); err == nil {
			continue // sent again from the same position: what was said stays
		} else if !errors.Is(err, state.ErrNotFound) {
			return err
		}
		c.batch.Set(key, append(value, ev.Raw...))
		e.shards[0].changed(key)
	}
	return nil
}

// endTick forgets what a shard knew of the tick.
func (s *shard) endTick() {
	s.items, s.outbox, s.relinked = s.items[:0], s.outbox[:0], s.relinked[:0]
	clear(s.people)
	clear(s.ids)
	clear(s.linked)
	clear(s.members)
	for i := range s.mail {
		s.mail[i].reset()
	}
	s.stats = Counts{}
	if s.e.opt.NoLateness || s.e.watermark == event.NoTime {
		return
	}
	s.impressions.dropBefore(s.e.watermark - s.e.lateness(event.Impression))
	s.others.dropBefore(s.e.watermark - max(s.e.lateness(event.Click), s.e.lateness(event.Behavioural)))
}
