package files

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// TestTheQueriesOfTheDocsRun: what docs/exports.md tells to ask DuckDB answers.
func TestTheQueriesOfTheDocsRun(t *testing.T) {
	python := testkit.PythonTables(t)
	text, err := os.ReadFile("../../docs/exports.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(text), "<!-- duckdb: begin -->\n```sql\n")
	queries, _, ended := strings.Cut(part, "```")
	if !found || !ended || strings.Count(queries, ";") < 4 {
		t.Fatal("the queries are not where the test looks for them")
	}
	src := sample()
	row := conversionRow("conv-0000001", 12_340_000)
	src.Commit(sinktest.Put{Table: table.Conversions, Row: row})
	for _, tab := range []*table.Table{table.MinuteAttribution, table.MinuteDelivery} { // a row of whatever; no file, no glob
		r := make(table.Row, len(tab.Columns))
		r[0], r[1] = table.At(noon), table.T("last_non_direct")
		r[tab.Col("currency")] = table.T("USD")
		src.Commit(sinktest.Put{Table: tab, Row: r})
	}
	dir := t.TempDir()
	resync(t, open(t, filepath.Join(dir, "out"), Parquet), src)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "-c", `
import sys, duckdb
for q in sys.stdin.read().split(";"):
    if q.strip():
        print(duckdb.sql(q).fetchall())
`)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(queries)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr.Bytes())
	}
	want := "[('', 'USD', 0.0)]\n[('USD', 0, 0, 0.0)]\n[(0, 1)]\n[(1,)]\n" // the sample's one credit row is not the whole
	if string(out) != want {
		t.Errorf("DuckDB answers\n%swant\n%s", out, want)
	}
}
