package generate

import (
	"strconv"

	"github.com/tributary-data/tributary/event"
)

// stamp writes times as RFC 3339 in UTC with milliseconds, and works out the
// part up to the second only when the second changes.
type stamp struct {
	second int64
	text   [20]byte // "2006-01-02T15:04:05."
}

func newStamp() stamp { return stamp{second: -1 << 62} }

func (s *stamp) append(b []byte, t event.Millis) []byte {
	sec := int64(t.Floor(event.Second) / event.Second)
	if sec != s.second {
		var tmp [32]byte
		copy(s.text[:], (event.Millis(sec) * event.Second).Append(tmp[:0])[:20])
		s.second = sec
	}
	ms := int64(t) - sec*1000
	b = append(b, s.text[:]...)
	return append(b, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// appendHex appends v as n hex digits.
func appendHex(b []byte, v uint64, n int) []byte {
	const digits = "0123456789abcdef"
	for i := n - 1; i >= 0; i-- {
		b = append(b, digits[v>>(4*i)&15])
	}
	return b
}

// appendPadded appends v >= 0 with at least n digits.
func appendPadded(b []byte, v, n int) []byte {
	for p := 10; n > 1; n-- {
		if v < p {
			b = append(b, "000000000000000"[:n-1]...)
			break
		}
		p *= 10
	}
	return strconv.AppendInt(b, int64(v), 10)
}

// appendMoney appends micros as a decimal with six digits, as ad servers do.
func appendMoney(b []byte, micros int64) []byte {
	b = strconv.AppendInt(b, micros/1e6, 10)
	b = append(b, '.')
	return appendPadded(b, int(micros%1e6), 6)
}

// appendIPv4 appends a as dotted decimal.
func appendIPv4(b []byte, a uint32) []byte {
	for shift := 24; ; shift -= 8 {
		b = strconv.AppendUint(b, uint64(a>>shift&255), 10)
		if shift == 0 {
			return b
		}
		b = append(b, '.')
	}
}
