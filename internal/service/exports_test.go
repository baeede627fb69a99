package service_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks/files"
	"github.com/tributary-data/tributary/table"
)

// job is what is read of an export.
type job struct {
	ID, State, Format, Destination, Progress string
	Tables                                   []string
	Rows, Restarts                           int64
	Commit                                   *int64
	Error                                    *string
	Files                                    []struct {
		Table, Name, SHA256 string
		Rows, Bytes         int64
		Download            *string
	}
}

// call sends a request, and reads the answer's data where it is JSON.
func (r *running) call(method, path, body string, data any) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if closeErr := res.Body.Close(); err != nil || closeErr != nil {
		r.t.Fatal(err, closeErr)
	}
	if data != nil && res.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, &struct{ Data any }{data}); err != nil {
			r.t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
	return res.StatusCode, string(text)
}

// export makes a job and waits until it has ended.
func (r *running) export(request string) job {
	r.t.Helper()
	var j job
	if code, text := r.call(http.MethodPost, "/v1/exports", request, &j); code != http.StatusOK {
		r.t.Fatalf("create: %d %s", code, text)
	}
	return r.ended(j.ID)
}

func (r *running) ended(id string) (j job) {
	r.t.Helper()
	testkit.WaitUntil(r.t, time.Minute, "the export ends", func() bool {
		j = job{}
		if code, text := r.call(http.MethodGet, "/v1/exports/"+id, "", &j); code != http.StatusOK {
			r.t.Fatalf("get: %d %s", code, text)
		}
		return j.State != "queued" && j.State != "running"
	})
	return j
}

// exportedRows reads what an export wrote.
func exportedRows(t *testing.T, name, text string) []table.Row {
	t.Helper()
	tab, _ := table.ByName(name)
	var out []table.Row
	for r, err := range files.ReadNDJSON(strings.NewReader(text), tab) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, slices.Clone(r))
	}
	return out
}

