package pipeline

import (
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// RollupCursor is a place in the changes of the rollups; the zero value is
// before everything.
type RollupCursor struct {
	rev, cycle uint64
	known      bool
}

// RollupWindow is one window of a rollup table.
type RollupWindow struct {
	Table *table.Table
	Start event.Millis
}

// RollupChanges lists the windows whose rows changed after a cursor, and the
// cursor that stands behind them; a window that changes in the very moment may
// be listed again the next time. False: too much has happened since for it to be
// known, and any window may have changed. hour_delivery and minute_invalid are
// left out: their rows are many, and nobody keeps what was read of them.
//
// Rows stay listed in memory for two cycles of folding (see begin), so a cursor
// that is younger than that misses none. Every row of a commit is changed before
// the commit is published, so none of it is behind the cursor.
func (e *Engine) RollupChanges(after RollupCursor) ([]RollupWindow, RollupCursor, bool) {
	e.published.RLock()
	commit := e.published.commit
	e.published.RUnlock()
	r := e.rollups
	r.mu.RLock()
	defer r.mu.RUnlock()
	next := RollupCursor{rev: uint64(e.store.Epoch())<<40 | commit, cycle: r.folds, known: true}
	if !after.known || r.folds >= after.cycle+2 {
		return nil, next, false
	}
	var out []RollupWindow
	for k, rows := range r.mu.listed {
		if k.table == hourDelivery || k.table == minuteInvalid {
			continue
		}
		for _, x := range rows {
			if x.rev > after.rev {
				out = append(out, RollupWindow{rollups[k.table].table, k.window})
				break
			}
		}
	}
	return out, next, true
}

// ScanModel is ScanRollup over the rows of one model of the two attribution
// tables: it seeks to the model in each window instead of reading them all.
func (v *View) ScanModel(t *table.Table, model string, from, to event.Millis, fn func(table.Row) bool) error {
	n := minuteAttribution
	if t == table.HourByTouch {
		n = hourByTouch
	} else if t != table.MinuteAttribution {
		bug("table %s has no models", t.Name)
	}
	width, lookback := rollups[n].width, v.e.cfg.Attribution.Lookback.Greatest().Millis()
	var fresh []*row
	if !v.exact {
		fresh = v.e.rollups.fresh(n, from, to)
		fresh = slices.DeleteFunc(fresh, func(x *row) bool { return modelOf([]byte(x.key)) != model })
	}
	goes := true
	emit := func(key []byte, r *row) error {
		out, err := rollupRow(key, r, lookback, v.Watermark)
		if out != nil {
			goes = fn(out)
		}
		return err
	}
	it, err := v.snap.NewIter()
	if err != nil {
		return err
	}
	end := rollupKey(nil, n, to)
	first := from.Floor(width)
	if first < from {
		first += width
	}
	key := rollupKey(nil, n, first, model)
	for ok := it.Seek(key); ok && goes && err == nil && string(it.Key()) < string(end); {
		k := it.Key()
		window, at := state.Time(k[2:]), modelOf(k)
		if at != model { // on to the model, in this window or the next
			if at > model {
				window += width
			}
			key = rollupKey(key[:0], n, window, model)
			ok = it.Seek(key)
			continue
		}
		for goes && err == nil && len(fresh) > 0 && fresh[0].key < string(k) {
			err = emit([]byte(fresh[0].key), fresh[0])
			fresh = fresh[1:]
		}
		switch {
		case !goes || err != nil:
		case len(fresh) > 0 && fresh[0].key == string(k): // it stands in place of the stored one
			err = emit(k, fresh[0])
			fresh = fresh[1:]
		default:
			var r row
			if err = r.parse(it.Value()); err == nil {
				err = emit(k, &r)
			}
		}
		ok = it.Next()
	}
	for ; err == nil && goes && len(fresh) > 0; fresh = fresh[1:] {
		err = emit([]byte(fresh[0].key), fresh[0])
	}
	if err2 := it.Close(); err == nil {
		err = err2
	}
	return err
}

// modelOf is the first name of a row's key; empty when it is damaged, which
// reading the row then says.
func modelOf(key []byte) string {
	name, _, err := state.CutText(key[10:])
	if err != nil {
		return ""
	}
	return name
}
