package sinks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Options set a deliverer's pace.
type Options struct {
	MaxRows    int           // keys per batch [10,000]
	MaxAge     time.Duration // how often a sink that has caught up is looked after [1 s]
	MinBackoff time.Duration // after the first failure [200 ms]
	MaxBackoff time.Duration // after many [30 s]
	Logger     *slog.Logger  // [slog.Default]
}

func (o Options) withDefaults() Options {
	if o.MaxRows <= 0 {
		o.MaxRows = 10_000
	}
	if o.MaxAge <= 0 {
		o.MaxAge = time.Second
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

// State is what a deliverer says about itself.
type State struct {
	Sink        string
	Progress    Progress  // what the sink holds, as far as is known
	LagRows     int64     // changed keys that the sink does not hold yet
	Rows        uint64    // keys sent since the start, repeats included
	Resyncs     uint64    // since the start
	Failures    uint64    // since the start
	Resyncing   bool      // every row is being written again
	LastSuccess time.Time // end of the last round; zero before the first
	LastError   string    // of the last round; empty when it succeeded
	LastErrorAt time.Time
}

// Deliverer keeps one sink at the state's newest commit. It holds no rows: a
// round pins a view, sends what changed since the sink's cursor in batches,
// and acknowledges. Between rounds superseded rows vanish by themselves, so an
// outage of the sink costs disk in the source and nothing here. Any failure
// ends the round; the next one asks the sink anew where it stands.
type Deliverer struct {
	src   Source
	sink  Sink
	opt   Options
	drain chan struct{}
	once  sync.Once

	mu struct {
		sync.Mutex
		state State
	}
}

// NewDeliverer prepares a deliverer; Run starts it.
func NewDeliverer(src Source, sink Sink, opt Options) *Deliverer {
	d := &Deliverer{src: src, sink: sink, opt: opt.withDefaults(), drain: make(chan struct{})}
	d.mu.state.Sink = sink.Name()
	return d
}

// State is a copy of the current state; any goroutine may ask.
func (d *Deliverer) State() State {
	d.mu.Lock()
	s := d.mu.state
	d.mu.Unlock()
	s.LagRows = d.src.Pending(s.Progress.Commit)
	return s
}

// Drain asks Run to bring the sink up to the commit that stands now and to
// return. Any goroutine may call it, again without effect.
func (d *Deliverer) Drain() { d.once.Do(func() { close(d.drain) }) }

// Run delivers until Drain has been served (nil), ctx ends (its error), or the
// sink is fenced (ErrFenced). While draining it goes on trying a sink that is
// down; ctx cuts that short. Run is called once; it does not close the sink.
func (d *Deliverer) Run(ctx context.Context) error {
	var at Progress
	known := false // whether at is what the sink said
	backoff := time.Duration(0)
	for {
		draining := d.draining()
		var err error
		if !known {
			at, err = d.sink.Cursor(ctx)
		}
		if err == nil {
			at, err = d.round(ctx, at)
		}
		known = err == nil
		d.note(at, err)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait := d.opt.MaxAge
		switch {
		case errors.Is(err, ErrFenced):
			return fmt.Errorf("sink %s: %w", d.sink.Name(), err)
		case err != nil:
			backoff = min(max(2*backoff, d.opt.MinBackoff), d.opt.MaxBackoff)
			wait = backoff/2 + rand.N(backoff/2+1)
			d.opt.Logger.Warn("delivery failed, trying again", slog.String("sink", d.sink.Name()), slog.Duration("in", wait), slog.Any("err", err))
		case draining:
			return nil
		default:
			backoff = 0
		}
		if err := d.sleep(ctx, wait, err == nil); err != nil {
			return err
		}
	}
}

func (d *Deliverer) draining() bool {
	select {
	case <-d.drain:
		return true
	default:
		return false
	}
}

// sleep waits; a drain ends the wait between rounds, but not a back-off.
func (d *Deliverer) sleep(ctx context.Context, wait time.Duration, wakeForDrain bool) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	drain := d.drain
	if !wakeForDrain {
		drain = nil
	}
	select {
	case <-timer.C:
	case <-drain:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// round brings the sink from at to one view of the state.
func (d *Deliverer) round(ctx context.Context, at Progress) (Progress, error) {
	view, err := d.src.View(ctx)
	if err != nil {
		return at, fmt.Errorf("opening a view of the state: %w", err)
	}
	defer view.Close() //nolint:errcheck // a view only reads
	to := view.Progress()
	switch {
	case at.Epoch > to.Epoch:
		return at, ErrFenced
	case at.Epoch < to.Epoch, at.Commit > to.Commit:
		// Another owner or an older backup: what the sink holds may never have
		// happened in this epoch.
		err = ErrGap
	default:
		at, err = d.send(ctx, view, at)
	}
	if errors.Is(err, ErrGap) {
		at, err = d.resync(ctx, view, at)
	}
	if err != nil {
		return at, err
	}
	if err := d.src.Ack(ctx, d.sink.Name(), at.Commit); err != nil {
		return at, fmt.Errorf("acknowledging %s: %w", at, err)
	}
	return at, nil
}

// send applies what changed, batch by batch.
func (d *Deliverer) send(ctx context.Context, view View, at Progress) (Progress, error) {
	for at.Commit < view.Progress().Commit {
		b, err := view.Next(ctx, at.Commit, d.opt.MaxRows)
		if err != nil {
			return at, fmt.Errorf("reading changes after %s: %w", at, err)
		}
		if b.Commit <= at.Commit {
			panic(fmt.Sprintf("BUG: got a batch up to commit %d; want one after %d", b.Commit, at.Commit))
		}
		b.After, b.View = at.Commit, view
		if err := d.sink.Apply(ctx, b); err != nil {
			return at, fmt.Errorf("writing %d rows up to %s: %w", len(b.Changes), b.Progress, err)
		}
		at = b.Progress
		d.mu.Lock()
		d.mu.state.Rows += uint64(len(b.Changes))
		d.mu.Unlock()
	}
	return at, nil
}

func (d *Deliverer) resync(ctx context.Context, view View, at Progress) (Progress, error) {
	d.opt.Logger.Info("writing all rows again", slog.String("sink", d.sink.Name()), slog.String("sink_at", at.String()), slog.String("state_at", view.Progress().String()))
	d.setResyncing(true)
	defer d.setResyncing(false)
	if err := d.sink.Resync(ctx, view); err != nil {
		return at, fmt.Errorf("writing all rows again: %w", err)
	}
	return view.Progress(), nil
}

func (d *Deliverer) setResyncing(on bool) {
	d.mu.Lock()
	d.mu.state.Resyncing = on
	if on {
		d.mu.state.Resyncs++
	}
	d.mu.Unlock()
}

// note records how a round ended.
func (d *Deliverer) note(at Progress, err error) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.mu.state
	s.Progress = at
	if err != nil {
		s.Failures++
		s.LastError, s.LastErrorAt = err.Error(), now
		return
	}
	s.LastError, s.LastSuccess = "", now
}
