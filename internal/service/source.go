package service

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// source is the engine as the deliverers see it.
type source struct {
	s  *service
	mu struct {
		sync.Mutex
		acked   map[string]uint64
		trimmed uint64
	}
}

func newSource(s *service) *source {
	src := &source{s: s}
	src.mu.acked = map[string]uint64{}
	for _, sink := range s.sinks {
		src.mu.acked[sink.Name()] = 0
	}
	return src
}

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

// Pending counts commits, of which each may hold many keys or none: an estimate.
func (src *source) Pending(after uint64) int64 { return src.s.engine.PendingAfter(after) }

// Ack lets the outbox forget what every sink has.
func (src *source) Ack(_ context.Context, sink string, commit uint64) error {
	src.mu.Lock()
	defer src.mu.Unlock()
	src.mu.acked[sink] = max(src.mu.acked[sink], commit)
	low := commit
	for _, c := range src.mu.acked {
		low = min(low, c)
	}
	if low <= src.mu.trimmed {
		return nil
	}
	src.mu.trimmed = low
	return src.s.engine.TrimOutbox(low)
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

func (v *sinkView) Partitions(_ context.Context, t *table.Table) ([]sinks.Partition, error) {
	seen := map[sinks.Partition]bool{}
	err := v.v.ScanKeys(t, func(key table.Row) bool {
		seen[sinks.PartitionOf(t, key)] = true
		return true
	})
	out := make([]sinks.Partition, 0, len(seen))
	for p := range seen {
		out = append(out, p)
	}
	slices.SortFunc(out, sinks.Partition.Compare)
	return out, err
}

func (v *sinkView) Scan(_ context.Context, t *table.Table, p sinks.Partition, fn func(table.Row, uint64) error) error {
	var bad error
	rev := sinks.Rev(v.epoch, v.v.Commit)
	visit := func(r table.Row) bool {
		if sinks.PartitionOf(t, r[:t.Keys]) != p {
			return true
		}
		bad = fn(r, rev)
		return bad == nil
	}
	var err error
	if pipeline.IsRollup(t) {
		from := event.Millis(p.Day) * event.Day
		err = v.v.ScanRollup(t, from, from+event.Day, visit)
	} else {
		err = v.v.ScanWhere(t, func(key table.Row) bool { return sinks.PartitionOf(t, key) == p }, visit)
	}
	return errors.Join(err, bad)
}
