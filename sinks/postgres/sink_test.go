package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

var deps = sinks.Deps{SessionGap: 30 * event.Minute, Lookback: 30 * event.Day, Version: "test"}

var schemas atomic.Int64

// config is a schema that nothing was written to yet.
func config(server *testkit.Postgres, addr string) Config {
	cfg := DefaultConfig()
	cfg.DSN = server.DSN(addr)
	cfg.Schema = fmt.Sprintf("s%d", schemas.Add(1))
	return cfg
}

func open(t *testing.T, cfg Config) *Sink {
	t.Helper()
	s, err := Open(t.Context(), cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// read gives what the views show.
func read(t *testing.T, conn *pgx.Conn, schema string) map[string][]table.Row {
	t.Helper()
	out := map[string][]table.Row{}
	for _, tab := range table.All {
		found, err := conn.Query(t.Context(), "SELECT * FROM "+pgx.Identifier{schema, rows.ViewName(tab)}.Sanitize())
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range found.FieldDescriptions() {
			if f.Name != tab.Columns[i].Name {
				t.Fatalf("%s has the column %s; want %s", tab.Name, f.Name, tab.Columns[i].Name)
			}
		}
		for found.Next() {
			values, err := found.Values()
			if err != nil || len(values) != len(tab.Columns) {
				t.Fatal(len(values), err)
			}
			row := make(table.Row, len(values))
			for i, v := range values {
				row[i] = cell(v)
			}
			out[tab.Name] = append(out[tab.Name], row)
		}
		if err := found.Err(); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(out[tab.Name], tab.Compare)
	}
	return out
}

func cell(v any) table.Value {
	switch v := v.(type) {
	case string:
		return table.T(v)
	case int64:
		return table.I(v)
	case time.Time:
		return table.At(event.Millis(v.UnixMilli()))
	case []any:
		var list []string
		for _, x := range v {
			list = append(list, x.(string))
		}
		return table.L(list)
	case nil:
		return table.At(event.NoTime)
	}
	panic(fmt.Sprintf("BUG: got a %T", v))
}

func suite(t *testing.T, change func(c *Config)) {
	server := testkit.StartPostgres(t)
	conn := connect(t, server.DSN(""))
	sinktest.Run(t, func(t *testing.T) sinktest.Store {
		proxy := testkit.NewProxy(t, server.Addr)
		cfg := config(server, proxy.Addr)
		change(&cfg)
		return sinktest.Store{
			Open: func(t *testing.T) sinks.Sink { return open(t, cfg) },
			Read: func(t *testing.T) map[string][]table.Row { return read(t, conn, cfg.Schema) },
			Break: func(n int) func() {
				proxy.CutAfter(n + 1)
				return proxy.Heal
			},
			Wipe: func(t *testing.T) {
				if _, err := conn.Exec(t.Context(), "DROP SCHEMA "+cfg.Schema+" CASCADE"); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func TestSinkPassesTheSuite(t *testing.T) { suite(t, func(*Config) {}) }

func TestPartitionedSinkPassesTheSuite(t *testing.T) {
	suite(t, func(c *Config) { c.Partitions = partitionsMonth })
}
