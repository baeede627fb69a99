package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tributary-data/tributary/event"
)

// csvLayout is how the rows of a CSV file are read.
type csvLayout struct {
	delimiter byte
	header    []string
	fields    []field // by column
	columns   []int   // by rows.columns: the column, or -1
}

// openCSV reads the header: the first line, unless a mapping gives the names.
func (f *File) openCSV(path string, in io.Reader, mappings []Mapping) error {
	l := f.csv
	if strings.Contains(strings.ToLower(f.base), ".tsv") {
		l.delimiter = '\t'
	}
	for _, m := range mappings {
		if m.Delimiter != "" {
			if l.delimiter != m.Delimiter[0] && l.delimiter != ',' {
				return fmt.Errorf("ingest.mappings: %s fits mappings with different delimiters; give them the same", f.base)
			}
			l.delimiter = m.Delimiter[0]
		}
		if len(m.Header) > 0 {
			l.header = m.Header
		}
	}
	r := &reader{in: in, prefix: f.prefix, path: path, line: 1}
	r.cut = func(data []byte, end bool) int { return cutCSV(data, l.delimiter, end) }
	f.source = r
	if l.header == nil {
		first, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil // an empty file has no rows
		}
		if err != nil {
			return err
		}
		if first.dead != nil {
			return fmt.Errorf("%s: the header in line 1 cannot be read: %s", path, first.dead.Dead.Message)
		}
		n := csvEnd(first.data, l.delimiter, true)
		line := trimEnd(first.data[:n])
		cells, fault := new(arena).splitCSV(line, l.delimiter, nil)
		if fault != "" || !utf8.Valid(line) {
			return fmt.Errorf("%s: the header in line 1 cannot be read: %s", path, cmpOr(fault, faultUTF8))
		}
		l.header = cells
		first.first += int64(bytes.Count(first.data[:n], []byte{'\n'}))
		first.data = first.data[n:]
		f.source = &after{first, r}
	}
	known := false
	for _, name := range l.header {
		l.fields = append(l.fields, fieldOf(name))
		known = known || fieldOf(name) != unknownField
	}
	if f.rows == nil {
		if !known {
			return fmt.Errorf("%s: no column of the header in line 1 is a field of an event (it begins %s); name the columns event_id, type, event_time and so on, or set ingest.mappings",
				path, sample(strings.Join(l.header, string(l.delimiter))))
		}
		return nil
	}
	for _, name := range f.rows.columns {
		at := -1
		for i, h := range l.header {
			if h == name {
				at = i // of repeated columns the last counts
			}
		}
		if at < 0 && fieldOf(name) == unknownField {
			return fmt.Errorf("%s: a mapping under ingest.mappings names the column %q, which the header lacks", path, name)
		}
		l.columns = append(l.columns, at)
	}
	return nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// after is a source that begins with a chunk that was read already.
type after struct {
	first *chunk
	then  source
}

func (a *after) next() (*chunk, error) {
	if c := a.first; c != nil {
		a.first = nil
		return c, nil
	}
	return a.then.next()
}

// cutCSV finds the last end of a record in data.
func cutCSV(data []byte, delimiter byte, end bool) int {
	if bytes.IndexByte(data, '"') < 0 {
		return cutLines(data, end)
	}
	cut := 0
	for cut < len(data) {
		n := csvEnd(data[cut:], delimiter, end)
		if n == 0 {
			break
		}
		cut += n
	}
	return cut
}

// csvEnd is where the first record of data ends, its line end included; 0 when
// it has none.
func csvEnd(data []byte, delimiter byte, end bool) int {
	line := bytes.IndexByte(data, '\n')
	if line >= 0 && bytes.IndexByte(data[:line], '"') < 0 {
		return line + 1
	}
	i := 0
	for {
		// Here a cell begins at i. Only a quote that begins one quotes it.
		if i < len(data) && data[i] == '"' {
			for i++; ; {
				n := bytes.IndexByte(data[i:], '"')
				if n < 0 {
					return 0
				}
				if i += n + 1; i >= len(data) || data[i] != '"' {
					break
				}
				i++
			}
			if i >= len(data) && !end {
				return 0 // what follows may double the quote
			}
		}
		n := bytes.IndexByte(data[i:], '\n')
		stop := data[i:]
		if n >= 0 {
			stop = data[i : i+n]
		}
		if d := bytes.IndexByte(stop, delimiter); d >= 0 {
			i += d + 1
			continue
		}
		if n >= 0 {
			return i + n + 1
		}
		if end {
			return len(data)
		}
		return 0
	}
}

