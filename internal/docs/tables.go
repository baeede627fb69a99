package main

import (
	"fmt"
	"strings"

	"github.com/tributary-data/tributary/table"
)

const tablesIntro = `# Tables

The same tables come out of ` + "`replay`" + ` and ` + "`export`" + ` as files and stand in every sink: stores that speak SQL have a view ` + "`v_`" + ` and the table's name with exactly these columns in this order. Files are sorted by key, texts bytewise; a row is there where something in it is not zero.

| type | is | in files |
|---|---|---|
| text | UTF-8; absent is empty | |
| whole number | 64 bits | |
| time | to the millisecond, UTC; absent is empty | RFC 3339 with three decimals; Parquet: ` + "`TIMESTAMP(MILLIS)`" + ` |
| list | of texts | NDJSON: an array |

Money is in micros: a whole number of millionths of a unit of ` + "`currency`" + `. 12.34 is 12340000. Amounts of different currencies are never added.

*gross* is everything; *net* is gross without ` + "`givt`" + ` and ` + "`sivt`" + `, of conversions also without duplicates. ` + "`status`" + ` is ` + "`provisional`" + ` until the watermark has reached the end of the row (the last millisecond of the minute or hour, the time of the conversion, the last event of the session and the gap; for a row by touch also the greatest lookback), then ` + "`final`, and `restated`" + ` once a record that came after that has changed it.

For each conversion and each model but ` + "`participation`, `credit_ppm`" + ` adds up to 1,000,000 and ` + "`value_micros`" + ` to the value of the conversion, exactly ([models.md](models.md)).
`

// tableNotes say what a row is.
var tableNotes = map[string]string{
	"minute_delivery":           "Impressions, clicks and spend of a campaign in a minute, gross, and how much of them is invalid.",
	"hour_delivery":             "The same by the hour, and also by ad group, creative, publisher and country.",
	"minute_invalid":            "Invalid events and their cost, by reason. An event with two reasons stands under both, so reasons do not add up to the invalid events.",
	"minute_conversions":        "Conversions by name.",
	"minute_attribution":        "Credit of the conversions of a minute, by the model, campaign and channel that get it.",
	"hour_attribution_by_touch": "The same credit, counted in the hour of the touch that earned it; an unattributed conversion counts at its own time.",
	"sessions":                  "A maximal run of one person's net events with no gap of more than 30 minutes (`sessions.gap`).",
	"conversions":               "A conversion, whatever its verdict.",
	"credits":                   "What one touch of a conversion gets under one model. An unattributed conversion has one row for each model, with position 0, channel `(none)` and the whole credit.",
	"credit_journal":            "Every change of a credit since its conversion became final. The deltas of a credit add up to it.",
	"verdicts":                  "Events that are not valid or have a shadow reason; of impressions a sample of 1 in 1,000 by the hash of their id, in a replay all.",
	"late_events":               "Well-formed records that came later than `time.allowed_lateness`. They changed nothing.",
	"dead_letters":              "Records that break a rule ([reference-events.md](reference-events.md#dead-letters)).",
	"triggers":                  "Always empty in this version.",
}

// columnNotes say what a column holds: by table and column, or by column.
var columnNotes = map[string]string{ //nolint:gosec // names of keys and columns, no credentials
	"minute": "its beginning", "hour": "its beginning", "minute_attribution.minute": "minute of the conversion", "hour_attribution_by_touch.hour": "hour of the touch",
	"campaign_id": "", "ad_group_id": "", "creative_id": "", "publisher_id": "", "country": "",
	"channel": "as sent, or by the GA4 grouping", "currency": "three letters",
	"impressions": "gross", "clicks": "gross", "sessions.clicks": "net", "sessions.impressions": "the person's net impressions from start to end",
	"givt_impressions": "of these, general invalid traffic (lists, routine filters)", "sivt_impressions": "of these, sophisticated invalid traffic",
	"givt_clicks": "likewise", "sivt_clicks": "likewise",
	"spend_micros": "cost, gross", "invalid_spend_micros": "of this, for invalid events",
	"minute_invalid.spend_micros": "cost of these events; conversions count with 0",
	"status":                      "provisional, final, restated", "type": "type of the event", "reason": "the rule", "minute_invalid.events": "how many",
	"conversion_name": "as sent, else `conversion`", "conversions": "gross", "sessions.conversions": "net", "invalid_conversions": "of these, with the verdict givt or sivt",
	"duplicate_conversions": "of these, repeats of an order", "retracted_conversions": "of these, taken back; neither invalid nor duplicate", "unattributed": "of these, net, not retracted and without touches",
	"minute_conversions.value_micros": "net, after adjustments", "model": "its id ([models.md](models.md))", "credit_ppm": "parts per million of a conversion; 1,000,000 is one",
	"value_micros": "money that the credit is worth", "conversions.value_micros": "after adjustment; 0 when invalid, duplicate or retracted", "original_value_micros": "as sent",
	"session_id": "opaque; the person and the session's first event decide it", "conversions.session_id": "the session that it lies in, or empty", "person": "`u:` and the user id, or `a:` and the anonymous id",
	"start": "time of the first event", "end": "time of the last event", "events": "net events, impressions not counted", "entry_channel": "channel of the first event",
	"conversion_id": "the conversion's event_id", "event_time": "", "order_id": "", "verdict": "valid, givt, sivt, undecided; of conversions also duplicate",
	"adjusted": "retracted, restated, or empty", "touches": "touches on the path", "touches_dropped": "touches left out because the path was longer than `attribution.max_touches`",
	"credits.position": "of the touch on the path, 1 is the first; 0 is unattributed", "touch_time": "", "touch_event_id": "", "touch_type": "click, impression, visit",
	"journal_id": "tells repeats apart", "delta_ppm": "change of credit_ppm", "delta_micros": "change of value_micros",
	"cause": "conversion, late_event, verdict, adjustment, identity", "at": "event time of the record that caused it",
	"event_id": "", "tier": "of the rule that decided: 1 lists, 2 rates, 3 scores; 0 when none", "reasons": "all enforced rules that apply, sorted", "shadow_reasons": "all rules in shadow that apply", "score": "of a model, else empty", "version": "of the rules and lists that judged",
	"position": "`topic/partition/offset`, `file:line`, `http/request/index`", "watermark": "that stood before the record", "lateness_ms": "watermark - event time", "payload": "the bytes as they came; what is not UTF-8 as `base64:` and base64",
	"code": "the rule", "message": "what is wrong, and what to do", "trigger_id": "", "rule": "", "matched_at": "", "event_ids": "", "action": "",
}

var typeNames = map[table.Type]string{table.Text: "text", table.Int: "whole number", table.Time: "time", table.List: "list"}

// tablesPage lists the tables and their columns.
func tablesPage(string) (string, error) {
	var b strings.Builder
	b.WriteString(tablesIntro)
	for _, t := range table.All {
		note, ok := tableNotes[t.Name]
		if !ok {
			return "", fmt.Errorf("nothing says what table %s is; add it to tableNotes", t.Name)
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| column | type | |\n|---|---|---|\n", t.Name, note)
		for i, c := range t.Columns {
			said, ok := columnNotes[t.Name+"."+c.Name]
			if !ok {
				if said, ok = columnNotes[c.Name]; !ok {
					return "", fmt.Errorf("nothing says what column %s.%s is; add it to columnNotes", t.Name, c.Name)
				}
			}
			name := code(c.Name)
			if i < t.Keys {
				name = "**" + name + "**"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", name, typeNames[c.Type], cell(said))
		}
	}
	b.WriteString("\nThe columns of the key are bold.\n")
	return b.String(), nil
}
