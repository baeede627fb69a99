package files

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/parquet-go/parquet-go"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// rowSeq are rows as they are read back; the row is reused.
type rowSeq = iter.Seq2[table.Row, error]

// ReadParquet reads rows back from what the Parquet writer wrote. The row is
// reused: whoever keeps one clones it, texts included. It ends after the first
// error.
func ReadParquet(r io.ReaderAt, size int64, t *table.Table) rowSeq {
	return func(yield func(table.Row, error) bool) {
		fail := func(err error) { yield(nil, fmt.Errorf("%s: %w", t.Name, err)) }
		f, err := parquet.OpenFile(r, size)
		if err != nil {
			fail(err)
			return
		}
		columns := f.Schema().Columns()
		if len(columns) != len(t.Columns) {
			fail(fmt.Errorf("it has %d columns; want %d", len(columns), len(t.Columns)))
			return
		}
		for i, c := range t.Columns {
			if columns[i][0] != c.Name {
				fail(fmt.Errorf("column %d is %s; want %s", i, columns[i][0], c.Name))
				return
			}
		}
		in := parquet.NewReader(f)
		defer in.Close() //nolint:errcheck // it was only read
		buf, row := make([]parquet.Row, 256), make(table.Row, len(t.Columns))
		for {
			n, err := in.ReadRows(buf)
			for _, cells := range buf[:n] {
				fillRow(row, t, cells)
				if !yield(row, nil) {
					return
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				fail(err)
				return
			}
		}
	}
}

func fillRow(row table.Row, t *table.Table, cells parquet.Row) {
	for i := range row {
		row[i] = table.Value{}
	}
	for _, v := range cells {
		i := v.Column()
		switch t.Columns[i].Type {
		case table.Text:
			row[i].Text = string(v.ByteArray())
		case table.Int:
			row[i].Int = v.Int64()
		case table.Time:
			if row[i].Int = int64(event.NoTime); !v.IsNull() {
				row[i].Int = v.Int64()
			}
		case table.List:
			if v.DefinitionLevel() > 0 {
				row[i].List = append(row[i].List, string(v.ByteArray()))
			}
		}
	}
}
