package redis

import (
	"context"
	"fmt"
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// entry is a session or a conversion of a person. The tables have no row of a
// person: the touches are those of the person's last valid conversion, as the
// linear model lists them, which gives every touch of a path a credit.
type entry struct {
	kind   string // s, c
	id     string
	person string
	at     event.Millis // orders the entries of a person
	json   string       // empty: it is gone
}

var (
	sessionEnd      = table.Sessions.Col("end")
	conversionTime  = table.Conversions.Col("event_time")
	conversionKind  = table.Conversions.Col("verdict")
	conversionState = table.Conversions.Col("adjusted")
)

const linear = "linear"

// people gives what the changes mean for persons. Where a row is gone, or has
// another person now, Redis is asked whose it was.
func (s *Sink) people(ctx context.Context, v sinks.View, changes []sinks.Change) ([]entry, error) {
	if !s.cfg.Lookups.Persons {
		return nil, nil
	}
	var out []entry
	var backs []string
	touches := map[string][]table.Row{} // of conversions; the credits come before their conversion
	for i := range changes {
		c := &changes[i]
		var e entry
		switch {
		case c.Table == table.Credits && c.Row != nil && c.Key[1].Text == linear:
			touches[c.Key[0].Text] = append(touches[c.Key[0].Text], c.Row)
			continue
		case c.Table == table.Sessions:
			e = s.session(c.Key[0].Text, c.Row)
		case c.Table == table.Conversions:
			e = s.conversion(c.Key[0].Text, c.Row, touches[c.Key[0].Text])
		default:
			continue
		}
		out = append(out, e)
		backs = append(backs, s.keys.back(e.kind, e.id))
	}
	for from := 0; from < len(backs); from += maxKeys {
		part := backs[from:min(from+maxKeys, len(backs))]
		owners, err := s.client.MGet(ctx, part...).Result()
		if err != nil {
			return nil, explained(fmt.Errorf("asking whose %d rows were: %w", len(part), err))
		}
		for i, owner := range owners {
			was, _ := owner.(string)
			e := &out[from+i]
			switch {
			case e.json == "" && was != "":
				e.person = was
			case was != "" && was != e.person:
				out = append(out, entry{kind: e.kind, id: e.id, person: was})
			}
		}
	}
	// One that is gone and that Redis does not know needs nothing; departures
	// from another person come first, because they clear whose the row is.
	out = slices.DeleteFunc(out, func(e entry) bool { return e.person == "" })
	slices.SortStableFunc(out, func(a, b entry) int { return gone(b) - gone(a) })
	_ = v
	return out, nil
}

func gone(e entry) int {
	if e.json == "" {
		return 1
	}
	return 0
}

func (s *Sink) session(id string, row table.Row) entry {
	e := entry{kind: "s", id: id}
	if row == nil {
		return e
	}
	e.person, e.at = row[1].Text, event.Millis(row[sessionEnd].Int)
	b := sinks.AppendJSON([]byte{'{'}, table.Sessions, row, len(table.Sessions.Columns)-1) // without the status
	e.json = string(append(b, '}'))
	return e
}

// conversion gives the entry of a net conversion; others are as good as gone.
func (s *Sink) conversion(id string, row table.Row, credits []table.Row) entry {
	e := entry{kind: "c", id: id}
	if row == nil || row[conversionState].Text == "retracted" || row[conversionKind].Text != "valid" && row[conversionKind].Text != "undecided" {
		return e
	}
	e.person, e.at = row[1].Text, event.Millis(row[conversionTime].Int)
	b := []byte{'{'}
	for _, name := range []string{"conversion_id", "event_time", "conversion_name", "order_id", "value_micros", "currency"} {
		b = appendMember(b, table.Conversions, row, name)
	}
	b = append(b, `,"touches":[`...)
	n := 0
	for i := len(credits) - 1; i >= 0 && n < s.cfg.Lookups.Touches; i-- { // newest first
		c := credits[i]
		if c[2].Int == 0 {
			continue // unattributed
		}
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = append(b, '{')
		for _, name := range []string{"touch_time", "touch_event_id", "touch_type", "campaign_id", "ad_group_id", "creative_id", "channel"} {
			b = appendMember(b, table.Credits, c, name)
		}
		b = append(b, '}')
	}
	e.json = string(append(b, "]}"...))
	return e
}

func appendMember(b []byte, t *table.Table, row table.Row, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	i := t.Col(name)
	b = append(sinks.AppendJSONText(b, name), ':')
	return sinks.AppendJSONValue(b, t.Columns[i].Type, row[i])
}

// person adds an entry to the calls. One that has expired already is over.
func (w *writing) person(ctx context.Context, e *entry) error {
	left := int64(0)
	if e.json != "" {
		if left = int64(e.at.Add(w.s.cfg.Lookups.Expire.Millis()) - w.s.now()); left <= 0 {
			return nil
		}
	}
	if err := w.room(ctx, 2); err != nil {
		return err
	}
	w.add("P", w.key(w.s.keys.person(e.person)), w.key(w.s.keys.back(e.kind, e.id)), e.kind, e.id, fmt.Sprintf("%015d", e.at), e.json, e.person, left)
	return nil
}
