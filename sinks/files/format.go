// Package files writes the logical tables as files: one file per table for
// replay and export, and a directory or bucket partitioned by day as a sink. It
// owns the bytes of those files and touches no state; rows come from its caller.
//
// Invariants:
//  1. The same rows give the same bytes, on every machine.
//  2. A file that bears a final name is complete: files are written under
//     temporary names, synced, and renamed.
//  3. Of a directory that holds anything else, only files that this package
//     names are ever removed.
package files

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// Format is the format of a table file, and its extension.
type Format string

// The formats.
const (
	NDJSON  Format = "ndjson"
	CSV     Format = "csv"
	Parquet Format = "parquet"
)

// Formats lists the formats.
var Formats = []Format{NDJSON, CSV, Parquet}

// ParseFormat reads a format's name.
func ParseFormat(s string) (Format, error) {
	for _, f := range Formats {
		if s == string(f) {
			return f, nil
		}
	}
	return "", fmt.Errorf("unknown format %q: use ndjson, csv or parquet", s)
}

// FileName is the name of the table's file in this format.
func (f Format) FileName(t *table.Table) string { return t.Name + "." + string(f) }

// A Writer writes the rows of one table. It is used by one goroutine.
//
// Write takes a row in the order of the table's columns and keeps nothing of
// it. Rows are written as they come: the caller sorts. Close writes what is
// buffered and the end of the file, but does not close the underlying writer;
// a second Close does nothing. After an error every call returns that error.
type Writer interface {
	Write(row table.Row) error
	Close() error
}

// NewWriter starts a file of the table. An empty table gives a valid file: no
// line in NDJSON, the header in CSV, no rows in Parquet.
func NewWriter(w io.Writer, t *table.Table, f Format) (Writer, error) {
	switch f {
	case NDJSON:
		return newNDJSON(w, t), nil
	case CSV:
		return newCSV(w, t), nil
	case Parquet:
		return newParquet(w, t), nil
	}
	_, err := ParseFormat(string(f))
	return nil, err
}

// bufferSize is how much text is collected before it is handed on: large
// enough that the system call costs nothing per row.
const bufferSize = 128 << 10

// textFile is what the two text formats share: the buffer and the first error.
type textFile struct {
	w    io.Writer
	t    *table.Table
	buf  []byte
	err  error
	done bool
	day  dayCache
}

// wrote ends a row: a full buffer is handed on.
func (f *textFile) wrote() error {
	if len(f.buf) < bufferSize {
		return nil
	}
	return f.flush()
}

func (f *textFile) flush() error {
	if f.err == nil && len(f.buf) > 0 {
		_, f.err = f.w.Write(f.buf)
	}
	f.buf = f.buf[:0]
	return f.err
}

// ready refuses rows after an error, after the end, and of another shape.
func (f *textFile) ready(row table.Row) error {
	switch {
	case f.err != nil:
		return f.err
	case f.done:
		return fmt.Errorf("%s: write after close", f.t.Name)
	case len(row) != len(f.t.Columns):
		return fmt.Errorf("%s: a row has %d cells; want %d", f.t.Name, len(row), len(f.t.Columns))
	}
	return nil
}

// Close implements Writer.
func (f *textFile) Close() error {
	f.done = true
	return f.flush()
}

// dayCache writes times as event.Millis.Append does, but works out the date
// only when it changes: sorted rows mostly share it.
type dayCache struct {
	day   event.Millis
	text  [11]byte // "2006-01-02T"
	valid bool
}

// maxPlainTime is the end of the year 9999, beyond which a year has more digits.
const maxPlainTime event.Millis = 253402300800000

func (c *dayCache) append(b []byte, t event.Millis) []byte {
	if t < 0 || t >= maxPlainTime {
		return t.Append(b)
	}
	day := t / event.Day
	if !c.valid || day != c.day {
		copy(c.text[:], (day * event.Day).Append(make([]byte, 0, 24)))
		c.day, c.valid = day, true
	}
	ms := int(t - day*event.Day)
	h, m, s := ms/3_600_000, ms/60_000%60, ms/1000%60
	ms %= 1000
	b = append(b, c.text[:]...)
	return append(b,
		byte('0'+h/10), byte('0'+h%10), ':', byte('0'+m/10), byte('0'+m%10), ':', byte('0'+s/10), byte('0'+s%10),
		'.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// validText is s with each byte that is not UTF-8 as U+FFFD.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// listSeparator joins lists where a format has none.
const listSeparator = ";"

var listEscaper = strings.NewReplacer(`\`, `\\`, listSeparator, `\`+listSeparator)
