package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/table"
)

// store is a server behind a sink, as the tests with all sinks see it: what the
// configuration says of it, how it goes wrong, and what it holds by its own word.
type store struct {
	name    string // of the section and the sink
	section string // what stands below sinks, in braces
	wait    string // the key that says how long a change may wait; empty: there is none
	env     []string

	proxy     *testkit.Proxy // between the program and the server; nil where there is none
	cut, heal func()         // nothing gets through, and all does
	needed    bool           // at a start of the program, which refuses to begin without
	silent    bool           // the server cannot add up, so that reconcile cannot ask it
	restart   func()         // kill -9 and a start on the same data; nil where it is no process
	pids      func() []int   // of the server; nil where it is no process

	// sums are the number of rows and the sums of the columns of a table, asked
	// of the store itself; kept is false where it does not keep the table as it
	// is. nil: reconcile alone compares.
	sums func(t testing.TB, tab *table.Table, columns []string) (sums []int64, kept bool)
}

// waiting is the section where a change may wait so long; 0: the default.
func (s *store) waiting(d time.Duration) string {
	if s.wait == "" || d == 0 {
		return s.section
	}
	return fmt.Sprintf("%s, %s: %s}", strings.TrimSuffix(s.section, "}"), s.wait, d)
}

// kit makes stores.
type kit struct {
	t      testing.TB
	site   *site                 // of the files
	sql    *testkit.WarehouseSQL // of BigQuery; nil: it cannot be asked for sums
	direct bool                  // without proxies
}

// behind puts a proxy before the server.
func (s *store) behind(k kit, addr string) string {
	if k.direct {
		return addr
	}
	s.proxy = testkit.NewProxy(k.t, addr)
	s.cut, s.heal = func() { s.proxy.CutAfter(0) }, s.proxy.Heal
	return s.proxy.Addr
}

// numbers are the columns that can be added up.
func numbers(tab *table.Table) (names []string, at []int) {
	for i, c := range tab.Columns {
		if c.Type == table.Int && i >= tab.Keys {
			names, at = append(names, c.Name), append(at, i)
		}
	}
	return names, at
}

// sumsOf adds up the rows of a table.
func sumsOf(tab *table.Table, rows []table.Row) []int64 {
	_, at := numbers(tab)
	out := make([]int64, 1+len(at))
	for _, r := range rows {
		out[0]++
		for i, c := range at {
			out[i+1] += r[c].Int
		}
	}
	return out
}

// sumsQuery asks a view for them as texts, whole numbers of any size.
func sumsQuery(view, cast string, columns []string) string {
	parts := []string{"CAST(COUNT(*) AS " + cast + ")"}
	for _, c := range columns {
		parts = append(parts, "CAST(COALESCE(SUM("+c+"), 0) AS "+cast+")")
	}
	return "SELECT " + strings.Join(parts, ", ") + " FROM " + view
}

func parseSums(t testing.TB, what string, texts []string) []int64 {
	t.Helper()
	out := make([]int64, len(texts))
	for i, x := range texts {
		n, err := strconv.ParseInt(x, 10, 64)
		if err != nil {
			t.Fatalf("%s: %q is no number", what, x)
		}
		out[i] = n
	}
	return out
}

func deref(in []*string) (out []string) {
	for _, p := range in {
		if p == nil {
			out = append(out, "NULL")
			continue
		}
		out = append(out, *p)
	}
	return out
}

func (k kit) redis() *store {
	t := k.t
	// Each second's writes reach the disk together: a killed server forgets some.
	r := testkit.StartRedis(t, "--appendonly", "yes", "--appendfsync", "everysec")
	s := &store{name: "redis", wait: "flush"}
	s.section = fmt.Sprintf("{addrs: [%q], retention: 0s, timeout: 2s}", s.behind(k, r.Addr))
	s.restart = func() { r.Kill(); r.Start() }
	s.pids = func() []int { return []int{r.Pid()} }
	s.sums = func(t testing.TB, tab *table.Table, columns []string) ([]int64, bool) {
		kind := map[*table.Table]string{table.MinuteDelivery: "m", table.MinuteAttribution: "a", table.MinuteConversions: "c"}[tab]
		if kind == "" {
			return nil, false
		}
		return redisSums(t, r.Addr, kind, columns), true
	}
	return s
}

