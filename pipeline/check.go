package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// Check is one invariant of a state, looked at over everything that it holds.
type Check struct {
	Name       string
	Checked    int64 // things looked at
	Violations int64
	Examples   []string // of violations, the first few
}

// maxExamples is how many violations of a check are kept in words.
const maxExamples = 8

func (c *Check) bad(format string, args ...any) {
	c.Violations++
	if len(c.Examples) < maxExamples {
		c.Examples = append(c.Examples, fmt.Sprintf(format, args...))
	}
}

// expect counts one thing looked at, and a violation where it does not hold. It
// returns ok.
func (c *Check) expect(ok bool, format string, args ...any) bool {
	c.Checked++
	if !ok {
		c.bad(format, args...)
	}
	return ok
}

// auditor recomputes from the stored events what the state says of them. It
// never looks at the outcome of a computation to decide what to expect of it.
type auditor struct {
	v        *View
	ctx      context.Context //nolint:containedctx // an auditor lives no longer than Check
	r        *history.Reader
	s        *shard // finds paths; nothing changes in it
	progress func(records int64)
	records  int64

	readable, sums, conversionRows, attribution, byTouch, paths, index, orders, journal,
	delivery, verdicts, sessions *Check

	conversions   int64 // in the space Conversions
	pending       int64 // of them, not final
	sessionEvents int64 // net events that sessions are made of, by the history
	inSessions    int64 // the same, by the sessions
}

// Check looks at everything that the view holds. It is for engines that
// OpenReader opened: in others a tick at hand would be seen half. What old
// events were needed for is checked only where these are still kept.
func (v *View) Check(ctx context.Context, progress func(records int64)) (checks []Check, err error) {
	it, err := v.snap.NewIter()
	if err != nil {
		return nil, err
	}
	a := &auditor{v: v, ctx: ctx, r: history.NewReaderAt(it, v.buckets), progress: progress}
	defer func() { err = errors.Join(err, a.r.Close()) }()
	a.s = &shard{e: v.e, reader: a.r}
	var all []*Check
	named := func(name string) *Check {
		c := &Check{Name: name}
		all = append(all, c)
		return c
	}
	a.readable = named("every record can be read")
	a.sums = named("credits of each conversion and model sum to 1,000,000 ppm and to its value")
	a.paths = named("paths found anew are those of the conversions")
	a.journal = named("journal deltas sum to the credits of final conversions")
	a.conversionRows = named("minute_conversions is the sum over conversions")
	a.attribution = named("minute_attribution is the sum of credits")
	a.byTouch = named("hour_attribution_by_touch is the sum of credits")
	a.delivery = named("delivery and minute_invalid are the sums over stored events")
	a.verdicts = named("every event with a reason has its verdict")
	a.sessions = named("sessions cut anew are those stored")
	a.orders = named("orders and events agree with their conversions")
	a.index = named("indexes by time, by id and of what is pending hold exactly what they should")
	for _, step := range []func() error{a.readSimple, a.checkConversions, a.checkIndexes, a.checkJournal, a.checkEvents, a.checkSessions} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	for _, c := range all {
		checks = append(checks, *c)
	}
	return checks, nil
}

// tick counts a record and says whether to go on.
func (a *auditor) tick() bool {
	a.records++
	if a.records%8192 != 0 {
		return true
	}
	if a.progress != nil {
		a.progress(a.records)
	}
	return a.ctx.Err() == nil
}

// scan visits the records of a space; fn gives false to end.
func (a *auditor) scan(s state.Space, fn func(k, v []byte) error) error {
	return a.scanRange([]byte{byte(s)}, []byte{byte(s) + 1}, fn)
}

func (a *auditor) scanRange(from, to []byte, fn func(k, v []byte) error) error {
	err := a.v.scanRange(from, to, func(k, v []byte) (bool, error) {
		err := fn(k, v)
		return err == nil && a.tick(), err
	})
	return errors.Join(err, a.ctx.Err())
}

