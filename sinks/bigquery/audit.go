package bigquery

import (
	"context"
	"fmt"
	"strconv"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows"
	"github.com/tributary-data/tributary/table"
)

// Audit implements sinks.Auditor: it adds up the table's view, by one query.
func (s *Sink) Audit(ctx context.Context, t *table.Table) (map[sinks.Group]sinks.Sums, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	_, _, summed := sinks.AuditBy(t)
	out := map[sinks.Group]sinks.Sums{}
	err := s.client.query(ctx, s.schema.dialect().AuditQuery(t), func(cells []*string) error {
		if len(cells) != 3+len(summed) {
			return fmt.Errorf("the answer has %d columns; want %d", len(cells), 3+len(summed))
		}
		numbers := make([]int64, len(cells))
		for i, c := range cells {
			if i == 1 || c == nil {
				continue
			}
			var err error
			if numbers[i], err = strconv.ParseInt(*c, 10, 64); err != nil {
				return fmt.Errorf("the answer holds %q where a number should be", *c)
			}
		}
		var day *int64
		if cells[0] != nil {
			day = &numbers[0]
		}
		currency := ""
		if cells[1] != nil {
			currency = *cells[1]
		}
		if g, sums, ok := rows.Audited(day, currency, numbers[2], numbers[3:]); ok {
			out[g] = sums
		}
		return nil
	})
	return out, fault("adding up "+t.Name, err)
}
