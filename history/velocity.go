package history

import (
	"encoding/binary"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// Counted is a click under the key of a counting rule, and whether the rule
// found it over the limit.
type Counted struct {
	event.Ref // the type is always click
	Over      bool
}

// velocityPrefix is the part of the key that one rule key has in one bucket.
func velocityPrefix(b []byte, key [state.VelocityKey]byte, t event.Millis) []byte {
	b = append(b, byte(state.Velocity))
	b = binary.BigEndian.AppendUint32(b, uint32(t/state.VelocityBucket))
	return append(b, key[:]...)
}

// CountedKey is where a click lies under a rule key.
func CountedKey(b []byte, key [state.VelocityKey]byte, r event.Ref) []byte {
	b = state.AppendTime(velocityPrefix(b, key, r.Time), r.Time)
	return append(state.AppendText(b, r.ID), r.Person...)
}

func parseCounted(k, v []byte) (Counted, error) {
	const n = 1 + 4 + state.VelocityKey
	if len(k) < n+8 || len(v) != 1 {
		return Counted{}, errRecord
	}
	c := Counted{Over: v[0] != 0}
	id, person, err := state.CutText(k[n+8:])
	c.Ref = event.Ref{Time: state.Time(k[n:]), ID: id, Person: string(person), Type: "click"}
	return c, err
}

// CountedBefore appends up to limit clicks of the key before r and not earlier
// than from, the latest first.
func (r *Reader) CountedBefore(out []Counted, key [state.VelocityKey]byte, ref event.Ref, from event.Millis, limit int) ([]Counted, error) {
	at := CountedKey(r.key[:0], key, ref)
	for bucket := ref.Time.Floor(state.VelocityBucket); limit > 0; {
		const n = 1 + 4 + state.VelocityKey
		prefix := velocityPrefix(nil, key, bucket)
		if r.it.SeekPrefix(prefix) { // most keys are new: the Bloom filter says so
			for ok := r.it.SeekBefore(at); ok && limit > 0; ok = r.it.Prev() {
				k := r.it.Key()
				if len(k) < n || string(k[:n]) != string(prefix) {
					break
				}
				c, err := parseCounted(k, r.it.Value())
				if err != nil {
					return nil, err
				}
				if c.Time < from {
					return out, nil
				}
				out = append(out, c)
				limit--
			}
		}
		if bucket <= from {
			break
		}
		bucket -= state.VelocityBucket
		at = state.After(velocityPrefix(nil, key, bucket))
	}
	r.key = at[:0]
	return out, r.it.Err()
}

// CountedAfter visits the clicks of the key after r, in order, until fn returns
// false. It goes on to a next bucket while that begins not later than to, and
// returns the end of the last bucket that it read whole; NoTime if fn ended it.
func (r *Reader) CountedAfter(key [state.VelocityKey]byte, ref event.Ref, to func() event.Millis, fn func(Counted) bool) (seen event.Millis, err error) {
	at := append(CountedKey(nil, key, ref), 0)
	bucket := ref.Time.Floor(state.VelocityBucket)
	for ; bucket <= to(); bucket += state.VelocityBucket {
		for ok := r.it.SeekPrefix(at); ok; ok = r.it.Next() {
			c, err := parseCounted(r.it.Key(), r.it.Value())
			if err != nil {
				return event.NoTime, err
			}
			if !fn(c) {
				return event.NoTime, r.it.Err()
			}
		}
		at = velocityPrefix(nil, key, bucket+state.VelocityBucket)
	}
	return bucket - 1, r.it.Err()
}
