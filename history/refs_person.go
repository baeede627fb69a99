package history

import (
	"encoding/binary"
	"fmt"

	"github.com/tributary-data/tributary/event"
)

// RefOfOrder is the kind of the entry of a conversion under its order id.
const RefOfOrder = refOrder

// RefPerson reads whose an entry of the space Refs is, as a scan yields it; of an
// adjustment the bytes of its record, which name nobody for certain.
func RefPerson(key, value []byte) (person string, payload []byte, kind byte, err error) {
	if err := CheckRef(key, value); err != nil {
		return "", nil, 0, err
	}
	n := 3 + int(binary.BigEndian.Uint16(key[1:]))
	d := decoder{b: value}
	switch kind = key[n]; kind {
	case refAdjustmentID, refConversionID, refIdentifyID:
		return d.text(), nil, kind, nil
	case refOrder:
		o, err := parseOrder(key[n+1:], value)
		if err != nil {
			return "", nil, kind, err
		}
		return o.Person, nil, kind, nil
	case refAdjusts:
		for range 3 {
			d.bool()
		}
		d.uvarint()
		d.text()
		d.text()
		return "", d.b, kind, nil
	}
	return "", nil, kind, fmt.Errorf("%w: an entry of kind %q", errRecord, kind)
}

// BlankAmendment is the value of an adjustment without the bytes of its record.
func BlankAmendment(value []byte) ([]byte, error) {
	d := decoder{b: value}
	a := Amendment{}
	a.Restate, a.Applied, a.Dead = d.bool(), d.bool(), d.bool()
	a.Amount, a.Currency, a.Position = event.Micros(d.uvarint()), d.text(), d.text()
	d.b = nil
	return a.AppendValue(nil), d.end("adjustment")
}

// ParseCounted reads a key and value of the space Velocity.
func ParseCounted(key, value []byte) (Counted, error) { return parseCounted(key, value) }
