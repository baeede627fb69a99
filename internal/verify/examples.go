package verify

import (
	"context"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/table"
)

// example is a published case: paths, and what each model gives to each channel.
type example struct {
	source   string
	halfLife event.Duration // 0: the default
	paths    []path
	expect   []expectation
}

// path is a conversion, as often as conversions says, after touches.
type path struct {
	conversions int
	value       string
	at          string
	touches     []touch
}

type touch struct{ channel, at string }

// expectation: over all paths the model gives each channel so much. Shares are
// of a conversion, exact fractions or decimals; with value they are money, as
// published to the cent.
type expectation struct {
	model string
	value bool
	want  map[string]string
}

// published are the rule-based examples; the paths' times are theirs where they
// are given, else a day apart.
var published = []example{
	{
		source: "Adobe Analytics, attribution models",
		paths: []path{{1, "50.00", "2026-09-24T12:00:00Z", []touch{
			{"Paid Search", "2026-09-15T12:00:00Z"},
			{"Social", "2026-09-18T12:00:00Z"},
			{"Email", "2026-09-24T12:00:00Z"},
			{"Display", "2026-09-24T12:00:00Z"},
		}}},
		expect: []expectation{
			{"linear", true, map[string]string{"Paid Search": "12.50", "Social": "12.50", "Email": "12.50", "Display": "12.50"}},
			{"linear", false, map[string]string{"Paid Search": "1/4", "Social": "1/4", "Email": "1/4", "Display": "1/4"}},
			{"j_shaped", true, map[string]string{"Display": "30.00", "Paid Search": "10.00", "Social": "5.00", "Email": "5.00"}},
			{"inverse_j", true, map[string]string{"Paid Search": "30.00", "Display": "10.00", "Social": "5.00", "Email": "5.00"}},
			{"position_based", true, map[string]string{"Paid Search": "20.00", "Display": "20.00", "Social": "5.00", "Email": "5.00"}},
			{"time_decay", true, map[string]string{"Email": "16.88", "Display": "16.88", "Social": "9.32", "Paid Search": "6.92"}},
			{"time_decay", false, map[string]string{"Email": "0.337586", "Display": "0.337586", "Social": "0.186362", "Paid Search": "0.138466"}},
			{"first_touch", true, map[string]string{"Paid Search": "50.00"}},
			{"last_touch", true, map[string]string{"Display": "50.00"}},
		},
	},
	{
		source: "PostHog, attribution tests: decay", halfLife: event.Duration(event.Day),
		paths: []path{{1, "7", "2026-03-04T12:00:00Z", []touch{
			{"a", "2026-03-01T12:00:00Z"}, {"b", "2026-03-02T12:00:00Z"}, {"c", "2026-03-03T12:00:00Z"},
		}}},
		expect: []expectation{
			{"time_decay", false, map[string]string{"a": "1/7", "b": "2/7", "c": "4/7"}},
			{"time_decay", true, map[string]string{"a": "1", "b": "2", "c": "4"}},
		},
	},
	{
		source: "PostHog, attribution tests: position",
		paths: []path{{1, "10", "2026-03-04T12:00:00Z", []touch{
			{"a", "2026-03-01T12:00:00Z"}, {"b", "2026-03-02T12:00:00Z"}, {"c", "2026-03-03T12:00:00Z"},
		}}},
		expect: []expectation{{"position_based", false, map[string]string{"a": "2/5", "b": "1/5", "c": "2/5"}}},
	},
	{
		source: "PostHog, attribution tests: two conversions in one second stay two",
		paths:  []path{{2, "10", "2026-03-04T12:00:00Z", []touch{{"a", "2026-03-01T12:00:00Z"}, {"b", "2026-03-02T12:00:00Z"}}}},
		expect: []expectation{
			{"linear", false, map[string]string{"a": "1", "b": "1"}},
			{"last_touch", true, map[string]string{"b": "20"}},
		},
	},
	{
		source: "PostHog, attribution tests: leaving Direct out gives to the others",
		paths: []path{{1, "10", "2026-03-04T12:00:00Z", []touch{
			{"a", "2026-03-01T12:00:00Z"}, {"b", "2026-03-02T12:00:00Z"}, {attribution.Direct, "2026-03-03T12:00:00Z"},
		}}},
		expect: []expectation{
			{"last_touch", false, map[string]string{attribution.Direct: "1"}},
			{"last_non_direct", false, map[string]string{"b": "1"}},
		},
	},
	{
		source: "eeghor/mta, tests",
		paths: []path{
			{2, "1", "2026-03-04T12:00:00Z", []touch{{"direct", "2026-03-01T12:00:00Z"}}},
			{3, "1", "2026-03-04T12:00:00Z", []touch{{"search", "2026-03-01T12:00:00Z"}, {"email", "2026-03-02T12:00:00Z"}}},
			{5, "1", "2026-03-04T12:00:00Z", []touch{{"search", "2026-03-01T12:00:00Z"}, {"social", "2026-03-02T12:00:00Z"}, {"email", "2026-03-03T12:00:00Z"}}},
		},
		expect: []expectation{
			{"first_touch", false, map[string]string{"direct": "2", "search": "8"}},
			{"last_touch", false, map[string]string{"direct": "2", "email": "8"}},
			{"linear", false, map[string]string{"direct": "2", "email": "19/6", "search": "19/6", "social": "5/3"}},
			{"position_based", false, map[string]string{"direct": "2", "search": "7/2", "email": "7/2", "social": "1"}},
		},
	},
}

