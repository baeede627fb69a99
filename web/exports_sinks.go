package web

import (
	"net/http"
	"path"
	"time"

	"github.com/tributary-data/tributary/event"
)

// sinkStates is what a page about sinks shows.
func (s *Server) sinkStates(*query) (*answer, error) {
	if err := s.noExports(); err != nil {
		return nil, err
	}
	stamp := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return when(event.Millis(t.UnixMilli()))
	}
	data := []obj{}
	for _, k := range s.exporter.SinkStates() {
		data = append(data, obj{
			{"name", k.Name},
			{"where", orNull(k.Where)},
			{"state", k.State},
			{"resyncing", k.Resyncing},
			{"commit", k.Commit},
			{"watermark", when(k.Watermark)},
			{"lag_ms", k.Lag.Milliseconds()},
			{"outbox_rows", k.OutboxRows},
			{"rows", k.Rows},
			{"bytes", k.Bytes},
			{"batches", k.Batches},
			{"resyncs", k.Resyncs},
			{"failures", k.Failures},
			{"last_success", stamp(k.LastSuccess)},
			{"error", orNull(k.Error)},
			{"error_at", stamp(k.LastError)},
			{"next_try", stamp(k.NextTry)},
			{"advice", orNull(k.Advice)},
			{"reconciles", k.Reconciles},
		})
	}
	return &answer{body: obj{{"data", data}}}, nil
}

// longWork gives a request that reads everything all the time that it takes.
func longWork(w http.ResponseWriter) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Time{})
	_ = control.SetReadDeadline(time.Time{})
}

// sinkOf is the name in a path /v1/sinks/{name}/verb.
func sinkOf(r *http.Request) string { return path.Base(path.Dir(r.URL.Path)) }

func (s *Server) reconcile(w http.ResponseWriter, r *http.Request) {
	if err := s.noExports(); err != nil {
		s.fail(r.Context(), w, r, err)
		return
	}
	longWork(w)
	x, err := s.exporter.Reconcile(r.Context(), sinkOf(r))
	if err != nil {
		s.failExport(w, r, err)
		return
	}
	tables := []obj{}
	for _, t := range x.Tables {
		tables = append(tables, obj{{"table", t.Table}, {"kept", t.Kept}, {"state_rows", t.State}, {"sink_rows", t.Sink}, {"differences", t.Differences}})
	}
	differences := []obj{}
	for _, d := range x.Differences {
		differences = append(differences, obj{{"table", d.Table}, {"group", d.Group}, {"column", d.Column}, {"state", d.State}, {"sink", d.Sink}})
	}
	a := &answer{body: obj{{"data", obj{
		{"sink", sinkOf(r)},
		{"epoch", x.At.Epoch},
		{"commit", x.At.Commit},
		{"watermark", when(x.At.Watermark)},
		{"equal", x.Total == 0},
		{"tables", tables},
		{"differences", differences},
		{"differences_total", x.Total},
	}}}}
	a.encode(mediaJSON).write(w, r)
}

func (s *Server) resync(w http.ResponseWriter, r *http.Request) {
	longWork(w) // a round that is under way ends first
	err := s.noExports()
	if err == nil {
		err = s.exporter.Resync(r.Context(), sinkOf(r))
	}
	if err != nil {
		s.failExport(w, r, err)
		return
	}
	a := &answer{body: obj{{"data", obj{{"sink", sinkOf(r)}, {"resyncing", true}}}}}
	a.encode(mediaJSON).write(w, r)
}
