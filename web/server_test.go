package web

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParameterErrors(t *testing.T) {
	h := newHarness(t)
	for _, c := range []struct{ target, code, parameter string }{
		{"/v1/overview?form=-1h", "unknown_parameter", "form"},
		{"/v1/overview?From=-1h", "unknown_parameter", "From"},
		{"/v1/overview?interval=day", "unknown_parameter", "interval"},
		{"/v1/overview?from=yesterday", "bad_parameter", "from"},
		{"/v1/overview?to=2025-13-01T00:00:00Z", "bad_parameter", "to"},
		{"/v1/overview?from=now&to=-1h", "bad_parameter", "from"},
		{"/v1/overview?from=now", "bad_parameter", "from"},
		{"/v1/overview?from=-1h&from=-2h", "bad_parameter", "from"},
		{"/v1/overview?timezone=Mars/Olympus", "bad_parameter", "timezone"},
		{"/v1/overview?timezone=", "bad_parameter", "timezone"},
		{"/v1/overview?timezone=Local", "bad_parameter", "timezone"},
		{"/v1/overview?timezone=../etc/passwd", "bad_parameter", "timezone"},
		{"/v1/overview?model=magic", "bad_parameter", "model"},
		{"/v1/overview?basis=time", "bad_parameter", "basis"},
		{"/v1/overview?traffic=all", "bad_parameter", "traffic"},
		{"/v1/timeseries?interval=week", "bad_parameter", "interval"},
		{"/v1/attribution?group_by=person", "bad_parameter", "group_by"},
		{"/v1/conversions?limit=0", "bad_parameter", "limit"},
		{"/v1/conversions?limit=1001", "bad_parameter", "limit"},
		{"/v1/conversions?limit=ten", "bad_parameter", "limit"},
		{"/v1/conversions?cursor=!", "bad_parameter", "cursor"},
		{"/v1/conversions?cursor=" + writeCursor("sessions", "1", "x"), "bad_parameter", "cursor"},
		{"/v1/conversions?cursor=" + writeCursor("conversions", "x", "x"), "bad_parameter", "cursor"},
		{"/v1/conversions?verdict=valid,odd", "bad_parameter", "verdict"},
		{"/v1/overview?campaign_id=" + strings.Repeat("a,", 1001), "bad_parameter", "campaign_id"},
		{"/v1/overview?a=%zz", "bad_query", ""},
	} {
		p := h.wantProblem(t, h.do(http.MethodGet, c.target, nil), 400, c.code, c.parameter)
		if c.code == "bad_parameter" && p["detail"] == "" {
			t.Errorf("%s: no detail", c.target)
		}
	}
	p := h.wantProblem(t, h.do(http.MethodGet, "/v1/overview?model=magic", nil), 400, "bad_parameter", "model")
	if n := len(p["accepted"].([]any)); n != len(Models) {
		t.Errorf("%d accepted models", n)
	}
}

func TestRouting(t *testing.T) {
	h := newHarness(t)
	for _, target := range []string{"/nothing", "/v1/", "/v1/pacing", "/v1/conversions/x/y", "/v1/overview/", "/page/none.js", "/page/../server.go"} {
		h.wantProblem(t, h.do(http.MethodGet, target, nil), 404, "not_found", "")
	}
	for target, allow := range map[string]string{"/v1/events": "POST", "/v1/overview": "GET, HEAD", "/": "GET, HEAD", "/v1/conversions/a%2Fb": "GET, HEAD"} {
		w := h.do(http.MethodDelete, target, nil, "Sec-Fetch-Site", "same-origin")
		h.wantProblem(t, w, 405, "method_not_allowed", "")
		if w.Header().Get("Allow") != allow {
			t.Errorf("%s: Allow %q", target, w.Header().Get("Allow"))
		}
	}
	p := h.wantProblem(t, h.do(http.MethodGet, "/v1/overview", nil, "Accept", "application/xml, text/html;q=0.5"), 406, "not_acceptable", "")
	if fmt.Sprint(p["accepted"]) != "[application/json text/csv application/x-ndjson]" {
		t.Errorf("accepted %v", p["accepted"])
	}
	for _, accept := range []string{"*/*", "application/*", "text/html, */*;q=0.1", "application/json;q=0.9, text/csv;q=0.1"} {
		if w := h.do(http.MethodGet, "/v1/overview", nil, "Accept", accept); w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("Accept %s: %d %s", accept, w.Code, w.Header().Get("Content-Type"))
		}
	}
	w := h.do(http.MethodHead, "/v1/pipeline", nil)
	if w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %d bytes", w.Code, w.Body.Len())
	}
}

