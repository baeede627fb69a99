package pipeline

import "github.com/tributary-data/tributary/event"

// seen remembers which events were applied, by a Bloom filter for every five
// minutes of event time: a "no" is certain and costs a cache miss, a "maybe" is
// looked up in state. It holds no more than a bounded number of bytes: what it
// had to forget, or what was applied before the process started, lies at or
// before floor, and there every answer is "maybe".
//
// Owned by one shard.
type seen struct {
	buckets map[int64]*bloom
	floor   event.Millis
	bytes   int
	limit   int
}

const seenBucket = 5 * event.Minute

func newSeen(floor event.Millis, limit int) *seen {
	return &seen{buckets: map[int64]*bloom{}, floor: floor, limit: limit}
}

// add notes an event and says whether it may have been there before.
func (s *seen) add(hash uint64, t event.Millis) (maybe bool) {
	n := int64(t / seenBucket)
	b := s.buckets[n]
	if b == nil {
		b = &bloom{}
		if prev := s.buckets[n-1]; prev != nil {
			b.expect = prev.n + prev.n/4 // traffic rarely grows faster
		}
		s.buckets[n] = b
	}
	before := b.bytes()
	maybe = b.add(hash)
	s.bytes += b.bytes() - before
	for s.bytes > s.limit && len(s.buckets) > 1 {
		s.dropOldest()
	}
	return maybe || t <= s.floor
}

// dropBefore forgets buckets in which every event would be too late by now.
func (s *seen) dropBefore(t event.Millis) {
	for n, b := range s.buckets {
		if event.Millis(n+1)*seenBucket <= t {
			s.bytes -= b.bytes()
			delete(s.buckets, n)
			s.floor = max(s.floor, event.Millis(n+1)*seenBucket-1)
		}
	}
}

func (s *seen) dropOldest() {
	oldest := int64(1) << 62
	for n := range s.buckets {
		oldest = min(oldest, n)
	}
	s.bytes -= s.buckets[oldest].bytes()
	delete(s.buckets, oldest)
	s.floor = max(s.floor, event.Millis(oldest+1)*seenBucket-1)
}

// bloom is a blocked Bloom filter that grows by layers: one cache line per
// lookup and layer, 16 bits a key, eight of them set, one false answer in about
// a thousand.
type bloom struct {
	layers [][]uint64
	left   int // keys that the last layer still takes
	n      int // keys added
	expect int // keys that the first layer is made for
}

const (
	bloomKeysPerLine = 32 // 512 bits
	bloomFirst       = 512
)

func (b *bloom) bytes() int {
	n := 0
	for _, l := range b.layers {
		n += 8 * len(l)
	}
	return n
}

func (b *bloom) add(h uint64) (maybe bool) {
	for _, l := range b.layers[:max(0, len(b.layers)-1)] {
		if line(l, h).has(h) {
			return true
		}
	}
	if b.left == 0 {
		if len(b.layers) > 0 && line(b.layers[len(b.layers)-1], h).has(h) {
			return true
		}
		keys := max(bloomFirst, b.expect, 3*b.n)
		lines := (keys + bloomKeysPerLine - 1) / bloomKeysPerLine
		b.layers = append(b.layers, make([]uint64, 8*lines))
		b.left = lines * bloomKeysPerLine
	}
	l := line(b.layers[len(b.layers)-1], h)
	if l.has(h) {
		return true
	}
	l.set(h)
	b.left--
	b.n++
	return false
}

type bloomLine []uint64

// line picks the cache line by the high bits of the hash, so that the low ones
// are free to pick bits in it.
func line(l []uint64, h uint64) bloomLine {
	n := uint64(len(l) / 8)
	i := (h >> 32) * n >> 32
	return bloomLine(l[8*i : 8*i+8])
}

func (l bloomLine) has(h uint64) bool {
	h *= 0x9E3779B97F4A7C15
	for range 4 {
		if l[h>>61]&(1<<(h>>55&63)) == 0 || l[h>>52&7]&(1<<(h>>46&63)) == 0 {
			return false
		}
		h *= 0xD6E8FEB86659FD93
	}
	return true
}

func (l bloomLine) set(h uint64) {
	h *= 0x9E3779B97F4A7C15
	for range 4 {
		l[h>>61] |= 1 << (h >> 55 & 63)
		l[h>>52&7] |= 1 << (h >> 46 & 63)
		h *= 0xD6E8FEB86659FD93
	}
}

// recent knows, for persons with clicks, conversions or behaviour, the time of
// the latest of these. An impression that is later than it can change no
// session, verdict or path and takes the fast path. Bounded: when both
// generations are full the older one is forgotten, and up to the latest time in
// it every answer is "maybe".
//
// Owned by one shard.
type recent struct {
	now, old map[uint64]event.Millis
	floor    event.Millis
	limit    int
}

func newRecent(floor event.Millis, limit int) *recent {
	return &recent{now: map[uint64]event.Millis{}, floor: floor, limit: limit}
}

// add notes an event of the person with this hash.
func (r *recent) add(person uint64, t event.Millis) {
	if at, ok := r.now[person]; ok && at >= t {
		return
	}
	if len(r.now) >= r.limit {
		for _, at := range r.old {
			r.floor = max(r.floor, at)
		}
		r.old, r.now = r.now, make(map[uint64]event.Millis, r.limit/4)
	}
	r.now[person] = t
}

// reaches says whether the person may have an event at or after t; certain says
// that it surely has.
func (r *recent) reaches(person uint64, t event.Millis) (maybe, certain bool) {
	if at, ok := r.now[person]; ok && at >= t {
		return true, true
	}
	if at, ok := r.old[person]; ok && at >= t {
		return true, true
	}
	return t <= r.floor, false
}
