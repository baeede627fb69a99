// Package sinktest holds the conformance suite that every sink passes, and the
// small in-memory source that it feeds them from. It is for tests only.
package sinktest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

var _ sinks.Source = (*Source)(nil)

// Source is committed state in memory: rows, and which keys changed when. Any
// goroutine may use it.
type Source struct {
	mu struct {
		sync.Mutex
		state
		acks  map[string]uint64
		made  map[uint64]time.Time // when each commit was made
		fault error
	}
}

type state struct {
	at      sinks.Progress
	rows    map[string]stored // by table and key
	changes []changed         // in the order of commits
	trimmed uint64            // changes up to this commit are forgotten
}

type stored struct {
	t    *table.Table
	part sinks.Partition
	row  table.Row
	rev  uint64
}

type changed struct {
	commit uint64
	id     string
	t      *table.Table
	part   sinks.Partition
	key    table.Row
}

// NewSource is empty state at epoch 1, commit 0.
func NewSource() *Source {
	s := &Source{}
	s.mu.at = sinks.Progress{Epoch: 1, Watermark: event.NoTime}
	s.mu.rows = map[string]stored{}
	s.mu.acks, s.mu.made = map[string]uint64{}, map[uint64]time.Time{}
	return s
}

// Put is a row for Commit to write; Del one to delete.
type Put struct {
	Table *table.Table
	Row   table.Row
	Del   bool
}

// Commit makes one commit of the changes.
func (s *Source) Commit(puts ...Put) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.mu.state
	st.at.Commit++
	s.mu.made[st.at.Commit] = time.Now()
	st.at.Watermark = 1768478400000 + event.Millis(st.at.Commit)
	for _, p := range puts {
		key := slices.Clone(p.Row[:p.Table.Keys])
		id, part := rowID(p.Table, key), sinks.PartitionOf(p.Table, key)
		st.changes = append(st.changes, changed{st.at.Commit, id, p.Table, part, key})
		if p.Del {
			delete(st.rows, id)
			if p.Table == table.Credits && key[1].Text == "" { // all of the conversion
				maps.DeleteFunc(st.rows, func(_ string, r stored) bool { return r.t == table.Credits && r.row[0].Text == key[0].Text })
			}
			continue
		}
		st.rows[id] = stored{p.Table, part, slices.Clone(p.Row), sinks.Rev(st.at.Epoch, st.at.Commit)}
	}
}

// rowID is the key as one string, unambiguous within a test.
func rowID(t *table.Table, key table.Row) string {
	b := []byte(t.Name)
	for i := range key {
		b = append(b, 0)
		if t.Columns[i].Type == table.Text {
			b = append(b, key[i].Text...)
		} else {
			b = event.Millis(key[i].Int).Append(b)
		}
	}
	return string(b)
}

// Backup is the state as it stands, to restore later.
func (s *Source) Backup() func() {
	s.mu.Lock()
	kept := s.mu.state
	kept.rows = maps.Clone(kept.rows)
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		epoch := s.mu.at.Epoch + 1
		s.mu.state = kept
		s.mu.rows = maps.Clone(kept.rows)
		s.mu.changes = slices.Clip(kept.changes)
		s.mu.at.Epoch = epoch
	}
}

// NewEpoch is a change of owner without loss.
func (s *Source) NewEpoch() {
	s.mu.Lock()
	s.mu.at.Epoch++
	s.mu.Unlock()
}

// Trim forgets what changed up to the newest commit.
func (s *Source) Trim() {
	s.mu.Lock()
	s.mu.trimmed, s.mu.changes = s.mu.at.Commit, nil
	s.mu.Unlock()
}

// Fail makes every View fail with err, until it is nil again.
func (s *Source) Fail(err error) {
	s.mu.Lock()
	s.mu.fault = err
	s.mu.Unlock()
}

// Acked is what the sink acknowledged last.
func (s *Source) Acked(sink string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.acks[sink]
}

// Tables are the current rows by table, sorted by key: what every sink has to hold.
func (s *Source) Tables() map[string][]table.Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string][]table.Row{}
	for _, r := range s.mu.rows {
		out[r.t.Name] = append(out[r.t.Name], r.row)
	}
	for name, rows := range out {
		t, _ := table.ByName(name)
		slices.SortFunc(rows, t.Compare)
	}
	return out
}

