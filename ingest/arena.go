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
