package clickhouse

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// writing gathers the rows of a batch or of a resync by table.
type writing struct {
	s      *Sink
	rev    uint64
	blocks map[*layout]*block

	// Of a batch: the conversions that it touches, and the ids of deleted rows
	// whose places must be looked up.
	parts map[string]*parts
	gone  map[*layout]map[string]bool
}

// parts is what a batch says of one conversion.
type parts struct {
	row     table.Row // nil: not in the batch, or deleted
	deleted bool      // the batch says that the conversion is gone
	whole   bool      // all of its credits are in the batch
	credits []table.Row
}

func newWriting(s *Sink, rev uint64, copies bool) *writing {
	w := &writing{s: s, rev: rev, blocks: map[*layout]*block{}, parts: map[string]*parts{}, gone: map[*layout]map[string]bool{}}
	for _, l := range layouts {
		w.blocks[l] = newBlock(l)
		w.blocks[l].copies = copies
	}
	return w
}

// change takes one change of a batch.
func (w *writing) change(c *sinks.Change) error {
	if len(c.Key) < c.Table.Keys {
		return fmt.Errorf("a change of %s has a key of %d columns; want %d", c.Table.Name, len(c.Key), c.Table.Keys)
	}
	switch c.Table {
	case table.Conversions, table.Credits:
		w.part(c)
		return nil
	}
	l := layoutFor(c.Table)
	at, outside := l.timeColumn()
	switch {
	case c.Row != nil:
		w.place(l, c.Row)
		w.blocks[l].add(c.Row, w.rev, false)
	case outside:
		w.bury(l, c.Key[0].Text)
	default:
		row := make(table.Row, max(c.Table.Keys, at+1))
		copy(row, c.Key)
		w.blocks[l].add(row, w.rev, true)
	}
	return nil
}

// place notes where a row will stand, if that may have to be looked up.
func (w *writing) place(l *layout, row table.Row) {
	if l.byID != nil {
		at, _ := l.timeColumn()
		w.blocks[l.byID].addPlace(row[0].Text, row[at].Int, w.rev)
	}
}

// bury has the places of an id looked up, and tombstones put there.
func (w *writing) bury(l *layout, id string) {
	if w.gone[l] == nil {
		w.gone[l] = map[string]bool{}
	}
	w.gone[l][id] = true
}

// part takes a change of a conversion or a credit.
func (w *writing) part(c *sinks.Change) {
	id := c.Key[0].Text
	p := w.parts[id]
	if p == nil {
		p = &parts{}
		w.parts[id] = p
	}
	switch {
	case c.Table == table.Conversions:
		p.row, p.deleted = c.Row, c.Row == nil
	case c.Row != nil:
		p.credits = append(p.credits, c.Row)
	case c.Key[1].Text == "":
		p.whole = true // stands for those that are gone; all others follow
	}
}

// conversions makes whole rows of the parts: what the batch lacks is asked of
// its view.
func (w *writing) conversions(ctx context.Context, v sinks.View) error {
	l := layoutFor(table.Conversions)
	at, _ := l.timeColumn()
	ids := slices.Sorted(maps.Keys(w.parts))
	for _, id := range ids {
		p := w.parts[id]
		if err := p.complete(ctx, v, id); err != nil {
			return err
		}
		if p.row == nil {
			w.bury(l, id)
			continue
		}
		w.place(l, p.row)
		w.blocks[l].addConversion(p.row, p.credits, w.rev, false)
	}
	// An id that is used again stands in another place; the old one is emptied.
	places, err := w.s.places(ctx, l, ids)
	if err != nil {
		return err
	}
	for _, x := range places {
		if p := w.parts[x.id]; p.row != nil && clamp(p.row[at].Int) != x.at {
			w.tombstone(l, x)
		}
	}
	return nil
}

// complete reads what a batch does not say of a conversion.
func (p *parts) complete(ctx context.Context, v sinks.View, id string) error {
	key := table.Row{table.T(id)}
	if p.row == nil && !p.deleted {
		rows, err := find(ctx, v, table.Conversions, key)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			p.row = cloneRow(rows[0])
		}
	}
	if p.row == nil || p.whole {
		slices.SortFunc(p.credits, table.Credits.Compare)
		p.credits = slices.CompactFunc(p.credits, func(a, b table.Row) bool { return table.Credits.Compare(a, b) == 0 })
		return nil
	}
	rows, err := find(ctx, v, table.Credits, key)
	p.credits = nil
	for _, r := range rows {
		p.credits = append(p.credits, cloneRow(r))
	}
	return err
}

