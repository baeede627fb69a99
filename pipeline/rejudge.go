package pipeline

import (
	"fmt"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// Rejudged is an event for which the lists now find other reasons.
type Rejudged struct {
	Kind  event.Kind
	Ref   event.Ref
	Lists event.Reasons
}

// listReasons are the reasons that lists give.
const listReasons = event.Reasons(1<<event.BotUserAgent | 1<<event.BlockedIP | 1<<event.DatacenterIP)

// rejudge applies new findings of the lists to the shard's events. All that the
// events took part in follows, as after any other change.
func (s *shard) rejudge(list []Rejudged) {
	for i := range list {
		r := &list[i]
		if s.e.ownerOf(r.Ref.Person, r.Ref.ID) != s {
			continue
		}
		c := cause{seq: s.e.seq + uint64(i) + 1, watermark: s.e.watermark, at: r.Ref.Time, kind: causeVerdict}
		if err := s.rejudgeOne(r, c); err != nil {
			s.fail(err)
			return
		}
	}
}

func (s *shard) rejudgeOne(r *Rejudged, c cause) error {
	enforced, shadow := s.e.modes.split(r.Lists)
	p := s.person(r.Ref.Person)
	if r.Kind != event.Impression {
		x, err := s.change(p, r.Kind, r.Ref)
		if err != nil || x == nil {
			return err
		}
		x.ev.Reasons = x.ev.Reasons&^listReasons | enforced
		x.ev.Shadow = x.ev.Shadow&^listReasons | shadow
		x.cause = x.cause.latest(c)
		return nil
	}
	ev, err := s.reader.Find(event.Impression, r.Ref)
	if err != nil || ev == nil {
		return err
	}
	f := &impressionFlip{ev: ev, was: ev.Reasons, cause: c}
	ev.Reasons, ev.Shadow = ev.Reasons&^listReasons|enforced, ev.Shadow&^listReasons|shadow
	s.key = history.AppendKey(s.key[:0], ev.Kind, ev.Ref)
	s.value = ev.AppendValue(s.value[:0])
	s.writes.Set(s.key, s.value)
	dims, err := s.e.dict.Get(ev.Dims)
	if err != nil {
		return err
	}
	s.countInvalid(dims, ev, f.was, ev.Reasons, c)
	s.writeVerdict(ev, dims.Campaign)
	if r.Ref.Person != "" {
		p.flipped = append(p.flipped, f)
	}
	return nil
}

// Lister finds the tier 1 reasons of an event from its type, address and
// User-Agent.
type Lister func(*event.Event) event.Reasons

// Rejudge walks through all stored events and applies what the lists now say,
// some thousand at a time. progress is told how many were read and changed.
func (e *Engine) Rejudge(lists Lister, progress func(read, changed int)) error {
	const portion = 4096
	read, changed := 0, 0
	var found []Rejudged
	apply := func() error {
		if len(found) == 0 {
			return nil
		}
		c, err := e.Tick(&Tick{Rejudged: found, Watermark: e.watermark, Inputs: e.inputs})
		if err != nil {
			return err
		}
		changed += len(found)
		found = found[:0]
		return c.Wait()
	}
	for _, sp := range []state.Space{state.Impressions, state.History} {
		snap := e.store.Snapshot()
		var bad error
		err := snap.Scan([]byte{byte(sp)}, []byte{byte(sp) + 1}, func(k, v []byte) bool {
			read++
			var ev *history.Event
			if ev, bad = history.ParseEvent(k, v); bad != nil {
				return false
			}
			var reasons event.Reasons
			if reasons, bad = e.listsSay(lists, ev); bad != nil {
				return false
			}
			enforced, shadow := e.modes.split(reasons)
			if ev.Reasons&listReasons != enforced || ev.Shadow&listReasons != shadow {
				found = append(found, Rejudged{ev.Kind, ev.Ref, reasons})
			}
			if len(found) == portion {
				bad = apply()
			}
			if read%65536 == 0 && progress != nil {
				progress(read, changed)
			}
			return bad == nil
		})
		if err := snap.Close(); err != nil {
			return err
		}
		if err == nil {
			err = bad
		}
		if err == nil {
			err = apply()
		}
		if err != nil {
			return fmt.Errorf("rejudge: %w", err)
		}
	}
	if progress != nil {
		progress(read, changed)
	}
	return nil
}

func (e *Engine) listsSay(lists Lister, h *history.Event) (event.Reasons, error) {
	ev := event.Event{Kind: h.Kind, Type: h.Type, IP: h.IP}
	if h.UA != 0 {
		ua, err := e.dict.Get(h.UA)
		if err != nil {
			return 0, err
		}
		ev.UserAgent = ua.Text
	}
	return lists(&ev), nil
}
