package conform

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// models are those of which every counted conversion has credits; further
// models may be there.
var models = []string{
	"first_touch", "inverse_j", "j_shaped", "last_non_direct", "last_touch", "linear",
	"participation", "position_based", "time_decay",
}

const wholePPM = 1_000_000

// Invariants gives every place where the tables contradict themselves. There
// is no tolerance. The journal is checked when there is one.
func Invariants(actual Tables) []Finding {
	c := &checker{actual: actual, conversions: map[string]view{}, verdicts: map[string]view{}}
	for _, v := range c.rows(table.Conversions) {
		c.conversions[v.text("conversion_id")] = v
	}
	for _, v := range c.rows(table.Verdicts) {
		c.verdicts[v.key("event_id", "event_time", "person", "type")] = v
	}
	c.credits()
	c.creditSums()
	c.attributionRows()
	c.minuteConversions()
	c.delivery()
	c.invalidCounts()
	c.verdictRows()
	c.sessions()
	c.journal()
	return c.findings
}

type checker struct {
	actual      Tables
	findings    []Finding
	conversions map[string]view
	verdicts    map[string]view
}

func (c *checker) rows(t *table.Table) []view { return each(t, c.actual[t.Name]) }

func (c *checker) bad(what string, row any) {
	c.findings = append(c.findings, Finding{"", what, fmt.Sprint(row)})
}

// counted says whether a conversion has value and credit.
func counted(conversion view) bool {
	return !slices.Contains([]string{"givt", "sivt", "duplicate"}, conversion.text("verdict")) &&
		conversion.text("adjusted") != "retracted"
}

// credits: each credit fits its conversion and its touch.
func (c *checker) credits() {
	invalid := map[string]string{} // touch -> person; others may have events of the same id and time
	for _, v := range c.rows(table.Verdicts) {
		if d := v.text("verdict"); d == "givt" || d == "sivt" {
			invalid[v.key("event_id", "event_time", "type", "campaign_id")] = v.text("person")
		}
	}
	paths := map[string]map[int64]view{}
	touches := map[string]int64{}
	for _, r := range c.rows(table.Credits) {
		id := r.text("conversion_id")
		conv, ok := c.conversions[id]
		if !ok {
			c.bad("credit without conversion", r)
			continue
		}
		if r.text("currency") != conv.text("currency") || r.num("touches") != conv.num("touches") {
			c.bad("credit: currency or touches are not the conversion's", r)
		}
		unattributed := r.text("touch_event_id") == "" && r.time("touch_time") == event.NoTime && r.text("touch_type") == "" &&
			r.text("channel") == "(none)" && r.num("position") == 0 && r.num("credit_ppm") == wholePPM
		switch {
		case conv.num("touches") == 0:
			if !unattributed {
				c.bad("credit: not the unattributed row", r)
			}
		case r.text("touch_event_id") == "" || r.time("touch_time") == event.NoTime || r.num("position") < 1 ||
			r.num("position") > r.num("touches"):
			c.bad("credit: no touch or position", r)
		}
		if r.time("touch_time") > conv.time("event_time") {
			c.bad("credit: a touch after its conversion", r)
		}
		ppm, micros := r.num("credit_ppm"), r.num("value_micros")
		if ppm < 0 || micros < 0 || ppm == 0 && micros == 0 {
			c.bad("credit: nothing or less", r)
		}
		if !counted(conv) {
			c.bad("credit of an invalid, duplicate or retracted conversion", r)
		}
		if r.text("touch_event_id") == "" {
			continue
		}
		if invalid[r.key("touch_event_id", "touch_time", "touch_type", "campaign_id")] == conv.text("person") {
			c.bad("credit to an invalid touch", r)
		}
		if r.text("model") == "linear" {
			touches[id]++
		}
		if paths[id] == nil {
			paths[id] = map[int64]view{}
		}
		o, seen := paths[id][r.num("position")]
		if seen && o.key("touch_time", "touch_event_id") != r.key("touch_time", "touch_event_id") {
			c.bad("one position of two touches", r)
		}
		paths[id][r.num("position")] = r
	}
	for _, path := range paths {
		var last view
		for _, p := range slices.Sorted(maps.Keys(path)) {
			r := path[p]
			if last.t != nil && (r.time("touch_time") < last.time("touch_time") ||
				r.time("touch_time") == last.time("touch_time") && r.text("touch_event_id") < last.text("touch_event_id")) {
				c.bad("positions not in the order of touches", r)
			}
			last = r
		}
	}
	for id, n := range touches {
		if n != c.conversions[id].num("touches") {
			c.bad("linear names every touch", c.conversions[id])
		}
	}
}

