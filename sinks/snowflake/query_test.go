package snowflake

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

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

// TestStatementsForReal runs everything that the sink says by a program that
// translates Snowflake's SQL: tables, merges, views, the sums of reconcile; rows
// that were changed, deleted, sent twice or left behind by a resync.
func TestStatementsForReal(t *testing.T) {
	sql := testkit.StartWarehouseSQL(t)
	b := testkit.NewSnowflake(t)
	b.Evaluate = sql.Snowflake
	s := open(t, config(b))
	src := sinktest.NewSource()
	for n := range 12 {
		src.Commit(everything(n)...)
	}
	deliver(t, src, s, 100)
	gone := everything(3)
	for i := range gone {
		gone[i].Del = true
	}
	src.Commit(gone...)
	src.Commit(rowstest.Sale("sale-5", 0)...)
	restated := rowstest.Row(table.MinuteDelivery, 7)
	restated[len(restated)-1] = table.T("restated")
	src.Commit(sinktest.Put{Table: table.MinuteDelivery, Row: restated})
	v, _ := src.View(t.Context())
	batch, _ := v.Next(t.Context(), 12, 1000)
	batch.After, batch.View = 12, v
	for range 2 { // sending it twice changes nothing
		if err := s.Apply(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		s.known = false
	}
	noDifference(t, src, s)

	src.NewEpoch()
	src.Commit(everything(13)...)
	deliver(t, src, s, 100)
	noDifference(t, src, s)

	// What a writer of the epoch before brings in late is not seen.
	stale := record{t: table.MinuteDelivery, key: rowstest.Row(table.MinuteDelivery, 99)[:4], row: rowstest.Row(table.MinuteDelivery, 99), rev: sinks.Rev(1, 999)}
	if err := s.write(t.Context(), table.MinuteDelivery, []record{stale}); err != nil {
		t.Fatal(err)
	}
	noDifference(t, src, s)

	// The view gives every cell as it is in the state.
	for _, tab := range []*table.Table{table.MinuteDelivery, table.Verdicts, table.Credits} {
		var names []string
		for i, c := range tab.Columns {
			q := quote(c.Name)
			if c.Type == table.Time {
				q = "DATEDIFF(MILLISECOND, '1970-01-01'::TIMESTAMP_NTZ, " + q + ")"
			}
			if c.Type == table.List || i == rows.Status(tab) {
				continue
			}
			names = append(names, q)
		}
		found, err := s.client.run(t.Context(), "SELECT "+strings.Join(names, ", ")+" FROM "+s.schema.qualified(rows.ViewName(tab)), "")
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, cells := range found {
			got[line(cells)] = true
		}
		want := src.Tables()[tab.Name]
		if len(got) != len(want) {
			t.Errorf("%s has %d rows; want %d", tab.Name, len(got), len(want))
		}
		for _, row := range want {
			var cells []*string
			for i, c := range tab.Columns {
				text := row[i].Text
				if c.Type == table.Int || c.Type == table.Time {
					text = fmt.Sprint(row[i].Int)
				}
				if c.Type != table.List && i != rows.Status(tab) {
					cells = append(cells, &text)
				}
			}
			if !got[line(cells)] {
				t.Errorf("%s lacks %s", tab.Name, line(cells))
			}
		}
	}
	status(t, s)
}

func line(cells []*string) string {
	var out []string
	for _, c := range cells {
		if c == nil {
			out = append(out, "null")
			continue
		}
		out = append(out, *c)
	}
	return strings.Join(out, "|")
}

// status: the source's watermark is 12 hours after the first row.
func status(t *testing.T, s *Sink) {
	t.Helper()
	found, err := s.client.run(t.Context(), `SELECT "STATUS", COUNT(*) FROM `+s.schema.qualified("v_minute_delivery")+` GROUP BY 1 ORDER BY 1`, "")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range found {
		all = append(all, line(r))
	}
	if got := strings.Join(all, " "); got != "final|11 restated|1" {
		t.Errorf("got %s", got)
	}
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
