package files

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// ReadCSV reads rows back from what the CSV writer wrote; a line end within a
// cell comes as one byte. The row is reused. It ends after the first error.
func ReadCSV(r io.Reader, t *table.Table) rowSeq {
	return func(yield func(table.Row, error) bool) {
		in := csv.NewReader(r)
		in.FieldsPerRecord, in.ReuseRecord = len(t.Columns), true
		if _, err := in.Read(); err != nil {
			yield(nil, fmt.Errorf("%s: the header: %w", t.Name, err))
			return
		}
		row := make(table.Row, len(t.Columns))
		for {
			cells, err := in.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			for i, c := range t.Columns {
				if err == nil {
					row[i], err = parseCell(c, cells[i])
				}
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", t.Name, err)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func parseCell(c table.Column, s string) (v table.Value, err error) {
	switch c.Type {
	case table.Text:
		return table.T(s), nil
	case table.Int:
		n, err := strconv.ParseInt(s, 10, 64)
		return table.I(n), err
	case table.Time:
		if s == "" {
			return table.At(event.NoTime), nil
		}
		at, err := parseTime(s)
		return table.At(at), err
	}
	if s == "" {
		return v, nil
	}
	item := ""
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			item += s[i : i+1]
		case s[i] == ';':
			v.List, item = append(v.List, item), ""
		default:
			item += s[i : i+1]
		}
	}
	v.List = append(v.List, item)
	return v, nil
}
