package files

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// follow is what a reader of the feed makes of it: the last row of each key.
func follow(t *testing.T, s *Sink) (rows map[string]table.Row, entries int) {
	t.Helper()
	m, err := s.Manifest(t.Context())
	if err != nil || m == nil || m.Changes == nil {
		t.Fatalf("the manifest says nothing of the feed: %+v %v", m, err)
	}
	names, err := s.place.list(t.Context(), changesDir)
	if err != nil {
		t.Fatal(err)
	}
	rows = map[string]table.Row{}
	revs := map[string]int64{}
	for _, name := range names {
		match := feedName.FindStringSubmatch(name)
		if match == nil {
			t.Fatalf("%s lies in the feed", name)
		}
		if match[4] > fmt.Sprintf("%012d", m.Commit) {
			continue // does not count yet
		}
		tab, _ := table.ByName(strings.Split(name, "/")[1])
		r, err := s.place.open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range ReadNDJSON(r, feedTables[tab]) {
			if err != nil {
				t.Fatal(err)
			}
			if tab == table.Conversions {
				entries++
			}
			id := tab.Name + fmt.Sprint(row[2:2+tab.Keys])
			if row[0].Int < revs[id] {
				continue
			}
			if revs[id] = row[0].Int; row[1].Int == 1 {
				delete(rows, id)
				continue
			}
			rows[id] = slices.Clone(row[2:])
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return rows, entries
}

func deliver(t *testing.T, s *Sink, src *sinktest.Source) error {
	t.Helper()
	d := sinks.NewDeliverer(src, s, sinks.Options{MinBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond, MaxRows: 3, Logger: slog.New(slog.DiscardHandler)})
	d.Drain()
	return d.Run(t.Context())
}

// TestFeedSaysEveryChangeOnce: whoever adds the feed up holds what the tables
// hold, also when writes fail and the process starts again in between.
func TestFeedSaysEveryChangeOnce(t *testing.T) {
	srv := testkit.NewS3(t)
	places := map[string]func() *Sink{
		"directory": nil,
		"bucket":    func() *Sink { return openBucket(t, srv.Bucket("feed"), NDJSON, 1, s3Env) },
	}
	dir := t.TempDir()
	places["directory"] = func() *Sink { return open(t, dir, NDJSON) }
	for name, newSink := range places {
		t.Run(name, func(t *testing.T) {
			src := sinktest.NewSource()
			start := func() *Sink {
				s := newSink()
				s.feed = newFeed(s.place, NDJSON, time.Hour*24)
				return s
			}
			s := start()
			for n := range 24 {
				src.Commit(
					sinktest.Put{Table: table.Conversions, Row: conversionRow(fmt.Sprintf("c%d", n), int64(n))},
					sinktest.Put{Table: table.Conversions, Row: conversionRow(fmt.Sprintf("c%d", n/2), int64(1000+n))})
				if n%5 == 4 {
					src.Commit(sinktest.Put{Table: table.Conversions, Row: conversionRow(fmt.Sprintf("c%d", n/3), 0), Del: true})
				}
				if n%4 == 3 && name == "bucket" { // some writes of the round are lost, and the process dies of it
					var left atomic.Int64
					left.Store(int64(n / 4))
					srv.Fail(func(r *http.Request) testkit.S3Fault {
						if r.Method == http.MethodPut {
							if left.Add(-1) < 0 {
								return testkit.S3LostAfter
							}
						}
						return testkit.S3Works
					})
					v, err := src.View(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					at, err := s.Cursor(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					b, err := v.Next(t.Context(), at.Commit, 100)
					if err != nil {
						t.Fatal(err)
					}
					b.After, b.View = at.Commit, v
					if err := s.Apply(t.Context(), b); err == nil {
						t.Log("the round went well")
					}
					srv.Fail(nil)
					s = start()
				}
				if err := deliver(t, s, src); err != nil {
					t.Fatal(err)
				}
			}
			want := src.Tables()[table.Conversions.Name]
			got, entries := follow(t, s)
			n := 0
			for id := range got {
				if strings.HasPrefix(id, table.Conversions.Name) {
					n++
				}
			}
			if n != len(want) {
				t.Errorf("the feed adds up to %d rows; the table has %d", n, len(want))
			}
			for _, w := range want {
				g := got[table.Conversions.Name+fmt.Sprint(w[:1])]
				if g == nil || g[table.Conversions.Col("value_micros")].Int != w[table.Conversions.Col("value_micros")].Int {
					t.Errorf("of %s the feed says %v; want %v", w[0].Text, g, w)
				}
			}
			if entries > 2*24+4 {
				t.Errorf("%d entries for %d changes: some came twice", entries, 2*24+4)
			}
		})
	}
}

// TestFeedBeginsAnewAfterAResync: what is not known is not pretended, and days
// that are over go.
func TestFeedBeginsAnewAfterAResync(t *testing.T) {
	dir, src := t.TempDir(), sample()
	s := open(t, dir, NDJSON)
	s.feed = newFeed(s.place, NDJSON, 24*time.Hour)
	resync(t, s, src)
	m, err := s.Manifest(t.Context())
	if err != nil || m.Changes == nil || m.Changes.Commit != m.Commit {
		t.Fatalf("after a resync the feed is said to begin at %+v: %v", m.Changes, err)
	}
	old := filepath.Join(dir, changesDir, "conversions", "day=2020-01-01", "000001-000000000000-000000000001.ndjson")
	other := filepath.Join(dir, changesDir, "conversions", "day=2020-01-01", "mine.txt")
	for _, path := range []string{old, other} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	s.feed.expired = time.Time{}
	src.Commit(sinktest.Put{Table: table.Conversions, Row: conversionRow("c", 1)})
	if err := deliver(t, s, src); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("a day that is over is still there: %v", err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("a file that is not ours was removed: %v", err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, changesDir, "conversions", "day="+time.Now().UTC().Format(time.DateOnly), "000001-*-*.ndjson"))
	if len(files) != 1 {
		t.Errorf("of the last change there are %v", files)
	}
}
