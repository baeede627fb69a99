package web

import (
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
)

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("no timezone data: %v", err)
	}
	return loc
}

func TestDays(t *testing.T) {
	for _, c := range []struct {
		zone, from, to string
		starts         []string // and the end of the last
	}{
		// the clock goes forward: 23 hours
		{"Europe/Berlin", "2025-03-30T00:00:00+01:00", "2025-03-31T00:00:00+02:00", []string{"2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z"}},
		// and back: 25 hours
		{"Europe/Berlin", "2025-10-26T10:00:00Z", "2025-10-27T10:00:00Z", []string{"2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z", "2025-10-27T23:00:00Z"}},
		// midnight does not exist on 5 September 2021 in Santiago: the day begins at 01:00
		{"America/Santiago", "2021-09-04T12:00:00Z", "2021-09-05T12:00:00Z", []string{"2021-09-04T04:00:00Z", "2021-09-05T04:00:00Z", "2021-09-06T03:00:00Z"}},
		// midnight came twice on 7 November 2010 in Havana's neighbourhood: at 01:00 back to 00:00
		{"America/Havana", "2021-11-06T12:00:00Z", "2021-11-07T12:00:00Z", []string{"2021-11-06T04:00:00Z", "2021-11-07T04:00:00Z", "2021-11-08T05:00:00Z"}},
		// Samoa had no 30 December 2011
		{"Pacific/Apia", "2011-12-29T12:00:00-10:00", "2011-12-31T12:00:00+14:00", []string{"2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"}},
		{"Asia/Kathmandu", "2025-01-01T00:00:00+05:45", "2025-01-02T00:00:00+05:45", []string{"2024-12-31T18:15:00Z", "2025-01-01T18:15:00Z"}},
	} {
		loc := zoneOf(t, c.zone)
		b, err := bucketsOf(ms(c.from), ms(c.to), "day", loc)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.edges) != len(c.starts) {
			t.Errorf("%s: edges %v, want %v", c.zone, b.edges, c.starts)
			continue
		}
		for i, s := range c.starts {
			if b.edges[i] != ms(s) {
				t.Errorf("%s: edge %d is %s, want %s", c.zone, i, b.edges[i], s)
			}
		}
	}
}

// Edges rise, cover the range, and hold each minute in exactly one bucket, also
// over every change of the clock.
func TestBucketsCover(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Kolkata", "America/St_Johns"} {
		loc := zoneOf(t, name)
		for from := ms("2024-01-01T00:00:00Z"); from < ms("2025-01-01T00:00:00Z"); from += 11*event.Day + 7*event.Minute {
			for _, interval := range []string{"hour", "day"} {
				to := from + 30*event.Hour
				b, err := bucketsOf(from, to, interval, loc)
				if err != nil {
					t.Fatal(err)
				}
				if b.edges[0] > from || b.edges[len(b.edges)-1] < to {
					t.Fatalf("%s %s: %v does not cover %s to %s", name, interval, b.edges, from, to)
				}
				for i := 1; i < len(b.edges); i++ {
					if b.edges[i] <= b.edges[i-1] {
						t.Fatalf("%s %s: edges do not rise: %v", name, interval, b.edges)
					}
				}
				for at := from; at < to; at += 13 * event.Minute {
					i := b.find(at)
					if i < 0 || i >= b.len() || at < b.edges[i] || at >= b.edges[i+1] {
						t.Fatalf("%s %s: %s is in bucket %d of %v", name, interval, at, i, b.edges)
					}
				}
			}
		}
	}
}

func TestHoursOfLordHowe(t *testing.T) {
	// On 7 April 2024 the clock went back half an hour, from 02:00 to 01:30.
	loc := zoneOf(t, "Australia/Lord_Howe")
	b, err := bucketsOf(ms("2024-04-07T00:30:00+11:00"), ms("2024-04-07T03:00:00+10:30"), "hour", loc)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"2024-04-06T13:00:00Z", "2024-04-06T14:00:00Z", "2024-04-06T15:00:00Z", "2024-04-06T15:30:00Z", "2024-04-06T16:30:00Z"}
	if len(b.edges) != len(want) {
		t.Fatalf("edges %v", b.edges)
	}
	for i := range want {
		if b.edges[i] != ms(want[i]) {
			t.Errorf("edge %d is %s, want %s", i, b.edges[i], want[i])
		}
	}
}

func TestTimes(t *testing.T) {
	now := ms(noon)
	for s, want := range map[string]string{
		"now": noon, "-1h": "2025-03-10T11:00:00Z", "-7d": "2025-03-03T12:00:00Z", "-90s": "2025-03-10T11:58:30Z", "-1h30m": "2025-03-10T10:30:00Z",
		"2025-03-10T12:00:00.123456Z": "2025-03-10T12:00:00.123Z", "2025-03-10T14:00:00+02:00": noon, "2025-03-10T14:00:00 02:00": noon, "2025-03-10t12:00:00z": noon,
	} {
		got, err := parseTime("from", s, now)
		if err != nil || got != ms(want) {
			t.Errorf("%s is %s, %v; want %s", s, got, err, want)
		}
	}
	for _, s := range []string{"", "1h", "-", "-1w", "--1h", "2025-03-10", "2025-03-10T12:00:00", "yesterday", "1741608000000", "1969-12-31T23:59:59Z", "-999999999d"} {
		if got, err := parseTime("from", s, now); err == nil {
			t.Errorf("%q was read as %s", s, got)
		}
	}
}
