package clickhouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// Audit implements sinks.Auditor by one query over the table's view.
func (s *Sink) Audit(ctx context.Context, t *table.Table) (map[sinks.Group]sinks.Sums, error) {
	if err := s.lookAtSchema(ctx); err != nil {
		return nil, err
	}
	day, currency, summed := sinks.AuditBy(t)
	columns := []string{fmt.Sprintf("toInt32(%d) AS a_day", sinks.NoDay), "'' AS a_currency", "toInt64(count())"}
	if day >= 0 {
		columns[0] = fmt.Sprintf("ifNull(toInt32(toDate32(%s)), toInt32(%d)) AS a_day", ident(t.Columns[day].Name), sinks.NoDay)
	}
	if currency >= 0 {
		columns[1] = "toString(" + ident(t.Columns[currency].Name) + ") AS a_currency"
	}
	for _, c := range summed {
		columns = append(columns, "sum("+ident(t.Columns[c].Name)+")")
	}
	out := map[sinks.Group]sinks.Sums{}
	sql := "SELECT " + strings.Join(columns, ", ") + " FROM " + s.table("v_"+t.Name) + " GROUP BY a_day, a_currency"
	err := s.query(ctx, "adding up "+t.Name, sql, func(rows driver.Rows) error {
		var g sinks.Group
		var sums sinks.Sums
		into := []any{&g.Day, &g.Currency, &sums.Rows}
		for i := range summed {
			into = append(into, &sums.Totals[i])
		}
		err := rows.Scan(into...)
		out[g] = sums
		return err
	})
	return out, err
}
