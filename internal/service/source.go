package service

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// source is the engine as the deliverers see it.
type source struct{ s *service }

func newSource(s *service) *source { return &source{s} }

// View pins what is durable. A tick that is applied but not yet synced is not:
// the view is taken after the sync of everything in it.
func (src *source) View(ctx context.Context) (sinks.View, error) {
	v, err := src.s.live.Exact(ctx)
	if err != nil {
		return nil, err
	}
	if err := src.s.store.SyncLog(); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return &sinkView{v: v, epoch: src.s.store.Epoch()}, nil
}

// Pending is an estimate from what was noted about once a second.
func (src *source) Pending(after uint64) sinks.Backlog { return src.s.outbox.behind(after) }

// Ack lets the outbox forget what every sink has.
func (src *source) Ack(_ context.Context, sink string, commit uint64) error {
	return src.s.outbox.ack(sink, commit)
}

// sinkView is one commit as sinks see it.
type sinkView struct {
	v     *pipeline.View
	epoch uint32
	done  bool
}

func (v *sinkView) Progress() sinks.Progress {
	return sinks.Progress{Epoch: v.epoch, Commit: v.v.Commit, Watermark: v.v.Watermark}
}

func (v *sinkView) Close() error {
	if v.done {
		return nil
	}
	v.done = true
	return v.v.Close()
}

func (v *sinkView) Next(_ context.Context, after uint64, limit int) (sinks.Batch, error) {
	changed, upTo, more, err := v.v.ChangesAfter(after, limit)
	if errors.Is(err, pipeline.ErrForgotten) {
		err = sinks.ErrGap
	}
	if err != nil {
		return sinks.Batch{}, err
	}
	b := sinks.Batch{Progress: v.Progress(), After: after, More: more, View: v}
	b.Commit = upTo
	for _, c := range changed {
		b.Changes = append(b.Changes, sinks.Change{Table: c.Table, Part: sinks.PartitionOf(c.Table, c.Key), Key: c.Key, Row: c.Row, Rev: c.Rev})
	}
	return b, nil
}

func (v *sinkView) Partitions(ctx context.Context, t *table.Table) ([]sinks.Partition, error) {
	seen := map[sinks.Partition]bool{}
	goes := goesOn(ctx)
	err := v.v.ScanKeys(t, func(key table.Row) bool {
		seen[sinks.PartitionOf(t, key)] = true
		return goes()
	})
	out := make([]sinks.Partition, 0, len(seen))
	for p := range seen {
		out = append(out, p)
	}
	slices.SortFunc(out, sinks.Partition.Compare)
	return out, errors.Join(err, ctx.Err())
}

func (v *sinkView) Scan(ctx context.Context, t *table.Table, p sinks.Partition, fn func(table.Row, uint64) error) error {
	return v.scan(ctx, fn, func(visit func(table.Row) bool) error {
		within := func(key table.Row) bool { return sinks.PartitionOf(t, key) == p }
		if pipeline.IsRollup(t) {
			from := event.Millis(p.Day) * event.Day
			return v.v.ScanRollup(t, from, from+event.Day, visit)
		}
		return v.v.ScanWhere(t, within, visit)
	})
}

func (v *sinkView) ScanAll(ctx context.Context, t *table.Table, fn func(table.Row, uint64) error) error {
	return v.scan(ctx, fn, func(visit func(table.Row) bool) error { return v.v.Scan(t, visit) })
}

// scan hands rows to fn until one of them or ctx ends it.
func (v *sinkView) scan(ctx context.Context, fn func(table.Row, uint64) error, read func(visit func(table.Row) bool) error) error {
	rev := sinks.Rev(v.epoch, v.v.Commit)
	goes := goesOn(ctx)
	var bad error
	err := read(func(r table.Row) bool {
		bad = fn(r, rev)
		return bad == nil && goes()
	})
	if bad != nil {
		return bad
	}
	return errors.Join(err, ctx.Err())
}

// goesOn says now and then whether ctx has ended.
func goesOn(ctx context.Context) func() bool {
	n := 0
	return func() bool {
		n++
		return n%256 != 0 || ctx.Err() == nil
	}
}

func (v *sinkView) Find(_ context.Context, t *table.Table, prefix table.Row) ([]table.Row, error) {
	return v.v.Find(t, prefix, math.MaxInt)
}
