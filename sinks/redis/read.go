package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// Audit implements sinks.Auditor: it adds up the rows that the hashes of the
// minutes hold.
func (s *Sink) Audit(ctx context.Context, t *table.Table) (map[sinks.Group]sinks.Sums, error) {
	k := keptOf(t)
	if k == nil {
		return nil, sinks.ErrNotKept
	}
	return sinks.AddUp(t, func(fn func(table.Row) error) error { return s.rows(ctx, k, fn) })
}

// rows visits the rows of a table as Redis holds them, in no order.
func (s *Sink) rows(ctx context.Context, k *kept, fn func(table.Row) error) error {
	node, err := s.node(ctx)
	if err != nil {
		return err
	}
	seen := map[string]bool{} // a scan may give a key twice
	var names []string
	read := func() error {
		pipe := node.Pipeline()
		answers := make([]*redis.MapStringStringCmd, len(names))
		for i, name := range names {
			answers[i] = pipe.HGetAll(ctx, name)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return explained(err)
		}
		for i, a := range answers {
			for field, packed := range a.Val() {
				row, err := k.unpack(strings.TrimPrefix(names[i], s.keys.base), field, packed)
				if err != nil {
					return fmt.Errorf("%s in %s: %w", field, names[i], err)
				}
				if row == nil {
					continue
				}
				if err := fn(row); err != nil {
					return err
				}
			}
		}
		names = names[:0]
		return nil
	}
	err = s.eachKey(ctx, func(key string) error {
		if !strings.HasPrefix(key, s.keys.base+k.minute+":") || seen[key] {
			return nil
		}
		seen[key] = true
		if names = append(names, key); len(names) < 500 {
			return nil
		}
		return read()
	})
	if err != nil {
		return err
	}
	return read()
}

// unpack makes a row of a field; nil where the field is no row. The name is
// m:<member>:<minute>, the field row:<...>:<currency>.
func (k *kept) unpack(name, field, packed string) (table.Row, error) {
	rest, ok := strings.CutPrefix(field, "row:")
	if !ok {
		return nil, nil
	}
	name = strings.TrimPrefix(name, k.minute+":")
	i := strings.LastIndexByte(name, ':')
	minute, err := strconv.ParseInt(name[i+1:], 10, 64)
	if i < 0 || err != nil {
		return nil, fmt.Errorf("the key ends in no minute: %w", err)
	}
	row := make(table.Row, len(k.t.Columns))
	row[0], row[k.member] = table.At(event.Millis(minute)), table.T(name[:i])
	// A channel may hold colons; a model and a currency do not.
	if j := strings.LastIndexByte(rest, ':'); len(k.field) > 1 && j >= 0 {
		row[k.field[len(k.field)-1]], rest = table.T(rest[j+1:]), rest[:j]
		if len(k.field) == 3 {
			var model string
			model, rest, _ = strings.Cut(rest, ":")
			row[k.field[0]] = table.T(model)
		}
		row[k.field[len(k.field)-2]] = table.T(rest)
	} else {
		row[k.field[0]] = table.T(rest)
	}
	parts := strings.Fields(packed)
	if len(parts) != len(k.figures)+1 {
		return nil, fmt.Errorf("%d figures; want %d", len(parts)-1, len(k.figures))
	}
	for i, f := range k.figures {
		n, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil {
			return nil, err
		}
		row[f.column] = table.I(n)
	}
	row[k.status] = table.T("")
	if parts[len(parts)-1] == "r" {
		row[k.status] = table.T("restated")
	}
	return row, nil
}
