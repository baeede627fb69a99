package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/table"
)

// inBucket moves the site's sink to a bucket.
func (s *site) inBucket(srv *testkit.S3) {
	s.t.Helper()
	s.t.Setenv("AWS_ACCESS_KEY_ID", "test")
	s.t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	raw, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	text := strings.Replace(string(raw), fmt.Sprintf("dir: %q, format: ndjson", s.sink()), fmt.Sprintf("dir: %q, format: parquet, flush: 50ms", srv.Bucket("sink")), 1)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// TestServerGivesEverything: all tables and single ones of a running server are
// what its directory holds once it has stopped.
func TestServerGivesEverything(t *testing.T) {
	s := newSite(t)
	s.start()
	s.mustPost(requests(400), 0)
	all, one := filepath.Join(s.dir, "all"), filepath.Join(s.dir, "one")
	want(t, ExitOK, "export", "--server", s.base, "--table", "all", "--out", all)
	for _, tab := range table.All {
		want(t, ExitOK, "export", "--server", s.base, "--table", tab.Name, "--out", one)
	}
	if r := want(t, ExitOK, "export", "--server", s.base, "--table", "conversions", "--format", "csv", "--compress", "gzip", "--out", one); !strings.Contains(r.out, "conversions.csv.gz") {
		t.Errorf("compressed: %s", r.out)
	}
	var jobs struct{ Data []any }
	if err := json.Unmarshal([]byte(s.get("/v1/exports")), &jobs); err != nil || len(jobs.Data) > 0 {
		t.Errorf("the command left %v on the server: %v", jobs.Data, err)
	}
	if r := want(t, ExitOK, "reconcile", "files", "--server", s.base); !strings.Contains(r.out, "the sink holds what the state holds") {
		t.Errorf("reconcile: %s", r.out)
	}
	names, err := filepath.Glob(filepath.Join(s.sink(), "conversions", "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no files of conversions: %v", err)
	}
	if err := os.WriteFile(names[0], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := want(t, ExitDifference, "reconcile", "files", "--server", s.base); !strings.Contains(r.out, "conversions") {
		t.Errorf("reconcile with an empty file: %s", r.out)
	}
	if r := want(t, ExitOK, "export", "--server", s.base, "--table", "all", "--sink", "files"); !strings.Contains(r.out, "sink files holds") {
		t.Errorf("resync: %s", r.out)
	}
	want(t, ExitOK, "reconcile", "files", "--server", s.base)
	if r := want(t, ExitFailure, "export", "--server", s.base, "--table", "all", "--sink", "redis"); !strings.Contains(r.errors, "sinks.redis") {
		t.Errorf("a sink that the server has not: %s", r.errors)
	}
	s.stop()
	whole := s.exported()
	for _, dir := range []string{all, one} {
		_ = os.Remove(filepath.Join(dir, "conversions.csv.gz"))
		got, faults, err := conform.Load(dir)
		if err != nil || len(faults) > 0 {
			t.Fatal(err, faults)
		}
		s.expect("the server against the directory", conform.Compare(whole, got, conform.Options{Provisional: true}))
	}
}

func (s *site) get(path string) string {
	s.t.Helper()
	res, err := http.Get(s.base + path)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil || res.Body.Close() != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// stuck holds requests up, so that a process can be killed in the middle of one.
type stuck struct {
	once  sync.Once
	begun chan struct{}
	free  chan struct{}
}

func newStuck() *stuck { return &stuck{begun: make(chan struct{}), free: make(chan struct{})} }

func (s *stuck) hold() {
	s.once.Do(func() { close(s.begun) })
	<-s.free
}

// TestKillWithABucket: kill -9 while files are uploaded, several times; then the
// bucket holds what the state does.
func TestKillWithABucket(t *testing.T) {
	srv := testkit.NewS3(t)
	s := newSite(t)
	s.inBucket(srv)
	all := requests(900)
	for round := range 3 {
		s.start()
		held, puts := newStuck(), make(chan struct{}, 1000)
		srv.Fail(func(r *http.Request) testkit.S3Fault {
			if r.Method != http.MethodPut {
				return testkit.S3Works
			}
			select {
			case puts <- struct{}{}:
			default:
			}
			if len(puts) > 4+9*round { // another file each time
				held.hold()
				return testkit.S3LostBefore
			}
			return testkit.S3Works
		})
		from := round * len(all) / 3
		s.mustPost(all[from:(round+1)*len(all)/3], from)
		select {
		case <-held.begun:
		case <-time.After(time.Minute):
			t.Fatal("nothing was uploaded")
		}
		s.kill()
		srv.Fail(nil)
		close(held.free)
	}
	s.start()
	s.stop()
	s.command(ExitOK, "reconcile", "files")
	s.command(ExitOK, "state", "verify")
}

// TestKillDuringAnExport: the export is made from the beginning by the next
// process, and is whole.
func TestKillDuringAnExport(t *testing.T) {
	srv := testkit.NewS3(t)
	s := newSite(t)
	s.inBucket(srv)
	s.start()
	s.mustPost(requests(300), 0)
	held := newStuck()
	srv.Fail(func(r *http.Request) testkit.S3Fault {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/exports/credits") {
			held.hold()
			return testkit.S3LostBefore
		}
		return testkit.S3Works
	})
	body := fmt.Sprintf(`{"tables":["conversions","credits"],"format":"parquet","destination":%q}`, srv.Bucket("exports"))
	res, err := http.Post(s.base+"/v1/exports", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Data struct{ ID string } }
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || res.Body.Close() != nil || made.Data.ID == "" {
		t.Fatalf("create: %d %v", res.StatusCode, err)
	}
	select {
	case <-held.begun:
	case <-time.After(time.Minute):
		t.Fatal("the export does not upload")
	}
	s.kill()
	srv.Fail(nil)
	close(held.free)
	s.start()
	var j struct {
		Data struct {
			State    string
			Restarts int
			Files    []struct{ Rows int64 }
		}
	}
	testkit.WaitUntil(t, time.Minute, "the export is done", func() bool {
		if err := json.Unmarshal([]byte(s.get("/v1/exports/"+made.Data.ID)), &j); err != nil {
			t.Fatal(err)
		}
		return j.Data.State == "done" || j.Data.State == "failed"
	})
	if j.Data.State != "done" || j.Data.Restarts != 1 || len(j.Data.Files) != 2 || j.Data.Files[1].Rows == 0 {
		t.Errorf("after the kill it ended as %+v", j.Data)
	}
	s.stop()
}

// TestExportToABucket: the command writes to a bucket, and its sink too.
func TestExportToABucket(t *testing.T) {
	srv := testkit.NewS3(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	data := stateDir(t)
	if r := want(t, ExitOK, "export", "--data", data, "--table", "conversions", "--out", srv.Bucket("x")); !strings.Contains(r.out, "s3://tables/x/conversions.ndjson") {
		t.Errorf("said %s", r.out)
	}
	res, err := http.Get(srv.URL + "/tables/x/conversions.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil || res.Body.Close() != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	want(t, ExitOK, "export", "--data", data, "--table", "conversions", "--out", dir)
	if here, err := os.ReadFile(filepath.Join(dir, "conversions.ndjson")); err != nil || !bytes.Equal(here, text) || len(here) == 0 {
		t.Errorf("%d bytes in the bucket, %d in the directory: %v", len(text), len(here), err)
	}
	flags := []string{"--data", data, "--set", "sinks.files.dir=" + srv.Bucket("s"), "--set", "sinks.files.format=csv"}
	want(t, ExitDifference, append([]string{"reconcile", "files"}, flags...)...)
	want(t, ExitOK, append([]string{"export", "--table", "all", "--sink", "files"}, flags...)...)
	want(t, ExitOK, append([]string{"reconcile", "files"}, flags...)...)
	srv.Fail(func(*http.Request) testkit.S3Fault { return testkit.S3LostBefore })
	if r := want(t, ExitUnreachable, append([]string{"reconcile", "files"}, flags...)...); !strings.Contains(r.errors, "no answer") {
		t.Errorf("a store that does not answer: %s", r.errors)
	}
	want(t, ExitUnreachable, "export", "--data", data, "--table", "conversions", "--out", srv.Bucket("x"))
}

func TestDryRunShowsTheTables(t *testing.T) {
	for sink, part := range map[string]string{"clickhouse": "CREATE TABLE", "postgres": "CREATE TABLE", "files": "makes no tables"} {
		args := []string{"export", "--table", "all", "--sink", sink, "--dry-run"}
		for _, set := range map[string][]string{
			"clickhouse": {"sinks.clickhouse.addrs=127.0.0.1:1"}, "postgres": {"sinks.postgres.dsn=postgres://x@127.0.0.1:1/y"}, "files": {"sinks.files.dir=" + t.TempDir()},
		}[sink] {
			args = append(args, "--set", set)
		}
		if r := want(t, ExitOK, args...); !strings.Contains(strings.ToUpper(r.out), strings.ToUpper(part)) {
			t.Errorf("%s: %.300s", sink, r.out)
		}
	}
}
