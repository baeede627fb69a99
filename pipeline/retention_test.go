package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/table"
)

// TestLinksReachBackInAReplay: a link that comes long after what it links finds
// it in a replay. A live pipeline has dropped it by then.
func TestLinksReachBackInAReplay(t *testing.T) {
	const at, days = hotStart, 220
	events := []event.Event{
		{ID: "k", Kind: event.Click, Time: at, Person: "a:x", AnonymousID: "x", Campaign: "c", Channel: "Paid Search"},
		{ID: "v", Kind: event.Conversion, Time: at + event.Hour, Person: "u:p", UserID: "p", Name: "conversion", Amount: 10_000_000, Channel: "Direct"},
	}
	for d := event.Millis(1); d < days; d++ {
		events = append(events, event.Event{ID: fmt.Sprint(d), Kind: event.Click, Time: at + d*event.Day, Person: "a:y", AnonymousID: "y", Channel: "Email"})
	}
	events = append(events, event.Event{ID: "i", Kind: event.Identify, Time: at + days*event.Day, AnonymousID: "x", UserID: "p"})
	for keep, want := range map[bool]int64{true: 1, false: 0} {
		var records []event.Record
		for _, j := range judgedAs(events...) {
			records = append(records, j.Rec)
		}
		opt := small(2)
		opt.KeepEvents = keep
		got := replay(t, pipeline.DefaultConfig(), opt, pipeline.ReplayOptions{TickRecords: 4}, memInputs([][]event.Record{records}, 0)).tables
		if rows := got["conversions"]; len(rows) != 1 || rows[0][table.Conversions.Col("touches")].Int != want {
			t.Errorf("keeping events %v: got %v; want one conversion with %d touches", keep, rows, want)
		}
	}
}
