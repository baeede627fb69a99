package web

import (
	"bytes"
	"errors"
	"fmt"
)

// maxRecords bounds the records of one request.
const maxRecords = 10_000

var errTooMany = errors.New("too many records")

// scanner walks over JSON texts without reading them: it finds where a value
// ends, exactly, and knows as much of the grammar as that takes. What is inside
// is for the decoder to judge: a record that is no good must not spoil others.
type scanner struct {
	b  []byte
	at int
}

func (s *scanner) blanks() {
	for s.at < len(s.b) && (s.b[s.at] == ' ' || s.b[s.at] == '\t' || s.b[s.at] == '\n' || s.b[s.at] == '\r') {
		s.at++
	}
}

func (s *scanner) fail(what string) error { return fmt.Errorf("byte %d: %s", s.at, what) }

// value moves behind one value. Nesting costs no call stack; brackets are
// matched, and commas and colons inside are left to the decoder.
func (s *scanner) value() error {
	var open []byte
	for {
		s.blanks()
		if s.at == len(s.b) {
			return s.fail("the body ends inside a value")
		}
		switch c := s.b[s.at]; c {
		case '{', '[':
			open = append(open, c+2) // ASCII: the closing bracket is two further
			s.at++
		case '}', ']':
			if len(open) == 0 || open[len(open)-1] != c {
				return s.fail("a bracket that nothing opened: " + string(rune(c)))
			}
			open = open[:len(open)-1]
			s.at++
		case '"':
			if err := s.text(); err != nil {
				return err
			}
		case ',', ':':
			if len(open) == 0 {
				return s.fail("no value before " + string(rune(c)))
			}
			s.at++
		default:
			if !s.word() {
				return s.fail(fmt.Sprintf("no JSON value begins with %q", c))
			}
		}
		if len(open) == 0 {
			return nil
		}
	}
}

// text moves behind a string.
func (s *scanner) text() error {
	for s.at++; s.at < len(s.b); s.at++ {
		switch s.b[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return nil
		}
	}
	s.at = len(s.b)
	return s.fail("the body ends inside a string")
}

// word moves behind a number or a literal.
func (s *scanner) word() bool {
	from := s.at
	for s.at < len(s.b) {
		c := s.b[s.at]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '+' || c == '-' || c == '.' || c == '_' {
			s.at++
			continue
		}
		break
	}
	return s.at > from
}

// splitValue cuts a body that is one object or one array into records: the
// exact bytes of each.
func splitValue(b []byte) ([][]byte, error) {
	s := &scanner{b: b}
	s.blanks()
	if s.at == len(b) {
		return nil, errors.New("the body is empty")
	}
	if b[s.at] != '[' {
		if b[s.at] != '{' {
			return nil, s.fail("the body is neither an object nor an array")
		}
		from := s.at
		if err := s.value(); err != nil {
			return nil, err
		}
		record := b[from:s.at]
		return [][]byte{record}, s.end()
	}
	s.at++
	records := [][]byte{}
	s.blanks()
	if s.at < len(b) && b[s.at] == ']' {
		s.at++
		return records, s.end()
	}
	for {
		s.blanks()
		from := s.at
		if err := s.value(); err != nil {
			return nil, err
		}
		if len(records) == maxRecords {
			return nil, errTooMany
		}
		records = append(records, b[from:s.at:s.at])
		s.blanks()
		switch {
		case s.at == len(b):
			return nil, s.fail("the body ends inside the array")
		case b[s.at] == ',':
			s.at++
		case b[s.at] == ']':
			s.at++
			return records, s.end()
		default:
			return nil, s.fail("a comma or ] must follow an element")
		}
	}
}

func (s *scanner) end() error {
	s.blanks()
	if s.at < len(s.b) {
		return s.fail("something follows the end; send NDJSON as application/x-ndjson")
	}
	return nil
}

// splitLines cuts NDJSON into its lines; blank ones are no records.
func splitLines(b []byte) ([][]byte, error) {
	var records [][]byte
	for line := range bytes.SplitSeq(b, []byte{'\n'}) {
		line = bytes.Trim(line, " \t\r")
		if len(line) == 0 {
			continue
		}
		if len(records) == maxRecords {
			return nil, errTooMany
		}
		records = append(records, line[:len(line):len(line)])
	}
	if len(records) == 0 {
		return nil, errors.New("the body is empty")
	}
	return records, nil
}

// sniff splits a body whose kind was not said: an array, one object, or lines.
func sniff(b []byte) ([][]byte, error) {
	switch t := bytes.TrimLeft(b, " \t\r\n"); {
	case len(t) > 0 && t[0] == '[':
		return splitValue(b)
	case len(t) > 0 && t[0] != '{':
		return nil, errors.New("the body is neither an object, nor an array of objects, nor one object a line")
	}
	if records, err := splitValue(b); err == nil {
		return records, nil
	}
	return splitLines(b)
}
