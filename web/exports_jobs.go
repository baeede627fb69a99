package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/auth"
	"github.com/tributary-data/tributary/table"
)

var (
	exportFormats      = []string{"ndjson", "csv", "parquet"}
	exportCompressions = []string{"none", "gzip", "zstd"}
)

// Downloads are one kind of destination.
const Downloads = "download"

// exportRoutes are the routes of exports and sinks.
func (s *Server) exportRoutes() []*route {
	get := http.MethodGet
	id := inPath("id", "the id of the job", "20260115-120000-k7qd2mzt")
	sink := inPath("name", "the sink, as its section is called", "clickhouse")
	return []*route{
		{
			method: get, path: "/v1/export/{table}", id: "exportTable", schema: "ExportedRows", raw: s.exportTable,
			summary: "A whole table, or a range of it, as it stands at one commit",
			desc:    "The rows as `tributary replay` writes them, in the order of the key. The commit is in X-Tributary-Epoch, X-Tributary-Commit and X-Tributary-Watermark, the number of rows in the trailer X-Tributary-Rows. A body that ends early is cut off, never closed as if it were whole.",
			params: []*param{
				inPath("table", "the table", "conversions"), pListFrom, pListTo,
				{name: "format", desc: "of the rows", enum: exportFormats, def: "ndjson"},
				{name: "compression", desc: "of the whole answer; none with parquet, which is compressed within", enum: exportCompressions, def: "none"},
			},
		},
		{
			method: get, path: "/v1/exports", id: "listExports", schema: "Exports", handle: (*Server).exports, volatile: true,
			summary: "Exports that are made in the background, newest first", params: []*param{pLimit, pCursor},
		},
		{
			method: http.MethodPost, path: "/v1/exports", id: "createExport", schema: "ExportJob", body: "ExportRequest", raw: s.createExport,
			summary: "Begin an export in the background",
			desc:    "One is made at a time; all of its tables are as of one commit. It begins anew when the program stops in between. A destination other than download is the URL of a bucket, and needs the scope admin.",
		},
		{
			method: get, path: "/v1/exports/{id}", id: "getExport", schema: "ExportJob", handle: (*Server).export, volatile: true,
			summary: "One export and how far it is", params: []*param{id},
		},
		{
			method: http.MethodDelete, path: "/v1/exports/{id}", id: "deleteExport", schema: "ExportRemoved", raw: s.deleteExport,
			summary: "Cancel an export that waits or runs; forget one that has ended, with its files", params: []*param{id},
		},
		{
			method: get, path: "/v1/exports/{id}/files/{name}", id: "downloadExport", schema: "ExportedRows", raw: s.downloadExport,
			summary: "A file of an export that is done; ranges are served", params: []*param{id, inPath("name", "the file", "conversions.parquet")},
		},
		{
			method: get, path: "/v1/sinks", id: "listSinks", schema: "SinkStates", handle: (*Server).sinkStates, volatile: true,
			summary: "The sinks: how far each is, what it was sent, what fails and what to do",
		},
		{
			method: http.MethodPost, path: "/v1/sinks/{name}/reconcile", id: "reconcileSink", schema: "Reconciliation", raw: s.reconcile,
			summary: "Bring a sink to the newest commit and compare its counts and sums with the state", params: []*param{sink},
		},
		{
			method: http.MethodPost, path: "/v1/sinks/{name}/resync", id: "resyncSink", schema: "SinkResync", raw: s.resync,
			summary: "Write every row to a sink again; answers once that has begun", params: []*param{sink},
		},
	}
}

// noExports is the answer of a server without an Exporter.
func (s *Server) noExports() error {
	if s.exporter == nil {
		return newProblem(http.StatusServiceUnavailable, "not_possible", "this server makes no exports; use 'tributary export' on its directory")
	}
	return nil
}

// failExport is fail for what an Exporter returns.
func (s *Server) failExport(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, ErrBadExport):
		err = newProblem(http.StatusBadRequest, "bad_export", err.Error())
	case errors.Is(err, ErrNoSink):
		err = notFound(err.Error() + "; /v1/sinks lists them")
	case errors.Is(err, ErrBusy):
		err = newProblem(http.StatusTooManyRequests, "busy", err.Error()).after(10 * time.Second)
	case errors.Is(err, ErrUnreachable):
		err = newProblem(http.StatusBadGateway, "sink_unreachable", err.Error())
	}
	s.fail(r.Context(), w, r, err)
}

