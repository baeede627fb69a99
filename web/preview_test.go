package web

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

var preview = flag.String("preview", "", "serve the page with invented figures at this address for 10 minutes, to look at it")

// TestPreview is for the eye: go test ./web -run Preview -preview 127.0.0.1:8099 -timeout 20m
func TestPreview(t *testing.T) {
	if *preview == "" {
		t.Skip("only with -preview ADDR")
	}
	l, err := net.Listen("tcp", *preview)
	if err != nil {
		t.Fatal(err)
	}
	v := newFakeView()
	s := New(DefaultConfig(), v, &fakeCollector{}, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			v.invent(event.Millis(time.Now().UnixMilli()))
			v.tick()
			time.Sleep(300 * time.Millisecond)
		}
	}()
	if err := s.Serve(ctx, l); err != nil {
		t.Fatal(err)
	}
}

// invent makes the world anew as of now, the same up to the open minutes.
func (v *fakeView) invent(now event.Millis) {
	n := newFakeView()
	watermark := now - 16*event.Second
	campaigns := []string{"spring-sale-search", "brand-search", "retargeting-display", "creators-video", "newsletter-march", "lookalike-social", "partner-offers", "shopping-feed"}
	channels := []string{"Paid Search", "Paid Search", "Display", "Paid Video", "Email", "Paid Social", "Affiliates", "Paid Shopping"}
	shift := map[string][]float64{
		"first_touch": {.8, .6, 1.5, 1.6, .7, 1.5, .6, .9}, "last_touch": {1.1, 1.5, .6, .5, 1.2, .7, 1.3, 1.1},
		"last_non_direct": {1.1, 1.4, .7, .6, 1.2, .8, 1.2, 1.1}, "participation": {2, 2, 2, 2, 2, 2, 2, 2},
	}
	status := func(end event.Millis) string {
		if end-1 > watermark {
			return "provisional"
		}
		if end/event.Minute%17 == 0 {
			return "restated"
		}
		return "final"
	}
	for m := (now - 65*event.Minute).Floor(event.Minute); m <= now; m += event.Minute {
		r := rand.New(rand.NewPCG(uint64(m), 7))
		part := float64(min(now-m, event.Minute)) / float64(event.Minute)
		for i, c := range campaigns {
			scale := part * (0.7 + 0.6*r.Float64()) / float64(1+i/2)
			imp, clk := int(4000*scale), int(90*scale)
			n.put(table.MinuteDelivery, m, c, channels[i], "USD", imp, clk, imp/90, imp/200, clk/40, clk/25, int(31.7e6*scale), int(1.1e6*scale), status(m+event.Minute))
			value := 96e6 * scale * (0.6 + 0.9*r.Float64())
			for _, model := range Models {
				f := 1.0
				if x := shift[model]; x != nil {
					f = x[i]
				}
				n.put(table.MinuteAttribution, m, model, c, channels[i], "USD", int(value*f/45), int(value*f), status(m+event.Minute))
			}
		}
		for _, model := range Models {
			n.put(table.MinuteAttribution, m, model, "", "(none)", "USD", int(1e6*part), int(45e6*part), status(m+event.Minute))
		}
		n.put(table.MinuteConversions, m, "purchase", "USD", int(9*part), 0, 0, 0, int(400e6*part), 1, status(m+event.Minute))
	}
	for i := range 40 {
		at := (now - event.Millis(i)*7*event.Second).Floor(7 * event.Second)
		r := rand.New(rand.NewPCG(uint64(at), 3))
		value, touches, verdict, adjusted := 5_000_000+int(r.Int64N(200_000_000)/10_000*10_000), int(r.Int64N(6)), "valid", ""
		original := value
		switch at / (7 * event.Second) % 11 {
		case 3:
			verdict, value, touches = "duplicate", 0, 0
		case 5:
			adjusted, value, touches = "retracted", 0, 0
		}
		n.put(table.Conversions, fmt.Sprintf("order-%d", at/7000), "u:1881", at, []string{"purchase", "signup", "subscription"}[at/7000%3], "", original, value, "USD", verdict, adjusted, touches, 0, "s", status(at+1))
	}
	n.put(table.Conversions, "order-example", "u:1881", now-5*event.Minute, "purchase", "A-4711", 129_900_000, 103_920_000, "USD", "valid", "restated", 3, 0, "s-77f", "restated")
	n.explain["order-example"] = exampleExplanation(n.all(table.Conversions)[40], now-5*event.Minute)
	n.status = Status{
		Version: "preview", Ready: true, Watermark: watermark, Commit: v.Status().Commit, Epoch: 1, Shards: 2, Started: now - event.Hour, Lookback: 30 * event.Duration(event.Day),
		Inputs: []Input{
			{Name: "clicks/0", Watermark: watermark, Records: 120_931, Behind: 0},
			{Name: "clicks/1", Watermark: watermark + 900, Records: 119_406, Behind: 12},
			{Name: "impressions/0", Watermark: watermark + 400, Records: 4_120_931, Behind: 0},
			{Name: "conversions/0", Watermark: watermark - 90*event.Second, Idle: true},
			{Name: "http", Watermark: event.NoTime, Idle: true},
		},
		Counts: Counts{
			Records: 4_361_277, Late: 1204, TooLate: 31, Duplicates: 8713, Conflicts: 2, MoneyRounded: 12,
			DeadLetters: map[event.Code]int64{event.BadTime: 14, event.Malformed: 3}, Dropped: map[string]int64{"ip": 4},
		},
		Tick:  Quantiles{Count: 1000, Sum: 4 * time.Second, P50: 3 * time.Millisecond, P95: 7 * time.Millisecond, P99: 11 * time.Millisecond},
		Sinks: []Sink{{Name: "clickhouse", State: "ok", Watermark: watermark}},
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rows, v.explain, v.status = n.rows, n.explain, n.status
}

// exampleExplanation is a conversion with every kind of candidate.
func exampleExplanation(row table.Row, at event.Millis) *Explanation {
	x := &Explanation{
		Conversion: row, MaxTouches: 200,
		Lookback: Lookback{Click: 30 * event.Duration(event.Day), Impression: event.Duration(event.Day), Visit: 30 * event.Duration(event.Day)},
		Members:  []Member{{Person: "u:1881", LinkedAt: event.NoTime}, {Person: "a:3fd1", LinkedBy: "login-88", LinkedAt: at - event.Hour}},
		Candidates: []Candidate{
			{EventID: "i-0900", Time: at - 26*event.Hour, Type: "impression", Person: "a:3fd1", Campaign: "creators-video", Creative: "v-12", Channel: "Paid Video", Why: "outside lookback (1d)"},
			{EventID: "c-1001", Time: at - 6*event.Day, Type: "click", Person: "a:3fd1", Campaign: "lookalike-social", Creative: "s-3", Channel: "Paid Social", Counted: true, Position: 1},
			{EventID: "c-1002", Time: at - 2*event.Day, Type: "click", Person: "a:3fd1", Campaign: "retargeting-display", Creative: "d-9", Channel: "Display", Verdict: event.SIVT, Reasons: []string{"fast_click"}, Why: "invalid: fast_click"},
			{EventID: "i-1003", Time: at - 3*event.Hour, Type: "impression", Person: "u:1881", Campaign: "spring-sale-search", Creative: "t-1", Channel: "Paid Search", Why: "absorbed by click c-1004"},
			{EventID: "c-1004", Time: at - 3*event.Hour + 20_000, Type: "click", Person: "u:1881", Campaign: "spring-sale-search", Creative: "t-1", Channel: "Paid Search", Counted: true, Position: 2},
			{EventID: "c-1005", Time: at - 40*event.Minute, Type: "click", Person: "u:1881", Campaign: "newsletter-march", Creative: "m-7", Channel: "Email", Counted: true, Position: 3},
			{EventID: "c-1006", Time: at + 30*event.Second, Type: "click", Person: "u:1881", Campaign: "brand-search", Creative: "t-8", Channel: "Paid Search", Why: "after the conversion"},
		},
		Adjustments: []Adjustment{
			{EventID: "refund-1", Time: at + event.Minute, Kind: "restate", Value: 113_000_000, Currency: "USD", Why: "a later adjustment counts"},
			{EventID: "refund-2", Time: at + 2*event.Minute, Kind: "restate", Value: 103_920_000, Currency: "USD", Counted: true},
		},
	}
	ids := []string{"c-1001", "c-1004", "c-1005"}
	for _, m := range Models {
		weights, den := []string{"1", "1", "1"}, "3"
		ppm, micros := []int64{333_333, 333_333, 333_334}, []event.Micros{34_640_000, 34_640_000, 34_640_000}
		switch m {
		case "first_touch":
			weights, den, ppm, micros = []string{"1", "0", "0"}, "1", []int64{1e6, 0, 0}, []event.Micros{103_920_000, 0, 0}
		case "last_touch", "last_non_direct":
			weights, den, ppm, micros = []string{"0", "0", "1"}, "1", []int64{0, 0, 1e6}, []event.Micros{0, 0, 103_920_000}
		case "time_decay":
			weights, den = []string{"2545804873521931264", "4553932480000000000", "4611686018427387904"}, "11711423371949319168"
			ppm, micros = []int64{217_378, 388_845, 393_777}, []event.Micros{22_589_900, 40_408_800, 40_921_300}
		case participation:
			den, ppm, micros = "1", []int64{1e6, 1e6, 1e6}, []event.Micros{103_920_000, 103_920_000, 103_920_000}
		}
		mc := ModelCredit{Model: m}
		for i, id := range ids {
			mc.Shares = append(mc.Shares, Share{i + 1, id, weights[i], den, ppm[i], micros[i]})
		}
		x.Models = append(x.Models, mc)
	}
	journal := newFakeView()
	for i, r := range []struct {
		cause      string
		ppm, value int
	}{{"conversion", 333_334, 43_300_000}, {"adjustment", 0, -5_633_334}, {"adjustment", 0, -3_026_666}} {
		journal.put(table.Journal, fmt.Sprint("j", i), "order-example", "linear", at-40*event.Minute, "c-1005", "click", r.ppm, r.value, r.cause, at+event.Millis(i)*event.Minute)
	}
	x.Revisions = journal.all(table.Journal)
	return x
}