func TestHeadersOfTheDashboard(t *testing.T) {
	h := newHarness(t)
	w := h.do(http.MethodGet, "/", nil, "Accept", "text/html")
	csp := w.Header().Get("Content-Security-Policy")
	if w.Code != 200 || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the dashboard: %d, headers %v", w.Code, w.Header())
	}
	for _, bad := range []string{"<script>", "style=\"", "onclick", "javascript:", "https://"} {
		if strings.Contains(w.Body.String(), bad) {
			t.Errorf("the dashboard's page contains %s", bad)
		}
	}
}

func TestFaults(t *testing.T) {
	h := newHarness(t)
	h.view.fail = errors.New("the disk is gone: secret")
	w := h.do(http.MethodGet, "/v1/overview", nil)
	h.wantProblem(t, w, 500, "internal", "")
	if strings.Contains(w.Body.String(), "secret") || !strings.Contains(h.log.String(), "secret") {
		t.Error("an inner error belongs into the log and not into the answer")
	}
	h.view.panics = true
	h.wantProblem(t, h.do(http.MethodGet, "/v1/overview", nil), 500, "internal", "")
	if !strings.Contains(h.log.String(), "panicked") {
		t.Error("a panic was not logged")
	}
	m := h.do(http.MethodGet, "/metrics", nil).Body.String()
	if !strings.Contains(m, "tributary_http_panics_total 1\n") || !strings.Contains(m, `tributary_http_requests_total{code="500",method="GET",route="/v1/overview"} 2`) {
		t.Errorf("metrics after a panic: %s", m)
	}
}

