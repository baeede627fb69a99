package clickhouse

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

var testDeps = sinks.Deps{
	Logger: slog.New(slog.DiscardHandler), SessionGap: 30 * event.Minute, Lookback: 30 * event.Day, Version: "test",
}

func configFor(server *testkit.ClickHouse) Config {
	cfg := DefaultConfig()
	cfg.Addrs, cfg.Protocol, cfg.Database = []string{server.Addr}, "http", server.Database
	cfg.Compression = "none" // the engine's front speaks none
	cfg.Fsync = false        // nothing is to outlive the test
	return cfg
}

func openSink(t *testing.T, cfg Config) *Sink {
	t.Helper()
	s, err := Open(t.Context(), cfg, testDeps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// readViews reads every logical table from its view, in the order of its key.
func readViews(t *testing.T, s *Sink) map[string][]table.Row {
	t.Helper()
	out := map[string][]table.Row{}
	if err := s.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tab := range table.All {
		rows := readView(t.Context(), t, s, tab)
		slices.SortFunc(rows, tab.Compare)
		out[tab.Name] = rows
	}
	return out
}

func readView(ctx context.Context, t *testing.T, s *Sink, tab *table.Table) (out []table.Row) {
	t.Helper()
	err := s.query(ctx, "reading", "SELECT * FROM "+s.table("v_"+tab.Name), func(rows driver.Rows) error {
		row := make(table.Row, len(tab.Columns))
		into := make([]any, len(row))
		if got := rows.Columns(); len(got) != len(row) {
			t.Fatalf("v_%s has the columns %v", tab.Name, got)
		}
		for i, c := range tab.Columns {
			if rows.Columns()[i] != c.Name {
				t.Fatalf("v_%s has the columns %v", tab.Name, rows.Columns())
			}
			switch c.Type {
			case table.Text:
				into[i] = new(string)
			case table.List:
				into[i] = new([]string)
			case table.Int:
				into[i] = new(int64)
			case table.Time:
				if absentTime(c.Name) {
					into[i] = new(*time.Time)
				} else {
					into[i] = new(time.Time)
				}
			}
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i := range tab.Columns {
			switch x := into[i].(type) {
			case *string:
				row[i] = table.T(*x)
			case *[]string:
				row[i] = table.L(slices.Clone(*x))
			case *int64:
				row[i] = table.I(*x)
			case *time.Time:
				row[i] = table.I(x.UnixMilli())
			case **time.Time:
				row[i] = table.At(event.NoTime)
				if *x != nil {
					row[i] = table.I((*x).UnixMilli())
				}
			}
		}
		out = append(out, row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSinkPassesTheSuite(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Store {
		server := testkit.StartClickHouse(t)
		reader := openSink(t, configFor(server))
		return sinktest.Store{
			Open: func(t *testing.T) sinks.Sink {
				s, err := Open(t.Context(), configFor(server), testDeps)
				if err != nil {
					t.Fatal(err)
				}
				return s
			},
			Read: func(t *testing.T) map[string][]table.Row { return readViews(t, reader) },
			Break: func(n int) func() {
				// Every kind of fault, at the n/4th statement and from then on.
				kind := []testkit.Fault{testkit.Refuse, testkit.CutShort, testkit.LoseAnswer, testkit.ServerError}[n%4]
				var left atomic.Int64
				left.Store(int64(n/4) * 2)
				server.Break(func(*http.Request) testkit.Fault {
					if left.Add(-1) < 0 {
						return kind
					}
					return testkit.NoFault
				})
				return func() { server.Break(nil) }
			},
			Older: func(t *testing.T) { makeOlder(t, server) },
			Wipe:  func(t *testing.T) { server.Query(t, "DROP DATABASE `"+server.Database+"` SYNC") },
		}
	})
}

// makeOlder turns the schema into one of an imagined version 0: a column is
// missing, one has another type, a table is sorted otherwise, one is not there.
func makeOlder(t *testing.T, server *testkit.ClickHouse) {
	db := "`" + server.Database + "`."
	for _, sql := range []string{
		"ALTER TABLE " + db + "minute_delivery DROP COLUMN sivt_clicks",
		"ALTER TABLE " + db + "conversions MODIFY COLUMN touches UInt32",
		"DROP TABLE " + db + "verdicts SYNC",
		"CREATE TABLE " + db + "verdicts (event_id String, rev UInt64, is_deleted UInt8) ENGINE = ReplacingMergeTree(rev, is_deleted) ORDER BY event_id",
		"DROP TABLE " + db + "late_events SYNC",
		"DROP VIEW " + db + "v_sessions",
		"INSERT INTO " + db + "sync_schema (id, version, fingerprint, program, n) SELECT 0, 0, 'old', 'test', max(n) + 1 FROM " + db + "sync_schema",
	} {
		server.Query(t, strings.TrimSpace(sql))
	}
}
