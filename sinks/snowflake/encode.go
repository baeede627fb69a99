package snowflake

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/table"
)

// record is a row of a physical table to be written.
type record struct {
	t       *table.Table
	key     table.Row
	row     table.Row // nil: deleted
	credits []table.Row
	rev     uint64
}

// append writes the record as a JSON array, in the order of its table's fields.
func (r *record) append(b []byte) []byte {
	b = append(b, '[')
	for i, f := range fields(r.t) {
		if i > 0 {
			b = append(b, ',')
		}
		switch f.logical {
		case fieldHash:
			b = appendText(b, rows.HashOf(r.t, r.key).String())
		case fieldRev:
			b = strconv.AppendUint(b, r.rev, 10)
		case fieldRestated:
			b = strconv.AppendBool(b, r.row != nil && rows.IsRestated(r.t, r.row))
		case fieldDeleted:
			b = strconv.AppendBool(b, r.row == nil)
		case fieldShard:
			b = append(b, '0')
		case fieldCredits:
			b = r.appendCredits(b)
		default:
			b = r.appendColumn(b, f.logical)
		}
	}
	return append(b, ']')
}

// appendColumn writes a logical column; of a deleted row there is the key alone.
func (r *record) appendColumn(b []byte, col int) []byte {
	row := r.row
	if row == nil {
		if col >= r.t.Keys {
			return append(b, "null"...)
		}
		row = r.key
	}
	return appendValue(b, r.t.Columns[col].Type, row[col])
}

func (r *record) appendCredits(b []byte) []byte {
	b = append(b, '[')
	for n, c := range r.credits {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		for i, col := range table.Credits.Columns[1:] {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(append(b, '"'), col.Name...), `":`...)
			b = appendValue(b, col.Type, c[i+1])
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendValue(b []byte, typ table.Type, v table.Value) []byte {
	switch typ {
	case table.Int:
		return strconv.AppendInt(b, v.Int, 10)
	case table.Time:
		return appendTime(b, event.Millis(v.Int))
	case table.List:
		b = append(b, '[')
		for i, s := range v.List {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, s)
		}
		return append(b, ']')
	default:
		return appendText(b, v.Text)
	}
}

// appendTime writes a time in UTC without a zone, as the columns hold it.
func appendTime(b []byte, t event.Millis) []byte {
	if t == event.NoTime {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = t.Time().AppendFormat(b, "2006-01-02T15:04:05.000")
	return append(b, '"')
}

// appendText writes a text. Snowflake refuses JSON with the character U+0000:
// the symbol for it stands in its place. Keys are told apart by their hash.
func appendText(b []byte, s string) []byte {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\u2400")
	}
	q, err := json.Marshal(s)
	if err != nil {
		panic("BUG: got a text that JSON cannot hold: " + err.Error())
	}
	return append(b, q...)
}

// appendProgress writes a row of the progress table.
func appendProgress(b []byte, name string, at sinks.Progress, floor uint64) []byte {
	b = appendText(append(b, '['), name)
	b = append(b, ",0,"...)
	b = strconv.AppendUint(b, uint64(at.Epoch), 10)
	b = strconv.AppendUint(append(b, ','), at.Commit, 10)
	w, ok := rows.Watermark(at.Watermark)
	if !ok {
		w = event.NoTime
	}
	b = appendTime(append(b, ','), w)
	b = strconv.AppendUint(append(b, ','), floor, 10)
	return append(b, ']')
}
