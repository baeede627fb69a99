package pipeline

import (
	"encoding/binary"
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/sessionize"
	"github.com/tributary-data/tributary/state"
)

// checkEvents goes through the stored events week by week and adds up what
// delivery should be. Rollups keep what events were dropped of, so that only
// windows in which everything is still there are compared.
func (a *auditor) checkEvents() error {
	weeks := map[event.Millis]bool{}
	for _, n := range a.v.buckets.List(state.History) {
		weeks[event.Millis(n)*state.HistoryBucket] = true
	}
	for _, n := range a.v.buckets.List(state.Impressions) {
		weeks[(event.Millis(n) * state.ImpressionBucket).Floor(state.HistoryBucket)] = true
	}
	starts := make([]event.Millis, 0, len(weeks))
	for w := range weeks {
		starts = append(starts, w)
	}
	slices.Sort(starts)
	done := event.NoTime
	if complete := max(a.v.e.retained.Impressions, a.v.e.retained.History); complete > 0 {
		done = complete
	}
	for _, week := range starts {
		end := week + state.HistoryBucket
		want := map[string]*sums{}
		err := a.scanRange(bucketKey(state.Impressions, uint32(week/state.ImpressionBucket)), bucketKey(state.Impressions, uint32(end/state.ImpressionBucket)), a.addEvent(want))
		if err == nil {
			n := uint32(week / state.HistoryBucket)
			err = a.scanRange(bucketKey(state.History, n), bucketKey(state.History, n+1), a.addEvent(want))
		}
		if err != nil {
			return err
		}
		if end <= done {
			continue
		}
		if err := a.compareDelivery(done, end, want); err != nil {
			return err
		}
		done = end
	}
	return a.compareDelivery(done, event.EndOfTime, map[string]*sums{})
}

func (a *auditor) compareDelivery(from, to event.Millis, want map[string]*sums) error {
	for _, t := range []byte{minuteDelivery, hourDelivery, minuteInvalid} {
		if err := a.compareRollup(a.delivery, t, from, to, want); err != nil {
			return err
		}
	}
	return nil
}

// addEvent counts one stored event.
func (a *auditor) addEvent(want map[string]*sums) func(k, value []byte) error {
	return func(k, value []byte) error {
		ev, err := history.ParseEvent(k, value)
		var d *history.Dims
		if err == nil {
			d, err = a.v.e.dict.Get(ev.Dims)
		}
		if !a.readable.expect(err == nil, "event %.80q: %v", k[1:], err) {
			return nil
		}
		if err := a.checkVerdict(ev); err != nil {
			return err
		}
		if ev.Kind != event.Impression && ev.Person != "" && ev.Net() && a.v.e.cfg.Sessions.Counts(ev.Kind) {
			a.sessionEvents++
		}
		cost := int64(0)
		if ev.Kind == event.Impression || ev.Kind == event.Click {
			cost = int64(ev.Amount)
			gross, givt := impressions, givtImpressions
			if ev.Kind == event.Click {
				gross, givt = clicks, givtClicks
			}
			verdict, _ := ev.Reasons.Decide()
			for _, n := range []*sums{
				into(want, minuteDeliveryKey(nil, ev.Time.Floor(event.Minute), d)),
				into(want, hourDeliveryKey(nil, ev.Time.Floor(event.Hour), d)),
			} {
				n[gross]++
				n[spend] += cost
				switch verdict {
				case event.GIVT:
					n[givt]++
				case event.SIVT:
					n[givt+1]++
				default:
					continue
				}
				n[invalidSpend] += cost
			}
		}
		for r := range event.NumReasons {
			if ev.Reasons.Has(r) {
				n := into(want, rollupKey(nil, minuteInvalid, ev.Time.Floor(event.Minute), d.Campaign, d.Publisher, ev.Type, r.String(), d.Currency))
				n[0]++
				n[1] += cost
			}
		}
		return nil
	}
}

