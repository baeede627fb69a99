package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/table"
)

// sample is the generated traffic that invariants are run over: of a week, with
// fraud, repeats, late and malformed records in it.
var sample = generate.Options{Seed: 20260304, Events: 30_000, Fraud: 0.1}

// generated runs the invariants over traffic that is drawn.
func generated(ctx context.Context) (out []Result, err error) {
	dir, err := os.MkdirTemp("", "tributary-verify-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for generated traffic: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if _, err := generate.Write(ctx, sample, filepath.Join(dir, "traffic"), nil); err != nil {
		return nil, err
	}
	text := map[string]string{}
	for _, topic := range generate.Topics {
		b, err := os.ReadFile(filepath.Join(dir, "traffic", topic+".ndjson"))
		if err != nil {
			return nil, err
		}
		text[topic] = string(b)
	}
	replay := func(shards, times int) (conform.Tables, error) {
		var inputs []pipeline.Input
		for _, topic := range generate.Topics {
			in, err := newLines(topic+".ndjson", text[topic], times)
			if err != nil {
				return nil, err
			}
			inputs = append(inputs, in)
		}
		r := defaults()
		r.shards, r.lateness = shards, true
		return r.replay(ctx, inputs...)
	}
	one, err := replay(1, 1)
	if err != nil {
		return nil, err
	}
	three, err := replay(3, 1)
	if err != nil {
		return nil, err
	}
	twice, err := replay(2, 2)
	if err != nil {
		return nil, err
	}
	group := fmt.Sprintf("%d generated records", sample.Events)
	result := func(name string, faults []string) { out = append(out, Result{group, name, faults}) }
	var empty []string
	for _, t := range []*table.Table{table.Conversions, table.Credits, table.Sessions, table.Journal, table.Verdicts, table.HourDelivery} {
		if len(one[t.Name]) == 0 {
			empty = append(empty, t.Name+" has no rows")
		}
	}
	result("every table of money has rows", empty)
	result("credits sum to value and to 1,000,000 ppm; journal to credits; rollups to rows; gross = valid + undecided + givt + sivt + duplicate", findings(conform.Invariants(one)))
	result("rows are in order, their keys unique, their words known", findings(conform.Compare(one, one, conform.Options{})))
	result("1 shard and 3 shards give the same rows", identical(one, three))
	result("sending everything twice changes nothing", identical(one, twice))
	return out, nil
}

// identical compares all tables cell by cell.
func identical(want, got conform.Tables) []string {
	var faults []string
	for _, t := range table.All {
		a, b := want[t.Name], got[t.Name]
		if len(a) != len(b) {
			faults = append(faults, fmt.Sprintf("%s has %d rows; want %d", t.Name, len(b), len(a)))
			continue
		}
		for i := range a {
			if !slices.EqualFunc(a[i], b[i], func(x, y table.Value) bool {
				return x.Text == y.Text && x.Int == y.Int && slices.Equal(x.List, y.List)
			}) {
				faults = append(faults, fmt.Sprintf("%s: row %d is %v; want %v", t.Name, i, b[i], a[i]))
				break
			}
		}
	}
	return faults
}
