package pipeline

import (
	"slices"
	"time"
)

// Durations sums up a latency: the number and sum of all, and the quantiles of
// the last ones.
type Durations struct {
	count uint64
	sum   time.Duration
	last  [1024]time.Duration
}

// Add notes one.
func (d *Durations) Add(x time.Duration) {
	d.last[d.count%uint64(len(d.last))] = x
	d.count++
	d.sum += x
}

// Summary is what Durations says at one moment.
type Summary struct {
	Count         uint64
	Sum           time.Duration
	P50, P95, P99 time.Duration
}

// Summary sorts a copy of the last ones.
func (d *Durations) Summary() Summary {
	n := int(min(d.count, uint64(len(d.last))))
	s := Summary{Count: d.count, Sum: d.sum}
	if n == 0 {
		return s
	}
	last := slices.Clone(d.last[:n])
	slices.Sort(last)
	at := func(q float64) time.Duration { return last[min(n-1, int(q*float64(n)))] }
	s.P50, s.P95, s.P99 = at(0.50), at(0.95), at(0.99)
	return s
}