// readSimple decodes what no other step reads.
func (a *auditor) readSimple() error {
	for _, x := range []struct {
		s     state.Space
		parse func(k, v []byte) error
	}{
		{state.DimsByID, func(k, v []byte) error { return history.CheckDims(k, v, a.v.snap) }},
		{state.Refs, history.CheckRef},
		{state.Verdicts, func(k, v []byte) error { _, err := verdictRow(k, v); return err }},
		{state.LateEvents, func(k, v []byte) error { _, err := lateRow(k, v); return err }},
		{state.DeadLetters, func(k, v []byte) error { _, err := deadLetterRow(k, v); return err }},
		{state.Rollups, func(k, v []byte) error {
			var r row
			if len(k) < 10 || int(k[1]) >= len(rollups) {
				return errDamaged
			}
			if err := r.parse(v); err != nil {
				return err
			}
			_, err := rollupRow(k, &r, 0, event.NoTime)
			return err
		}},
	} {
		err := a.scan(x.s, func(k, v []byte) error {
			err := x.parse(k, v)
			a.readable.expect(err == nil, "key %.80q: %v", k, err)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkIndexes counts the entries of indexes: each conversion and session was
// found in them, so that as many is exactly those.
func (a *auditor) checkIndexes() error {
	count := func(s state.Space) (n int64, err error) {
		return n, a.scan(s, func(_, _ []byte) error { n++; return nil })
	}
	for _, x := range []struct {
		name string
		s    state.Space
		want int64
	}{{"conversions by time", state.ConvTimes, a.conversions}, {"conversions not final", state.Pending, a.pending}} {
		n, err := count(x.s)
		if err != nil {
			return err
		}
		a.index.expect(n == x.want, "%s: the index has %d entries; want %d", x.name, n, x.want)
	}
	stored, err := count(state.SessionsOf)
	if err != nil {
		return err
	}
	for _, s := range []state.Space{state.SessionIDs, state.SessionEnds} {
		n, err := count(s)
		if err != nil {
			return err
		}
		a.index.expect(n == stored, "sessions: index %c has %d entries; want %d", s, n, stored)
	}
	return nil
}

// has says whether a key is there with the value; a nil value is any.
func (a *auditor) has(key, value []byte) (bool, error) {
	v, err := a.v.snap.Get(key)
	if errors.Is(err, state.ErrNotFound) {
		return false, nil
	}
	return err == nil && (value == nil || bytes.Equal(v, value)), err
}

// compareRollup compares the rows of a table whose windows begin in [from, to)
// with what they should be, and takes those out of want.
func (a *auditor) compareRollup(c *Check, t byte, from, to event.Millis, want map[string]*sums) error {
	lo, hi := rollupKey(nil, t, from), rollupKey(nil, t, to)
	compare := func(key string, n *sums) {
		w := want[key]
		delete(want, key)
		if w == nil {
			w = &sums{}
		}
		if *w == (sums{}) && *n == (sums{}) {
			return
		}
		c.expect(*w == *n, "%s: got %v; want %v", describeRollup(key), n[:rollups[t].sums], w[:rollups[t].sums])
	}
	fresh := map[string]*row{}
	for _, r := range a.v.e.rollups.fresh(t, from, to) {
		fresh[r.key] = r
	}
	err := a.scanRange(lo, hi, func(k, value []byte) error {
		if fresh[string(k)] != nil {
			return nil // what is in memory counts
		}
		var r row
		if err := r.parse(value); err != nil {
			c.expect(false, "%s: %v", describeRollup(string(k)), err)
			return nil
		}
		compare(string(k), &r.n)
		return nil
	})
	for key, r := range fresh {
		compare(key, &r.n)
	}
	for key, w := range want {
		if key >= string(lo) && key < string(hi) {
			delete(want, key)
			c.expect(*w == (sums{}), "%s: there is no row; want %v", describeRollup(key), w[:rollups[t].sums])
		}
	}
	return err
}

func describeRollup(key string) string {
	out := rollups[key[1]].table.Name + " " + state.Time([]byte(key[2:])).String()
	for rest := []byte(key[10:]); len(rest) > 0; {
		name, after, err := state.CutText(rest)
		if err != nil {
			break
		}
		out, rest = out+" "+fmt.Sprintf("%.40q", name), after
	}
	return out
}

// into adds to the sums of a key.
func into(m map[string]*sums, key []byte) *sums {
	n := m[string(key)]
	if n == nil {
		n = &sums{}
		m[string(key)] = n
	}
	return n
}
