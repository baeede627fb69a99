package oracle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// maxDepth is the deepest nesting that is well-formed; the record is level 1.
const maxDepth = 64

// parseObject reads one JSON object; of repeated keys the last counts. What
// encoding/json forgives, invalid UTF-8 and half surrogates, is refused.
func parseObject(raw []byte) (map[string]any, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("not UTF-8")
	}
	if !json.Valid(raw) {
		return nil, errors.New("not JSON")
	}
	if err := checkStrings(raw); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more after the first value")
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a %T, not an object", v)
	}
	return o, nil
}

// checkStrings walks valid JSON for its depth and for escapes of surrogates
// that do not come in pairs, high before low.
func checkStrings(raw []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case !inString && (c == '{' || c == '['):
			if depth++; depth > maxDepth {
				return errors.New("nested deeper than 64")
			}
		case !inString && (c == '}' || c == ']'):
			depth--
		case c == '"':
			inString = !inString
		case inString && c == '\\':
			i++ // what is escaped, a quote or another backslash included
			if raw[i] != 'u' {
				continue
			}
			first := hex4(raw[i+1:])
			i += 4
			if first < 0xd800 || first > 0xdfff {
				continue
			}
			second := -1
			if len(raw) > i+6 && raw[i+1] == '\\' && raw[i+2] == 'u' {
				second = hex4(raw[i+3:])
			}
			if first >= 0xdc00 || second < 0xdc00 || second > 0xdfff {
				return errors.New("half a surrogate pair")
			}
			i += 6
		}
	}
	return nil
}

// hex4 reads the four hex digits of an escape in valid JSON.
func hex4(b []byte) int {
	n, err := strconv.ParseUint(string(b[:4]), 16, 32)
	if err != nil {
		return -1
	}
	return int(n)
}
