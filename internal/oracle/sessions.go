package oracle

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// session is a maximal run of one person's events.
type session struct {
	person string
	events []*ev // in order
}

func (s *session) start() event.Millis { return s.events[0].Time }

func (s *session) end() event.Millis { return s.events[len(s.events)-1].Time }

// id depends on the person and the first event, as the contract asks.
func (s *session) id() string {
	r := s.events[0].Ref()
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %d %q %q", s.person, r.Time, r.ID, r.Type))
	return hex.EncodeToString(sum[:12])
}

// sessions cuts every person's net events where a gap is longer than allowed,
// under the id they were recorded with.
func (m *model) sessions() []*session {
	last := map[string]*session{} // by person
	var all []*session
	for _, e := range m.events {
		if e.Person == "" || !e.net() || !m.countsInSessions(e.Kind) {
			continue
		}
		s := last[e.Person]
		if s == nil || e.Time-s.end() > m.cfg.Sessions.Gap.Millis() {
			s = &session{person: e.Person}
			last[e.Person] = s
			all = append(all, s)
		}
		s.events = append(s.events, e)
		e.session = s
	}
	return all
}

func (m *model) countsInSessions(k event.Kind) bool {
	switch k {
	case event.Click, event.Conversion, event.Behavioural:
		return slices.Contains(m.cfg.Sessions.Types, k.TypeName())
	}
	return false
}

func (m *model) tabulateSessions(sessions []*session) {
	impressions := m.of(event.Impression)
	for _, s := range sessions {
		var clicks, conversions, seen int64
		for _, e := range s.events {
			switch e.Kind {
			case event.Click:
				clicks++
			case event.Conversion:
				conversions++
			}
		}
		for _, e := range impressions {
			if e.Person == s.person && e.net() && s.start() <= e.Time && e.Time <= s.end() {
				seen++
			}
		}
		m.add(table.Sessions, table.Row{
			table.T(s.id()), table.T(s.person), table.At(s.start()), table.At(s.end()), table.I(int64(len(s.events))),
			table.I(seen), table.I(clicks), table.I(conversions), table.T(s.events[0].Channel), table.T(final),
		})
	}
}
