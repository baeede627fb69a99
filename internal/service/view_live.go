package service

import (
	"context"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/table"
	"github.com/tributary-data/tributary/web"
)

// This file is the part of the view that live figures and paths are made of.

// OldestArrival is when the first record came that was applied after a commit.
func (v *view) OldestArrival(after uint64) (at time.Time, commit uint64, ok bool) {
	return v.live.OldestArrival(after)
}

// ScanModel visits the rows of one model by time.
func (v *view) ScanModel(ctx context.Context, t *table.Table, model string, from, to event.Millis, fn func(table.Row) error) error {
	var bad error
	err := v.reading(ctx, func(x *pipeline.View, goes func() bool) error {
		return x.ScanModel(t, model, from, to, func(r table.Row) bool {
			bad = fn(r)
			return bad == nil && goes()
		})
	})
	if bad != nil {
		return bad
	}
	return err
}

// Changes lists the windows that changed after the cursor.
func (v *view) Changes(after web.Cursor) ([]web.Window, web.Cursor, bool) {
	from, _ := after.(pipeline.RollupCursor)
	changed, next, known := v.engine.RollupChanges(from)
	windows := make([]web.Window, len(changed))
	for i, w := range changed {
		windows[i] = web.Window{Table: w.Table, Start: w.Start}
	}
	return windows, next, known
}

// Paths visits conversions by time with the touches that led to them.
func (v *view) Paths(ctx context.Context, model string, from, to event.Millis, fn func(*web.Path) error) error {
	var bad error
	var path web.Path
	err := v.reading(ctx, func(x *pipeline.View, goes func() bool) error {
		return x.Paths(model, from, to, func(p *pipeline.PathOf) bool {
			fillPath(&path, p)
			bad = fn(&path)
			return bad == nil && goes()
		})
	})
	if bad != nil {
		return bad
	}
	return err
}

// PathOf is the path of one conversion.
func (v *view) PathOf(ctx context.Context, id, model string) (path *web.Path, err error) {
	err = v.reading(ctx, func(x *pipeline.View, _ func() bool) error {
		p, err := x.PathByID(id, model)
		if p != nil {
			path = &web.Path{}
			fillPath(path, p)
		}
		return err
	})
	return path, err
}

func fillPath(out *web.Path, p *pipeline.PathOf) {
	out.Conversion, out.Counted, out.Touches = p.Row, p.Counted, out.Touches[:0]
	for i := range p.Touches {
		t := &p.Touches[i]
		out.Touches = append(out.Touches, web.PathTouch{Time: t.Time, Campaign: t.Campaign, Channel: t.Channel})
	}
	for _, c := range p.Credits {
		if c.Position > 0 {
			t := &out.Touches[c.Position-1]
			t.CreditPPM, t.Value = c.PPM, c.Micros
		}
	}
}
