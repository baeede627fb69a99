package pipeline_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/oracle"
	"github.com/tributary-data/tributary/internal/oracle/draw"
	"github.com/tributary-data/tributary/pipeline"
)

// fewer runs a property over a share of the checks that the flags ask for, so
// that the dear ones do not make the default run long.
func fewer(t *testing.T, oneIn int, property func(*rapid.T)) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		if oneIn > 1 && rapid.IntRange(0, oneIn-1).Draw(rt, "share") != 0 {
			return
		}
		property(rt)
	})
}

// drawOptions draws what must not matter: shards, memory, folding.
func drawOptions(t *rapid.T, cfg oracle.Config) pipeline.Options {
	return pipeline.Options{
		Shards:        rapid.SampledFrom([]int{1, 2, 7}).Draw(t, "shards"),
		NoLateness:    cfg.NoLateness,
		FoldEvery:     rapid.SampledFrom([]int{0, 1, 3, 64}).Draw(t, "fold every"),
		SeenBytes:     rapid.SampledFrom([]int{1 << 20, 1 << 11}).Draw(t, "seen bytes"),
		RecentPersons: rapid.SampledFrom([]int{1 << 10, 7}).Draw(t, "recent persons"),
		LongRun:       rapid.SampledFrom([]int{1, 2, 4, 1 << 10}).Draw(t, "long run"),
		Outbox:        rapid.Bool().Draw(t, "outbox"),
	}
}

// remembered leaves out identifications that come more than 90 days after the
// history's first event: by then the engine may have dropped what they would
// link, which the model never does.
func remembered(inputs [][]event.Record) [][]event.Record {
	first := event.EndOfTime
	for _, in := range inputs {
		for _, r := range in {
			if r.Dead == nil {
				first = min(first, r.Event.Time)
			}
		}
	}
	for i := range inputs {
		inputs[i] = slices.DeleteFunc(inputs[i], func(r event.Record) bool {
			return r.Dead == nil && r.Event.Kind == event.Identify && r.Event.Time-first > 90*event.Day
		})
	}
	return inputs
}

// TestEngineIsTheModel: whatever the ticks, shards and memory, the tables of a
// replay are those of the oracle to the micro.
func TestEngineIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := draw.Config(t)
		inputs := remembered(draw.History(t, cfg, draw.Options{Dead: true}))
		judged := oracle.Replay(cfg, inputs)
		logJudged(t, judged)
		want := oracle.Run(cfg, judged)
		opt := drawOptions(t, cfg)
		ropt := pipeline.ReplayOptions{TickRecords: rapid.SampledFrom([]int{1, 2, 5, 13, 4096}).Draw(t, "tick")}
		portion := rapid.SampledFrom([]int{0, 1, 3}).Draw(t, "portion")

		got := replay(t, engineConfig(cfg), opt, ropt, memInputs(inputs, portion))
		report(t, "model", conform.Compare(want.Tables, got.tables, conform.Options{}))
		report(t, "invariant", conform.Invariants(got.tables))
		compareCounts(t, want, got.counts)
	})
}

// compareCounts compares what became of the records.
func compareCounts(t tester, want *oracle.Result, got pipeline.Counts) {
	t.Helper()
	applied := got.Impressions + got.Clicks + got.Conversions + got.Behavioural + got.Adjustments + got.Identifies
	dead := int64(0)
	for code, n := range got.DeadLetters {
		if code != event.BadAdjustment {
			dead += n
		}
	}
	have := [4]int64{applied, got.Duplicates, got.TooLate, dead}
	should := [4]int64{int64(want.Applied), int64(want.Duplicates), int64(want.TooLate), int64(want.Dead)}
	if have != should {
		t.Errorf("applied, duplicates, too late, dead: got %v, want %v", have, should)
	}
	bad := int64(0)
	for _, r := range want.Tables["dead_letters"] {
		if r[1].Text == string(event.BadAdjustment) {
			bad++
		}
	}
	if got.BadAdjustments != bad || got.DeadLetters[event.BadAdjustment] != bad {
		t.Errorf("bad adjustments: got %d, want %d", got.BadAdjustments, bad)
	}
}