// examples runs each published case.
func examples(ctx context.Context) ([]Result, error) {
	var out []Result
	for _, x := range published {
		r := defaults()
		if x.halfLife > 0 {
			r.cfg.Attribution.HalfLife = x.halfLife
		}
		text, n := x.events()
		tables, err := r.replayText(ctx, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.source, err)
		}
		invariants := findings(conform.Invariants(tables))
		if got := len(tables[table.Conversions.Name]); got != n {
			invariants = append(invariants, fmt.Sprintf("there are %d conversions; want %d", got, n))
		}
		for _, e := range x.expect {
			what := " shares"
			if e.value {
				what = " money"
			}
			out = append(out, Result{x.source, e.model + what, append(e.check(tables, n), invariants...)})
		}
	}
	return out, nil
}

// events are the example as NDJSON: each conversion has a person of its own,
// but for those of one instant, which are one person's.
func (x *example) events() (text string, conversions int) {
	var b strings.Builder
	for i, p := range x.paths {
		people := p.conversions
		perPerson := 1
		if len(x.paths) == 1 {
			people, perPerson = 1, p.conversions
		}
		for who := range people {
			person := fmt.Sprintf("p%d-%d", i, who)
			for n, t := range p.touches {
				fmt.Fprintf(&b, `{"event_id":"%s-t%d","type":"click","event_time":%q,"user_id":%q,"campaign_id":%q,"channel":%q}`+"\n",
					person, n, t.at, person, t.channel, t.channel)
			}
			for n := range perPerson {
				fmt.Fprintf(&b, `{"event_id":"%s-c%d","type":"conversion","event_time":%q,"user_id":%q,"value":%q,"currency":"USD"}`+"\n",
					person, n, p.at, person, p.value)
				conversions++
			}
		}
	}
	return b.String(), conversions
}

// check compares what a model gives with what was published. Each credit is an
// integer, within one of its fraction: of n conversions a sum may be off by n.
func (e *expectation) check(tables conform.Tables, n int) []string {
	column, unit := table.Credits.Col("credit_ppm"), int64(attribution.Whole)
	if e.value {
		column, unit = table.Credits.Col("value_micros"), int64(event.Unit)
	}
	got := map[string]int64{}
	for _, r := range tables[table.Credits.Name] {
		if r[table.Credits.Col("model")].Text == e.model {
			got[r[table.Credits.Col("channel")].Text] += r[column].Int
		}
	}
	var faults []string
	for channel, text := range e.want {
		want, ok := new(big.Rat).SetString(text)
		if !ok {
			panic("BUG: " + text + " is not a number")
		}
		have := big.NewRat(got[channel], unit)
		tolerance := big.NewRat(int64(n), unit)
		if e.value && strings.Contains(text, ".") {
			tolerance = big.NewRat(1, 200) // half a cent: the published figure is rounded
		}
		off := new(big.Rat).Sub(have, want)
		if off.Abs(off).Cmp(tolerance) > 0 {
			faults = append(faults, fmt.Sprintf("%s gets %s; published: %s", channel, have.FloatString(6), text))
		}
		delete(got, channel)
	}
	for channel, n := range got {
		faults = append(faults, fmt.Sprintf("%s gets %d millionths; published: nothing", channel, n))
	}
	return faults
}

// arrivalOrders: whatever the order in which an impression, a click and a
// conversion come, the result is one (MediaMath's test).
func arrivalOrders(ctx context.Context) ([]Result, error) {
	at := func(minute int) string {
		return time.Date(2026, 3, 4, 12, minute, 0, 0, time.UTC).Format(time.RFC3339)
	}
	events := []string{
		`{"event_id":"i","type":"impression","event_time":"` + at(0) + `","user_id":"p","campaign_id":"k","creative_id":"x","cost":"0.01","channel":"Display"}`,
		`{"event_id":"c","type":"click","event_time":"` + at(5) + `","user_id":"p","campaign_id":"k","creative_id":"x","cost":"0.50","channel":"Paid Search"}`,
		`{"event_id":"v","type":"conversion","event_time":"` + at(10) + `","user_id":"p","value":"33.33"}`,
	}
	res := Result{Group: "MediaMath", Name: "all six arrival orders of {impression, click, conversion} give one result"}
	var first conform.Tables
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var b strings.Builder
		for _, i := range order {
			b.WriteString(events[i] + "\n")
		}
		tables, err := defaults().replayText(ctx, b.String())
		if err != nil {
			return nil, err
		}
		if first == nil {
			first = tables
			if len(tables[table.Credits.Name]) == 0 {
				res.Faults = append(res.Faults, "there are no credits")
			}
		}
		res.Faults = append(res.Faults, findings(conform.Compare(first, tables, conform.Options{}))...)
		res.Faults = append(res.Faults, findings(conform.Invariants(tables))...)
	}
	return []Result{res}, nil
}
