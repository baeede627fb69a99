package sinks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tributary-data/tributary/table"
)

// Deliverer keeps one sink at the state's newest commit. It holds no rows: a
// round pins a view, sends what changed since the sink's cursor in batches,
// and acknowledges. Between rounds superseded rows vanish by themselves, so an
// outage of the sink costs disk in the source and nothing here. Any failure
// ends the round; the next one asks the sink anew where it stands. A sink that
// goes on failing is only probed, by its cursor and a small batch, less and
// less often.
type Deliverer struct {
	src   Source
	sink  Sink
	opt   Options
	drain chan struct{}
	once  sync.Once
	asked chan *question // of Reconcile, for Run to answer
	done  chan struct{}  // closed when Run has returned

	// Of Run's goroutine.
	at       Progress
	known    bool      // whether at is what the sink said
	checked  time.Time // when it said so
	failures int       // since the last success
	downAt   time.Time // when it began to fail
	anew     bool      // everything is to be written again; until that is done
	rowBytes int       // of a row lately, about
	most     int       // rows of the next batch after one that failed; 0: as many as usual
	tooMany  int       // rows of the batch that failed, where these were many

	mu struct {
		sync.Mutex
		state State
		ended bool
	}
}

// NewDeliverer prepares a deliverer; Run starts it.
func NewDeliverer(src Source, sink Sink, opt Options) *Deliverer {
	d := &Deliverer{src: src, sink: sink, opt: opt.withDefaults(), drain: make(chan struct{}), asked: make(chan *question), done: make(chan struct{})}
	if p, ok := sink.(Paced); ok {
		d.opt = d.opt.paced(p.Pace())
	}
	d.mu.state.Sink = sink.Name()
	return d
}

// Drain asks Run to bring the sink up to the commit that stands now and to
// return. Any goroutine may call it, again without effect.
func (d *Deliverer) Drain() { d.once.Do(func() { close(d.drain) }) }

// Run delivers until Drain has been served (nil), ctx ends (its error), or the
// sink must not be written to (ErrFenced, ErrAhead). While draining it goes on trying a sink that is
// down; ctx cuts that short. Run is called once; it does not close the sink.
func (d *Deliverer) Run(ctx context.Context) error {
	defer close(d.done)
	var q *question
	var backoff time.Duration
	for {
		draining := d.draining()
		err := d.turn(ctx, draining, q)
		wait := d.opt.MaxAge
		if err != nil {
			backoff = min(max(2*backoff, d.opt.MinBackoff), d.opt.MaxBackoff)
			wait = backoff/2 + rand.N(backoff/2+1)
		}
		d.note(d.at, err, wait)
		d.known = err == nil
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrFenced), errors.Is(err, ErrAhead):
			d.fenced()
			return fmt.Errorf("sink %s: %w", d.sink.Name(), err)
		case err != nil:
			d.failed(err, wait)
		case draining:
			return nil
		default:
			d.recovered()
			backoff = 0
		}
		if q, err = d.sleep(ctx, wait, err == nil); err != nil {
			return err
		}
	}
}

// failed counts a failure and says it where that is news.
func (d *Deliverer) failed(err error, wait time.Duration) {
	if d.failures++; d.failures == 1 {
		d.downAt = time.Now()
	}
	attrs := []any{slog.String("sink", d.sink.Name()), slog.Int("failures", d.failures), slog.Duration("in", wait), slog.Any("err", err)}
	switch {
	case d.failures == d.opt.DownAfter:
		d.opt.Logger.Error("the sink is down: its rows wait in the outbox, it is probed until it answers", attrs...)
	case d.failures < d.opt.DownAfter:
		d.opt.Logger.Warn("delivery failed, trying again", attrs...)
	default:
		d.opt.Logger.Debug("the sink is still down", attrs...)
	}
}

func (d *Deliverer) recovered() {
	if d.failures >= d.opt.DownAfter {
		d.opt.Logger.Info("the sink is back", slog.String("sink", d.sink.Name()), slog.Duration("after", time.Since(d.downAt).Round(time.Millisecond)), slog.String("at", d.at.String()))
	}
	d.failures = 0
}

func (d *Deliverer) draining() bool {
	select {
	case <-d.drain:
		return true
	default:
		return false
	}
}