// TestShardsDoNotMatter: with the same ticks every cell is the same, the
// journal and the statuses included, for every number of shards.
func TestShardsDoNotMatter(t *testing.T) {
	fewer(t, 2, func(t *rapid.T) {
		cfg := draw.Config(t)
		judged := oracle.Replay(cfg, draw.History(t, cfg, draw.Options{Dead: true}))
		logJudged(t, judged)
		n := rapid.SampledFrom([]int{1, 13, 4096}).Draw(t, "tick")
		var want ran
		for _, shards := range []int{1, 2, 7} {
			opt := small(shards)
			opt.NoLateness = cfg.NoLateness
			got := apply(t, engineConfig(cfg), opt, n, judged)
			if shards == 1 {
				want = got
				continue
			}
			differ(t, fmt.Sprintf("%d shards", shards), text(want.tables), text(got.tables))
			if fmt.Sprint(want.counts) != fmt.Sprint(got.counts) {
				t.Errorf("%d shards count %+v, one counts %+v", shards, got.counts, want.counts)
			}
		}
	})
}

// TestStatusIsTheModel: record by record, exactly the rows that the contract
// calls restated are.
func TestStatusIsTheModel(t *testing.T) {
	fewer(t, 2, func(t *rapid.T) {
		cfg := draw.Config(t)
		judged := oracle.Replay(cfg, draw.History(t, cfg, draw.Options{Events: 16, Inputs: 2}))
		logJudged(t, judged)
		want := oracle.RunWithStatus(cfg, judged)
		opt := small(1)
		opt.NoLateness = cfg.NoLateness
		got := apply(t, engineConfig(cfg), opt, 1, judged)
		report(t, "status", conform.Compare(want.Tables, got.tables, conform.Options{Status: true, Exact: true}))
	})
}

// TestArrivalDoesNotMatter: every order of arrival gives the same tables.
func TestArrivalDoesNotMatter(t *testing.T) {
	fewer(t, 2, func(t *rapid.T) {
		cfg := draw.Config(t)
		cfg.NoLateness = true
		judged := oracle.Replay(cfg, draw.History(t, cfg, draw.Options{Unique: true}))
		want := oracle.Run(cfg, judged)
		shuffled := rapid.Permutation(judged).Draw(t, "order")
		logJudged(t, shuffled)
		got := apply(t, engineConfig(cfg), drawOptions(t, cfg), rapid.SampledFrom([]int{1, 7, 4096}).Draw(t, "tick"), restamped(shuffled))
		report(t, "order", conform.Compare(want.Tables, got.tables, conform.Options{Tables: ordered()}))
		report(t, "invariant", conform.Invariants(got.tables))
	})
}

// restamped gives records in another order watermarks that do not go back.
func restamped(judged []oracle.Judged) []oracle.Judged {
	out := slices.Clone(judged)
	watermark := event.NoTime
	for i := range out {
		watermark = max(watermark, out[i].Watermark)
		out[i].Watermark = watermark
	}
	return out
}

// ordered are the tables that no order of arrival may change.
func ordered() []string {
	return []string{
		"minute_delivery", "hour_delivery", "minute_invalid", "minute_conversions", "minute_attribution",
		"hour_attribution_by_touch", "sessions", "conversions", "credits", "verdicts",
	}
}

// TestInOrderNothingIsRestated: records that come in the order of their times,
// adjustments, links and ids used again left out, restate nothing.
func TestInOrderNothingIsRestated(t *testing.T) {
	fewer(t, 2, func(t *rapid.T) {
		cfg := draw.Config(t)
		var events []event.Record
		for _, in := range draw.History(t, cfg, draw.Options{Unique: true}) {
			for _, r := range in {
				known := slices.ContainsFunc(events, func(o event.Record) bool {
					return r.Event.Kind == event.Conversion && o.Event.Kind == event.Conversion && o.Event.ID == r.Event.ID
				})
				if r.Event.Kind != event.Adjustment && r.Event.Kind != event.Identify && !known {
					events = append(events, r)
				}
			}
		}
		slices.SortStableFunc(events, func(a, b event.Record) int { return a.Event.Ref().Compare(b.Event.Ref()) })
		ropt := pipeline.ReplayOptions{TickRecords: rapid.SampledFrom([]int{1, 5, 4096}).Draw(t, "tick")}
		logJudged(t, oracle.Replay(cfg, [][]event.Record{events}))
		got := replay(t, engineConfig(cfg), drawOptions(t, cfg), ropt, memInputs([][]event.Record{events}, 0))
		for name, rows := range got.tables {
			for _, r := range rows {
				if len(r) > 0 && r[len(r)-1].Text == "restated" {
					t.Errorf("%s: in-order input restated %v", name, r)
				}
			}
		}
		for _, j := range got.tables["credit_journal"] {
			if j[8].Text != "conversion" {
				t.Errorf("in-order input is journalled as %s: %v", j[8].Text, j)
			}
		}
	})
}
