package web

import (
	"cmp"
	"strings"
	"time"

	"github.com/tributary-data/tributary/event"
)

// overview is one entry of all figures per currency.
func (s *Server) overview(q *query) (*answer, error) {
	q.widen(q.grain())
	s.readStatus(q)
	by, before := map[string]*figures{}, map[string]*figures{}
	if err := s.allFigures(q, func(p place) *figures { return figuresOf(by, p.currency) }); err != nil {
		return nil, err
	}
	past := q.comparison()
	if past != nil {
		if err := s.allFigures(past.query, func(p place) *figures { return figuresOf(before, p.currency) }); err != nil {
			return nil, err
		}
		if err := past.findBegin(q.r.Context(), s.view, q); err != nil {
			return nil, err
		}
		for c, f := range before {
			figuresOf(by, c)
			past.worst = max(past.worst, f.status)
		}
	}
	worst := final
	entry := func(f *figures, currency string) obj {
		out := overviewEntry(q, f, currency, q.to)
		if past != nil {
			out = append(out, past.fields(q, f, before[currency], func(q *query, f *figures) obj { return overviewEntry(q, f, currency, q.to) })...)
		}
		return out
	}
	rows := make([]obj, 0, len(by))
	for _, currency := range sortedKeys(by, strings.Compare) {
		worst = max(worst, by[currency].status)
		rows = append(rows, entry(by[currency], currency))
	}
	meta := q.meta(worst)
	if past != nil {
		meta = append(meta, past.meta())
	}
	return &answer{body: obj{{"data", rows}, {"meta", meta}}, rows: rows, blank: entry(&figures{}, "")}, nil
}

func overviewEntry(q *query, f *figures, currency string, end event.Millis) obj {
	return join(obj{{"currency", currency}}, f.deliveryFields(q, currency), f.conversionFields(q, currency),
		f.creditFields(q, currency), unattributedFields(q, f, currency), obj{{"status", q.closed(f.status, end).String()}})
}

// unattributedFields: the conversions without touches, which are not in
// credited_value; the two together are the value.
func unattributedFields(q *query, f *figures, currency string) obj {
	if !q.hasCredit() {
		return obj{{"unattributed_value", nil}}
	}
	return obj{{"unattributed_value", moneyOf(f.unattributedValue, currency)}}
}

// allFigures reads delivery, conversions and credit of the query's model. A
// filter by campaign or channel leaves the conversions unread.
func (s *Server) allFigures(q *query, pick func(place) *figures) error {
	ctx := q.r.Context()
	if err := s.delivery(ctx, q, true, pick); err != nil {
		return err
	}
	if q.hasConversions() {
		if err := s.conversionCounts(ctx, q, pick); err != nil {
			return err
		}
	}
	if !q.hasCredit() {
		return nil
	}
	return s.credit(ctx, q, q.model, true, pick)
}

func figuresOf[K comparable](m map[K]*figures, k K) *figures {
	f := m[k]
	if f == nil {
		f = &figures{}
		m[k] = f
	}
	return f
}

// timeseries is one entry per point and currency, also where nothing happened:
// a gap in a chart and a zero are not the same. The first and last point may be
// cut by the range; `partial` says so, and `open` that it will still grow.
func (s *Server) timeseries(q *query) (*answer, error) {
	if q.grain() == event.Hour && q.interval == "minute" {
		why := "credit by touch_time is kept by the hour"
		if q.hourly() {
			why = "delivery by ad group, creative, publisher and country is kept by the hour"
		}
		return nil, badParameter("interval", why, "hour", "day")
	}
	q.widen(q.grain())
	b, err := bucketsOf(q.from, q.to, q.interval, q.loc)
	if err != nil {
		return nil, err
	}
	// The outermost edges only border on what is not read.
	inner := buckets{b.edges[1:b.len()]}
	if q.grain() == event.Hour && !inner.alignedTo(event.Hour) {
		return nil, badParameter("timezone", "these figures are kept by the UTC hour, and the hours of "+q.loc.String()+" begin off it; use another timezone, or neither basis=touch_time nor filters that only hours have")
	}
	s.readStatus(q)
	by, currencies, err := s.seriesOf(q, b)
	if err != nil {
		return nil, err
	}
	past := q.comparison()
	var before map[pointKey]*figures
	var beforeEdges buckets
	if past != nil {
		past.to = past.shift(q.to) // the whole curve of the day before, also what is still to come today
		for _, e := range b.edges {
			beforeEdges.edges = append(beforeEdges.edges, past.shift(e))
		}
		var more map[string]bool
		if before, more, err = s.seriesOf(past.query, beforeEdges); err != nil {
			return nil, err
		}
		if err := past.findBegin(q.r.Context(), s.view, q); err != nil {
			return nil, err
		}
		for c := range more {
			currencies[c] = true
		}
		for _, f := range before {
			past.worst = max(past.worst, f.status)
		}
	}
	pointOf := func(q *query, b buckets, i int, f *figures, currency string) obj {
		start, end := b.edges[i], b.edges[i+1]
		return join(obj{
			{"start", localTime(start, q.loc)},
			{"end", localTime(end, q.loc)},
			{"partial", start < q.from || end > q.to},
			{"open", q.closed(final, min(end, q.to)) != final},
		}, overviewEntry(q, f, currency, min(end, q.to)))
	}
	point := func(i int, currency string) obj {
		f := by[pointKey{i, currency}]
		if f == nil {
			f = &figures{}
		}
		out := pointOf(q, b, i, f, currency)
		if past != nil {
			x := before[pointKey{i, currency}]
			if x == nil {
				x = &figures{}
			}
			out = append(out, past.fields(q, f, x, func(q *query, f *figures) obj { return pointOf(q, beforeEdges, i, f, currency) })...)
		}
		return out
	}
	worst := final
	for _, f := range by {
		worst = max(worst, f.status)
	}
	names := sortedKeys(currencies, cmp.Compare[string])
	if b.len()*len(names) > 4*maxPoints {
		return nil, badParameter("currency", "too many points times currencies; ask for some currencies, or a longer interval")
	}
	rows := make([]obj, 0, b.len()*len(names))
	for i := range b.len() {
		for _, c := range names {
			rows = append(rows, point(i, c))
		}
	}
	var openFrom any
	for i := range b.len() {
		if q.closed(final, min(b.edges[i+1], q.to)) != final {
			openFrom = localTime(b.edges[i], q.loc)
			break
		}
	}
	meta := append(q.meta(worst), field{"interval", q.interval}, field{"open_from", openFrom})
	if past != nil {
		meta = append(meta, past.meta())
	}
	return &answer{body: obj{{"data", rows}, {"meta", meta}}, rows: rows, blank: point(0, "")}, nil
}

// pointKey is one point of one currency.
type pointKey struct {
	bucket   int
	currency string
}

// seriesOf sums the figures of a range by buckets.
func (s *Server) seriesOf(q *query, b buckets) (map[pointKey]*figures, map[string]bool, error) {
	by, currencies := map[pointKey]*figures{}, map[string]bool{}
	q.cut = b.divide
	err := s.allFigures(q, func(p place) *figures {
		currencies[p.currency] = true
		return figuresOf(by, pointKey{b.find(p.time), p.currency})
	})
	return by, currencies, err
}

// localTime is RFC 3339 with the offset of the zone, Z in UTC.
func localTime(t event.Millis, loc *time.Location) string {
	return t.Time().In(loc).Format("2006-01-02T15:04:05.000Z07:00")
}
