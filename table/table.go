// Package table holds the logical tables of the product: their names, keys and
// columns in order, as replay writes them, sinks store them and the API reads
// them. It imports only event.
package table

import (
	"cmp"
	"strings"

	"github.com/tributary-data/tributary/event"
)

// Type is the type of a column.
type Type uint8

// The types of columns.
const (
	Text Type = iota // Value.Text
	Int              // Value.Int: counts, ppm, micros, milliseconds
	Time             // Value.Int as event.Millis; event.NoTime is absent
	List             // Value.List: strings
)

// Column is one column of a table.
type Column struct {
	Name string
	Type Type
}

// Table is a logical table: its first Keys columns are its key.
type Table struct {
	Name    string
	Keys    int
	Columns []Column
}

// Value is one cell; the type of the column says which field counts.
type Value struct {
	Text string
	Int  int64
	List []string
}

// Row is one row, in the order of the columns.
type Row []Value

// Cells.
func T(s string) Value           { return Value{Text: s} }
func I(n int64) Value            { return Value{Int: n} }
func At(t event.Millis) Value    { return Value{Int: int64(t)} }
func Money(m event.Micros) Value { return Value{Int: int64(m)} }
func L(names []string) Value     { return Value{List: names} }

func cols(names string) []Column {
	var out []Column
	for name := range strings.FieldsSeq(names) {
		out = append(out, Column{Name: name, Type: typeOf(name)})
	}
	return out
}

func typeOf(name string) Type {
	switch name {
	case "minute", "hour", "start", "end", "event_time", "touch_time", "watermark", "at", "matched_at":
		return Time
	case "reasons", "shadow_reasons", "event_ids":
		return List
	case "impressions", "clicks", "conversions", "invalid_conversions", "duplicate_conversions", "retracted_conversions",
		"unattributed", "events", "touches", "touches_dropped", "tier", "givt_impressions",
		"sivt_impressions", "givt_clicks", "sivt_clicks", "credit_ppm", "delta_ppm", "lateness_ms":
		return Int
	}
	if strings.HasSuffix(name, "_micros") {
		return Int
	}
	return Text
}

const delivery = " impressions clicks givt_impressions sivt_impressions givt_clicks sivt_clicks spend_micros invalid_spend_micros status"

// The tables of the contract, section 6.
var (
	MinuteDelivery = &Table{"minute_delivery", 4, cols("minute campaign_id channel currency" + delivery)}
	HourDelivery   = &Table{"hour_delivery", 8, cols("hour campaign_id ad_group_id creative_id publisher_id country channel currency" + delivery)}
	MinuteInvalid  = &Table{"minute_invalid", 6, cols("minute campaign_id publisher_id type reason currency events spend_micros")}

	MinuteConversions = &Table{"minute_conversions", 3, cols("minute conversion_name currency conversions invalid_conversions duplicate_conversions retracted_conversions value_micros unattributed status")}
	MinuteAttribution = &Table{"minute_attribution", 5, cols("minute model campaign_id channel currency credit_ppm value_micros status")}
	HourByTouch       = &Table{"hour_attribution_by_touch", 5, cols("hour model campaign_id channel currency credit_ppm value_micros status")}

	Sessions    = &Table{"sessions", 1, cols("session_id person start end events impressions clicks conversions entry_channel status")}
	Conversions = &Table{"conversions", 1, cols("conversion_id person event_time conversion_name order_id original_value_micros value_micros currency verdict adjusted touches touches_dropped session_id status")}
	Credits     = &Table{"credits", 3, creditCols()}
	Journal     = &Table{"credit_journal", 1, cols("journal_id conversion_id model touch_time touch_event_id touch_type delta_ppm delta_micros cause at")}
	Verdicts    = &Table{"verdicts", 4, cols("event_id event_time person type campaign_id verdict tier reasons shadow_reasons score version")}
	LateEvents  = &Table{"late_events", 3, cols("event_id event_time position type watermark lateness_ms payload")}
	DeadLetters = &Table{"dead_letters", 1, cols("position code message payload")}
	Triggers    = &Table{"triggers", 1, cols("trigger_id rule person matched_at event_ids action")}
)

// All lists the tables in the order of the contract.
var All = []*Table{
	MinuteDelivery, HourDelivery, MinuteInvalid, MinuteConversions, MinuteAttribution, HourByTouch, Sessions,
	Conversions, Credits, Journal, Verdicts, LateEvents, DeadLetters, Triggers,
}

// creditCols: the position of a credit is a number, that of a record a text.
func creditCols() []Column {
	c := cols("conversion_id model position touch_time touch_event_id touch_type campaign_id ad_group_id creative_id channel touches credit_ppm value_micros currency")
	c[2].Type = Int
	return c
}

// ByName finds a table.
func ByName(name string) (*Table, bool) {
	for _, t := range All {
		if t.Name == name {
			return t, true
		}
	}
	return nil, false
}

// Col is the index of a column; it panics on a name that the table lacks.
func (t *Table) Col(name string) int {
	for i, c := range t.Columns {
		if c.Name == name {
			return i
		}
	}
	panic("BUG: table " + t.Name + " has no column " + name)
}

// Compare orders two rows by the key of the table: texts bytewise, numbers and
// times by size.
func (t *Table) Compare(a, b Row) int {
	for i := range t.Keys {
		if t.Columns[i].Type == Text {
			if c := strings.Compare(a[i].Text, b[i].Text); c != 0 {
				return c
			}
		} else if c := cmp.Compare(a[i].Int, b[i].Int); c != 0 {
			return c
		}
	}
	return 0
}