// checkVerdict: what is not plainly valid has a row; of impressions only a
// sample, and which one the state does not say.
func (a *auditor) checkVerdict(ev *history.Event) error {
	if ev.Kind == event.Impression || ev.Verdict() == event.Valid && ev.Shadow == 0 {
		return nil
	}
	v, err := a.v.snap.Get(verdictKey(nil, ev.Ref))
	ok := err == nil && len(v) >= 5 && event.Verdict(v[0]) == ev.Verdict() &&
		event.Reasons(binary.BigEndian.Uint16(v[1:])) == ev.Reasons && event.Reasons(binary.BigEndian.Uint16(v[3:])) == ev.Shadow
	a.verdicts.expect(ok, "%s %s of %s at %s is %s for %v; its row does not say so", ev.Type, ev.ID, ev.Person, ev.Time, ev.Verdict(), ev.Reasons.Names())
	return nil
}

// checkSessions cuts the sessions of each person anew.
func (a *auditor) checkSessions() error {
	var list []*history.Session
	flush := func() error {
		if len(list) == 0 {
			return nil
		}
		err := a.checkSessionsOf(list[0].Person, list)
		list = list[:0]
		return err
	}
	err := a.scan(state.SessionsOf, func(k, value []byte) error {
		s, err := history.ParseSession(k, value)
		if !a.readable.expect(err == nil, "session %.80q: %v", k[1:], err) {
			return nil
		}
		byID, err := a.has(history.SessionIDKey(nil, s.ID), k)
		if err != nil {
			return err
		}
		byEnd, err := a.has(history.SessionEndKey(nil, s.End, s.ID), nil)
		if err != nil {
			return err
		}
		a.index.expect(byID && byEnd, "session %s of %s: found by its id %v, by its end %v", s.ID, s.Person, byID, byEnd)
		if len(list) > 0 && list[0].Person != s.Person {
			if err := flush(); err != nil {
				return err
			}
		}
		list = append(list, s)
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	a.sessions.expect(a.sessionEvents == a.inSessions, "the history has %d events that sessions are made of, the sessions' persons have %d of them: some have no session", a.sessionEvents, a.inSessions)
	return nil
}

func (a *auditor) checkSessionsOf(person string, stored []*history.Session) error {
	from := max(a.v.e.retained.History, 0)
	old := event.NoTime // end of what began before the events that are kept
	for len(stored) > 0 && stored[0].Start < from {
		old, stored = stored[0].End, stored[1:]
	}
	cut, err := sessionize.Cut(&a.v.e.cfg.Sessions, person, from, event.EndOfTime-1, sessionize.Past{
		Items: func(from, _ event.Millis, fn func(sessionize.Item)) error {
			var bad error
			err := a.r.Events(person, from, lastTime, func(ev *history.Event) bool {
				if !ev.Net() || !a.v.e.cfg.Sessions.Counts(ev.Kind) {
					return true
				}
				a.inSessions++
				if ev.Time <= old {
					return true
				}
				var it sessionize.Item
				if it, bad = a.s.sessionItem(ev); bad == nil {
					fn(it)
				}
				return bad == nil
			})
			if err == nil {
				err = bad
			}
			return err
		},
		Impressions: func(from, to event.Millis) (int64, error) { return a.r.CountImpressions(person, from, to) },
	})
	if err != nil {
		return err
	}
	for i := range max(len(cut), len(stored)) {
		switch {
		case i >= len(cut):
			a.sessions.expect(false, "session %s of %s at %s has no events", stored[i].ID, person, stored[i].Start)
		case i >= len(stored):
			a.sessions.expect(false, "the events of %s from %s on have no session", person, cut[i].Start)
		default:
			want, got := cut[i], stored[i].Session
			if want.Start < a.v.e.retained.Impressions {
				want.Impressions = got.Impressions
			}
			a.sessions.expect(want == got && stored[i].ID == sessionize.ID(&want), "session %s of %s: stored %+v; cut anew %+v", stored[i].ID, person, got, want)
		}
	}
	return nil
}

// lastTime is after the year 9999.
const lastTime = event.Millis(1) << 52
