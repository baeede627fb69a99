package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/table"
)

// changes are those of one table within a batch.
type changes struct {
	t     *table.Table
	put   []sinks.Change
	drop  []sinks.Change
	whole []string // conversions of which all credits go, before others are put
}

// write sends a batch in one trip: for each table what goes, then what is put.
// Rows go as one array for each column; that is as quick as a COPY into a
// temporary table, leaves nothing in the catalogue, and works through poolers
// that lend a connection for one transaction.
func (s *Sink) write(ctx context.Context, all []sinks.Change) error {
	byTable := map[*table.Table]*changes{}
	for _, c := range all {
		x := byTable[c.Table]
		if x == nil {
			x = &changes{t: c.Table}
			byTable[c.Table] = x
		}
		switch {
		case c.Row != nil:
			x.put = append(x.put, c)
		case c.Table == table.Credits && c.Key[1].Text == "":
			x.whole = append(x.whole, clean(c.Key[0].Text))
		default:
			x.drop = append(x.drop, c)
		}
	}
	batch := &pgx.Batch{}
	for _, t := range table.All {
		x := byTable[t]
		if x == nil {
			continue
		}
		if err := s.makePartitions(ctx, x); err != nil {
			return err
		}
		if len(x.whole) > 0 {
			batch.Queue(s.schema.wipe, x.whole)
		}
		if len(x.drop) > 0 {
			batch.Queue(s.schema.deletes[t], dropArgs(x)...)
		}
		if len(x.put) > 0 {
			batch.Queue(s.schema.upserts[t], putArgs(x)...)
		}
	}
	if batch.Len() == 0 {
		return nil
	}
	return s.tx.SendBatch(ctx, batch).Close()
}

// makePartitions makes the months that a batch writes to.
func (s *Sink) makePartitions(ctx context.Context, x *changes) error {
	if !s.schema.partitioned(x.t) {
		return nil
	}
	at := rows.KeyTime(x.t)
	for _, c := range x.put {
		if err := s.makePartition(ctx, x.t, c.Key[at].Int); err != nil {
			return err
		}
	}
	return nil
}

// makePartition is asked for every row: it remembers what is there. A month
// that a transaction made and then undid is forgotten with the connection.
func (s *Sink) makePartition(ctx context.Context, t *table.Table, at int64) error {
	when := event.Millis(at).Time()
	month := time.Date(when.Year(), when.Month(), 1, 0, 0, 0, 0, time.UTC)
	key := t.Name + month.Format("2006-01")
	if s.months[key] {
		return nil
	}
	if _, err := s.tx.Exec(ctx, s.schema.partition(t, month)); err != nil {
		return err
	}
	s.months[key] = true
	return nil
}

func dropArgs(x *changes) []any {
	hashes, revs := make([]pgtype.UUID, len(x.drop)), make([]int64, len(x.drop))
	for i, c := range x.drop {
		hashes[i], revs[i] = uuid(x.t, c.Key), int64(c.Rev)
	}
	args := []any{hashes, revs}
	if at := rows.KeyTime(x.t); at >= 0 {
		times := make([]pgtype.Timestamptz, len(x.drop))
		for i, c := range x.drop {
			times[i] = timestamp(c.Key[at].Int)
		}
		args = append(args, times)
	}
	return args
}

// putArgs gives one array for each column, in the order of the upsert.
func putArgs(x *changes) []any {
	n := len(x.put)
	var args []any
	for _, c := range columns(x.t) {
		switch {
		case c.array == "":
		case c.logical == colHash:
			a := make([]pgtype.UUID, n)
			for i := range x.put {
				a[i] = uuid(x.t, x.put[i].Key)
			}
			args = append(args, a)
		case c.logical == colRev:
			a := make([]int64, n)
			for i := range x.put {
				a[i] = int64(x.put[i].Rev)
			}
			args = append(args, a)
		case c.logical == colRestated:
			a := make([]bool, n)
			for i := range x.put {
				a[i] = rows.IsRestated(x.t, x.put[i].Row)
			}
			args = append(args, a)
		default:
			args = append(args, valueArgs(x, c.logical))
		}
	}
	return args
}

