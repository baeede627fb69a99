package event

import (
	"math"
	"time"
)

// Millis is a time: milliseconds since the Unix epoch, UTC.
type Millis int64

// NoTime is an absent time; it is before every other.
const NoTime Millis = math.MinInt64

// EndOfTime is the watermark when every input is finished.
const EndOfTime Millis = math.MaxInt64

// Spans in milliseconds.
const (
	Second Millis = 1000
	Minute        = 60 * Second
	Hour          = 60 * Minute
	Day           = 24 * Hour
)

// MillisOf cuts a duration to milliseconds.
func MillisOf(d time.Duration) Millis { return Millis(d / time.Millisecond) }

// Floor is the start of the window of the given width that holds t; windows
// are aligned to the epoch.
func (t Millis) Floor(width Millis) Millis {
	r := t % width
	if r < 0 {
		r += width
	}
	return t - r
}

// Time is t as a time.Time in UTC.
func (t Millis) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// String is RFC 3339 in UTC with three decimals, empty when absent.
func (t Millis) String() string {
	if t == NoTime {
		return ""
	}
	return string(t.Append(nil))
}

// Append appends what String returns.
func (t Millis) Append(b []byte) []byte {
	if t == NoTime {
		return b
	}
	return t.Time().AppendFormat(b, "2006-01-02T15:04:05.000Z")
}

// Add is t+d, held within the representable range.
func (t Millis) Add(d Millis) Millis {
	s := t + d
	if d > 0 && s < t {
		return math.MaxInt64
	}
	if d < 0 && s > t {
		return math.MinInt64
	}
	return s
}

// Micros is an amount of money: a millionth of a currency unit.
type Micros int64

// Unit is one unit of a currency.
const Unit Micros = 1_000_000

// MaxAmount is the greatest amount of one event.
const MaxAmount = 1_000_000_000 * Unit

// String is the amount as a plain decimal, such as "12.34".
func (m Micros) String() string { return string(m.Append(nil)) }

// Append appends what String returns: at least two fraction digits, at most six.
func (m Micros) Append(b []byte) []byte {
	u := uint64(m)
	if m < 0 {
		b = append(b, '-')
		u = -u
	}
	b = append(b, itoa(int64(u/1e6))...)
	b = append(b, '.')
	frac := u % 1e6
	for digits, div := 0, uint64(1e5); digits < 6 && (digits < 2 || frac > 0); digits, div = digits+1, div/10 {
		b = append(b, byte('0'+frac/div))
		frac %= div
	}
	return b
}
