package oracle

import (
	"fmt"
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// RunWithStatus is Run with the statuses of an ended history: a row is
// restated when some record changed it that was judged by a watermark at or
// past its end. It works out the whole history once for every record, so it is
// for small ones.
//
// A conversion also changes when one of its credits does, since credits have
// no status of their own.
func RunWithStatus(cfg Config, judged []Judged) *Result {
	marks := map[string]bool{}
	before := Run(cfg, nil)
	for i, j := range judged {
		after := Run(cfg, judged[:i+1])
		for _, t := range withStatus {
			was := byKey(cfg, t, before)
			for key, r := range byKey(cfg, t, after) {
				if r.text != was[key].text && r.end <= j.Watermark {
					marks[t.Name+key] = true
				}
			}
		}
		before = after
	}
	result := Run(cfg, judged)
	for _, t := range withStatus {
		for key, r := range byKey(cfg, t, result) {
			if marks[t.Name+key] {
				r.row[t.Col("status")] = table.T(restated)
			}
		}
	}
	return result
}

var withStatus = []*table.Table{
	table.MinuteDelivery, table.HourDelivery, table.MinuteConversions, table.MinuteAttribution, table.HourByTouch,
	table.Sessions, table.Conversions,
}

// endingRow is a row with all that its status is about.
type endingRow struct {
	row  table.Row
	text string
	end  event.Millis
}

func byKey(cfg Config, t *table.Table, r *Result) map[string]endingRow {
	credits := map[string]string{}
	if t == table.Conversions {
		for _, c := range r.Tables[table.Credits.Name] {
			credits[c[0].Text] += fmt.Sprintf("%#v", c)
		}
	}
	out := map[string]endingRow{}
	keys := t.Keys
	if t == table.Conversions {
		keys = t.Col("event_time") + 1 // an id used again is the row of another conversion
	}
	for _, row := range r.Tables[t.Name] {
		out[fmt.Sprintf("%#v", row[:keys])] = endingRow{row, fmt.Sprintf("%#v", row) + credits[row[0].Text], endOf(cfg, t, row)}
	}
	return out
}

// endOf is the time at which a row becomes final.
func endOf(cfg Config, t *table.Table, row table.Row) event.Millis {
	at := func(column string) event.Millis { return event.Millis(row[t.Col(column)].Int) }
	switch t {
	case table.HourDelivery:
		return at("hour") + event.Hour - 1
	case table.HourByTouch:
		l := cfg.Attribution.Lookback
		greatest := slices.Max([]event.Duration{l.Click, l.Impression, l.Visit})
		return at("hour") + event.Hour - 1 + greatest.Millis()
	case table.Sessions:
		return at("end") + cfg.Sessions.Gap.Millis()
	case table.Conversions:
		return at("event_time")
	}
	return at("minute") + event.Minute - 1
}
