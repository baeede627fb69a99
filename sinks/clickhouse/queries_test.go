package clickhouse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// shipped reads a query of the documentation, with the sink's database in it.
func shipped(t testing.TB, s *Sink, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../docs/queries", name+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimRight(strings.TrimSpace(string(b)), ";"), "FROM v_", "FROM "+ident(s.cfg.Database)+".v_")
}

// ask runs a query and gives its answer with columns by name, as text.
func ask(t testing.TB, s *Sink, sql string, params clickhouse.Parameters) (out []map[string]string) {
	t.Helper()
	ctx, cancel := s.context(t.Context(), clickhouse.WithParameters(params))
	defer cancel()
	rows, err := s.conn.Query(ctx, sql)
	if err != nil {
		t.Fatalf("%s\n%v", sql, err)
	}
	defer rows.Close()
	for rows.Next() {
		into := make([]any, len(rows.Columns()))
		for i, typ := range rows.ColumnTypes() {
			into[i] = newOf(t, typ.DatabaseTypeName())
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := map[string]string{}
		for i, name := range rows.Columns() {
			row[name] = textOf(into[i])
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func newOf(t testing.TB, typ string) any {
	switch {
	case strings.Contains(typ, "String"):
		return new(string)
	case strings.HasPrefix(typ, "Float64"):
		return new(float64)
	case strings.HasPrefix(typ, "Int64"):
		return new(int64)
	case strings.HasPrefix(typ, "UInt64"):
		return new(uint64)
	case strings.HasPrefix(typ, "Date"):
		return new(time.Time)
	}
	t.Fatalf("a column of type %s: the test cannot read it", typ)
	return nil
}

func textOf(v any) string {
	switch x := v.(type) {
	case *string:
		return *x
	case *float64:
		return fmt.Sprint(*x)
	case *int64:
		return fmt.Sprint(*x)
	case *uint64:
		return fmt.Sprint(*x)
	case *time.Time:
		return x.UTC().Format("2006-01-02 15:04")
	}
	return "?"
}

const week = 7 * event.Day

// monday is the start of the traffic: 2026-01-05.
const monday = event.Millis(1767571200000)

// traffic is five weeks of three campaigns, made the same on every run: `steady`
// never changes, `busy` gets five times its clicks in the last hour, `gone` has
// none there.
type traffic struct {
	src         *sinktest.Source
	delivery    []table.Row
	conversions []table.Row
	credits     []table.Row
}

func makeTraffic() *traffic {
	x := &traffic{src: sinktest.NewSource()}
	rnd := rand.New(rand.NewPCG(1, 2))
	var puts []sinktest.Put
	put := func(t *table.Table, row table.Row) table.Row {
		puts = append(puts, sinktest.Put{Table: t, Row: row})
		return row
	}
	for hour := monday; hour < monday+5*week; hour += event.Hour {
		if hour%(6*event.Hour) != 0 { // every sixth hour is enough
			continue
		}
		last := hour == monday+4*week+6*event.Hour
		for _, campaign := range []string{"busy", "gone", "steady"} {
			clicks := int64(90 + rnd.IntN(20))
			switch {
			case last && campaign == "busy":
				clicks *= 5
			case last && campaign == "gone":
				clicks = 0
			}
			givt, sivt := clicks/20, clicks/25
			sums := []table.Value{table.I(clicks * 40), table.I(clicks), table.I(clicks), table.I(0), table.I(givt), table.I(sivt), table.I(clicks * 1_500_000), table.I((givt + sivt) * 1_500_000), table.T("final")}
			h := slices.Concat(table.Row{table.At(hour), table.T(campaign), table.T("ag"), table.T("cr"), table.T("pub"), table.T("DE"), table.T("Paid Search"), table.T("EUR")}, sums)
			m := slices.Concat(table.Row{table.At(hour + 7*event.Minute), table.T(campaign), table.T("Paid Search"), table.T("EUR")}, sums)
			put(table.HourDelivery, h)
			x.delivery = append(x.delivery, put(table.MinuteDelivery, m))
			put(table.MinuteAttribution, table.Row{table.At(hour + 9*event.Minute), table.T("last_non_direct"), table.T(campaign), table.T("Paid Search"), table.T("EUR"), table.I(1e6), table.I(clicks * 3_000_000), table.T("final")})
		}
		n := rnd.IntN(14)
		x.addConversion(put, fmt.Sprintf("c%d", hour/event.Hour), hour+11*event.Minute, n, rnd.Int64N(1e9))
	}
	for i := range 10 {
		put(table.Journal, table.Row{
			table.T(fmt.Sprintf("j%d", i)), table.T(fmt.Sprintf("c%d", i/2)), table.T("linear"), table.At(monday), table.T("t"), table.T("click"),
			table.I(0), table.I(-1_000_000), table.T([]string{"adjustment", "conversion"}[i%2]), table.At(monday + event.Millis(i)*event.Hour),
		})
	}
	x.src.Commit(puts...)
	return x
}

func (x *traffic) addConversion(put func(*table.Table, table.Row) table.Row, id string, at event.Millis, touches int, value int64) {
	row := table.Row{
		table.T(id), table.T("u:1"), table.At(at), table.T("purchase"), table.T(""), table.I(value), table.I(value), table.T("EUR"),
		table.T("valid"), table.T(""), table.I(int64(touches)), table.I(0), table.T("s"), table.T("final"),
	}
	x.conversions = append(x.conversions, put(table.Conversions, row))
	for _, model := range []string{"first_touch", "linear"} {
		for n := range max(touches, 1) {
			c := table.Row{
				table.T(id), table.T(model), table.I(int64(n + 1)), table.At(at - event.Millis(n)*event.Hour), table.T(fmt.Sprintf("t%d", n)), table.T("click"),
				table.T("busy"), table.T("ag"), table.T("cr"), table.T("Paid Search"), table.I(int64(touches)), table.I(int64(1e6 / max(touches, 1))), table.I(value / int64(max(touches, 1))), table.T("EUR"),
			}
			if touches == 0 {
				c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9] = table.I(0), table.At(event.NoTime), table.T(""), table.T(""), table.T(""), table.T(""), table.T(""), table.T("(none)")
			}
			x.credits = append(x.credits, put(table.Credits, c))
			if model == "first_touch" {
				break
			}
		}
	}
}

// filled is a sink that holds the traffic.
func filled(t *testing.T, x *traffic) (*Sink, *testkit.ClickHouse) {
	t.Helper()
	server := testkit.StartClickHouse(t)
	s := openSink(t, configFor(server))
	resync(t, s, x.src)
	return s, server
}

func resync(t testing.TB, s *Sink, src *sinktest.Source) {
	t.Helper()
	if _, err := s.Cursor(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := src.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Resync(t.Context(), v); err != nil {
		t.Fatal(err)
	}
}

func sum(rows []table.Row, t *table.Table, column string, where func(table.Row) bool) (n int64) {
	for _, r := range rows {
		if where == nil || where(r) {
			n += r[t.Col(column)].Int
		}
	}
	return n
}

// shippedQueries are those that TestShippedQueries runs.
var shippedQueries = []string{"anomaly", "corrections", "gross_to_net", "models", "path_lengths", "top_campaigns", "trend"}

// TestShippedQueries runs every query of the documentation and adds the same
// up from the rows.
func TestShippedQueries(t *testing.T) {
	x := makeTraffic()
	s, _ := filled(t, x)
	all := clickhouse.Parameters{"from": "2026-01-05 00:00:00", "to": "2026-02-09 00:00:00", "model": "last_non_direct", "n": "2", "currency": "EUR"}
	clicks := func(where func(table.Row) bool) int64 { return sum(x.delivery, table.MinuteDelivery, "clicks", where) }
	of := func(campaign string) func(table.Row) bool {
		return func(r table.Row) bool { return r[1].Text == campaign }
	}

	t.Run("top_campaigns", func(t *testing.T) {
		got := ask(t, s, shipped(t, s, "top_campaigns"), all)
		if len(got) != 2 || got[0]["campaign_id"] != "busy" {
			t.Fatalf("%v; want the two that spent most, busy first", got)
		}
		for _, r := range got {
			n := clicks(of(r["campaign_id"]))
			if r["clicks"] != fmt.Sprint(n) || r["spend"] != fmt.Sprint(float64(n)*1.5) || r["value"] != fmt.Sprint(float64(n)*3) || r["return_on_spend"] != "2" {
				t.Errorf("%v; want %d clicks that cost 1.5 and brought 3", r, n)
			}
		}
	})
	t.Run("trend", func(t *testing.T) {
		got := ask(t, s, shipped(t, s, "trend"), all)
		if len(got) != 5*7*24 {
			t.Fatalf("%d hours; want all of five weeks, also those without a row", len(got))
		}
		var total int64
		for _, r := range got {
			var n int64
			fmt.Sscan(r["clicks"], &n)
			total += n
		}
		if total != clicks(nil) || got[1]["clicks"] != "0" || got[1]["clicks_mean_24h"] != got[0]["clicks"] {
			t.Errorf("%d clicks, then %v; want %d", total, got[:2], clicks(nil))
		}
	})
	t.Run("anomaly", func(t *testing.T) {
		got := ask(t, s, shipped(t, s, "anomaly"), clickhouse.Parameters{"hour": "2026-02-02 06:00:00", "at_least": "20", "deviations": "4"})
		if len(got) != 2 || got[0]["campaign_id"] != "busy" || got[1]["campaign_id"] != "gone" || got[1]["now_clicks"] != "0" || strings.HasPrefix(got[0]["deviations_off"], "-") {
			t.Errorf("%v; want busy above and gone below, steady left out", got)
		}
		before := clicks(func(r table.Row) bool {
			ago := monday + 4*week + 6*event.Hour + 7*event.Minute - event.Millis(r[0].Int)
			return r[1].Text == "busy" && ago > 0 && ago%week == 0
		})
		if want := math.Round(float64(before)/4*10) / 10; got[0]["expected"] != fmt.Sprint(want) {
			t.Errorf("%v; want %v", got[0], want)
		}
	})
	t.Run("gross_to_net", func(t *testing.T) {
		got := ask(t, s, shipped(t, s, "gross_to_net"), all)
		if len(got) != 35 {
			t.Fatalf("%d days; want 35", len(got))
		}
		day := func(r table.Row) bool { return event.Millis(r[0].Int).Floor(event.Day) == monday }
		gross, givt, sivt := clicks(day), sum(x.delivery, table.MinuteDelivery, "givt_clicks", day), sum(x.delivery, table.MinuteDelivery, "sivt_clicks", day)
		if got[0]["gross_clicks"] != fmt.Sprint(gross) || got[0]["net_clicks"] != fmt.Sprint(gross-givt-sivt) {
			t.Errorf("%v; want %d - %d - %d", got[0], gross, givt, sivt)
		}
	})
	t.Run("path_lengths", func(t *testing.T) {
		counts := map[string]int64{}
		for _, r := range x.conversions {
			name := fmt.Sprint(r[10].Int)
			if r[10].Int >= 10 {
				name = "10 and more"
			}
			counts[name]++
		}
		got := ask(t, s, shipped(t, s, "path_lengths"), all)
		if len(got) != len(counts) || got[len(got)-1]["path_length"] != "10 and more" {
			t.Fatalf("%v; want %v", got, counts)
		}
		for _, r := range got {
			if r["conversions"] != fmt.Sprint(counts[r["path_length"]]) {
				t.Errorf("%v; want %v", r, counts)
			}
		}
	})
	t.Run("models", func(t *testing.T) {
		got := ask(t, s, shipped(t, s, "models"), all)
		if len(got) != 1 || got[0]["last_non_direct"] != fmt.Sprint(float64(clicks(nil))*3) || got[0]["linear"] != "0" {
			t.Errorf("%v; want %d", got, clicks(nil)*3)
		}
	})
	t.Run("corrections", func(t *testing.T) {
		p := clickhouse.Parameters{"from": all["from"], "to": all["to"], "model": "linear"}
		got := ask(t, s, shipped(t, s, "corrections"), p)
		if len(got) != 1 || got[0]["cause"] != "adjustment" || got[0]["entries"] != "5" || got[0]["value"] != "-5" {
			t.Errorf("%v; want five adjustments of -1", got)
		}
	})
}

// TestNothingIsShippedUntested keeps the two lists the same.
func TestNothingIsShippedUntested(t *testing.T) {
	files, err := filepath.Glob("../../docs/queries/*.sql")
	if err != nil || len(files) != len(shippedQueries) {
		t.Errorf("docs/queries has %v, the tests run %v", files, shippedQueries)
	}
}

// TestReconcileAgrees compares the sink with the state as `reconcile` does.
func TestReconcileAgrees(t *testing.T) {
	x := makeTraffic()
	s, server := filled(t, x)
	compare := func() *sinks.Report {
		t.Helper()
		v, err := x.src.View(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, err := sinks.Compare(t.Context(), v, s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := compare(); r.Total != 0 {
		t.Errorf("%d differences: %v", r.Total, r.Differences)
	}
	server.Query(t, "ALTER TABLE `"+server.Database+"`.conversions DELETE WHERE conversion_id = '"+x.conversions[3][0].Text+"' SETTINGS mutations_sync = 2")
	r := compare()
	if r.Total == 0 || r.Differences[0].Table != table.Conversions || r.Differences[0].State-r.Differences[0].Sink != 1 {
		t.Errorf("a conversion is missing, and the comparison says %v", r.Differences)
	}
}

// TestViewsReadLittle: a condition on a view reaches the keys and skip indexes
// of the table behind it.
func TestViewsReadLittle(t *testing.T) {
	x := makeTraffic()
	s, server := filled(t, x)
	explain := func(from, where string) string {
		return server.Query(t, "EXPLAIN indexes = 1 SELECT count() FROM `"+s.cfg.Database+"`."+from+" WHERE "+where)
	}
	for _, q := range []struct{ from, where, want string }{
		{"v_minute_delivery", "minute >= '2026-02-02 00:00:00'", "PrimaryKey"},
		{"v_minute_delivery", "minute >= '2026-02-02 00:00:00'", "Partition"},
		{"v_conversions", "event_time >= '2026-02-02 00:00:00'", "PrimaryKey"},
		{"v_conversions", "conversion_id = 'c490000'", "by_conversion"},
		{"v_credits", "conversion_id = 'c490000'", "by_conversion"},
		{"v_conversions", "person = 'u:2'", "by_person"},
	} {
		if got := explain(q.from, q.where); !strings.Contains(got, q.want) {
			t.Errorf("%s WHERE %s does not use %s:\n%s", q.from, q.where, q.want, got)
		}
	}
}