// sleep waits for the next round; a question or, between rounds, a drain ends
// the wait at once, but a drain does not end a back-off.
func (d *Deliverer) sleep(ctx context.Context, wait time.Duration, wakeForDrain bool) (*question, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	drain := d.drain
	if !wakeForDrain {
		drain = nil
	}
	select {
	case <-timer.C:
	case <-drain:
	case q := <-d.asked:
		return q, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return nil, nil
}

// turn is what Run does between two waits: learn where the sink stands if that
// is not known, and bring it up to date. A question is answered, whatever
// happens.
func (d *Deliverer) turn(ctx context.Context, draining bool, q *question) (err error) {
	if q != nil && q.anew {
		d.anew = true
		q.answer <- answer{}
		q = nil
	}
	if q != nil {
		defer func() { q.refuse(err) }() // unless it was answered
	}
	recheck := d.opt.Recheck > 0 && time.Since(d.checked) >= d.opt.Recheck
	if !d.known || recheck {
		if err := d.ask(ctx); err != nil {
			return err
		}
	} else if !draining && q == nil && !d.anew && d.src.Pending(d.at.Commit) == (Backlog{}) {
		return nil
	}
	return d.round(ctx, q)
}

// ask learns where the sink stands. While it does not answer, what it said last
// is shown.
func (d *Deliverer) ask(ctx context.Context) error {
	at, err := d.sink.Cursor(ctx)
	if err != nil {
		return fmt.Errorf("asking how far the sink is: %w", err)
	}
	d.at, d.checked = at, time.Now()
	return nil
}

// round brings the sink to one view of the state.
func (d *Deliverer) round(ctx context.Context, q *question) error {
	view, err := d.src.View(ctx)
	if err != nil {
		return fmt.Errorf("opening a view of the state: %w", err)
	}
	defer view.Close() //nolint:errcheck // a view only reads
	if err := d.bring(ctx, view); err != nil {
		return err
	}
	if err := d.src.Ack(ctx, d.sink.Name(), d.at.Commit); err != nil {
		return fmt.Errorf("acknowledging %s: %w", d.at, err)
	}
	if q != nil {
		d.compare(ctx, view, q)
	}
	return nil
}

// bring sends what the sink lacks of the view: what changed, or where that
// cannot be told everything.
func (d *Deliverer) bring(ctx context.Context, view View) error {
	to := view.Progress()
	for again := true; ; again = false {
		if d.at.Epoch > to.Epoch {
			return ErrFenced
		}
		if d.opt.StopWhenAhead && d.at.Epoch == to.Epoch && d.at.Commit > to.Commit {
			return ErrAhead
		}
		if d.anew || d.at.Epoch < to.Epoch || d.at.Commit > to.Commit {
			// Another owner or an older backup: what the sink holds may never
			// have happened in this epoch.
			return d.resync(ctx, view)
		}
		refused, err := d.send(ctx, view)
		if !errors.Is(err, ErrGap) {
			return err
		}
		if !refused || !again {
			return d.resync(ctx, view)
		}
		// The sink is not where it was: it lost rows, or another process moved
		// it. From where it is now the rest may still be known.
		before := d.at
		if err := d.ask(ctx); err != nil {
			return err
		}
		if d.at == before {
			return d.resync(ctx, view)
		}
	}
}

// probeRows is the size of the first batch to a sink that was down: whether it
// works again is asked with little.
const probeRows = 100

// send applies what changed, batch by batch. refused: it was the sink that said
// ErrGap.
func (d *Deliverer) send(ctx context.Context, view View) (refused bool, err error) {
	for probe := d.failures >= d.opt.DownAfter; d.at.Commit < view.Progress().Commit; probe = false {
		limit := d.limit()
		if probe {
			limit = min(limit, probeRows)
		}
		b, err := view.Next(ctx, d.at.Commit, limit)
		if err != nil {
			return false, fmt.Errorf("reading changes after %s: %w", d.at, err)
		}
		if b.Commit <= d.at.Commit {
			panic(fmt.Sprintf("BUG: got a batch up to commit %d; want one after %d", b.Commit, d.at.Commit))
		}
		b.After, b.View = d.at.Commit, view
		if err := d.sink.Apply(ctx, b); err != nil {
			if d.most = min(probeRows, limit); limit > probeRows {
				d.tooMany = limit
			}
			return true, fmt.Errorf("writing %d rows up to %s: %w", len(b.Changes), b.Progress, err)
		}
		d.at = b.Progress
		d.sent(&b, d.weigh(&b))
		d.grow()
	}
	return false, nil
}

// grow makes the next batch greater after one that followed a failure: quickly
// while it is far from the size that failed, then slowly.
func (d *Deliverer) grow() {
	if 2*d.most < d.tooMany {
		d.most *= 2
	} else {
		d.most += d.most / 8
	}
}

// limit is how many rows of the size that they have lately make a batch. After a
// batch that failed they are fewer and grow again: a sink that comes back to a
// long backlog may not manage a full one in time.
func (d *Deliverer) limit() int {
	full := max(1, min(d.opt.MaxRows, d.opt.MaxBytes/max(1, d.rowBytes)))
	if d.most > 0 && d.most < full {
		return d.most
	}
	d.most = 0
	return full
}

// weigh measures a batch, for the size of the next one.
func (d *Deliverer) weigh(b *Batch) int {
	bytes := 0
	for i := range b.Changes {
		bytes += b.Changes[i].Bytes()
	}
	if len(b.Changes) > 0 {
		d.rowBytes = max(bytes/len(b.Changes), d.rowBytes*3/4) // great rows are believed at once
	}
	return bytes
}

// Bytes is about how much the change takes in memory and on the wire.
func (c *Change) Bytes() int {
	row := c.Row
	if row == nil {
		row = c.Key
	}
	n := 0
	for i := range row {
		if n += 8; c.Table.Columns[i].Type == table.Text {
			n += len(row[i].Text)
		}
		for _, s := range row[i].List {
			n += 8 + len(s)
		}
	}
	return n
}

func (d *Deliverer) resync(ctx context.Context, view View) error {
	d.opt.Logger.Info("writing all rows again", slog.String("sink", d.sink.Name()), slog.String("sink_at", d.at.String()), slog.String("state_at", view.Progress().String()))
	d.setResyncing(true)
	defer d.setResyncing(false)
	if err := d.sink.Resync(ctx, view); err != nil {
		return fmt.Errorf("writing all rows again: %w", err)
	}
	d.at, d.anew = view.Progress(), false
	return nil
}
