package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// maxPaths bounds the distinct paths held for one answer.
const maxPaths = 200_000

// lagEdges cut the time from the first touch to the conversion.
var lagEdges = []event.Millis{
	0, event.Minute, 10 * event.Minute, event.Hour, 6 * event.Hour, event.Day, 2 * event.Day, 3 * event.Day,
	7 * event.Day, 14 * event.Day, 30 * event.Day,
}

// way is one sequence of touches and what went over it.
type way struct {
	steps       []string
	currency    string
	conversions int64
	value       sum
	ppm, credit []sum // by step
}

// lengths are conversions counted by something.
type counted struct {
	conversions int64
	value       sum
}

type lengthKey struct {
	n        int64 // touches, or the number of a time lag
	currency string
}

func (k lengthKey) compare(o lengthKey) int {
	return cmp.Or(strings.Compare(k.currency, o.currency), cmp.Compare(k.n, o.n))
}

// pathTotals are what all paths of one currency come to.
type pathTotals struct {
	conversions, unattributed, touches int64
	value                              sum
	paths                              int64
	lags                               []event.Millis
	lengths                            []int64
}

// pathSums is what one pass over the conversions gives.
type pathSums struct {
	q       *query
	ways    map[string]*way
	lengths map[lengthKey]*counted
	lags    map[lengthKey]*counted
	totals  map[string]*pathTotals
	worst   status
	key     []byte
}

// paths counts the ways that led to net conversions, most frequent first.
func (s *Server) paths(q *query) (*answer, error) {
	if q.groupBy == "" {
		q.groupBy = "channel"
	}
	q.widen(event.Minute)
	s.readStatus(q)
	x := &pathSums{
		q: q, ways: map[string]*way{}, lengths: map[lengthKey]*counted{}, lags: map[lengthKey]*counted{},
		totals: map[string]*pathTotals{}, worst: final,
	}
	if err := s.view.Paths(q.r.Context(), q.model, q.from, q.to, x.add); err != nil {
		return nil, err
	}
	keys := sortedKeys(x.ways, func(a, b string) int {
		return cmp.Or(cmp.Compare(x.ways[b].conversions, x.ways[a].conversions), x.ways[b].value.big().Cmp(x.ways[a].value.big()), strings.Compare(a, b))
	})
	keys = keys[:min(len(keys), q.limit)]
	data, rows := make([]obj, 0, len(keys)), make([]obj, 0, len(keys))
	for _, k := range keys {
		e := x.ways[k].entry()
		data = append(data, e)
		flatRow := append(obj{{"path", strings.Join(x.ways[k].steps, " > ")}}, e[1:len(e)-1]...)
		rows = append(rows, flatRow)
	}
	blank := (&way{}).entry()
	meta := append(q.meta(x.worst), field{"group_by", q.groupBy})
	return &answer{body: obj{
		{"data", data}, {"lengths", x.lengthRows()}, {"time_lags", x.lagRows()}, {"totals", x.totalRows()}, {"meta", meta},
	}, rows: rows, blank: blank[:len(blank)-1]}, nil
}

// add counts one conversion.
func (x *pathSums) add(p *Path) error {
	q, r := x.q, p.Conversion
	currency := r[cnvCurrency].Text
	if !p.Counted || !q.wants("currency", currency) || !q.wants("conversion_name", r[cnvRowName].Text) || !x.passes(p) {
		return nil
	}
	x.worst = max(x.worst, q.statusAt(event.Millis(r[cnvRowTime].Int), r[cnvRowStat].Text == "restated"))
	value := r[cnvRowValue].Int
	w, err := x.way(p, currency)
	if err != nil {
		return err
	}
	w.conversions++
	w.value.add(value)
	t := x.totals[currency]
	t.conversions++
	t.value.add(value)
	t.touches += int64(len(p.Touches))
	tally(x.lengths, lengthKey{int64(len(p.Touches)), currency}, value)
	if len(p.Touches) == 0 {
		t.unattributed++
		return nil
	}
	for i := range p.Touches {
		w.ppm[i].add(p.Touches[i].CreditPPM)
		w.credit[i].add(int64(p.Touches[i].Value))
	}
	lag := event.Millis(r[cnvRowTime].Int) - p.Touches[0].Time
	i, exact := slices.BinarySearch(lagEdges, lag)
	if !exact {
		i--
	}
	tally(x.lags, lengthKey{int64(max(0, i)), currency}, value)
	t.lags = append(t.lags, lag)
	t.lengths = append(t.lengths, int64(len(p.Touches)))
	return nil
}