func (s *Server) exports(q *query) (*answer, error) {
	if err := s.noExports(); err != nil {
		return nil, err
	}
	jobs := s.exporter.Jobs()
	if q.cursor != "" {
		at := slices.IndexFunc(jobs, func(j *Job) bool { return j.ID < q.cursor })
		if at < 0 {
			at = len(jobs)
		}
		jobs = jobs[at:]
	}
	data, next := []obj{}, any(nil)
	for i, j := range jobs {
		if i == q.limit {
			next = jobs[i-1].ID
			break
		}
		data = append(data, jobObj(j))
	}
	return &answer{body: obj{{"data", data}, {"next_cursor", next}}}, nil
}

func (s *Server) export(q *query) (*answer, error) {
	if err := s.noExports(); err != nil {
		return nil, err
	}
	j := s.exporter.Job(q.pathParams["id"])
	if j == nil {
		return nil, notFound("there is no export " + strconv.Quote(q.pathParams["id"]))
	}
	return &answer{body: obj{{"data", jobObj(j)}}}, nil
}

func jobObj(j *Job) obj {
	stamp := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return when(event.Millis(t.UnixMilli()))
	}
	tables := make([]string, len(j.Tables))
	for i, t := range j.Tables {
		tables[i] = t.Name
	}
	files := []obj{}
	for _, f := range j.Files {
		var download any
		if j.State == JobDone && j.Destination == Downloads {
			download = "/v1/exports/" + j.ID + "/files/" + f.Name
		}
		files = append(files, obj{{"table", f.Table}, {"name", f.Name}, {"rows", f.Rows}, {"bytes", f.Bytes}, {"sha256", f.SHA256}, {"download", download}})
	}
	var commit, epoch any
	watermark := any(nil)
	if j.At.Commit > 0 {
		commit, epoch, watermark = j.At.Commit, j.At.Epoch, when(j.At.Watermark)
	}
	return obj{
		{"id", j.ID},
		{"state", j.State},
		{"tables", tables},
		{"from", when(j.From)},
		{"to", when(j.To)},
		{"format", j.Format},
		{"compression", j.Compression},
		{"destination", j.Destination},
		{"pseudonyms", j.Masked},
		{"created", stamp(j.Created)},
		{"created_by", j.By},
		{"started", stamp(j.Started)},
		{"ended", stamp(j.Ended)},
		{"expires", stamp(j.Expires)},
		{"restarts", j.Restarts},
		{"table", orNull(j.Now)},
		{"rows", j.Rows},
		{"bytes", j.Bytes},
		{"rows_per_second", int64(j.RowsPerMs * 1000)},
		{"progress", strconv.FormatFloat(j.Progress, 'f', 3, 64)},
		{"epoch", epoch},
		{"commit", commit},
		{"watermark", watermark},
		{"files", files},
		{"error", orNull(j.Error)},
	}
}

// maxExportBody bounds the body of a request for an export: names and times.
const maxExportBody = 16 << 10

func (s *Server) createExport(w http.ResponseWriter, r *http.Request) {
	if err := s.noExports(); err != nil {
		s.fail(r.Context(), w, r, err)
		return
	}
	req, err := s.jobRequest(w, r)
	if err != nil {
		s.fail(r.Context(), w, r, err)
		return
	}
	j, err := s.exporter.Create(req)
	if err != nil {
		s.failExport(w, r, err)
		return
	}
	s.audit(r, "export", "ok", map[string]any{"id": j.ID, "format": j.Format, "destination": j.Destination, "pseudonyms": j.Masked})
	a := &answer{status: http.StatusOK, body: obj{{"data", jobObj(j)}}}
	a.encode(mediaJSON).write(w, r)
}

