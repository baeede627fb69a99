package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/objects"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

var s3Env = map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

// openBucket opens a sink on a bucket that waits little between its tries.
func openBucket(t *testing.T, raw string, f Format, tries int, env map[string]string) *Sink {
	t.Helper()
	p, err := newBucketPlace(raw, objects.Options{
		Getenv: func(k string) string { return env[k] }, Patience: time.Millisecond, Tries: tries, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &Sink{place: p, format: f, dirty: map[partKey]bool{}}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// readBucket reads what the manifest lists, and fails on what it does not.
func readBucket(t *testing.T, s *Sink) map[string][]table.Row {
	t.Helper()
	out := map[string][]table.Row{}
	m, err := s.Manifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keep := map[string]bool{}
	if m != nil {
		for i := range m.Files {
			f := &m.Files[i]
			keep[f.Name] = true
			rows := int64(0)
			err := s.EachRow(t.Context(), m.Format, f, func(r table.Row) error {
				out[f.Table] = append(out[f.Table], slices.Clone(r))
				rows++
				return nil
			})
			if err != nil || rows != f.Rows {
				t.Fatalf("%s: %d rows, the manifest says %d: %v", f.Name, rows, f.Rows, err)
			}
		}
	}
	for name, rows := range out {
		tab, _ := table.ByName(name)
		slices.SortFunc(rows, tab.Compare)
	}
	if strays, err := s.place.strays(t.Context(), keep); err != nil || len(strays) > 0 && m != nil && m.Commit > 0 {
		t.Fatalf("orphans %v: %v", strays, err)
	}
	return out
}

func TestBucketPassesTheSuite(t *testing.T) {
	for _, format := range []Format{NDJSON, Parquet} {
		t.Run(string(format), func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) sinktest.Store {
				srv := testkit.NewS3(t)
				return sinktest.Store{
					Open: func(t *testing.T) sinks.Sink { return openBucket(t, srv.Bucket("a"), format, 2, s3Env) },
					Read: func(t *testing.T) map[string][]table.Row {
						return readBucket(t, openBucket(t, srv.Bucket("a"), format, 2, s3Env))
					},
					Break: func(n int) func() {
						var left atomic.Int64
						left.Store(int64(n))
						kind := []testkit.S3Fault{testkit.S3LostAfter, testkit.S3SlowDown, testkit.S3LostBefore}[n%3]
						srv.Fail(func(*http.Request) testkit.S3Fault {
							if left.Add(-1) < 0 {
								return kind
							}
							return testkit.S3Works
						})
						return func() { srv.Fail(nil) }
					},
					Wipe: func(t *testing.T) { wipe(t, srv.Bucket("a")) },
				}
			})
		})
	}
}

func wipe(t *testing.T, raw string) {
	t.Helper()
	b, err := objects.Open(raw, objects.Options{Getenv: func(k string) string { return s3Env[k] }})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	err = b.List(t.Context(), "", func(i objects.Info) error { return b.Delete(t.Context(), i.Name) })
	if err != nil {
		t.Fatal(err)
	}
}

// TestAnswersAreLost: every third answer never comes, for a long time; the
// writes are done all the same, and none is mistaken for another owner's.
func TestAnswersAreLost(t *testing.T) {
	srv, src := testkit.NewS3(t), sample()
	s := openBucket(t, srv.Bucket("a"), NDJSON, 6, s3Env)
	var n atomic.Int64
	srv.Fail(func(*http.Request) testkit.S3Fault {
		return map[int64]testkit.S3Fault{0: testkit.S3LostAfter, 1: testkit.S3SlowDown}[n.Add(1)%3]
	})
	resync(t, s, src)
	srv.Fail(nil)
	want, got := src.Tables(), readBucket(t, s)
	for name, rows := range want {
		if len(got[name]) != len(rows) {
			t.Errorf("%s: %d rows; want %d", name, len(got[name]), len(rows))
		}
	}
	again := openBucket(t, srv.Bucket("a"), NDJSON, 6, s3Env)
	if at, err := again.Cursor(t.Context()); err != nil || at.Commit == 0 || len(again.dirty) > 0 {
		t.Errorf("at %v with %d damaged files: %v", at, len(again.dirty), err)
	}
}

// TestZombieInTheMiddle: the old owner has looked at the manifest and is about
// to write when the new one takes over.
func TestZombieInTheMiddle(t *testing.T) {
	srv, src := testkit.NewS3(t), sample()
	zombie := openBucket(t, srv.Bucket("a"), NDJSON, 2, s3Env)
	resync(t, zombie, src)
	row := conversionRow("late", 5e6)
	src.Commit(sinktest.Put{Table: table.Conversions, Row: row})
	v, err := src.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Next(t.Context(), v.Progress().Commit-1, 10)
	if err != nil {
		t.Fatal(err)
	}
	b.After, b.View = v.Progress().Commit-1, v
	src.NewEpoch()
	var took atomic.Bool
	srv.Fail(func(r *http.Request) testkit.S3Fault {
		if r.Method == http.MethodPut && took.CompareAndSwap(false, true) {
			resync(t, openBucket(t, srv.Bucket("a"), NDJSON, 2, s3Env), src)
		}
		return testkit.S3Works
	})
	if err := zombie.Apply(t.Context(), b); !errors.Is(err, sinks.ErrFenced) {
		t.Fatalf("a superseded owner wrote: %v", err)
	}
	srv.Fail(nil)
	m, err := zombie.Manifest(t.Context())
	if err != nil || m.Epoch != 2 {
		t.Errorf("the manifest is of %+v: %v", m, err)
	}
}

