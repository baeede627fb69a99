package oracle_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/oracle"
	"github.com/tributary-data/tributary/table"
)

// noon is an arbitrary whole hour of the tests.
const noon = event.Millis(1772366400000)

// one makes an event of person u:p and lets the caller change it.
func one(k event.Kind, id string, at event.Millis, change ...func(*event.Event)) event.Event {
	e := event.Event{
		ID: id, Kind: k, Type: k.TypeName(), Time: at, UserID: "p", Person: "u:p", Currency: "USD", Channel: "Email",
		Raw: []byte(id), Pos: event.Position{Prefix: id + ":", N: int64(at)},
	}
	switch k {
	case event.Conversion:
		e.Name, e.Amount = "conversion", 10*event.Unit
	case event.Behavioural:
		e.Type = "page_view"
	case event.Adjustment:
		e.Currency = ""
	}
	for _, f := range change {
		f(&e)
	}
	return e
}

func anonymous(id string) func(*event.Event) {
	return func(e *event.Event) { e.UserID, e.AnonymousID, e.Person = "", id, "a:"+id }
}

func creative(campaign, creative string) func(*event.Event) {
	return func(e *event.Event) { e.Campaign, e.Creative = campaign, creative }
}

func order(id string) func(*event.Event) { return func(e *event.Event) { e.OrderID = id } }

func adjusts(id string) func(*event.Event) { return func(e *event.Event) { e.Adjusts = id } }

func run(cfg oracle.Config, events ...event.Event) *oracle.Result {
	cfg.NoLateness = true
	var judged []oracle.Judged
	for _, e := range events {
		judged = append(judged, oracle.Judged{Rec: event.Record{Event: e}, Watermark: event.NoTime})
	}
	return oracle.Run(cfg, judged)
}

// show gives some columns of each row of a table, one text per row.
func show(r *oracle.Result, t *table.Table, columns string) []string {
	out := []string{}
	for _, row := range r.Tables[t.Name] {
		var cells []string
		for c := range strings.FieldsSeq(columns) {
			v := row[t.Col(c)]
			switch t.Columns[t.Col(c)].Type {
			case table.Text:
				cells = append(cells, v.Text)
			case table.List:
				cells = append(cells, strings.Join(v.List, "+"))
			default:
				cells = append(cells, fmt.Sprint(v.Int))
			}
		}
		out = append(out, strings.Join(cells, " "))
	}
	return out
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestSixOrders is MediaMath's test.
func TestSixOrders(t *testing.T) {
	i, c := one(event.Impression, "i", noon), one(event.Click, "c", noon+event.Second)
	v := one(event.Conversion, "v", noon+event.Minute)
	want := run(oracle.DefaultConfig(), i, c, v)
	for _, o := range [][]event.Event{{i, v, c}, {c, i, v}, {c, v, i}, {v, i, c}, {v, c, i}} {
		report(t, conform.Compare(want.Tables, run(oracle.DefaultConfig(), o...).Tables, conform.Options{}))
	}
	expect(t, show(want, table.Conversions, "conversion_id touches value_micros verdict"), "v 2 10000000 valid")
}

// TestRulesAtTheirEdges places two events and looks at the verdict of the second.
func TestRulesAtTheirEdges(t *testing.T) {
	same := creative("c", "k")
	install := func(e *event.Event) { e.Name = "install" }
	cfg := oracle.DefaultConfig()
	cfg.Fraud.Rules.FastConversion.Conversions = []string{"install"}
	for _, c := range []struct {
		name          string
		first, second event.Event
		want          string
	}{
		{"fast click", one(event.Impression, "a", noon, same), one(event.Click, "b", noon+299, same), "fast_click"},
		{"not fast", one(event.Impression, "a", noon, same), one(event.Click, "b", noon+300, same), ""},
		{"impression after it in order", one(event.Impression, "c", noon, same), one(event.Click, "b", noon, same), ""},
		{"duplicate", one(event.Click, "a", noon, same), one(event.Click, "b", noon+1000, same), "duplicate_click"},
		{"no duplicate", one(event.Click, "a", noon, same), one(event.Click, "b", noon+1001, same), ""},
		{"no creative", one(event.Click, "a", noon, creative("c", "")), one(event.Click, "b", noon, creative("c", "")), ""},
		{"fast conversion", one(event.Click, "a", noon, same), one(event.Conversion, "b", noon+1999, install), "fast_conversion"},
		{"conversion not fast", one(event.Click, "a", noon, same), one(event.Conversion, "b", noon+2000, install), ""},
		{"conversion not named", one(event.Click, "a", noon, same), one(event.Conversion, "b", noon), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := []string{}
			if c.want != "" {
				want = append(want, "b "+c.want)
			}
			expect(t, show(run(cfg, c.second, c.first), table.Verdicts, "event_id reasons"), want...)
		})
	}
}

