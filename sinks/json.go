package sinks

import (
	"strconv"
	"unicode/utf8"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// AppendJSON appends the first n columns of a row as the members of a JSON
// object, without its braces, as the NDJSON files of a replay have them: times
// in RFC 3339 with three decimals, counts and micros as whole numbers, what is
// absent as an empty string.
func AppendJSON(b []byte, t *table.Table, row table.Row, n int) []byte {
	for i, c := range t.Columns[:n] {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendJSONText(b, c.Name), ':')
		b = AppendJSONValue(b, c.Type, row[i])
	}
	return b
}

// AppendJSONValue appends one cell.
func AppendJSONValue(b []byte, typ table.Type, v table.Value) []byte {
	switch typ {
	case table.Text:
		return AppendJSONText(b, v.Text)
	case table.Int:
		return strconv.AppendInt(b, v.Int, 10)
	case table.Time:
		b = append(b, '"')
		if at := event.Millis(v.Int); at != event.NoTime {
			b = at.Append(b)
		}
		return append(b, '"')
	}
	b = append(b, '[')
	for i, s := range v.List {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendJSONText(b, s)
	}
	return append(b, ']')
}

// AppendJSONText appends s as a JSON string that escapes only what JSON
// demands; bytes that are not UTF-8 become U+FFFD.
func AppendJSONText(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += size
			continue
		case c == '"', c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
		i++
	}
	return append(b, '"')
}