// redisSums adds up the totals of the minutes, and counts their rows.
func redisSums(t testing.TB, addr, kind string, columns []string) []int64 {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = c.Close() }()
	out := make([]int64, 1+len(columns))
	keys, seen := c.Scan(t.Context(), 0, "tributary:{s0}:"+kind+":*", 1000).Iterator(), map[string]bool{}
	for keys.Next(t.Context()) {
		if seen[keys.Val()] {
			continue // a scan may give a key twice
		}
		seen[keys.Val()] = true
		fields, err := c.HGetAll(t.Context(), keys.Val()).Result()
		if err != nil {
			t.Fatal(err)
		}
		for field, text := range fields {
			if strings.HasPrefix(field, "row:") {
				out[0]++
				continue
			}
			name, _, _ := strings.Cut(field, ":")
			for i, column := range columns {
				if name == column {
					out[i+1] += parseSums(t, field, []string{text})[0]
				}
			}
		}
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func (k kit) clickhouse() *store {
	t := k.t
	c := testkit.StartClickHouse(t)
	s := &store{name: "clickhouse"}
	s.section = fmt.Sprintf("{addrs: [%q], protocol: http, database: %s, compression: none}", s.behind(k, c.Addr), c.Database)
	s.sums = func(t testing.TB, tab *table.Table, columns []string) ([]int64, bool) {
		out := c.Query(t, sumsQuery(fmt.Sprintf("`%s`.v_%s", c.Database, tab.Name), "String", columns))
		return parseSums(t, "clickhouse", strings.Split(strings.TrimSpace(out), "\t")), true
	}
	return s
}

func (k kit) postgres() *store {
	t := k.t
	p := testkit.StartPostgres(t)
	s := &store{name: "postgres", wait: "batch_age"}
	s.section = fmt.Sprintf("{dsn: %q, schema: tributary}", p.DSN(s.behind(k, p.Addr)))
	s.restart = func() { p.Kill(); p.Start() }
	s.pids = func() []int { return []int{p.Pid()} }
	s.sums = func(t testing.TB, tab *table.Table, columns []string) ([]int64, bool) {
		conn, err := pgx.Connect(t.Context(), p.DSN(""))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		texts, into := make([]string, len(columns)+1), []any{}
		for i := range texts {
			into = append(into, &texts[i])
		}
		if err := conn.QueryRow(t.Context(), sumsQuery("tributary.v_"+tab.Name, "text", columns)).Scan(into...); err != nil {
			t.Fatal(err)
		}
		return parseSums(t, "postgres", texts), true
	}
	return s
}

func (k kit) bigquery() *store {
	t := k.t
	b := testkit.NewBigQuery(t)
	sql := k.sql
	b.Evaluate = func(tables []testkit.BigQueryTable, views []string, q string) ([][]*string, error) {
		return sql.BigQuery(needed(tables, views, q), views, q)
	}
	u, err := url.Parse(b.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	s := &store{name: "bigquery", wait: "batch_age"}
	s.section = fmt.Sprintf("{project: p, endpoint: %q, timeout: 20s}", "http://"+s.behind(k, u.Host))
	s.sums = func(t testing.TB, tab *table.Table, columns []string) ([]int64, bool) {
		body, _ := json.Marshal(map[string]any{"useLegacySql": false, "query": sumsQuery("`p.tributary.v_"+tab.Name+"`", "STRING", columns)})
		res, err := http.Post(b.Endpoint+"/bigquery/v2/projects/p/queries", "application/json", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		var answer struct {
			Rows  []struct{ F []struct{ V *string } }
			Error struct{ Message string }
		}
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || len(answer.Rows) != 1 {
			t.Fatalf("bigquery: %v %s", err, answer.Error.Message)
		}
		var texts []*string
		for _, f := range answer.Rows[0].F {
			texts = append(texts, f.V)
		}
		return parseSums(t, "bigquery", deref(texts)), true
	}
	return s
}

// needed leaves out the rows of tables that a query does not read, neither
// itself nor through its views: the translator loads all anew for each query.
func needed(tables []testkit.BigQueryTable, views []string, q string) []testkit.BigQueryTable {
	text := q
	for _, v := range views {
		head, _, _ := strings.Cut(v, " AS ")
		if name := head[strings.LastIndexByte(strings.TrimRight(head, "`"), '.')+1:]; strings.Contains(q, name) {
			text += v
		}
	}
	for i := range tables {
		if !strings.Contains(text, "."+tables[i].Name+"`") {
			tables[i].Rows = nil
		}
	}
	return tables
}

func (k kit) snowflake() *store {
	t := k.t
	f := testkit.NewSnowflake(t)
	u, err := url.Parse(f.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	s := &store{name: "snowflake", wait: "batch_age"}
	s.section = fmt.Sprintf("{account: %s, user: %s, private_key_file: %q, endpoint: %q, database: analytics, schema: tributary, warehouse: loading, timeout: 10s}",
		f.Account, f.User, f.KeyFile, "http://"+s.behind(k, u.Host))
	// The server executes what a loader sends and knows no sums; a translator of
	// SQL that keeps the tables needs gigabytes for this many statements.
	s.silent = true
	s.sums = func(_ testing.TB, tab *table.Table, columns []string) ([]int64, bool) {
		return snowflakeSums(f, tab, columns), true
	}
	return s
}

// snowflakeSums adds up the rows that the view would show.
func snowflakeSums(f *testkit.Snowflake, tab *table.Table, columns []string) []int64 {
	floors, out := map[string]int64{}, make([]int64, 1+len(columns))
	number := func(v any) int64 {
		n, _ := strconv.ParseInt(fmt.Sprint(v), 10, 64) // 0 where it is none
		return n
	}
	for _, p := range f.Rows("progress") {
		floors[fmt.Sprint(p["TABLE"])] = number(p["FLOOR"])
	}
	physical := tab
	if tab == table.Credits {
		physical = table.Conversions
	}
	add := func(row map[string]any, name func(string) string) {
		out[0]++
		for i, c := range columns {
			out[i+1] += number(row[name(c)])
		}
	}
	for _, row := range f.Rows(physical.Name) {
		switch {
		case number(row["REV"]) < floors[physical.Name]:
		case tab == table.Credits:
			list, _ := row["CREDITS"].([]any)
			for _, c := range list {
				add(c.(map[string]any), func(s string) string { return s })
			}
		case row["IS_DELETED"] != true:
			add(row, strings.ToUpper)
		}
	}
	return out
}

// kafka is cut by pausing: clients of Kafka go to the address that the
// broker names, so that a proxy would be passed by.
func (k kit) kafka() *store {
	t := k.t
	broker := testkit.StartKafka(t)
	s := &store{name: "kafka", wait: "flush", section: fmt.Sprintf("{brokers: [%q], request_timeout: 3s}", broker.Brokers[0])}
	s.cut, s.heal = func() { broker.Pause() }, func() { broker.Resume() }
	s.restart = func() { broker.Kill(); broker.Start() }
	s.pids = func() []int { return []int{broker.Pid()} }
	return s
}

// files is the sink of the site, in its directory; while it is cut there is
// a file in the directory's place.
func (k kit) files() *store {
	t, st := k.t, k.site
	s := &store{name: "files", wait: "flush", section: fmt.Sprintf("{dir: %q, format: ndjson}", st.sink())}
	s.needed = true // a directory that is none is a fault of the configuration
	away := st.sink() + ".away"
	s.cut = func() {
		if err := os.Rename(st.sink(), away); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(st.sink(), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.heal = func() {
		if err := os.Remove(st.sink()); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(away, st.sink()); err != nil {
			t.Fatal(err)
		}
	}
	s.sums = func(t testing.TB, tab *table.Table, _ []string) ([]int64, bool) {
		return sumsOf(tab, st.sunk()[tab.Name]), true
	}
	return s
}

func (k kit) bucket() *store {
	t := k.t
	srv := testkit.NewS3(t)
	s := &store{name: "files", wait: "flush", env: srv.Env()}
	addr := s.behind(k, strings.TrimPrefix(srv.URL, "http://"))
	s.section = fmt.Sprintf("{dir: %q, format: parquet}", strings.Replace(srv.Bucket("sink"), srv.URL, "http://"+addr, 1))
	return s
}

// rss is the greatest memory that a process has had, in bytes; 0 where the
// system does not say.
func rss(pid int) int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64) // 0 where it is none
			return n << 10
		}
	}
	return 0
}

// freeAddr is an address of loopback that a program can be told to listen on.
func freeAddr(t testing.TB) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(testkit.FreePorts(t, 1)[0]))
}

// totalsAgree compares what each store says of itself with the tables.
func totalsAgree(t *testing.T, want conform.Tables, stores []*store) {
	t.Helper()
	for _, s := range stores {
		if s.sums == nil {
			continue
		}
		compared := 0
		for _, tab := range table.All {
			columns, _ := numbers(tab)
			got, kept := s.sums(t, tab, columns)
			if !kept {
				continue
			}
			compared++
			for i, w := range sumsOf(tab, want[tab.Name]) {
				if got[i] != w {
					t.Errorf("%s: %s: %s is %d by the store's own word; want %d", s.name, tab.Name, append([]string{"rows"}, columns...)[i], got[i], w)
				}
			}
		}
		t.Logf("%s: %d tables add up to what the state has", s.name, compared)
	}
}
