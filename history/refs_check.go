package history

import (
	"encoding/binary"
	"fmt"

	"github.com/tributary-data/tributary/state"
)

// CheckRef decodes an entry of the space Refs as a scan over it yields them.
func CheckRef(key, value []byte) error {
	if len(key) < 4 {
		return fmt.Errorf("%w: key of %d bytes", errRecord, len(key))
	}
	n := 3 + int(binary.BigEndian.Uint16(key[1:]))
	if len(key) < n+1 {
		return fmt.Errorf("%w: key of %d bytes", errRecord, len(key))
	}
	rest := key[n+1:]
	d := decoder{b: value}
	switch kind := key[n]; kind {
	case refAdjustmentID, refConversionID, refIdentifyID:
		if len(rest) != 8 {
			return fmt.Errorf("%w: an id's key has %d bytes after it", errRecord, len(rest))
		}
		d.text()
		d.text()
		return d.end("id")
	case refAdjusts:
		if len(rest) < 8 {
			return fmt.Errorf("%w: an adjustment's key ends early", errRecord)
		}
		d.bool()
		d.bool()
		d.bool()
		d.uvarint()
		d.text()
		d.text()
		return d.end("adjustment")
	case refOrder:
		_, err := parseOrder(rest, value)
		return err
	default:
		return fmt.Errorf("%w: an entry of kind %q", errRecord, kind)
	}
}

// CheckDims decodes an entry of the space DimsByID and finds its way back.
func CheckDims(key, value []byte, r state.Reader) error {
	if len(key) != 5 {
		return fmt.Errorf("%w: key of %d bytes", errRecord, len(key))
	}
	if _, err := parseTuple(value, 0); err != nil {
		return err
	}
	back, err := r.Get(append([]byte{byte(state.DimsByTuple)}, value...))
	if err != nil || string(back) != string(key[1:]) {
		return fmt.Errorf("%w: entry %d of the dictionary is not found by its names", errRecord, binary.BigEndian.Uint32(key[1:]))
	}
	return nil
}
