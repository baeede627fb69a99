package rows

import (
	"fmt"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// Dialect is what differs between the stores' SQL in views and sums.
type Dialect struct {
	Quote func(name string) string // a column's name
	Name  func(name string) string // a table or view, with its schema
	// Minus is a time some milliseconds before another.
	Minus func(time string, ms event.Millis) string
	// Day is a time's day as days since the epoch, an integer.
	Day func(column string) string
	// Sum adds a column up to a 64-bit integer, 0 over nothing.
	Sum func(column string) string
}

// ViewName is the name of a table's view.
func ViewName(t *table.Table) string { return "v_" + t.Name }

// Select is the query that gives a logical table. from is the FROM item, with
// the alias t, that has the stored columns, restated and shard; where further
// restricts t and may use the table's progress as p.
func (d Dialect) Select(t *table.Table, deps sinks.Deps, from, where string) string {
	var b strings.Builder
	b.WriteString("SELECT ")
	for n, i := range Stored(t) {
		if n > 0 {
			b.WriteString(", ")
		}
		name := d.Quote(t.Columns[i].Name)
		fmt.Fprintf(&b, "t.%s AS %s", name, name)
	}
	if at, plus, ok := deps.Closes(t); ok {
		fmt.Fprintf(&b, ", CASE WHEN t.%s THEN 'restated' WHEN t.%s <= %s THEN 'final' ELSE 'provisional' END AS %s",
			d.Quote(Restated), d.Quote(t.Columns[at].Name), d.Minus("p."+d.Quote("watermark"), plus), d.Quote("status"))
	}
	fmt.Fprintf(&b, " FROM %s LEFT JOIN %s p ON p.%s = '%s' AND p.%s = t.%s", from, d.Name(Progress), d.Quote("table"), t.Name, d.Quote(Shard), d.Quote(Shard))
	if where != "" {
		b.WriteString(" WHERE " + where)
	}
	return b.String()
}

// AuditQuery adds up a table's view: day (null without one), currency, rows,
// and the sums in the order of sinks.AuditBy.
func (d Dialect) AuditQuery(t *table.Table) string {
	day, currency, summed := sinks.AuditBy(t)
	dayExpr, currencyExpr := "NULL", "''"
	var groups []string
	if day >= 0 {
		dayExpr = d.Day(d.Quote(t.Columns[day].Name))
		groups = append(groups, "1")
	}
	if currency >= 0 {
		currencyExpr = d.Quote(t.Columns[currency].Name)
		groups = append(groups, "2")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "SELECT %s AS audit_day, %s AS audit_currency, COUNT(*) AS audit_rows", dayExpr, currencyExpr)
	for n, i := range summed {
		fmt.Fprintf(&b, ", %s AS sum_%d", d.Sum(d.Quote(t.Columns[i].Name)), n)
	}
	b.WriteString(" FROM " + d.Name(ViewName(t)))
	if len(groups) > 0 {
		b.WriteString(" GROUP BY " + strings.Join(groups, ", "))
	}
	return b.String()
}

// Audited turns one line of AuditQuery's answer into its group and sums. A
// table without groups answers with one line even when it is empty: false then.
func Audited(day *int64, currency string, rows int64, totals []int64) (sinks.Group, sinks.Sums, bool) {
	g := sinks.Group{Day: sinks.NoDay, Currency: currency}
	if day != nil {
		g.Day = int32(*day)
	}
	s := sinks.Sums{Rows: rows}
	copy(s.Totals[:], totals)
	return g, s, rows > 0
}
