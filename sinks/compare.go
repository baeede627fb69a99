package sinks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tributary-data/tributary/table"
)

// Report is what a comparison of a sink with the state found.
type Report struct {
	Sink        string
	Progress    // of the state; the sink stood there too
	Tables      []TableReport
	Differences []Difference // the first MaxDifferences, in the order of tables, days and currencies
	Total       int          // how many differences there are
}

// TableReport sums up one table.
type TableReport struct {
	Table       *table.Table
	Kept        bool  // false: the sink does not keep it, and it was not compared
	From        int32 // the first day that was compared, where the sink keeps only the latest; else NoDay
	State, Sink int64 // rows
	Differences int
}

// Difference is one count or sum that is not the same on both sides.
type Difference struct {
	Table  *table.Table
	Group  Group
	Column string // the summed column, or "rows"
	State  int64
	Sink   int64
}

// MaxDifferences is how many differences a report holds; the rest is counted.
const MaxDifferences = 200

// Compare adds up every table of the view and of the sink, by day and currency,
// and says where they differ. The sink has to stand at the view, and nothing
// may write to it meanwhile.
func Compare(ctx context.Context, v View, s Sink) (*Report, error) {
	a, ok := s.(Auditor)
	if !ok {
		return nil, fmt.Errorf("sink %s: %w", s.Name(), ErrNoAudit)
	}
	r := &Report{Sink: s.Name(), Progress: v.Progress()}
	for _, t := range table.All {
		if err := r.compare(ctx, v, a, t); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// ErrNoAudit means that a sink cannot say what it holds.
var ErrNoAudit = errors.New("this kind of sink cannot add up what it holds")

func (r *Report) compare(ctx context.Context, v View, a Auditor, t *table.Table) error {
	got, err := a.Audit(ctx, t)
	if errors.Is(err, ErrNotKept) {
		r.Tables = append(r.Tables, TableReport{Table: t})
		return nil
	}
	if err != nil {
		return fmt.Errorf("adding up %s in the sink: %w", t.Name, err)
	}
	want, err := AuditView(ctx, v, t)
	if err != nil {
		return fmt.Errorf("adding up %s in the state: %w", t.Name, err)
	}
	tr := TableReport{Table: t, Kept: true, From: NoDay}
	if k, ok := a.(Keeper); ok {
		tr.From = k.KeepsFrom(t)
	}
	groups := maps.Clone(want)
	maps.Copy(groups, got)
	_, _, summed := AuditBy(t)
	for _, g := range slices.SortedFunc(maps.Keys(groups), Group.Compare) {
		if g.Day != NoDay && g.Day < tr.From {
			continue
		}
		w, h := want[g], got[g]
		tr.State += w.Rows
		tr.Sink += h.Rows
		r.differs(&tr, Difference{t, g, "rows", w.Rows, h.Rows})
		for i, c := range summed {
			r.differs(&tr, Difference{t, g, t.Columns[c].Name, w.Totals[i], h.Totals[i]})
		}
	}
	r.Tables = append(r.Tables, tr)
	return nil
}

func (r *Report) differs(tr *TableReport, d Difference) {
	if d.State == d.Sink {
		return
	}
	tr.Differences++
	r.Total++
	if len(r.Differences) < MaxDifferences {
		r.Differences = append(r.Differences, d)
	}
}

// Compare orders groups by day, then by currency.
func (g Group) Compare(o Group) int {
	return cmp.Or(cmp.Compare(g.Day, o.Day), cmp.Compare(g.Currency, o.Currency))
}

// String names the group: "2026-01-15 USD", or what there is of it.
func (g Group) String() string {
	day := "all days"
	if g.Day != NoDay {
		day = Partition{Day: g.Day}.String()
	}
	if g.Currency == "" {
		return day
	}
	return day + " " + g.Currency
}

// String is the difference on one line.
func (d Difference) String() string {
	return fmt.Sprintf("%s %s: %s is %d in the state, %d in the sink", d.Table.Name, d.Group, d.Column, d.State, d.Sink)
}
