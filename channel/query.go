package channel

import (
	"strings"
	"unicode/utf8"
)

// param is a parameter of an address: the first of its name counts, also when
// it is empty.
type param struct {
	text string
	seen bool
}

func (p *param) set(raw string) {
	if !p.seen {
		p.text, p.seen = unescape(raw), true
	}
}

// page is what the query of a page's address says.
type page struct {
	source, medium, campaign, id param
	clicks                       [len(clickIDs)]param
}

// parsePage reads the query part of an address: what stands between the first
// '?' and the first '#'. Names are case-sensitive; there is no error, since
// what cannot be read is no parameter.
func parsePage(address string) (p page) {
	if n := strings.IndexByte(address, '#'); n >= 0 {
		address = address[:n]
	}
	n := strings.IndexByte(address, '?')
	if n < 0 {
		return p
	}
	for rest := address[n+1:]; rest != ""; {
		pair := rest
		if n := strings.IndexByte(rest, '&'); n >= 0 {
			pair, rest = rest[:n], rest[n+1:]
		} else {
			rest = ""
		}
		name, value, _ := strings.Cut(pair, "=")
		if strings.IndexByte(name, '%') >= 0 {
			name = unescape(name)
		}
		p.take(name, value)
	}
	return p
}

func (p *page) take(name, value string) {
	if strings.HasPrefix(name, "utm_") {
		switch name[len("utm_"):] {
		case "source":
			p.source.set(value)
		case "medium":
			p.medium.set(value)
		case "campaign":
			p.campaign.set(value)
		case "id":
			p.id.set(value)
		}
		return
	}
	if len(name) < len("gclid") || len(name) > len("li_fat_id") {
		return
	}
	for i := range clickIDs {
		if clickIDs[i].name == name {
			p.clicks[i].set(value)
		}
	}
}

// unescape takes the percent escapes out of a parameter. A plus is a blank, a
// broken escape stays as it is, and bytes that are no UTF-8 become U+FFFD, one
// for each maximal part of a character, as browsers do.
func unescape(s string) string {
	i := 0
	for i < len(s) && s[i] != '%' && s[i] != '+' {
		i++
	}
	if i == len(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i = 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s) && hex(s[i+1]) >= 0 && hex(s[i+2]) >= 0:
			b = append(b, byte(hex(s[i+1])<<4|hex(s[i+2])))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	if !utf8.Valid(b) {
		b = replaceInvalid(b)
	}
	return string(b)
}

func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func replaceInvalid(b []byte) []byte {
	out := make([]byte, 0, len(b)+8)
	for i := 0; i < len(b); {
		if r, n := utf8.DecodeRune(b[i:]); r != utf8.RuneError || n > 1 {
			out = append(out, b[i:i+n]...)
			i += n
			continue
		}
		out = append(out, "\uFFFD"...)
		i += maximalPart(b[i:])
	}
	return out
}

// maximalPart is the length of the longest start of b that begins a character
// of UTF-8, at least 1 (Unicode, table 3-7).
func maximalPart(b []byte) int {
	lo, hi, need := byte(0x80), byte(0xbf), 0
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		need = 1
	case c >= 0xe0 && c <= 0xef:
		need = 2
		if c == 0xe0 {
			lo = 0xa0
		} else if c == 0xed {
			hi = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		need = 3
		if c == 0xf0 {
			lo = 0x90
		} else if c == 0xf4 {
			hi = 0x8f
		}
	}
	n := 1
	for n < len(b) && n <= need && b[n] >= lo && b[n] <= hi {
		lo, hi = 0x80, 0xbf
		n++
	}
	return n
}
