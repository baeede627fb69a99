package bigquery

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

var deps = sinks.Deps{SessionGap: 30 * event.Minute, Lookback: 30 * event.Day, Version: "test"}

func config(b *testkit.BigQuery) Config {
	cfg := DefaultConfig()
	cfg.Project, cfg.Endpoint = "p", b.Endpoint
	return cfg
}

func open(t testing.TB, cfg Config) *Sink {
	t.Helper()
	s, err := Open(t.Context(), cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// read gives what the views show, as they choose.
func read(t *testing.T, b *testkit.BigQuery) map[string][]table.Row {
	t.Helper()
	floor := map[string]int64{}
	for _, p := range b.Rows(rows.Progress) {
		floor[p["table"].(string)] = p["floor"].(int64)
	}
	out := map[string][]table.Row{}
	for _, tab := range kept() {
		latest := map[string]map[string]any{}
		for _, r := range b.Rows(tab.Name) {
			key := r[rows.KeyHash].(string)
			if old := latest[key]; old == nil || old[rows.Rev].(int64) <= r[rows.Rev].(int64) {
				latest[key] = r
			}
		}
		for _, r := range latest {
			if r[rows.Rev].(int64) < floor[tab.Name] {
				continue
			}
			list, _ := r[credits].([]any)
			for _, c := range list {
				c := c.(map[string]any)
				c["conversion_id"] = r["conversion_id"]
				out[table.Credits.Name] = append(out[table.Credits.Name], rowOf(table.Credits, c))
			}
			if r[rows.IsDeleted] == true {
				continue
			}
			row := rowOf(tab, r)
			if r[rows.Restated] == true {
				row[rows.Status(tab)] = table.T("restated")
			}
			if h := rows.HashOf(tab, row[:tab.Keys]); h.String() != r[rows.KeyHash] {
				t.Fatalf("%s: the row %v has the hash %s", tab.Name, row, r[rows.KeyHash])
			}
			out[tab.Name] = append(out[tab.Name], row)
		}
	}
	for name, list := range out {
		tab, _ := table.ByName(name)
		slices.SortFunc(list, tab.Compare)
	}
	return out
}

func rowOf(t *table.Table, r map[string]any) table.Row {
	row := make(table.Row, len(t.Columns))
	for i, c := range t.Columns {
		switch v := r[c.Name].(type) {
		case string:
			row[i] = table.T(v)
		case int64:
			row[i] = table.I(v)
			if c.Type == table.Time {
				row[i] = table.At(event.Millis(v / 1000))
			}
		case []any:
			var list []string
			for _, x := range v {
				list = append(list, x.(string))
			}
			row[i] = table.L(list)
		case nil:
			if c.Type == table.Time {
				row[i] = table.At(event.NoTime)
			}
		default:
			panic(fmt.Sprintf("BUG: got a %T", v))
		}
	}
	return row
}

func TestSinkPassesTheSuite(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Store {
		b := testkit.NewBigQuery(t)
		return sinktest.Store{
			Open: func(t *testing.T) sinks.Sink { return open(t, config(b)) },
			Read: func(t *testing.T) map[string][]table.Row { return read(t, b) },
			Break: func(n int) func() {
				b.LoseAfter(n%7 + 1)
				return b.Heal
			},
			Wipe: func(*testing.T) { b.Reset() },
		}
	})
}
