// Package rowstest makes rows for the tests of the stores: every table, every
// type of column, conversions whose credits add up.
package rowstest

import (
	"fmt"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// Start is the time of the first rows: 2026-01-15T00:00:00Z.
const Start event.Millis = 1768435200000

// Row fills a row of a table; another n gives another key.
func Row(t *table.Table, n int) table.Row {
	row := make(table.Row, len(t.Columns))
	at := Start + event.Millis(n)*event.Minute
	for i, c := range t.Columns {
		switch {
		case c.Type == table.Time:
			row[i] = table.At(at)
		case c.Type == table.Int:
			row[i] = table.I(int64(n) * int64(i+1))
		case c.Type == table.List:
			row[i] = table.L([]string{fmt.Sprintf("r%d", n), `a"b\c,{}`})
		case c.Name == "currency":
			row[i] = table.T("USD")
		case c.Name == "status":
			row[i] = table.T("provisional")
		default:
			row[i] = table.T(fmt.Sprintf("%s-%d", c.Name, n%100))
		}
	}
	if t.Columns[0].Type == table.Text {
		row[0] = table.T(fmt.Sprintf("%s-%d", t.Name, n))
	}
	return row
}

// Sale is a conversion with its credits, in the order in which sources hand
// them out; with a value of 0 it is invalid and has none.
func Sale(id string, micros int64) []sinktest.Put {
	gone := make(table.Row, len(table.Credits.Columns))
	gone[0] = table.T(id)
	puts := []sinktest.Put{{Table: table.Credits, Row: gone, Del: true}}
	c := Row(table.Conversions, 1)
	c[0] = table.T(id)
	c[table.Conversions.Col("value_micros")] = table.I(micros)
	if micros > 0 {
		for i := range 3 {
			row := Row(table.Credits, 1)
			row[0], row[1], row[2] = table.T(id), table.T("linear"), table.I(int64(i+1))
			ppm, value := int64(333_333), micros/3
			if i == 2 {
				ppm, value = 333_334, micros-2*value
			}
			row[table.Credits.Col("credit_ppm")], row[table.Credits.Col("value_micros")] = table.I(ppm), table.I(value)
			puts = append(puts, sinktest.Put{Table: table.Credits, Row: row})
		}
	}
	return append(puts, sinktest.Put{Table: table.Conversions, Row: c})
}
