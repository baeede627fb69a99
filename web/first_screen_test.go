package web

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

func TestCompare(t *testing.T) {
	h := newHarness(t)
	h.fill()
	v := h.view
	v.put(table.MinuteDelivery, "2025-03-09T11:10:00Z", "c1", "Email", "USD", 1000, 10, 0, 0, 0, 0, 10_000_000, 0, "final")
	v.put(table.MinuteDelivery, "2025-03-09T11:10:00Z", "gone", "Email", "USD", 1, 1, 0, 0, 0, 0, 1_000_000, 0, "restated")
	v.put(table.MinuteDelivery, "2025-03-03T11:10:00Z", "c1", "Email", "GBP", 5, 0, 0, 0, 0, 0, 0, 0, "final")

	got := h.get(t, "/v1/overview?compare=yesterday")
	want(t, got, "meta.compare.mode", "yesterday")
	want(t, got, "meta.compare.from", "2025-03-09T11:00:00.000Z")
	want(t, got, "meta.compare.to", "2025-03-09T12:00:00.000Z")
	want(t, got, "meta.compare.status", "restated")
	want(t, got, "meta.compare.data_from", nil)
	want(t, got, "data.1.previous.spend.amount", "11.00")
	want(t, got, "data.1.change.spend", "0.3636") // 15.000001 / 11 - 1
	want(t, got, "data.1.change.credited_value", nil)
	want(t, got, "data.0.previous", nil)

	week := h.get(t, "/v1/overview?compare=last_week&currency=GBP")
	want(t, week, "data.0.impressions", 0)
	want(t, week, "data.0.previous.impressions", 5)
	want(t, week, "data.0.change.impressions", "-1.0000")
	want(t, week, "meta.compare.data_from", "2025-03-03T11:10:00.000Z") // ten minutes of that hour were not recorded

	before := h.get(t, "/v1/overview?compare=previous_period&currency=USD")
	want(t, before, "meta.compare.from", "2025-03-10T10:00:00.000Z")
	want(t, before, "data.0.previous.spend.amount", "9.00")
	// today until midnight: only as much of yesterday as today has had
	half := h.get(t, "/v1/overview?compare=yesterday&from=2025-03-10T00:00:00Z&to=2025-03-11T00:00:00Z")
	want(t, half, "meta.compare.to", "2025-03-09T12:00:00.000Z")

	never := h.get(t, "/v1/timeseries?compare=last_week&interval=hour&from=2025-03-09T11:00:00Z&to=2025-03-09T12:00:00Z")
	want(t, never, "meta.compare.data_from", "2025-03-03T11:10:00.000Z")

	table := h.get(t, "/v1/campaigns?compare=yesterday&currency=USD")
	want(t, table, "meta.compare.data_from", nil)
	want(t, table, "data.0.previous.impressions", 1000)
	want(t, table, "data.2.campaign_id", "gone")
	want(t, table, "data.2.spend.amount", "0.00")
	want(t, table, "data.2.previous.spend.amount", "1.00")

	series := h.get(t, "/v1/timeseries?compare=yesterday&currency=USD&interval=hour")
	want(t, series, "data.0.previous.start", "2025-03-09T11:00:00.000Z")
	want(t, series, "data.0.previous.impressions", 1001)

	// the clock goes forward on 30 March: the same time of the day before is 23 hours ago
	h.Server.now = func() time.Time { return ms("2025-03-30T10:00:00Z").Time() }
	want(t, h.get(t, "/v1/overview?compare=yesterday&timezone=Europe/Berlin"), "meta.compare.from", "2025-03-29T10:00:00.000Z")
	h.wantProblem(t, h.do(http.MethodGet, "/v1/overview?compare=tomorrow", nil), 400, "bad_parameter", "compare")
}

