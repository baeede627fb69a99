package files

import (
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// ndjson writes one JSON object per line, keys in the order of the columns.
type ndjson struct {
	textFile
	keys [][]byte // `{"minute":`, `,"campaign_id":`, ...
}

func newNDJSON(w io.Writer, t *table.Table) *ndjson {
	f := &ndjson{textFile: textFile{w: w, t: t, buf: make([]byte, 0, bufferSize+4096)}}
	lead := byte('{')
	for _, c := range t.Columns {
		key := appendJSON([]byte{lead}, c.Name)
		f.keys = append(f.keys, append(key, ':'))
		lead = ','
	}
	return f
}

// Write implements Writer; it allocates nothing but for a row that is larger
// than all before it.
func (f *ndjson) Write(row table.Row) error {
	if err := f.ready(row); err != nil {
		return err
	}
	b := f.buf
	for i := range row {
		b = append(b, f.keys[i]...)
		switch f.t.Columns[i].Type {
		case table.Text:
			b = appendJSON(b, row[i].Text)
		case table.Int:
			b = strconv.AppendInt(b, row[i].Int, 10)
		case table.Time:
			b = append(b, '"')
			b = f.day.append(b, event.Millis(row[i].Int))
			b = append(b, '"')
		case table.List:
			b = append(b, '[')
			for n, s := range row[i].List {
				if n > 0 {
					b = append(b, ',')
				}
				b = appendJSON(b, s)
			}
			b = append(b, ']')
		}
	}
	f.buf = append(b, '}', '\n')
	return f.wrote()
}

const hexDigits = "0123456789abcdef"

// plain marks the bytes that stand for themselves in a JSON string.
var plain = func() (p [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		p[c] = c != '"' && c != '\\'
	}
	return p
}()

// appendJSON appends s as a JSON string that escapes only what JSON demands;
// bytes that are not UTF-8 become U+FFFD, so that every line can be read.
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(b, s[start:i]...)
				b = append(b, "\uFFFD"...)
				start = i + size
			}
			i += size
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
