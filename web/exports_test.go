package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/auth"
	"github.com/tributary-data/tributary/table"
)

// fakeExporter has jobs and sinks that are what they were made.
type fakeExporter struct {
	jobs    []*Job
	asked   *JobRequest
	removed []string
	rows    []table.Row
	fail    error // of Stream, after the first row
	down    error // of Reconcile and Resync
}

func (f *fakeExporter) Stream(_ context.Context, x *TableExport, begin func(Snapshot) io.Writer) (int64, error) {
	w := begin(Snapshot{Epoch: 1, Commit: 7, Watermark: ms(noon)})
	for i, r := range f.rows {
		if i > 0 && f.fail != nil {
			return int64(i), f.fail
		}
		if x.Mask != nil {
			x.Mask(x.Table, r)
		}
		if _, err := fmt.Fprintln(w, r[1].Text); err != nil {
			return int64(i), err
		}
	}
	return int64(len(f.rows)), nil
}

func (f *fakeExporter) Create(x *JobRequest) (*Job, error) {
	f.asked = x
	if len(f.jobs) > 3 {
		return nil, fmt.Errorf("%w: too many", ErrBusy)
	}
	j := &Job{ID: fmt.Sprintf("20260115-%06d", len(f.jobs)), JobRequest: *x, State: JobQueued, Created: ms(noon).Time()}
	f.jobs = append([]*Job{j}, f.jobs...)
	return j, nil
}

func (f *fakeExporter) Jobs() []*Job { return f.jobs }

func (f *fakeExporter) Job(id string) *Job {
	for _, j := range f.jobs {
		if j.ID == id {
			return j
		}
	}
	return nil
}

func (f *fakeExporter) Remove(_ context.Context, id string) (bool, error) {
	f.removed = append(f.removed, id)
	return f.Job(id) != nil, nil
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

func (f *fakeExporter) Open(string, string) (io.ReadSeekCloser, error) {
	return nopCloser{bytes.NewReader([]byte("PAR1 and so on"))}, nil
}

func (f *fakeExporter) SinkStates() []SinkState {
	return []SinkState{
		{Name: "files", Where: "out", State: "ok", Commit: 7, Watermark: ms(noon), LastSuccess: ms(noon).Time(), Reconciles: true},
		{Name: "redis", State: "down", Error: "connection refused", LastError: ms(noon).Time(), Advice: "bring it back", Lag: time.Minute, Watermark: event.NoTime},
	}
}

func (f *fakeExporter) Reconcile(_ context.Context, name string) (*Reconciliation, error) {
	if f.down != nil {
		return nil, f.down
	}
	return &Reconciliation{
		At: Snapshot{1, 7, ms(noon)}, Tables: []ReconciledTable{{"conversions", true, 3, 2, 1}}, Total: 1,
		Differences: []ReconciledDifference{{"conversions", "2026-01-15 USD", "rows", 3, 2}},
	}, nil
}

func (f *fakeExporter) Resync(context.Context, string) error { return f.down }

func TestExportRoutes(t *testing.T) {
	h := newHarness(t)
	if w := h.do(http.MethodGet, "/v1/exports", nil); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without an exporter: %d", w.Code)
	}
	x := &fakeExporter{}
	h.ServeExports(x)
	if got := h.get(t, "/v1/exports")["data"].([]any); len(got) != 0 {
		t.Errorf("before the first there are %v", got)
	}
	post := func(body string) *httptest.ResponseRecorder {
		return h.do(http.MethodPost, "/v1/exports", strings.NewReader(body))
	}
	w := post(`{"tables":["conversions","credits"],"from":"2026-01-01T00:00:00Z","to":"2026-02-01T00:00:00Z","format":"csv","compression":"gzip"}`)
	if w.Code != http.StatusOK {
		t.Fatalf("create: %d %s", w.Code, w.Body)
	}
	validateSchema(t, h, "ExportJob", w.Body.Bytes())
	if a := x.asked; len(a.Tables) != 2 || a.From != ms("2026-01-01T00:00:00Z") || a.To != ms("2026-02-01T00:00:00Z") || a.Format != "csv" || a.Compression != "gzip" || a.Masked || a.Destination != Downloads {
		t.Errorf("asked for %+v", a)
	}
	for range 3 {
		post(`{"tables":["all"]}`)
	}
	if len(x.asked.Tables) != len(table.All) {
		t.Errorf("all are %d tables", len(x.asked.Tables))
	}
	if w := post(`{"tables":["all"]}`); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("too many: %d", w.Code)
	}
	page := h.get(t, "/v1/exports?limit=3")
	if page["next_cursor"] == nil || len(page["data"].([]any)) != 3 {
		t.Fatalf("the first page is %v", page)
	}
	if rest := h.get(t, "/v1/exports?limit=3&cursor="+page["next_cursor"].(string)); len(rest["data"].([]any)) != 1 || rest["next_cursor"] != nil {
		t.Errorf("the last page is %v", rest)
	}
	id := x.jobs[0].ID
	if w := h.do(http.MethodGet, "/v1/exports/"+id+"/files/conversions.parquet", nil); w.Code != http.StatusConflict {
		t.Errorf("a file before the end: %d", w.Code)
	}
	x.jobs[0].State, x.jobs[0].Ended = JobDone, ms(noon).Time()
	x.jobs[0].Files = []JobFile{{"conversions", "conversions.parquet", 2, 14, "abc"}}
	h.get(t, "/v1/exports/"+id)
	if w := h.do(http.MethodGet, "/v1/exports/"+id+"/files/conversions.parquet", nil, "Range", "bytes=0-3"); w.Code != http.StatusPartialContent || w.Body.String() != "PAR1" {
		t.Errorf("a range: %d %s", w.Code, w.Body)
	}
	if w := h.do(http.MethodDelete, "/v1/exports/"+id, nil); w.Code != http.StatusOK || len(x.removed) != 1 || x.removed[0] != id {
		t.Errorf("delete: %d %v", w.Code, x.removed)
	}
	h.wantProblem(t, h.do(http.MethodGet, "/v1/exports/none", nil), 404, "not_found", "")
	h.wantProblem(t, h.do(http.MethodDelete, "/v1/exports/none", nil), 404, "not_found", "")
}

