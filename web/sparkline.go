package web

import (
	"math/big"

	"github.com/tributary-data/tributary/event"
)

// sparkSteps are the widths of the points: those that a clock shows, from an hour
// on such as whole hours can be read for.
var sparkSteps = []event.Millis{
	event.Minute, 2 * event.Minute, 5 * event.Minute, 10 * event.Minute, 15 * event.Minute, 30 * event.Minute,
	event.Hour, 2 * event.Hour, 3 * event.Hour, 6 * event.Hour, 12 * event.Hour, event.Day,
}

// sparkPoints is about how many points a small line has.
const sparkPoints = 60

var sparkMetrics = []string{"spend", "credited_value", "credited_conversions", "roas", "impressions", "clicks", "invalid_rate"}

// sparklines are small time series of one metric, for each of some groups.
type sparklines struct {
	start, step event.Millis
	points      int
	by          map[groupKey][]*figures
}

// sparklines reads the range once more, point by point, for the groups of one
// page; nil when none are asked for.
func (s *Server) sparklines(q *query, keys []groupKey) (*sparklines, error) {
	if q.sparkline == "" {
		return nil, nil
	}
	step := max(event.Minute, q.grain())
	for _, s := range sparkSteps {
		if step < s && (q.to-q.from)/step > sparkPoints {
			step = s
		}
	}
	if (q.to-q.from)/step > sparkPoints {
		step = ceil((q.to-q.from)/sparkPoints, event.Day)
	}
	l := &sparklines{start: q.from, step: step, by: make(map[groupKey][]*figures, len(keys))}
	if step >= event.Hour {
		l.start = q.from.Floor(event.Hour)
	}
	l.points = int((q.to - l.start + step - 1) / step)
	for _, k := range keys {
		l.by[k] = make([]*figures, l.points)
	}
	x := *q
	x.cut = func(from, to event.Millis) bool { return (from-l.start)/step != (to-1-l.start)/step }
	pick := func(p place) *figures {
		line := l.by[groupKey{p.campaign, p.currency, p.unattributed()}]
		if line == nil {
			return nil
		}
		i := int((p.time - l.start) / step)
		if line[i] == nil {
			line[i] = &figures{}
		}
		return line[i]
	}
	ctx := q.r.Context()
	if err := s.delivery(ctx, &x, false, pick); err != nil {
		return nil, err
	}
	if !q.hasCredit() {
		return l, nil
	}
	return l, s.credit(ctx, &x, q.model, false, pick)
}

func (l *sparklines) of(q *query, k groupKey) []any {
	out := make([]any, l.points)
	for i, f := range l.by[k] {
		if f == nil {
			f = &figures{}
		}
		out[i] = f.metric(q)
	}
	return out
}

// metric writes the query's metric as it is written elsewhere.
func (f *figures) metric(q *query) any {
	switch q.sparkline {
	case "spend":
		return millionths(f.shownSpend(q.traffic).big(), 2)
	case "invalid_rate":
		return text(rate(f.givtImpressions+f.sivtImpressions+f.givtClicks+f.sivtClicks, f.impressions+f.clicks))
	case "impressions":
		if q.traffic == trafficNet {
			return big.NewInt(f.impressions - f.givtImpressions - f.sivtImpressions).String()
		}
		return big.NewInt(f.impressions).String()
	case "clicks":
		if q.traffic == trafficNet {
			return big.NewInt(f.clicks - f.givtClicks - f.sivtClicks).String()
		}
		return big.NewInt(f.clicks).String()
	}
	if !q.hasCredit() {
		return nil
	}
	switch q.sparkline {
	case "credited_value":
		return millionths(f.creditValue.big(), 2)
	case "credited_conversions":
		return millionths(f.creditPPM.big(), 0)
	case "roas":
		return text(quotient(f.creditValue.big(), f.shownSpend(q.traffic).big(), 4))
	}
	panic("BUG: sparkline " + q.sparkline)
}

// text is a decimal as a text; nil stays nil.
func text(v any) any {
	if n, ok := v.(number); ok {
		return string(n)
	}
	return nil
}

func (l *sparklines) meta(q *query) field {
	var open any
	for i := range l.points {
		if q.closed(final, min(l.start+event.Millis(i+1)*l.step, q.to)) != final {
			open = i
			break
		}
	}
	return field{"sparkline", obj{
		{"metric", q.sparkline}, {"start", l.start.String()}, {"step_ms", int64(l.step)}, {"points", l.points}, {"open_from", open},
	}}
}
