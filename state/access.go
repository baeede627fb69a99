package state

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Reader reads committed state. A Store is one that always sees the newest
// commit, a Snapshot one that stands still.
type Reader interface {
	// Get returns a copy of the value, or ErrNotFound.
	Get(key []byte) ([]byte, error)
	// Scan calls fn for the keys in [from, to) in order until it returns
	// false. Key and value are valid only inside fn.
	Scan(from, to []byte, fn func(key, value []byte) bool) error
}

type pebbleReader interface {
	pebble.Reader
}

func get(r pebbleReader, key []byte) ([]byte, error) {
	v, closer, err := r.Get(key)
	if err != nil {
		return nil, err
	}
	out := bytes.Clone(v)
	if out == nil {
		out = []byte{}
	}
	return out, closer.Close()
}

func scan(r pebbleReader, from, to []byte, fn func(key, value []byte) bool) error {
	return walk(r, from, to, (*pebble.Iterator).First, (*pebble.Iterator).Next, fn)
}

// walk visits the keys in [from, to) from where first goes, step by step.
func walk(r pebbleReader, from, to []byte, first, step func(*pebble.Iterator) bool, fn func(key, value []byte) bool) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	for ok := first(it); ok; ok = step(it) {
		v, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(err, it.Close())
		}
		if !fn(it.Key(), v) {
			break
		}
	}
	return it.Close()
}

// Get reads the newest commit.
func (s *Store) Get(key []byte) ([]byte, error) { return get(s.db, key) }

// Scan reads the newest commit.
func (s *Store) Scan(from, to []byte, fn func(key, value []byte) bool) error {
	return scan(s.db, from, to, fn)
}

// Snapshot is the state as of one commit. Close it soon: it keeps old data.
type Snapshot struct{ snap *pebble.Snapshot }

// Snapshot freezes the newest commit.
func (s *Store) Snapshot() *Snapshot { return &Snapshot{s.db.NewSnapshot()} }

// Get reads the snapshot.
func (s *Snapshot) Get(key []byte) ([]byte, error) { return get(s.snap, key) }

// Scan reads the snapshot.
func (s *Snapshot) Scan(from, to []byte, fn func(key, value []byte) bool) error {
	return scan(s.snap, from, to, fn)
}

// Close releases the snapshot.
func (s *Snapshot) Close() error { return s.snap.Close() }

// Iter is a cursor over one key space, kept open for the length of a tick. It
// sees the commits that were applied before it was made. One goroutine uses it.
type Iter struct {
	it  *pebble.Iterator
	err error
}

// NewIter opens a cursor.
func (s *Store) NewIter() (*Iter, error) {
	it, err := s.db.NewIter(&pebble.IterOptions{})
	if err != nil {
		return nil, fmt.Errorf("open a cursor: %w", err)
	}
	return &Iter{it: it}, nil
}

// NewIter opens a cursor on the snapshot.
func (s *Snapshot) NewIter() (*Iter, error) {
	it, err := s.snap.NewIter(&pebble.IterOptions{})
	if err != nil {
		return nil, fmt.Errorf("open a cursor: %w", err)
	}
	return &Iter{it: it}, nil
}

// SeekPrefix goes to the first key at or after key that shares its prefix (what
// Split cuts off may differ), skipping files whose Bloom filter excludes it.
// After it only Next may be called.
func (i *Iter) SeekPrefix(key []byte) bool { return i.it.SeekPrefixGE(key) }

// Seek goes to the first key at or after key.
func (i *Iter) Seek(key []byte) bool { return i.it.SeekGE(key) }

// SeekBefore goes to the last key before key.
func (i *Iter) SeekBefore(key []byte) bool { return i.it.SeekLT(key) }

// Next and Prev move; Key and Value are valid until the next move.
func (i *Iter) Next() bool { return i.it.Next() }

// Prev moves back; not after SeekPrefix.
func (i *Iter) Prev() bool { return i.it.Prev() }

// Key under the cursor.
func (i *Iter) Key() []byte { return i.it.Key() }

// Value under the cursor. A read error ends the iteration and stays in Err.
func (i *Iter) Value() []byte {
	v, err := i.it.ValueAndErr()
	if err != nil && i.err == nil {
		i.err = err
	}
	return v
}

// Err is the first error of any call.
func (i *Iter) Err() error { return errors.Join(i.err, i.it.Error()) }

// Close ends the cursor.
func (i *Iter) Close() error { return errors.Join(i.err, i.it.Close()) }

// Batch collects the writes of one tick. It is not safe for concurrent use;
// shards fill their own and the committer merges them.
type Batch struct {
	s *Store
	b *pebble.Batch
}

// NewBatch starts an empty batch.
func (s *Store) NewBatch() *Batch { return &Batch{s, s.db.NewBatchWithSize(64 << 10)} }

// Set puts a value. An error here is a programming error: the batch is memory.
func (b *Batch) Set(key, value []byte) {
	if err := b.b.Set(key, value, nil); err != nil {
		panic(fmt.Sprintf("BUG: batch set: %v", err))
	}
}

// SetDeferred makes room for a value that the caller then writes in place.
func (b *Batch) SetDeferred(keyLen, valueLen int) (key, value []byte, done func()) {
	op := b.b.SetDeferred(keyLen, valueLen)
	return op.Key, op.Value, func() {
		if err := op.Finish(); err != nil {
			panic(fmt.Sprintf("BUG: batch set: %v", err))
		}
	}
}

// Delete removes a key.
func (b *Batch) Delete(key []byte) {
	if err := b.b.Delete(key, nil); err != nil {
		panic(fmt.Sprintf("BUG: batch delete: %v", err))
	}
}

// DeleteRange removes [from, to).
func (b *Batch) DeleteRange(from, to []byte) {
	if err := b.b.DeleteRange(from, to, nil); err != nil {
		panic(fmt.Sprintf("BUG: batch delete range: %v", err))
	}
}

// Add appends the writes of another batch and leaves that one empty.
func (b *Batch) Add(o *Batch) error {
	if o.b.Empty() {
		return nil
	}
	if err := b.b.Apply(o.b, nil); err != nil {
		return fmt.Errorf("merge batches: %w", err)
	}
	o.b.Reset()
	return nil
}

// Len is the size in bytes.
func (b *Batch) Len() int { return b.b.Len() }

// Apply makes the batch visible to readers and starts its sync; it is durable
// when Wait returns nil.
func (b *Batch) Apply() error {
	if b.s.ephemeral {
		return b.s.db.Apply(b.b, pebble.NoSync)
	}
	return b.s.db.ApplyNoSyncWait(b.b, pebble.Sync)
}

// Wait blocks until an applied batch is durable, then frees it.
func (b *Batch) Wait() error {
	if !b.s.ephemeral {
		if err := b.b.SyncWait(); err != nil {
			return fmt.Errorf("sync a commit: %w", err)
		}
	}
	return b.b.Close()
}

// Commit applies and waits.
func (b *Batch) Commit() error {
	if err := b.Apply(); err != nil {
		return fmt.Errorf("apply a commit: %w", err)
	}
	return b.Wait()
}

// ScanBack calls fn for the keys in [from, to) from the last to the first until
// it returns false.
func (s *Snapshot) ScanBack(from, to []byte, fn func(key, value []byte) bool) error {
	return walk(s.snap, from, to, (*pebble.Iterator).Last, (*pebble.Iterator).Prev, fn)
}