func TestSinkRoutes(t *testing.T) {
	h := newHarness(t)
	x := &fakeExporter{}
	h.ServeExports(x)
	h.get(t, "/v1/sinks")
	if w := h.do(http.MethodGet, "/metrics", nil); !strings.Contains(w.Body.String(), `tributary_sink_rows_total{sink="redis"} 0`) || !strings.Contains(w.Body.String(), `tributary_exports{state="running"} 0`) {
		t.Errorf("the metrics lack exports and sinks: %s", w.Body)
	}
	w := h.do(http.MethodPost, "/v1/sinks/files/reconcile", nil)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"equal":false`) {
		t.Errorf("reconcile: %d %s", w.Code, w.Body)
	}
	validateSchema(t, h, "Reconciliation", w.Body.Bytes())
	w = h.do(http.MethodPost, "/v1/sinks/files/resync", nil)
	validateSchema(t, h, "SinkResync", w.Body.Bytes())
	x.down = fmt.Errorf("%w: connection refused", ErrUnreachable)
	h.wantProblem(t, h.do(http.MethodPost, "/v1/sinks/files/reconcile", nil), 502, "sink_unreachable", "")
	x.down = fmt.Errorf("%w as x", ErrNoSink)
	h.wantProblem(t, h.do(http.MethodPost, "/v1/sinks/x/resync", nil), 404, "not_found", "")
}

// TestExportsHidePersons: who may not see persons gets pseudonyms, and not the
// files of those who may.
func TestExportsHidePersons(t *testing.T) {
	g := newGuarded(t)
	row := make(table.Row, len(table.Conversions.Columns))
	x := &fakeExporter{rows: []table.Row{row}}
	g.ServeExports(x)
	row[1] = table.T("u:somebody")
	if w := g.do(http.MethodGet, "/v1/export/conversions", nil, g.with(auth.Export)...); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "somebody") || w.Body.Len() < 5 {
		t.Errorf("a stream: %d %s; want a pseudonym", w.Code, w.Body)
	}
	if w := g.do(http.MethodPost, "/v1/exports", strings.NewReader(`{"tables":["conversions"]}`), g.with(auth.Export)...); w.Code != http.StatusOK || !x.asked.Masked || x.asked.By == "" {
		t.Errorf("a job: %d %+v; want one with pseudonyms", w.Code, x.asked)
	}
	if w := g.do(http.MethodPost, "/v1/exports", strings.NewReader(`{"tables":["conversions"],"destination":"s3://b/a?region=x"}`), g.with(auth.Export)...); w.Code != http.StatusForbidden {
		t.Errorf("a bucket without the scope admin: %d", w.Code)
	}
	x.jobs[0].State, x.jobs[0].Masked = JobDone, false
	x.jobs[0].Files = []JobFile{{"conversions", "conversions.ndjson", 2, 14, "abc"}}
	if w := g.do(http.MethodGet, "/v1/exports/"+x.jobs[0].ID+"/files/conversions.ndjson", nil, g.with(auth.Export)...); w.Code != http.StatusForbidden {
		t.Errorf("a file with persons: %d %s", w.Code, w.Body)
	}
}

// TestAStreamThatFailsIsCutOff: the client must see that it is not whole.
func TestAStreamThatFailsIsCutOff(t *testing.T) {
	h := newHarness(t)
	one, two := make(table.Row, len(table.Conversions.Columns)), make(table.Row, len(table.Conversions.Columns))
	one[1], two[1] = table.T("u:1"), table.T("u:2")
	x := &fakeExporter{rows: []table.Row{one, two}}
	h.ServeExports(x)
	srv := httptest.NewServer(h.Handler())
	defer srv.Close()
	get := func() (string, string, error) {
		res, err := http.Get(srv.URL + "/v1/export/conversions")
		if err != nil {
			return "", "", err
		}
		text, err := io.ReadAll(res.Body)
		return string(text), res.Trailer.Get("X-Tributary-Rows"), errors.Join(err, res.Body.Close())
	}
	if text, rows, err := get(); err != nil || text != "u:1\nu:2\n" || rows != "2" {
		t.Errorf("whole: %q %q %v", text, rows, err)
	}
	x.fail = errors.New("the disk is gone")
	if text, _, err := get(); err == nil {
		t.Errorf("a stream that broke off came as %q, and nothing said so", text)
	}
}
