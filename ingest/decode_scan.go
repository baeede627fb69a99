package ingest

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// maxDepth is how deep a record may nest; the record itself is level 1.
const maxDepth = 64

// fault is why a record is not JSON; what is empty when it is.
type fault struct {
	what string
	at   int
}

func (f fault) message(raw []byte) string {
	if f.at >= len(raw) && f.what != faultUTF8 {
		return "not JSON: " + f.what + ", but the record ends at byte " + strconv.Itoa(len(raw)) + "; send one whole JSON object per record"
	}
	return "not JSON: " + f.what + " at byte " + strconv.Itoa(f.at+1) + "; send one JSON object per record"
}

const (
	faultUTF8      = "invalid UTF-8"
	faultObject    = "expected an object that begins with {"
	faultKey       = "expected a field name in double quotes"
	faultColon     = "expected a colon after the field name"
	faultComma     = "expected a comma or the closing bracket"
	faultValue     = "expected a value"
	faultNumber    = "a malformed number"
	faultString    = "expected the closing quote of a string"
	faultControl   = "an unescaped control character in a string"
	faultEscape    = "a malformed escape in a string"
	faultSurrogate = "half of a surrogate pair"
	faultDepth     = "nesting deeper than 64 levels"
	faultAfter     = "something after the object"
)

// scan reads a record into the slots. It is strict: what RFC 8259 does not
// allow is a fault, whether in a known field or not.
func (d *Decoder) scan(b []byte) fault {
	d.have = 0
	if !utf8.Valid(b) {
		return fault{faultUTF8, firstInvalid(b)}
	}
	i := blanks(b, 0)
	if i >= len(b) || b[i] != '{' {
		return fault{faultObject, i}
	}
	if i = blanks(b, i+1); i < len(b) && b[i] == '}' {
		return atEnd(b, i+1)
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return fault{faultKey, i}
		}
		end, escaped := scanString(b, i+1)
		if end < 0 {
			return stringFault(b, i+1)
		}
		name := text(b[i+1 : end])
		if escaped {
			name = d.unescape(name)
		}
		if i = end + 1; i < len(b) && b[i] != ':' {
			i = blanks(b, i)
		}
		if i >= len(b) || b[i] != ':' {
			return fault{faultColon, i}
		}
		if i++; i < len(b) && b[i] <= ' ' {
			i = blanks(b, i)
		}
		var next int
		var k kind
		start := i
		if i < len(b) && b[i] == '"' {
			// Most values are strings.
			if end, escaped = scanString(b, i+1); end < 0 {
				return stringFault(b, i+1)
			}
			start, next, k = i+1, end+1, kString
			if escaped {
				k = kEscaped
			}
		} else {
			var f fault
			if next, k, f = scanValue(b, i); f.what != "" {
				return f
			}
			end = next
		}
		if f := fieldOf(name); f != unknownField {
			d.set(f, k, text(b[start:end]))
		}
		if i = next; i < len(b) && b[i] <= ' ' {
			i = blanks(b, i)
		}
		switch {
		case i < len(b) && b[i] == ',':
			if i++; i < len(b) && b[i] <= ' ' {
				i = blanks(b, i)
			}
		case i < len(b) && b[i] == '}':
			return atEnd(b, i+1)
		default:
			return fault{faultComma, i}
		}
	}
}

func atEnd(b []byte, i int) fault {
	if i = blanks(b, i); i < len(b) {
		return fault{faultAfter, i}
	}
	return fault{}
}

func firstInvalid(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}

// blanks skips JSON white space.
func blanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// scanString finds the quote that closes the string whose text begins at i,
// eight bytes at a time: a byte of m is marked where the text has a quote, a
// backslash or a control character. Marks above the lowest one may be false.
// End is negative when the string is broken; stringFault says why.
func scanString(b []byte, i int) (end int, escaped bool) {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i : i+8])
		q, s := w^('"'*ones), w^('\\'*ones)
		m := ((q-ones)&^q | (s-ones)&^s | (w-' '*ones)&^w) & highs
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		switch b[i] {
		case '"':
			return i, false
		case '\\':
			end, _ = scanEscaped(b, i)
			return end, true
		}
		return -1, false
	}
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i, false
		case c == '\\':
			end, _ = scanEscaped(b, i)
			return end, true
		case c < ' ':
			return -1, false
		}
	}
	return -1, false
}

// stringFault says what is wrong with the string whose text begins at i.
func stringFault(b []byte, i int) fault {
	_, f := scanEscaped(b, i)
	return f
}

// scanEscaped is scanString byte by byte.
func scanEscaped(b []byte, i int) (end int, f fault) {
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			return i, fault{}
		case c < ' ':
			return -1, fault{faultControl, i}
		case c != '\\':
			i++
		case i+1 >= len(b):
			return -1, fault{faultString, len(b)}
		case b[i+1] == 'u':
			u, ok := hex4(b, i+2)
			if !ok {
				return -1, fault{faultEscape, i}
			}
			if u >= 0xd800 && u < 0xe000 {
				low, ok := uint32(0), false
				if i+8 <= len(b) && b[i+6] == '\\' && b[i+7] == 'u' {
					low, ok = hex4(b, i+8)
				}
				if u >= 0xdc00 || !ok || low < 0xdc00 || low >= 0xe000 {
					return -1, fault{faultSurrogate, i}
				}
				i += 6
			}
			i += 6
		default:
			if plainEscapes[b[i+1]] == 0 {
				return -1, fault{faultEscape, i}
			}
			i += 2
		}
	}
	return -1, fault{faultString, i}
}

