// Package history is the one record of a person: the events as they were
// accepted, with the verdicts given so far, and what was last said about them
// (sessions, conversions with their touches). It knows how these lie in state;
// the stages get them as values.
//
// Invariants:
//  1. An event is stored once, under the person it was recorded with.
//  2. What a record says of an event is enough to take it out of every total
//     again, and to judge it anew by other lists.
package history

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// Event is an accepted impression, click, conversion or behavioural event.
type Event struct {
	event.Ref
	Kind    event.Kind
	Dims    uint32 // in the dictionary
	Amount  event.Micros
	Reasons event.Reasons // of rules in enforce
	Shadow  event.Reasons // of rules in shadow
	Dup     bool          // a conversion that repeats an order
	IP      netip.Addr
	UA      uint32 // in the dictionary; 0 is none
}

// Verdict of the event as far as it is known.
func (e *Event) Verdict() event.Verdict {
	v, _ := e.Reasons.Decide()
	if v == event.Valid && e.Dup {
		return event.Duplicate
	}
	return v
}

// Net says whether the event counts.
func (e *Event) Net() bool { return e.Reasons == 0 && !e.Dup }

const (
	hasReasons = 1 << iota
	hasShadow
	hasIP4
	hasIP6
	hasUA
	isDup
)

// AppendValue encodes all that is not in the key.
func (e *Event) AppendValue(b []byte) []byte {
	at := len(b)
	b = append(b, 0, byte(e.Kind))
	b = binary.AppendUvarint(b, uint64(e.Dims))
	b = binary.AppendUvarint(b, uint64(e.Amount))
	var flags byte
	if e.Reasons != 0 {
		flags |= hasReasons
		b = binary.AppendUvarint(b, uint64(e.Reasons))
	}
	if e.Shadow != 0 {
		flags |= hasShadow
		b = binary.AppendUvarint(b, uint64(e.Shadow))
	}
	if e.IP.Is4() {
		flags |= hasIP4
		a := e.IP.As4()
		b = append(b, a[:]...)
	} else if e.IP.Is6() {
		flags |= hasIP6
		a := e.IP.As16()
		b = append(b, a[:]...)
	}
	if e.UA != 0 {
		flags |= hasUA
		b = binary.AppendUvarint(b, uint64(e.UA))
	}
	if e.Dup {
		flags |= isDup
	}
	b[at] = flags
	return b
}

var errRecord = errors.New("damaged record")

// Parse decodes a value into e, whose Ref the caller has from the key.
func (e *Event) Parse(b []byte) error {
	d := decoder{b: b}
	flags := d.byte()
	e.Kind = event.Kind(d.byte())
	e.Dims = uint32(d.uvarint())
	e.Amount = event.Micros(d.uvarint())
	e.Reasons, e.Shadow, e.UA, e.IP = 0, 0, 0, netip.Addr{}
	if flags&hasReasons != 0 {
		e.Reasons = event.Reasons(d.uvarint())
	}
	if flags&hasShadow != 0 {
		e.Shadow = event.Reasons(d.uvarint())
	}
	if flags&hasIP4 != 0 {
		e.IP = netip.AddrFrom4([4]byte(d.take(4)))
	} else if flags&hasIP6 != 0 {
		e.IP = netip.AddrFrom16([16]byte(d.take(16)))
	}
	if flags&hasUA != 0 {
		e.UA = uint32(d.uvarint())
	}
	e.Dup = flags&isDup != 0
	return d.end("event")
}

// netFlags reads only what counting needs.
func valueIsNet(b []byte) bool { return len(b) > 0 && b[0]&(hasReasons|isDup) == 0 }

// space and width say where an event of a kind lies.
func place(k event.Kind) (state.Space, event.Millis) {
	if k == event.Impression {
		return state.Impressions, state.ImpressionBucket
	}
	return state.History, state.HistoryBucket
}

// AppendKey encodes the event's key. Impressions end in their id; the others
// also carry the type, as two of different types may share all else.
func AppendKey(b []byte, k event.Kind, r event.Ref) []byte {
	s, w := place(k)
	b = state.AppendBucketed(b, s, w, r.Time, r.Person)
	b = state.AppendOffset(b, w, r.Time)
	if k == event.Impression {
		return append(b, r.ID...)
	}
	b = state.AppendText(b, r.ID)
	return append(b, r.Type...)
}

// parseKey reads a key that AppendKey wrote, all but the person.
func parseKey(s state.Space, key []byte, r *event.Ref) error {
	if len(key) < 7 {
		return fmt.Errorf("%w: key of %d bytes", errRecord, len(key))
	}
	w := state.HistoryBucket
	if s == state.Impressions {
		w = state.ImpressionBucket
	}
	at := 7 + int(binary.BigEndian.Uint16(key[5:]))
	if len(key) < at+4 {
		return fmt.Errorf("%w: key of %d bytes", errRecord, len(key))
	}
	r.Time = event.Millis(binary.BigEndian.Uint32(key[1:]))*w + event.Millis(binary.BigEndian.Uint32(key[at:]))
	if s == state.Impressions {
		r.ID, r.Type = string(key[at+4:]), "impression"
		return nil
	}
	id, typ, err := state.CutText(key[at+4:])
	if err != nil {
		return err
	}
	r.ID, r.Type = id, string(typ)
	return nil
}

// ParseEvent decodes a key and value as a scan over a whole space yields them.
func ParseEvent(key, value []byte) (*Event, error) {
	e := &Event{}
	if err := parseKey(state.Space(key[0]), key, &e.Ref); err != nil {
		return nil, err
	}
	e.Person = string(key[7 : 7+int(binary.BigEndian.Uint16(key[5:]))])
	return e, e.Parse(value)
}
