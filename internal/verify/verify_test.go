package verify

import (
	"context"
	"testing"

	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/table"
)

func TestEverythingHolds(t *testing.T) {
	results, err := Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(results) < 20 {
		t.Errorf("only %d things were looked at", len(results))
	}
	for _, r := range results {
		if !r.Holds() {
			t.Errorf("%s, %s: %v", r.Group, r.Name, r.Faults)
		}
	}
}

// A wrong figure, one off by a millionth more than rounding allows, and credit
// for a channel that was given none are all found.
func TestWrongFiguresAreFound(t *testing.T) {
	credit := func(channel string, ppm, micros int64) table.Row {
		r := make(table.Row, len(table.Credits.Columns))
		r[table.Credits.Col("model")] = table.T("linear")
		r[table.Credits.Col("channel")] = table.T(channel)
		r[table.Credits.Col("credit_ppm")] = table.I(ppm)
		r[table.Credits.Col("value_micros")] = table.I(micros)
		return r
	}
	e := expectation{"linear", false, map[string]string{"a": "1/3", "b": "2/3"}}
	for _, c := range []struct {
		rows   []table.Row
		faults int
	}{
		{[]table.Row{credit("a", 333_333, 0), credit("b", 666_667, 0)}, 0},
		{[]table.Row{credit("a", 333_331, 0), credit("b", 666_669, 0)}, 2},
		{[]table.Row{credit("a", 333_333, 0)}, 1},
		{[]table.Row{credit("a", 333_333, 0), credit("b", 666_666, 0), credit("c", 1, 0)}, 1},
	} {
		if got := e.check(conform.Tables{table.Credits.Name: c.rows}, 1); len(got) != c.faults {
			t.Errorf("%v: faults %q; want %d", c.rows, got, c.faults)
		}
	}
	money := expectation{"linear", true, map[string]string{"a": "16.88"}}
	for micros, faults := range map[int64]int{16_879_300: 0, 16_884_999: 0, 16_886_000: 1, 16_870_000: 1} {
		if got := money.check(conform.Tables{table.Credits.Name: {credit("a", 0, micros)}}, 1); len(got) != faults {
			t.Errorf("%d micros for 16.88: faults %q; want %d", micros, got, faults)
		}
	}
	one := conform.Tables{table.Credits.Name: {credit("a", 1, 2)}}
	if len(identical(one, conform.Tables{table.Credits.Name: {credit("a", 1, 3)}})) == 0 || len(identical(one, conform.Tables{})) == 0 || len(identical(one, one)) != 0 {
		t.Error("identical does not tell tables apart")
	}
}
