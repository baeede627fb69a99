package pipeline

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// checkConversions goes through the conversions in order of time, so that the
// sums of rollups need be held no longer than the lookback.
func (a *auditor) checkConversions() error {
	err := a.scan(state.Conversions, func(k, value []byte) error {
		a.conversions++
		c, err := history.ParseConversion(k, value, a.v.e.dict)
		if !a.readable.expect(err == nil, "conversion %.80q: %v", k[1:], err) {
			return nil
		}
		ok, err := a.has(history.ConversionTimeKey(nil, c.Time, c.ID), []byte(c.Person))
		a.index.expect(ok, "conversion %s: it is not found by its time", c.ID)
		return err
	})
	if err != nil {
		return err
	}
	lookback := a.v.e.cfg.Attribution.Lookback.Greatest().Millis()
	byTime, byTouch := map[string]*sums{}, map[string]*sums{}
	done, touchDone := event.NoTime, event.NoTime
	flush := func(to event.Millis) error {
		for _, x := range []struct {
			c *Check
			t byte
		}{{a.conversionRows, minuteConversions}, {a.attribution, minuteAttribution}} {
			if err := a.compareRollup(x.c, x.t, done, to, byTime); err != nil {
				return err
			}
		}
		touchTo := to
		if to != event.EndOfTime {
			touchTo = to - lookback - event.Hour
		}
		if touchTo > touchDone {
			if err := a.compareRollup(a.byTouch, hourByTouch, touchDone, touchTo, byTouch); err != nil {
				return err
			}
			touchDone = touchTo
		}
		done = to
		return nil
	}
	day := event.NoTime
	err = a.scan(state.ConvTimes, func(k, person []byte) error {
		c, err := a.v.conversionAt(string(k[9:]), state.Time(k[1:]))
		if err != nil {
			return nil //nolint:nilerr // already reported as not readable
		}
		if c == nil {
			a.index.bad("the index by time names conversion %s, which is not there", k[9:])
			return nil
		}
		if d := c.Time.Floor(event.Day); d != day {
			if day != event.NoTime {
				if err := flush(d); err != nil {
					return err
				}
			}
			day = d
		}
		a.addConversion(c, byTime, byTouch)
		return a.checkConversion(c)
	})
	if err != nil {
		return err
	}
	return flush(event.EndOfTime)
}

// addConversion adds a conversion and its credits to the rows it should be in.
func (a *auditor) addConversion(c *history.Conversion, byTime, byTouch map[string]*sums) {
	countConversion(into(byTime, rollupKey(nil, minuteConversions, c.Time.Floor(event.Minute), c.Name, c.Currency)), c, +1)
	for _, x := range creditsOf(&a.v.e.cfg.Attribution, c) {
		touched := c.Time
		if x.touch != nil {
			touched = x.touch.Time
		}
		for _, n := range []*sums{
			into(byTime, rollupKey(nil, minuteAttribution, c.Time.Floor(event.Minute), x.Model, x.campaign(), x.channel(), c.Currency)),
			into(byTouch, rollupKey(nil, hourByTouch, touched.Floor(event.Hour), x.Model, x.campaign(), x.channel(), c.Currency)),
		} {
			n[0] += x.PPM
			n[1] += int64(x.Micros)
		}
	}
}

func (a *auditor) checkConversion(c *history.Conversion) error {
	a.checkCreditSums(c)
	waits, pending, err := a.pendingOf(c)
	if err != nil {
		return err
	}
	if !c.Final {
		a.pending++
	}
	a.index.expect(pending != c.Final, "conversion %s: final is %v, in the index of what is pending is %v", c.ID, c.Final, pending)
	a.index.expect(c.Final == (c.Time <= a.v.Watermark), "conversion %s of %s: final is %v at the watermark %s", c.ID, c.Time, c.Final, a.v.Watermark)
	if err := a.checkOwnEvent(c); err != nil {
		return err
	}
	if err := a.checkOrder(c); err != nil {
		return err
	}
	return a.checkPath(c, waits)
}