// jobRequest reads and checks the body of a request for an export.
func (s *Server) jobRequest(w http.ResponseWriter, r *http.Request) (*JobRequest, error) {
	in := struct {
		Tables                           []string
		From, To                         *string
		Format, Compression, Destination string
	}{Format: "ndjson", Compression: "none", Destination: Downloads}
	bad := func(detail string, accepted ...string) error {
		p := newProblem(http.StatusBadRequest, "bad_export", detail)
		p.Accepted = accepted
		return p
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxExportBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, bad(`the body must be an object such as {"tables":["conversions"],"format":"parquet"}: ` + err.Error())
	}
	if len(in.Tables) == 0 {
		return nil, bad("tables is missing; name some, or [\"all\"]", tableNames()...)
	}
	x := &JobRequest{From: event.NoTime, To: event.NoTime, Format: in.Format, Compression: in.Compression, Destination: in.Destination, Masked: !s.may(r.Context(), auth.ReadPII)}
	for _, name := range in.Tables {
		t, ok := table.ByName(name)
		switch {
		case name == "all" && len(in.Tables) == 1:
			x.Tables = table.All
		case !ok:
			return nil, bad("there is no table "+strconv.Quote(name), tableNames()...)
		case slices.Contains(x.Tables, t):
			return nil, bad("table " + name + " is named twice")
		default:
			x.Tables = append(x.Tables, t)
		}
	}
	now := event.Millis(s.now().UnixMilli())
	for _, b := range []struct {
		name  string
		given *string
		to    *event.Millis
	}{{"from", in.From, &x.From}, {"to", in.To, &x.To}} {
		if b.given == nil {
			continue
		}
		at, err := parseTime(b.name, *b.given, now)
		if err != nil {
			return nil, err
		}
		*b.to = at
	}
	if x.From != event.NoTime && x.To != event.NoTime && x.From >= x.To {
		return nil, bad("from is not before to")
	}
	if !slices.Contains(exportFormats, x.Format) {
		return nil, bad("format "+strconv.Quote(x.Format)+" is not known", exportFormats...)
	}
	if !slices.Contains(exportCompressions, x.Compression) {
		return nil, bad("compression "+strconv.Quote(x.Compression)+" is not known", exportCompressions...)
	}
	if x.Format == "parquet" && x.Compression != "none" {
		return nil, bad("parquet is compressed within; leave compression out")
	}
	if x.Destination != Downloads {
		if !s.may(r.Context(), auth.Admin) {
			p := newProblem(http.StatusForbidden, "missing_scope", "an export to a bucket is written with the server's own credentials and needs the scope admin; export to \"download\" instead")
			p.Accepted = auth.Admin.Names()
			return nil, p
		}
	}
	if who, ok := s.principal(r.Context()); ok {
		if x.By = who.Name; x.By == "" {
			x.By = who.ID
		}
	}
	return x, nil
}

func tableNames() []string {
	names := []string{"all"}
	for _, t := range table.All {
		names = append(names, t.Name)
	}
	return names
}

func (s *Server) deleteExport(w http.ResponseWriter, r *http.Request) {
	err := s.noExports()
	id := path.Base(r.URL.Path)
	there := false
	if err == nil {
		there, err = s.exporter.Remove(r.Context(), id)
	}
	switch {
	case err != nil:
		s.failExport(w, r, err)
	case !there:
		notFound("there is no export "+strconv.Quote(id)).write(w, r)
	default:
		a := &answer{body: obj{{"data", obj{{"id", id}, {"removed", true}}}}}
		a.encode(mediaJSON).write(w, r)
	}
}

var exportMedia = map[string]string{
	".ndjson": mediaNDJSON, ".csv": mediaCSV + "; charset=utf-8; header=present", ".parquet": "application/vnd.apache.parquet",
	".gz": "application/gzip", ".zst": "application/zstd",
}

