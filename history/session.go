package history

import (
	"encoding/binary"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// Session is a session as it was last said, and how.
type Session struct {
	event.Session
	ID       string
	Restated bool
	Rev      uint64
}

// SessionKey is where the person's session that starts at start lies.
func SessionKey(b []byte, person string, start event.Millis) []byte {
	return state.AppendTime(state.AppendPrefixed(b, state.SessionsOf, person), start)
}

// SessionIDKey is where a session id leads to the session.
func SessionIDKey(b []byte, id string) []byte {
	return append(append(b, byte(state.SessionIDs)), id...)
}

// SessionEndKey lists sessions in order of their end.
func SessionEndKey(b []byte, end event.Millis, id string) []byte {
	return append(state.AppendTime(append(b, byte(state.SessionEnds)), end), id...)
}

// AppendValue encodes all but person and start.
func (s *Session) AppendValue(b []byte) []byte {
	b = binary.AppendUvarint(b, s.Rev)
	b = appendBool(b, s.Restated)
	b = appendText(b, s.ID)
	b = binary.AppendVarint(b, int64(s.End))
	b = appendText(b, s.FirstID)
	b = appendText(b, s.FirstTyp)
	for _, n := range []int64{s.Events, s.Impressions, s.Clicks, s.Conversions} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return appendText(b, s.EntryChannel)
}

// ParseSession decodes a key and value of the space SessionsOf.
func ParseSession(key, value []byte) (*Session, error) {
	n := 3 + int(binary.BigEndian.Uint16(key[1:]))
	s := &Session{}
	s.Person, s.Start = string(key[3:n]), state.Time(key[n:])
	d := decoder{b: value}
	s.Rev, s.Restated, s.ID = d.uvarint(), d.bool(), d.text()
	s.End, s.FirstID, s.FirstTyp = d.millis(), d.text(), d.text()
	s.Events, s.Impressions, s.Clicks, s.Conversions = int64(d.uvarint()), int64(d.uvarint()), int64(d.uvarint()), int64(d.uvarint())
	s.EntryChannel = d.text()
	return s, d.end("session")
}

// Sessions returns the person's sessions that overlap [from, to], in order.
func (r *Reader) Sessions(person string, from, to event.Millis) ([]*Session, error) {
	prefix := state.AppendPrefixed(r.key[:0], state.SessionsOf, person)
	n := len(prefix)
	r.key = state.AppendTime(prefix, 0)
	if !r.it.SeekPrefix(r.key) {
		return nil, r.it.Err()
	}
	var out []*Session
	// The session that begins before from may reach into the range.
	r.key = state.AppendTime(r.key[:n], max(from, 0))
	ok := r.it.SeekBefore(r.key)
	if !ok || len(r.it.Key()) < n || string(r.it.Key()[:n]) != string(r.key[:n]) {
		ok = r.it.Seek(r.key)
	}
	for ; ok; ok = r.it.Next() {
		k := r.it.Key()
		if len(k) != n+8 || string(k[:n]) != string(r.key[:n]) {
			break
		}
		s, err := ParseSession(k, r.it.Value())
		if err != nil {
			return nil, err
		}
		if s.Start > to {
			break
		}
		if s.End >= from {
			out = append(out, s)
		}
	}
	return out, r.it.Err()
}
