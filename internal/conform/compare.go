package conform

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// normalised is a row with what the contract leaves open taken out.
type normalised struct {
	view
	key string
}

// normalise copies the rows of a table; keys may repeat.
func normalise(t *table.Table, all Tables) map[string][]normalised {
	sessions := map[string]string{} // session id -> who and when
	for _, s := range each(table.Sessions, all[table.Sessions.Name]) {
		sessions[s.text("session_id")] = s.key("person", "start")
	}
	out := map[string][]normalised{}
	for _, v := range each(t, all[t.Name]) {
		v.row = slices.Clone(v.row)
		set := func(column string, x table.Value) { v.row[t.Col(column)] = x }
		columns := v.keyColumns()
		switch t {
		case table.Sessions:
			columns = []string{"person", "start"}
			set("session_id", table.Value{})
		case table.Conversions:
			if id := v.text("session_id"); id != "" {
				who, ok := sessions[id]
				if !ok {
					who = "unknown session"
				}
				set("session_id", table.T(who))
			}
		case table.Verdicts:
			set("score", table.Value{})
			set("version", table.Value{})
			if d := v.text("verdict"); d != "givt" && d != "sivt" {
				set("tier", table.Value{})
			}
			if v.text("verdict") == "duplicate" {
				set("reasons", table.Value{})
			}
		case table.DeadLetters:
			set("message", table.Value{})
			set("payload", table.T(strings.TrimSpace(v.text("payload"))))
		case table.LateEvents:
			set("payload", table.T(strings.TrimSpace(v.text("payload"))))
		}
		k := v.key(columns...)
		out[k] = append(out[k], normalised{v, k})
	}
	return out
}

// rollupKeys are the rows of the two attribution tables that a credit is part of.
func rollupKeys(credit view, conversionTime event.Millis) (byConversion, byTouch string) {
	touch := credit.time("touch_time")
	if touch == event.NoTime {
		touch = conversionTime
	}
	rest := credit.key("model", "campaign_id", "channel", "currency")
	text := func(t event.Millis) string { return strconv.Quote(t.String()) + " " + rest }
	return table.MinuteAttribution.Name + text(conversionTime.Floor(event.Minute)),
		table.HourByTouch.Name + text(touch.Floor(event.Hour))
}

// contributions counts the credits of time_decay that meet in an attribution
// row: their tolerances add up.
func contributions(all Tables) map[string]int64 {
	when := map[string]event.Millis{}
	for _, c := range each(table.Conversions, all[table.Conversions.Name]) {
		when[c.text("conversion_id")] = c.time("event_time")
	}
	out := map[string]int64{}
	for _, c := range each(table.Credits, all[table.Credits.Name]) {
		if t, ok := when[c.text("conversion_id")]; ok && c.text("model") == "time_decay" {
			a, b := rollupKeys(c, t)
			out[a]++
			out[b]++
		}
	}
	return out
}

// comparison compares one table.
type comparison struct {
	t          *table.Table
	opt        Options
	tolerances map[string]int64
}

func (c comparison) compare(expected, actual map[string][]normalised) []Finding {
	var out []Finding
	both := maps.Clone(expected)
	maps.Copy(both, actual)
	for _, key := range slices.Sorted(maps.Keys(both)) {
		xs, ys := expected[key], actual[key]
		for i := range max(len(xs), len(ys)) {
			switch {
			case i >= len(ys):
				if !c.negligible(xs[i]) {
					out = append(out, Finding{c.t.Name, "missing", xs[i].String()})
				}
			case i >= len(xs):
				if !c.negligible(ys[i]) {
					out = append(out, Finding{c.t.Name, "extra", ys[i].String()})
				}
			default:
				if d := c.differences(xs[i], ys[i]); len(d) > 0 {
					out = append(out, Finding{c.t.Name, "differs", strings.Join(d, "; ") + " in " + ys[i].String()})
				}
			}
		}
	}
	return out
}

// decays says whether the row has a tolerance, and how many credits add to it.
func (c comparison) decays(v normalised) (bool, int64) {
	switch c.t {
	case table.Credits:
		return v.text("model") == "time_decay", 1
	case table.MinuteAttribution, table.HourByTouch:
		return v.text("model") == "time_decay", max(1, c.tolerances[c.t.Name+v.key])
	}
	return false, 0
}

func (c comparison) negligible(v normalised) bool {
	decays, n := c.decays(v)
	return decays && within(v.num("credit_ppm"), 0, c.opt.TolPPM*n) && within(v.num("value_micros"), 0, c.opt.TolMicros*n)
}

func (c comparison) differences(x, y normalised) []string {
	decays, n := c.decays(x)
	var out []string
	for i, col := range c.t.Columns {
		a, b := cell(col, x.row[i]), cell(col, y.row[i])
		same := a == b
		switch {
		case col.Type == table.List:
			same = slices.Equal(x.row[i].List, y.row[i].List)
		case col.Name == "status":
			same = same || !c.opt.Status || !c.opt.Exact && x.row[i].Text != "restated"
		case decays && col.Name == "credit_ppm":
			same = within(x.row[i].Int, y.row[i].Int, c.opt.TolPPM*n)
		case decays && col.Name == "value_micros":
			same = within(x.row[i].Int, y.row[i].Int, c.opt.TolMicros*n)
		}
		if !same {
			out = append(out, col.Name+" want "+a+" got "+b)
		}
	}
	return out
}

func within(a, b, tolerance int64) bool { return a-b <= tolerance && b-a <= tolerance }