// find reads rows of the view; its next call ends them.
func find(ctx context.Context, v sinks.View, t *table.Table, key table.Row) ([]table.Row, error) {
	rows, err := v.Find(ctx, t, key)
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", t.Name, key[0].Text, err)
	}
	return rows, nil
}

// place is where rows of an id stand, or stood.
type place struct {
	id string
	at int64
}

// places looks up where rows of ids stand. Every row's place is written before
// the row itself is sent, so that none is missed, not even a row that an
// insert whose answer was lost brings later.
func (s *Sink) places(ctx context.Context, l *layout, ids []string) (out []place, err error) {
	from, id := l, l.logical.Columns[0].Name
	if l.byID != nil {
		from = l.byID
	}
	for chunk := range slices.Chunk(ids, lookupIDs) {
		quoted := make([]string, len(chunk))
		for i, x := range chunk {
			quoted[i] = quote(x)
		}
		sql := fmt.Sprintf("SELECT DISTINCT %s, toUnixTimestamp64Milli(%s) FROM %s WHERE %s IN (%s)",
			ident(id), ident(l.time), s.table(from.name), ident(id), strings.Join(quoted, ", "))
		err := s.query(ctx, "looking up places in "+from.name, sql, func(rows driver.Rows) error {
			var p place
			err := rows.Scan(&p.id, &p.at)
			out = append(out, p)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// graves puts tombstones where deleted rows stand.
func (w *writing) graves(ctx context.Context) error {
	for _, l := range layouts {
		if len(w.gone[l]) == 0 {
			continue
		}
		places, err := w.s.places(ctx, l, slices.Sorted(maps.Keys(w.gone[l])))
		if err != nil {
			return err
		}
		for _, p := range places {
			w.tombstone(l, p)
		}
	}
	return nil
}

func (w *writing) tombstone(l *layout, p place) {
	at, _ := l.timeColumn()
	row := make(table.Row, at+1)
	row[0] = table.T(p.id)
	row[at] = table.I(p.at)
	if l.logical == table.Conversions {
		w.blocks[l].addConversion(row, nil, w.rev, true)
		return
	}
	w.blocks[l].add(row, w.rev, true)
}

// send writes everything: first the places, then the rows.
func (w *writing) send(ctx context.Context) error {
	var places, rows []*block
	for _, l := range layouts {
		if l.logical == nil {
			places = append(places, w.blocks[l])
		} else {
			rows = append(rows, w.blocks[l])
		}
	}
	if err := w.s.insertAll(ctx, places); err != nil {
		return err
	}
	return w.s.insertAll(ctx, rows)
}

// all writes every row of a view, in inserts of a bounded size.
func (w *writing) all(ctx context.Context, v sinks.View) error {
	for _, t := range table.All {
		if t == table.Credits {
			continue // with their conversions
		}
		l := layoutFor(t)
		b := w.blocks[l]
		err := v.ScanAll(ctx, t, func(row table.Row, _ uint64) error {
			if t != table.Conversions {
				w.place(l, row)
				b.add(row, w.rev, false)
				return w.flush(ctx, l, false)
			}
			row = cloneRow(row)
			credits, err := find(ctx, v, table.Credits, row[:1])
			if err != nil {
				return err
			}
			w.place(l, row)
			b.addConversion(row, credits, w.rev, false)
			return w.flush(ctx, l, false)
		})
		if err != nil {
			return fmt.Errorf("reading %s: %w", t.Name, err)
		}
		if err := w.flush(ctx, l, true); err != nil {
			return err
		}
	}
	return nil
}

// cloneRow copies a row, because the next call to its view ends it.
func cloneRow(row table.Row) table.Row {
	out := slices.Clone(row)
	for i := range out {
		out[i].Text = strings.Clone(out[i].Text)
	}
	return out
}

// flush sends what is large enough, or all.
func (w *writing) flush(ctx context.Context, l *layout, all bool) error {
	b := w.blocks[l]
	if !all && b.rows < w.s.cfg.MaxInsertRows && b.bytes < maxInsertBytes {
		return nil
	}
	if l.byID != nil {
		if err := w.s.insert(ctx, w.blocks[l.byID]); err != nil {
			return err
		}
		w.blocks[l.byID].reset()
	}
	if err := w.s.insert(ctx, b); err != nil {
		return err
	}
	b.reset()
	return nil
}
