package sinktest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// Store is one empty store under test.
type Store struct {
	// Open connects a new sink to the store, as after a restart.
	Open func(t *testing.T) sinks.Sink
	// Read gives the current rows by table, sorted by key; tables without rows
	// may be left out. Of the status only whether it is restated is compared:
	// what is final follows from the watermark.
	Read func(t *testing.T) map[string][]table.Row
	// Tables are those that the store keeps; nil means all.
	Tables []*table.Table
	// Break makes the store fail in the middle of the next writes, at another
	// point for every n from 0; the function it returns heals it. Nil where
	// faults cannot be made.
	Break func(n int) (heal func())
	// Older puts the store back to how an older version of the program left it,
	// rows and all. Nil where there never was another layout.
	Older func(t *testing.T)
	// Wipe makes the store forget everything, as nobody should do. Nil where
	// that cannot be.
	Wipe func(t *testing.T)
}

var errLost = errors.New("the answer was lost")

// Run runs the suite; newStore gives a fresh store for each part.
func Run(t *testing.T, newStore func(t *testing.T) Store) {
	parts := []struct {
		name string
		run  func(t *testing.T, h *harness)
	}{
		{"empty", testEmpty},
		{"changes", testChanges},
		{"replay", testReplay},
		{"reordered retries", testReordered},
		{"lost answer", testLostAnswer},
		{"partial failure", testPartialFailure},
		{"zombie epoch", testZombie},
		{"restart", testRestart},
		{"older backup restored", testRestored},
		{"changes forgotten", testTrimmed},
		{"small batches", testSmallBatches},
		{"schema already there", testSchemaThere},
		{"schema of an older version", testOlderSchema},
		{"half a batch", testHalfBatch},
		{"down for long", testDownForLong},
		{"what progress says is there", testProgress},
		{"wiped", testWiped},
		{"odd texts", testOddTexts},
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) {
			st := newStore(t)
			h := &harness{t: t, store: st, src: NewSource(), sink: st.Open(t)}
			defer func() { _ = h.sink.Close() }()
			p.run(t, h)
		})
	}
}

type harness struct {
	t     *testing.T
	store Store
	src   *Source
	sink  sinks.Sink
	n     int // rows made so far
}

// deliver brings the sink up to date and fails the test if it cannot.
func (h *harness) deliver() {
	h.t.Helper()
	if err := h.run(h.sink, 100); err != nil {
		h.t.Fatal(err)
	}
}

