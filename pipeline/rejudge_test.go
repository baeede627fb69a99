package pipeline_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/oracle"
	"github.com/tributary-data/tributary/internal/oracle/draw"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/table"
)

// someLists are lists of what drawn events come from.
type someLists struct {
	bots           []string
	block, hosting []netip.Addr
}

func drawLists(t *rapid.T, name string) someLists {
	addresses := rapid.SliceOfDistinct(rapid.SampledFrom([]netip.Addr{
		netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:0:1::1"),
	}), rapid.ID[netip.Addr])
	return someLists{
		rapid.SliceOfDistinct(rapid.SampledFrom([]string{"ua1", "ua2"}), rapid.ID[string]).Draw(t, name+" bots"),
		addresses.Draw(t, name+" block"), addresses.Draw(t, name+" hosting"),
	}
}

// judge is the rule of the contract for tier 1.
func (l someLists) judge(e *event.Event) event.Reasons {
	var r event.Reasons
	ad := e.Kind == event.Impression || e.Kind == event.Click
	if (ad || e.Kind == event.Behavioural) && slices.Contains(l.bots, e.UserAgent) {
		r |= event.BotUserAgent.Set()
	}
	if (ad || e.Kind == event.Behavioural || e.Kind == event.Conversion) && slices.Contains(l.block, e.IP) {
		r |= event.BlockedIP.Set()
	}
	if ad && slices.Contains(l.hosting, e.IP) {
		r |= event.DatacenterIP.Set()
	}
	return r
}

// under are the records as these lists find them.
func (l someLists) under(judged []oracle.Judged) []oracle.Judged {
	out := slices.Clone(judged)
	for i := range out {
		if out[i].Rec.Dead == nil {
			out[i].Rec.Event.Lists = l.judge(&out[i].Rec.Event)
		}
	}
	return out
}

// TestRejudge: lists that are applied later give what they would have given from
// the start, whenever that is; the ones from before, applied again, give back
// every figure.
func TestRejudge(t *testing.T) {
	fewer(t, 2, func(t *rapid.T) {
		cfg := pathConfig(t)
		var judged []oracle.Judged
		if rapid.Bool().Draw(t, "paths") {
			judged = pathHistory(t)
		} else {
			cfg = draw.Config(t)
			inputs := draw.History(t, cfg, draw.Options{Events: 40, Inputs: 2})
			for i := range inputs {
				// What lies so far back that nothing can restate it is not judged again.
				inputs[i] = slices.DeleteFunc(inputs[i], func(r event.Record) bool {
					return r.Event.Time < hotStart-40*event.Day || r.Event.Time > hotStart+40*event.Day
				})
			}
			judged = oracle.Replay(cfg, inputs)
		}
		before, after := drawLists(t, "before"), drawLists(t, "after")
		judged = before.under(judged)
		logJudged(t, judged)
		if len(judged) == 0 {
			return
		}
		opt := drawOptions(t, cfg)
		e, done := openMem(t, engineConfig(cfg), opt)
		defer done()
		later := after.under(judged)
		all := ticks(judged, 3)
		at := rapid.IntRange(0, len(all)).Draw(t, "rejudge at tick") // the last closes everything
		for i, tick := range all {
			if i == at {
				rejudge(t, e, after)
			}
			if i >= at && i < len(all)-1 { // what comes from here is judged by the new lists
				tick = ticks(later, 3)[i]
			}
			mustTick(t, e, tick)
		}
		if at == len(all) {
			rejudge(t, e, after)
		}
		sameButStatus(t, "other lists", oracle.Run(cfg, later).Tables, e)
		rejudge(t, e, after)
		commit := e.Commit()
		if rejudge(t, e, after); e.Commit() != commit {
			t.Errorf("the same lists again make %d commits", e.Commit()-commit)
		}
		rejudge(t, e, before)
		sameButStatus(t, "the lists from before", oracle.Run(cfg, judged).Tables, e)
	})
}

func rejudge(t tester, e *pipeline.Engine, lists someLists) {
	t.Helper()
	if err := e.Rejudge(lists.judge, nil); err != nil {
		t.Fatalf("rejudge: %v", err)
	}
}

func sameButStatus(t tester, what string, want conform.Tables, e *pipeline.Engine) {
	t.Helper()
	got := readTables(t, e)
	report(t, what, conform.Compare(want, got, conform.Options{}))
	report(t, what+": invariant", conform.Invariants(got))
}

// TestRejudgeIsJournalled: a list that takes a click away from a conversion that
// was final restates it with the cause verdict, at the time of the click.
func TestRejudgeIsJournalled(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.1")
	events := []event.Event{
		{ID: "c1", Kind: event.Click, Time: hotStart, Person: "u:p", UserID: "p", Campaign: "k1"},
		{ID: "c2", Kind: event.Click, Time: hotStart + event.Minute, Person: "u:p", UserID: "p", Campaign: "k2", IP: ip},
		{ID: "v", Kind: event.Conversion, Time: hotStart + 2*event.Minute, Person: "u:p", UserID: "p", Name: "conversion", Amount: 10},
		{ID: "end", Kind: event.Click, Time: hotStart + event.Day, Campaign: "k3"},
		{ID: "i", Kind: event.Impression, Time: hotStart + event.Day, Campaign: "k3"},
	}
	e, done := openMem(t, pipeline.DefaultConfig(), small(2))
	defer done()
	for _, tick := range ticks(judgedAs(events...), 1)[:len(events)] {
		mustTick(t, e, tick)
	}
	last := func() map[string]string {
		got := map[string]string{}
		tables := readTables(t, e)
		report(t, "invariant", conform.Invariants(tables))
		for _, r := range tables["credits"] {
			if r[table.Credits.Col("model")].Text == "last_touch" {
				got["credit"] += r[table.Credits.Col("touch_event_id")].Text
			}
		}
		for _, r := range tables["credit_journal"] {
			if r[table.Journal.Col("model")].Text == "last_touch" {
				got["journal"] += fmt.Sprintf("%s %d %s %d; ", r[table.Journal.Col("touch_event_id")].Text,
					r[table.Journal.Col("delta_micros")].Int, r[table.Journal.Col("cause")].Text, (event.Millis(r[table.Journal.Col("at")].Int)-hotStart)/event.Minute)
			}
		}
		for _, r := range tables["conversions"] {
			got["status"] += r[table.Conversions.Col("status")].Text
		}
		return got
	}
	expect := func(when, credit, journal, status string) {
		t.Helper()
		if got := last(); got["credit"] != credit || got["journal"] != journal || got["status"] != status {
			t.Errorf("%s: got %v, want credit %q, journal %q, status %q", when, got, credit, journal, status)
		}
	}
	expect("before", "c2", "c2 10 conversion 2; ", "final")
	rejudge(t, e, someLists{block: []netip.Addr{ip}})
	expect("blocked", "c1", "c2 10 conversion 2; c1 10 verdict 1; c2 -10 verdict 1; ", "restated")
	rejudge(t, e, someLists{})
	expect("allowed again", "c2", "c2 10 conversion 2; c1 10 verdict 1; c2 -10 verdict 1; c1 -10 verdict 1; c2 10 verdict 1; ", "restated")
}
