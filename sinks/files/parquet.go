package files

import (
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// parquetFile writes typed columns: text is a string, a number INT64, a time
// TIMESTAMP(MILLIS, UTC) and null where absent, a list LIST of strings.
// Only times can be null. Compressed with zstd.
type parquetFile struct {
	t    *table.Table
	w    *parquet.GenericWriter[any]
	cols []*parquet.ColumnWriter
	rows int
	cell []byte          // the text of the cell being written
	vals []parquet.Value // the values of the cell being written
	err  error
	done bool
}

const (
	// rowGroup bounds what the writer holds in memory before it can be
	// written; readers skip whole groups by their statistics.
	rowGroup = 256 << 10
	// dictionaryMax is where a column turns out to have too many values for a
	// dictionary to pay.
	dictionaryMax = 1 << 20
)

// fewValues names the text columns that repeat few values: a dictionary makes
// them small and quick to filter by.
var fewValues = map[string]bool{
	"campaign_id": true, "ad_group_id": true, "creative_id": true, "publisher_id": true, "country": true, "channel": true,
	"currency": true, "status": true, "type": true, "reason": true, "conversion_name": true, "model": true,
	"entry_channel": true, "verdict": true, "adjusted": true, "touch_type": true, "cause": true, "version": true,
	"code": true, "rule": true, "action": true,
}

func newParquet(w io.Writer, t *table.Table) *parquetFile {
	f := &parquetFile{t: t, vals: make([]parquet.Value, 0, 8)}
	f.w = parquet.NewGenericWriter[any](w,
		parquet.NewSchema(t.Name, newColumns(t)),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault, Concurrency: 1}),
		parquet.DictionaryMaxBytes(dictionaryMax),
		parquet.CreatedBy("tributary", "1", "table"),
	)
	f.cols = f.w.ColumnWriters()
	return f
}

// columns is a group that keeps its fields in the order of the table; the
// library's own sorts them by name.
type columns struct {
	parquet.Group
	fields []parquet.Field
}

func newColumns(t *table.Table) columns {
	g := parquet.Group{}
	for _, c := range t.Columns {
		g[c.Name] = columnNode(c)
	}
	place := map[string]int{}
	for i, c := range t.Columns {
		place[c.Name] = i
	}
	fields := make([]parquet.Field, len(t.Columns))
	for _, f := range g.Fields() {
		fields[place[f.Name()]] = f
	}
	return columns{g, fields}
}

// Fields implements parquet.Node.
func (c columns) Fields() []parquet.Field { return c.fields }

// GoType implements parquet.Node; rows are written by column, so it is unused.
func (c columns) GoType() reflect.Type { return c.Group.GoType() }

func columnNode(c table.Column) parquet.Node {
	switch c.Type {
	case table.Int:
		return parquet.Leaf(parquet.Int64Type)
	case table.Time:
		return parquet.Optional(parquet.Timestamp(parquet.Millisecond))
	case table.List:
		return parquet.List(parquet.Encoded(parquet.String(), &parquet.RLEDictionary))
	}
	if fewValues[c.Name] {
		return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	}
	return parquet.String()
}

// Write implements Writer.
func (f *parquetFile) Write(row table.Row) error {
	if f.err != nil {
		return f.err
	}
	if f.done {
		return fmt.Errorf("%s: write after close", f.t.Name)
	}
	if len(row) != len(f.t.Columns) {
		return fmt.Errorf("%s: a row has %d cells; want %d", f.t.Name, len(row), len(f.t.Columns))
	}
	for i := range row {
		f.values(i, &row[i])
		if _, err := f.cols[i].WriteRowValues(f.vals); err != nil {
			f.err = err
			return err
		}
	}
	if f.rows++; f.rows == rowGroup {
		f.rows = 0
		f.err = f.w.Flush()
	}
	return f.err
}

// values lays the cell of column i into vals. The column writer copies it.
func (f *parquetFile) values(i int, v *table.Value) {
	f.vals, f.cell = f.vals[:0], f.cell[:0]
	switch f.t.Columns[i].Type {
	case table.Text:
		f.cell = append(f.cell, validText(v.Text)...)
		f.vals = append(f.vals, parquet.ByteArrayValue(f.cell).Level(0, 0, i))
	case table.Int:
		f.vals = append(f.vals, parquet.Int64Value(v.Int).Level(0, 0, i))
	case table.Time:
		if event.Millis(v.Int) == event.NoTime {
			f.vals = append(f.vals, parquet.NullValue().Level(0, 0, i))
		} else {
			f.vals = append(f.vals, parquet.Int64Value(v.Int).Level(0, 1, i))
		}
	case table.List:
		if len(v.List) == 0 {
			f.vals = append(f.vals, parquet.NullValue().Level(0, 0, i))
		}
		size := 0
		for _, s := range v.List {
			size += 3 * len(s) // as large as validText can make it
		}
		if cap(f.cell) < size { // growing below would move what values point to
			f.cell = make([]byte, 0, size)
		}
		for n, s := range v.List {
			at := len(f.cell)
			f.cell = append(f.cell, validText(s)...)
			f.vals = append(f.vals, parquet.ByteArrayValue(f.cell[at:]).Level(min(n, 1), 1, i))
		}
	}
}

// Close implements Writer.
func (f *parquetFile) Close() error {
	if f.done {
		return f.err
	}
	f.done = true
	if f.err == nil {
		f.err = f.w.Close()
	}
	return f.err
}
