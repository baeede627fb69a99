// Package rows says how the logical tables lie in stores that speak SQL: which
// columns are stored, how a key is told apart, when a batch may be applied, and
// how the views look that give the logical tables back. It owns no connection
// and no state.
//
// Invariants:
//  1. Two keys of a table have the same hash only if they are equal, byte by
//     byte, whatever a store makes of its texts.
//  2. A view has the columns of its logical table, in their order, and nothing
//     else.
//  3. What a batch says of a conversion is said whole: the conversion with all
//     of its credits as they stand in one view.
package rows

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// Names of what the stores hold beside the columns of the tables.
const (
	Progress  = "progress" // the table that says how far the others are
	KeyHash   = "key_hash" // the key as Hash gives it
	Rev       = "rev"
	IsDeleted = "is_deleted"
	Shard     = "shard"
	Restated  = "restated" // whether the status stays restated
)

// Hash is a key in 16 bytes. Stores limit the size and the characters of what
// they index; our keys hold texts that somebody else chose.
type Hash [16]byte

// String is the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// HashOf hashes a key.
func HashOf(t *table.Table, key table.Row) Hash {
	b := make([]byte, 0, 128)
	for i := range t.Keys {
		if t.Columns[i].Type == table.Text {
			b = binary.AppendUvarint(b, uint64(len(key[i].Text)))
			b = append(b, key[i].Text...)
		} else {
			b = binary.BigEndian.AppendUint64(b, uint64(key[i].Int))
		}
	}
	sum := sha256.Sum256(b)
	return Hash(sum[:16])
}

// Stored lists the columns of a table that are stored: all but the status,
// which follows from restated and the watermark.
func Stored(t *table.Table) []int {
	out := make([]int, 0, len(t.Columns))
	for i := range t.Columns {
		if i != Status(t) {
			out = append(out, i)
		}
	}
	return out
}

// Status is the column of the status, or -1.
func Status(t *table.Table) int {
	if last := len(t.Columns) - 1; t.Columns[last].Name == "status" {
		return last
	}
	return -1
}

// IsRestated says whether a row was delivered as restated; it stays so.
func IsRestated(t *table.Table, row table.Row) bool {
	s := Status(t)
	return s >= 0 && row[s].Text == "restated"
}

// KeyTime is the first column of a table's key that holds a time, or -1. It
// never changes for a row, so that stores may be divided by it.
func KeyTime(t *table.Table) int {
	for i := range t.Keys {
		if t.Columns[i].Type == table.Time {
			return i
		}
	}
	return -1
}

// QueryTime is the time column by which a table is usually asked, or -1.
func QueryTime(t *table.Table) int {
	if i := KeyTime(t); i >= 0 {
		return i
	}
	for i, c := range t.Columns {
		if c.Type == table.Time {
			return i
		}
	}
	return -1
}

// lastTime is the last instant that all stores can hold.
const lastTime event.Millis = 253402300799999 // 9999-12-31T23:59:59.999Z

// Watermark is a watermark as a store can hold it; false where there is none.
func Watermark(m event.Millis) (event.Millis, bool) { return min(m, lastTime), m != event.NoTime }

// Follows says what becomes of a batch in a store that stands at `at`: false
// when it is in already; an error when it may not be applied.
func Follows(at sinks.Progress, b *sinks.Batch) (bool, error) {
	switch {
	case b.Epoch < at.Epoch:
		return false, sinks.ErrFenced
	case b.Epoch > at.Epoch, b.After > at.Commit:
		return false, sinks.ErrGap
	}
	return b.Commit > at.Commit, nil
}

// MayResync says whether a store that stands at `at` may be written anew from a
// view at `to`.
func MayResync(at, to sinks.Progress) error {
	if to.Epoch < at.Epoch {
		return sinks.ErrFenced
	}
	return nil
}
