package pipeline

import (
	"errors"
	"slices"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// View is the tables as of one commit. Any number may be open beside the
// engine; close each soon.
type View struct {
	e         *Engine
	snap      *state.Snapshot
	fresh     map[string]*row // rollup rows that are newer than the snapshot's
	freshKeys []string
	buckets   *history.Buckets
	Commit    uint64
	Watermark event.Millis
	Counts    Counts
}

// View freezes the last tick that was applied.
func (e *Engine) View() *View {
	e.published.RLock()
	defer e.published.RUnlock()
	v := &View{e: e, snap: e.store.Snapshot(), Commit: e.published.commit, Watermark: e.published.watermark, Counts: e.published.counts.clone(), buckets: e.published.buckets}
	e.rollups.mu.RLock()
	defer e.rollups.mu.RUnlock()
	v.fresh = make(map[string]*row, len(e.rollups.mu.dirty))
	for _, r := range e.rollups.mu.dirty {
		x := *r
		v.fresh[x.key] = &x
		v.freshKeys = append(v.freshKeys, x.key)
	}
	slices.Sort(v.freshKeys)
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
		return v.scanRows(state.Journal, journalRow, fn)
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
	}) bool {
		return x.table == t
	})
	if n < 0 {
		bug("table %s is no rollup", t.Name)
	}
	lo := rollupKey(nil, byte(n), from)
	hi := rollupKey(nil, byte(n), to)
	lookback := v.e.cfg.Attribution.Lookback.Greatest().Millis()
	i, _ := slices.BinarySearch(v.freshKeys, string(lo))
	emit := func(key []byte, r *row) (bool, error) {
		out, err := rollupRow(key, r, lookback, v.Watermark)
		if out == nil || err != nil {
			return err == nil, err
		}
		return fn(out), nil
	}
	goes := true
	freshUpTo := func(key string) (err error) {
		for ; goes && err == nil && i < len(v.freshKeys) && v.freshKeys[i] < key; i++ {
			goes, err = emit([]byte(v.freshKeys[i]), v.fresh[v.freshKeys[i]])
		}
		return err
	}
	err := v.scanRange(lo, hi, func(k, value []byte) (bool, error) {
		if err := freshUpTo(string(k)); err != nil || !goes {
			return false, err
		}
		if v.fresh[string(k)] != nil {
			return true, nil // it comes from memory
		}
		var r row
		if err := r.parse(value); err != nil {
			return false, err
		}
		var err error
		goes, err = emit(k, &r)
		return goes, err
	})
	if err == nil && goes {
		err = freshUpTo(string(hi))
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
