package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/zeebo/xxh3"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// Bounds of a transaction of a resync.
const (
	resyncRows  = 20_000
	resyncBytes = 8 << 20
)

// Resync implements sinks.Sink. Every row is written again with the view's
// revision, which becomes the base below which nothing counts; then deletions
// follow for the keys of compacted topics that the view lacks. Those are found
// by reading the topics: of the table at hand 16 bytes for each key are held.
func (s *Sink) Resync(ctx context.Context, v sinks.View) error {
	to := v.Progress()
	if s.producer == nil {
		if _, err := s.Cursor(ctx); err != nil {
			return err
		}
	}
	if s.at.Epoch > to.Epoch {
		return sinks.ErrFenced
	}
	begun := progressOf(to, sinks.Rev(to.Epoch, to.Commit))
	begun.Commit, begun.Resyncing = 0, true
	if err := s.commit(ctx, nil, begun); err != nil {
		return s.orFenced(ctx, to.Epoch, err)
	}
	for _, t := range written() {
		r := &rewriting{s: s, v: v, t: t, at: to, begun: begun, seen: map[xxh3.Uint128]struct{}{}}
		err := r.rows(ctx)
		if err == nil && !isAppended(t) {
			err = r.deletions(ctx)
		}
		if err == nil {
			err = r.flush(ctx)
		}
		if err != nil {
			return fmt.Errorf("writing %s: %w", t.Name, err)
		}
	}
	return s.commit(ctx, nil, progressOf(to, begun.Base))
}

// orFenced says of a failure whether it was because a newer epoch writes here.
func (s *Sink) orFenced(ctx context.Context, epoch uint32, err error) error {
	if p, readErr := s.newest(ctx); readErr == nil && p.Epoch > epoch {
		return sinks.ErrFenced
	}
	return err
}

// rewriting writes one table.
type rewriting struct {
	s       *Sink
	v       sinks.View
	t       *table.Table
	at      sinks.Progress
	begun   progress
	seen    map[xxh3.Uint128]struct{} // the keys that were written
	records []*kgo.Record
	bytes   int
}

func (r *rewriting) rows(ctx context.Context) error {
	return r.v.ScanAll(ctx, r.t, func(row table.Row, _ uint64) (err error) {
		var credits []table.Row
		if r.t == table.Conversions {
			if credits, err = r.v.Find(ctx, table.Credits, row[:1]); err != nil {
				return err
			}
		}
		return r.add(ctx, r.s.record(r.t, row[:r.t.Keys], row, credits, r.at))
	})
}

func (r *rewriting) add(ctx context.Context, rec *kgo.Record) error {
	if !isAppended(r.t) {
		r.seen[xxh3.Hash128(rec.Key)] = struct{}{}
	}
	r.records = append(r.records, rec)
	if r.bytes += len(rec.Key) + len(rec.Value); len(r.records) < resyncRows && r.bytes < resyncBytes {
		return nil
	}
	return r.flush(ctx)
}

func (r *rewriting) flush(ctx context.Context) error {
	if len(r.records) == 0 {
		return nil
	}
	err := r.s.commit(ctx, r.records, r.begun)
	r.records, r.bytes = nil, 0
	return err
}

// deletions follow for keys that the topic has and the view has not.
func (r *rewriting) deletions(ctx context.Context) error {
	return r.s.read(ctx, r.s.topic(r.t), 0, func(rec *kgo.Record) error {
		hash := xxh3.Hash128(rec.Key)
		if _, there := r.seen[hash]; there || rec.Value == nil {
			return nil
		}
		r.seen[hash] = struct{}{} // once is enough
		r.records = append(r.records, &kgo.Record{Topic: rec.Topic, Key: rec.Key, Headers: []kgo.RecordHeader{
			{Key: "rev", Value: fmt.Appendf(nil, "%d", r.begun.Base)},
		}})
		if len(r.records) < resyncRows {
			return nil
		}
		return r.flush(ctx)
	})
}
