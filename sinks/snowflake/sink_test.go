package snowflake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

var deps = sinks.Deps{SessionGap: 30 * event.Minute, Lookback: 30 * event.Day, Version: "test"}

func config(b *testkit.Snowflake) Config {
	cfg := DefaultConfig()
	cfg.Account, cfg.User, cfg.PrivateKeyFile, cfg.Endpoint = b.Account, b.User, b.KeyFile, b.Endpoint
	cfg.Database, cfg.Schema, cfg.Warehouse = "analytics", "tributary", "loading"
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

// readBack gives what the views show, as they choose.
func readBack(t *testing.T, b *testkit.Snowflake) map[string][]table.Row {
	t.Helper()
	floor := map[string]int64{}
	for _, p := range b.Rows(rows.Progress) {
		floor[p["TABLE"].(string)] = number(p["FLOOR"])
	}
	out := map[string][]table.Row{}
	for _, tab := range kept() {
		for _, r := range b.Rows(tab.Name) {
			if number(r["REV"]) < floor[tab.Name] {
				continue
			}
			list, _ := r["CREDITS"].([]any)
			for _, c := range list {
				c := c.(map[string]any)
				c["conversion_id"] = r["CONVERSION_ID"]
				out[table.Credits.Name] = append(out[table.Credits.Name], rowOf(table.Credits, c, func(s string) string { return s }))
			}
			if r["IS_DELETED"] == true {
				continue
			}
			row := rowOf(tab, r, upper)
			if r["RESTATED"] == true {
				row[rows.Status(tab)] = table.T("restated")
			}
			if h := rows.HashOf(tab, row[:tab.Keys]); h.String() != r["KEY_HASH"] {
				t.Fatalf("%s: the row %v has the hash %s", tab.Name, row, r["KEY_HASH"])
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

func number(v any) int64 {
	n, err := strconv.ParseInt(v.(json.Number).String(), 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func rowOf(t *table.Table, r map[string]any, name func(string) string) table.Row {
	row := make(table.Row, len(t.Columns))
	for i, c := range t.Columns {
		switch v := r[name(c.Name)].(type) {
		case string:
			row[i] = table.T(v)
			if c.Type == table.Time {
				at, err := time.Parse("2006-01-02T15:04:05.000", v)
				if err != nil {
					panic(err)
				}
				row[i] = table.At(event.Millis(at.UnixMilli()))
			}
		case json.Number:
			row[i] = table.I(number(v))
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
		b := testkit.NewSnowflake(t)
		return sinktest.Store{
			Open: func(t *testing.T) sinks.Sink { return open(t, config(b)) },
			Read: func(t *testing.T) map[string][]table.Row { return readBack(t, b) },
			Break: func(n int) func() {
				b.LoseAfter(n%7 + 1)
				return b.Heal
			},
			Wipe: func(*testing.T) { b.Reset() },
		}
	})
}
