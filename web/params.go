package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// Models are the attribution models in the order of the contract.
var Models = []string{
	"first_touch", "last_touch", "last_non_direct", "linear", "position_based",
	"j_shaped", "inverse_j", "time_decay", "participation",
}

const (
	participation    = "participation"
	conversionTime   = "conversion_time"
	touchTime        = "touch_time"
	trafficNet       = "net"
	trafficGross     = "gross"
	defaultModel     = "last_non_direct"
	defaultLimit     = 100
	maxLimit         = 1000
	maxFilterValues  = 1000
	oneHour          = event.Hour
	rfc3339Or        = `an RFC 3339 time such as 2025-01-31T14:00:00Z, "now", or a span before now such as -1h or -7d`
	earliest, latest = event.Millis(-1 << 60), event.Millis(1 << 60)
)

// query is what the parameters of a request say, defaults filled in.
type query struct {
	r   *http.Request
	now event.Millis

	from, to   event.Millis // half-open
	bounded    bool         // from or to was given
	ranged     bool         // the route has a range whether or not one was given
	interval   string
	loc        *time.Location
	model      string
	models     []string
	basis      string
	traffic    string
	groupBy    string
	limit      int
	cursor     string
	compare    string
	sparkline  string
	expand     string
	filters    map[string][]string // only those given
	pathParams map[string]string

	epoch     string
	seq       uint64
	watermark event.Millis
	slack     event.Millis // how long after an end its figures stay open
	lookback  event.Millis // how long after a touch its conversion may come

	cut func(from, to event.Millis) bool // whether something divides a span of time; nil: never
}

// wants says whether a row with this value passes the filter of a dimension.
func (q *query) wants(dimension, value string) bool {
	f, given := q.filters[dimension]
	return !given || slices.Contains(f, value)
}

func (q *query) filtered(dimensions ...string) bool {
	for _, d := range dimensions {
		if _, ok := q.filters[d]; ok {
			return true
		}
	}
	return false
}

// parseQuery reads the parameters that the route knows and refuses all others:
// a misspelt filter must not silently answer for everything.
func parseQuery(rt *route, r *http.Request, now event.Millis) (*query, error) {
	q := &query{
		r: r, now: now, interval: "minute", loc: time.UTC, model: defaultModel, models: Models,
		basis: conversionTime, traffic: trafficNet, limit: defaultLimit, filters: map[string][]string{},
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "bad_query", "the query string is not well-formed: "+err.Error())
	}
	q.ranged = rt.param("from") == pFrom
	var from, to string
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names) // so that of several faults always the same is named
	for _, name := range names {
		p := rt.param(name)
		if p == nil {
			bad := newProblem(http.StatusBadRequest, "unknown_parameter", "there is no parameter "+strconv.Quote(name)+" here")
			bad.Parameter, bad.Accepted = name, rt.queryNames()
			return nil, bad
		}
		given := values[name]
		if p.filter {
			list, err := splitList(name, given)
			if err != nil {
				return nil, err
			}
			for _, v := range list {
				if len(p.enum) > 0 && !slices.Contains(p.enum, v) {
					return nil, badParameter(name, strconv.Quote(v)+" is no "+name, p.enum...)
				}
			}
			q.filters[name] = list
			continue
		}
		if len(given) > 1 {
			return nil, badParameter(name, "given more than once")
		}
		v := given[0]
		if len(p.enum) > 0 && !p.list && !slices.Contains(p.enum, v) {
			return nil, badParameter(name, strconv.Quote(v)+" is not accepted", p.enum...)
		}
		switch name {
		case "from":
			from = v
		case "to":
			to = v
		case "interval":
			q.interval = v
		case "timezone":
			// "Local" would mean the server's own zone, which no client can know.
			loc, err := time.LoadLocation(v)
			if err != nil || v == "" || v == "Local" {
				return nil, badParameter(name, strconv.Quote(v)+" is no IANA timezone", "UTC", "Europe/Berlin", "America/New_York", "...")
			}
			q.loc = loc
		case "model":
			q.model = v
		case "models":
			list, err := splitList(name, given)
			if err != nil {
				return nil, err
			}
			q.models = nil
			for _, m := range list {
				if !slices.Contains(Models, m) {
					return nil, badParameter(name, strconv.Quote(m)+" is no model", Models...)
				}
				if !slices.Contains(q.models, m) {
					q.models = append(q.models, m)
				}
			}
		case "basis":
			q.basis = v
		case "traffic":
			q.traffic = v
		case "group_by":
			q.groupBy = v
		case "compare":
			if v != "none" {
				q.compare = v
			}
		case "sparkline":
			q.sparkline = v
		case "expand":
			q.expand = v
		case "limit":
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > maxLimit {
				return nil, badParameter(name, strconv.Quote(v)+" is not a whole number from 1 to 1000", "1..1000")
			}
			q.limit = n
		case "cursor":
			q.cursor = v
		}
	}
	return q, q.setRange(from, to)
}