// creditSums: for each counted conversion and model the whole, no more, no less.
func (c *checker) creditSums() {
	sums := map[string][2]int64{}
	for _, r := range c.rows(table.Credits) {
		k := r.text("model") + " " + r.text("conversion_id")
		sums[k] = [2]int64{sums[k][0] + r.num("credit_ppm"), sums[k][1] + r.num("value_micros")}
	}
	for _, conv := range c.conversions {
		value := conv.num("value_micros")
		if !counted(conv) {
			if value != 0 || conv.num("touches") != 0 || conv.num("touches_dropped") != 0 {
				c.bad("value or touches of an invalid, duplicate or retracted conversion", conv)
			}
			continue
		}
		if conv.text("adjusted") == "" && value != conv.num("original_value_micros") {
			c.bad("value changed without an adjustment", conv)
		}
		for _, model := range models {
			sum, ok := sums[model+" "+conv.text("conversion_id")]
			if model == "participation" {
				if !ok {
					c.bad("no credit of participation", conv)
				}
			} else if sum != [2]int64{wholePPM, value} {
				c.bad(fmt.Sprintf("credits of %s sum to %d ppm and %d micros", model, sum[0], sum[1]), conv)
			}
		}
	}
}

// attributionRows are the sums of credits, by conversion time and by touch time.
func (c *checker) attributionRows() {
	want, got := map[string][2]int64{}, map[string][2]int64{}
	for _, r := range c.rows(table.Credits) {
		if conv, ok := c.conversions[r.text("conversion_id")]; ok {
			a, b := rollupKeys(r, conv.time("event_time"))
			for _, k := range []string{a, b} {
				want[k] = [2]int64{want[k][0] + r.num("credit_ppm"), want[k][1] + r.num("value_micros")}
			}
		}
	}
	var totals [2]map[string][2]int64
	for i, t := range []*table.Table{table.MinuteAttribution, table.HourByTouch} {
		totals[i] = map[string][2]int64{}
		for _, r := range c.rows(t) {
			n := [2]int64{r.num("credit_ppm"), r.num("value_micros")}
			got[t.Name+r.key(r.keyColumns()...)] = n
			k := r.key("model", "currency")
			totals[i][k] = [2]int64{totals[i][k][0] + n[0], totals[i][k][1] + n[1]}
		}
	}
	equal(c, "attribution rows = sums of credits", want, got)
	equal(c, "totals by conversion time = totals by touch time", totals[0], totals[1])
}

func (c *checker) minuteConversions() {
	want, got := map[string][6]int64{}, map[string][6]int64{}
	for _, conv := range c.conversions {
		row := table.Row{table.At(conv.time("event_time").Floor(event.Minute)), table.T(conv.text("conversion_name")), table.T(conv.text("currency"))}
		k := view{table.MinuteConversions, row}.key("minute", "conversion_name", "currency")
		n := want[k]
		n[0]++
		switch d := conv.text("verdict"); {
		case d == "givt" || d == "sivt":
			n[1]++
		case d == "duplicate":
			n[2]++
		case conv.text("adjusted") == "retracted":
			n[3]++
		default:
			n[4] += conv.num("value_micros")
			if conv.num("touches") == 0 {
				n[5]++
			}
		}
		want[k] = n
	}
	for _, r := range c.rows(table.MinuteConversions) {
		got[r.key(r.keyColumns()...)] = [6]int64(numbers(r, "conversions", "invalid_conversions", "duplicate_conversions",
			"retracted_conversions", "value_micros", "unattributed"))
	}
	equal(c, "minute_conversions = sums over conversions", want, got)
}

var deliveryColumns = strings.Fields("impressions clicks givt_impressions sivt_impressions givt_clicks sivt_clicks spend_micros invalid_spend_micros")

func (c *checker) delivery() {
	var hours [2]map[string][8]int64
	for i, t := range []*table.Table{table.MinuteDelivery, table.HourDelivery} {
		hours[i] = map[string][8]int64{}
		for _, r := range c.rows(t) {
			n := [8]int64(numbers(r, deliveryColumns...))
			if slices.Min(n[:]) < 0 || n[2]+n[3] > n[0] || n[4]+n[5] > n[1] || n[0]+n[1] <= 0 || n[7] > n[6] {
				c.bad(t.Name+": not 0 <= invalid <= gross > 0", r)
			}
			k := r.time(t.Columns[0].Name).Floor(event.Hour).String() + r.key("campaign_id", "channel", "currency")
			sum := hours[i][k]
			for j := range n {
				sum[j] += n[j]
			}
			hours[i][k] = sum
		}
	}
	equal(c, "hours = sums of minutes", hours[0], hours[1])
}

// invalidCounts: delivery's invalid counts and minute_invalid are those of the verdicts.
func (c *checker) invalidCounts() {
	want, got := map[string]int64{}, map[string]int64{}
	wantReasons, gotReasons := map[string]int64{}, map[string]int64{}
	for _, v := range c.rows(table.Verdicts) {
		at := v.time("event_time").Floor(event.Minute).String() + " " + v.key("campaign_id")
		typ, d := v.text("type"), v.text("verdict")
		if (typ == "impression" || typ == "click") && (d == "givt" || d == "sivt") {
			want[at+d+"_"+typ+"s"]++
		}
		if d != "duplicate" {
			for _, reason := range v.list("reasons") {
				wantReasons[at+v.key("type")+reason]++
			}
		}
	}
	for _, r := range c.rows(table.MinuteDelivery) {
		for _, column := range deliveryColumns[2:6] {
			if n := r.num(column); n != 0 {
				got[r.time("minute").String()+" "+r.key("campaign_id")+column] += n
			}
		}
	}
	for _, r := range c.rows(table.MinuteInvalid) {
		gotReasons[r.time("minute").String()+" "+r.key("campaign_id")+r.key("type")+r.text("reason")] += r.num("events")
	}
	equal(c, "minute_delivery's invalid counts = rows of verdicts", want, got)
	equal(c, "minute_invalid's events = reasons of verdicts", wantReasons, gotReasons)
}

