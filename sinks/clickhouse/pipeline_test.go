package clickhouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/ingest"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// reused is what generated traffic lacks: an id that is used again after 90
// days, and what comes out of order and joins sessions, in three instalments.
var reused = [3]string{
	`{"event_id":"again","type":"conversion","event_time":"2025-09-01T00:00:00Z","user_id":"reuser","value":"1"}
{"event_id":"s1","type":"page_view","event_time":"2026-01-05T10:00:00Z","user_id":"joiner"}
{"event_id":"s3","type":"page_view","event_time":"2026-01-05T10:50:00Z","user_id":"joiner"}
`,
	`{"event_id":"again","type":"conversion","event_time":"2026-01-05T11:00:00Z","user_id":"reuser","value":"2"}
{"event_id":"s2","type":"page_view","event_time":"2026-01-05T10:25:00Z","user_id":"joiner"}
`,
	`{"event_id":"a1","type":"adjustment","event_time":"2026-01-06T00:00:00Z","adjusts":"again","kind":"retract"}
`,
}

// TestPipelineIntoClickHouse feeds the real pipeline in instalments, each with
// events that belong to earlier ones, and compares every view with the state
// row by row after each.
func TestPipelineIntoClickHouse(t *testing.T) {
	dir := t.TempDir()
	traffic := filepath.Join(dir, "traffic")
	if _, err := generate.Write(t.Context(), generate.Options{Seed: 5, Events: 6000, Days: 3, Fraud: 0.2}, traffic, nil); err != nil {
		t.Fatal(err)
	}
	lists, err := fraud.LoadLists(fraud.DefaultConfig().Lists, "")
	if err != nil {
		t.Fatal(err)
	}
	server := testkit.StartClickHouse(t)
	s := openSink(t, configFor(server))
	var deleted, changes int
	for part := range reused {
		var inputs []pipeline.Input
		for _, name := range append(slices.Clone(generate.Topics), "reused") {
			path := filepath.Join(dir, fmt.Sprintf("%s.%d.ndjson", name, part))
			if err := os.WriteFile(path, instalment(t, traffic, name, part), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := ingest.OpenFile(path, ingest.FileOptions{
				Decode: ingest.DecodeConfig{DefaultCurrency: "USD"}, Clock: 1 << 52, Workers: 1,
				Judge: func(e *event.Event) event.Reasons { return lists.Judge(e, nil) },
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Close() })
			inputs = append(inputs, f)
		}
		replay(t, filepath.Join(dir, "data"), inputs, part == len(reused)-1)
		d, n := fromDirectory(t, s, filepath.Join(dir, "data"))
		deleted, changes = deleted+d, changes+n
	}
	if deleted == 0 || changes < 100 {
		t.Errorf("%d rows changed and %d were deleted: the test tests little", changes, deleted)
	}
}

// replay applies one instalment and closes the directory: then everything is
// written that a sink reads.
func replay(t *testing.T, data string, inputs []pipeline.Input, last bool) {
	t.Helper()
	store, err := state.Open(data, state.Options{CacheSize: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := pipeline.Open(pipeline.DefaultConfig(), store, pipeline.Options{Shards: 2, Outbox: true, SeenBytes: 1 << 20, RecentPersons: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	_, err = pipeline.Replay(t.Context(), engine, inputs, pipeline.ReplayOptions{TickRecords: 100, Open: !last})
	if err := errors.Join(err, engine.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
}

func fromDirectory(t *testing.T, s *Sink, data string) (deleted, changes int) {
	t.Helper()
	store, err := state.Open(data, state.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	engine, err := pipeline.OpenReader(store)
	if err != nil {
		t.Fatal(err)
	}
	return bringUp(t, s, &stateView{View: engine.View(), epoch: store.Epoch()})
}

// stateView is a view of the pipeline as sinks see it.
type stateView struct {
	*pipeline.View
	epoch uint32
}

var _ sinks.View = (*stateView)(nil)

func (v *stateView) Progress() sinks.Progress {
	return sinks.Progress{Epoch: v.epoch, Commit: v.Commit, Watermark: v.Watermark}
}

func (v *stateView) Next(_ context.Context, after uint64, limit int) (sinks.Batch, error) {
	changed, upTo, more, err := v.ChangesAfter(after, limit)
	b := sinks.Batch{Progress: v.Progress(), More: more}
	b.Commit = upTo
	for _, c := range changed {
		b.Changes = append(b.Changes, sinks.Change{Table: c.Table, Part: sinks.PartitionOf(c.Table, c.Key), Key: c.Key, Row: c.Row, Rev: c.Rev})
	}
	return b, err
}

func (v *stateView) ScanAll(_ context.Context, t *table.Table, fn func(table.Row, uint64) error) (bad error) {
	err := v.View.Scan(t, func(r table.Row) bool {
		bad = fn(r, 0)
		return bad == nil
	})
	return errors.Join(bad, err)
}

func (v *stateView) Find(_ context.Context, t *table.Table, prefix table.Row) ([]table.Row, error) {
	return v.View.Find(t, prefix, math.MaxInt)
}

func (v *stateView) Partitions(context.Context, *table.Table) ([]sinks.Partition, error) {
	return nil, errors.ErrUnsupported
}

func (v *stateView) Scan(context.Context, *table.Table, sinks.Partition, func(table.Row, uint64) error) error {
	return errors.ErrUnsupported
}

// instalment is the third of a file's lines that comes in a part: the first
// third of the time with every tenth line left for later, and so on.
func instalment(t *testing.T, traffic, name string, part int) []byte {
	t.Helper()
	if name == "reused" {
		return []byte(reused[part])
	}
	raw, err := os.ReadFile(filepath.Join(traffic, name+".ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(raw, []byte("\n"))
	var out []byte
	for i, line := range lines {
		when := i * len(reused) / len(lines)
		if i%10 == 7 {
			when = min(when+1, len(reused)-1)
		}
		if when == part {
			out = append(out, line...)
		}
	}
	return out
}

// bringUp sends what the sink lacks of a view, in small batches after the first
// time, and compares all tables.
func bringUp(t *testing.T, s *Sink, v sinks.View) (deleted, changes int) {
	t.Helper()
	defer v.Close()
	at, err := s.Cursor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if at.Commit == 0 {
		if err := s.Resync(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		at = v.Progress()
	}
	for at.Commit < v.Progress().Commit {
		b, err := v.Next(t.Context(), at.Commit, 500)
		if err != nil {
			t.Fatal(err)
		}
		b.After, b.View = at.Commit, v
		for _, c := range b.Changes {
			changes++
			if c.Row == nil && c.Table != table.Credits {
				deleted++
			}
		}
		if err := s.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		at = b.Progress
	}
	got := readViews(t, s)
	for _, tab := range table.All {
		var want []table.Row
		if err := v.ScanAll(t.Context(), tab, func(row table.Row, _ uint64) error {
			want = append(want, slices.Clone(row))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		compareRows(t, tab, got[tab.Name], want)
	}
	r, err := sinks.Compare(t.Context(), v, s)
	if err != nil || r.Total > 0 {
		t.Errorf("reconcile finds %v: %v", r, err)
	}
	return deleted, changes
}

func compareRows(t *testing.T, tab *table.Table, got, want []table.Row) {
	t.Helper()
	slices.SortFunc(want, tab.Compare)
	if len(got) != len(want) {
		t.Errorf("%s: %d rows; want %d", tab.Name, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		for c, col := range tab.Columns {
			g, w := got[i][c], want[i][c]
			if g.Text != w.Text || g.Int != w.Int || !slices.Equal(g.List, w.List) {
				t.Errorf("%s: row %d has %s = %v; want %v of\n%v", tab.Name, i, col.Name, g, w, want[i])
				return
			}
		}
	}
}
