package pipeline

import (
	"errors"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// View is the tables as of one commit. Any number may be open beside the
// engine; close each soon. Rollup rows that wait in memory to be written are
// taken when they are asked for, so that they may be some ticks newer than the
// rest; right after a fold there are none, and the view is one commit exactly.
type View struct {
	e         *Engine
	snap      *state.Snapshot
	buckets   *history.Buckets
	exact     bool // everything is in the snapshot
	Commit    uint64
	Watermark event.Millis
	Counts    Counts
}

// View freezes the last tick that was applied.
func (e *Engine) View() *View {
	e.published.RLock()
	defer e.published.RUnlock()
	v := &View{e: e, snap: e.store.Snapshot(), Commit: e.published.commit, Watermark: e.published.watermark, Counts: e.published.counts.clone(), buckets: e.published.buckets}
	return v
}

// Close releases the view.
func (v *View) Close() error { return v.snap.Close() }

// Scan visits a table's rows in the order of its key.
func (v *View) Scan(t *table.Table, fn func(table.Row) bool) error {
	for i := range rollups {
		if rollups[i].table == t {
			return v.ScanRollup(t, event.NoTime, event.EndOfTime, fn)
		}
	}
	switch t {
	case table.Conversions, table.Credits:
		return v.scanSpace(state.Conversions, func(k, value []byte) (bool, error) {
			c, err := history.ParseConversion(k, value, v.e.dict)
			if err != nil {
				return false, err
			}
			return v.conversionRows(t, c, fn), nil
		})
	case table.Sessions:
		return v.scanSpace(state.SessionIDs, func(_, at []byte) (bool, error) {
			s, err := v.session(at)
			if err != nil {
				return false, err
			}
			return fn(v.sessionRow(s)), nil
		})
	case table.Journal:
		return v.scanSpace(state.Journal, func(k, value []byte) (bool, error) { return v.journalRows(k, value, fn) })
	case table.Verdicts:
		return v.scanRows(state.Verdicts, verdictRow, fn)
	case table.LateEvents:
		return v.scanRows(state.LateEvents, lateRow, fn)
	case table.DeadLetters:
		return v.scanRows(state.DeadLetters, deadLetterRow, fn)
	}
	return nil // triggers: no rules yet
}

func (v *View) conversionRows(t *table.Table, c *history.Conversion, fn func(table.Row) bool) bool {
	if t == table.Conversions {
		return fn(conversionRow(c, v.Watermark))
	}
	credits := creditsOf(&v.e.cfg.Attribution, c)
	for i := range credits {
		if !fn(creditRow(c, &credits[i])) {
			return false
		}
	}
	return true
}

func (v *View) sessionRow(s *history.Session) table.Row {
	return sessionRow(s, v.e.cfg.Sessions.Gap.Millis(), v.Watermark)
}

func (v *View) session(at []byte) (*history.Session, error) {
	value, err := v.snap.Get(at)
	if err != nil {
		return nil, err
	}
	return history.ParseSession(at, value)
}

func (v *View) scanSpace(s state.Space, fn func(k, value []byte) (bool, error)) error {
	return v.scanRange([]byte{byte(s)}, []byte{byte(s) + 1}, fn)
}

func (v *View) scanRange(from, to []byte, fn func(k, value []byte) (bool, error)) error {
	var bad error
	err := v.snap.Scan(from, to, func(k, value []byte) bool {
		var goes bool
		goes, bad = fn(k, value)
		return goes && bad == nil
	})
	return errors.Join(err, bad)
}

func (v *View) scanRows(s state.Space, parse func(k, value []byte) (table.Row, error), fn func(table.Row) bool) error {
	return v.scanSpace(s, func(k, value []byte) (bool, error) {
		r, err := parse(k, value)
		if err != nil {
			return false, err
		}
		return fn(r), nil
	})
}

// ScanRollup visits the rows of a rollup table whose window begins in
// [from, to), in the order of the key.
func (v *View) ScanRollup(t *table.Table, from, to event.Millis, fn func(table.Row) bool) error {
	n := slices.IndexFunc(rollups, func(x struct {
		table *table.Table
		width event.Millis
		sums  int
	},
	) bool {
		return x.table == t
	})
	if n < 0 {
		bug("table %s is no rollup", t.Name)
	}
	lo := rollupKey(nil, byte(n), from)
	hi := rollupKey(nil, byte(n), to)
	lookback := v.e.cfg.Attribution.Lookback.Greatest().Millis()
	var fresh []*row
	if !v.exact {
		fresh = v.e.rollups.fresh(byte(n), from, to)
	}
	goes := true
	emit := func(key []byte, r *row) (err error) {
		out, err := rollupRow(key, r, lookback, v.Watermark)
		if out != nil {
			goes = fn(out)
		}
		return err
	}
	err := v.scanRange(lo, hi, func(k, value []byte) (bool, error) {
		for goes && len(fresh) > 0 {
			order := strings.Compare(fresh[0].key, string(k))
			if order > 0 {
				break
			}
			x := fresh[0]
			fresh = fresh[1:]
			if err := emit([]byte(x.key), x); err != nil || order == 0 {
				return goes, err // it stands in place of the stored one
			}
		}
		if !goes {
			return false, nil
		}
		var r row
		if err := r.parse(value); err != nil {
			return false, err
		}
		return goes, emit(k, &r)
	})
	for ; err == nil && goes && len(fresh) > 0; fresh = fresh[1:] {
		err = emit([]byte(fresh[0].key), fresh[0])
	}
	return err
}

// ScanWhere visits the rows whose key satisfies where, in the order of the key.
// Rows of conversions are not decoded further than their id when it does not.
func (v *View) ScanWhere(t *table.Table, where func(key table.Row) bool, fn func(table.Row) bool) error {
	if t != table.Conversions && t != table.Credits {
		return v.Scan(t, func(r table.Row) bool { return !where(r[:t.Keys]) || fn(r) })
	}
	return v.scanSpace(state.Conversions, func(k, value []byte) (bool, error) {
		id, _, err := state.CutText(k[1:])
		if err != nil {
			return false, err
		}
		if !where(table.Row{table.T(id), {}, {}}[:t.Keys]) {
			return true, nil
		}
		c, err := history.ParseConversion(k, value, v.e.dict)
		if err != nil {
			return false, err
		}
		return v.conversionRows(t, c, fn), nil
	})
}

// ScanKeys visits the keys of a table; of credits only the conversion's id is
// set.
func (v *View) ScanKeys(t *table.Table, fn func(key table.Row) bool) error {
	if t == table.Conversions || t == table.Credits {
		return v.scanSpace(state.Conversions, func(k, _ []byte) (bool, error) {
			id, _, err := state.CutText(k[1:])
			return err == nil && fn(table.Row{table.T(id), {}, {}}[:t.Keys]), err
		})
	}
	return v.Scan(t, func(r table.Row) bool { return fn(r[:t.Keys]) })
}
