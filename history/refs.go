package history

import (
	"encoding/binary"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// The space Refs holds, under one text, all that is known by it: the
// conversions, adjustments and identifications with that event id, the
// conversions with that order id, and the adjustments that name it.
const (
	refAdjustmentID = 'a' // time
	refConversionID = 'c' // time -> person, currency
	refIdentifyID   = 'i' // time
	refAdjusts      = 'j' // time, event id -> what it says
	refOrder        = 'o' // name, time, event id -> person, currency, flags
)

// RefIDKey is the entry of an event id that must not repeat within 90 days.
func RefIDKey(b []byte, id string, k event.Kind, t event.Millis) []byte {
	return state.AppendTime(append(state.AppendPrefixed(b, state.Refs, id), refKind(k)), t)
}

func refKind(k event.Kind) byte {
	switch k {
	case event.Conversion:
		return refConversionID
	case event.Adjustment:
		return refAdjustmentID
	}
	return refIdentifyID
}

// Known is one event known by its id.
type Known struct {
	Time     event.Millis
	Person   string
	Currency string
}

// AppendValue encodes all but the time.
func (k *Known) AppendValue(b []byte) []byte { return appendText(appendText(b, k.Person), k.Currency) }

// KnownIDs returns the events of a kind with the id in [from, to], by time.
func (r *Reader) KnownIDs(id string, k event.Kind, from, to event.Millis) ([]Known, error) {
	r.key = RefIDKey(r.key[:0], id, k, max(from, 0))
	n := len(r.key) - 8
	var out []Known
	for ok := r.it.SeekPrefix(r.key); ok; ok = r.it.Next() {
		key := r.it.Key()
		if len(key) != n+8 || string(key[:n]) != string(r.key[:n]) {
			break
		}
		t := state.Time(key[n:])
		if t > to {
			break
		}
		d := decoder{b: r.it.Value()}
		out = append(out, Known{t, d.text(), d.text()})
		if err := d.end("id"); err != nil {
			return nil, err
		}
	}
	return out, r.it.Err()
}

// Order is a conversion known by its order id.
type Order struct {
	Name, ID string
	Time     event.Millis
	Person   string
	Currency string
	Invalid  bool
	Dup      bool
}

// OrderKey is the entry of a conversion under its order id.
func OrderKey(b []byte, orderID string, o *Order) []byte {
	b = append(state.AppendPrefixed(b, state.Refs, orderID), refOrder)
	b = state.AppendText(b, o.Name)
	return append(state.AppendTime(b, o.Time), o.ID...)
}

// AppendValue encodes all that is not in the key.
func (o *Order) AppendValue(b []byte) []byte {
	b = appendBool(appendBool(b, o.Invalid), o.Dup)
	return appendText(appendText(b, o.Person), o.Currency)
}

func parseOrder(rest, value []byte) (*Order, error) {
	name, rest, err := state.CutText(rest)
	if err != nil || len(rest) < 8 {
		return nil, errRecord
	}
	d := decoder{b: value}
	return &Order{
		Name: name, Time: state.Time(rest), ID: string(rest[8:]),
		Invalid: d.bool(), Dup: d.bool(), Person: d.text(), Currency: d.text(),
	}, d.end("order")
}

// Orders visits the conversions with an order id, by name and time.
func (r *Reader) Orders(orderID string, fn func(*Order) bool) error {
	r.key = append(state.AppendPrefixed(r.key[:0], state.Refs, orderID), refOrder)
	n := len(r.key)
	for ok := r.it.SeekPrefix(r.key); ok; ok = r.it.Next() {
		if k := r.it.Key(); len(k) < n || k[n-1] != refOrder {
			break
		}
		o, err := parseOrder(r.it.Key()[n:], r.it.Value())
		if err != nil {
			return err
		}
		if !fn(o) {
			break
		}
	}
	return r.it.Err()
}

// OrdersFrom visits the conversions of an order and name in order, forwards
// from after o or backwards from before it.
func (r *Reader) OrdersFrom(orderID string, o *Order, forward bool, fn func(*Order) bool) error {
	at := OrderKey(nil, orderID, o)
	n := len(at) - len(o.ID) - 8 // up to the name's end
	head := len(state.AppendPrefixed(nil, state.Refs, orderID)) + 1
	var ok bool
	if forward {
		ok = r.it.Seek(append(at, 0))
	} else {
		ok = r.it.SeekBefore(at)
	}
	for ok {
		k := r.it.Key()
		if len(k) < n || string(k[:n]) != string(at[:n]) {
			break
		}
		found, err := parseOrder(k[head:], r.it.Value())
		if err != nil {
			return err
		}
		if !fn(found) {
			break
		}
		if forward {
			ok = r.it.Next()
		} else {
			ok = r.it.Prev()
		}
	}
	return r.it.Err()
}

// Amendment is an adjustment as it waits for, or acts on, conversions.
type Amendment struct {
	event.Adjust
	Currency string // empty: the conversion's
	Position string
	Payload  []byte
	Applied  bool // it acts on a conversion now
	Dead     bool // it stands among the dead letters now
}

// AmendmentKey is the entry of an adjustment under what it names.
func AmendmentKey(b []byte, adjusts string, t event.Millis, id string) []byte {
	b = append(state.AppendPrefixed(b, state.Refs, adjusts), refAdjusts)
	return append(state.AppendTime(b, t), id...)
}

// AppendValue encodes all that is not in the key.
func (a *Amendment) AppendValue(b []byte) []byte {
	b = appendBool(appendBool(appendBool(b, a.Restate), a.Applied), a.Dead)
	b = binary.AppendUvarint(b, uint64(a.Amount))
	b = appendText(appendText(b, a.Currency), a.Position)
	return append(b, a.Payload...)
}

// Amendments returns the adjustments that name a text, by time and id.
func (r *Reader) Amendments(adjusts string) ([]*Amendment, error) {
	r.key = append(state.AppendPrefixed(r.key[:0], state.Refs, adjusts), refAdjusts)
	n := len(r.key)
	var out []*Amendment
	for ok := r.it.SeekPrefix(r.key); ok; ok = r.it.Next() {
		k := r.it.Key()
		if len(k) < n+8 || k[n-1] != refAdjusts {
			break
		}
		d := decoder{b: r.it.Value()}
		a := &Amendment{}
		a.Time, a.ID = state.Time(k[n:]), string(k[n+8:])
		a.Restate, a.Applied, a.Dead = d.bool(), d.bool(), d.bool()
		a.Amount, a.Currency, a.Position = event.Micros(d.uvarint()), d.text(), d.text()
		a.Payload = append([]byte(nil), d.b...)
		if err := d.end("adjustment"); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, r.it.Err()
}

// ExpiryKey lists adjustments by when they stop waiting.
func ExpiryKey(b []byte, due event.Millis, adjusts string, t event.Millis, id string) []byte {
	b = state.AppendTime(append(b, byte(state.Expiry)), due)
	return append(state.AppendTime(state.AppendText(b, adjusts), t), id...)
}

// ParseExpiry reads what ExpiryKey wrote: what the adjustment names.
func ParseExpiry(key []byte) (due event.Millis, adjusts string, err error) {
	if len(key) < 9 {
		return 0, "", errRecord
	}
	adjusts, _, err = state.CutText(key[9:])
	return state.Time(key[1:]), adjusts, err
}

// FindOrder reads the stored entry of a conversion under its order id; nil when
// there is none.
func (r *Reader) FindOrder(orderID string, o *Order) (*Order, error) {
	r.key = OrderKey(r.key[:0], orderID, o)
	if !r.it.SeekPrefix(r.key) || string(r.it.Key()) != string(r.key) {
		return nil, r.it.Err()
	}
	head := len(state.AppendPrefixed(nil, state.Refs, orderID)) + 1
	return parseOrder(r.it.Key()[head:], r.it.Value())
}
