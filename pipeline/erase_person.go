package pipeline

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// Erased says what was taken out.
type Erased struct {
	Persons     []string // the person, and all ids linked with it
	Impressions int64    // they stay in delivery, as nobody's
	Clicks      int64    // likewise
	Behavioural int64
	Conversions int64
	Sessions    int64
	Verdicts    int64
	LateEvents  int64
	DeadLetters int64
	Adjustments int64                   // of the conversions that went
	References  int64                   // ids, orders, links, clicks under rule keys
	Value       map[string]event.Micros // by currency: what the totals lost
	Commit      uint64                  // from which on nothing is left
}

func (x *Erased) found() bool {
	return x.Impressions+x.Clicks+x.Behavioural+x.Conversions+x.Sessions+x.Verdicts+x.LateEvents+x.DeadLetters+x.Adjustments+x.References > 0
}

// ErrStillComing says that events of a person come in while it is erased.
var ErrStillComing = errors.New("events of the person keep coming in; stop what sends them, and erase again")

// erasePasses is how often the state is gone through: once to erase, once to see
// that nothing is left, and a few times more for what came in meanwhile.
const erasePasses = 5

// erasePortion bounds what one tick takes out.
const erasePortion = 1000

// Erase takes out everything of a person ("u:" or "a:" and the id) and of the
// ids linked with it. run calls a function where Tick may be called, at once or
// between two ticks. Each tick is a commit of its own: after a crash in between
// what is left is consistent, and Erase again finishes it.
func (e *Engine) Erase(ctx context.Context, person string, run func(func() error) error, progress func(Erased)) (Erased, error) {
	total := Erased{Value: map[string]event.Micros{}}
	var purge purgeList
	for range erasePasses {
		f := &erasing{e: e, ctx: ctx, v: e.View(), sum: Erased{Value: map[string]event.Micros{}}, purge: &purge}
		err := f.find(person, total.Persons)
		if err = errors.Join(err, f.v.Close()); err != nil {
			return total, fmt.Errorf("find what is kept of the person: %w", err)
		}
		total.Persons = f.sum.Persons
		if !f.sum.found() {
			total.Commit = e.Published().Commit
			if err := e.store.Purge(ctx, purge.ranges()); err != nil {
				return total, fmt.Errorf("everything is erased, but its bytes may still be in old files: %w", err)
			}
			return total, nil
		}
		for _, x := range f.ticks() {
			if err := ctx.Err(); err != nil {
				return total, err
			}
			err := run(func() error {
				c, err := e.Tick(&Tick{Erased: x, Watermark: e.watermark, Inputs: e.inputs, Fold: FoldAll})
				if err != nil {
					return err
				}
				return c.Wait()
			})
			if err != nil {
				return total, fmt.Errorf("erase: %w", err)
			}
		}
		total.add(&f.sum)
		if progress != nil {
			progress(total)
		}
	}
	return total, ErrStillComing
}

func (x *Erased) add(o *Erased) {
	x.Impressions += o.Impressions
	x.Clicks += o.Clicks
	x.Behavioural += o.Behavioural
	x.Conversions += o.Conversions
	x.Sessions += o.Sessions
	x.Verdicts += o.Verdicts
	x.LateEvents += o.LateEvents
	x.DeadLetters += o.DeadLetters
	x.Adjustments += o.Adjustments
	x.References += o.References
	for currency, v := range o.Value {
		x.Value[currency] += v
	}
}

// erasing is one pass over the state: it finds, and changes nothing.
type erasing struct {
	e     *Engine
	ctx   context.Context //nolint:containedctx // it lives no longer than find
	v     *View
	r     *history.Reader
	sum   Erased
	purge *purgeList

	persons  map[string]bool
	convs    map[conversionKey]bool
	adjusted map[string]bool // texts whose adjustments were found
	first    erasure         // before the events: by what they are found, so that nothing finds them gone
	events   []erasedEvent
	last     erasure // all the rest
}