func TestRealStores(t *testing.T) {
	t.Run("s3 that checks signatures", func(t *testing.T) {
		raw, env := testkit.Versity(t)
		deliverTo(t, raw, env)
	})
}

func deliverTo(t *testing.T, raw string, env map[string]string) {
	t.Helper()
	src := sample()
	s := openBucket(t, raw, Parquet, 3, env)
	for range 2 {
		d := sinks.NewDeliverer(src, s, sinks.Options{Logger: slog.New(slog.DiscardHandler)})
		d.Drain()
		if err := d.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		v, err := src.View(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, err := sinks.Compare(t.Context(), v, s)
		if err != nil || r.Total > 0 {
			t.Fatalf("%v differences %v: %v", r.Total, r.Differences, err)
		}
		src.Commit(sinktest.Put{Table: table.Conversions, Row: conversionRow("more", 7e6)})
	}
}

// readParquet has a program of other people read the sink's directory.
const readParquet = `
import sys, duckdb, pyarrow.parquet as pq, warnings
warnings.simplefilter("error")
root = sys.argv[1]
print(duckdb.sql(f"select count(*), sum(value_micros) from read_parquet('{root}/conversions/*.parquet')").fetchall())
print([str(t) for t in duckdb.sql(f"select minute, clicks from read_parquet('{root}/minute_delivery/*.parquet') limit 1").types])
t = pq.read_table(root + "/conversions", partitioning=None)
print(duckdb.sql(f"select len(reasons), count(*) from read_parquet('{root}/verdicts/*.parquet') group by 1 order by 1").fetchall())
print(t.num_rows, t.schema.field("event_time").type, t.schema.field("value_micros").type, t.schema.field("conversion_id").type)
`

func conversionRow(id string, micros int64) table.Row {
	row := make(table.Row, len(table.Conversions.Columns))
	row[0], row[1], row[2] = table.T(id), table.T("u:1"), table.At(noon)
	row[table.Conversions.Col("value_micros")], row[table.Conversions.Col("currency")] = table.I(micros), table.T("USD")
	row[table.Conversions.Col("verdict")] = table.T("valid")
	return row
}

func TestOthersReadTheParquet(t *testing.T) {
	python := testkit.PythonTables(t)
	dir, src := t.TempDir(), sample()
	for i := range 40 {
		p := sinktest.Put{Table: table.Conversions, Row: conversionRow(fmt.Sprintf("c%d", i), int64(i)*1_000_001)}
		d := make(table.Row, len(table.MinuteDelivery.Columns))
		d[0], d[1], d[4] = table.At(noon+event.Millis(i)*event.Minute), table.T("ümlaut"), table.I(int64(i))
		v := make(table.Row, len(table.Verdicts.Columns))
		v[0], v[1], v[7] = table.T(fmt.Sprintf("e%d", i)), table.At(noon), table.L([]string{"a", "b"}[:i%3])
		src.Commit(p, sinktest.Put{Table: table.MinuteDelivery, Row: d}, sinktest.Put{Table: table.Verdicts, Row: v})
	}
	resync(t, open(t, dir, Parquet), src)
	var rows, value int64
	for _, r := range src.Tables()["conversions"] {
		rows++
		value += r[table.Conversions.Col("value_micros")].Int
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, python, "-c", readParquet, dir)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v\n%s%s", err, out, stderr.Bytes())
	}
	t.Logf("%s", out)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if want := "[(" + fmt.Sprint(rows) + ", " + fmt.Sprint(value) + ")]"; lines[0] != want {
		t.Errorf("DuckDB reads %s; want %s", lines[0], want)
	}
	if lines[1] != "['TIMESTAMP WITH TIME ZONE', 'BIGINT']" {
		t.Errorf("DuckDB sees the types %s", lines[1])
	}
	if want := fmt.Sprint(rows) + " timestamp[ms, tz=UTC] int64 string"; lines[3] != want {
		t.Errorf("pyarrow reads %s; want %s", lines[3], want)
	}
	if lines[2] != "[(0, 14), (1, 13), (2, 13)]" {
		t.Errorf("DuckDB reads lists of the lengths %s", lines[2])
	}
}

// TestClickHouseReadsTheParquet: the engine sees the types that it would use.
func TestClickHouseReadsTheParquet(t *testing.T) {
	ch := testkit.StartClickHouse(t)
	dir, src := t.TempDir(), sample()
	src.Commit(sinktest.Put{Table: table.Conversions, Row: conversionRow("c1", 12_340_000)})
	resync(t, open(t, dir, Parquet), src)
	got := strings.TrimSpace(ch.Query(t, "SELECT count(), sum(value_micros), any(toTypeName(event_time)), any(toTypeName(value_micros)), any(toTypeName(conversion_id)) FROM file('"+dir+"/conversions/*.parquet', Parquet) FORMAT TSV"))
	if want := "1\t12340000\tNullable(DateTime64(3, \\'UTC\\'))\tInt64\tString"; got != want {
		t.Errorf("ClickHouse reads %s; want %s", got, want)
	}
}
