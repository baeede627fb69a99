// Package conform says whether two sets of tables are equal as far as the
// contract settles them, and whether one set agrees with itself.
//
// What the contract leaves open stays open: the journal's rows and causes (its
// sums are checked), the texts of session ids and messages, score and version,
// the tier of verdicts that no rule gave, reasons of order duplicates, triggers.
// Statuses are compared only when asked for.
//
// Invariants:
//  1. Everything is exact, but for credits of time_decay and what is summed
//     from them, which may differ by the tolerance for each credit.
//  2. It knows no rule of attribution, verdicts or sessions; it adds up.
package conform

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// Tables are rows by the name of their table.
type Tables = map[string][]table.Row

// Finding is one difference or one violated invariant.
type Finding struct {
	Table string // empty when it is between tables
	What  string
	Row   string
}

func (f Finding) String() string {
	if f.Table == "" {
		return f.What + ": " + f.Row
	}
	return f.Table + ": " + f.What + ": " + f.Row
}

// Options are what Compare may let pass.
type Options struct {
	TolPPM, TolMicros int64    // for each credit of time_decay
	Tables            []string // only these; empty: all that are comparable
	Status            bool     // rows that are expected to be restated must say so
	Exact             bool     // with Status: and no others
	Provisional       bool     // the history has not ended: rows may be provisional
}

// Tolerance is what the contract's fixed point allows.
func Tolerance() Options { return Options{TolPPM: 1, TolMicros: 1} }

// uncompared are tables whose rows the contract does not settle.
var uncompared = []*table.Table{table.Journal, table.Triggers}

// Compare gives every difference of actual from expected, and the faults of
// form of actual.
func Compare(expected, actual Tables, opt Options) []Finding {
	var out []Finding
	tolerances := contributions(expected)
	for _, t := range table.All {
		if len(opt.Tables) > 0 && !slices.Contains(opt.Tables, t.Name) {
			continue
		}
		rows, ok := actual[t.Name]
		if !ok {
			out = append(out, Finding{t.Name, "no such table", ""})
			continue
		}
		out = append(out, form(t, rows, opt)...)
		if !slices.Contains(uncompared, t) {
			c := comparison{t: t, opt: opt, tolerances: tolerances}
			out = append(out, c.compare(normalise(t, expected), normalise(t, actual))...)
		}
	}
	return out
}

// view reads a row by the names of its columns.
type view struct {
	t   *table.Table
	row table.Row
}

func (v view) text(column string) string       { return v.row[v.t.Col(column)].Text }
func (v view) num(column string) int64         { return v.row[v.t.Col(column)].Int }
func (v view) time(column string) event.Millis { return event.Millis(v.num(column)) }
func (v view) list(column string) []string     { return v.row[v.t.Col(column)].List }

// key is the values of the columns as one text that no other values have.
func (v view) key(columns ...string) string {
	var b strings.Builder
	for _, c := range columns {
		b.WriteString(cell(v.t.Columns[v.t.Col(c)], v.row[v.t.Col(c)]) + " ")
	}
	return b.String()
}

func (v view) keyColumns() []string {
	var names []string
	for _, c := range v.t.Columns[:v.t.Keys] {
		names = append(names, c.Name)
	}
	return names
}

func (v view) String() string {
	parts := make([]string, len(v.row))
	for i, c := range v.t.Columns {
		parts[i] = c.Name + "=" + cell(c, v.row[i])
	}
	s := strings.Join(parts, " ")
	if len(s) > 600 {
		s = s[:600] + "..."
	}
	return s
}

func cell(c table.Column, v table.Value) string {
	switch c.Type {
	case table.Int:
		return strconv.FormatInt(v.Int, 10)
	case table.Time:
		return strconv.Quote(event.Millis(v.Int).String())
	case table.List:
		return fmt.Sprintf("%q", v.List)
	}
	return strconv.Quote(v.Text)
}

func each(t *table.Table, rows []table.Row) []view {
	out := make([]view, len(rows))
	for i, r := range rows {
		out[i] = view{t, r}
	}
	return out
}

// form checks one actual table for itself: order, unique keys, known words.
func form(t *table.Table, rows []table.Row, opt Options) []Finding {
	var out []Finding
	bad := func(what string, v view) { out = append(out, Finding{t.Name, what, v.String()}) }
	for i, v := range each(t, rows) {
		if len(v.row) != len(t.Columns) {
			out = append(out, Finding{t.Name, "number of cells", fmt.Sprint(v.row)})
			continue
		}
		if i > 0 {
			switch c := t.Compare(rows[i-1], v.row); {
			case c > 0:
				bad("not sorted by key", v)
			case c == 0:
				bad("key not unique", v)
			}
		}
		for j, c := range t.Columns {
			if c.Type == table.List && c.Name != "event_ids" && !slices.IsSorted(v.row[j].List) {
				bad(c.Name+" is not sorted", v)
			}
			if c.Type == table.Time && v.row[j].Int == int64(event.NoTime) && c.Name != "touch_time" {
				bad(c.Name+" is absent", v)
			}
			if c.Name == "status" && !slices.Contains(statuses(opt), v.row[j].Text) {
				bad("status", v)
			}
		}
		if t == table.DeadLetters && !slices.Contains(codes, event.Code(v.text("code"))) {
			bad("code", v)
		}
	}
	return out
}

func statuses(opt Options) []string {
	if opt.Provisional {
		return []string{"provisional", "final", "restated"}
	}
	return []string{"final", "restated"}
}

var codes = []event.Code{
	event.TooLarge, event.Malformed, event.MissingField, event.BadField, event.BadTime, event.BadMoney,
	event.FutureEventTime, event.BadAdjustment,
}
