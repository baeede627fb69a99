package web

import (
	"math"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

func TestOverview(t *testing.T) {
	h := newHarness(t)
	h.fill()
	got := h.get(t, "/v1/overview")
	count(t, got, "data", 2)
	want(t, got, "data.0.currency", "EUR")
	want(t, got, "data.0.spend.amount", "2.50")
	want(t, got, "data.0.roas", "8.0000")
	want(t, got, "data.1.currency", "USD")
	want(t, got, "data.1.impressions", 1357) // 1507 less 150
	want(t, got, "data.1.clicks", 41)
	want(t, got, "data.1.ctr", "0.030214")
	want(t, got, "data.1.invalid_rate", "0.102696") // 160 / 1558
	want(t, got, "data.1.spend.amount", "15.000001")
	want(t, got, "data.1.spend.currency", "USD")
	want(t, got, "data.1.invalid_spend.amount", "1.34")
	want(t, got, "data.1.conversions", 4)
	want(t, got, "data.1.retracted_conversions", 1)
	want(t, got, "data.1.value.amount", "100.00")
	want(t, got, "data.1.credited_conversions", "2")
	want(t, got, "data.1.credited_value.amount", "90.00")
	want(t, got, "data.1.unattributed_value.amount", "10.00")
	want(t, got, "data.1.roas", "6.0000")     // 90 / 15.000001 = 5.9999996
	want(t, got, "data.1.cpa.amount", "7.50") // 7.5000005, half to even
	want(t, got, "data.1.status", "provisional")
	want(t, got, "meta.status", "provisional")
	want(t, got, "meta.model", "last_non_direct")
	want(t, got, "meta.basis", "conversion_time")
	want(t, got, "meta.traffic", "net")
	want(t, got, "meta.timezone", "UTC")
	want(t, got, "meta.from", "2025-03-10T11:00:00.000Z")
	want(t, got, "meta.to", "2025-03-10T12:00:00.000Z")
	want(t, got, "meta.as_of", "2025-03-10T12:00:00.000Z")
	want(t, got, "meta.watermark", "2025-03-10T11:58:59.999Z")

	g := h.get(t, "/v1/overview?traffic=gross&currency=USD&model=linear")
	count(t, g, "data", 1)
	want(t, g, "data.0.impressions", 1507)
	want(t, g, "data.0.clicks", 51)
	want(t, g, "data.0.spend.amount", "16.340001")
	want(t, g, "data.0.conversions", 6)
	want(t, g, "data.0.credited_conversions", "2")
	want(t, g, "data.0.roas", "5.5080")
}

func TestOverviewOfNothing(t *testing.T) {
	h := newHarness(t)
	got := h.get(t, "/v1/overview")
	count(t, got, "data", 0)
	want(t, got, "meta.watermark", nil)
	want(t, got, "meta.status", "provisional")
}

// A range that the watermark has passed is final, or restated when something in
// it was; an open row in it makes it provisional.
func TestStatusOfARange(t *testing.T) {
	h := newHarness(t)
	h.fill()
	for target, status := range map[string]string{
		"/v1/overview?from=2025-03-10T11:20:00Z&to=2025-03-10T11:58:00Z": "final",
		"/v1/overview?from=2025-03-10T11:00:00Z&to=2025-03-10T11:59:00Z": "restated",
		"/v1/overview?from=2025-03-10T11:20:00Z&to=2025-03-10T11:59:01Z": "provisional",
		"/v1/overview?from=2025-03-10T11:20:00Z&to=2025-03-10T12:30:00Z": "provisional",
	} {
		want(t, h.get(t, target), "meta.status", status)
	}
}

func TestFiltersLeaveConversionsOut(t *testing.T) {
	h := newHarness(t)
	h.fill()
	got := h.get(t, "/v1/overview?campaign_id=c2")
	count(t, got, "data", 2)
	want(t, got, "data.1.spend.amount", "1.00")
	want(t, got, "data.1.credited_value.amount", "30.00")
	want(t, got, "data.1.conversions", nil)
	want(t, got, "data.1.value", nil)
	want(t, got, "data.1.unattributed_value.amount", "0.00")

	both := h.get(t, "/v1/overview?campaign_id=c1,c2&channel=Paid+Search,Display&currency=USD")
	want(t, both, "data.0.impressions", 857)
}

func TestTouchTime(t *testing.T) {
	h := newHarness(t)
	h.fill()
	got := h.get(t, "/v1/overview?basis=touch_time&from=2025-03-10T11:30:00Z&to=2025-03-10T11:40:00Z&currency=USD")
	want(t, got, "meta.from", "2025-03-10T11:00:00.000Z")
	want(t, got, "meta.to", "2025-03-10T12:00:00.000Z")
	want(t, got, "data.0.credited_conversions", "0.7")
	want(t, got, "data.0.credited_value.amount", "7.00")
	want(t, got, "data.0.unattributed_value.amount", "10.00")
}

func TestTimeseries(t *testing.T) {
	h := newHarness(t)
	h.fill()
	got := h.get(t, "/v1/timeseries?currency=USD")
	count(t, got, "data", 60)
	want(t, got, "data.10.start", "2025-03-10T11:10:00.000Z")
	want(t, got, "data.10.spend.amount", "11.00")
	want(t, got, "data.10.status", "final")
	want(t, got, "data.11.status", "restated")
	want(t, got, "data.12.spend.amount", "0.00")
	want(t, got, "data.12.roas", nil)
	want(t, got, "data.30.credited_value.amount", "90.00")
	want(t, got, "data.58.status", "final")
	want(t, got, "data.59.status", "provisional")

	hours := h.get(t, "/v1/timeseries?interval=hour&from=2025-03-10T10:30:00Z&to=2025-03-10T11:30:00Z&currency=USD")
	count(t, hours, "data", 2)
	want(t, hours, "data.0.start", "2025-03-10T10:00:00.000Z")
	want(t, hours, "data.0.partial", true)
	want(t, hours, "data.0.spend.amount", "9.00")
	want(t, hours, "data.1.clicks", 40)
	want(t, hours, "data.1.partial", true)

	days := h.get(t, "/v1/timeseries?interval=day&from=2025-03-09T18:30:00Z&to=2025-03-11T18:30:00Z&timezone=Asia/Kolkata&currency=EUR")
	count(t, days, "data", 2)
	want(t, days, "data.0.start", "2025-03-10T00:00:00.000+05:30")
	want(t, days, "data.0.partial", false)
	want(t, days, "data.0.value.amount", "20.00")

	h.wantProblem(t, h.do(http.MethodGet, "/v1/timeseries?basis=touch_time", nil), 400, "bad_parameter", "interval")
	h.wantProblem(t, h.do(http.MethodGet, "/v1/timeseries?basis=touch_time&interval=hour&timezone=Asia/Kolkata&from=-5h", nil), 400, "bad_parameter", "timezone")
	h.wantProblem(t, h.do(http.MethodGet, "/v1/timeseries?from=-30d", nil), 400, "too_many_points", "interval")
	touch := h.get(t, "/v1/timeseries?basis=touch_time&interval=hour&from=-2h")
	want(t, touch, "data.3.status", "provisional")
	// by touch time even an empty hour stays open for a lookback
	h.view.status.Lookback = 30 * event.Duration(event.Day)
	open := h.get(t, "/v1/timeseries?basis=touch_time&interval=hour&from=2025-03-10T10:00:00Z&to=2025-03-10T11:00:00Z")
	want(t, open, "data.0.status", "provisional")
	want(t, open, "meta.status", "provisional")
}

func TestCampaigns(t *testing.T) {
	h := newHarness(t)
	h.fill()
	got := h.get(t, "/v1/campaigns")
	count(t, got, "data", 3) // c1 USD, c2 EUR, c2 USD; the unattributed is no campaign
	want(t, got, "next_cursor", nil)
	want(t, got, "data.0.campaign_id", "c1")
	want(t, got, "data.0.spend.amount", "14.000001")
	want(t, got, "data.0.credited_conversions", "1.5")
	want(t, got, "data.0.roas", "4.2857")
	want(t, got, "data.2.currency", "USD")
	want(t, got, "data.2.status", "provisional")

	var seen []string
	target := "/v1/campaigns?limit=1"
	for range 5 {
		page := h.get(t, target)
		for _, row := range at(t, page, "data").([]any) {
			seen = append(seen, at(t, row, "campaign_id").(string)+at(t, row, "currency").(string))
		}
		next, ok := at(t, page, "next_cursor").(string)
		if !ok {
			break
		}
		target = "/v1/campaigns?limit=1&cursor=" + next
	}
	if s := strings.Join(seen, " "); s != "c1USD c2EUR c2USD" {
		t.Errorf("pages gave %s", s)
	}

	one := h.get(t, "/v1/campaigns/c1")
	count(t, one, "data.totals", 1)
	want(t, one, "data.totals.0.credited_value.amount", "60.00")
	count(t, one, "data.by_channel", 2)
	want(t, one, "data.by_channel.1.channel", "Paid Social")
	count(t, one, "data.by_model", len(Models))
	want(t, one, "data.by_model.3.model", "linear")
	want(t, one, "data.by_model.3.credited_conversions", "1.333334")
	h.wantProblem(t, h.do(http.MethodGet, "/v1/campaigns/c9", nil), 404, "not_found", "")
}

func TestAttribution(t *testing.T) {
	h := newHarness(t)
	h.fill()
	got := h.get(t, "/v1/attribution?currency=USD")
	count(t, got, "data", 4)
	want(t, got, "data.0.channel", "Display")
	want(t, got, "data.1.roas", "5.4545") // 60 / 11
	last := at(t, got, "data.3")
	want(t, last, "unattributed", true)
	want(t, last, "channel", "(none)")
	want(t, last, "credited_value.amount", "10.00")
	want(t, last, "roas", nil)
	want(t, got, "meta.group_by", "channel")

	// every model but participation sums to the value, to the micro
	for _, m := range Models {
		for _, g := range []string{"channel", "campaign"} {
			doc := h.get(t, "/v1/attribution?currency=USD&group_by="+g+"&model="+m)
			total := new(big.Rat)
			for _, row := range at(t, doc, "data").([]any) {
				r, _ := new(big.Rat).SetString(at(t, row, "credited_value.amount").(string))
				total.Add(total, r)
			}
			if total.Cmp(big.NewRat(100, 1)) != 0 {
				t.Errorf("%s by %s sums to %s", m, g, total.FloatString(6))
			}
			want(t, doc, "meta.additive", m != participation)
		}
	}
	c := h.get(t, "/v1/attribution/compare?models=linear,last_touch&currency=USD")
	count(t, c, "data", 3)
	want(t, c, "data.1.channel", "Paid Search")
	want(t, c, "data.1.models.linear.credited_value.amount", "50.000001")
	want(t, c, "data.1.models.last_touch.credited_value.amount", "60.00")
	want(t, c, "data.2.unattributed", true)
	want(t, c, "meta.model", nil)
	all := h.get(t, "/v1/attribution/compare?group_by=campaign")
	if n := len(at(t, all, "data.0.models").(map[string]any)); n != len(Models) {
		t.Errorf("compared %d models", n)
	}
	h.wantProblem(t, h.do(http.MethodGet, "/v1/attribution?creative_id=x", nil), 400, "bad_parameter", "creative_id")
	h.wantProblem(t, h.do(http.MethodGet, "/v1/attribution/compare?models=magic", nil), 400, "bad_parameter", "models")
}

// creditsOf puts a conversion with two touches, and one without.
func creditsOf(h *harness) {
	v := h.view
	v.status.Watermark = ms("2025-03-10T11:58:59.999Z")
	v.put(table.Conversions, "k1", "u:1", "2025-03-10T11:30:00Z", "purchase", "o1", 9_000_000, 9_000_000, "USD", "valid", "", 2, 0, "s1", "final")
	v.put(table.Conversions, "k2", "u:2", "2025-03-10T11:40:00Z", "purchase", "", 5_000_000, 5_000_000, "USD", "valid", "", 0, 0, "s2", "restated")
	v.put(table.Conversions, "k3", "u:3", "2025-03-10T11:45:00Z", "purchase", "", 1_000_000, 1_000_000, "USD", "valid", "", 2, 0, "s3", "final")
	put := func(id, model string, pos int, at, touch, campaign, creative, channel string, ppm, value int) {
		var when any = ms("2025-03-01T00:00:00Z")
		if at != "" {
			when = ms(at)
		}
		v.put(table.Credits, id, model, pos, when, touch, "click", campaign, "g1", creative, channel, 2, ppm, value, "USD")
	}
	for _, m := range []string{"first_touch", "linear"} {
		if m == "linear" {
			put("k1", m, 1, "2025-03-09T10:00:00Z", "t1", "c1", "cr1", "Display", 500_000, 4_500_000)
			put("k1", m, 2, "2025-03-10T11:10:00Z", "t2", "c2", "cr2", "Email", 500_000, 4_500_000)
			put("k2", m, 0, "", "", "", "", "(none)", 1_000_000, 5_000_000)
			put("k3", m, 1, "2025-03-10T11:41:00Z", "t3", "c1", "cr1", "Display", 500_000, 500_000)
			put("k3", m, 2, "2025-03-10T11:42:00Z", "t4", "c2", "cr1", "Email", 500_000, 500_000)
			continue
		}
		put("k1", m, 1, "2025-03-09T10:00:00Z", "t1", "c1", "cr1", "Display", 1_000_000, 9_000_000)
		put("k2", m, 0, "", "", "", "", "(none)", 1_000_000, 5_000_000)
		put("k3", m, 1, "2025-03-10T11:41:00Z", "t3", "c1", "cr1", "Display", 1_000_000, 1_000_000)
	}
	v.put(table.HourByTouch, "2025-03-10T11:00:00Z", "linear", "", "(none)", "USD", 1_000_000, 5_000_000, "restated")
}

func TestCreativesAndPaths(t *testing.T) {
	h := newHarness(t)
	creditsOf(h)
	got := h.get(t, "/v1/attribution?group_by=creative&model=linear")
	count(t, got, "data", 3)
	want(t, got, "data.0.creative_id", "cr1")
	want(t, got, "data.0.credited_value.amount", "5.50")
	want(t, got, "data.0.spend", nil)
	want(t, got, "data.2.unattributed", true)
	want(t, got, "data.2.status", "provisional") // the range is still open
	closed := h.get(t, "/v1/attribution?group_by=creative&model=linear&to=2025-03-10T11:50:00Z")
	want(t, closed, "data.0.status", "final")
	want(t, closed, "data.2.status", "restated")

	touch := h.get(t, "/v1/attribution?group_by=creative&model=linear&basis=touch_time&campaign_id=c2,")
	want(t, touch, "data.0.credited_value.amount", "0.50")
	want(t, touch, "data.1.creative_id", "cr2")
	want(t, touch, "data.1.credited_value.amount", "4.50")
	want(t, touch, "data.2.credited_value.amount", "5.00")

	// the touch of the day before does not count in these hours
	want(t, h.get(t, "/v1/attribution?group_by=creative&model=linear&basis=touch_time&campaign_id=c1"), "data.0.credited_value.amount", "0.50")

	paths := h.get(t, "/v1/paths")
	count(t, paths, "data", 2)
	want(t, paths, "data.0.path.1", "Email")
	want(t, paths, "data.0.conversions", 2)
	want(t, paths, "data.0.value.amount", "10.00")
	count(t, paths, "data.1.path", 0)
	want(t, h.get(t, "/v1/paths?group_by=campaign&limit=1"), "data.0.path.0", "c1")
}

func TestFraud(t *testing.T) {
	h := newHarness(t)
	h.fill()
	got := h.get(t, "/v1/fraud/summary")
	want(t, got, "data.totals.1.gross_spend.amount", "16.340001")
	want(t, got, "data.totals.1.net_spend.amount", "15.000001")
	want(t, got, "data.totals.1.net_clicks", 41)
	want(t, got, "data.totals.1.net_conversions", 4)
	count(t, got, "data.by_reason", 2)
	want(t, got, "data.by_reason.1.reason", "fast_click")
	want(t, got, "data.by_reason.1.verdict", "sivt")
	want(t, got, "data.by_reason.1.events", 7)
	want(t, got, "data.by_reason.1.spend.amount", "0.500001")
	count(t, got, "data.by_publisher", 3)
	want(t, h.get(t, "/v1/fraud/events/k1"), "data.0.verdict", "sivt")
	h.wantProblem(t, h.do(http.MethodGet, "/v1/fraud/events/k9", nil), 404, "not_found", "")
}

func TestNumbers(t *testing.T) {
	var s sum
	for range 10_000 {
		s.add(math.MaxInt64)
	}
	s.add(-7)
	exact := new(big.Int).Mul(big.NewInt(math.MaxInt64), big.NewInt(10_000))
	exact.Sub(exact, big.NewInt(7))
	if s.big().Cmp(exact) != 0 {
		t.Errorf("sum %s, want %s", s.big(), exact)
	}
	if d := s.sub(s); !d.isZero() {
		t.Errorf("s - s = %s", d.big())
	}
	if got := sumOf(-5).sub(sumOf(7)).big().Int64(); got != -12 {
		t.Errorf("-5 - 7 = %d", got)
	}
	for _, c := range []struct {
		n, d   int64
		places int
		want   any
	}{
		{1, 3, 4, number("0.3333")},
		{2, 3, 4, number("0.6667")},
		{1, 8, 2, number("0.12")},
		{3, 8, 2, number("0.38")},
		{-1, 8, 2, number("-0.12")},
		{-3, 8, 2, number("-0.38")},
		{5, 1, 4, number("5.0000")},
		{1, 0, 4, nil},
	} {
		if got := quotient(big.NewInt(c.n), big.NewInt(c.d), c.places); got != c.want {
			t.Errorf("%d/%d = %v, want %v", c.n, c.d, got, c.want)
		}
	}
	for micros, text := range map[int64]string{0: "0.00", 1: "0.000001", -1: "-0.000001", 12_340_000: "12.34", 100_000: "0.10", -12_345_600: "-12.3456"} {
		if got := moneyOf(sumOf(micros), "USD").Amount; got != text {
			t.Errorf("%d micros are %s, want %s", micros, got, text)
		}
	}
}