func TestSparklines(t *testing.T) {
	h := newHarness(t)
	h.fill()
	got := h.get(t, "/v1/campaigns?sparkline=spend&currency=USD&limit=1")
	count(t, got, "data.0.sparkline", 60)
	want(t, got, "data.0.sparkline.10", "11.00")
	want(t, got, "data.0.sparkline.12", "0.00")
	want(t, got, "meta.sparkline.step_ms", 60_000)
	want(t, got, "meta.sparkline.open_from", 59)
	day := h.get(t, "/v1/campaigns?sparkline=roas&from=-24h&currency=USD")
	count(t, day, "data.0.sparkline", 48)
	want(t, day, "data.0.sparkline.0", nil)
	want(t, day, "meta.sparkline.step_ms", 30*60_000)
	month := h.get(t, "/v1/campaigns?sparkline=clicks&from=-30d&currency=USD")
	count(t, month, "data.0.sparkline", 60)
}

// Filters that only the hours of delivery have leave out conversions and credit.
func TestHourlyFilters(t *testing.T) {
	h := newHarness(t)
	h.fill()
	h.view.put(table.HourDelivery, "2025-03-10T11:00:00Z", "c1", "g1", "cr1", "p1", "DE", "Email", "USD", 10, 5, 1, 0, 0, 0, 3_000_000, 500_000, "final")
	h.view.put(table.HourDelivery, "2025-03-10T11:00:00Z", "c1", "g1", "cr1", "p1", "FR", "Email", "USD", 90, 9, 0, 0, 0, 0, 9_000_000, 0, "final")
	got := h.get(t, "/v1/overview?country=DE&from=2025-03-10T11:20:00Z&compare=yesterday")
	want(t, got, "meta.from", "2025-03-10T11:00:00.000Z")
	want(t, got, "data.0.impressions", 9)
	want(t, got, "data.0.spend.amount", "2.50")
	want(t, got, "data.0.credited_value", nil)
	want(t, got, "data.0.conversions", nil)
	want(t, got, "data.0.change.credited_value", nil)
	want(t, h.get(t, "/v1/campaigns?creative_id=cr1&publisher_id=p1&ad_group_id=g1"), "data.0.impressions", 99)
	want(t, h.get(t, "/v1/timeseries?interval=hour&country=FR"), "data.0.clicks", 9)
	h.wantProblem(t, h.do(http.MethodGet, "/v1/timeseries?country=FR", nil), 400, "bad_parameter", "interval")
}

func TestOpenPoints(t *testing.T) {
	h := newHarness(t)
	h.fill()
	got := h.get(t, "/v1/timeseries?currency=USD")
	want(t, got, "data.58.open", false)
	want(t, got, "data.59.open", true)
	want(t, got, "meta.open_from", "2025-03-10T11:59:00.000Z")
}

func TestMediaTypes(t *testing.T) {
	h := newHarness(t)
	h.fill()
	h.view.put(table.MinuteDelivery, "2025-03-10T11:30:00Z", "=1+1", "Email", "USD", 1, 1, 0, 0, 0, 0, 1, 0, "final")
	csv := h.do(http.MethodGet, "/v1/campaigns?compare=yesterday&sparkline=spend", nil, "Accept", "text/csv").Body.String()
	lines := strings.Split(strings.TrimSpace(csv), "\r\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[1], "'=1+1,USD,") {
		t.Errorf("CSV: %s", csv)
	}
	columns := strings.Split(lines[0], ",")
	for _, line := range lines[1:] {
		if n := len(strings.Split(line, ",")); n != len(columns) {
			t.Errorf("%d cells under %d columns: %s", n, len(columns), line)
		}
	}
	for _, c := range []string{"spend", "previous_spend", "change_spend", "sparkline"} {
		if !strings.Contains(","+lines[0]+",", ","+c+",") {
			t.Errorf("no column %s in %s", c, lines[0])
		}
	}
	w := h.do(http.MethodGet, "/v1/campaigns?limit=1", nil, "Accept", "application/x-ndjson")
	if w.Header().Get("Content-Type") != "application/x-ndjson" || strings.Count(w.Body.String(), "\n") != 1 || w.Header().Get("X-Next-Cursor") == "" {
		t.Errorf("NDJSON: %v %s", w.Header(), w.Body)
	}
}