// run drains a deliverer, for at most some minutes.
func (h *harness) run(s sinks.Sink, rows int) error {
	ctx, cancel := context.WithTimeout(h.t.Context(), 2*time.Minute)
	defer cancel()
	d := sinks.NewDeliverer(h.src, s, sinks.Options{MaxRows: rows, MinBackoff: time.Millisecond, MaxBackoff: 4 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	d.Drain()
	return d.Run(ctx)
}

// check compares the store with the source, row by row.
func (h *harness) check() {
	h.t.Helper()
	want, got := h.src.Tables(), h.store.Read(h.t)
	for _, t := range h.tables() {
		w, g := lines(t, want[t.Name]), lines(t, got[t.Name])
		if w != g {
			h.t.Fatalf("%s: the store holds\n%s\nwant\n%s", t.Name, g, w)
		}
	}
}

// tables are those that the store keeps.
func (h *harness) tables() []*table.Table {
	if h.store.Tables == nil {
		return table.All
	}
	return h.store.Tables
}

// lines writes rows out to compare and to show.
func lines(tab *table.Table, rows []table.Row) string {
	var b strings.Builder
	for _, r := range rows {
		for i, c := range tab.Columns {
			switch c.Type {
			case table.Text:
				if c.Name == "status" && r[i].Text != "restated" {
					continue
				}
				fmt.Fprintf(&b, " %s=%q", c.Name, r[i].Text)
			case table.List:
				fmt.Fprintf(&b, " %s=%q", c.Name, r[i].List)
			default:
				fmt.Fprintf(&b, " %s=%d", c.Name, r[i].Int)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// delivery is a row of a table with times in its key, conversion one of a
// table without.
func delivery(minute, clicks int) Put {
	row := make(table.Row, len(table.MinuteDelivery.Columns))
	row[0] = table.At(1768435200000 + event.Millis(minute)*event.Minute)
	row[1], row[2], row[3] = table.T("spring-sale"), table.T("Paid Search"), table.T("USD")
	row[table.MinuteDelivery.Col("clicks")] = table.I(int64(clicks))
	row[table.MinuteDelivery.Col("spend_micros")] = table.I(int64(clicks) * 1_250_000)
	row[table.MinuteDelivery.Col("status")] = table.T("provisional")
	if clicks%3 == 0 {
		row[table.MinuteDelivery.Col("status")] = table.T("restated")
	}
	return Put{Table: table.MinuteDelivery, Row: row}
}

func conversion(id string, micros int64, verdict string) Put {
	row := make(table.Row, len(table.Conversions.Columns))
	row[0], row[1], row[2] = table.T(id), table.T("u:1"), table.At(1768435200000)
	row[table.Conversions.Col("value_micros")] = table.I(micros)
	row[table.Conversions.Col("currency")] = table.T("USD")
	row[table.Conversions.Col("verdict")] = table.T(verdict)
	row[table.Conversions.Col("status")] = table.T("final")
	return Put{Table: table.Conversions, Row: row}
}

// sale is a conversion with its credits, as a source hands them out: first what
// stands for all credits that there were, then those that there are. The
// figures of each model add up.
func sale(id string, micros int64, touches int) []Put {
	puts := []Put{noCredits(id)}
	if touches == 0 {
		return append(puts, conversion(id, 0, "givt"))
	}
	for _, model := range []string{"linear", "last_touch"} {
		for i := range touches {
			row := make(table.Row, len(table.Credits.Columns))
			row[0], row[1], row[2] = table.T(id), table.T(model), table.I(int64(i+1))
			row[3] = table.At(1768435200000 - event.Millis(touches-i)*event.Hour)
			row[table.Credits.Col("touch_event_id")] = table.T(fmt.Sprintf("%s-t%d", id, i))
			row[table.Credits.Col("touch_type")] = table.T("click")
			row[table.Credits.Col("campaign_id")] = table.T("spring-sale")
			row[table.Credits.Col("channel")] = table.T("Paid Search")
			row[table.Credits.Col("touches")] = table.I(int64(touches))
			ppm, value := int64(1_000_000/touches), micros/int64(touches)
			if i == touches-1 {
				ppm, value = 1_000_000-ppm*int64(i), micros-value*int64(i)
			}
			if model == "last_touch" && i < touches-1 {
				continue
			} else if model == "last_touch" {
				ppm, value = 1_000_000, micros
			}
			row[table.Credits.Col("credit_ppm")], row[table.Credits.Col("value_micros")] = table.I(ppm), table.I(value)
			row[table.Credits.Col("currency")] = table.T("USD")
			puts = append(puts, Put{Table: table.Credits, Row: row})
		}
	}
	c := conversion(id, micros, "valid")
	c.Row[table.Conversions.Col("touches")] = table.I(int64(touches))
	return append(puts, c)
}

// noCredits stands for all credits of a conversion being gone.
func noCredits(id string) Put {
	row := make(table.Row, len(table.Credits.Columns))
	row[0], row[1] = table.T(id), table.T("")
	return Put{Table: table.Credits, Row: row, Del: true}
}

func entry(n int, conversion string) Put {
	row := make(table.Row, len(table.Journal.Columns))
	row[0], row[1], row[2] = table.T(fmt.Sprintf("j%06d", n)), table.T(conversion), table.T("linear")
	row[3] = table.At(1768435200000)
	row[table.Journal.Col("delta_ppm")], row[table.Journal.Col("delta_micros")] = table.I(1_000_000), table.I(int64(n))
	row[table.Journal.Col("cause")] = table.T("conversion")
	row[table.Journal.Col("at")] = table.At(1768435200000 + event.Millis(n)*event.Minute)
	return Put{Table: table.Journal, Row: row}
}

func deleted(p Put) Put { p.Del = true; return p }

// step makes a few commits that add, change and delete rows over three days.
func (h *harness) step() {
	for range 5 {
		h.n++
		puts := []Put{delivery(h.n*97, h.n), delivery(h.n/3*97, h.n+1000), entry(h.n, fmt.Sprintf("c%d", h.n))}
		puts = append(puts, sale(fmt.Sprintf("c%d", h.n), int64(h.n)*1e6+1, h.n%4+1)...)
		puts = append(puts, sale(fmt.Sprintf("c%d", h.n/2), int64(h.n)*2e6, h.n%3)...)
		if h.n%4 == 0 {
			gone := fmt.Sprintf("c%d", h.n/4)
			puts = append(puts, deleted(delivery(h.n/4*97, 0)), noCredits(gone), deleted(conversion(gone, 0, "")))
		}
		h.src.Commit(puts...)
	}
}

// batches are what a deliverer would send from after to now, cut small.
func (h *harness) batches(after uint64, limit int) []sinks.Batch {
	v, err := h.src.View(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	var out []sinks.Batch
	for after < v.Progress().Commit {
		b, err := v.Next(h.t.Context(), after, limit)
		if err != nil {
			h.t.Fatal(err)
		}
		b.After, b.View = after, v
		out = append(out, b)
		after = b.Commit
	}
	return out
}

func testEmpty(t *testing.T, h *harness) {
	at, err := h.sink.Cursor(t.Context())
	if err != nil || at.Commit != 0 {
		t.Fatalf("a store that was never written is at %v: %v", at, err)
	}
	h.deliver()
	h.check()
	h.src.Commit()
	h.deliver()
	if at, err := h.sink.Cursor(t.Context()); err != nil || at.Commit != 1 || at.Epoch != 1 || at.Watermark != 1768478400001 {
		t.Errorf("a commit without rows leaves the store at %+v: %v", at, err)
	}
}

func testChanges(t *testing.T, h *harness) {
	for range 6 {
		h.step()
		h.deliver()
		h.check()
	}
	if h.src.Acked(h.sink.Name()) != 30 {
		t.Errorf("acknowledged %d; want 30", h.src.Acked(h.sink.Name()))
	}
	for n := range 40 {
		id := fmt.Sprintf("c%d", n)
		h.src.Commit(deleted(delivery(n*97, 0)), deleted(delivery(n/3*97, 0)), noCredits(id), deleted(conversion(id, 0, "")))
	}
	h.deliver()
	h.check()
}

func testReplay(t *testing.T, h *harness) {
	h.step()
	h.deliver()
	for range 2 {
		for _, b := range h.batches(0, 3) {
			if err := h.sink.Apply(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		h.check()
	}
}

// testReordered sends old batches, with the rows of then, after newer ones.
func testReordered(t *testing.T, h *harness) {
	h.step()
	h.deliver()
	old := h.batches(0, 3)
	h.step()
	h.deliver()
	for i := len(old) - 1; i >= 0; i-- {
		if err := h.sink.Apply(t.Context(), old[i]); err != nil && !errors.Is(err, sinks.ErrGap) {
			t.Fatal(err)
		}
		h.check()
	}
	h.step()
	h.deliver()
	h.check()
}

// losing applies and then says that it failed.
type losing struct {
	sinks.Sink
	left int
}

func (l *losing) Apply(ctx context.Context, b sinks.Batch) error {
	err := l.Sink.Apply(ctx, b)
	if err == nil && l.left > 0 {
		l.left--
		return errLost
	}
	return err
}

func (l *losing) Resync(ctx context.Context, v sinks.View) error {
	err := l.Sink.Resync(ctx, v)
	if err == nil && l.left > 0 {
		l.left--
		return errLost
	}
	return err
}

func testLostAnswer(t *testing.T, h *harness) {
	s := &losing{h.sink, 1}
	for range 4 {
		h.step()
		s.left = 3
		if err := h.run(s, 3); err != nil {
			t.Fatal(err)
		}
		h.check()
	}
}

func testPartialFailure(t *testing.T, h *harness) {
	if h.store.Break == nil {
		t.Skip("no faults can be made in this store")
	}
	for n := range 40 {
		h.step()
		heal := h.store.Break(n)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		d := sinks.NewDeliverer(h.src, h.sink, sinks.Options{MaxRows: 5, MinBackoff: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
		d.Drain()
		_ = d.Run(ctx)
		cancel()
		if n%2 == 0 { // and the process dies of it
			_ = h.sink.Close()
			h.sink = h.store.Open(t)
		}
		heal()
		h.deliver()
		h.check()
	}
}

func testZombie(t *testing.T, h *harness) {
	h.step()
	h.deliver()
	h.step()
	old := h.batches(5, 3)
	h.src.NewEpoch()
	h.step()
	owner := h.store.Open(t)
	defer func() { _ = owner.Close() }()
	if err := h.run(owner, 100); err != nil {
		t.Fatal(err)
	}
	h.check()
	for _, b := range old {
		if err := h.sink.Apply(t.Context(), b); err == nil && !b.More {
			h.check() // taken, so it has to be harmless
		}
	}
	h.check()
	if err := h.sink.Resync(t.Context(), old[0].View); !errors.Is(err, sinks.ErrFenced) {
		t.Errorf("a zombie writes everything again: %v", err)
	}
	h.check()
	at, err := owner.Cursor(t.Context())
	if err != nil || at.Epoch != 2 || at.Commit != 15 {
		t.Errorf("the store is at %v after the zombie: %v", at, err)
	}
}

func testRestart(t *testing.T, h *harness) {
	for range 5 {
		h.step()
		h.deliver()
		if err := h.sink.Close(); err != nil {
			t.Fatal(err)
		}
		h.sink = h.store.Open(t)
		at, err := h.sink.Cursor(t.Context())
		if err != nil || at.Commit != uint64(h.n) || at.Epoch != 1 {
			t.Fatalf("after a restart at %v; want commit %d: %v", at, h.n, err)
		}
		h.check()
	}
}

// testRestored: the sink is ahead of the state, and holds rows and partitions
// that never were.
func testRestored(t *testing.T, h *harness) {
	h.step()
	h.deliver()
	restore := h.src.Backup()
	h.src.Commit(append(sale("never", 7e6, 2), delivery(50*1440, 7), noCredits("c1"), deleted(conversion("c1", 0, "")), entry(900_000, "never"))...)
	for range 3 {
		h.step()
	}
	h.deliver()
	restore()
	h.n = 5
	h.src.Commit(conversion("after", 9e6, "valid"))
	h.deliver()
	h.check()
	h.step()
	h.deliver()
	h.check()
}

func testTrimmed(t *testing.T, h *harness) {
	h.step()
	h.deliver()
	h.src.Commit(noCredits("c1"), deleted(conversion("c1", 0, "")), deleted(delivery(97, 0)))
	h.step()
	h.src.Trim()
	h.deliver()
	h.check()
}

func testSmallBatches(t *testing.T, h *harness) {
	for limit := range 12 {
		h.step()
		if err := h.run(h.sink, limit); err != nil {
			t.Fatal(err)
		}
		h.check()
	}
}
