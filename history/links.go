package history

import (
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// LinkKey is the entry of one identify event under its anonymous id; the first
// in order is the link that holds.
func LinkKey(b []byte, anonymous string, t event.Millis, id string) []byte {
	return append(state.AppendTime(state.AppendPrefixed(b, state.Links, anonymous), t), id...)
}

// MemberKey lists an anonymous id under the user that it is linked to now.
func MemberKey(b []byte, user, anonymous string) []byte {
	return append(state.AppendPrefixed(b, state.Members, user), anonymous...)
}

// Link returns the first identify event of an anonymous id: its place and the
// user; user is empty when there is none.
func (r *Reader) Link(anonymous string) (t event.Millis, id, user string, err error) {
	r.key = state.AppendPrefixed(r.key[:0], state.Links, anonymous)
	n := len(r.key)
	if !r.it.SeekPrefix(r.key) {
		return 0, "", "", r.it.Err()
	}
	k := r.it.Key()
	return state.Time(k[n:]), string(k[n+8:]), string(r.it.Value()), r.it.Err()
}

// Members returns the anonymous ids linked to a user.
func (r *Reader) Members(user string) ([]string, error) {
	r.key = state.AppendPrefixed(r.key[:0], state.Members, user)
	n := len(r.key)
	var out []string
	for ok := r.it.SeekPrefix(r.key); ok; ok = r.it.Next() {
		out = append(out, string(r.it.Key()[n:]))
	}
	return out, r.it.Err()
}