// An answer has the same tag until something is committed, and is worked out
// once.
func TestTags(t *testing.T) {
	h := newHarness(t)
	h.fill()
	first := h.do(http.MethodGet, "/v1/overview", nil)
	tag := first.Header().Get("ETag")
	if !strings.HasPrefix(tag, `W/"`) || first.Header().Get("Tributary-Epoch") != h.seq.epoch || first.Header().Get("Tributary-Seq") == "" {
		t.Errorf("headers %v", first.Header())
	}
	h.view.panics = true // nothing is read for it any more
	for _, target := range []string{"/v1/overview", "/v1/overview?from=-1h", "/v1/overview?to=now"} {
		if w := h.do(http.MethodGet, target, nil, "If-None-Match", tag); w.Code != http.StatusNotModified && target == "/v1/overview" {
			t.Errorf("%s: %d with the tag", target, w.Code)
		}
	}
	if w := h.do(http.MethodGet, "/v1/overview", nil); w.Body.String() != first.Body.String() {
		t.Errorf("the same question gets %s, before %s", w.Body, first.Body)
	}
	h.view.panics = false
	if w := h.do(http.MethodGet, "/v1/overview?traffic=gross", nil, "If-None-Match", tag); w.Code != 200 {
		t.Errorf("another question: %d", w.Code)
	}
	h.view.tick()
	if w := h.do(http.MethodGet, "/v1/overview", nil, "If-None-Match", tag); w.Code != 200 || w.Header().Get("ETag") == tag {
		t.Errorf("after a commit: %d %s", w.Code, w.Header().Get("ETag"))
	}
}

func TestTopCredit(t *testing.T) {
	h := newHarness(t)
	creditsOf(h)
	got := h.get(t, "/v1/conversions?expand=top&model=linear")
	want(t, got, "data.0.top.channel", "Email")
	want(t, got, "data.0.top.credit_ppm", 500_000)
	want(t, got, "data.1.top", nil)
}

func TestPathFigures(t *testing.T) {
	h := newHarness(t)
	creditsOf(h)
	got := h.get(t, "/v1/paths?model=first_touch")
	want(t, got, "data.0.steps.0.credited_conversions", "2")
	want(t, got, "data.0.steps.0.credited_value.amount", "10.00")
	want(t, got, "data.0.steps.1.credited_conversions", "0")
	want(t, got, "lengths.0.touches", 0)
	want(t, got, "lengths.1.conversions", 2)
	want(t, got, "totals.0.conversions", 3)
	want(t, got, "totals.0.unattributed", 1)
	want(t, got, "totals.0.median_touches", 2)
	want(t, got, "totals.0.median_lag_ms", 4*60_000)
	count(t, got, "time_lags", len(lagEdges))
	want(t, got, "time_lags.1.conversions", 1) // 4 minutes
	want(t, got, "time_lags.5.conversions", 1) // a day and a half
	count(t, h.get(t, "/v1/paths?campaign_id=c9"), "data", 0)
	count(t, h.get(t, "/v1/paths?conversion_name=signup"), "data", 0)
}

func TestFraudByCampaign(t *testing.T) {
	h := newHarness(t)
	h.fill()
	got := h.get(t, "/v1/fraud/summary")
	want(t, got, "data.by_campaign.0.campaign_id", "c1")
	want(t, got, "data.by_campaign.0.invalid_spend.amount", "1.34")
	want(t, got, "data.by_campaign.0.net_spend.amount", "14.000001")
	want(t, got, "data.by_campaign_reason.1.events", 7)
	want(t, h.get(t, "/v1/fraud/summary?publisher_id=pub2"), "data.by_reason.0.events", 2)
}

// alertsOf are the alerts by id.
func alertsOf(t *testing.T, h *harness, target string) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, a := range h.get(t, target)["data"].([]any) {
		m := a.(map[string]any)
		out[m["id"].(string)] = m
	}
	return out
}

