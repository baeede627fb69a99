package kafka

import (
	"context"
	"sync"
	"time"
)

// budget counts the bytes of records between their fetch and their commit. It
// does not refuse: who fetches looks whether there is room before the next
// fetch, so that it is exceeded by one fetch at most.
type budget struct {
	limit int64
	mu    struct {
		sync.Mutex
		used int64
	}
	room chan struct{} // has an element when room was made
}

func newBudget(limit int64) *budget { return &budget{limit: limit, room: make(chan struct{}, 1)} }

func (b *budget) take(n int64) {
	b.mu.Lock()
	b.mu.used += n
	b.mu.Unlock()
}

func (b *budget) give(n int64) {
	b.mu.Lock()
	b.mu.used -= n
	free := b.mu.used < b.limit
	b.mu.Unlock()
	if free {
		select {
		case b.room <- struct{}{}:
		default:
		}
	}
}

func (b *budget) used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.used
}

func (b *budget) full() bool { return b.used() >= b.limit }

// orders are what other goroutines want done by the poller, which alone may
// change what is assigned: so nothing that was fetched before a change is taken
// for something that came after it.
type orders struct {
	mu        sync.Mutex
	waiting   []func()
	interrupt context.CancelFunc
}

// add queues an order and interrupts the poll that is under way.
func (o *orders) add(fn func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, fn)
	if o.interrupt != nil {
		o.interrupt()
	}
}

// take gives the orders; interrupt is called when there are more.
func (o *orders) take(interrupt context.CancelFunc) []func() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.interrupt = interrupt
	list := o.waiting
	o.waiting = nil
	return list
}

// recordOverhead is about what a record costs in memory beside its bytes: the
// client's record and the decoded event.
const recordOverhead = 1024

// Reasons why fetching pauses.
const (
	pauseTick = "tick_busy" // the pipeline has as much to do as buffer_bytes hold
)

// pauses count for how long, and why, nothing was fetched.
type pauses struct {
	mu      sync.Mutex
	now     string // the reason of the pause that lasts; empty: none
	since   time.Time
	times   map[string]int64
	lasting map[string]time.Duration
}

// Pause says how often and for how long fetching has paused for a reason.
type Pause struct {
	Times int64
	Total time.Duration
}

// set notes the reason that holds now; empty ends the pause.
func (p *pauses) set(reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.times == nil {
		p.times, p.lasting = map[string]int64{}, map[string]time.Duration{}
	}
	if reason == p.now {
		return
	}
	if p.now != "" {
		p.lasting[p.now] += time.Since(p.since)
	}
	if reason != "" {
		p.times[reason]++
	}
	p.now, p.since = reason, time.Now()
}

func (p *pauses) status() (now string, all map[string]Pause) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all = map[string]Pause{}
	for reason, n := range p.times {
		x := Pause{n, p.lasting[reason]}
		if reason == p.now {
			x.Total += time.Since(p.since)
		}
		all[reason] = x
	}
	return p.now, all
}
