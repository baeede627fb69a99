package conform

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// Load reads the tables of a replay, NDJSON, also gzipped. Rows that are not
// of the contract's form are findings; a table without a file is not in the
// result.
func Load(dir string) (Tables, []Finding, error) {
	out, faults := Tables{}, []Finding(nil)
	for _, t := range table.All {
		path := filepath.Join(dir, t.Name+".ndjson")
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			path += ".gz"
			b, err = os.ReadFile(path)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err == nil {
				b, err = gunzip(b)
			}
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w", path, err)
		}
		rows, f, err := LoadRows(t, bytes.NewReader(b))
		if err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w", path, err)
		}
		out[t.Name] = rows
		faults = append(faults, f...)
	}
	return out, faults, nil
}

func gunzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// LoadRows reads rows of one table, a JSON object a line, into typed cells.
func LoadRows(t *table.Table, r io.Reader) ([]table.Row, []Finding, error) {
	rows, faults := []table.Row{}, []Finding(nil)
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if line = bytes.TrimRight(line, "\n"); len(line) > 0 {
			row, why := parseRow(t, line)
			if why != "" {
				faults = append(faults, Finding{t.Name, why, string(line[:min(len(line), 300)])})
			}
			if row != nil {
				rows = append(rows, row)
			}
		}
		if errors.Is(err, io.EOF) {
			return rows, faults, nil
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

// parseRow gives no row when the line is no object with the table's columns,
// and a fault for what is not as the contract says.
func parseRow(t *table.Table, line []byte) (table.Row, string) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return nil, "not an object"
	}
	var names []string
	cells := map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err.Error()
		}
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, err.Error()
		}
		names = append(names, name.(string))
		cells[name.(string)] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, err.Error()
	}
	var want []string
	for _, c := range t.Columns {
		want = append(want, c.Name)
	}
	fault := ""
	if !slices.Equal(names, want) {
		fault = fmt.Sprintf("columns %v, want %v", names, want)
	}
	row := make(table.Row, len(t.Columns))
	for i, c := range t.Columns {
		v, ok := parseCell(c, cells[c.Name])
		if !ok && fault == "" {
			fault = fmt.Sprintf("%s is %v", c.Name, cells[c.Name])
		}
		row[i] = v
	}
	return row, fault
}

const timeLayout = "2006-01-02T15:04:05.000Z"

// parseCell reads a cell; score, version and tier may be any scalar.
func parseCell(c table.Column, v any) (table.Value, bool) {
	number, isNumber := v.(json.Number)
	text, isText := v.(string)
	switch {
	case c.Type == table.Int:
		n, err := number.Int64()
		return table.I(n), isNumber && err == nil || c.Name == "tier" && text == ""
	case c.Type == table.Time && text == "":
		return table.At(event.NoTime), isText && c.Name == "touch_time"
	case c.Type == table.Time:
		at, err := time.Parse(timeLayout, text)
		return table.At(event.Millis(at.UnixMilli())), isText && err == nil && at.Format(timeLayout) == text
	case c.Type == table.List:
		items, ok := v.([]any)
		list := make([]string, len(items))
		for i, x := range items {
			s, isString := x.(string)
			list[i], ok = s, ok && isString
		}
		return table.L(list), ok
	case isNumber:
		return table.T(number.String()), c.Name == "score" || c.Name == "version"
	}
	return table.T(text), isText
}