func TestPipelineAlerts(t *testing.T) {
	h := newHarness(t)
	if got := alertsOf(t, h, "/v1/alerts"); len(got) != 0 {
		t.Errorf("alerts of nothing: %v", got)
	}
	now := ms(noon)
	h.view.put(table.MinuteDelivery, now-10*event.Minute, "c", "Email", "USD", 1, 1, 0, 0, 0, 0, 7_000_000, 0, "provisional")
	st := &h.view.status
	st.Watermark = now - 20*event.Minute
	st.Inputs = []Input{
		{Name: "clicks/0", Watermark: now - 20*event.Minute, Records: 10},
		{Name: "clicks/1", Watermark: now - 40*event.Minute, Records: 10, Idle: true},
		{Name: "http", Watermark: event.NoTime, Idle: true},
		{Name: "views/0", Watermark: now, Records: 1, Error: "no route to host"},
	}
	st.Sinks = []Sink{{Name: "a", State: "ok"}, {Name: "b", State: "down", Error: "refused", OutboxRows: 5, Watermark: now - event.Hour}, {Name: "c", State: "catching_up"}}
	st.Paused, st.DiskBudget, st.DiskBytes = "intake is paused: the disk is full", 100, 50
	got := alertsOf(t, h, "/v1/alerts")
	for id, severity := range map[string]string{
		"watermark_lag": "critical", "input_stopped:clicks/1": "warning", "input_failing:views/0": "critical", "sink_down:b": "critical",
		"sink_behind:c": "warning", "intake_paused": "critical",
	} {
		if got[id]["severity"] != severity {
			t.Errorf("%s: %v, want %s", id, got[id], severity)
		}
		delete(got, id)
	}
	if len(got) != 0 {
		t.Errorf("more alerts: %v", got)
	}
	doc := h.get(t, "/v1/alerts?kind=watermark_lag")
	want(t, doc, "data.0.stake.amount", "7.00")
	want(t, doc, "data.0.since", "2025-03-10T11:40:00.000Z")
	want(t, doc, "meta.counts.critical", 1)
	page := h.get(t, "/v1/alerts?limit=2")
	count(t, page, "data", 2)
	rest := h.get(t, "/v1/alerts?cursor="+at(t, page, "next_cursor").(string))
	count(t, rest, "data", 4)
	count(t, h.get(t, "/v1/alerts?severity=info"), "data", 0)
}

// Rates are told from what was counted between answers.
func TestRateAlerts(t *testing.T) {
	h := newHarness(t)
	clock := ms(noon)
	h.Server.now = func() time.Time { return clock.Time() }
	for i := range 6 {
		st := &h.view.status
		st.Counts.Records = int64(i) * 1000
		st.Counts.TooLate = int64(max(0, i-3)) * 200
		st.Counts.DeadLetters = map[event.Code]int64{"bad_time": int64(i) * 5}
		got := alertsOf(t, h, "/v1/alerts")
		if _, late := got["late_events"]; late != (i > 3) {
			t.Errorf("after %d minutes: %v", i, got)
		}
		if len(got) > 1 {
			t.Errorf("half a percent of dead letters is no alert: %v", got)
		}
		clock += event.Minute
	}
}

func TestCampaignAlerts(t *testing.T) {
	h := newHarness(t)
	now := ms(noon)
	h.view.status.Watermark = now - 1
	for at := now - 24*event.Hour; at < now; at += event.Minute {
		recent := at >= now-30*event.Minute
		d := func(id string, impressions, invalid int, spend int) {
			h.view.put(table.MinuteDelivery, at, id, "Email", "USD", impressions, 0, invalid, 0, 0, 0, spend, spend*invalid/max(1, impressions), "final")
		}
		if !recent {
			d("stopped", 4, 0, 100_000)
			h.view.put(table.MinuteAttribution, at, defaultModel, "stopped", "Email", "USD", 50_000, 1_000_000, "final")
		}
		invalid := 0
		if recent {
			invalid = 4
		}
		d("spiked", 10, invalid, 100_000)
		d("fine", 10, 0, 100_000)
		if !recent {
			h.view.put(table.MinuteAttribution, at, defaultModel, "fine", "Email", "USD", 50_000, 1_000_000, "final")
			h.view.put(table.MinuteAttribution, at, defaultModel, "spiked", "Email", "USD", 50_000, 1_000_000, "final")
			h.view.put(table.MinuteConversions, at, "purchase", "USD", 1, 0, 0, 0, 3_000_000, 0, "final")
		}
		d("barren", 1, 0, 100_000)
		if at < now-2*event.Hour {
			d("small", 0, 0, 0)
		}
	}
	got := alertsOf(t, h, "/v1/alerts")
	for id, c := range map[string][4]string{
		"campaign_stopped:stopped":         {"critical", "2025-03-10T11:30:00.000Z", "30.00", "/campaigns/stopped"},
		"invalid_spike:spiked":             {"warning", "2025-03-10T11:30:00.000Z", "1.20", "/campaigns/spiked"},
		"spend_without_conversions:barren": {"warning", "2025-03-09T12:00:00.000Z", "144.00", "/campaigns/barren"},
	} {
		a := got[id]
		if a == nil {
			t.Errorf("no %s in %v", id, got)
			continue
		}
		if a["severity"] != c[0] || a["since"] != c[1] || at(t, a, "stake.amount") != c[2] || a["link"] != c[3] {
			t.Errorf("%s: %v, want %v", id, a, c)
		}
		delete(got, id)
	}
	if len(got) != 0 {
		t.Errorf("more alerts: %v", got)
	}
	count(t, h.get(t, "/v1/alerts?campaign_id=spiked"), "data", 1)
}

