package state

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestMergeChangesTheHead: whatever lies between them (flushes, compactions,
// snapshots, other batches), changes of a head add up, and the rest of the
// record stays.
func TestMergeChangesTheHead(t *testing.T) {
	s, err := Open("data", Options{FS: vfs.NewMem(), CacheSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	rnd := rand.New(rand.NewPCG(1, 2))
	key, rest := []byte("Ckey"), []byte("a path of many touches")
	want := Head{Rev: 7, Flags: 1, N: [2]uint32{0, 3}}
	b := s.NewBatch()
	b.Set(key, append(want.Append(nil), rest...))
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	read := func(get func([]byte) ([]byte, error)) (Head, []byte) {
		t.Helper()
		v, err := get(key)
		if err != nil {
			t.Fatal(err)
		}
		h, rest, err := CutHead(v)
		if err != nil {
			t.Fatal(err)
		}
		return h, rest
	}
	for range 300 {
		snap, before := s.Snapshot(), want
		b, part := s.NewBatch(), s.NewBatch()
		for range 1 + rnd.IntN(3) {
			c := Head{Rev: want.Rev + rnd.Uint64N(2), Flags: 1 << rnd.IntN(8), N: [2]uint32{rnd.Uint32N(2), rnd.Uint32N(5)}}
			part.Merge(key, c)
			want.Rev, want.Flags = c.Rev, want.Flags|c.Flags
			want.N[0], want.N[1] = want.N[0]+c.N[0], want.N[1]+c.N[1]
		}
		if err := b.Add(part); err != nil {
			t.Fatal(err)
		}
		if rnd.IntN(40) == 0 { // written whole again
			rest = append(rest, 'x')
			b.Set(key, append(want.Append(nil), rest...))
		}
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		switch rnd.IntN(20) {
		case 0:
			err = s.db.Flush()
		case 1:
			err = s.db.Compact(t.Context(), []byte{0}, []byte{255}, false)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, have := read(s.Get); got != want || !bytes.Equal(have, rest) {
			t.Fatalf("got %+v %q; want %+v %q", got, have, want, rest)
		}
		if got, _ := read(snap.Get); got != before {
			t.Fatalf("the snapshot has %+v; want %+v", got, before)
		}
		if err := snap.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOlderFormatIsRefused: a directory from before records had heads cannot be
// opened at all, and the error says what to do.
func TestOlderFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	db, err := pebble.Open(dir, &pebble.Options{Comparer: comparer})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrVersion) {
		t.Errorf("got %v; want %v", err, ErrVersion)
	}
}
