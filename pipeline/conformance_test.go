package pipeline_test

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/ingest"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/pipeline"
)

const conformance = "../testdata/conformance"

// conformanceFiles are the inputs in the order of the published run.
var conformanceFiles = []string{
	"a-part.ndjson", "b-part.ndjson.gz", "c-part.ndjson", "d-part.ndjson", "impressions-k.ndjson", "clicks-m.ndjson", "conversions_n.ndjson",
}

// conformanceRun replays the published traffic from its files.
func conformanceRun(t *testing.T, config string, noLateness bool, shards int) ran {
	t.Helper()
	cfg, _, err := configs.Load(filepath.Join(conformance, "traffic", config), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := fraud.LoadLists(cfg.Fraud.Lists, cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	const asOf = event.Millis(1775865600000) // 2026-04-11T00:00:00Z
	var inputs []pipeline.Input
	for _, name := range conformanceFiles {
		f, err := ingest.OpenFile(filepath.Join(conformance, "traffic", name), ingest.FileOptions{
			Decode: cfg.DecodeConfig(), Clock: asOf, Workers: 1, // the tests of ingest run more
			NewJudge: func() func(*event.Event) event.Reasons {
				cache := fraud.NewUACache()
				return func(e *event.Event) event.Reasons { return lists.Judge(e, cache) }
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
		inputs = append(inputs, f)
	}
	opt := pipeline.Options{Shards: shards, NoLateness: noLateness, SeenBytes: 16 << 20, RecentPersons: 1 << 12, Version: lists.Version()}
	e, done := openMem(t, cfg.PipelineConfig(), opt)
	defer done()
	r, err := pipeline.Replay(context.Background(), e, inputs, pipeline.ReplayOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return ran{readTables(t, e), r.Counts}
}

// TestConformance: the published traffic gives the published tables, which an
// independent program made, in all three configurations, to the same bytes for
// every number of shards.
func TestConformance(t *testing.T) {
	for _, c := range []struct {
		name, config string
		noLateness   bool
	}{
		{"default", "config.yaml", false},
		{"options", "options.yaml", false},
		{"lateness-none", "config.yaml", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, faults, err := conform.Load(filepath.Join(conformance, "expected", c.name))
			if err != nil {
				t.Fatal(err)
			}
			report(t, "expected", faults)
			one := conformanceRun(t, c.config, c.noLateness, 1)
			opt := conform.Tolerance()
			opt.Status = true
			report(t, "tables", conform.Compare(want, one.tables, opt))
			report(t, "invariant", conform.Invariants(one.tables))
			if one.counts.Records == 0 || len(one.tables["credits"]) == 0 || len(one.tables["credit_journal"]) == 0 {
				t.Errorf("%d records gave %d credits and %d entries of the journal", one.counts.Records, len(one.tables["credits"]), len(one.tables["credit_journal"]))
			}
			for _, shards := range []int{2, 7} {
				more := conformanceRun(t, c.config, c.noLateness, shards)
				if !reflect.DeepEqual(one.tables, more.tables) {
					differ(t, fmt.Sprintf("%d shards", shards), text(one.tables), text(more.tables))
				}
			}
		})
	}
}
