package pipeline_test

import (
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/oracle"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/table"
)

// judgedAs stamps events in the order given: the watermark of each stands
// wherever records before it brought it.
func judgedAs(events ...event.Event) []oracle.Judged {
	out := make([]oracle.Judged, len(events))
	watermark := event.NoTime
	for i, e := range events {
		e.Type = e.Kind.TypeName()
		if e.Currency == "" {
			e.Currency = "USD"
		}
		if e.Channel == "" {
			e.Channel = "Email"
		}
		e.Pos, e.Raw = event.Position{Prefix: "f.ndjson:", N: int64(i + 1)}, []byte("{}")
		out[i] = oracle.Judged{Rec: event.Record{Event: e}, Watermark: watermark}
		watermark = max(watermark, e.Time-15*event.Second-1)
	}
	return out
}

// permutations of n things.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var out [][]int
	for _, p := range permutations(n - 1) {
		for at := range n {
			q := append(append(append([]int{}, p[:at]...), n-1), p[at:]...)
			out = append(out, q)
		}
	}
	return out
}

// TestSixArrivalOrders: in whichever order an impression, a click and a
// conversion come, in one tick or in three, the tables are the same
// (MediaMath's test).
func TestSixArrivalOrders(t *testing.T) {
	const at = hotStart
	events := []event.Event{
		{ID: "i", Kind: event.Impression, Time: at, Person: "u:p", UserID: "p", Campaign: "k", Creative: "x", Amount: 10_000, Channel: "Display"},
		{ID: "c", Kind: event.Click, Time: at + 5*event.Minute, Person: "u:p", UserID: "p", Campaign: "k", Creative: "x", Amount: 500_000, Channel: "Paid Search"},
		{ID: "v", Kind: event.Conversion, Time: at + 10*event.Minute, Person: "u:p", UserID: "p", Name: "conversion", Amount: 33_330_000, Channel: "Direct"},
	}
	var first conform.Tables
	for _, n := range []int{1, 3} {
		for _, order := range permutations(3) {
			var arriving []event.Event
			for _, i := range order {
				arriving = append(arriving, events[i])
			}
			got := apply(t, pipeline.DefaultConfig(), small(2), n, judgedAs(arriving...)).tables
			if first == nil {
				first = got
			}
			if len(got["credits"]) != 4+2*5 {
				t.Errorf("order %v: %d credits; want one in four models and two in five", order, len(got["credits"]))
			}
			differ(t, "order", text(first, "status", "credit_journal"), text(got, "status", "credit_journal"))
			report(t, "invariant", conform.Invariants(got))
		}
	}
}

// TestTwoConversionsInOneSecond stay two, each with a whole credit (PostHog's
// test), also in one millisecond.
func TestTwoConversionsInOneSecond(t *testing.T) {
	conversion := func(id string, after event.Millis) event.Event {
		return event.Event{ID: id, Kind: event.Conversion, Time: hotStart + event.Hour + after, Person: "u:p", UserID: "p", Name: "conversion", Amount: 10}
	}
	click := event.Event{ID: "c", Kind: event.Click, Time: hotStart, Person: "u:p", UserID: "p", Campaign: "k"}
	got := apply(t, pipeline.DefaultConfig(), small(1), 4, judgedAs(click, conversion("x", 0), conversion("y", 0), conversion("z", 1)))
	touched := map[string]int64{}
	for _, r := range got.tables["credits"] {
		if r[table.Credits.Col("model")].Text == "linear" {
			touched[r[0].Text] += r[table.Credits.Col("value_micros")].Int
		}
	}
	if len(touched) != 3 || touched["x"] != 10 || touched["y"] != 10 || touched["z"] != 10 {
		t.Errorf("linear gives %v, want 10 for each of x, y and z", touched)
	}
}
