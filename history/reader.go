package history

import (
	"slices"
	"sort"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// Buckets knows which buckets of event time hold anything, so that a long
// lookback costs seeks only where there is data. The sequencing goroutine adds;
// the shards read between barriers.
type Buckets struct{ impressions, history []uint32 }

// LoadBuckets finds the buckets of a store.
func LoadBuckets(s *state.Store) (*Buckets, error) {
	b := &Buckets{}
	it, err := s.NewIter()
	if err != nil {
		return nil, err
	}
	for _, sp := range []state.Space{state.Impressions, state.History} {
		key := []byte{byte(sp)}
		for it.Seek(key) && it.Key()[0] == byte(sp) {
			k := it.Key()
			n := uint32(k[1])<<24 | uint32(k[2])<<16 | uint32(k[3])<<8 | uint32(k[4])
			b.add(sp, n)
			n++
			key = []byte{byte(sp), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
		}
	}
	return b, it.Close()
}

// Add notes that an event of a kind lies at t.
func (b *Buckets) Add(k event.Kind, t event.Millis) {
	s, w := place(k)
	b.add(s, uint32(t/w))
}

// Clone copies the list for a reader beside the owner.
func (b *Buckets) Clone() *Buckets {
	return &Buckets{slices.Clone(b.impressions), slices.Clone(b.history)}
}

// List is the buckets of a space in order; the caller must not change it.
func (b *Buckets) List(s state.Space) []uint32 { return *b.list(s) }

func (b *Buckets) list(s state.Space) *[]uint32 {
	if s == state.Impressions {
		return &b.impressions
	}
	return &b.history
}

func (b *Buckets) add(s state.Space, n uint32) {
	l := *b.list(s)
	if len(l) > 0 && l[len(l)-1] == n {
		return
	}
	i := sort.Search(len(l), func(i int) bool { return l[i] >= n })
	if i < len(l) && l[i] == n {
		return
	}
	l = append(l, 0)
	copy(l[i+1:], l[i:])
	l[i] = n
	*b.list(s) = l
}

// DropBefore forgets buckets that end at or before t, and returns the first
// bucket that stays.
func (b *Buckets) DropBefore(s state.Space, w, t event.Millis) (first uint32, dropped bool) {
	l := b.list(s)
	n := 0
	for n < len(*l) && (event.Millis((*l)[n])+1)*w <= t {
		n++
	}
	*l = (*l)[n:]
	return uint32(t / w), n > 0
}

// within returns the buckets that [from, to] touches.
func (b *Buckets) within(s state.Space, w, from, to event.Millis) []uint32 {
	l := *b.list(s)
	from, to = max(from, 0), max(to, 0)
	lo, hi := uint32(min(from/w, 1<<31)), uint32(min(to/w, 1<<31))
	i := sort.Search(len(l), func(i int) bool { return l[i] >= lo })
	j := sort.Search(len(l), func(i int) bool { return l[i] > hi })
	if i >= j {
		return nil
	}
	return l[i:j]
}

// Reader reads persons. One goroutine uses it, for one tick or one query: it
// sees what was committed before it was made.
type Reader struct {
	it      *state.Iter
	buckets *Buckets
	key     []byte
	kept    []record // of Touches
}

// NewReader opens a reader on the newest commit.
func NewReader(s *state.Store, b *Buckets) (*Reader, error) {
	it, err := s.NewIter()
	if err != nil {
		return nil, err
	}
	return &Reader{it: it, buckets: b}, nil
}

// NewReaderAt opens a reader on a cursor, such as one of a snapshot, and owns it.
func NewReaderAt(it *state.Iter, b *Buckets) *Reader { return &Reader{it: it, buckets: b} }

// Close reports the first error of any read.
func (r *Reader) Close() error { return r.it.Close() }

// Err is the first error so far.
func (r *Reader) Err() error { return r.it.Err() }

// seek visits the person's keys in [from, to] of one space, in order.
func (r *Reader) seek(s state.Space, w event.Millis, person string, from, to event.Millis, fn func(k, v []byte) bool) {
	from = max(from, 0)
	if to < from {
		return
	}
	for _, bucket := range r.buckets.within(s, w, from, to) {
		start := event.Millis(bucket) * w
		r.key = state.AppendBucketed(r.key[:0], s, w, start, person)
		prefix := len(r.key)
		r.key = state.AppendOffset(r.key, w, max(from-start, 0))
		last := uint32(min(to-start, w-1))
		for ok := r.it.SeekPrefix(r.key); ok; ok = r.it.Next() {
			k := r.it.Key()
			if off := uint32(k[prefix])<<24 | uint32(k[prefix+1])<<16 | uint32(k[prefix+2])<<8 | uint32(k[prefix+3]); off > last {
				break
			}
			if !fn(k, r.it.Value()) {
				return
			}
		}
	}
}

// Events visits the person's clicks, conversions and behavioural events in
// [from, to], both included, in order, until fn returns false. The event is fn's
// to keep.
func (r *Reader) Events(person string, from, to event.Millis, fn func(*Event) bool) error {
	return r.events(state.History, state.HistoryBucket, person, from, to, fn)
}

// Impressions visits the person's impressions likewise.
func (r *Reader) Impressions(person string, from, to event.Millis, fn func(*Event) bool) error {
	return r.events(state.Impressions, state.ImpressionBucket, person, from, to, fn)
}

func (r *Reader) events(s state.Space, w event.Millis, person string, from, to event.Millis, fn func(*Event) bool) error {
	var bad error
	r.seek(s, w, person, from, to, func(k, v []byte) bool {
		e := &Event{}
		if bad = parseKey(s, k, &e.Ref); bad == nil {
			bad = e.Parse(v)
		}
		e.Person = person
		return bad == nil && fn(e)
	})
	if bad != nil {
		return bad
	}
	return r.it.Err()
}

// CountImpressions counts the person's net impressions in [from, to].
func (r *Reader) CountImpressions(person string, from, to event.Millis) (int64, error) {
	n := int64(0)
	r.seek(state.Impressions, state.ImpressionBucket, person, from, to, func(_, v []byte) bool {
		if valueIsNet(v) {
			n++
		}
		return true
	})
	return n, r.it.Err()
}

// Any says whether the person has a click, conversion or behavioural event at
// or after from.
func (r *Reader) Any(person string, from event.Millis) (bool, error) {
	found := false
	r.seek(state.History, state.HistoryBucket, person, from, 1<<52, func([]byte, []byte) bool {
		found = true
		return false
	})
	return found, r.it.Err()
}

// Find reads one event; nil when it is not there.
func (r *Reader) Find(k event.Kind, ref event.Ref) (*Event, error) {
	r.key = AppendKey(r.key[:0], k, ref)
	if !r.it.SeekPrefix(r.key) || string(r.it.Key()) != string(r.key) {
		return nil, r.it.Err()
	}
	e := &Event{Ref: ref}
	if err := e.Parse(r.it.Value()); err != nil {
		return nil, err
	}
	return e, r.it.Err()
}

// Has says whether the event is stored.
func (r *Reader) Has(k event.Kind, ref event.Ref) (bool, error) {
	r.key = AppendKey(r.key[:0], k, ref)
	return r.it.SeekPrefix(r.key) && string(r.it.Key()) == string(r.key), r.it.Err()
}

// Iter is the cursor, for records that other files of this package read.
func (r *Reader) Iter() *state.Iter { return r.it }
