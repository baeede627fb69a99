package sinks

import (
	"context"
	"math"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// Auditor is a sink that can add up what it holds, so that `reconcile` can
// compare it with the state.
type Auditor interface {
	// Audit adds up the current rows of a table as the store has them, by the
	// groups of AuditBy(t). A table that the store does not keep answers
	// ErrNotKept.
	Audit(ctx context.Context, t *table.Table) (map[Group]Sums, error)
}

// Group is one line of an audit: a day of the table's time and a currency.
type Group struct {
	Day      int32 // days since the epoch; NoDay where the table has no time or the row's is absent
	Currency string
}

// NoDay is the group of what has no time.
const NoDay int32 = math.MinInt32

// Sums of a group: how many rows, and each summed column's total in the order
// of AuditBy.
type Sums struct {
	Rows   int64
	Totals [MaxSummed]int64
}

// MaxSummed is the most columns that a table adds up.
const MaxSummed = 8

// AuditBy says how a table is added up: the column whose day groups it (-1:
// none), the column of the currency (-1: none), and the columns that are
// summed: all counts, parts per million and micros.
func AuditBy(t *table.Table) (day, currency int, summed []int) {
	day, currency = -1, -1
	for i, c := range t.Columns {
		switch {
		case c.Type == table.Time && day < 0 && c.Name != "start":
			day = i
		case c.Name == "currency":
			currency = i
		case c.Type == table.Int && c.Name != "tier" && c.Name != "position":
			if summed = append(summed, i); len(summed) > MaxSummed {
				panic("BUG: got more summed columns in " + t.Name + " than MaxSummed; want it raised")
			}
		}
	}
	return day, currency, summed
}

// Keeper is a sink that keeps only the latest rows of its tables.
type Keeper interface {
	// KeepsFrom is the first day of which the sink has all rows of the table;
	// NoDay: of every day. A comparison leaves earlier days out.
	KeepsFrom(t *table.Table) (day int32)
}

// AuditView adds up a table of the state as Audit does a store's.
func AuditView(ctx context.Context, v View, t *table.Table) (map[Group]Sums, error) {
	return AddUp(t, func(fn func(table.Row) error) error {
		return v.ScanAll(ctx, t, func(row table.Row, _ uint64) error { return fn(row) })
	})
}

// AddUp adds up the rows that each gives, by the groups of AuditBy. Rows need be
// valid only until fn returns.
func AddUp(t *table.Table, each func(fn func(table.Row) error) error) (map[Group]Sums, error) {
	day, currency, summed := AuditBy(t)
	out := map[Group]Sums{}
	currencies := map[string]string{} // copies
	err := each(func(row table.Row) error {
		g := Group{Day: NoDay}
		if day >= 0 && event.Millis(row[day].Int) != event.NoTime {
			g.Day = int32(event.Millis(row[day].Int).Floor(event.Day) / event.Day)
		}
		if currency >= 0 {
			var known bool
			if g.Currency, known = currencies[row[currency].Text]; !known {
				g.Currency = strings.Clone(row[currency].Text)
				currencies[g.Currency] = g.Currency
			}
		}
		s := out[g]
		s.Rows++
		for i, c := range summed {
			s.Totals[i] += row[c].Int
		}
		out[g] = s
		return nil
	})
	return out, err
}