func (f *erasing) find(person string, known []string) (err error) {
	it, err := f.v.snap.NewIter()
	if err != nil {
		return err
	}
	f.r = history.NewReaderAt(it, f.v.buckets)
	defer func() { err = errors.Join(err, f.r.Close()) }()
	if err := f.group(person, known); err != nil {
		return err
	}
	f.convs, f.adjusted = map[conversionKey]bool{}, map[string]bool{}
	for _, step := range []func() error{
		f.conversions, f.history, f.sessions, f.references, f.links, f.verdicts, f.velocity, f.lateEvents, f.deadLetters,
	} {
		if err := errors.Join(step(), f.ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

// group finds the ids that are one person: what is linked with it. known are
// those of an earlier pass, whose links are gone by now.
func (f *erasing) group(person string, known []string) error {
	f.persons = map[string]bool{person: true}
	for _, p := range known {
		f.persons[p] = true
	}
	for _, p := range append([]string{person}, known...) {
		user := strings.TrimPrefix(p, userPrefix)
		if anonymous, ok := strings.CutPrefix(p, anonymousPrefix); ok {
			var err error
			if _, _, user, err = f.r.Link(anonymous); err != nil {
				return err
			}
		}
		if user == "" {
			continue
		}
		f.persons[userPrefix+user] = true
		members, err := f.r.Members(user)
		if err != nil {
			return err
		}
		for _, m := range members {
			f.persons[anonymousPrefix+m] = true
		}
	}
	for p := range f.persons {
		f.sum.Persons = append(f.sum.Persons, p)
	}
	slices.Sort(f.sum.Persons)
	return nil
}

// scan visits a space; keys and values are fn's only until it returns.
func (f *erasing) scan(s state.Space, fn func(k, v []byte) error) error {
	n := 0
	return f.v.scanSpace(s, func(k, v []byte) (bool, error) {
		if n++; n%8192 == 0 && f.ctx.Err() != nil {
			return false, f.ctx.Err()
		}
		return true, fn(k, v)
	})
}

// remove takes a key out as it is; sinks learn of it where it is a row.
func (f *erasing) remove(x *erasure, key []byte, isRow bool) {
	key = bytes.Clone(key)
	x.keys = append(x.keys, key)
	if isRow {
		x.rows = append(x.rows, key)
	}
	f.purge.key(key)
}

func (f *erasing) conversions() error {
	return f.scan(state.ConvTimes, func(k, person []byte) error {
		if !f.persons[string(person)] {
			return nil
		}
		key := conversionKey{string(k[9:]), state.Time(k[1:])}
		c, err := f.r.Conversion(key.id, key.time, f.e.dict)
		if err != nil {
			return err
		}
		f.convs[key] = true
		f.sum.Conversions++
		f.purge.key(bytes.Clone(k))
		f.purge.key(history.ConversionKey(nil, key.id, key.time))
		f.purge.key(history.PendingKey(nil, key.time, key.id))
		f.purge.prefix(journalKey(nil, journalPrefix(key.id, key.time)))
		f.events = append(f.events, newErasedEvent(event.Conversion, event.Ref{Time: key.time, ID: key.id, Person: string(person), Type: event.Conversion.TypeName()}))
		if c == nil {
			return nil
		}
		if c.Counted() {
			f.sum.Value[c.Currency] += c.Value()
		}
		return f.adjustmentsOf(c)
	})
}

// adjustmentsOf finds those that name the conversion or its order, and no other
// that stays.
func (f *erasing) adjustmentsOf(c *history.Conversion) error {
	for _, name := range []string{c.ID, c.OrderID} {
		if all, err := f.allErased(name); err != nil {
			return err
		} else if !all || f.adjusted[name] {
			continue // it stays for the others, or was seen with another conversion
		}
		f.adjusted[name] = true
		found, err := f.r.Amendments(name)
		if err != nil {
			return err
		}
		for _, a := range found {
			f.sum.Adjustments++
			f.remove(&f.first, history.AmendmentKey(nil, name, a.Time, a.ID), false)
			due := a.Time.Add(f.e.cfg.Attribution.AdjustmentWindow.Millis()).Add(f.e.lateness(event.Conversion))
			f.remove(&f.first, history.ExpiryKey(nil, due, name, a.Time, a.ID), false)
			if a.Dead {
				f.remove(&f.first, deadLetterKey(nil, a.Position), true)
			}
		}
	}
	return nil
}

// allErased says whether every conversion known by a text goes.
func (f *erasing) allErased(name string) (bool, error) {
	if name == "" {
		return false, nil
	}
	known, err := f.r.KnownIDs(name, event.Conversion, 0, lastTime)
	if err != nil || slices.ContainsFunc(known, func(k history.Known) bool { return !f.persons[k.Person] }) {
		return false, err
	}
	all := true
	err = f.r.Orders(name, func(o *history.Order) bool {
		all = f.persons[o.Person]
		return all
	})
	return all, err
}

func (f *erasing) history() error {
	for p := range f.persons {
		visit := func(ev *history.Event) bool {
			switch ev.Kind {
			case event.Impression:
				f.sum.Impressions++
			case event.Click:
				f.sum.Clicks++
			case event.Conversion:
				if f.convs[conversionKey{ev.ID, ev.Time}] {
					return true
				}
			default:
				f.sum.Behavioural++
			}
			f.events = append(f.events, newErasedEvent(ev.Kind, ev.Ref))
			return true
		}
		if err := errors.Join(f.r.Events(p, 0, lastTime, visit), f.r.Impressions(p, 0, lastTime, visit)); err != nil {
			return err
		}
		for _, b := range f.v.buckets.List(state.History) {
			f.purge.prefix(state.AppendBucketed(nil, state.History, state.HistoryBucket, event.Millis(b)*state.HistoryBucket, p))
		}
		for _, b := range f.v.buckets.List(state.Impressions) {
			f.purge.prefix(state.AppendBucketed(nil, state.Impressions, state.ImpressionBucket, event.Millis(b)*state.ImpressionBucket, p))
		}
	}
	return nil
}

// sessions are taken out by the ticks of their events; those whose events are
// forgotten go as they are. Which is which need not be known: a session that is
// gone is removed once more.
func (f *erasing) sessions() error {
	for p := range f.persons {
		list, err := f.r.Sessions(p, 0, lastTime)
		if err != nil {
			return err
		}
		for _, x := range list {
			f.sum.Sessions++
			f.remove(&f.last, history.SessionKey(nil, p, x.Start), false)
			f.remove(&f.last, history.SessionEndKey(nil, x.End, x.ID), false)
			f.remove(&f.last, history.SessionIDKey(nil, x.ID), true)
		}
		f.purge.prefix(state.AppendPrefixed(nil, state.SessionsOf, p))
	}
	return nil
}

func (f *erasing) references() error {
	return f.scan(state.Refs, func(k, v []byte) error {
		person, payload, kind, err := history.RefPerson(k, v)
		if err != nil {
			return err
		}
		switch {
		case kind == history.RefOfOrder:
			return nil // goes with its conversion
		case payload != nil:
			if f.names(payload) {
				f.sum.References++
				f.first.blank = append(f.first.blank, bytes.Clone(k))
				f.purge.key(bytes.Clone(k))
			}
		case f.persons[person]:
			f.sum.References++
			f.remove(&f.first, k, false)
		}
		return nil
	})
}

func (f *erasing) links() error {
	err := f.scan(state.Links, func(k, user []byte) error {
		anonymous := string(k[3 : 3+int(binary.BigEndian.Uint16(k[1:]))])
		if f.persons[anonymousPrefix+anonymous] || f.persons[userPrefix+string(user)] {
			f.sum.References++
			f.remove(&f.last, k, false)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.scan(state.Members, func(k, _ []byte) error {
		n := 3 + int(binary.BigEndian.Uint16(k[1:]))
		if f.persons[userPrefix+string(k[3:n])] || f.persons[anonymousPrefix+string(k[n:])] {
			f.sum.References++
			f.remove(&f.last, k, false)
		}
		return nil
	})
}

// verdicts finds rows that no stored event has: of events that were dropped when
// nothing could change them any more. The totals keep those, so their rows stay,
// as nobody's. The rows of stored events go with them.
func (f *erasing) verdicts() error {
	return f.scan(state.Verdicts, func(k, v []byte) error {
		r, err := verdictRow(k, v)
		if err != nil {
			return err
		}
		if !f.persons[r[2].Text] {
			return nil
		}
		f.sum.Verdicts++
		ref := event.Ref{ID: r[0].Text, Time: event.Millis(r[1].Int), Person: r[2].Text, Type: r[3].Text}
		kind := event.KindOf(ref.Type)
		stored, err := f.r.Find(kind, ref)
		if err != nil {
			return err
		}
		f.purge.key(bytes.Clone(k))
		if stored != nil {
			return nil
		}
		f.remove(&f.last, k, true)
		if kind != event.Conversion {
			key := verdictKey(nil, event.Ref{ID: "erased-" + rand.Text(), Time: ref.Time.Floor(event.Minute), Type: ref.Type})
			f.last.sets = append(f.last.sets, [2][]byte{key, bytes.Clone(v)})
			f.last.rows = append(f.last.rows, key)
		}
		return nil
	})
}

// velocity finds clicks under rule keys; those of stored clicks go with them.
func (f *erasing) velocity() error {
	return f.scan(state.Velocity, func(k, v []byte) error {
		c, err := history.ParseCounted(k, v)
		if err != nil {
			return err
		}
		if f.persons[c.Person] {
			f.sum.References++
			f.remove(&f.last, k, false)
		}
		return nil
	})
}

func (f *erasing) lateEvents() error {
	return f.scan(state.LateEvents, func(k, v []byte) error {
		_, payload, err := state.CutText(v[min(8, len(v)):])
		if err != nil {
			return err
		}
		if f.names(payload) {
			f.sum.LateEvents++
			f.remove(&f.last, k, true)
		}
		return nil
	})
}

func (f *erasing) deadLetters() error {
	return f.scan(state.DeadLetters, func(k, v []byte) error {
		_, rest, err := state.CutText(v)
		if err != nil {
			return err
		}
		message, payload, err := state.CutText(rest)
		if err != nil {
			return err
		}
		if f.names(payload) || f.names([]byte(message)) {
			f.sum.DeadLetters++
			f.remove(&f.last, k, true)
		}
		return nil
	})
}

// ticks are the steps of the erasure, in their order.
func (f *erasing) ticks() (out []*erasure) {
	add := func(x *erasure) {
		for len(x.keys) > 0 {
			n := min(len(x.keys), erasePortion)
			part := &erasure{keys: x.keys[:n]}
			x.keys = x.keys[n:]
			out = append(out, part)
		}
		if len(x.rows)+len(x.blank) > 0 {
			out = append(out, &erasure{rows: x.rows, blank: x.blank, sets: x.sets})
		}
	}
	add(&f.first)
	// Conversions first: their paths need not be found anew for touches that go.
	slices.SortStableFunc(f.events, func(a, b erasedEvent) int { return int(rank(a.kind)) - int(rank(b.kind)) })
	for len(f.events) > 0 {
		n := min(len(f.events), erasePortion)
		out = append(out, &erasure{events: f.events[:n]})
		f.events = f.events[n:]
	}
	add(&f.last)
	return out
}

func rank(k event.Kind) byte {
	if k == event.Conversion {
		return 0
	}
	return 1
}

// Erase is Engine.Erase beside a running pipeline: its ticks run between others.
func (l *Live) Erase(ctx context.Context, person string, progress func(Erased)) (Erased, error) {
	return l.e.Erase(ctx, person, func(do func() error) error {
		done := make(chan error, 1)
		ask := func() {
			err := do()
			if err == nil {
				l.mu.Lock()
				close(l.mu.changed)
				l.mu.changed = make(chan struct{})
				l.mu.Unlock()
			}
			done <- err
		}
		select {
		case l.joins <- ask:
			return <-done
		case <-l.stop:
			return ErrStopping
		case <-l.done:
			return ErrStopping
		case <-ctx.Done():
			return ctx.Err()
		}
	}, progress)
}
