package rows

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// Conversion is a conversion with all of its credits, for stores that keep both
// in one row so that no reader sees half a restatement.
type Conversion struct {
	ID      string
	Row     table.Row // nil when there is no such conversion any more
	Credits []table.Row
}

// Fold divides a batch: the conversions that it touches, whole, and the changes
// of all other tables.
func Fold(ctx context.Context, b *sinks.Batch) (conversions []Conversion, rest []sinks.Change, err error) {
	seen := map[string]bool{}
	for _, c := range b.Changes {
		if c.Table != table.Conversions && c.Table != table.Credits {
			rest = append(rest, c)
			continue
		}
		id := c.Key[0].Text
		if !seen[id] {
			id = strings.Clone(id)
			seen[id] = true
			conversions = append(conversions, Conversion{ID: id})
		}
	}
	for i := range conversions {
		if err := conversions[i].find(ctx, b.View); err != nil {
			return nil, nil, err
		}
	}
	return conversions, rest, nil
}

// find reads the conversion as it stands in the view.
func (c *Conversion) find(ctx context.Context, v sinks.View) error {
	found, err := v.Find(ctx, table.Conversions, table.Row{table.T(c.ID)})
	if err != nil {
		return fmt.Errorf("reading conversion %q: %w", c.ID, err)
	}
	if len(found) > 0 {
		c.Row = slices.Clone(found[0])
	}
	return c.credits(ctx, v)
}

func (c *Conversion) credits(ctx context.Context, v sinks.View) error {
	found, err := v.Find(ctx, table.Credits, table.Row{table.T(c.ID)})
	if err != nil {
		return fmt.Errorf("reading the credits of conversion %q: %w", c.ID, err)
	}
	c.Credits = found
	return nil
}

// EachConversion gives every conversion of a view.
func EachConversion(ctx context.Context, v sinks.View, fn func(c *Conversion) error) error {
	const atOnce = 1000 // a view answers one question at a time: conversions first, then their credits
	var held []Conversion
	flush := func() error {
		for i := range held {
			if err := held[i].credits(ctx, v); err != nil {
				return err
			}
			if err := fn(&held[i]); err != nil {
				return err
			}
		}
		held = held[:0]
		return nil
	}
	err := v.ScanAll(ctx, table.Conversions, func(row table.Row, _ uint64) error {
		held = append(held, Conversion{ID: strings.Clone(row[0].Text), Row: CloneRow(row)})
		if len(held) < atOnce {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// Size is about how many bytes a row takes.
func Size(row table.Row) int {
	n := 0
	for i := range row {
		n += 16 + len(row[i].Text)
		for _, s := range row[i].List {
			n += 16 + len(s)
		}
	}
	return n
}

// CloneRow is a row that outlives what it came from.
func CloneRow(row table.Row) table.Row {
	out := slices.Clone(row)
	for i := range out {
		out[i].Text = strings.Clone(out[i].Text)
		out[i].List = slices.Clone(out[i].List)
	}
	return out
}
