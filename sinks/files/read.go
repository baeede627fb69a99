package files

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// maxLine bounds one row: a dead letter keeps 1 MiB, which base64 and JSON
// escapes make larger.
const maxLine = 16 << 20

// ReadNDJSON reads rows back from what the NDJSON writer wrote. The row is
// reused: whoever keeps one clones it. It ends after the first error.
func ReadNDJSON(r io.Reader, t *table.Table) rowSeq {
	return func(yield func(table.Row, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(make([]byte, 0, 64<<10), maxLine)
		row := make(table.Row, len(t.Columns))
		for n := 1; lines.Scan(); n++ {
			if err := readRow(lines.Bytes(), t, row); err != nil {
				yield(nil, fmt.Errorf("%s line %d: %w", t.Name, n, err))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, fmt.Errorf("%s: %w", t.Name, err))
		}
	}
}

func readRow(line []byte, t *table.Table, row table.Row) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return fmt.Errorf("not a JSON object")
	}
	for i, c := range t.Columns {
		key, err := dec.Token()
		if err != nil || key != c.Name {
			return fmt.Errorf("got key %v; want %s", key, c.Name)
		}
		row[i] = table.Value{}
		switch c.Type {
		case table.Text:
			err = dec.Decode(&row[i].Text)
		case table.Int:
			err = dec.Decode(&row[i].Int)
		case table.Time:
			row[i].Int, err = readTime(dec)
		case table.List:
			err = dec.Decode(&row[i].List)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	if tok, err := dec.Token(); err != nil || tok != json.Delim('}') {
		return fmt.Errorf("got more than the %d columns", len(t.Columns))
	}
	return nil
}

func readTime(dec *json.Decoder) (int64, error) {
	var s string
	if err := dec.Decode(&s); err != nil || s == "" {
		return int64(event.NoTime), err
	}
	at, err := parseTime(s)
	return int64(at), err
}

// parseTime reads what event.Millis.String wrote.
func parseTime(s string) (event.Millis, error) {
	at, err := time.Parse("2006-01-02T15:04:05.000Z", s)
	return event.Millis(at.UnixMilli()), err
}
