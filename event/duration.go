package event

import (
	"fmt"
	"strconv"
	"strings"
)

// Duration is a span of event time in milliseconds, as configuration says it:
// "300ms", "30s", "1h", "30d", or a sum such as "1h30m".
type Duration int64

// Millis is the span as a number to add to a time.
func (d Duration) Millis() Millis { return Millis(d) }

var durationUnits = []struct {
	name string
	ms   int64
}{{"ms", 1}, {"s", 1000}, {"m", 60_000}, {"h", 3_600_000}, {"d", 86_400_000}}

// ParseDuration reads a duration: whole numbers with the units ms, s, m, h, d.
func ParseDuration(s string) (Duration, error) {
	fail := func() (Duration, error) {
		return 0, fmt.Errorf("%q is not a duration; write it as 300ms, 30s, 15m, 1h or 30d", s)
	}
	if s == "0" {
		return 0, nil
	}
	rest, total := s, int64(0)
	for rest != "" {
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		u := n
		for u < len(rest) && rest[u] >= 'a' && rest[u] <= 'z' {
			u++
		}
		v, err := strconv.ParseInt(rest[:n], 10, 64)
		if err != nil {
			return fail()
		}
		unit := int64(0)
		for _, x := range durationUnits {
			if x.name == rest[n:u] {
				unit = x.ms
			}
		}
		if unit == 0 || v > (1<<53)/unit || total+v*unit > 1<<53 {
			return fail()
		}
		total += v * unit
		rest = rest[u:]
	}
	if s == "" {
		return fail()
	}
	return Duration(total), nil
}

// UnmarshalText makes a Duration readable by configuration and flag packages.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := ParseDuration(string(b))
	if err == nil {
		*d = v
	}
	return err
}

// MarshalText writes the duration as ParseDuration reads it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String is the shortest spelling in the units above.
func (d Duration) String() string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	rest := int64(d)
	for i := len(durationUnits) - 1; i >= 0; i-- {
		u := durationUnits[i]
		if n := rest / u.ms; n > 0 {
			b.WriteString(strconv.FormatInt(n, 10))
			b.WriteString(u.name)
			rest -= n * u.ms
		}
	}
	return b.String()
}
