// Package verify runs this build against what is published and against the
// contract's invariants, in memory and within seconds: so that whoever installs
// the program can see for themselves that its money adds up.
//
// Invariants:
//  1. Everything goes through the decoder and the engine that serve and replay
//     use; nothing is computed here but what is expected.
//  2. What is expected is written down as it was published, not as the program
//     computes it.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/ingest"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// Result is one thing that was looked at.
type Result struct {
	Group  string // where it is published, or "invariants"
	Name   string
	Faults []string // empty: it holds
}

// Holds says whether it does.
func (r *Result) Holds() bool { return len(r.Faults) == 0 }

// Run runs all examples and invariants. An error means that they could not be
// run, not that one does not hold.
func Run(ctx context.Context) ([]Result, error) {
	var out []Result
	for _, part := range []func(context.Context) ([]Result, error){examples, arrivalOrders, generated} {
		results, err := part(ctx)
		if err != nil {
			return out, err
		}
		out = append(out, results...)
	}
	return out, nil
}

// clock is what the examples are read by: all of them lie before it.
const clock = event.Millis(4_102_444_800_000) // 2100-01-01

// run is how records are put through the engine.
type run struct {
	cfg      pipeline.Config
	shards   int
	lateness bool // as configured; else nothing is too late
}

func defaults() run { return run{cfg: pipeline.DefaultConfig(), shards: 1} }

// replay decodes the inputs' lines, replays them, and reads all tables.
func (r run) replay(ctx context.Context, inputs ...pipeline.Input) (tables conform.Tables, err error) {
	store, err := state.OpenMemory(8 << 20)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	engine, err := pipeline.Open(r.cfg, store, pipeline.Options{
		Shards: r.shards, NoLateness: !r.lateness, SeenBytes: 16 << 20, RecentPersons: 64 << 10,
	})
	if err != nil {
		return nil, err
	}
	if _, err := pipeline.Replay(ctx, engine, inputs, pipeline.ReplayOptions{}); err != nil {
		return nil, err
	}
	if err := engine.Close(); err != nil {
		return nil, err
	}
	view := engine.View()
	defer func() { err = errors.Join(err, view.Close()) }()
	tables = conform.Tables{}
	for _, t := range table.All {
		rows := []table.Row{}
		err := view.Scan(t, func(row table.Row) bool {
			rows = append(rows, row)
			return true
		})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", t.Name, err)
		}
		tables[t.Name] = rows
	}
	return tables, nil
}

// lines is an input of NDJSON text.
type lines struct {
	base    string
	records []event.Record
}

// newLines decodes and judges the lines as a file of them would be. times is
// how often each is handed in, one right after the other.
func newLines(base, text string, times int) (*lines, error) {
	lists, err := fraud.LoadLists(fraud.DefaultConfig().Lists, "")
	if err != nil {
		return nil, err
	}
	dec, cache := ingest.NewDecoder(ingest.DecodeConfig{DefaultCurrency: "USD"}), fraud.NewUACache()
	in := &lines{base: base}
	n := int64(0)
	for line := range strings.Lines(text) {
		n++
		raw := strings.TrimRight(line, "\n")
		if raw == "" {
			continue
		}
		for range times {
			var rec event.Record
			dec.Decode([]byte(raw), ingest.ImpliedType(base), clock, event.Position{Prefix: base + ":", N: n}, &rec)
			if rec.Dead == nil {
				rec.Event.Lists = lists.Judge(&rec.Event, cache)
			}
			in.records = append(in.records, rec)
		}
	}
	return in, nil
}

// Base implements pipeline.Input.
func (l *lines) Base() string { return l.base }

// Next implements pipeline.Input.
func (l *lines) Next(context.Context) ([]event.Record, error) {
	if len(l.records) == 0 {
		return nil, io.EOF
	}
	out := l.records
	l.records = nil
	return out, nil
}

// replayText replays one input.
func (r run) replayText(ctx context.Context, text string) (conform.Tables, error) {
	in, err := newLines("events.ndjson", text, 1)
	if err != nil {
		return nil, err
	}
	return r.replay(ctx, in)
}

// findings are faults in words, the first few.
func findings(list []conform.Finding) []string {
	const shown = 5
	var out []string
	for i, f := range list {
		if i == shown {
			return append(out, fmt.Sprintf("and %d more", len(list)-shown))
		}
		out = append(out, f.String())
	}
	return out
}
