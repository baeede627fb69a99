package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/ingest"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// traffic are generated files, as inputs of a replay.
func traffic(t *testing.T, opt generate.Options) []pipeline.Input {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "traffic")
	if _, err := generate.Write(context.Background(), opt, dir, nil); err != nil {
		t.Fatal(err)
	}
	lists, err := fraud.LoadLists(fraud.DefaultConfig().Lists, "")
	if err != nil {
		t.Fatal(err)
	}
	var inputs []pipeline.Input
	for _, topic := range generate.Topics {
		f, err := ingest.OpenFile(filepath.Join(dir, topic+".ndjson"), ingest.FileOptions{
			Decode: ingest.DecodeConfig{DefaultCurrency: "USD"}, Clock: 1 << 52,
			NewJudge: func() func(*event.Event) event.Reasons {
				cache := fraud.NewUACache()
				return func(e *event.Event) event.Reasons { return lists.Judge(e, cache) }
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		inputs = append(inputs, f)
	}
	return inputs
}

// written makes a data directory of generated traffic, by rules that are not
// the default ones.
func written(t *testing.T, shards int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	store, err := state.Open(dir, state.Options{CacheSize: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	cfg := pipeline.DefaultConfig()
	cfg.Attribution.TouchTypes = []string{"click", "impression", "visit"}
	cfg.Attribution.ClickAbsorbsImpression = true
	cfg.Fraud.Rules.FastConversion.Conversions = []string{"purchase"}
	opt := small(shards)
	opt.Outbox = true
	e, err := pipeline.Open(cfg, store, opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.Replay(context.Background(), e, traffic(t, generate.Options{Seed: 5, Events: 20_000, Days: 20, Fraud: 0.2}), pipeline.ReplayOptions{TickRecords: 512}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func check(t *testing.T, dir string) []pipeline.Check {
	t.Helper()
	store, err := state.Open(dir, state.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	e, err := pipeline.OpenReader(store)
	if err != nil {
		t.Fatal(err)
	}
	v := e.View()
	defer func() { _ = v.Close() }()
	checks, err := v.Check(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return checks
}

func TestCheckHoldsOverGeneratedTraffic(t *testing.T) {
	dir := written(t, 2)
	for _, c := range check(t, dir) {
		if c.Violations > 0 || c.Checked == 0 {
			t.Errorf("%s: looked at %d, %d violations: %q", c.Name, c.Checked, c.Violations, c.Examples)
		}
	}
}

// Each kind of damage is found by the check that is there for it.
func TestCheckFindsDamage(t *testing.T) {
	pristine := written(t, 1)
	for _, d := range []struct {
		space state.Space
		what  string // done to the last key of the space: delete, or spoil its value
		found []string
	}{
		{state.ConvTimes, "delete", []string{"indexes"}},
		{state.SessionEnds, "delete", []string{"indexes"}},
		{state.SessionIDs, "delete", []string{"indexes"}},
		{state.SessionsOf, "delete", []string{"sessions cut anew"}},
		{state.Journal, "delete", []string{"journal"}},
		{state.Conversions, "delete", []string{"indexes", "minute_conversions", "minute_attribution"}},
		{state.Conversions, "spoil", []string{"every record"}},
		{state.Rollups, "delete", []string{"hour_attribution_by_touch"}},
		{state.DimsByTuple, "delete", []string{"every record"}},
		{state.Impressions, "delete", []string{"delivery"}},
		{state.Verdicts, "delete", []string{"verdict"}},
	} {
		t.Run(fmt.Sprintf("%c %s", d.space, d.what), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(dir, os.DirFS(pristine)); err != nil {
				t.Fatal(err)
			}
			damage(t, dir, d.space, d.what)
			bad := map[string]int64{}
			for _, c := range check(t, dir) {
				for _, name := range d.found {
					if len(c.Name) >= len(name) && (c.Name[:len(name)] == name || contains(c.Name, name)) {
						bad[name] += c.Violations
					}
				}
			}
			for _, name := range d.found {
				if bad[name] == 0 {
					t.Errorf("the check of %q finds nothing", name)
				}
			}
		})
	}
}

func contains(s, part string) bool {
	for i := range s {
		if len(s[i:]) >= len(part) && s[i:i+len(part)] == part {
			return true
		}
	}
	return false
}

func damage(t *testing.T, dir string, space state.Space, what string) {
	t.Helper()
	store, err := state.Open(dir, state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var last, value []byte
	err = store.Scan([]byte{byte(space)}, []byte{byte(space) + 1}, func(k, v []byte) bool {
		last, value = append(last[:0], k...), append(value[:0], v...)
		return true
	})
	if err != nil || last == nil {
		t.Fatalf("space %c holds nothing (%v)", space, err)
	}
	b := store.NewBatch()
	if what == "delete" {
		b.Delete(last)
	} else {
		b.Set(last, value[:len(value)/2])
	}
	if err := errors.Join(b.Commit(), store.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestReaderNeedsNoMatchingConfiguration(t *testing.T) {
	dir := written(t, 1)
	store, err := state.Open(dir, state.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	e, err := pipeline.OpenReader(store)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Config().Attribution.TouchTypes; len(got) != 3 || !e.Config().Attribution.ClickAbsorbsImpression {
		t.Errorf("the reader's rules are %+v; want those that the state was made by", e.Config().Attribution)
	}
	if _, err := pipeline.Open(pipeline.DefaultConfig(), store, small(1)); !errors.As(err, new(*pipeline.RulesError)) {
		t.Errorf("opened by other rules: %v; want a RulesError", err)
	}
}

// A sink that was at the last commit before a clean stop must learn of the
// rollup rows that the stop itself wrote.
func TestCloseTellsSinksOfTheRowsItWrites(t *testing.T) {
	e, done := openMem(t, pipeline.DefaultConfig(), pipeline.Options{Shards: 1, Outbox: true, SeenBytes: 1 << 20})
	defer done()
	at := event.Millis(1_772_625_600_000)
	rec := &event.Record{Event: event.Event{ID: "i", Kind: event.Impression, Type: "impression", Time: at, Person: "a:p", Currency: "USD", Amount: 5}}
	mustTick(t, e, &pipeline.Tick{Records: []pipeline.Stamped{{Record: rec, Watermark: event.NoTime}}, Watermark: at - 15_001})
	v := e.View()
	_, sent, _, err := v.ChangesAfter(0, 100)
	if err := errors.Join(err, v.Close()); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	v = e.View()
	changes, _, _, err := v.ChangesAfter(sent, 100)
	if err := errors.Join(err, v.Close()); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, c := range changes {
		found = found || c.Table == table.MinuteDelivery
	}
	if !found {
		t.Errorf("after commit %d the stop wrote rollups, but the outbox names %d changes and no row of minute_delivery", sent, len(changes))
	}
}

// A time in which no sink was configured must not be a gap that a sink, once it
// is there again, does not see.
func TestTimeWithoutSinksIsAGap(t *testing.T) {
	store, err := state.OpenMemory(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	at := event.Millis(1_772_625_600_000)
	tick := func(id string, outbox bool, after uint64) (commit uint64, err error) {
		opt := small(1)
		opt.Outbox = outbox
		e, err := pipeline.Open(pipeline.DefaultConfig(), store, opt)
		if err != nil {
			t.Fatal(err)
		}
		if id != "" {
			rec := &event.Record{Event: event.Event{ID: id, Kind: event.Conversion, Type: "conversion", Name: "buy", Time: at, Person: "u:p", Currency: "USD", Amount: 5}}
			mustTick(t, e, &pipeline.Tick{Records: []pipeline.Stamped{{Record: rec, Watermark: event.NoTime}}, Watermark: at - 15_001})
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		v := e.View()
		defer func() { _ = v.Close() }()
		_, _, _, err = v.ChangesAfter(after, 100)
		return v.Commit, err
	}
	first, err := tick("a", true, 0)
	if err != nil {
		t.Fatalf("with an outbox from the start: %v", err)
	}
	if _, err := tick("", false, first); !errors.Is(err, pipeline.ErrForgotten) {
		t.Errorf("while no outbox is kept: %v; want ErrForgotten", err)
	}
	if _, err := tick("b", false, first); !errors.Is(err, pipeline.ErrForgotten) {
		t.Errorf("while no outbox is kept: %v; want ErrForgotten", err)
	}
	last, err := tick("c", true, first)
	if !errors.Is(err, pipeline.ErrForgotten) {
		t.Errorf("from before the gap: %v; want ErrForgotten", err)
	}
	if _, err := tick("d", true, last); err != nil {
		t.Errorf("from after the gap: %v", err)
	}
}
