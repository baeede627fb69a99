package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/oracle"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// tester is what *testing.T, *testing.B and *rapid.T have in common.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// logJudged shows a history where its property fails.
func logJudged(t interface{ Logf(string, ...any) }, judged []oracle.Judged) {
	start := event.NoTime
	for _, j := range judged {
		if e := &j.Rec.Event; j.Rec.Dead == nil && (start == event.NoTime || e.Time < start) {
			start = e.Time
		}
	}
	for i, j := range judged {
		if j.Rec.Dead != nil {
			t.Logf("%d: dead letter %s", i, j.Rec.Dead.Pos)
			continue
		}
		e, watermark := &j.Rec.Event, "none"
		if j.Watermark != event.NoTime {
			watermark = fmt.Sprint(int64(j.Watermark - start))
		}
		t.Logf("%d: watermark %s, in %d: %s %s at %d person=%s user=%s anonymous=%s campaign=%s creative=%s ip=%s ua=%s amount=%d%s name=%s order=%s adjusts=%s restate=%v lists=%v",
			i, watermark, j.Input, e.Type, e.ID, e.Time-start, e.Person, e.UserID, e.AnonymousID, e.Campaign, e.Creative, e.IP, e.UserAgent,
			e.Amount, e.Currency, e.Name, e.OrderID, e.Adjusts, e.Restate, e.Lists.Names())
	}
}

// report fails the test with the first few findings.
func report(t tester, what string, findings []conform.Finding) {
	t.Helper()
	const shown = 8
	for i, f := range findings {
		if i == shown {
			t.Errorf("%s: and %d more", what, len(findings)-shown)
			break
		}
		t.Errorf("%s: %v", what, f)
	}
}

// engineConfig is the engine's configuration that means what the oracle's does.
func engineConfig(cfg oracle.Config) pipeline.Config {
	out := pipeline.DefaultConfig()
	out.Time.OutOfOrderness = cfg.OutOfOrderness
	out.Time.AllowedLateness = pipeline.Lateness(cfg.Lateness)
	out.Sessions, out.Attribution, out.Fraud = cfg.Sessions, cfg.Attribution, cfg.Fraud
	return out
}

// memInput is an input in memory that hands out its records a few at a time.
type memInput struct {
	base    string
	records []event.Record
	portion int // 0: all at once
}

func (m *memInput) Base() string { return m.base }

func (m *memInput) Next(context.Context) ([]event.Record, error) {
	if len(m.records) == 0 {
		return nil, io.EOF
	}
	n := len(m.records)
	if m.portion > 0 {
		n = min(n, m.portion)
	}
	out := m.records[:n:n]
	m.records = m.records[n:]
	return out, nil
}

func memInputs(inputs [][]event.Record, portion int) []pipeline.Input {
	out := make([]pipeline.Input, len(inputs))
	for i, records := range inputs {
		out[i] = &memInput{base: fmt.Sprintf("f%d.ndjson", i), records: records, portion: portion}
	}
	return out
}

// ran is what a run left.
type ran struct {
	tables conform.Tables
	counts pipeline.Counts
}

// small are options that let few records reach what many would: memory for
// ids and persons runs out, rollups are folded and rows recovered often.
func small(shards int) pipeline.Options {
	return pipeline.Options{Shards: shards, SeenBytes: 4 << 20, RecentPersons: 1 << 10, FoldEvery: 8}
}

// openMem opens an engine on a new store in memory that is thrown away.
func openMem(t tester, cfg pipeline.Config, opt pipeline.Options) (*pipeline.Engine, func()) {
	t.Helper()
	return openMemCache(t, cfg, opt, 1<<20)
}