func TestConversionsStopped(t *testing.T) {
	h := newHarness(t)
	now := ms(noon)
	h.view.status.Watermark = now - 1
	for at := now - 24*event.Hour; at < now-70*event.Minute; at += event.Minute {
		h.view.put(table.MinuteConversions, at, "purchase", "EUR", 1, 0, 0, 0, 2_000_000, 0, "final")
	}
	a := alertsOf(t, h, "/v1/alerts")["conversions_stopped:EUR"]
	if a == nil || a["since"] != "2025-03-10T10:50:00.000Z" || a["severity"] != "critical" {
		t.Errorf("%v", a)
	}
}

// The dashboard is served as it was built: hashed files for ever, the index for
// the paths of its pages, and nothing for what the API does not have.
func TestDashboard(t *testing.T) {
	ui, err := newDashboard(fstest.MapFS{
		"index.html":                {Data: []byte("<!doctype html>index")},
		"icon.svg":                  {Data: []byte("<svg/>")},
		"assets/index-B8SA2q.js":    {Data: []byte("plain")},
		"assets/index-B8SA2q.js.gz": {Data: []byte("gzipped")},
		"assets/index-B8SA2q.js.br": {Data: []byte("brotli")},
		".keep":                     {Data: []byte("x")},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := newHarness(t)
	h.ui = ui
	h.handler = h.build()
	for _, c := range []struct{ target, accept, encoding, body, cache string }{
		{"/", "text/html", "", "<!doctype html>index", freshNever},
		{"/campaigns/a%2Fb?model=linear", "text/html,*/*", "", "<!doctype html>index", freshNever},
		{"/assets/index-B8SA2q.js", "*/*", "", "plain", freshEver},
		{"/assets/index-B8SA2q.js", "*/*", "gzip, deflate", "gzipped", freshEver},
		{"/assets/index-B8SA2q.js", "*/*", "gzip, br", "brotli", freshEver},
		{"/assets/index-B8SA2q.js", "*/*", "br;q=0, gzip", "gzipped", freshEver},
		{"/icon.svg", "*/*", "", "<svg/>", freshNever},
	} {
		w := h.do(http.MethodGet, c.target, nil, "Accept", c.accept, "Accept-Encoding", c.encoding)
		if w.Code != 200 || w.Body.String() != c.body || w.Header().Get("Cache-Control") != c.cache {
			t.Errorf("%s (%s): %d %s, Cache-Control %s", c.target, c.encoding, w.Code, w.Body, w.Header().Get("Cache-Control"))
		}
		if packed := c.body == "gzipped" || c.body == "brotli"; packed != (w.Header().Get("Content-Encoding") != "") {
			t.Errorf("%s: Content-Encoding %q", c.target, w.Header().Get("Content-Encoding"))
		}
		if csp := w.Header().Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "connect-src 'self' ws://example.com wss://example.com") {
			t.Errorf("policy %s", csp)
		}
	}
	for target, accept := range map[string]string{"/v1/pacing": "text/html", "/campaigns/x": "application/json", "/assets/gone.js": "text/html", "/.keep": "*/*"} {
		h.wantProblem(t, h.do(http.MethodGet, target, nil, "Accept", accept), 404, "not_found", "")
	}
	if none, err := newDashboard(fstest.MapFS{".keep": {}}); none != nil || err != nil {
		t.Errorf("without an index: %v %v", none, err)
	}
}