func (s *Server) downloadExport(w http.ResponseWriter, r *http.Request) {
	if err := s.noExports(); err != nil {
		s.fail(r.Context(), w, r, err)
		return
	}
	dir, name := path.Split(r.URL.Path)
	id := path.Base(path.Dir(path.Clean(dir)))
	j := s.exporter.Job(id)
	switch {
	case j == nil:
		notFound("there is no export "+strconv.Quote(id)).write(w, r)
		return
	case j.State != JobDone:
		p := newProblem(http.StatusConflict, "not_done", "the export is "+j.State+"; /v1/exports/"+id+" says how far it is")
		if j.State == JobQueued || j.State == JobRunning {
			p = p.after(5 * time.Second)
		}
		p.write(w, r)
		return
	case !j.Masked && !s.may(r.Context(), auth.ReadPII):
		p := newProblem(http.StatusForbidden, "missing_scope", "this export holds persons; it needs the scope read:pii. One that you create yourself holds pseudonyms")
		p.Accepted = auth.ReadPII.Names()
		p.write(w, r)
		return
	}
	f, err := s.exporter.Open(id, name)
	if err != nil {
		notFound(fmt.Sprintf("export %s has no file %q", id, name)).write(w, r)
		return
	}
	defer f.Close() //nolint:errcheck // it was only read
	h := w.Header()
	h.Set("Content-Type", exportMedia[path.Ext(name)])
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": id + "-" + name}))
	h.Set("Cache-Control", "private, no-cache")
	for _, x := range j.Files {
		if x.Name == name {
			h.Set("Etag", `"`+x.SHA256+`"`)
		}
	}
	http.ServeContent(&patient{ResponseWriter: w, control: http.NewResponseController(w)}, r, "", j.Ended, f)
}

// patient gives every write its time: a download lasts as long as it lasts, but
// a reader that takes nothing is dropped.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return p.ResponseWriter.Write(b)
}

// exportTable streams a table at one commit.
func (s *Server) exportTable(w http.ResponseWriter, r *http.Request) {
	if err := s.noExports(); err != nil {
		s.fail(r.Context(), w, r, err)
		return
	}
	x, err := s.tableExport(r)
	if err != nil {
		s.fail(r.Context(), w, r, err)
		return
	}
	begun := false
	rows, err := s.exporter.Stream(r.Context(), x, func(at Snapshot) io.Writer {
		begun = true
		h := w.Header()
		name := x.Table.Name + "." + x.Format + map[string]string{"gzip": ".gz", "zstd": ".zst"}[x.Compression]
		h.Set("Content-Type", exportMedia[path.Ext(name)])
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
		h.Set("Cache-Control", "no-store")
		h.Set("Trailer", "X-Tributary-Rows")
		h.Set("X-Tributary-Epoch", strconv.FormatUint(at.Epoch, 10))
		h.Set("X-Tributary-Commit", strconv.FormatUint(at.Commit, 10))
		if at.Watermark != event.NoTime {
			h.Set("X-Tributary-Watermark", at.Watermark.String())
		}
		w.WriteHeader(http.StatusOK)
		return &patient{ResponseWriter: w, control: http.NewResponseController(w)}
	})
	switch {
	case err == nil:
		w.Header().Set("X-Tributary-Rows", strconv.FormatInt(rows, 10))
	case !begun:
		s.failExport(w, r, err)
	default:
		if r.Context().Err() == nil {
			s.log.Error("an export was cut off", slog.String("table", x.Table.Name), slog.Int64("rows", rows), slog.Any("err", err))
		}
		panic(http.ErrAbortHandler) // so that nobody takes it for whole
	}
}

func (s *Server) tableExport(r *http.Request) (*TableExport, error) {
	at := slices.IndexFunc(s.table, func(rt *route) bool { return rt.path == "/v1/export/{table}" })
	q, err := s.queryOf(s.table[at], r)
	if err != nil {
		return nil, err
	}
	t, ok := table.ByName(q.pathParams["table"])
	if !ok {
		p := notFound("there is no table " + strconv.Quote(q.pathParams["table"]))
		p.Accepted = tableNames()[1:]
		return nil, p
	}
	x := &TableExport{Table: t, From: event.NoTime, To: event.NoTime, Format: "ndjson", Compression: "none"}
	values := r.URL.Query()
	if v := values.Get("format"); v != "" {
		x.Format = v
	}
	if v := values.Get("compression"); v != "" {
		x.Compression = v
	}
	if x.Format == "parquet" && x.Compression != "none" {
		return nil, badParameter("compression", "parquet is compressed within; leave it out", "none")
	}
	if values.Has("from") {
		x.From = q.from
	}
	if values.Has("to") {
		x.To = q.to
	}
	if !s.may(r.Context(), auth.ReadPII) {
		x.Mask = s.MaskRow
	}
	if strings.Contains(r.Header.Get("Range"), "bytes") {
		return nil, badParameter("Range", "a table that is made as it is sent has no ranges; create an export with POST /v1/exports and download that")
	}
	return x, nil
}