func (c *checker) verdictRows() {
	known := []string{"valid", "undecided", "givt", "sivt", "duplicate"}
	for _, t := range []*table.Table{table.Conversions, table.Verdicts} {
		for _, r := range c.rows(t) {
			if !slices.Contains(known, r.text("verdict")) {
				c.bad("unknown verdict", r)
			}
		}
	}
	for _, conv := range c.conversions {
		want := "valid"
		row := table.Row{table.T(conv.text("conversion_id")), table.At(conv.time("event_time")), table.T(conv.text("person")), table.T("conversion")}
		if v, ok := c.verdicts[view{table.Verdicts, row}.key("event_id", "event_time", "person", "type")]; ok {
			want = v.text("verdict")
		}
		if conv.text("verdict") != want {
			c.bad("conversions.verdict is not that of verdicts: "+want, conv)
		}
	}
	for _, v := range c.verdicts {
		if v.text("verdict") == "valid" && len(v.list("shadow_reasons")) == 0 {
			c.bad("a verdict row without cause", v)
		}
	}
}

func (c *checker) sessions() {
	byID := map[string]view{}
	byPerson := map[string][]view{}
	for _, s := range c.rows(table.Sessions) {
		byID[s.text("session_id")] = s
		byPerson[s.text("person")] = append(byPerson[s.text("person")], s)
	}
	conversions := map[string]int64{}
	for _, conv := range c.conversions {
		id, excluded := conv.text("session_id"), slices.Contains([]string{"givt", "sivt", "duplicate"}, conv.text("verdict"))
		if id == "" {
			if !excluded {
				c.bad("conversion without session", conv)
			}
			continue
		}
		conversions[id]++
		s, ok := byID[id]
		if !ok || s.text("person") != conv.text("person") || conv.time("event_time") < s.time("start") || conv.time("event_time") > s.time("end") {
			c.bad("conversion is not in its session", conv)
		}
		if excluded {
			c.bad("session of an invalid or duplicate conversion", conv)
		}
	}
	for id, s := range byID {
		if s.num("conversions") != conversions[id] || s.num("conversions")+s.num("clicks") > s.num("events") || s.num("events") < 1 {
			c.bad("session's counts", s)
		}
	}
	for person, list := range byPerson {
		if !strings.HasPrefix(person, "u:") && !strings.HasPrefix(person, "a:") {
			c.bad("person is not u: or a:", person)
		}
		slices.SortFunc(list, func(a, b view) int { return int(a.time("start") - b.time("start")) })
		for i := 1; i < len(list); i++ {
			if list[i].time("start") <= list[i-1].time("end") {
				c.bad("sessions of a person overlap", list[i])
			}
		}
	}
	for _, conv := range c.conversions {
		if p := conv.text("person"); !strings.HasPrefix(p, "u:") && !strings.HasPrefix(p, "a:") {
			c.bad("person is not u: or a:", conv)
		}
	}
}

// journal: the deltas of a credit sum to it.
func (c *checker) journal() {
	rows, ok := c.actual[table.Journal.Name]
	if !ok {
		return
	}
	columns := []string{"conversion_id", "model", "touch_time", "touch_event_id", "touch_type"}
	want, got := map[string][2]int64{}, map[string][2]int64{}
	for _, r := range c.rows(table.Credits) {
		k := r.key(columns...)
		want[k] = [2]int64{want[k][0] + r.num("credit_ppm"), want[k][1] + r.num("value_micros")}
	}
	causes := []string{"conversion", "late_event", "verdict", "adjustment", "identity"}
	for _, r := range each(table.Journal, rows) {
		k := r.key(columns...)
		got[k] = [2]int64{got[k][0] + r.num("delta_ppm"), got[k][1] + r.num("delta_micros")}
		if !slices.Contains(causes, r.text("cause")) {
			c.bad("journal cause", r)
		}
		if r.num("delta_ppm") == 0 && r.num("delta_micros") == 0 {
			c.bad("journal entry that changes nothing", r)
		}
	}
	equal(c, "journal deltas of a credit sum to it", want, got)
}

func numbers(v view, columns ...string) []int64 {
	var out []int64
	for _, c := range columns {
		out = append(out, v.num(c))
	}
	return out
}

// equal compares sums by key; an absent one is zero.
func equal[N comparable](c *checker, what string, want, got map[string]N) {
	var zero N
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if want[k] != got[k] {
			w, g := any(want[k]), any(got[k])
			if want[k] == zero {
				w = "none"
			}
			if got[k] == zero {
				g = "none"
			}
			c.bad(what, fmt.Sprintf("%s: want %v, got %v", k, w, g))
		}
	}
}
