package pipeline

import (
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// links says which persons may be linked to others. It is a filter: the answer
// "no" is certain. The sequencing goroutine adds, before a tick's phases.
type links struct{ filter bloom }

func (l *links) mayLink(person uint64) bool {
	for _, layer := range l.filter.layers {
		if line(layer, person).has(person) {
			return true
		}
	}
	return false
}

func (l *links) add(person string) { l.filter.add(hashText(person)) }

func loadLinks(s *state.Store) (*links, error) {
	l := &links{}
	err := s.Scan([]byte{byte(state.Members)}, []byte{byte(state.Members) + 1}, func(k, _ []byte) bool {
		if len(k) >= 3 {
			n := 3 + int(k[1])<<8 + int(k[2])
			l.add(userPrefix + string(k[3:n]))
			l.add(anonymousPrefix + string(k[n:]))
		}
		return true
	})
	return l, err
}

// linkChange is an anonymous id that goes from one user to another.
type linkChange struct {
	anonymous, from, to string
	cause               cause
}

// membership is what a tick did to an anonymous id of a user.
type membership struct{ joined, left bool }

// identify applies the links of the anonymous ids that the shard owns: of all
// identify events of an id the first in order holds.
func (s *shard) identify() {
	var items []*item
	s.inbox(func(m *mail) { items = append(items, m.identifies...) })
	slices.SortFunc(items, func(a, b *item) int {
		if a.ev.AnonymousID != b.ev.AnonymousID {
			if a.ev.AnonymousID < b.ev.AnonymousID {
				return -1
			}
			return 1
		}
		return a.ev.Ref().Compare(b.ev.Ref())
	})
	for i := 0; i < len(items); {
		ev := items[i].ev
		t, id, from, err := s.reader.Link(ev.AnonymousID)
		if err != nil {
			s.fail(err)
			return
		}
		because := items[i].cause
		for ; i < len(items) && items[i].ev.AnonymousID == ev.AnonymousID; i++ {
			o := items[i].ev
			s.writes.Set(history.LinkKey(s.key[:0], o.AnonymousID, o.Time, o.ID), []byte(o.UserID))
		}
		holds := from == "" || ev.Time < t || ev.Time == t && ev.ID < id
		if !holds || from == ev.UserID {
			continue
		}
		s.linked[ev.AnonymousID] = ev.UserID
		if from != "" {
			s.writes.Delete(history.MemberKey(s.key[:0], from, ev.AnonymousID))
		}
		s.writes.Set(history.MemberKey(s.key[:0], ev.UserID, ev.AnonymousID), nil)
		c := linkChange{ev.AnonymousID, from, ev.UserID, because}
		c.cause.kind = causeIdentity
		s.relinked = append(s.relinked, c)
		for _, user := range []string{from, ev.UserID} {
			if user != "" {
				m := s.to(s.e.ownerOf(userPrefix+user, ""))
				m.links = append(m.links, c)
			}
		}
	}
}

// takeLinks notes who joined and who left the shard's users.
func (s *shard) takeLinks() {
	s.inbox(func(m *mail) {
		for _, c := range m.links {
			for _, user := range []string{c.from, c.to} {
				if user == "" || s.e.ownerOf(userPrefix+user, "") != s {
					continue
				}
				if s.members[user] == nil {
					s.members[user] = map[string]membership{}
				}
				s.members[user][c.anonymous] = membership{joined: user == c.to, left: user == c.from}
			}
		}
	})
}

// spreadLinks marks the conversions of everyone whose group changed.
func (s *shard) spreadLinks() {
	for _, c := range s.relinked {
		all := []span{{from: 0, to: event.EndOfTime, cause: c.cause}}
		for _, user := range []string{c.from, c.to} {
			if user == "" {
				continue
			}
			group, err := s.e.group(s.reader, userPrefix+user)
			if err != nil {
				s.fail(err)
				return
			}
			s.spread(group, all)
		}
	}
}
