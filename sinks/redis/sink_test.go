package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// forever is a configuration for rows of any age.
func forever(addrs ...string) Config {
	c := DefaultConfig()
	c.Addrs, c.Retention, c.Flush = addrs, 0, 20
	c.Timeout = 60_000 // a machine that stands still is no fault of the server
	return c
}

func open(t testing.TB, c Config) *Sink {
	t.Helper()
	if faults := c.Validate(); faults != nil {
		t.Fatal(faults)
	}
	s, err := Open(t.Context(), c, sinks.Deps{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// readTables reads back what is kept, and fails where a total is not the sum of
// its rows, or a rank not the total.
func readTables(t testing.TB, s *Sink) map[string][]table.Row {
	t.Helper()
	out := map[string][]table.Row{}
	for _, k := range tables {
		err := s.rows(context.Background(), k, func(row table.Row) error {
			out[k.t.Name] = append(out[k.t.Name], slices.Clone(row))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(out[k.t.Name], k.t.Compare)
	}
	checkSums(t, s, out)
	return out
}

// stores runs the suite on stores of their own prefix in one Redis.
func stores(cfg Config, wipe func(t *testing.T, s *Sink)) func(t *testing.T) sinktest.Store {
	n := 0
	return func(t *testing.T) sinktest.Store {
		n++
		cfg.Prefix = fmt.Sprintf("t%d:", n)
		proxy := testkit.NewProxy(t, cfg.Addrs[0])
		through := cfg
		if cfg.mode() == standalone { // others give addresses of their own
			through.Addrs = []string{proxy.Addr}
		}
		reader := open(t, cfg)
		return sinktest.Store{
			Open:   func(t *testing.T) sinks.Sink { return open(t, through) },
			Read:   func(t *testing.T) map[string][]table.Row { return readTables(t, reader) },
			Tables: []*table.Table{table.MinuteDelivery, table.MinuteAttribution, table.MinuteConversions},
			Break: func(n int) func() {
				proxy.CutAfter(n)
				return proxy.Heal
			},
			Older: func(t *testing.T) {
				if err := reader.client.HSet(t.Context(), reader.keys.cursor, "layout", "0").Err(); err != nil {
					t.Fatal(err)
				}
			},
			Wipe: func(t *testing.T) { wipe(t, reader) },
		}
	}
}

// unlinkAll removes the keys of one sink.
func unlinkAll(t *testing.T, s *Sink) {
	err := s.eachKey(t.Context(), func(key string) error { return s.client.Unlink(t.Context(), key).Err() })
	if err != nil {
		t.Fatal(err)
	}
}

func TestSuite(t *testing.T) {
	r := testkit.StartRedis(t)
	sinktest.Run(t, stores(forever(r.Addr), unlinkAll))
}

func TestSuiteOnCluster(t *testing.T) {
	c := testkit.StartRedisCluster(t)
	cfg := forever(c.Nodes[2].Addr)
	cfg.Mode = cluster
	sinktest.Run(t, stores(cfg, unlinkAll))
}

func TestSuiteThroughSentinels(t *testing.T) {
	s := testkit.StartRedisSentinel(t)
	cfg := forever(s.Sentinels...)
	cfg.MasterName = "mymaster"
	sinktest.Run(t, stores(cfg, unlinkAll))
}

// checkSums compares every total and every rank with what the rows say.
func checkSums(t testing.TB, s *Sink, rows map[string][]table.Row) {
	t.Helper()
	want := map[string]map[string]int64{} // key, field or member
	add := func(key, field string, n int64) {
		if want[key] == nil {
			want[key] = map[string]int64{}
		}
		want[key][field] += n
	}
	for _, k := range tables {
		for _, row := range rows[k.t.Name] {
			window := millis(row[0])
			hour := window.Floor(3_600_000)
			member := row[k.member].Text
			for _, f := range k.figures {
				n := row[f.column].Int
				if n == 0 {
					continue
				}
				total := f.total(row)
				add(s.keys.window(k.minute, member, window), total, n)
				add(s.keys.window(k.hour, member, hour), total, n)
				if f.top {
					add(s.keys.top(total, hour), member, n)
				}
			}
		}
	}
	got := map[string]map[string]int64{}
	err := s.eachKey(t.Context(), func(key string) error {
		kind := key[len(s.keys.base):]
		got[key] = map[string]int64{}
		switch {
		case key == s.keys.cursor, kind[:2] == "p:", kind[:2] == "of":
			delete(got, key)
		case kind[:2] == "to":
			for _, z := range s.client.ZRangeWithScores(t.Context(), key, 0, -1).Val() {
				got[key][z.Member.(string)] = int64(z.Score)
			}
		default:
			for field, text := range s.client.HGetAll(t.Context(), key).Val() {
				if field != "_g" && (len(field) < 4 || field[:4] != "row:") {
					got[key][field] = number(t, text)
				}
			}
			if len(got[key]) == 0 {
				delete(got, key) // rows of nothing but zeros
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		t.Fatal(err)
	}
	for key := range want {
		compareSums(t, key, want[key], got[key])
	}
	for key := range got {
		if want[key] == nil {
			t.Errorf("%s is there, and no row is behind it: %v", key, got[key])
		}
	}
}

func compareSums(t testing.TB, key string, want, got map[string]int64) {
	t.Helper()
	for field, n := range want {
		if n != 0 && got[field] != n {
			t.Errorf("%s: %s is %d; its rows say %d", key, field, got[field], n)
		}
	}
	for field, n := range got {
		if want[field] != n {
			t.Errorf("%s: %s is %d; its rows say %d", key, field, n, want[field])
		}
	}
}