func TestClickRateCountsBothEnds(t *testing.T) {
	var clicks []event.Event
	for i := range 6 {
		clicks = append(clicks, one(event.Click, fmt.Sprint(i), noon+event.Millis(i)*12_000, creative("c", "")))
	}
	expect(t, show(run(oracle.DefaultConfig(), clicks...), table.Verdicts, "event_id verdict tier reasons"),
		"5 givt 2 click_rate_person")
	clicks[5].Time++
	expect(t, show(run(oracle.DefaultConfig(), clicks...), table.Verdicts, "event_id"))
}

func TestOrderDuplicates(t *testing.T) {
	window := 30 * event.Day
	blocked := func(e *event.Event) { e.Lists = event.BlockedIP.Set() }
	conversion := func(id string, at event.Millis, more ...func(*event.Event)) event.Event {
		return one(event.Conversion, id, at, append(more, order("o"))...)
	}
	verdicts := func(events ...event.Event) []string {
		return show(run(oracle.DefaultConfig(), events...), table.Conversions, "conversion_id verdict value_micros")
	}
	expect(t, verdicts(conversion("b", noon+window), conversion("a", noon)), "a valid 10000000", "b duplicate 0")
	expect(t, verdicts(conversion("b", noon+window+1), conversion("a", noon)), "a valid 10000000", "b valid 10000000")
	expect(t, verdicts(conversion("b", noon), conversion("a", noon, blocked)), "a givt 0", "b valid 10000000")
	expect(t, verdicts(conversion("a", noon), conversion("b", noon+window), conversion("c", noon+2*window)),
		"a valid 10000000", "b duplicate 0", "c duplicate 0")
}

// TestIDUsedAgain: within 90 days it repeats the conversion, later it replaces
// it everywhere.
func TestIDUsedAgain(t *testing.T) {
	first, again := one(event.Conversion, "a", noon), one(event.Conversion, "a", noon+90*event.Day)
	expect(t, show(run(oracle.DefaultConfig(), first, again), table.Conversions, "conversion_id event_time"), "a 1772366400000")
	again.Time++
	for _, events := range [][]event.Event{{first, again}, {again, first}} {
		r := run(oracle.DefaultConfig(), events...)
		expect(t, show(r, table.Conversions, "conversion_id event_time"), "a 1780142400001")
		expect(t, show(r, table.MinuteConversions, "conversions value_micros"), "1 10000000")
		expect(t, show(r, table.Sessions, "conversions"), "1")
		report(t, conform.Invariants(journalless(r)))
	}
}

func TestAdjustments(t *testing.T) {
	restate := func(currency string, amount event.Micros) func(*event.Event) {
		return func(e *event.Event) { e.Restate, e.Currency, e.Amount = true, currency, amount }
	}
	day := event.Day
	for _, c := range []struct {
		name        string
		adjustments []event.Event
		want        []string // of conversions a (order o) and b (order o, its duplicate)
		dead        int
	}{
		{"by id", []event.Event{one(event.Adjustment, "x", noon+90*day, adjusts("a"))}, []string{"a retracted 0 valid", "b  0 duplicate"}, 0},
		{"too late", []event.Event{one(event.Adjustment, "x", noon+90*day+1, adjusts("a"))}, []string{"a  10000000 valid", "b  0 duplicate"}, 1},
		{"before it", []event.Event{one(event.Adjustment, "x", noon-90*day, adjusts("a"))}, []string{"a retracted 0 valid", "b  0 duplicate"}, 0},
		{"by order", []event.Event{one(event.Adjustment, "x", noon, adjusts("o"), restate("", 7))}, []string{"a restated 7 valid", "b  0 duplicate"}, 0},
		{"a duplicate by id", []event.Event{one(event.Adjustment, "x", noon, adjusts("b"))}, []string{"a  10000000 valid", "b retracted 0 duplicate"}, 0},
		{"another currency", []event.Event{one(event.Adjustment, "x", noon, adjusts("a"), restate("EUR", 7))}, []string{"a  10000000 valid", "b  0 duplicate"}, 1},
		{"the greatest counts", []event.Event{
			one(event.Adjustment, "z", noon, adjusts("a"), restate("USD", 7)), one(event.Adjustment, "y", noon, adjusts("o")),
		}, []string{"a restated 7 valid", "b  0 duplicate"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(oracle.DefaultConfig(), append(c.adjustments, one(event.Conversion, "a", noon, order("o")), one(event.Conversion, "b", noon+1, order("o")))...)
			expect(t, show(r, table.Conversions, "conversion_id adjusted value_micros verdict"), c.want...)
			if dead := len(r.Tables[table.DeadLetters.Name]); dead != c.dead {
				t.Errorf("%d dead letters, want %d", dead, c.dead)
			}
			report(t, conform.Invariants(journalless(r)))
		})
	}
}

