package web

import (
	"net/http"

	"github.com/tributary-data/tributary/event"
)

// livez says that the process answers; it asks nothing else.
func (s *Server) livez(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	send(w, r, http.StatusOK, []byte("{\"status\":\"ok\"}\n"))
}

// readyz: degraded is not down. A pipeline that works on, however limping,
// answers 200 and says what is wrong.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	st := s.view.Status()
	state, code := "ready", http.StatusOK
	switch {
	case !st.Ready:
		state, code = "not_ready", http.StatusServiceUnavailable
	case len(st.Degraded) > 0:
		state = "degraded"
	}
	if !s.mayRead(r.Context()) { // reasons name hosts
		st.NotReady, st.Degraded = nil, nil
	}
	body, err := plainJSON(obj{
		{"status", state},
		{"not_ready", texts(st.NotReady)},
		{"degraded", texts(st.Degraded)},
		{"watermark", when(st.Watermark)},
		{"commit", st.Commit},
	})
	if err != nil {
		panic("BUG: readiness does not marshal: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	if code != http.StatusOK {
		w.Header().Set("Retry-After", "1")
	}
	send(w, r, code, append(body, '\n'))
}

func texts(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// pipeline is the status of everything, for people and scripts.
func (s *Server) pipeline(q *query) (*answer, error) {
	st := s.view.Status()
	lag := func(w event.Millis) any {
		if w == event.NoTime || w == event.EndOfTime {
			return nil
		}
		return int64(max(0, q.now-w))
	}
	inputs := []obj{}
	for _, in := range st.Inputs {
		state := "active"
		switch {
		case in.Finished:
			state = "finished"
		case in.Error != "":
			state = "failing"
		case in.Idle:
			state = "idle"
		}
		var behind any
		if in.Behind >= 0 {
			behind = in.Behind
		}
		inputs = append(inputs, obj{
			{"name", in.Name},
			{"state", state},
			{"watermark", when(in.Watermark)},
			{"watermark_lag_ms", lag(in.Watermark)},
			{"records", in.Records},
			{"behind", behind},
			{"error", orNull(in.Error)},
		})
	}
	sinks := []obj{}
	for _, k := range st.Sinks {
		sinks = append(sinks, obj{
			{"name", k.Name},
			{"state", k.State},
			{"outbox_rows", k.OutboxRows},
			{"lag_ms", k.Lag.Milliseconds()},
			{"commit", k.Commit},
			{"watermark", when(k.Watermark)},
			{"error", orNull(k.Error)},
		})
	}
	dead := obj{}
	total := int64(0)
	for _, code := range deadLetterCodes {
		n := st.Counts.DeadLetters[event.Code(code)]
		dead = append(dead, field{code, n})
		total += n
	}
	dropped := st.Counts.Dropped
	if dropped == nil {
		dropped = map[string]int64{}
	}
	var budget any
	if st.DiskBudget > 0 {
		budget = st.DiskBudget
	}
	return &answer{body: obj{{"data", obj{
		{"ready", st.Ready},
		{"not_ready", texts(st.NotReady)},
		{"degraded", texts(st.Degraded)},
		{"version", st.Version},
		{"started", when(st.Started)},
		{"as_of", q.now.String()},
		{"watermark", when(st.Watermark)},
		{"watermark_lag_ms", lag(st.Watermark)},
		{"commit", st.Commit},
		{"epoch", st.Epoch},
		{"shards", st.Shards},
		{"inputs", inputs},
		{"sinks", sinks},
		{"counts", obj{
			{"records", st.Counts.Records},
			{"late", st.Counts.Late},
			{"too_late", st.Counts.TooLate},
			{"duplicates", st.Counts.Duplicates},
			{"conflicts", st.Counts.Conflicts},
			{"money_rounded", st.Counts.MoneyRounded},
			{"dead_letters", total},
			{"dead_letters_by_code", dead},
			{"dropped_fields", dropped},
		}},
		{"latency", obj{{"tick", quantilesObj(st.Tick)}, {"durable", quantilesObj(st.Durable)}, {"visible", quantilesObj(st.Latency)}}},
		{"disk", obj{{"bytes", st.DiskBytes}, {"budget_bytes", budget}, {"outbox_rows", st.OutboxRows}}},
	}}}}, nil
}

// quantilesObj: microseconds, because milliseconds are too coarse for a tick.
func quantilesObj(x Quantiles) obj {
	return obj{{"count", x.Count}, {"p50_us", x.P50.Microseconds()}, {"p95_us", x.P95.Microseconds()}, {"p99_us", x.P99.Microseconds()}}
}