// TestExports: every table, streamed and by a job, is what the files sink holds;
// what was asked for is there after a restart.
func TestExports(t *testing.T) {
	s := newSite(t)
	r := s.start()
	r.send(s.traffic())
	j := r.export(`{"tables":["all"],"format":"ndjson"}`)
	if j.State != "done" || len(j.Files) != len(table.All) || j.Commit == nil || j.Progress != "1.000" {
		t.Fatalf("the export ended as %+v", j)
	}
	jobRows := int64(0)
	for _, f := range j.Files {
		code, header, text := r.get(*f.Download)
		sum := sha256.Sum256([]byte(text))
		if code != http.StatusOK || hex.EncodeToString(sum[:]) != f.SHA256 || int64(len(text)) != f.Bytes || header.Get("Content-Disposition") == "" {
			t.Errorf("%s: %d, %d bytes, not what the export says", f.Name, code, len(text))
		}
		jobRows += f.Rows
		code, header, streamed := r.get("/v1/export/" + f.Table)
		if code != http.StatusOK || streamed != text || header.Get("X-Tributary-Commit") == "" {
			t.Errorf("%s as a stream: %d, %d bytes; want the %d of the export", f.Table, code, len(streamed), len(text))
		}
		if got := len(exportedRows(t, f.Table, text)); int64(got) != f.Rows {
			t.Errorf("%s: %d rows; the export says %d", f.Table, got, f.Rows)
		}
	}
	if jobRows != j.Rows || jobRows == 0 {
		t.Errorf("%d rows in all; the files have %d", j.Rows, jobRows)
	}
	if code, text := r.call(http.MethodGet, "/v1/exports/"+j.ID+"/files/..%2f"+j.ID+".json", "", nil); code != http.StatusNotFound {
		t.Errorf("a file beside the export's: %d %s", code, text)
	}
	req, _ := http.NewRequest(http.MethodGet, r.url+*j.Files[0].Download, nil)
	req.Header.Set("Range", "bytes=5-9")
	if res, err := http.DefaultClient.Do(req); err != nil || res.StatusCode != http.StatusPartialContent {
		t.Errorf("a range of a download: %v %v", res.StatusCode, err)
	} else if part, _ := io.ReadAll(res.Body); len(part) != 5 || res.Body.Close() != nil {
		t.Errorf("a range of five bytes: %q", part)
	}
	for _, x := range []struct{ path, want string }{
		{"/v1/export/conversions?format=parquet", "PAR1"},
		{"/v1/export/conversions?format=csv", "conversion_id,person"},
		{"/v1/export/conversions?compression=gzip", "\x1f\x8b"},
		{"/v1/export/conversions?format=csv&compression=zstd", "\x28\xb5\x2f\xfd"},
	} {
		if code, _, text := r.get(x.path); code != http.StatusOK || !strings.HasPrefix(text, x.want) {
			t.Errorf("%s: %d %.40q; want %q", x.path, code, text, x.want)
		}
	}
	if code, _, text := r.get("/v1/export/conversions?from=1999-01-01T00:00:00Z&to=1999-01-02T00:00:00Z"); code != http.StatusOK || text != "" {
		t.Errorf("an empty range: %d %q", code, text)
	}
	for body, want := range map[string]string{
		`{}`:                            "tables is missing",
		`{"tables":["conversion"]}`:     "there is no table",
		`{"tables":["all"],"from":"x"}`: "from",
		`{"tables":["all"],"format":"parquet","compression":"gzip"}`:                           "compressed within",
		`{"tables":["all"],"destination":"/etc"}`:                                              "neither download nor the URL",
		`{"tables":["all"],"destination":"s3://b/a?region=x&endpoint=http://169.254.169.254"}`: "not that of sinks.files.dir",
		`{"tables":["all"],"nonsense":1}`:                                                      "nonsense",
		`nonsense`:                                                                             "must be an object",
	} {
		if code, text := r.call(http.MethodPost, "/v1/exports", body, nil); code != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s; want %q", body, code, text, want)
		}
	}
	r.stop()

	r = s.start()
	var all []job
	if r.call(http.MethodGet, "/v1/exports", "", &all); len(all) != 1 || all[0].ID != j.ID || all[0].State != "done" {
		t.Errorf("after a restart there are %+v", all)
	}
	if code, _, text := r.get(*j.Files[7].Download); code != http.StatusOK || int64(len(text)) != j.Files[7].Bytes {
		t.Errorf("after a restart a file has %d bytes: %d", len(text), code)
	}
	if code, text := r.call(http.MethodDelete, "/v1/exports/"+j.ID, "", nil); code != http.StatusOK {
		t.Errorf("delete: %d %s", code, text)
	}
	if code, _, _ := r.get(*j.Files[0].Download); code != http.StatusNotFound {
		t.Errorf("a file of an export that was removed: %d", code)
	}
	left, err := os.ReadDir(s.cfg.State.Dir + ".exports")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// TestExportGoesOnAfterACrash: a record says that an export runs, as after a
