package files

import (
	"io"
	"strconv"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// csvFile writes RFC 4180: a header, CRLF, quotes where a cell needs them.
// CSV knows no lists: their elements are joined by ";", and a ";" or "\"
// within an element has a "\" before it.
type csvFile struct {
	textFile
}

func newCSV(w io.Writer, t *table.Table) *csvFile {
	f := &csvFile{textFile{w: w, t: t, buf: make([]byte, 0, bufferSize+4096)}}
	for i, c := range t.Columns {
		f.separate(i)
		f.text(c.Name)
	}
	f.buf = append(f.buf, "\r\n"...)
	return f
}

// Write implements Writer.
func (f *csvFile) Write(row table.Row) error {
	if err := f.ready(row); err != nil {
		return err
	}
	for i := range row {
		f.separate(i)
		switch f.t.Columns[i].Type {
		case table.Text:
			f.text(row[i].Text)
		case table.Int:
			f.buf = strconv.AppendInt(f.buf, row[i].Int, 10)
		case table.Time:
			f.buf = f.day.append(f.buf, event.Millis(row[i].Int))
		case table.List:
			f.list(row[i].List)
		}
	}
	f.buf = append(f.buf, "\r\n"...)
	return f.wrote()
}

func (f *csvFile) separate(i int) {
	if i > 0 {
		f.buf = append(f.buf, ',')
	}
}

func (f *csvFile) text(s string) {
	s = validText(s)
	if !strings.ContainsAny(s, ",\"\r\n") {
		f.buf = append(f.buf, s...)
		return
	}
	f.buf = append(f.buf, '"')
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			break
		}
		f.buf = append(f.buf, s[:i]...)
		f.buf = append(f.buf, `""`...)
		s = s[i+1:]
	}
	f.buf = append(f.buf, s...)
	f.buf = append(f.buf, '"')
}

func (f *csvFile) list(names []string) {
	switch len(names) {
	case 0:
	case 1:
		f.text(listEscaper.Replace(names[0]))
	default:
		parts := make([]string, len(names))
		for i, s := range names {
			parts[i] = listEscaper.Replace(s)
		}
		f.text(strings.Join(parts, listSeparator))
	}
}
