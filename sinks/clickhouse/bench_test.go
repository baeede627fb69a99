package clickhouse

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

var figureRows = flag.Int("figures", 0, "rows of minute_delivery to measure with; 0: no measuring")

// TestFigures measures what docs/clickhouse.md says: rows a second into the
// sink, bytes a row, and the time of the shipped queries. It is run by hand,
// on a machine that does nothing else:
//
//	go test ./sinks/clickhouse -run TestFigures -figures 10000000 -v -timeout 1h
func TestFigures(t *testing.T) {
	if *figureRows == 0 {
		t.Skip("give -figures N")
	}
	server := testkit.StartClickHouse(t)
	cfg := configFor(server)
	cfg.MaxInsertRows = 100_000
	s := openSink(t, cfg)
	v := &manyRows{minutes: *figureRows}
	if _, err := s.Cursor(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := s.Resync(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("resync: %d rows in %v, %.0f rows/s", v.total, took.Round(time.Millisecond), float64(v.total)/took.Seconds())
	measureBatches(t, s, v)
	t.Logf("bytes per row:\n%s", server.Query(t, "SELECT `table`, count() AS parts, sum(rows) AS r, round(sum(bytes_on_disk) / r, 1) AS bytes_per_row, formatReadableSize(sum(bytes_on_disk)) FROM system.parts WHERE database = '"+server.Database+"' AND active GROUP BY `table` ORDER BY r DESC"))

	last := v.at(v.minutes - 1)
	day, all := last-event.Day, v.at(0)
	stamp := func(m event.Millis) string { return m.Time().Format("2006-01-02 15:04:05") }
	ranges := map[string]clickhouse.Parameters{
		"the last day": {"from": stamp(day.Floor(event.Hour)), "to": stamp(last.Floor(event.Hour)), "model": "last_non_direct", "n": "20", "currency": "EUR", "hour": stamp((last - event.Hour).Floor(event.Hour)), "at_least": "20", "deviations": "4"},
		"all rows":     {"from": stamp(all.Floor(event.Hour)), "to": stamp(last.Floor(event.Hour)), "model": "last_non_direct", "n": "20", "currency": "EUR", "hour": stamp((last - event.Hour).Floor(event.Hour)), "at_least": "20", "deviations": "4"},
	}
	for _, span := range []string{"the last day", "all rows"} {
		for _, name := range shippedQueries {
			measureQuery(t, s, span, name, ranges[span])
		}
	}
}

// measureBatches applies batches as a deliverer would send them: of rows that
// are there already and change.
func measureBatches(t *testing.T, s *Sink, v *manyRows) {
	t.Helper()
	const rounds, rows = 20, 50_000
	began := time.Now()
	var times []time.Duration
	for n := range rounds {
		v.commit++
		b := sinks.Batch{Progress: v.Progress(), After: v.commit - 1, View: v}
		for i := range rows {
			row := v.delivery(v.minutes - 1 - (n*rows+i)%min(v.minutes, 200_000))
			b.Changes = append(b.Changes, sinks.Change{Table: table.MinuteDelivery, Key: row[:4], Row: row})
		}
		one := time.Now()
		if err := s.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Since(one))
	}
	took := time.Since(began)
	slices.Sort(times)
	t.Logf("batches of %d changed rows: %.0f rows/s, a batch takes %v (median), %v (longest)", rows, float64(rounds*rows)/took.Seconds(), times[len(times)/2].Round(time.Millisecond), times[len(times)-1].Round(time.Millisecond))
}

func measureQuery(t *testing.T, s *Sink, span, name string, p clickhouse.Parameters) {
	t.Helper()
	sql := shipped(t, s, name)
	used := clickhouse.Parameters{}
	for k, x := range p {
		if strings.Contains(sql, "{"+k+":") {
			used[k] = x
		}
	}
	const rounds = 30
	var times []time.Duration
	rows := 0
	for range rounds {
		began := time.Now()
		rows = len(ask(t, s, sql, used))
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	t.Logf("%-14s over %-12s: P50 %6v  P99 %6v  (%d rows)", name, span, times[rounds/2].Round(time.Millisecond), times[rounds-1].Round(time.Millisecond), rows)
}

// manyRows is a view that makes its rows up as they are asked for: 500
// campaigns a minute, a tenth as many rows by hour, a conversion for every ten
// minute rows.
type manyRows struct {
	sinks.View
	minutes int
	commit  uint64
	total   int
}

const campaigns = 500

func (v *manyRows) Progress() sinks.Progress {
	return sinks.Progress{Epoch: 1, Commit: v.commit + 1, Watermark: v.at(v.minutes)}
}

func (v *manyRows) at(i int) event.Millis { return monday + event.Millis(i/campaigns)*event.Minute }

func campaign(i int) string { return "campaign-" + strconv.Itoa(i%campaigns) }

func sumsOf(i int) []table.Value {
	n := int64(i*7919%997) + 3
	return []table.Value{table.I(n * 40), table.I(n), table.I(n), table.I(0), table.I(n / 20), table.I(n / 30), table.I(n * 1_234_567), table.I(n * 50_000), table.T("final")}
}

func (v *manyRows) delivery(i int) table.Row {
	return slices.Concat(table.Row{table.At(v.at(i)), table.T(campaign(i)), table.T("Paid Search"), table.T("EUR")}, sumsOf(i))
}

func (v *manyRows) ScanAll(_ context.Context, t *table.Table, fn func(table.Row, uint64) error) error {
	n := v.minutes
	make1 := v.delivery
	switch t {
	case table.MinuteDelivery:
	case table.HourDelivery:
		n /= 10
		make1 = func(i int) table.Row {
			hour := monday + event.Millis(i/5000)*event.Hour
			k := i % 5000
			return slices.Concat(table.Row{table.At(hour), table.T(campaign(k)), table.T("ag-" + strconv.Itoa(k%7)), table.T("cr-" + strconv.Itoa(k%11)), table.T("pub-" + strconv.Itoa(k/campaigns)), table.T("DE"), table.T("Paid Search"), table.T("EUR")}, sumsOf(i))
		}
	case table.MinuteAttribution:
		n /= 5
		make1 = func(i int) table.Row {
			at := monday + event.Millis(i/100)*event.Minute
			return table.Row{table.At(at), table.T([]string{"last_non_direct", "linear"}[i%2]), table.T(campaign(i * 31)), table.T("Paid Search"), table.T("EUR"), table.I(1e6), table.I(int64(i%1000) * 10_000), table.T("final")}
		}
	case table.Conversions:
		n /= 10
		make1 = func(i int) table.Row {
			return table.Row{
				table.T(conversionID(i)), table.T("u:" + strconv.Itoa(i%100_000)), table.At(v.at(i*10) + event.Millis(i%60_000)), table.T("purchase"), table.T("order-" + strconv.Itoa(i)),
				table.I(int64(i%1000) * 1e5), table.I(int64(i%1000) * 1e5), table.T("EUR"), table.T("valid"), table.T(""), table.I(int64(touchesOf(conversionID(i)))), table.I(0), table.T("s" + strconv.Itoa(i)), table.T("final"),
			}
		}
	default:
		return nil
	}
	v.total += n
	for i := range n {
		if err := fn(make1(i), 0); err != nil {
			return err
		}
	}
	return nil
}

// conversionID looks random, as ids do.
func conversionID(i int) string { return fmt.Sprintf("%016x", uint64(i)*0x9e3779b97f4a7c15) }

// touchesOf: most paths are short.
func touchesOf(id string) int { return []int{1, 1, 1, 2, 2, 3, 4, 7}[id[15]%8] }

// Find gives nine models of a path.
func (v *manyRows) Find(_ context.Context, _ *table.Table, key table.Row) (out []table.Row, err error) {
	id := key[0].Text
	touches := touchesOf(id)
	for _, model := range []string{"first_touch", "inverse_j", "j_shaped", "last_non_direct", "last_touch", "linear", "participation", "position_based", "time_decay"} {
		for p := range touches {
			if strings.HasPrefix(model, "first") && p > 0 || strings.HasPrefix(model, "last") && p < touches-1 {
				continue
			}
			out = append(out, table.Row{
				table.T(id), table.T(model), table.I(int64(p + 1)), table.At(monday + event.Millis(p)*event.Hour), table.T("touch-" + id[:8] + strconv.Itoa(p)), table.T("click"), table.T(campaign(p)),
				table.T("ag"), table.T("cr"), table.T("Paid Search"), table.I(int64(touches)), table.I(int64(1e6 / touches)), table.I(12345), table.T("EUR"),
			})
		}
	}
	return out, nil
}