func (q *query) setRange(from, to string) error {
	var err error
	q.bounded = from != "" || to != ""
	q.to = q.now
	if to != "" {
		if q.to, err = parseTime("to", to, q.now); err != nil {
			return err
		}
	}
	q.from = q.to - oneHour
	if from != "" {
		if q.from, err = parseTime("from", from, q.now); err != nil {
			return err
		}
	}
	if q.from >= q.to {
		return badParameter("from", "the range is empty: from ("+q.from.String()+") is not before to ("+q.to.String()+")")
	}
	return nil
}

// parseTime reads RFC 3339, "now", or a span before now. A + in a query string
// is a blank once decoded, so 14:00:00 02:00 is read as an offset.
func parseTime(name, s string, now event.Millis) (event.Millis, error) {
	if s == "now" {
		return now, nil
	}
	if span, ok := strings.CutPrefix(s, "-"); ok {
		if d, err := event.ParseDuration(span); err == nil && d.Millis() <= 100*366*event.Day {
			return now - d.Millis(), nil
		}
	} else if t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(strings.Replace(s, " ", "+", 1))); err == nil {
		if y := t.UTC().Year(); y >= 1970 && y <= 9999 {
			return event.Millis(t.UnixMilli()), nil
		}
	}
	return 0, badParameter(name, strconv.Quote(s)+" is no time", rfc3339Or)
}

// splitList reads the comma lists of a filter. A comma or backslash inside a
// value is written with a backslash before it; an empty value means absent.
func splitList(name string, given []string) ([]string, error) {
	var out []string
	for _, s := range given {
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s):
				i++
				b.WriteByte(s[i])
			case s[i] == ',':
				out = append(out, b.String())
				b.Reset()
			default:
				b.WriteByte(s[i])
			}
		}
		out = append(out, b.String())
	}
	if len(out) > maxFilterValues {
		return nil, badParameter(name, "more than 1000 values")
	}
	return out, nil
}

// widen rounds the range outward to whole minutes or hours: the tables hold no
// smaller parts, and the answer says which range it is about.
func (q *query) widen(grain event.Millis) {
	q.from = q.from.Floor(grain)
	if f := q.to.Floor(grain); f != q.to {
		q.to = f + grain
	}
}

// grain is the width of the rows that hold credit on the chosen basis.
func (q *query) grain() event.Millis {
	if q.basis == touchTime || q.hourly() {
		return event.Hour
	}
	return event.Minute
}

// meta is the echo beside the data of analytical answers.
func (q *query) meta(st status) obj {
	return obj{
		{"as_of", q.now.String()},
		{"watermark", when(q.watermark)},
		{"status", q.closed(st, q.to).String()},
		{"model", q.model},
		{"additive", q.model != participation},
		{"basis", q.basis},
		{"traffic", q.traffic},
		{"timezone", q.loc.String()},
		{"from", q.from.String()},
		{"to", q.to.String()},
		{"epoch", q.epoch},
		{"seq", q.seq},
	}
}

// readStatus fixes what the answer says about freshness, before the figures are
// read: they may then be newer than it says, never older.
func (s *Server) readStatus(q *query) {
	st := s.view.Status()
	q.epoch, q.seq = s.seq.epoch, s.seq.at(st.Commit)
	q.watermark, q.lookback = st.Watermark, st.Lookback.Millis()
	if q.basis == touchTime {
		q.slack = q.lookback
	}
	s.cube.refresh()
}

// closed is the status of figures up to an end: they may still grow until the
// watermark has reached its last millisecond, by touch time a lookback later.
func (q *query) closed(st status, end event.Millis) status {
	if q.watermark == event.NoTime || (end-1).Add(q.slack) > q.watermark {
		return provisional
	}
	return st
}

// status of figures, from strong to weak: a final one stands, a restated one
// was changed after it stood, a provisional one will still change.
type status uint8

const (
	final status = iota
	restated
	provisional
)

func (s status) String() string { return [...]string{"final", "restated", "provisional"}[s] }

func statusOf(cell table.Value) status {
	switch cell.Text {
	case "final":
		return final
	case "restated":
		return restated
	}
	return provisional
}
