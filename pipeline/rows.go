package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// This file turns what state holds into rows of the logical tables.

var errDamaged = errors.New("damaged record")

func statusOf(restated bool, end, watermark event.Millis) table.Value {
	switch {
	case restated:
		return table.T("restated")
	case watermark >= end:
		return table.T("final")
	}
	return table.T("provisional")
}

// rollupRow is the row of a rollup; nil when everything in it is zero.
func rollupRow(key []byte, r *row, lookback, watermark event.Millis) (table.Row, error) {
	t := key[1]
	if r.n == (sums{}) {
		return nil, nil
	}
	def := &rollups[t]
	out := make(table.Row, 0, len(def.table.Columns))
	window := state.Time(key[2:])
	out = append(out, table.At(window))
	for rest := key[10:]; len(rest) > 0; {
		var name string
		var err error
		if name, rest, err = state.CutText(rest); err != nil {
			return nil, err
		}
		out = append(out, table.T(name))
	}
	for _, n := range r.n[:def.sums] {
		out = append(out, table.I(n))
	}
	if t != minuteInvalid {
		out = append(out, statusOf(r.restated, rollupEnd(t, window, lookback), watermark))
	}
	if len(out) != len(def.table.Columns) {
		return nil, fmt.Errorf("%w: a row of %s has %d columns", errDamaged, def.table.Name, len(out))
	}
	return out, nil
}

func sessionRow(s *history.Session, gap, watermark event.Millis) table.Row {
	return table.Row{
		table.T(s.ID), table.T(s.Person), table.At(s.Start), table.At(s.End), table.I(s.Events), table.I(s.Impressions),
		table.I(s.Clicks), table.I(s.Conversions), table.T(s.EntryChannel), statusOf(s.Restated, s.End.Add(gap), watermark),
	}
}

func conversionRow(c *history.Conversion, watermark event.Millis) table.Row {
	return table.Row{
		table.T(c.ID), table.T(c.Person), table.At(c.Time), table.T(c.Name), table.T(c.OrderID), table.Money(c.Original),
		table.Money(c.Value()), table.T(c.Currency), table.T(c.Verdict().String()), table.T(c.Adjusted()),
		table.I(int64(len(c.Touches))), table.I(int64(c.Dropped)), table.T(c.SessionID), statusOf(c.Restated, c.Time, watermark),
	}
}

func creditRow(conv *history.Conversion, c *credit) table.Row {
	t := c.touch
	if t == nil {
		t = &event.Touch{Time: event.NoTime, Channel: unattributedChannel}
	}
	return table.Row{
		table.T(conv.ID), table.T(c.Model), table.I(int64(c.Position)), table.At(t.Time), table.T(t.ID), table.T(t.Type),
		table.T(t.Campaign), table.T(t.AdGroup), table.T(t.Creative), table.T(t.Channel), table.I(int64(len(conv.Touches))),
		table.I(c.PPM), table.Money(c.Micros), table.T(conv.Currency),
	}
}

func appendVerdict(b []byte, ev *history.Event, campaign, version string) []byte {
	b = append(b, byte(ev.Verdict()))
	b = binary.BigEndian.AppendUint16(b, uint16(ev.Reasons))
	b = binary.BigEndian.AppendUint16(b, uint16(ev.Shadow))
	return append(state.AppendText(b, campaign), version...)
}

func verdictRow(k, v []byte) (table.Row, error) {
	id, rest, err := state.CutText(k[1:])
	if err != nil || len(rest) < 8 || len(v) < 5 {
		return nil, errDamaged
	}
	at := state.Time(rest)
	person, typ, err := state.CutText(rest[8:])
	if err != nil {
		return nil, err
	}
	campaign, version, err := state.CutText(v[5:])
	if err != nil {
		return nil, err
	}
	verdict, reasons, shadow := event.Verdict(v[0]), event.Reasons(binary.BigEndian.Uint16(v[1:])), event.Reasons(binary.BigEndian.Uint16(v[3:]))
	_, tier := reasons.Decide()
	return table.Row{
		table.T(id), table.At(at), table.T(person), table.T(string(typ)), table.T(campaign), table.T(verdict.String()),
		table.I(int64(tier)), table.L(reasons.Names()), table.L(shadow.Names()), table.T(""), table.T(string(version)),
	}, nil
}

func lateRow(k, v []byte) (table.Row, error) {
	id, rest, err := state.CutText(k[1:])
	if err != nil || len(rest) < 8 || len(v) < 8 {
		return nil, errDamaged
	}
	at, watermark := state.Time(rest), state.Time(v)
	typ, payload, err := state.CutText(v[8:])
	if err != nil {
		return nil, err
	}
	return table.Row{
		table.T(id), table.At(at), table.T(string(rest[8:])), table.T(typ), table.At(watermark),
		table.I(int64(watermark - at)), table.T(event.Payload(payload)),
	}, nil
}

func appendDeadLetter(b []byte, code event.Code, message string, raw []byte) []byte {
	b = state.AppendText(state.AppendText(b, string(code)), strings.ToValidUTF8(message, "\uFFFD"))
	return append(b, raw...)
}

func deadLetterRow(k, v []byte) (table.Row, error) {
	code, rest, err := state.CutText(v)
	if err != nil {
		return nil, err
	}
	message, raw, err := state.CutText(rest)
	if err != nil {
		return nil, err
	}
	return table.Row{table.T(string(k[1:])), table.T(code), table.T(message), table.T(event.Payload(raw))}, nil
}
