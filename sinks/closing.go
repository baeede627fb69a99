package sinks

import (
	"log/slog"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// Deps are what every sink is opened with beside its own configuration.
type Deps struct {
	Logger *slog.Logger
	// What Closes needs of the rules: the gap that ends a session and the
	// greatest lookback.
	SessionGap, Lookback event.Millis
	Version              string // of the program, for the names of clients
}

// Closes says when a row becomes final: when the watermark reaches the value
// of the time column plus the milliseconds. False for tables without a status.
//
// Becoming final is no change of a row and is not delivered. A store therefore
// keeps whether the row as delivered was restated (it stays so), and its view
// gives the status: restated, else final where this end is at or below the
// watermark of its progress, else provisional.
func (d Deps) Closes(t *table.Table) (column int, plus event.Millis, ok bool) {
	switch t {
	case table.MinuteDelivery, table.MinuteConversions, table.MinuteAttribution:
		return 0, event.Minute - 1, true
	case table.Sessions:
		return t.Col("end"), d.SessionGap, true
	case table.Conversions:
		return t.Col("event_time"), 0, true
	case table.HourByTouch:
		return 0, event.Hour - 1 + d.Lookback, true
	case table.HourDelivery:
		return 0, event.Hour - 1, true
	}
	return 0, 0, false
}