// pendingOf reads what waits for a conversion, and whether it is in the index of
// what is not final.
func (a *auditor) pendingOf(c *history.Conversion) ([]event.Touch, bool, error) {
	key := history.PendingKey(nil, c.Time, c.ID)
	v, err := a.v.snap.Get(key)
	if errors.Is(err, state.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	p, err := history.ParsePending(key, v)
	if err != nil || p.Person != c.Person {
		a.index.bad("the index of what is pending has %s of %q: %v", c.ID, p.Person, err)
	}
	return p.Added, true, nil
}

func (a *auditor) checkCreditSums(c *history.Conversion) {
	credits := creditsOf(&a.v.e.cfg.Attribution, c)
	if !c.Counted() {
		a.sums.expect(len(credits) == 0 && len(c.Touches) == 0, "conversion %s is %s and %q, but has %d touches", c.ID, c.Verdict(), c.Adjusted(), len(c.Touches))
		return
	}
	for _, m := range attribution.Models {
		if m.Overlapping {
			continue
		}
		var ppm int64
		var micros event.Micros
		for i := range credits {
			if credits[i].Model == m.ID {
				ppm, micros = ppm+credits[i].PPM, micros+credits[i].Micros
			}
		}
		a.sums.expect(ppm == attribution.Whole && micros == c.Value(), "conversion %s, %s: the credits sum to %d ppm and %s; want %d and %s", c.ID, m.ID, ppm, micros, attribution.Whole, c.Value())
	}
}

// checkOwnEvent compares a conversion with its event in the person's history.
func (a *auditor) checkOwnEvent(c *history.Conversion) error {
	if c.Time < a.v.e.retained.History {
		return nil
	}
	ev, err := a.r.Find(event.Conversion, event.Ref{Time: c.Time, ID: c.ID, Person: c.Person, Type: "conversion"})
	if err != nil {
		return err
	}
	a.orders.expect(ev != nil && ev.Reasons == c.Reasons && ev.Shadow == c.Shadow && ev.Dup == c.Dup && ev.Amount == c.Original && ev.Dims == c.Dims,
		"conversion %s: its event says %+v; want reasons %v, duplicate %v, amount %s", c.ID, ev, c.Reasons.Names(), c.Dup, c.Original)
	if !a.v.e.cfg.Sessions.Counts(event.Conversion) {
		return nil
	}
	if !c.Verdict().Net() {
		a.sessions.expect(c.SessionID == "", "conversion %s is %s, but in session %s", c.ID, c.Verdict(), c.SessionID)
		return nil
	}
	s, err := a.v.sessionByID(c.SessionID)
	if err != nil {
		return err
	}
	a.sessions.expect(s != nil && s.Person == c.Person && s.Start <= c.Time && c.Time <= s.End, "conversion %s of %s is not in its session %s", c.ID, c.Person, c.SessionID)
	return nil
}

// checkOrder finds anew whether a conversion repeats its order.
func (a *auditor) checkOrder(c *history.Conversion) error {
	if c.OrderID == "" {
		a.orders.expect(!c.Dup, "conversion %s repeats an order, but names none", c.ID)
		return nil
	}
	own := &history.Order{Name: c.Name, ID: c.ID, Time: c.Time}
	o, err := a.r.FindOrder(c.OrderID, own)
	if err != nil {
		return err
	}
	if o == nil {
		a.orders.expect(false, "conversion %s is not found by its order %.40q", c.ID, c.OrderID)
		return nil
	}
	repeats := false
	if c.Reasons == 0 {
		err = a.r.OrdersFrom(c.OrderID, own, false, func(before *history.Order) bool {
			if before.Invalid {
				return true
			}
			repeats = c.Time-before.Time <= a.v.e.cfg.Attribution.OrderWindow.Millis()
			return false
		})
	}
	a.orders.expect(o.Invalid == (c.Reasons != 0) && o.Dup == repeats && c.Dup == repeats,
		"conversion %s: by its order %.40q it repeats another: %v; it says %v", c.ID, c.OrderID, repeats, c.Dup)
	return err
}

// checkPath finds the touches of a conversion anew, where all that could be one
// is still kept. Those that wait are in the history, not yet in the record.
func (a *auditor) checkPath(c *history.Conversion, waits []event.Touch) error {
	e := a.v.e
	lb := &e.cfg.Attribution.Lookback
	if !c.Counted() || c.Time-lb.Greatest().Millis()-attribution.VisitSuppression < e.retained.History ||
		c.Time-lb.Impression.Millis() < e.retained.Impressions {
		return nil
	}
	touches, dropped, err := a.s.path(c.Person, c.Time)
	if err != nil {
		return err
	}
	c = a.s.withTouches(c, waits)
	a.paths.expect(dropped == c.Dropped && slices.Equal(touches, c.Touches), "conversion %s of %s: its path has %s; found anew %s", c.ID, c.Person, describePath(c.Touches, c.Dropped), describePath(touches, dropped))
	return nil
}

func describePath(touches []event.Touch, dropped int) string {
	out := fmt.Sprintf("%d touches, %d left out:", len(touches), dropped)
	for i := range touches {
		if i == 4 {
			return out + " ..."
		}
		out += fmt.Sprintf(" %s %s at %s", touches[i].Type, touches[i].ID, touches[i].Time)
	}
	return out
}

// checkJournal adds up the journal of each conversion in it, and sees that every
// final conversion with credit is in it.
func (a *auditor) checkJournal() error {
	last := ""
	err := a.scan(state.Journal, func(k, value []byte) error {
		r, err := readJournal(&a.v.e.cfg.Attribution, a.v.e.dict, k, value)
		if !a.readable.expect(err == nil, "journal %.80q: %v", k[1:], err) || r.conversion == last {
			return nil
		}
		last = r.conversion
		return a.checkJournalOf(last)
	})
	if err != nil {
		return err
	}
	return a.scan(state.Conversions, func(k, value []byte) error {
		c, err := history.ParseConversion(k, value, a.v.e.dict)
		if err != nil || !c.Final || !c.Counted() {
			return nil //nolint:nilerr // checkConversions reports what is not readable
		}
		found := false
		err = a.v.journalOf(c.ID, func(table.Row) bool {
			found = true
			return false
		})
		if errors.Is(err, errDamaged) {
			err = nil // reported above
		}
		a.journal.expect(found, "conversion %s is final and has no entry", c.ID)
		return err
	})
}

func (a *auditor) checkJournalOf(id string) error {
	type key struct {
		model, touch, typ string
		at                event.Millis
	}
	type total struct{ ppm, micros int64 }
	sum := map[key]total{}
	err := a.v.journalOf(id, func(r table.Row) bool {
		at := key{r[2].Text, r[4].Text, r[5].Text, event.Millis(r[3].Int)}
		t := sum[at]
		sum[at] = total{t.ppm + r[6].Int, t.micros + r[7].Int}
		return true
	})
	if errors.Is(err, errDamaged) {
		return nil // checkJournal reports what is not readable
	}
	if err != nil {
		return err
	}
	c, err := a.v.conversion(id)
	if err != nil {
		return nil //nolint:nilerr // checkConversions reports what is not readable
	}
	if c != nil && c.Final {
		for _, x := range creditsOf(&a.v.e.cfg.Attribution, c) {
			at := key{model: x.Model, at: x.touchTime()}
			if x.touch != nil {
				at.touch, at.typ = x.touch.ID, x.touch.Type
			}
			t := sum[at]
			sum[at] = total{t.ppm - x.PPM, t.micros - int64(x.Micros)}
		}
	}
	for at, t := range sum {
		a.journal.expect(t == total{}, "conversion %s, %s, touch %q: the journal is off by %d ppm and %s", id, at.model, at.touch, t.ppm, event.Micros(t.micros))
	}
	return nil
}
