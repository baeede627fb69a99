package web

import (
	"net/http"
	"sort"
	"strconv"
	"time"

	"github.com/tributary-data/tributary/event"
)

// maxPoints bounds a time series: a day of minutes with room to spare.
const maxPoints = 3000

// buckets are the parts of a time series: bucket i is [edges[i], edges[i+1]).
// The first and the last may reach beyond the range of the query.
type buckets struct {
	edges []event.Millis
}

// bucketsOf cuts the range at the minutes, hours or calendar days of the
// timezone. A day is 23 or 25 hours long where the clock changes.
func bucketsOf(from, to event.Millis, interval string, loc *time.Location) (buckets, error) {
	var b buckets
	var next func(event.Millis) event.Millis
	var at event.Millis
	switch interval {
	case "minute":
		at = from.Floor(event.Minute)
		next = func(t event.Millis) event.Millis { return t + event.Minute }
	case "hour":
		at = from - sinceHour(from, loc)
		next = func(t event.Millis) event.Millis { return t + event.Hour - sinceHour(t, loc) }
	case "day":
		y, m, d := from.Time().In(loc).Date()
		at = dayStart(y, m, d, loc)
		next = func(event.Millis) event.Millis {
			d++
			return dayStart(y, m, d, loc)
		}
	default:
		panic("BUG: interval " + interval)
	}
	for {
		b.edges = append(b.edges, at)
		if at >= to {
			return b, nil
		}
		if len(b.edges) > maxPoints {
			p := newProblem(http.StatusBadRequest, "too_many_points",
				"the range holds more than "+strconv.Itoa(maxPoints)+" points at interval "+interval+"; take a longer interval or a shorter range")
			p.Parameter, p.Accepted = "interval", []string{"minute", "hour", "day"}
			return b, p
		}
		if n := next(at); n > at { // a day that a zone skipped has no bucket
			at = n
		} else {
			b.edges = b.edges[:len(b.edges)-1]
		}
	}
}

// sinceHour is the time since the local clock last showed a full hour, as its
// minutes say.
func sinceHour(t event.Millis, loc *time.Location) event.Millis {
	l := t.Time().In(loc)
	return event.Millis(l.Minute())*event.Minute + event.Millis(l.Second())*event.Second + event.Millis(l.Nanosecond()/1e6)
}

// dayStart is the first instant of a local calendar day. time.Date alone does
// not say which instant it means where midnight is skipped or comes twice.
func dayStart(y int, m time.Month, d int, loc *time.Location) event.Millis {
	guess := time.Date(y, m, d, 0, 0, 0, 0, loc)
	candidates := []time.Time{guess}
	for _, off := range []time.Duration{-26 * time.Hour, 26 * time.Hour} {
		around := guess.Add(off)
		_, seconds := around.Zone()
		candidates = append(candidates, time.Date(y, m, d, 0, 0, 0, 0, time.FixedZone("", seconds)).In(loc))
		start, end := around.ZoneBounds()
		for _, edge := range []time.Time{start, end} {
			if !edge.IsZero() {
				candidates = append(candidates, edge.In(loc))
			}
		}
	}
	want := time.Date(y, m, d, 0, 0, 0, 0, time.UTC) // d may be beyond the month
	wy, wm, wd := want.Date()
	best := time.Time{}
	for _, c := range candidates {
		cy, cm, cd := c.Date()
		py, pm, pd := c.Add(-time.Millisecond).Date()
		inside := cy == wy && cm == wm && cd == wd
		before := py < wy || py == wy && (pm < wm || pm == wm && pd < wd)
		if inside && before && (best.IsZero() || c.Before(best)) {
			best = c
		}
	}
	if best.IsZero() {
		best = guess // the zone skipped the whole day
	}
	return event.Millis(best.UnixMilli())
}

func (b buckets) len() int { return len(b.edges) - 1 }

// find is the bucket of a time within the range.
func (b buckets) find(t event.Millis) int {
	return sort.Search(len(b.edges), func(i int) bool { return b.edges[i] > t }) - 1
}

// alignedTo says whether every edge is a multiple of the width.
func (b buckets) alignedTo(width event.Millis) bool {
	for _, e := range b.edges {
		if e.Floor(width) != e {
			return false
		}
	}
	return true
}

// divide says whether an edge lies within a span.
func (b buckets) divide(from, to event.Millis) bool {
	i := sort.Search(len(b.edges), func(i int) bool { return b.edges[i] > from })
	return i < len(b.edges) && b.edges[i] < to
}