func TestHealth(t *testing.T) {
	h := newHarness(t)
	if w := h.do(http.MethodGet, "/readyz", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"status":"ready"`) {
		t.Errorf("ready: %d %s", w.Code, w.Body)
	}
	h.view.status.Degraded = []string{"sink clickhouse is down"}
	if w := h.do(http.MethodGet, "/readyz", nil); w.Code != 200 || !strings.Contains(w.Body.String(), `"status":"degraded"`) {
		t.Errorf("degraded: %d %s", w.Code, w.Body)
	}
	h.view.status.Ready, h.view.status.NotReady = false, []string{"the state is being read"}
	if w := h.do(http.MethodGet, "/readyz", nil); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("not ready: %d", w.Code)
	}
	if w := h.do(http.MethodGet, "/livez", nil); w.Code != 200 {
		t.Errorf("live: %d", w.Code)
	}
}

func TestPipelineAndMetrics(t *testing.T) {
	h := newHarness(t)
	h.view.status = Status{
		Version: "1.2", Ready: true, Watermark: ms("2025-03-10T11:59:44Z"), Commit: 7, Epoch: 2, Shards: 2, Lookback: 1,
		Inputs: []Input{{Name: "clicks/0", Watermark: ms("2025-03-10T11:59:44Z"), Behind: 5}, {Name: "a.ndjson", Finished: true, Watermark: event.EndOfTime, Behind: -1}, {Name: "http", Idle: true, Watermark: event.NoTime}, {Name: "clicks/1", Error: "refused"}},
		Counts: Counts{Records: 10, TooLate: 2, DeadLetters: map[event.Code]int64{event.BadTime: 3}, Dropped: map[string]int64{"ip": 1}},
		Sinks:  []Sink{{Name: "files", State: "ok", Lag: 1500 * time.Millisecond}, {Name: "redis", State: "down", Error: "refused"}},
		Tick:   Quantiles{Count: 3, Sum: time.Second, P99: 20 * time.Millisecond}, DiskBytes: 4096,
	}
	got := h.get(t, "/v1/pipeline")
	want(t, got, "data.watermark_lag_ms", 16000)
	want(t, got, "data.inputs.0.behind", 5)
	want(t, got, "data.inputs.1.state", "finished")
	want(t, got, "data.inputs.1.behind", nil)
	want(t, got, "data.inputs.1.watermark", nil)
	want(t, got, "data.inputs.3.state", "failing")
	want(t, got, "data.counts.dead_letters", 3)
	want(t, got, "data.counts.dropped_fields.ip", 1)
	want(t, got, "data.sinks.0.lag_ms", 1500)
	want(t, got, "data.latency.tick.p99_us", 20000)
	m := h.do(http.MethodGet, "/metrics", nil).Body.String()
	for _, line := range []string{
		"tributary_ready 1", "tributary_watermark_timestamp_seconds 1.741607984e+09", "tributary_input_records_total 10", `tributary_records_set_aside_total{fate="too_late"} 2`,
		`tributary_dead_letters_total{code="bad_time"} 3`, `tributary_dead_letters_total{code="malformed"} 0`, `tributary_dropped_fields_total{field="ip"} 1`,
		`tributary_sink_lag_seconds{sink="files"} 1.5`, `tributary_sink_up{sink="redis"} 0`, `tributary_tick_seconds{quantile="0.99"} 0.02`, "tributary_consumer_lag_records 5",
		"tributary_disk_used_bytes 4096", `tributary_inputs{state="idle"} 1`, `tributary_collector_records_total{result="rejected"} 0`,
	} {
		if !strings.Contains(m, line+"\n") {
			t.Errorf("metrics lack %s", line)
		}
	}
}

func TestConversionLists(t *testing.T) {
	h := newHarness(t)
	for i := range 25 { // several in one millisecond, ids out of order
		at := ms("2025-03-01T00:00:00Z") + event.Millis(i/3)*event.Hour
		verdict := []string{"valid", "sivt"}[i%2]
		h.view.put(table.Conversions, fmt.Sprintf("k%02d", (i*7)%25), "u:1", at, "purchase", "", 1_000_000*i, 1_000_000*i, "USD", verdict, "", 0, 0, "s", "final")
	}
	var ids, times []string
	target := "/v1/conversions?limit=7"
	for pages := 1; ; pages++ {
		doc := h.get(t, target)
		for _, row := range at(t, doc, "data").([]any) {
			ids = append(ids, at(t, row, "conversion_id").(string))
			times = append(times, at(t, row, "event_time").(string)+ids[len(ids)-1])
		}
		next, ok := at(t, doc, "next_cursor").(string)
		if !ok {
			if pages != 4 {
				t.Errorf("%d pages", pages)
			}
			break
		}
		target = "/v1/conversions?limit=7&cursor=" + next
	}
	slices.Reverse(times)
	if !slices.IsSorted(times) {
		t.Errorf("not newest first: %v", times)
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 25 {
		t.Errorf("%d different ids", len(ids))
	}
	count(t, h.get(t, "/v1/conversions?verdict=sivt,duplicate"), "data", 12)
	count(t, h.get(t, "/v1/conversions?from=2025-03-01T02:00:00Z&to=2025-03-01T04:00:00Z"), "data", 6)
	full := h.get(t, "/v1/conversions?limit=25")
	want(t, full, "next_cursor", nil)
	want(t, h.get(t, "/v1/conversions/k07"), "data.value.amount", "1.00")
	h.wantProblem(t, h.do(http.MethodGet, "/v1/conversions/none", nil), 404, "not_found", "")
}

func TestOddIDs(t *testing.T) {
	h := newHarness(t)
	for _, id := range []string{"a/b", "a b", "é%2F", "100%", "..", "a?b#c", `"<script>`} {
		h.view.put(table.Conversions, id, "u:1", noon, "purchase", "", 1, 1, "USD", "valid", "", 0, 0, "s", "final")
		esc := strings.NewReplacer("%", "%25", "/", "%2F", " ", "%20", "é", "%C3%A9", "?", "%3F", "#", "%23", `"`, "%22", "<", "%3C", ">", "%3E").Replace(id)
		want(t, h.get(t, "/v1/conversions/"+esc), "data.conversion_id", id)
	}
}

