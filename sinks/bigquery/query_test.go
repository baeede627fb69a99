package bigquery

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/sinks/rows/rowstest"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// deliver brings the sink to the source's commit.
func deliver(t testing.TB, src *sinktest.Source, s sinks.Sink, limit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	d := sinks.NewDeliverer(src, s, sinks.Options{MaxRows: limit, MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	d.Drain()
	if err := d.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// everything puts rows into every table.
func everything(n int) []sinktest.Put {
	var puts []sinktest.Put
	for _, tab := range table.All {
		if tab != table.Credits && tab != table.Conversions {
			puts = append(puts, sinktest.Put{Table: tab, Row: rowstest.Row(tab, n)})
		}
	}
	return append(puts, rowstest.Sale(fmt.Sprintf("sale-%d", n), int64(n+1)*1_000_001)...)
}

// TestViewsAndSums runs the views and the sums of reconcile for real: rows that
// were changed, deleted, sent twice or left behind by a resync, and what is
// final by the watermark.
func TestViewsAndSums(t *testing.T) {
	sql := testkit.StartWarehouseSQL(t)
	b := testkit.NewBigQuery(t)
	b.Evaluate = sql.BigQuery
	s := open(t, config(b))
	src := sinktest.NewSource()
	for n := range 30 {
		src.Commit(everything(n)...)
		if n == 10 {
			deliver(t, src, s, 20)
			src.Trim()
		}
	}
	gone := everything(3)
	for i := range gone {
		gone[i].Del = true
	}
	src.Commit(gone...)
	src.Commit(rowstest.Sale("sale-5", 0)...)
	deliver(t, src, s, 20)
	src.NewEpoch()
	src.Commit(everything(31)...)
	deliver(t, src, s, 20)
	noDifference(t, src, s)

	// A row is missing: it is found.
	src.Commit(everything(32)...)
	v, _ := src.View(t.Context())
	r, err := sinks.Compare(t.Context(), v, s)
	if err != nil || r.Total == 0 {
		t.Errorf("with a commit that is missing: %d differences, %v", r.Total, err)
	}

	want := src.Tables()
	for _, tab := range []*table.Table{table.MinuteDelivery, table.Conversions, table.Credits, table.Sessions, table.Journal} {
		var names []string
		for _, c := range tab.Columns {
			names = append(names, quote(c.Name))
		}
		found, err := sql.BigQuery(b.Tables(), viewsOf(s), "SELECT "+strings.Join(names, ", ")+" FROM "+s.schema.qualified(rows.ViewName(tab)))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != len(want[tab.Name])-len(everyRow(tab)) {
			t.Errorf("%s has %d rows; want %d", tab.Name, len(found), len(want[tab.Name])-len(everyRow(tab)))
		}
	}
}

// everyRow are the rows that one call of everything makes in a table.
func everyRow(tab *table.Table) (out []sinktest.Put) {
	for _, p := range everything(32) {
		if p.Table == tab && !p.Del {
			out = append(out, p)
		}
	}
	return out
}

func viewsOf(s *Sink) (out []string) {
	for _, t := range table.All {
		out = append(out, s.schema.view(t))
	}
	return out
}

func noDifference(t *testing.T, src *sinktest.Source, s sinks.Sink) {
	t.Helper()
	v, err := src.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := sinks.Compare(t.Context(), v, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range r.Differences {
		t.Error(d)
	}
	for _, tr := range r.Tables {
		if !tr.Kept || tr.State == 0 {
			t.Errorf("%s was not compared: kept %t, %d rows", tr.Table.Name, tr.Kept, tr.State)
		}
	}
}

func TestStatusFollowsTheWatermark(t *testing.T) {
	sql := testkit.StartWarehouseSQL(t)
	b := testkit.NewBigQuery(t)
	s := open(t, config(b))
	src := sinktest.NewSource()
	const now = rowstest.Start + 12*event.Hour // the source's watermark is just after
	put := func(tab *table.Table, n int, at event.Millis, status string) {
		row := rowstest.Row(tab, n)
		for i, c := range tab.Columns {
			if c.Type == table.Time {
				row[i] = table.At(at)
			}
		}
		if tab.Columns[0].Type == table.Text {
			row[0] = table.T(status)
		} else {
			row[1] = table.T(status)
		}
		row[len(row)-1] = table.T(status)
		src.Commit(sinktest.Put{Table: tab, Row: row})
	}
	put(table.MinuteDelivery, 1, now-2*event.Minute, "final")
	put(table.MinuteDelivery, 2, now, "provisional")
	put(table.MinuteDelivery, 3, now-event.Hour, "restated")
	put(table.Sessions, 1, now-20*event.Minute, "provisional")
	put(table.Sessions, 2, now-40*event.Minute, "final")
	put(table.HourByTouch, 1, now-29*event.Day, "provisional")
	put(table.HourByTouch, 2, now-31*event.Day, "final")
	deliver(t, src, s, 100)
	for tab, key := range map[*table.Table]string{table.MinuteDelivery: "campaign_id", table.Sessions: "session_id", table.HourByTouch: "model"} {
		found, err := sql.BigQuery(b.Tables(), viewsOf(s), "SELECT "+key+", status FROM "+s.schema.qualified(rows.ViewName(tab)))
		if err != nil || len(found) < 2 {
			t.Fatal(len(found), err)
		}
		for _, r := range found {
			if *r[0] != *r[1] {
				t.Errorf("%s is %s; want %s", tab.Name, *r[1], *r[0])
			}
		}
	}
}