// trimEnd takes a record's line end off.
func trimEnd(rec []byte) []byte {
	if n := len(rec); n > 0 && rec[n-1] == '\n' {
		return trimCR(rec[:n-1])
	}
	return rec
}

func (w *worker) decodeCSV(c *chunk) {
	n := c.first
	for rest := c.data; len(rest) > 0; {
		size := csvEnd(rest, w.csv.delimiter, true)
		if size == 0 {
			size = len(rest) // cannot be: the reader cut at whole records
		}
		rec := trimEnd(rest[:size])
		if blanks(rec, 0) < len(rec) {
			c.records = w.decodeRow(rec[:len(rec):len(rec)], event.Position{Prefix: w.prefix, N: n}, c.records)
		}
		n += int64(bytes.Count(rest[:size], []byte{'\n'}))
		rest = rest[size:]
	}
}

func (w *worker) decodeRow(rec []byte, pos event.Position, out []event.Record) []event.Record {
	if len(rec) > MaxRecord {
		return append(out, tooLarge(rec, int64(len(rec)), pos))
	}
	var what string
	w.cell, what = w.dec.arena.splitCSV(rec, w.csv.delimiter, w.cell[:0])
	switch {
	case !utf8.Valid(rec):
		what = faultUTF8 + " at byte " + strconv.Itoa(firstInvalid(rec)+1)
	case what == "" && len(w.cell) != len(w.csv.header):
		what = "the row has " + strconv.Itoa(len(w.cell)) + " cells, the header " + strconv.Itoa(len(w.csv.header))
	}
	if what != "" {
		return append(out, event.Record{Dead: &event.DeadLetter{
			Pos: pos, Code: event.Malformed, Raw: rec,
			Message: "not CSV: " + what + "; quote cells that hold delimiters, quotes or line ends, and write a quote inside as two",
		}})
	}
	d := w.dec
	if w.rows != nil {
		w.cols = w.cols[:0]
		for _, i := range w.csv.columns {
			v := value{kind: kString}
			if i >= 0 {
				v.s = w.cell[i]
			}
			w.cols = append(w.cols, v)
		}
		return d.mapRow(w.rows, w.cols, rec, w.implied, w.opt.Clock, pos, out)
	}
	d.have, d.cells = 0, true
	for i, f := range w.csv.fields {
		if f == unknownField {
			continue
		}
		k := kString
		if w.cell[i] == "" {
			k = kNull
		}
		d.set(f, k, w.cell[i])
	}
	out = oneMore(out)
	d.finish(rec, w.implied, w.opt.Clock, pos, &out[len(out)-1])
	return out
}

// splitCSV appends the cells of a record without its line end. Cells alias rec
// but for those with doubled quotes.
func (a *arena) splitCSV(rec []byte, delimiter byte, cells []string) ([]string, string) {
	i := 0
	for {
		if i >= len(rec) || rec[i] != '"' {
			n := bytes.IndexByte(rec[i:], delimiter)
			if n < 0 {
				return append(cells, text(rec[i:])), ""
			}
			cells = append(cells, text(rec[i:i+n]))
			i += n + 1
			continue
		}
		i++
		start, doubled := i, 0
		for {
			n := bytes.IndexByte(rec[i:], '"')
			if n < 0 {
				return cells, "a quoted cell has no closing quote"
			}
			if i += n + 1; i >= len(rec) || rec[i] != '"' {
				break
			}
			i++
			doubled++
		}
		cell := rec[start : i-1]
		if doubled > 0 {
			b := a.take(len(cell) - doubled)[:0]
			for j := 0; j < len(cell); j++ {
				b = append(b, cell[j])
				if cell[j] == '"' {
					j++
				}
			}
			cell = b
		}
		cells = append(cells, text(cell))
		if i == len(rec) {
			return cells, ""
		}
		if rec[i] != delimiter {
			return cells, "something stands between a closing quote and the delimiter, at byte " + strconv.Itoa(i+1)
		}
		i++
	}
}
