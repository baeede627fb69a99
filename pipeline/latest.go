package pipeline

import "github.com/tributary-data/tributary/event"

// latest remembers of the impressions that were applied last whose they are and
// when they were: a "no" is certain and saves a read, as most persons have no
// impression in the second before a click, or in the one moment that a new
// session consists of. What it had to forget, or what was applied before the
// process started, lies at or before floor, and there every answer is "maybe".
//
// Owned by one shard.
type latest struct {
	ring  []seenImpression
	heads []uint32 // by hash: number of the newest entry, 0 is none
	n     uint32   // entries so far; entry i is at i % len(ring)
	floor event.Millis
}

type seenImpression struct {
	person uint64
	time   event.Millis
	older  uint32 // the entry before it under the same head
}

const (
	latestEntries = 1 << 18
	latestSteps   = 64 // entries of a chain that are looked at
)

func newLatest(floor event.Millis) *latest { return &latest{floor: floor} }

func (l *latest) add(person uint64, t event.Millis) {
	if l.ring == nil {
		l.ring, l.heads = make([]seenImpression, latestEntries), make([]uint32, latestEntries)
	}
	l.n++
	if l.n == 0 { // every number was used: begin anew
		clear(l.heads)
		for i := range l.ring {
			l.floor = max(l.floor, l.ring[i].time)
		}
		l.n = 1
	}
	x := &l.ring[l.n%latestEntries]
	l.floor = max(l.floor, x.time)
	head := &l.heads[person%latestEntries]
	*x = seenImpression{person, t, *head}
	*head = l.n
}

// mayHave says whether the person with this hash may have an impression in
// [from, to].
func (l *latest) mayHave(person uint64, from, to event.Millis) bool {
	if from <= l.floor {
		return true
	}
	if l.ring == nil {
		return false
	}
	at := l.heads[person%latestEntries]
	for range latestSteps {
		if at == 0 || l.n-at >= latestEntries { // forgotten, as are all before it
			return false
		}
		x := &l.ring[at%latestEntries]
		if x.person == person && from <= x.time && x.time <= to {
			return true
		}
		at = x.older
	}
	return true
}
