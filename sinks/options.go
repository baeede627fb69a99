package sinks

import (
	"log/slog"
	"time"
)

// Options set a deliverer's pace. What a sink says by Paced stands before what
// is given here.
type Options struct {
	MaxRows    int           // keys per batch [10,000]; a commit is never cut
	MaxBytes   int           // of a batch's rows, about [8 MiB]
	MaxAge     time.Duration // how often a sink that has caught up is looked after [1 s]
	Recheck    time.Duration // how often such a sink is asked for its cursor again [never]
	DownAfter  int           // failures in a row after which a sink counts as down [3]
	MinBackoff time.Duration // after the first failure [200 ms]
	MaxBackoff time.Duration // after many [30 s]
	Logger     *slog.Logger  // [slog.Default]
	// StopWhenAhead has Run end with ErrAhead where the sink is ahead of the
	// state within its epoch: the state was put back, and a later epoch has to
	// be taken before anything is written. Without, everything is sent again.
	StopWhenAhead bool
}

func (o Options) withDefaults() Options {
	if o.MaxRows <= 0 {
		o.MaxRows = 10_000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 8 << 20
	}
	if o.MaxAge <= 0 {
		o.MaxAge = time.Second
	}
	if o.DownAfter <= 0 {
		o.DownAfter = 3
	}
	if o.MinBackoff <= 0 {
		o.MinBackoff = 200 * time.Millisecond
	}
	o.MaxBackoff = max(o.MaxBackoff, o.MinBackoff)
	if o.MaxBackoff == o.MinBackoff {
		o.MaxBackoff = 150 * o.MinBackoff
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// paced lays what the sink asks for over the options.
func (o Options) paced(p Pace) Options {
	if p.MaxRows > 0 {
		o.MaxRows = p.MaxRows
	}
	if p.MaxBytes > 0 {
		o.MaxBytes = p.MaxBytes
	}
	if p.MaxAge > 0 {
		o.MaxAge = p.MaxAge
	}
	if p.Recheck > 0 {
		o.Recheck = p.Recheck
	}
	return o
}

// Health is what a deliverer says of its sink in one word.
type Health string

// The states of a sink.
const (
	OK         Health = "ok"
	CatchingUp Health = "catching_up" // it takes rows and lags, or has failed a few times
	Down       Health = "down"        // it has failed DownAfter times in a row, or is fenced: only probed
)

// lagging is how old the oldest row may be that a healthy sink lacks, in
// rounds, and at least.
const (
	laggingRounds = 10
	laggingLeast  = 10 * time.Second
)

// State is what a deliverer says about itself.
type State struct {
	Sink        string
	Health      Health
	Progress    Progress      // what the sink holds, as far as is known
	LagRows     int64         // changed keys that the sink does not hold yet, about
	Lag         time.Duration // age of the oldest commit that it does not hold; 0 when it holds all
	Rows        uint64        // keys sent since the start, repeats included
	Bytes       uint64        // of their rows, about
	Batches     uint64        // since the start
	Resyncs     uint64        // since the start
	Failures    uint64        // since the start
	InARow      int           // failures since the last success
	Resyncing   bool          // every row is being written again
	LastSuccess time.Time     // end of the last round; zero before the first
	LastError   string        // of the last round; empty when it succeeded
	LastErrorAt time.Time
	NextTry     time.Time // when a sink that failed is tried again
}

// State is a copy of the current state; any goroutine may ask.
func (d *Deliverer) State() State {
	d.mu.Lock()
	s, ended := d.mu.state, d.mu.ended
	d.mu.Unlock()
	behind := d.src.Pending(s.Progress.Commit)
	s.LagRows = behind.Rows
	if !behind.Oldest.IsZero() {
		s.Lag = max(0, time.Since(behind.Oldest))
	}
	switch {
	case s.InARow >= d.opt.DownAfter, ended:
		s.Health = Down
	case s.InARow > 0, s.Resyncing, s.LastSuccess.IsZero(), s.Lag > max(laggingLeast, laggingRounds*d.opt.MaxAge):
		s.Health = CatchingUp
	default:
		s.Health = OK
	}
	return s
}

func (d *Deliverer) setResyncing(on bool) {
	d.mu.Lock()
	d.mu.state.Resyncing = on
	if on {
		d.mu.state.Resyncs++
	}
	d.mu.Unlock()
}

// sent counts a batch that the sink took, and shows how far it is.
func (d *Deliverer) sent(b *Batch, bytes int) {
	d.mu.Lock()
	s := &d.mu.state
	s.Progress = b.Progress
	s.Rows += uint64(len(b.Changes))
	s.Bytes += uint64(bytes)
	s.Batches++
	d.mu.Unlock()
}

// note records how a round ended.
func (d *Deliverer) note(at Progress, err error, wait time.Duration) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.mu.state
	s.Progress = at
	if err != nil {
		s.Failures++
		s.InARow++
		s.LastError, s.LastErrorAt, s.NextTry = err.Error(), now, now.Add(wait)
		return
	}
	s.InARow, s.LastError, s.LastSuccess, s.NextTry = 0, "", now, time.Time{}
}

// fenced is how a deliverer ends that must not write any more.
func (d *Deliverer) fenced() {
	d.mu.Lock()
	d.mu.ended = true
	d.mu.Unlock()
}
