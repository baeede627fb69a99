package postgres

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

var sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?);\n```")

// queriesOfTheDocs are the queries that an analyst is given, over all time:
// the tests' rows are of one day.
func queriesOfTheDocs(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("../../docs/postgres.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range sqlBlock.FindAllStringSubmatch(string(raw), -1) {
		q := m[1]
		for _, x := range [][2]string{{"'30 days'", "'30000 days'"}, {"INTERVAL 30 DAY", "INTERVAL 20000 DAY"}, {"DAY, -30,", "DAY, -20000,"}} {
			q = strings.ReplaceAll(q, x[0], x[1])
		}
		out = append(out, q)
	}
	if len(out) != 3 {
		t.Fatalf("found %d queries; want 3", len(out))
	}
	return out
}

func TestQueriesOfTheDocs(t *testing.T) {
	server := testkit.StartPostgres(t, "fsync=off")
	cfg := config(server, "")
	s := open(t, cfg)
	src := sinktest.NewSource()
	for n := range 5 {
		src.Commit(valid(everything(n))...)
	}
	deliver(t, src, s, 100)
	conn := connect(t, server.DSN(""))
	if _, err := conn.Exec(t.Context(), "SET search_path = "+cfg.Schema); err != nil {
		t.Fatal(err)
	}
	for _, q := range queriesOfTheDocs(t) {
		var n int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM ("+q+") x").Scan(&n); err != nil || n == 0 {
			t.Errorf("%d rows, %v: %s", n, err, q)
		}
	}
}

// valid makes all conversions count.
func valid(puts []sinktest.Put) []sinktest.Put {
	for _, p := range puts {
		if p.Table == table.Conversions {
			p.Row[table.Conversions.Col("verdict")] = table.T("valid")
		}
	}
	return puts
}
