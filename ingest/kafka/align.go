package kafka

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tributary-data/tributary/event"
)

// aligner keeps partitions together in event time while they are read from far
// behind. Brokers give each as many bytes, and so the partitions of a topic of
// few records run ahead by hours: clicks would be applied long before the
// impressions that they follow, each of which then comes late to a session that
// was built without it. That is exact too, but costs several times as much.
//
// So records older than alignBehind are handed in as a merge: none that is more
// than alignWithin ahead of the partition that is furthest behind. It is a
// courtesy, no promise: a partition that does not move for alignPatience is
// waited for no longer, until it moves.
type aligner struct {
	mu     sync.Mutex
	fronts map[*partition]*front
	low    event.Millis // of the partition that is furthest behind; EndOfTime: of none
}

// front is how far a partition has come.
type front struct {
	time  event.Millis  // the greatest that was handed in, or that comes next
	more  bool          // it was not at its end then
	stuck bool          // others have waited for it in vain
	waits bool          // for others
	wake  chan struct{} // has an element when it need not wait any more
}

const (
	alignBehind   = 10 * event.Second
	alignWithin   = event.Second
	alignPatience = time.Second     // longer than a fetch may wait at the broker
	alignBegin    = 2 * time.Second // the patience with partitions of which nothing has come yet
)

func newAligner() *aligner {
	return &aligner{fronts: map[*partition]*front{}, low: event.EndOfTime}
}

// upTo waits until p may hand in the first of some records, and says how many it
// may. times are theirs, and do not fall.
func (a *aligner) upTo(ctx context.Context, p *partition, times []event.Millis) (int, error) {
	live := event.Millis(time.Now().UnixMilli()) - alignBehind
	if times[0] >= live {
		return len(times), nil // what is nearly live is shown at once
	}
	a.mu.Lock()
	f := a.at(p)
	f.time, f.more, f.stuck = max(f.time, times[0]), true, false
	a.settle()
	for {
		limit := min(a.low, live) + alignWithin
		n, _ := slices.BinarySearch(times, limit+1)
		if limit >= live {
			n = len(times)
		}
		if n > 0 {
			a.mu.Unlock()
			return n, nil
		}
		f.waits = true
		was, patience := a.low, alignPatience
		if was == event.NoTime {
			patience = alignBegin
		}
		a.mu.Unlock()
		select {
		case <-f.wake:
			a.mu.Lock()
		case <-time.After(patience):
			if a.mu.Lock(); a.low == was {
				a.giveUp()
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		f.waits = false
	}
}

// move notes what a partition has handed in.
func (a *aligner) move(p *partition, to event.Millis, more bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.at(p)
	f.time, f.more, f.stuck = max(f.time, to), more, false
	a.settle()
}

// waits says whether p waits for others now.
func (a *aligner) waits(p *partition) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.fronts[p]
	return f != nil && f.waits
}

func (a *aligner) at(p *partition) *front {
	f := a.fronts[p]
	if f == nil {
		f = &front{time: event.NoTime, wake: make(chan struct{}, 1)}
		a.fronts[p] = f
	}
	return f
}

// settle finds who is furthest behind, and wakes those who may go on.
func (a *aligner) settle() {
	low := event.EndOfTime
	for _, f := range a.fronts {
		if f.more && !f.stuck {
			low = min(low, f.time)
		}
	}
	if low == a.low {
		return
	}
	a.low = low
	for _, f := range a.fronts {
		if f.waits && f.time <= low+alignWithin {
			f.waits = false
			select {
			case f.wake <- struct{}{}:
			default:
			}
		}
	}
}

// giveUp waits no longer for those who are furthest behind.
func (a *aligner) giveUp() {
	for _, f := range a.fronts {
		f.stuck = f.stuck || f.time == a.low && !f.waits
	}
	a.settle()
}

// inputTimes are how far records have come: the greatest event time up to each.
// One that is ahead of when the record was received, or unknown, is that.
func inputTimes(records []event.Record, received []event.Millis) []event.Millis {
	out := make([]event.Millis, len(records))
	far := event.NoTime
	for i := range records {
		at := received[i]
		if records[i].Dead == nil {
			at = min(at, records[i].Event.Time)
		}
		far = max(far, at)
		out[i] = far
	}
	return out
}

// others says whether partitions wait for each other, and one beside p is not at
// its end and has less than so many bytes to go on with.
func (a *aligner) others(p *partition, bytes int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	waits, wants := false, false
	for q, f := range a.fronts {
		waits = waits || f.waits
		wants = wants || q != p && f.more && !f.stuck && q.waiting() < bytes
	}
	return waits && wants
}

// waiting is how many bytes are queued.
func (p *partition) waiting() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.queued
}

// holdBack is for the poller, when records were queued: a partition that has its
// share of the buffer is not fetched while there are others that have little,
// lest the buffer be full of what must wait for them.
func (p *partition) holdBack() {
	share := p.s.share.Load()
	if p.waiting() < share || !p.s.aligner.others(p, share/2) {
		return
	}
	p.mu.Lock()
	hold := !p.mu.held
	p.mu.held = true
	p.mu.Unlock()
	if hold {
		p.s.holding++
		p.s.cl.PauseFetchPartitions(map[string][]int32{p.topic: {p.n}})
	}
}

// letGo is for the poller: what was held back is fetched again.
func (p *partition) letGo() {
	p.mu.Lock()
	held := p.mu.held
	p.mu.held = false
	p.mu.Unlock()
	if held {
		p.s.holding--
		p.s.cl.ResumeFetchPartitions(map[string][]int32{p.topic: {p.n}})
	}
}
