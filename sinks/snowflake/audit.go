package snowflake

import (
	"context"
	"fmt"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/table"
)

// Audit implements sinks.Auditor: it adds up the table's view, by one statement.
func (s *Sink) Audit(ctx context.Context, t *table.Table) (map[sinks.Group]sinks.Sums, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	out, err := s.audit(ctx, t)
	return out, fault("adding up "+t.Name, err)
}

func (s *Sink) audit(ctx context.Context, t *table.Table) (map[sinks.Group]sinks.Sums, error) {
	_, _, summed := sinks.AuditBy(t)
	found, err := s.client.run(ctx, s.schema.dialect().AuditQuery(t), "")
	if err != nil {
		return nil, err
	}
	out := map[sinks.Group]sinks.Sums{}
	for _, cells := range found {
		if len(cells) != 3+len(summed) {
			return nil, fmt.Errorf("the answer has %d columns; want %d", len(cells), 3+len(summed))
		}
		currency := ""
		if cells[1] != nil {
			currency, cells[1] = *cells[1], nil
		}
		n, err := numbers(cells)
		if err != nil {
			return nil, err
		}
		var day *int64
		if cells[0] != nil {
			day = &n[0]
		}
		if g, sums, ok := rows.Audited(day, currency, n[2], n[3:]); ok {
			out[g] = sums
		}
	}
	return out, nil
}
