package kafka

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// records are those of a batch. Rows are as they stand in the batch's view, and
// so have its revision.
func (s *Sink) records(ctx context.Context, b *sinks.Batch) ([]*kgo.Record, error) {
	rev := b.Progress
	if b.View != nil {
		rev = b.View.Progress()
	}
	out := make([]*kgo.Record, 0, len(b.Changes)+1)
	credits := map[string][]table.Row{} // of conversions that change; they come before them
	for i := range b.Changes {
		c := &b.Changes[i]
		switch {
		case c.Table == table.Credits:
			id := c.Key[0].Text
			if c.Row != nil {
				credits[id] = append(credits[id], c.Row)
			} else if _, known := credits[id]; !known {
				credits[id] = nil
			}
			continue
		case c.Row == nil && isAppended(c.Table):
			continue // a log keeps what it was told
		case c.Table == table.Conversions && c.Row != nil:
			rows, known := credits[c.Key[0].Text]
			if !known {
				var err error
				if rows, err = b.View.Find(ctx, table.Credits, c.Key); err != nil {
					return nil, fmt.Errorf("reading the credits of conversion %s: %w", c.Key[0].Text, err)
				}
			}
			out = append(out, s.record(c.Table, c.Key, c.Row, rows, rev))
			continue
		}
		out = append(out, s.record(c.Table, c.Key, c.Row, nil, rev))
	}
	return out, nil
}

// record is one row as a record; nil rows delete.
func (s *Sink) record(t *table.Table, key, row table.Row, credits []table.Row, at sinks.Progress) *kgo.Record {
	rev := sinks.Rev(at.Epoch, at.Commit)
	r := &kgo.Record{Topic: s.topic(t), Key: recordKey(t, key), Headers: []kgo.RecordHeader{
		{Key: "rev", Value: strconv.AppendUint(nil, rev, 10)},
	}}
	if row == nil {
		return r
	}
	b := make([]byte, 0, 256+128*len(credits))
	b = sinks.AppendJSON(append(b, '{'), t, row, len(t.Columns))
	if t == table.Conversions {
		b = append(b, `,"credits":[`...)
		for i, c := range credits {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(sinks.AppendJSON(append(b, '{'), table.Credits, c, len(table.Credits.Columns)), '}')
		}
		b = append(b, ']')
	}
	b = append(b, `,"epoch":`...)
	b = strconv.AppendUint(b, uint64(at.Epoch), 10)
	b = append(b, `,"rev":`...)
	b = strconv.AppendUint(b, rev, 10)
	r.Value = append(b, '}')
	if t == table.DeadLetters {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: "code", Value: []byte(row[t.Col("code")].Text)})
	}
	return r
}

// recordKey is the key of a record: the text itself of a table whose key is one
// text, else a JSON array of the key's columns.
func recordKey(t *table.Table, key table.Row) []byte {
	if t.Keys == 1 && t.Columns[0].Type == table.Text {
		return []byte(key[0].Text)
	}
	b := []byte{'['}
	for i := range t.Keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = sinks.AppendJSONValue(b, t.Columns[i].Type, key[i])
	}
	return append(b, ']')
}