// kill; it is made from the beginning, and its half-written files are gone.
func TestExportGoesOnAfterACrash(t *testing.T) {
	s := newSite(t)
	r := s.start()
	r.send(s.traffic())
	j := r.export(`{"tables":["conversions","credits"],"format":"csv"}`)
	r.stop()
	dir := s.cfg.State.Dir + ".exports"
	path := filepath.Join(dir, j.ID+".json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(raw, []byte(`"State": "done"`), []byte(`"State": "running"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"conversions.csv", ".tributary-credits.csv.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, j.ID, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"orphan", "orphan/x"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r = s.start()
	got := r.ended(j.ID)
	if got.State != "done" || got.Restarts != 1 || len(got.Files) != 2 || got.Files[0].SHA256 != j.Files[0].SHA256 {
		t.Errorf("after a crash it ended as %+v; want what it was before", got)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	hidden, _ := filepath.Glob(filepath.Join(dir, "*", ".*"))
	if len(left)+len(hidden) != 3 { // two tables and export.json
		t.Errorf("there are %v %v", left, hidden)
	}
}

// TestSinksOverHTTP: states, comparison, and a resync that heals.
func TestSinksOverHTTP(t *testing.T) {
	s := newSite(t)
	r := s.start()
	r.send(s.traffic())
	type compared struct {
		Equal  bool
		Commit int64
		Total  int `json:"differences_total"`
		Tables []struct {
			Table     string
			StateRows int64 `json:"state_rows"`
			SinkRows  int64 `json:"sink_rows"`
		}
	}
	var c compared
	if code, text := r.call(http.MethodPost, "/v1/sinks/files/reconcile", "", &c); code != http.StatusOK || !c.Equal || len(c.Tables) != len(table.All) {
		t.Fatalf("reconcile: %d %s", code, text)
	}
	names, _ := filepath.Glob(filepath.Join(s.cfg.Sinks.Files.Dir, "conversions", "*"))
	if len(names) == 0 {
		t.Fatal("no files of conversions")
	}
	if err := os.WriteFile(names[0], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, text := r.call(http.MethodPost, "/v1/sinks/files/reconcile", "", &c); code != http.StatusOK || c.Equal || c.Total == 0 {
		t.Fatalf("reconcile with an empty file: %d %s", code, text)
	}
	if code, text := r.call(http.MethodPost, "/v1/sinks/files/resync", "", nil); code != http.StatusOK {
		t.Fatalf("resync: %d %s", code, text)
	}
	testkit.WaitUntil(t, time.Minute, "the sink agrees again", func() bool {
		code, text := r.call(http.MethodPost, "/v1/sinks/files/reconcile", "", &c)
		if code != http.StatusOK {
			t.Fatalf("reconcile: %d %s", code, text)
		}
		return c.Equal
	})
	var states []struct {
		Name, State, Where string
		Rows, Resyncs      int64
		Reconciles         bool
		Error, Advice      *string
	}
	if code, text := r.call(http.MethodGet, "/v1/sinks", "", &states); code != http.StatusOK || len(states) != 1 || states[0].Name != "files" || states[0].Where != s.cfg.Sinks.Files.Dir || states[0].Resyncs < 1 || !states[0].Reconciles || states[0].Error != nil {
		t.Errorf("states: %d %s", code, text)
	}
	for _, path := range []string{"/v1/sinks/oracle/reconcile", "/v1/sinks/oracle/resync"} {
		if code, text := r.call(http.MethodPost, path, "", nil); code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
}

// TestExportToABucket: the destination is a bucket that fails now and then.
func TestExportToABucket(t *testing.T) {
	srv := testkit.NewS3(t)
	for k, v := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"} {
		t.Setenv(k, v)
	}
	s := newSite(t)
	s.cfg.Sinks.Files = &configs.FilesSink{Dir: srv.Bucket("sink"), Format: string(files.Parquet), Flush: 50}
	r := s.start()
	r.send(s.traffic())
	var n atomic.Int64
	srv.Fail(func(*http.Request) testkit.S3Fault {
		if n.Add(1)%5 == 0 {
			return testkit.S3LostAfter
		}
		return testkit.S3Works
	})
	j := r.export(fmt.Sprintf(`{"tables":["conversions","credits"],"format":"parquet","destination":%q}`, srv.Bucket("exported")))
	srv.Fail(nil)
	if j.State != "done" || len(j.Files) != 2 || j.Files[0].Download != nil {
		why := ""
		if j.Error != nil {
			why = *j.Error
		}
		t.Fatalf("ended as %+v %s", j, why)
	}
	res, err := http.Get(srv.URL + "/" + testkit.S3Bucket + "/exported/conversions.parquet")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	sum := sha256.Sum256(text)
	if err != nil || res.Body.Close() != nil || hex.EncodeToString(sum[:]) != j.Files[0].SHA256 {
		t.Errorf("what lies there is not what was written: %d bytes, %v", len(text), err)
	}
	var c struct{ Equal bool }
	if code, text := r.call(http.MethodPost, "/v1/sinks/files/reconcile", "", &c); code != http.StatusOK || !c.Equal {
		t.Errorf("the sink in the bucket: %d %s", code, text)
	}
}
