// Package sessionize cuts a person's events into sessions. Pure: what it needs
// of the person's history it asks the caller for.
//
// Invariant: the sessions are those that cutting the whole history anew would
// give. Events that are added change only what lies within the gap of them, so
// that is all that is looked at; where events are taken away the session that
// held them is cut anew.
package sessionize

import (
	"encoding/hex"
	"slices"
	"sort"

	"github.com/zeebo/xxh3"

	"github.com/tributary-data/tributary/event"
)

// Item is what sessions need to know of one event.
type Item struct {
	event.Ref
	Kind    event.Kind
	Channel string
}

// Past answers for the person's stored history.
type Past struct {
	// Items visits the net session events in [from, to] in order, the changes
	// at hand included.
	Items func(from, to event.Millis, fn func(Item)) error
	// Impressions counts net impressions in [from, to], those that arrive
	// together with the changes at hand not included.
	Impressions func(from, to event.Millis) (int64, error)
}

// Counts says whether events of a kind are part of sessions.
func (c *Config) Counts(k event.Kind) bool {
	return k != event.Impression && slices.Contains(c.Types, k.TypeName())
}

// Apply returns the sessions after events were added and removed. sessions are
// in order and hold every session within the gap of a change; added is in order
// and holds no event that was there before.
func Apply(cfg *Config, sessions []event.Session, added []Item, removed []event.Ref, past Past) ([]event.Session, error) {
	out := slices.Clone(sessions)
	var err error
	for _, it := range added {
		if out, err = add(cfg, out, it, past); err != nil {
			return nil, err
		}
	}
	cut := event.NoTime
	for _, r := range removed {
		if r.Time <= cut {
			continue // its session was cut anew already
		}
		i := holding(out, r.Time)
		if i < 0 {
			continue
		}
		end := out[i].End
		anew, err := Cut(cfg, r.Person, out[i].Start, end, past)
		if err != nil {
			return nil, err
		}
		out = slices.Replace(out, i, i+1, anew...)
		cut = end
	}
	return out, nil
}

// holding is the index of the session that t lies in, or -1.
func holding(s []event.Session, t event.Millis) int {
	i := sort.Search(len(s), func(i int) bool { return s[i].End >= t })
	if i < len(s) && s[i].Start <= t {
		return i
	}
	return -1
}

// add puts one event in: into a session, at either end of one, between two that
// it joins, or alone.
func add(cfg *Config, s []event.Session, it Item, past Past) ([]event.Session, error) {
	gap := cfg.Gap.Millis()
	i := sort.Search(len(s), func(i int) bool { return s[i].End+gap >= it.Time })
	if i == len(s) || s[i].Start-gap > it.Time {
		alone, err := past.Impressions(it.Time, it.Time)
		if err != nil {
			return nil, err
		}
		n := begin(it)
		n.Impressions = alone
		return slices.Insert(s, i, n), nil
	}
	x := &s[i]
	var outside [2]event.Millis // the stretch by which the session grows
	grows := true
	switch {
	case it.Time > x.End:
		outside = [2]event.Millis{x.End + 1, it.Time}
		x.End = it.Time
	case it.Time < x.Start:
		outside = [2]event.Millis{it.Time, x.Start - 1}
		x.Start = it.Time
	default:
		grows = false
	}
	if first := (event.Ref{Time: x.Start, ID: x.FirstID, Person: x.Person, Type: x.FirstTyp}); it.Time == x.Start && (it.Time == outside[0] && grows || it.Ref.Compare(first) < 0) {
		x.FirstID, x.FirstTyp, x.EntryChannel = it.ID, it.Type, it.Channel
	}
	count(x, it.Kind)
	if grows {
		n, err := past.Impressions(outside[0], outside[1])
		if err != nil {
			return nil, err
		}
		x.Impressions += n
	}
	if i+1 < len(s) && s[i+1].Start-gap <= x.End {
		return join(s, i, past)
	}
	return s, nil
}

// join makes one session of the i-th and the next.
func join(s []event.Session, i int, past Past) ([]event.Session, error) {
	a, b := &s[i], &s[i+1]
	if b.Start > a.End+1 {
		n, err := past.Impressions(a.End+1, b.Start-1)
		if err != nil {
			return nil, err
		}
		a.Impressions += n
	}
	a.End = b.End
	a.Events += b.Events
	a.Impressions += b.Impressions
	a.Clicks += b.Clicks
	a.Conversions += b.Conversions
	return slices.Delete(s, i+1, i+2), nil
}

func begin(it Item) event.Session {
	s := event.Session{
		Person: it.Person, Start: it.Time, End: it.Time,
		FirstID: it.ID, FirstTyp: it.Type, EntryChannel: it.Channel,
	}
	count(&s, it.Kind)
	return s
}

func count(s *event.Session, k event.Kind) {
	s.Events++
	switch k {
	case event.Click:
		s.Clicks++
	case event.Conversion:
		s.Conversions++
	}
}

// Cut makes the sessions of a stretch of a person's history from its events
// alone.
func Cut(cfg *Config, person string, from, to event.Millis, past Past) ([]event.Session, error) {
	var out []event.Session
	err := past.Items(from, to, func(it Item) {
		if n := len(out); n > 0 && it.Time-out[n-1].End <= cfg.Gap.Millis() {
			out[n-1].End = it.Time
			count(&out[n-1], it.Kind)
			return
		}
		out = append(out, begin(it))
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Person = person
		if out[i].Impressions, err = past.Impressions(out[i].Start, out[i].End); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ID is the session's id: an opaque function of the person and the first event.
func ID(s *event.Session) string {
	b := make([]byte, 0, 96)
	b = append(b, s.Person...)
	b = append(b, 0)
	b = s.Start.Append(b)
	b = append(b, s.FirstID...)
	b = append(b, 0)
	b = append(b, s.FirstTyp...)
	h := xxh3.Hash128(b).Bytes()
	return hex.EncodeToString(h[:12])
}
