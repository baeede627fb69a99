package state

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// openMemory opens a store of its own for a test.
func openMemory(t interface {
	Helper()
	Fatalf(string, ...any)
}, fs vfs.FS,
) *Store {
	t.Helper()
	s, err := Open("data", Options{FS: fs, CacheSize: 1 << 20})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

type pair struct{ key, value string }

// TestReadersAgree: whatever was written, deleted and merged, partly in memory
// and partly in files, all ways to read see the same, and a snapshot what stood
// when it was taken.
func TestReadersAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := openMemory(t, vfs.NewMem())
		defer func() {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}()
		model := map[string]string{string(metaFormat): string([]byte{Format}), string(metaEpoch): "\x00\x00\x00\x01"}
		write := func(steps int) {
			b, other := s.NewBatch(), s.NewBatch()
			for range steps {
				key, _ := drawKey(t)
				switch rapid.IntRange(0, 5).Draw(t, "write") {
				case 0:
					b.Delete(key)
					delete(model, string(key))
				case 1: // merged in at once, so that order stays
					other.Set(key, []byte("merged"))
					if err := b.Add(other); err != nil {
						t.Fatalf("merge: %v", err)
					}
					model[string(key)] = "merged"
				case 2:
					k, v, done := b.SetDeferred(len(key), 3)
					copy(k, key)
					copy(v, "put")
					done()
					model[string(key)] = "put"
				case 3:
					end := After(key[:split(key)])
					b.DeleteRange(key[:split(key)], end)
					for k := range model {
						if bytes.HasPrefix([]byte(k), key[:split(key)]) {
							delete(model, k)
						}
					}
				default:
					b.Set(key, key)
					model[string(key)] = string(key)
				}
			}
			if err := b.Commit(); err != nil {
				t.Fatalf("commit: %v", err)
			}
			if rapid.Bool().Draw(t, "flush") {
				if err := s.db.Flush(); err != nil {
					t.Fatalf("flush: %v", err)
				}
			}
		}
		write(rapid.IntRange(1, 20).Draw(t, "writes"))
		before := sorted(model)
		snap := s.Snapshot()
		defer func() {
			if err := snap.Close(); err != nil {
				t.Errorf("close the snapshot: %v", err)
			}
		}()
		write(rapid.IntRange(1, 10).Draw(t, "more writes"))

		from, _ := drawKey(t)
		to, _ := drawKey(t)
		compareReads(t, s, sorted(model), from, to)
		compareReads(t, snap, before, from, to)
		var back []pair
		err := snap.ScanBack(from, to, func(k, v []byte) bool {
			back = append(back, pair{string(k), string(v)})
			return true
		})
		slices.Reverse(back)
		if want := between(before, from, to); err != nil || !slices.Equal(back, want) {
			t.Errorf("backwards [%q, %q) holds %q, %v; want %q", from, to, back, err, want)
		}
	})
}

func sorted(model map[string]string) []pair {
	out := make([]pair, 0, len(model))
	for k, v := range model {
		out = append(out, pair{k, v})
	}
	slices.SortFunc(out, func(a, b pair) int { return bytes.Compare([]byte(a.key), []byte(b.key)) })
	return out
}

func between(all []pair, from, to []byte) (out []pair) {
	for _, p := range all {
		if p.key >= string(from) && p.key < string(to) {
			out = append(out, p)
		}
	}
	return out
}

func compareReads(t *rapid.T, r interface {
	Reader
	NewIter() (*Iter, error)
}, all []pair, from, to []byte,
) {
	for _, p := range all {
		if v, err := r.Get([]byte(p.key)); err != nil || string(v) != p.value {
			t.Errorf("get %q: %q, %v; want %q", p.key, v, err, p.value)
		}
	}
	if v, err := r.Get([]byte("Zno such key")); !errors.Is(err, ErrNotFound) {
		t.Errorf("get of a key that is not there: %q, %v", v, err)
	}
	var got []pair
	err := r.Scan(from, to, func(k, v []byte) bool {
		got = append(got, pair{string(k), string(v)})
		return true
	})
	if want := between(all, from, to); err != nil || !slices.Equal(got, want) {
		t.Errorf("[%q, %q) holds %q, %v; want %q", from, to, got, err, want)
	}
	it, err := r.NewIter()
	if err != nil {
		t.Fatalf("open a cursor: %v", err)
	}
	got = got[:0]
	for ok := it.SeekPrefix(from); ok; ok = it.Next() {
		got = append(got, pair{string(it.Key()), string(it.Value())})
	}
	prefix := from[:split(from)]
	want := slices.DeleteFunc(between(all, from, []byte{0xFF}), func(p pair) bool {
		return !bytes.Equal([]byte(p.key)[:split([]byte(p.key))], prefix)
	})
	if !slices.Equal(got, want) {
		t.Errorf("with the prefix of %q there are %q, want %q", from, got, want)
	}
	// The cursor is used again: a seek by prefix must not bind the next one.
	if it.Seek(from) {
		if w := between(all, from, []byte{0xFF}); len(w) == 0 || string(it.Key()) != w[0].key {
			t.Errorf("the first key from %q is %q", from, it.Key())
		}
	}
	if it.SeekBefore(from) && bytes.Compare(it.Key(), from) >= 0 {
		t.Errorf("the last key before %q is %q", from, it.Key())
	}
	if err := it.Close(); err != nil {
		t.Errorf("close the cursor: %v", err)
	}
}
