package history

import (
	"encoding/binary"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// Pending is what is kept of a conversion until it is final: whose it is, and
// the touches that came for its path and are not in its record yet.
type Pending struct {
	ID     string
	Time   event.Millis
	Person string
	Added  []event.Touch // without names
}

// PendingKey lists conversions that are not final.
func PendingKey(b []byte, t event.Millis, id string) []byte {
	return append(state.AppendTime(append(b, byte(state.Pending)), t), id...)
}

// AppendPending encodes all that is not in the key.
func AppendPending(b []byte, person string, added []event.Touch) []byte {
	b = appendText(b, person)
	for i := range added {
		t := &added[i]
		b = binary.AppendVarint(b, int64(t.Time))
		b = appendText(b, t.ID)
		b = appendText(b, t.Type)
		b = appendText(b, t.Person)
		b = binary.AppendUvarint(b, uint64(t.Dims))
	}
	return b
}

// ParsePending decodes a key and value of the space Pending.
func ParsePending(key, value []byte) (Pending, error) {
	if len(key) < 9 {
		return Pending{}, errRecord
	}
	p := Pending{ID: string(key[9:]), Time: state.Time(key[1:])}
	d := decoder{b: value, all: string(value)}
	p.Person = d.text()
	for len(d.b) > 0 && !d.bad {
		p.Added = append(p.Added, event.Touch{Time: d.millis(), ID: d.text(), Type: d.text(), Person: d.text(), Dims: uint32(d.uvarint())})
	}
	return p, d.end("pending conversion")
}