// passes says whether a touch of the path has one of the names asked for.
func (x *pathSums) passes(p *Path) bool {
	if !x.q.filtered("campaign_id", "channel") {
		return true
	}
	return slices.ContainsFunc(p.Touches, func(t PathTouch) bool {
		return x.q.wants("campaign_id", t.Campaign) && x.q.wants("channel", t.Channel)
	})
}

func (x *pathSums) name(t *PathTouch) string {
	if x.q.groupBy == "campaign" {
		return t.Campaign
	}
	return t.Channel
}

func (x *pathSums) way(p *Path, currency string) (*way, error) {
	x.key = append(append(x.key[:0], currency...), 0)
	for i := range p.Touches {
		x.key = append(append(x.key, x.name(&p.Touches[i])...), 0)
	}
	w := x.ways[string(x.key)]
	if w != nil {
		return w, nil
	}
	if len(x.ways) >= maxPaths {
		return nil, newProblem(http.StatusBadRequest, "too_many_paths", "the range holds more than 200000 different paths; take a shorter one")
	}
	n := len(p.Touches)
	w = &way{steps: make([]string, n), currency: currency, ppm: make([]sum, n), credit: make([]sum, n)}
	for i := range p.Touches {
		w.steps[i] = x.name(&p.Touches[i])
	}
	x.ways[string(x.key)] = w
	t := x.totals[currency]
	if t == nil {
		t = &pathTotals{}
		x.totals[currency] = t
	}
	if n > 0 {
		t.paths++
	}
	return w, nil
}

func tally(m map[lengthKey]*counted, k lengthKey, value int64) {
	c := m[k]
	if c == nil {
		c = &counted{}
		m[k] = c
	}
	c.conversions++
	c.value.add(value)
}

func (w *way) entry() obj {
	steps := make([]obj, len(w.steps))
	for i, name := range w.steps {
		steps[i] = obj{{"name", name}, {"credited_conversions", number(millionths(w.ppm[i].big(), 0))}, {"credited_value", moneyOf(w.credit[i], w.currency)}}
	}
	path := w.steps
	if path == nil {
		path = []string{}
	}
	return obj{
		{"path", path},
		{"touches", len(w.steps)},
		{"currency", w.currency},
		{"conversions", w.conversions},
		{"value", moneyOf(w.value, w.currency)},
		{"steps", steps},
	}
}

func (x *pathSums) lengthRows() []obj {
	out := []obj{}
	for _, k := range sortedKeys(x.lengths, lengthKey.compare) {
		c := x.lengths[k]
		out = append(out, obj{{"touches", k.n}, {"currency", k.currency}, {"conversions", c.conversions}, {"value", moneyOf(c.value, k.currency)}})
	}
	return out
}

// lagRows has every span for every currency, so that a chart has no gaps.
func (x *pathSums) lagRows() []obj {
	out := []obj{}
	for _, currency := range sortedKeys(x.totals, strings.Compare) {
		for i, from := range lagEdges {
			c := x.lags[lengthKey{int64(i), currency}]
			if c == nil {
				c = &counted{}
			}
			var to any
			if i+1 < len(lagEdges) {
				to = int64(lagEdges[i+1])
			}
			out = append(out, obj{{"from_ms", int64(from)}, {"to_ms", to}, {"currency", currency}, {"conversions", c.conversions}, {"value", moneyOf(c.value, currency)}})
		}
	}
	return out
}

func (x *pathSums) totalRows() []obj {
	out := []obj{}
	for _, currency := range sortedKeys(x.totals, strings.Compare) {
		t := x.totals[currency]
		var lag, length any
		if n := len(t.lags); n > 0 {
			slices.Sort(t.lags)
			slices.Sort(t.lengths)
			lag, length = int64(t.lags[(n-1)/2]), t.lengths[(n-1)/2]
		}
		out = append(out, obj{
			{"currency", currency},
			{"conversions", t.conversions},
			{"unattributed", t.unattributed},
			{"value", moneyOf(t.value, currency)},
			{"paths", t.paths},
			{"touches", t.touches},
			{"median_lag_ms", lag},
			{"median_touches", length},
		})
	}
	return out
}

// statusAt is the status of a conversion as of the watermark of the answer.
func (q *query) statusAt(t event.Millis, changed bool) status {
	switch {
	case q.watermark == event.NoTime || t > q.watermark:
		return provisional
	case changed:
		return restated
	}
	return final
}

var (
	cnvRowName  = table.Conversions.Col("conversion_name")
	cnvRowTime  = table.Conversions.Col("event_time")
	cnvRowValue = table.Conversions.Col("value_micros")
)