func TestIdentityLinksPathsOnly(t *testing.T) {
	link := func(user string) func(*event.Event) {
		return func(e *event.Event) { e.AnonymousID, e.UserID, e.Person = "q", user, "u:"+user }
	}
	r := run(oracle.DefaultConfig(),
		one(event.Click, "c", noon, anonymous("q")), one(event.Conversion, "v", noon+event.Minute),
		one(event.Identify, "2", noon+2*event.Day, link("other")), one(event.Identify, "1", noon+2*event.Day, link("p")))
	expect(t, show(r, table.Conversions, "conversion_id person touches"), "v u:p 1")
	persons := show(r, table.Sessions, "person events")
	slices.Sort(persons)
	expect(t, persons, "a:q 1", "u:p 1")
}

func TestVisits(t *testing.T) {
	cfg := oracle.DefaultConfig()
	cfg.Attribution.TouchTypes = []string{"click", "impression", "visit"}
	touches := func(events ...event.Event) []string {
		r := run(cfg, append(events, one(event.Conversion, "v", noon+event.Hour))...)
		return slices.Compact(show(r, table.Credits, "touch_event_id touch_type"))
	}
	half := 30 * event.Minute
	campaign := creative("c", "")
	expect(t, touches(one(event.Behavioural, "1", noon, campaign), one(event.Behavioural, "2", noon+1, campaign)), "1 visit")
	expect(t, touches(one(event.Click, "0", noon-half, campaign), one(event.Behavioural, "1", noon, campaign)), "0 click")
	got := touches(one(event.Click, "0", noon-half-1, campaign), one(event.Behavioural, "1", noon, campaign))
	if !slices.Contains(got, "1 visit") || !slices.Contains(got, "0 click") {
		t.Errorf("a click that is longer ago replaces no visit: %v", got)
	}
	got = touches(one(event.Click, "0", noon), one(event.Behavioural, "1", noon))
	if !slices.Contains(got, "1 visit") {
		t.Errorf("absent campaigns are not the same: %v", got)
	}
}

func TestClickAbsorbsImpression(t *testing.T) {
	cfg := oracle.DefaultConfig()
	cfg.Attribution.ClickAbsorbsImpression = true
	for _, c := range []struct {
		before event.Millis
		want   string
	}{{event.Hour, "1"}, {event.Hour + 1, "2"}, {event.Second, "1"}} {
		r := run(cfg, one(event.Impression, "z", noon-c.before, creative("", "k")), one(event.Click, "c", noon, creative("", "k")),
			one(event.Conversion, "v", noon))
		expect(t, show(r, table.Conversions, "touches"), c.want)
	}
}

// TestLateness: judged by the watermark before it; the repeat of a conversion
// is a repeat even when it is too late.
func TestLateness(t *testing.T) {
	cfg := oracle.DefaultConfig()
	at := func(e event.Event, watermark event.Millis) oracle.Judged {
		return oracle.Judged{Rec: event.Record{Event: e}, Watermark: watermark}
	}
	click, conversion := one(event.Click, "c", noon), one(event.Conversion, "v", noon)
	r := oracle.Run(cfg, []oracle.Judged{
		at(one(event.Click, "edge", noon), noon+event.Day-1), at(click, noon+event.Day), at(click, noon+2*event.Day),
		at(conversion, noon), at(conversion, noon+30*event.Day),
	})
	expect(t, show(r, table.LateEvents, "event_id lateness_ms"), "c 86400000", "c 172800000")
	if r.Applied != 2 || r.Duplicates != 1 || r.TooLate != 2 {
		t.Errorf("applied %d, duplicates %d, too late %d; want 2, 1, 2", r.Applied, r.Duplicates, r.TooLate)
	}
}

func TestReplayOrderAndWatermark(t *testing.T) {
	rec := func(id string, at event.Millis) event.Record { return event.Record{Event: one(event.Click, id, at)} }
	dead := event.Record{Dead: &event.DeadLetter{Code: event.Malformed}}
	judged := oracle.Replay(oracle.DefaultConfig(), [][]event.Record{
		{rec("a1", noon), rec("a2", noon+60_000)},
		{rec("b1", noon), dead, rec("b2", noon-5), rec("b3", noon+90_000)},
	})
	var got []string
	for _, j := range judged {
		w := "-"
		if j.Watermark != event.NoTime {
			w = fmt.Sprint(int64(j.Watermark - noon))
		}
		got = append(got, j.Rec.Event.ID+" "+w)
	}
	expect(t, got, "a1 -", "b1 -15001", " -15001", "b2 -15001", "a2 -15001", "b3 -15001")
}

func TestStatus(t *testing.T) {
	at := func(e event.Event, watermark event.Millis) oracle.Judged {
		return oracle.Judged{Rec: event.Record{Event: e}, Watermark: watermark}
	}
	v, c := one(event.Conversion, "v", noon+event.Second), one(event.Click, "c", noon)
	status := func(watermark event.Millis) []string {
		return show(oracle.RunWithStatus(oracle.DefaultConfig(), []oracle.Judged{at(v, event.NoTime), at(c, watermark)}),
			table.Conversions, "touches status")
	}
	expect(t, status(noon+event.Second-1), "1 final")
	expect(t, status(noon+event.Second), "1 restated")
}