// View implements sinks.Source.
func (s *Source) View(context.Context) (sinks.View, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.fault != nil {
		return nil, s.mu.fault
	}
	st := s.mu.state
	st.rows = maps.Clone(st.rows)
	st.changes = slices.Clip(st.changes)
	return &view{st}, nil
}

// Pending implements sinks.Source.
func (s *Source) Pending(after uint64) (b sinks.Backlog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after < s.mu.at.Commit {
		b.Oldest = s.mu.made[after+1]
	}
	for _, c := range s.mu.changes {
		if c.commit > after {
			b.Rows++
		}
	}
	return b
}

// Ack implements sinks.Source.
func (s *Source) Ack(_ context.Context, sink string, commit uint64) error {
	s.mu.Lock()
	s.mu.acks[sink] = max(s.mu.acks[sink], commit)
	s.mu.Unlock()
	return nil
}

type view struct{ state }

func (v *view) Progress() sinks.Progress { return v.at }
func (v *view) Close() error             { return nil }

func (v *view) Next(_ context.Context, after uint64, limit int) (sinks.Batch, error) {
	if after < v.trimmed {
		return sinks.Batch{}, sinks.ErrGap
	}
	b := sinks.Batch{Progress: v.at}
	seen := map[string]bool{}
	last := after
	for _, c := range v.changes {
		if c.commit <= after {
			continue
		}
		if c.commit != last && len(b.Changes) >= limit {
			b.Commit, b.More = last, true
			break
		}
		last = c.commit
		if c.t == table.Credits || c.t == table.Conversions {
			if id := c.key[0].Text; !seen["\x00"+id] {
				seen["\x00"+id] = true
				b.Changes = v.appendConversion(b.Changes, id)
			}
			continue
		}
		if seen[c.id] {
			continue
		}
		seen[c.id] = true
		r := v.rows[c.id]
		b.Changes = append(b.Changes, sinks.Change{Table: c.t, Part: c.part, Key: c.key, Row: r.row, Rev: max(r.rev, sinks.Rev(v.at.Epoch, c.commit))})
	}
	return b, nil
}

// appendConversion gives a conversion as sinks.Change says.
func (v *view) appendConversion(changes []sinks.Change, id string) []sinks.Change {
	rev := sinks.Rev(v.at.Epoch, v.at.Commit)
	add := func(t *table.Table, key, row table.Row) {
		changes = append(changes, sinks.Change{Table: t, Part: sinks.PartitionOf(t, key), Key: key, Row: row, Rev: rev})
	}
	add(table.Credits, table.Row{table.T(id), table.T(""), table.I(0)}, nil)
	credits, _ := v.Find(context.Background(), table.Credits, table.Row{table.T(id)}) // cannot fail
	for _, row := range credits {
		add(table.Credits, row[:table.Credits.Keys], row)
	}
	key := table.Row{table.T(id)}
	add(table.Conversions, key, v.rows[rowID(table.Conversions, key)].row)
	return changes
}

func (v *view) Partitions(_ context.Context, t *table.Table) ([]sinks.Partition, error) {
	set := map[sinks.Partition]bool{}
	for _, r := range v.rows {
		if r.t == t {
			set[r.part] = true
		}
	}
	return slices.SortedFunc(maps.Keys(set), sinks.Partition.Compare), nil
}

func (v *view) Scan(ctx context.Context, t *table.Table, p sinks.Partition, fn func(table.Row, uint64) error) error {
	return v.scan(ctx, t, func(r stored) bool { return r.part == p }, fn)
}

func (v *view) ScanAll(ctx context.Context, t *table.Table, fn func(table.Row, uint64) error) error {
	return v.scan(ctx, t, func(stored) bool { return true }, fn)
}

func (v *view) Find(ctx context.Context, t *table.Table, prefix table.Row) (out []table.Row, err error) {
	starts := func(r stored) bool {
		for i := range prefix {
			if r.row[i].Text != prefix[i].Text || r.row[i].Int != prefix[i].Int {
				return false
			}
		}
		return true
	}
	err = v.scan(ctx, t, starts, func(row table.Row, _ uint64) error {
		out = append(out, row)
		return nil
	})
	return out, err
}

func (v *view) scan(ctx context.Context, t *table.Table, where func(stored) bool, fn func(table.Row, uint64) error) error {
	var rows []stored
	for _, r := range v.rows {
		if r.t == t && where(r) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b stored) int { return t.Compare(a.row, b.row) })
	for _, r := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(r.row, r.rev); err != nil {
			return err
		}
	}
	return nil
}