// openMemCache is openMem with a cache of so many bytes.
func openMemCache(t tester, cfg pipeline.Config, opt pipeline.Options, cache int64) (*pipeline.Engine, func()) {
	t.Helper()
	store, err := state.Open("data", state.Options{FS: vfs.NewMem(), Ephemeral: true, CacheSize: cache})
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	e, err := pipeline.Open(cfg, store, opt)
	if err != nil {
		t.Fatalf("open the engine: %v", err)
	}
	return e, func() {
		if err := errors.Join(e.Close(), store.Close()); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
}

// replay runs inputs through a new engine.
func replay(t tester, cfg pipeline.Config, opt pipeline.Options, ropt pipeline.ReplayOptions, inputs []pipeline.Input) ran {
	t.Helper()
	e, done := openMem(t, cfg, opt)
	defer done()
	r, err := pipeline.Replay(context.Background(), e, inputs, ropt)
	if err != nil {
		t.Fatalf("replay: %v", err)
	}
	return ran{readTables(t, e), r.Counts}
}

// apply gives a new engine the records as they were judged, in ticks of n, and
// then closes everything.
func apply(t tester, cfg pipeline.Config, opt pipeline.Options, n int, judged []oracle.Judged) ran {
	t.Helper()
	e, done := openMem(t, cfg, opt)
	defer done()
	for _, tick := range ticks(judged, n) {
		mustTick(t, e, tick)
	}
	out := ran{tables: readTables(t, e)}
	v := e.View()
	out.counts = v.Counts
	if err := v.Close(); err != nil {
		t.Fatalf("close the view: %v", err)
	}
	return out
}

func mustTick(t tester, e *pipeline.Engine, tick *pipeline.Tick) {
	t.Helper()
	c, err := e.Tick(tick)
	if err == nil {
		err = c.Wait()
	}
	if err != nil {
		t.Fatalf("tick: %v", err)
	}
}

// ticks cuts judged records into ticks of n records; a last one closes
// everything. Inputs say how many records lie behind each. What a tick may leave
// for later differs from one to the next: nothing may depend on it.
func ticks(judged []oracle.Judged, n int) []*pipeline.Tick {
	var out []*pipeline.Tick
	for at := 0; at < len(judged); at += n {
		end := min(at+n, len(judged))
		tick := &pipeline.Tick{Watermark: judged[end-1].Watermark, Inputs: fmt.Append(nil, end)}
		tick.Settle = []int{pipeline.Later, 1, pipeline.Later, 0, pipeline.Later}[at/n%5]
		if end < len(judged) {
			tick.Watermark = judged[end].Watermark
		}
		for i := at; i < end; i++ {
			tick.Records = append(tick.Records, pipeline.Stamped{Record: &judged[i].Rec, Watermark: judged[i].Watermark})
		}
		out = append(out, tick)
	}
	return append(out, &pipeline.Tick{Watermark: event.EndOfTime, Inputs: fmt.Append(nil, len(judged))})
}

// readTables copies all tables.
func readTables(t tester, e *pipeline.Engine) conform.Tables {
	t.Helper()
	v := e.View()
	out := conform.Tables{}
	for _, tab := range table.All {
		rows := []table.Row{}
		err := v.Scan(tab, func(r table.Row) bool {
			rows = append(rows, append(table.Row(nil), r...))
			return true
		})
		if err != nil {
			t.Fatalf("scan %s: %v", tab.Name, err)
		}
		out[tab.Name] = rows
	}
	if err := v.Close(); err != nil {
		t.Fatalf("close the view: %v", err)
	}
	return out
}

// text is every cell of every table, but for the columns and tables left out.
func text(tables conform.Tables, without ...string) string {
	skip := map[string]bool{}
	for _, name := range without {
		skip[name] = true
	}
	var b strings.Builder
	for _, tab := range table.All {
		if skip[tab.Name] {
			continue
		}
		for _, r := range tables[tab.Name] {
			fmt.Fprintf(&b, "%s:", tab.Name)
			for i, c := range tab.Columns {
				if !skip[c.Name] {
					fmt.Fprintf(&b, " %s=%q/%d/%q", c.Name, r[i].Text, r[i].Int, r[i].List)
				}
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// differ fails the test with the first lines in which two texts differ.
func differ(t tester, what, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	count := map[string]int{}
	for line := range strings.Lines(want) {
		count[line]++
	}
	for line := range strings.Lines(got) {
		count[line]--
	}
	shown := 0
	show := func(sign int, in string) {
		for line := range strings.Lines(in) {
			if count[line]*sign > 0 && shown < 8 {
				count[line] -= sign
				shown++
				t.Errorf("%s: %s %s", what, map[int]string{1: "want", -1: "got"}[sign], strings.TrimSpace(line))
			}
		}
	}
	show(1, want)
	show(-1, got)
	if shown == 0 {
		t.Errorf("%s: the same lines in another order", what)
	}
}

// Recycle keeps the records: tests look at them again.
func (m *memInput) Recycle([]event.Record) {}