func valueArgs(x *changes, col int) any {
	n := len(x.put)
	switch x.t.Columns[col].Type {
	case table.Int:
		a := make([]int64, n)
		for i := range x.put {
			a[i] = x.put[i].Row[col].Int
		}
		return a
	case table.Time:
		a := make([]pgtype.Timestamptz, n)
		for i := range x.put {
			a[i] = timestamp(x.put[i].Row[col].Int)
		}
		return a
	case table.List:
		a := make([]string, n)
		for i := range x.put {
			a[i] = arrayLiteral(x.put[i].Row[col].List)
		}
		return a
	default:
		a := make([]string, n)
		for i := range x.put {
			a[i] = clean(x.put[i].Row[col].Text)
		}
		return a
	}
}

// copyRows and copyBytes are what one COPY of a resync carries: it is held in
// memory, and some rows have a payload of a megabyte.
const (
	copyRows  = 20_000
	copyBytes = 16 << 20
)

// replace puts a table's rows in the place of all that are there.
func (s *Sink) replace(ctx context.Context, v sinks.View, t *table.Table) error {
	if _, err := s.tx.Exec(ctx, "DELETE FROM "+s.schema.qualified(t.Name)); err != nil {
		return err
	}
	cols := columns(t)
	var held [][]any
	size := 0
	flush := func() error {
		if len(held) == 0 {
			return nil
		}
		name := pgx.Identifier{t.Name}
		if s.schema.name != "" {
			name = pgx.Identifier{s.schema.name, t.Name}
		}
		_, err := s.tx.CopyFrom(ctx, name, s.schema.inserts[t], pgx.CopyFromRows(held))
		held, size = held[:0], 0
		return err
	}
	least := sinks.Rev(v.Progress().Epoch, 0)
	err := v.ScanAll(ctx, t, func(row table.Row, rev uint64) error {
		if s.schema.partitioned(t) {
			if err := s.makePartition(ctx, t, row[rows.KeyTime(t)].Int); err != nil {
				return err
			}
		}
		held = append(held, copyRow(t, cols, row, max(rev, least)))
		if size += rows.Size(row); len(held) < copyRows && size < copyBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// copyRow is a row with the columns of a COPY; its texts are its own.
func copyRow(t *table.Table, cols []column, row table.Row, rev uint64) []any {
	out := make([]any, 0, len(cols))
	for _, c := range cols {
		switch {
		case c.array == "":
		case c.logical == colHash:
			out = append(out, uuid(t, row[:t.Keys]))
		case c.logical == colRev:
			out = append(out, int64(rev))
		case c.logical == colRestated:
			out = append(out, rows.IsRestated(t, row))
		default:
			out = append(out, copyValue(t.Columns[c.logical].Type, row[c.logical]))
		}
	}
	return out
}

func copyValue(typ table.Type, v table.Value) any {
	switch typ {
	case table.Int:
		return v.Int
	case table.Time:
		return timestamp(v.Int)
	case table.List:
		out := make([]string, len(v.List))
		for i := range v.List {
			out[i] = strings.Clone(clean(v.List[i]))
		}
		return out
	default:
		return strings.Clone(clean(v.Text))
	}
}

func uuid(t *table.Table, key table.Row) pgtype.UUID {
	return pgtype.UUID{Bytes: rows.HashOf(t, key), Valid: true}
}

func timestamp(ms int64) pgtype.Timestamptz {
	if event.Millis(ms) == event.NoTime {
		return pgtype.Timestamptz{}
	}
	return pgtype.Timestamptz{Time: event.Millis(ms).Time(), Valid: true}
}

// noNul writes the character U+0000, which PostgreSQL's text cannot hold, as
// the symbol that stands for it. Keys are told apart by their hash.
var noNul = strings.NewReplacer("\x00", "\u2400")

func clean(text string) string {
	if strings.IndexByte(text, 0) < 0 {
		return text
	}
	return noNul.Replace(text)
}

var arrayQuoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// arrayLiteral writes a list as PostgreSQL reads arrays from text: arrays of
// arrays would all have to be of one length.
func arrayLiteral(list []string) string {
	if len(list) == 0 {
		return "{}"
	}
	var b strings.Builder
	for i, item := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(arrayQuoter.Replace(clean(item)))
		b.WriteByte('"')
	}
	return "{" + b.String() + "}"
}