func TestOtherLists(t *testing.T) {
	h := newHarness(t)
	h.view.put(table.Sessions, "s1", "u:1", "2025-03-10T10:00:00Z", "2025-03-10T10:20:00Z", 3, 1, 2, 1, "Email", "final")
	h.view.put(table.Sessions, "s2", "u:2", "2025-03-10T10:00:00Z", "2025-03-10T11:20:00Z", 3, 1, 2, 1, "Direct", "provisional")
	got := h.get(t, "/v1/sessions")
	want(t, got, "data.0.session_id", "s2")
	count(t, h.get(t, "/v1/sessions?entry_channel=Email"), "data", 1)
	h.view.put(table.LateEvents, "e1", "2025-03-10T01:00:00Z", "clicks/0/7", "click", "2025-03-10T11:20:00Z", 37_200_000, `{"a":"<b>"}`)
	late := h.get(t, "/v1/late-events")
	want(t, late, "data.0.payload", `{"a":"<b>"}`)
	want(t, late, "data.0.lateness_ms", 37200000)
	h.view.put(table.DeadLetters, "http/r1/0", "bad_time", "event_time: looks like seconds", `=cmd|' /C calc'!A0`)
	h.view.put(table.DeadLetters, "http/r1/1", "malformed", "x", "{")
	count(t, h.get(t, "/v1/dead-letters?code=bad_time"), "data", 1)
	count(t, h.get(t, "/v1/dead-letters?limit=1"), "data", 1)

	w := h.do(http.MethodGet, "/v1/dead-letters?limit=1", nil, "Accept", "text/csv")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 2 || rows[0][3] != "payload" || rows[1][3] != `'=cmd|' /C calc'!A0` || w.Header().Get("X-Next-Cursor") == "" {
		t.Errorf("CSV %q %v %v", rows, err, w.Header())
	}
	for in, out := range map[string]string{"=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "a=1": "a=1", "": ""} {
		if got := escapeFormula(in); got != out {
			t.Errorf("the cell %q is written %q", in, got)
		}
	}
	h.fill()
	for _, target := range []string{"/v1/timeseries", "/v1/campaigns", "/v1/attribution", "/v1/attribution/compare", "/v1/overview", "/v1/conversions", "/v1/paths"} {
		w := h.do(http.MethodGet, target, nil, "Accept", "text/csv")
		if rows, err := csv.NewReader(w.Body).ReadAll(); err != nil || len(rows) < 1 || len(rows[0]) < 4 {
			t.Errorf("%s as CSV: %v %v", target, rows, err)
		}
	}
}

func TestExplain(t *testing.T) {
	h := newHarness(t)
	at := ms(noon)
	h.view.put(table.Conversions, "order/1", "u:1881", at, "purchase", "A-4711", 129_900_000, 103_920_000, "USD", "valid", "restated", 3, 0, "s-77f", "restated")
	h.view.explain["order/1"] = exampleExplanation(h.view.all(table.Conversions)[0], at)
	got := h.get(t, "/v1/conversions/order%2F1/explain")
	want(t, got, "data.counted", 3)
	want(t, got, "data.rejected", 4)
	want(t, got, "data.candidates.2.why", "invalid: fast_click")
	want(t, got, "data.candidates.2.position", nil)
	want(t, got, "data.models.3.shares.0.weight_denominator", "3")
	want(t, got, "data.models.3.total_value.amount", "103.92")
	want(t, got, "data.models.3.total_credited_conversions", "1")
	want(t, got, "data.models.8.additive", false)
	want(t, got, "data.adjustments.0.why", "a later adjustment counts")
	want(t, got, "data.revisions.1.delta.amount", "-5.633334")
	want(t, got, "data.lookback.click", "30d")
	h.wantProblem(t, h.do(http.MethodGet, "/v1/conversions/x/explain", nil), 404, "not_found", "")
}

// Serve over a real connection answers, and ends when it is told to.
func TestServe(t *testing.T) {
	h := newHarness(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Serve(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + l.Addr().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("/livez: %s", resp.Status)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Serve does not stop")
	}
}

func TestConfig(t *testing.T) {
	for listen, ok := range map[string]bool{"127.0.0.1:8080": true, ":0": true, "[::1]:80": true, "localhost": false, "127.0.0.1:http": false, "127.0.0.1:70000": false, "": false} {
		if err := (Config{Listen: listen}).Validate(); (err == nil) != ok {
			t.Errorf("%q: %v", listen, err)
		}
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}
