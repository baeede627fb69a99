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
	by := map[string]*figures{}
	pick := func(p place) *figures { return figuresOf(by, p.currency) }
	if err := s.allFigures(q, pick); err != nil {
		return nil, err
	}
	worst := final
	rows := make([]obj, 0, len(by))
	for _, currency := range sortedKeys(by, strings.Compare) {
		f := by[currency]
		worst = max(worst, f.status)
		rows = append(rows, overviewEntry(q, f, currency, q.to))
	}
	return &answer{
		body: obj{{"data", rows}, {"meta", q.meta(worst)}},
		rows: rows, blank: overviewEntry(q, &figures{}, "", q.to),
	}, nil
}

func overviewEntry(q *query, f *figures, currency string, end event.Millis) obj {
	return join(obj{{"currency", currency}}, f.deliveryFields(q, currency), f.conversionFields(q, currency),
		f.creditFields(q, currency), unattributedFields(f, currency), obj{{"status", q.closed(f.status, end).String()}})
}

// unattributedFields: the conversions without touches, which are not in
// credited_value; the two together are the value.
func unattributedFields(f *figures, currency string) obj {
	return obj{{"unattributed_value", moneyOf(f.unattributedValue, currency)}}
}

// allFigures reads delivery, conversions and credit of the query's model. A
// filter by campaign or channel leaves the conversions unread.
func (s *Server) allFigures(q *query, pick func(place) *figures) error {
	ctx := q.r.Context()
	if err := s.delivery(ctx, q, pick); err != nil {
		return err
	}
	if !q.filtered("campaign_id", "channel") {
		if err := s.conversionCounts(ctx, q, pick); err != nil {
			return err
		}
	}
	return s.credit(ctx, q, func(p place, model string) *figures {
		if model != q.model {
			return nil
		}
		return pick(p)
	})
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
// cut by the range; `partial` says so.
func (s *Server) timeseries(q *query) (*answer, error) {
	if q.basis == touchTime && q.interval == "minute" {
		return nil, badParameter("interval", "credit by touch_time is kept by the hour", "hour", "day")
	}
	q.widen(q.grain())
	b, err := bucketsOf(q.from, q.to, q.interval, q.loc)
	if err != nil {
		return nil, err
	}
	// The outermost edges only border on what is not read.
	inner := buckets{b.edges[1:b.len()]}
	if q.basis == touchTime && !inner.alignedTo(event.Hour) {
		return nil, badParameter("timezone", "credit by touch_time is kept by the UTC hour, and the hours of "+q.loc.String()+" begin off it; use basis=conversion_time or another timezone")
	}
	s.readStatus(q)
	type key struct {
		bucket   int
		currency string
	}
	by := map[key]*figures{}
	currencies := map[string]bool{}
	err = s.allFigures(q, func(p place) *figures {
		currencies[p.currency] = true
		return figuresOf(by, key{b.find(p.time), p.currency})
	})
	if err != nil {
		return nil, err
	}
	point := func(i int, currency string) obj {
		f := by[key{i, currency}]
		if f == nil {
			f = &figures{}
		}
		start, end := b.edges[i], b.edges[i+1]
		return join(obj{
			{"start", localTime(start, q.loc)},
			{"end", localTime(end, q.loc)},
			{"partial", start < q.from || end > q.to},
		}, overviewEntry(q, f, currency, min(end, q.to)))
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
	meta := append(q.meta(worst), field{"interval", q.interval})
	return &answer{body: obj{{"data", rows}, {"meta", meta}}, rows: rows, blank: point(0, "")}, nil
}

// localTime is RFC 3339 with the offset of the zone, Z in UTC.
func localTime(t event.Millis, loc *time.Location) string {
	return t.Time().In(loc).Format("2006-01-02T15:04:05.000Z07:00")
}
