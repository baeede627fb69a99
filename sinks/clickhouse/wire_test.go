package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
)

// These tests go over the native protocol to a real server of 2018. It knows
// neither DateTime64, nor tombstones, nor settings as texts, so that a table of
// its own stands in; connecting, batches, compression, errors and lost
// connections are the sink's.

const wirePassword = `p'a\ss`

var wireLayout = &layout{
	name: "wire",
	columns: []column{
		{name: "id", typ: "String", kind: kindText},
		{name: "n", typ: "Int64", kind: kindInt, from: 1},
		{name: "names", typ: "Array(String)", kind: kindList, from: 2},
		{name: "rev", typ: "UInt64", kind: kindRev},
		{name: "is_deleted", typ: "UInt8", kind: kindDeleted},
	},
}

func wireSink(t *testing.T, addr, compression string) *Sink {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Addrs, cfg.Database, cfg.Password, cfg.Compression = []string{addr}, "wire", wirePassword, compression
	cfg.DialTimeout = event.Duration(event.Minute)
	s := openSink(t, cfg)
	s.settings = nil
	return s
}

func wireBlock(from, n int) *block {
	b := newBlock(wireLayout)
	for i := from; i < from+n; i++ {
		id := fmt.Sprintf("id-%d", i)
		b.begin()
		b.cols[0].texts = append(b.cols[0].texts, id)
		b.cols[1].ints = append(b.cols[1].ints, int64(i))
		b.cols[2].lists = append(b.cols[2].lists, []string{"a", id})
		b.cols[3].revs = append(b.cols[3].revs, uint64(i))
		b.cols[4].bits = append(b.cols[4].bits, 0)
	}
	return b
}

// wireSum adds up what the table holds, every row once.
func wireSum(t *testing.T, s *Sink) (rows uint64, sum int64) {
	t.Helper()
	err := s.query(t.Context(), "adding up", "SELECT count(), sum(n) FROM (SELECT id, any(n) AS n FROM wire.wire GROUP BY id)", func(r driver.Rows) error {
		return r.Scan(&rows, &sum)
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, sum
}

func TestNativeWire(t *testing.T) {
	server := testkit.StartOldClickHouse(t, strings.ReplaceAll(wirePassword, "'", "&apos;"))
	first := wireSink(t, server.Addr, "none")
	for _, sql := range []string{"CREATE DATABASE wire", "CREATE TABLE wire.wire (id String, n Int64, names Array(String), rev UInt64, is_deleted UInt8) ENGINE = ReplacingMergeTree(rev) ORDER BY id"} {
		if err := first.exec(t.Context(), "making the table", sql); err != nil {
			t.Fatal(err)
		}
	}
	from, want := 0, int64(0)
	check := func(t *testing.T, s *Sink) {
		t.Helper()
		if rows, sum := wireSum(t, s); rows != uint64(from) || sum != want {
			t.Fatalf("%d rows, sum %d; want %d, %d", rows, sum, from, want)
		}
	}
	send := func(t *testing.T, s *Sink, n int) {
		t.Helper()
		// A connection that was cut may still lie in the pool: as a deliverer
		// does, try again.
		var err error
		for range 5 {
			if err = s.insert(t.Context(), wireBlock(from, n)); err == nil {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := from; i < from+n; i++ {
			want += int64(i)
		}
		from += n
	}

	t.Run("compression", func(t *testing.T) {
		for _, method := range []string{"none", "lz4", "zstd"} {
			s := wireSink(t, server.Addr, method)
			send(t, s, 30_000)
			check(t, s)
		}
	})
	t.Run("connections that end", func(t *testing.T) {
		proxy := testkit.NewProxy(t, server.Addr)
		s := wireSink(t, proxy.Addr, "lz4")
		for n := range 12 {
			proxy.CutAfter(n)
			err := s.insert(t.Context(), wireBlock(from, 5000))
			proxy.Heal()
			if err == nil && n < 2 {
				t.Errorf("after %d answers the connection ended, and the insert says that it is done", n)
			}
			send(t, s, 5000) // again, whatever became of the first
			check(t, s)
		}
	})
	t.Run("an insert that is cancelled", func(t *testing.T) {
		s := wireSink(t, server.Addr, "lz4")
		send(t, s, 1000)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.insert(ctx, wireBlock(from, 10)); err == nil {
			t.Error("an insert without time says that it is done")
		}
		send(t, s, 1000)
		check(t, first)
	})
	t.Run("wrong ports and passwords", func(t *testing.T) {
		for _, x := range []struct {
			name   string
			change func(c *Config)
			want   string
		}{
			{"password", func(c *Config) { c.Password = "wrong" }, "user or password is wrong"},
			{"native to HTTP", func(c *Config) { c.Addrs = []string{server.HTTPAddr} }, "an HTTP port (8123) needs sinks.clickhouse.protocol http"},
			{"HTTP to native", func(c *Config) { c.Protocol = "http" }, "sinks.clickhouse.protocol to native"},
			{"TLS to plain", func(c *Config) { c.TLS.Enabled = true }, "sinks.clickhouse.tls.enabled"},
		} {
			cfg := DefaultConfig()
			cfg.Addrs, cfg.Password = []string{server.Addr}, wirePassword
			cfg.DialTimeout = event.Duration(20 * event.Second)
			x.change(&cfg)
			_, err := openSink(t, cfg).Cursor(t.Context())
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%s: %v; want %q in it", x.name, err, x.want)
			}
			if err != nil && strings.Contains(err.Error(), wirePassword) {
				t.Errorf("%s: the password is in %v", x.name, err)
			}
		}
	})
	server.Kill()
	if err := first.insert(t.Context(), wireBlock(from, 10)); err == nil {
		t.Error("a dead server took rows")
	}
}
