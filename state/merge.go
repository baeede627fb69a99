package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// Head begins the value of a record of which small things change more often
// than the rest: Batch.Merge changes them without writing the rest again.
type Head struct {
	Rev   uint64
	Flags byte
	N     [2]uint32 // counts
}

const headLen = 8 + 1 + 2*4

// Append encodes the head.
func (h *Head) Append(b []byte) []byte {
	b = append(binary.BigEndian.AppendUint64(b, h.Rev), h.Flags)
	for _, n := range h.N {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

var errHead = errors.New("a record is shorter than its head")

// CutHead reads a head and returns the rest of the value.
func CutHead(b []byte) (h Head, rest []byte, err error) {
	if len(b) < headLen {
		return h, nil, errHead
	}
	h.Rev, h.Flags = binary.BigEndian.Uint64(b), b[8]
	for i := range h.N {
		h.N[i] = binary.BigEndian.Uint32(b[9+4*i:])
	}
	return h, b[headLen:], nil
}

// merge adds what came later: the greater revision counts, flags are set,
// counts add up. It is the same in whatever order neighbours are joined.
func (h *Head) merge(o Head) {
	h.Rev, h.Flags = max(h.Rev, o.Rev), h.Flags|o.Flags
	for i, n := range o.N {
		h.N[i] += n
	}
}

// Merge sets the flags of a record, raises its revision and adds to its counts.
// The record must be there.
func (b *Batch) Merge(key []byte, change Head) {
	if err := b.b.Merge(key, change.Append(make([]byte, 0, headLen)), nil); err != nil {
		panic(fmt.Sprintf("BUG: batch merge: %v", err))
	}
}

// merger joins changes of heads with the record that they belong to. The name
// stands in every data directory.
var merger = &pebble.Merger{
	Name: "tributary.head.v1",
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		h, rest, err := CutHead(value)
		return &merging{h, append([]byte(nil), rest...)}, err
	},
}

type merging struct {
	head Head
	rest []byte
}

func (m *merging) MergeNewer(value []byte) error { return m.add(value) }
func (m *merging) MergeOlder(value []byte) error { return m.add(value) }

func (m *merging) add(value []byte) error {
	h, rest, err := CutHead(value)
	if err != nil {
		return err
	}
	m.head.merge(h)
	if len(rest) > 0 {
		m.rest = append(m.rest[:0], rest...)
	}
	return nil
}

func (m *merging) Finish(bool) ([]byte, io.Closer, error) {
	return append(m.head.Append(make([]byte, 0, headLen+len(m.rest))), m.rest...), nil, nil
}
