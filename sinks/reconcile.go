package sinks

import (
	"context"
	"errors"
	"fmt"
)

// ErrStopped means that a deliverer answers no more questions.
var ErrStopped = errors.New("the sink is not being delivered to any more")

// question is one Reconcile, on its way to Run and back.
type question struct {
	ctx    context.Context //nolint:containedctx // the asker's, who may go away
	answer chan answer     // holds one
	anew   bool            // write everything again instead of comparing
}

type answer struct {
	report *Report
	err    error
}

// refuse answers with an error where nothing was answered yet.
func (q *question) refuse(err error) {
	if err == nil {
		err = ErrStopped
	}
	select {
	case q.answer <- answer{err: err}:
	default:
	}
}

// Reconcile brings the sink to the newest commit and compares what it holds
// with the state. It may be called by any goroutine; the work is done by Run's,
// and nothing is delivered meanwhile. A sink that cannot be reached is an
// error, one that keeps no sums is ErrNoAudit.
func (d *Deliverer) Reconcile(ctx context.Context) (*Report, error) {
	if _, ok := d.sink.(Auditor); !ok {
		return nil, fmt.Errorf("sink %s: %w", d.sink.Name(), ErrNoAudit)
	}
	q := &question{ctx: ctx, answer: make(chan answer, 1)}
	select {
	case d.asked <- q:
	case <-d.done:
		return nil, ErrStopped
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case a := <-q.answer:
		return a.report, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// compare answers a question from a view that the sink has just been brought
// to. The asker's going away and a drain cut it short; neither is a failure of
// the sink.
func (d *Deliverer) compare(ctx context.Context, view View, q *question) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(q.ctx, func() { cancel(q.ctx.Err()) })
	defer stop()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-d.drain:
			cancel(ErrStopped)
		case <-ctx.Done():
		}
	}()
	r, err := Compare(ctx, view, d.sink)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	<-watched
	q.answer <- answer{r, err}
}

// Resync has every row written to the sink again, and returns once that has
// begun. It may be called by any goroutine; a sink that is down gets its rows
// when it is back.
func (d *Deliverer) Resync(ctx context.Context) error {
	q := &question{ctx: ctx, answer: make(chan answer, 1), anew: true}
	select {
	case d.asked <- q:
	case <-d.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case a := <-q.answer:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
