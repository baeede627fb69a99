package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// maxScanned bounds the rows that one list answer looks at. A filter that
// matches little then gives a short page, or an empty one, with a cursor to go
// on from.
const maxScanned = 100_000

func (s *Server) conversions(q *query) (*answer, error) {
	return s.listOf(q, table.Conversions, "event_time")
}

func (s *Server) sessions(q *query) (*answer, error) { return s.listOf(q, table.Sessions, "end") }

func (s *Server) lateEvents(q *query) (*answer, error) {
	return s.listOf(q, table.LateEvents, "event_time")
}

func (s *Server) deadLetters(q *query) (*answer, error) { return s.listOf(q, table.DeadLetters, "") }

// listOf answers one page of a table in its list order. Every filter of the
// route is a column of that name.
func (s *Server) listOf(q *query, t *table.Table, timeColumn string) (*answer, error) {
	columns, _ := ListOrder(t)
	after, err := q.readPlace(t, columns)
	if err != nil {
		return nil, err
	}
	from, to := earliest, latest
	if q.bounded {
		from, to = q.from, q.to
	}
	timeAt := -1
	if timeColumn != "" {
		timeAt = t.Col(timeColumn)
	}
	type check struct {
		col  int
		name string
	}
	var checks []check
	for name := range q.filters {
		checks = append(checks, check{t.Col(name), name})
	}
	rows := []obj{}
	var last table.Row
	scanned, more := 0, false
	err = s.view.List(q.r.Context(), t, after, from, to, func(r table.Row) (bool, error) {
		if len(rows) == q.limit || scanned == maxScanned {
			more = true
			return false, nil
		}
		scanned++
		last = append(last[:0], r...)
		if timeAt >= 0 && (event.Millis(r[timeAt].Int) < from || event.Millis(r[timeAt].Int) >= to) {
			return true, nil
		}
		for _, c := range checks {
			if !q.wants(c.name, r[c.col].Text) {
				return true, nil
			}
		}
		rows = append(rows, rowObj(t, r, ""))
		return true, nil
	})
	if err == nil && q.expand == "top" {
		err = s.addTop(q, rows)
	}
	if err != nil {
		return nil, err
	}
	var next any
	if more {
		next = writePlace(t, columns, last)
	}
	blank := rowObj(t, make(table.Row, len(t.Columns)), "")
	if q.expand == "top" {
		blank = append(blank, field{"top", topObj("", &PathTouch{})})
	}
	return &answer{body: obj{{"data", rows}, {"next_cursor", next}}, rows: rows, blank: blank}, nil
}

// addTop says of each conversion where most of its credit went.
func (s *Server) addTop(q *query, rows []obj) error {
	id := table.Conversions.Columns[cnvRowID].Name
	for i, row := range rows {
		name, _ := row.get(id).(string)
		p, err := s.view.PathOf(q.r.Context(), name, q.model)
		if err != nil {
			return err
		}
		var top *PathTouch
		if p != nil && p.Counted {
			for j := range p.Touches {
				if t := &p.Touches[j]; t.CreditPPM > 0 && (top == nil || t.CreditPPM >= top.CreditPPM) {
					top = t
				}
			}
		}
		var value any
		if top != nil {
			value = topObj(q.model, top)
		}
		rows[i] = append(row, field{"top", value})
	}
	return nil
}

func topObj(model string, t *PathTouch) obj {
	return obj{{"channel", t.Channel}, {"campaign_id", t.Campaign}, {"credit_ppm", t.CreditPPM}, {"model", model}}
}

// conversion is one row; its credits are in its explanation.
func (s *Server) conversion(q *query) (*answer, error) {
	row, err := s.oneConversion(q.r.Context(), q.pathParams["id"])
	if err != nil {
		return nil, err
	}
	return &answer{body: obj{{"data", rowObj(table.Conversions, row, "")}}}, nil
}

func (s *Server) oneConversion(ctx context.Context, id string) (table.Row, error) {
	rows, err := s.view.Find(ctx, table.Conversions, table.Row{table.T(id)}, 1)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, notFound("there is no conversion " + strconv.Quote(id))
	}
	return rows[0], nil
}

// A cursor is the name of its list and the place after which to go on. It is
// opaque to clients, and checked, because it comes back from them.

func writeCursor(list string, parts ...string) string {
	b, err := json.Marshal(append([]string{list}, parts...))
	if err != nil {
		panic("BUG: encode a cursor: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// readCursor gives the parts of the cursor, nil when there is none.
func (q *query) readCursor(list string, n int) ([]string, error) {
	if q.cursor == "" {
		return nil, nil
	}
	bad := badParameter("cursor", "this is no cursor of this list; use next_cursor of an answer as it is")
	b, err := base64.RawURLEncoding.DecodeString(q.cursor)
	if err != nil {
		return nil, bad
	}
	var parts []string
	if json.Unmarshal(b, &parts) != nil || len(parts) != n+1 || parts[0] != list {
		return nil, bad
	}
	return parts[1:], nil
}

func writePlace(t *table.Table, columns []string, row table.Row) string {
	parts := make([]string, len(columns))
	for i, name := range columns {
		c := t.Col(name)
		if t.Columns[c].Type == table.Text {
			parts[i] = row[c].Text
		} else {
			parts[i] = strconv.FormatInt(row[c].Int, 10)
		}
	}
	return writeCursor(t.Name, parts...)
}

func (q *query) readPlace(t *table.Table, columns []string) (table.Row, error) {
	parts, err := q.readCursor(t.Name, len(columns))
	if parts == nil || err != nil {
		return nil, err
	}
	row := make(table.Row, len(t.Columns))
	for i, name := range columns {
		c := t.Col(name)
		if t.Columns[c].Type == table.Text {
			row[c].Text = parts[i]
			continue
		}
		n, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil {
			return nil, badParameter("cursor", "this is no cursor of this list; use next_cursor of an answer as it is")
		}
		row[c].Int = n
	}
	return row, nil
}