// plainEscapes gives what follows a backslash its meaning.
var plainEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func hex4(b []byte, i int) (u uint32, ok bool) {
	if i+4 > len(b) {
		return 0, false
	}
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			u = u<<4 | uint32(c-'0')
		case c >= 'a' && c <= 'f':
			u = u<<4 | uint32(c-'a'+10)
		case c >= 'A' && c <= 'F':
			u = u<<4 | uint32(c-'A'+10)
		default:
			return 0, false
		}
	}
	return u, true
}

// unescape gives the text of a string that scanString accepted. It is never
// longer than its escapes.
func (d *Decoder) unescape(s string) string {
	src := view(s)
	b := d.arena.take(len(src))[:0]
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case c != '\\':
			b = append(b, c)
			i++
		case src[i+1] == 'u':
			u, _ := hex4(src, i+2)
			i += 6
			if u >= 0xd800 && u < 0xe000 {
				low, _ := hex4(src, i+2)
				u = 0x10000 + (u-0xd800)<<10 + (low - 0xdc00)
				i += 6
			}
			b = utf8.AppendRune(b, rune(u))
		default:
			b = append(b, plainEscapes[src[i+1]])
			i += 2
		}
	}
	return text(b)
}

// scanValue reads any value and gives where it ends.
func scanValue(b []byte, i int) (end int, k kind, f fault) {
	if i >= len(b) {
		return i, 0, fault{faultValue, i}
	}
	switch c := b[i]; {
	case c == '-' || c >= '0' && c <= '9':
		return scanNumber(b, i)
	case c == '{' || c == '[':
		return skipNested(b, i)
	case c == '"':
		end, escaped := scanString(b, i+1)
		if end < 0 {
			return i, 0, stringFault(b, i+1)
		}
		if k = kString; escaped {
			k = kEscaped
		}
		return end + 1, k, fault{}
	case c == 't' && word(b, i, "true"):
		return i + 4, kBool, fault{}
	case c == 'f' && word(b, i, "false"):
		return i + 5, kBool, fault{}
	case c == 'n' && word(b, i, "null"):
		return i + 4, kNull, fault{}
	}
	return i, 0, fault{faultValue, i}
}

func word(b []byte, i int, w string) bool { return len(b)-i >= len(w) && string(b[i:i+len(w)]) == w }

// scanNumber reads -?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?
func scanNumber(b []byte, i int) (end int, k kind, f fault) {
	start := i
	if b[i] == '-' {
		i++
	}
	n := digits(b, i)
	if n == i || b[i] == '0' && n > i+1 {
		return i, 0, fault{faultNumber, start}
	}
	i, k = n, kInt
	if i < len(b) && b[i] == '.' {
		if n = digits(b, i+1); n == i+1 {
			return i, 0, fault{faultNumber, start}
		}
		i, k = n, kNumber
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if n = digits(b, i); n == i {
			return i, 0, fault{faultNumber, start}
		}
		i, k = n, kNumber
	}
	return i, k, fault{}
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

// skipNested reads an object or array that is a field's value, so level 2. It
// keeps one bit per level: whether that level is an object.
func skipNested(b []byte, i int) (end int, k kind, f fault) {
	if k = kArray; b[i] == '{' {
		k = kObject
	}
	var objects uint64
	depth := 1
	for {
		// Here a value begins at i, inside depth levels.
		if i >= len(b) {
			return i, 0, fault{faultValue, i}
		}
		if c := b[i]; c == '{' || c == '[' {
			if depth++; depth > maxDepth {
				return i, 0, fault{faultDepth, i}
			}
			objects <<= 1
			if c == '{' {
				objects |= 1
			}
			i = blanks(b, i+1)
			if i >= len(b) {
				return i, 0, fault{faultComma, i}
			}
			if b[i] != c+2 { // the closing bracket of either kind
				if c == '{' {
					if i, f = scanKey(b, i); f.what != "" {
						return i, 0, f
					}
				}
				continue
			}
			i++
			depth--
			objects >>= 1
		} else {
			if i, _, f = scanValue(b, i); f.what != "" {
				return i, 0, f
			}
		}
		// Here a value has ended at i.
		for {
			if depth == 1 {
				return i, k, fault{}
			}
			i = blanks(b, i)
			if i >= len(b) {
				return i, 0, fault{faultComma, i}
			}
			object := objects&1 == 1
			if b[i] == ',' {
				i = blanks(b, i+1)
				if object {
					if i, f = scanKey(b, i); f.what != "" {
						return i, 0, f
					}
				}
				break
			}
			if object && b[i] != '}' || !object && b[i] != ']' {
				return i, 0, fault{faultComma, i}
			}
			i++
			depth--
			objects >>= 1
		}
	}
}

// scanKey reads a field name and its colon, to where the value begins.
func scanKey(b []byte, i int) (int, fault) {
	if i >= len(b) || b[i] != '"' {
		return i, fault{faultKey, i}
	}
	end, _ := scanString(b, i+1)
	if end < 0 {
		return i, stringFault(b, i+1)
	}
	if i = blanks(b, end+1); i >= len(b) || b[i] != ':' {
		return i, fault{faultColon, i}
	}
	return blanks(b, i+1), fault{}
}
