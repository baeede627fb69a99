package sessionize_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sessionize"
)

const person = "u:1"

// history is one person's session events and impressions.
type history struct {
	items       []sessionize.Item
	impressions []event.Millis
}

func (h *history) past() sessionize.Past {
	return sessionize.Past{
		Items: func(from, to event.Millis, fn func(sessionize.Item)) error {
			for _, it := range h.items {
				if it.Time >= from && it.Time <= to {
					fn(it)
				}
			}
			return nil
		},
		Impressions: func(from, to event.Millis) (n int64, err error) {
			for _, t := range h.impressions {
				if t >= from && t <= to {
					n++
				}
			}
			return n, nil
		},
	}
}

// cut is the rule of the contract: a maximal run in which each gap is at most
// the one configured.
func (h *history) cut(gap event.Millis) []event.Session {
	var out []event.Session
	for i, it := range h.items {
		if i == 0 || it.Time-h.items[i-1].Time > gap {
			out = append(out, event.Session{Person: person, Start: it.Time, FirstID: it.ID, FirstTyp: it.Type, EntryChannel: it.Channel})
		}
		s := &out[len(out)-1]
		s.End = it.Time
		s.Events++
		switch it.Kind {
		case event.Click:
			s.Clicks++
		case event.Conversion:
			s.Conversions++
		}
	}
	for i := range out {
		for _, t := range h.impressions {
			if t >= out[i].Start && t <= out[i].End {
				out[i].Impressions++
			}
		}
	}
	return out
}

// drawItems draws events on a grid on which gaps are often exactly the one that
// joins, and ties are many.
func drawItems(t *rapid.T, name string, serial *int) []sessionize.Item {
	out := make([]sessionize.Item, rapid.IntRange(0, 8).Draw(t, name))
	for i := range out {
		*serial++
		k := rapid.SampledFrom([]event.Kind{event.Click, event.Conversion, event.Behavioural}).Draw(t, "kind")
		out[i] = sessionize.Item{
			Ref: event.Ref{
				Time: event.Millis(rapid.IntRange(0, 24).Draw(t, "at")), Person: person, Type: k.TypeName(),
				ID: fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "id"), "-", *serial),
			},
			Kind: k, Channel: rapid.SampledFrom([]string{"Email", "Direct"}).Draw(t, "channel"),
		}
	}
	return out
}

func inOrder(a, b sessionize.Item) int { return a.Ref.Compare(b.Ref) }

// TestApplyIsCuttingAnew: sessions after additions and removals are those of the
// whole history.
func TestApplyIsCuttingAnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := sessionize.DefaultConfig()
		cfg.Gap = event.Duration(rapid.IntRange(1, 4).Draw(t, "gap"))
		serial := 0
		h := &history{items: drawItems(t, "before", &serial)}
		slices.SortFunc(h.items, inOrder)
		for range rapid.IntRange(0, 10).Draw(t, "impressions") {
			h.impressions = append(h.impressions, event.Millis(rapid.IntRange(0, 24).Draw(t, "impression")))
		}
		before := h.cut(cfg.Gap.Millis())
		copied := slices.Clone(before)

		var removed []event.Ref
		h.items = slices.DeleteFunc(h.items, func(it sessionize.Item) bool {
			goes := rapid.IntRange(0, 3).Draw(t, "goes") == 1
			if goes {
				removed = append(removed, it.Ref)
			}
			return goes
		})
		added := drawItems(t, "added", &serial)
		slices.SortFunc(added, inOrder)
		h.items = append(h.items, added...)
		slices.SortFunc(h.items, inOrder)

		got, err := sessionize.Apply(&cfg, before, added, removed, h.past())
		if want := h.cut(cfg.Gap.Millis()); err != nil || !slices.Equal(got, want) {
			t.Errorf("added %v, removed %v: %+v, %v; want %+v", added, removed, got, err, want)
		}
		if !slices.Equal(before, copied) {
			t.Error("the sessions from before were changed in place")
		}
		cut, err := sessionize.Cut(&cfg, person, 0, 24, h.past())
		if want := h.cut(cfg.Gap.Millis()); err != nil || !slices.Equal(cut, want) {
			t.Errorf("cut anew: %+v, %v; want %+v", cut, err, want)
		}
	})
}

// TestIDTellsFirstEventsApart: it changes with the person and the first event,
// and with nothing else.
func TestIDTellsFirstEventsApart(t *testing.T) {
	s := event.Session{Person: person, Start: 1, FirstID: "a", FirstTyp: "click"}
	longer := s
	longer.End, longer.Events, longer.Clicks, longer.EntryChannel = 9, 7, 6, "Email"
	if sessionize.ID(&s) != sessionize.ID(&longer) {
		t.Error("a session that went on has another id")
	}
	seen := map[string]bool{sessionize.ID(&s): true}
	for _, change := range []func(*event.Session){
		func(s *event.Session) { s.Person = "a:1" },
		func(s *event.Session) { s.Start = 2 },
		func(s *event.Session) { s.FirstID = "b" },
		func(s *event.Session) { s.FirstTyp = "page_view" },
	} {
		other := s
		change(&other)
		if id := sessionize.ID(&other); seen[id] {
			t.Errorf("%+v has the id of another session", other)
		} else {
			seen[id] = true
		}
	}
}
