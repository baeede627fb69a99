package postgres

import (
	"context"
	"fmt"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/table"
)

// Audit implements sinks.Auditor: it adds up the table's view.
func (s *Sink) Audit(ctx context.Context, t *table.Table) (map[sinks.Group]sinks.Sums, error) {
	if err := s.undo(ctx); err != nil {
		s.hangUp()
	}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	out, err := s.audit(ctx, t)
	return out, s.fault("adding up "+t.Name, err)
}

func (s *Sink) audit(ctx context.Context, t *table.Table) (map[sinks.Group]sinks.Sums, error) {
	_, _, summed := sinks.AuditBy(t)
	found, err := s.conn.Query(ctx, s.schema.dialect().AuditQuery(t))
	if err != nil {
		return nil, err
	}
	defer found.Close()
	out := map[sinks.Group]sinks.Sums{}
	for found.Next() {
		var day *int64
		var currency string
		var n int64
		totals := make([]int64, len(summed))
		into := []any{&day, &currency, &n}
		for i := range totals {
			into = append(into, &totals[i])
		}
		if err := found.Scan(into...); err != nil {
			return nil, fmt.Errorf("reading sums: %w", err)
		}
		if g, sums, ok := rows.Audited(day, currency, n, totals); ok {
			out[g] = sums
		}
	}
	return out, found.Err()
}
