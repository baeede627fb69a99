// Package ingest reads records: it decodes JSON, CSV and Parquet, applies the
// rules of the contract on single records, maps other programs' columns, and
// makes of every record an event or a dead letter. It knows files and bytes; it
// keeps no state, and what an event means is not its business.
//
// Invariants:
//  1. No input panics, and none is lost: each record comes out once, in the
//     order of its file, as an event or as a dead letter with its position.
//  2. Memory is bounded by the greatest record and a fixed number of chunks,
//     whatever the input says of its own size.
//  3. Money never passes through a float.
//  4. What a record becomes depends on its bytes, the configuration and the
//     clock that was given, never on the records before it.
package ingest

import "unsafe"

// arenaBlock is the size of the arena's blocks: a few thousand persons, so that
// a block is rarely taken and a kept string holds little memory beside its own.
const arenaBlock = 64 << 10

// arena gives memory for strings that decoding must build. A block is written
// once and never reused, so the strings live for as long as someone holds them.
type arena struct{ free []byte }

// take gives n bytes to be written before the next call and never after.
func (a *arena) take(n int) []byte {
	if n > len(a.free) {
		if n > arenaBlock/4 {
			return make([]byte, n)
		}
		a.free = make([]byte, arenaBlock)
	}
	b := a.free[:n:n]
	a.free = a.free[n:]
	return b
}

// prefixed builds prefix+s.
func (a *arena) prefixed(prefix, s string) string {
	b := a.take(len(prefix) + len(s))
	copy(b[copy(b, prefix):], s)
	return unsafe.String(&b[0], len(b))
}

// text is b as a string that shares its memory: b must not change any more.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// view is s as bytes that must not be written.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
