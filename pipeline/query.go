package pipeline

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// IsRollup says whether a table is a sum by window.
func IsRollup(t *table.Table) bool {
	for i := range rollups {
		if rollups[i].table == t {
			return true
		}
	}
	return false
}

// ScanTime visits the rows whose time lies in [from, to): the window of
// rollups, the end of sessions, the conversion's time of conversions and
// credits, the event time of verdicts and late events, the at of the journal.
// Dead letters have no time and all come.
func (v *View) ScanTime(t *table.Table, from, to event.Millis, fn func(table.Row) bool) error {
	if IsRollup(t) {
		return v.ScanRollup(t, from, to, fn)
	}
	within := func(column string) error {
		i := t.Col(column)
		return v.Scan(t, func(r table.Row) bool {
			if at := event.Millis(r[i].Int); at < from || at >= to {
				return true
			}
			return fn(r)
		})
	}
	switch t {
	case table.Conversions, table.Credits:
		return v.byTime(state.ConvTimes, from, to, func(k []byte) (bool, error) {
			c, err := v.conversionAt(string(k[9:]), state.Time(k[1:]))
			if c == nil || err != nil {
				return err == nil, err
			}
			return v.conversionRows(t, c, fn), nil
		})
	case table.Sessions:
		return v.byTime(state.SessionEnds, from, to, func(k []byte) (bool, error) {
			s, err := v.sessionByID(string(k[9:]))
			if s == nil || err != nil {
				return err == nil, err
			}
			return fn(v.sessionRow(s)), nil
		})
	case table.Verdicts, table.LateEvents:
		return within("event_time")
	case table.Journal:
		return within("at")
	}
	return v.Scan(t, fn)
}

func (v *View) byTime(s state.Space, from, to event.Millis, fn func(k []byte) (bool, error)) error {
	return v.scanRange(state.AppendTime([]byte{byte(s)}, from), state.AppendTime([]byte{byte(s)}, to), func(k, _ []byte) (bool, error) {
		return fn(k)
	})
}

// Newest visits conversions by time, or sessions by end, from the newest to
// the oldest in [from, to), beginning before (at, id) where id is not empty.
func (v *View) Newest(t *table.Table, from, to event.Millis, at event.Millis, id string, fn func(table.Row) bool) error {
	s := state.ConvTimes
	if t == table.Sessions {
		s = state.SessionEnds
	}
	lo, hi := state.AppendTime([]byte{byte(s)}, from), state.AppendTime([]byte{byte(s)}, to)
	if id != "" {
		if before := append(state.AppendTime([]byte{byte(s)}, at), id...); string(before) < string(hi) {
			hi = before
		}
	}
	var bad error
	err := v.snap.ScanBack(lo, hi, func(k, _ []byte) bool {
		var row table.Row
		if t == table.Sessions {
			var x *history.Session
			if x, bad = v.sessionByID(string(k[9:])); x != nil {
				row = v.sessionRow(x)
			}
		} else {
			var c *history.Conversion
			if c, bad = v.conversionAt(string(k[9:]), state.Time(k[1:])); c != nil {
				row = conversionRow(c, v.Watermark)
			}
		}
		return bad == nil && (row == nil || fn(row))
	})
	return errors.Join(err, bad)
}

func (v *View) conversionAt(id string, t event.Millis) (*history.Conversion, error) {
	key := history.ConversionKey(nil, id, t)
	value, err := v.snap.Get(key)
	if errors.Is(err, state.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return history.ParseConversion(key, value, v.e.dict)
}

// conversion finds a conversion by its id; nil when there is none.
func (v *View) conversion(id string) (c *history.Conversion, err error) {
	prefix := state.AppendText([]byte{byte(state.Conversions)}, id)
	err = v.scanRange(prefix, state.After(prefix), func(k, value []byte) (bool, error) {
		c, err = history.ParseConversion(k, value, v.e.dict)
		return false, err
	})
	return c, err
}

func (v *View) sessionByID(id string) (*history.Session, error) {
	at, err := v.snap.Get(history.SessionIDKey(nil, id))
	if errors.Is(err, state.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return v.session(at)
}

// Find returns up to limit rows whose first key columns are those of prefix.
func (v *View) Find(t *table.Table, prefix table.Row, limit int) ([]table.Row, error) {
	var out []table.Row
	take := func(r table.Row) bool {
		for i := range prefix {
			if r[i].Text != prefix[i].Text || r[i].Int != prefix[i].Int {
				return true
			}
		}
		out = append(out, r)
		return len(out) < limit
	}
	switch t {
	case table.Conversions, table.Credits:
		c, err := v.conversion(prefix[0].Text)
		if c != nil {
			v.conversionRows(t, c, take)
		}
		return out, err
	case table.Sessions:
		s, err := v.sessionByID(prefix[0].Text)
		if s != nil {
			take(v.sessionRow(s))
		}
		return out, err
	case table.Journal:
		if i := strings.LastIndexByte(prefix[0].Text, '@'); i >= 0 {
			return out, v.journalOf(prefix[0].Text[:i], take)
		}
		return nil, nil
	case table.Verdicts:
		from := state.AppendText([]byte{byte(state.Verdicts)}, prefix[0].Text)
		return out, v.scanRange(from, state.After(from), func(k, value []byte) (bool, error) {
			r, err := verdictRow(k, value)
			return err == nil && take(r), err
		})
	}
	return out, v.Scan(t, take)
}

// Ordered visits the rows of late_events or dead_letters after a key.
func (v *View) Ordered(t *table.Table, after table.Row, fn func(table.Row) bool) error {
	s, parse := state.DeadLetters, deadLetterRow
	from := []byte{byte(s)}
	if t == table.LateEvents {
		s, parse = state.LateEvents, lateRow
		from[0] = byte(s)
		if after != nil {
			from = state.AppendTime(state.AppendText(from, after[0].Text), event.Millis(after[1].Int))
			from = append(append(from, after[2].Text...), 0)
		}
	} else if after != nil {
		from = append(append(from, after[0].Text...), 0)
	}
	return v.scanRange(from, []byte{byte(s) + 1}, func(k, value []byte) (bool, error) {
		r, err := parse(k, value)
		return err == nil && fn(r), err
	})
}

// Changed is one row that changed since a commit: its table and key, and the
// row as it stands in the view, nil when it is gone. Of a conversion all credit
// rows come, after one without a model that stands for those that are gone.
type Changed struct {
	Table *table.Table
	Key   table.Row
	Row   table.Row
	Rev   uint64
}

// ErrForgotten says that the outbox no longer reaches back to a commit.
var ErrForgotten = errors.New("the changes since that commit are not kept any more")

// ChangesAfter lists the rows that changed after a commit, whole commits in
// order, until limit keys are reached; upTo is the last commit that is in it.
func (v *View) ChangesAfter(after uint64, limit int) (changes []Changed, upTo uint64, more bool, err error) {
	first, err := v.outboxFirst()
	if err != nil {
		return nil, 0, false, err
	}
	if after+1 < first {
		return nil, 0, false, ErrForgotten
	}
	upTo = v.Commit
	seen := map[string]bool{}
	var keys []string
	last := after
	err = v.scanRange(outboxKey(after+1, 0), outboxKey(v.Commit+1, 0), func(k, key []byte) (bool, error) {
		commit := binary.BigEndian.Uint64(k[1:])
		if commit != last && len(keys) >= limit {
			upTo, more = last, true
			return false, nil
		}
		last = commit
		if !seen[string(key)] {
			seen[string(key)] = true
			keys = append(keys, string(key))
		}
		return true, nil
	})
	if err != nil {
		return nil, 0, false, err
	}
	slices.Sort(keys)
	for _, k := range keys {
		if changes, err = v.changeOf([]byte(k), changes); err != nil {
			return nil, 0, false, err
		}
	}
	return changes, upTo, more, nil
}

// outboxFirst is the first commit whose changes are kept.
func (v *View) outboxFirst() (uint64, error) {
	b, err := v.snap.Get(metaOutbox)
	if errors.Is(err, state.ErrNotFound) {
		return 1, nil
	}
	if err != nil || len(b) != 8 {
		return 0, errors.Join(errDamaged, err)
	}
	return binary.BigEndian.Uint64(b), nil
}

var metaOutbox = []byte("Moutbox")

// TrimOutbox forgets the changes up to a commit that every sink has.
func (e *Engine) TrimOutbox(upTo uint64) error {
	b := e.store.NewBatch()
	b.DeleteRange([]byte{byte(state.Outbox)}, outboxKey(upTo+1, 0))
	b.Set(metaOutbox, binary.BigEndian.AppendUint64(nil, upTo+1))
	return b.Commit()
}

// changeOf reads the row that a state key stands for.
func (v *View) changeOf(key []byte, out []Changed) ([]Changed, error) {
	get := func() ([]byte, error) {
		b, err := v.snap.Get(key)
		if errors.Is(err, state.ErrNotFound) {
			return nil, nil
		}
		return b, err
	}
	simple := func(t *table.Table, row table.Row, keyOnly table.Row, err error) ([]Changed, error) {
		c := Changed{Table: t, Key: keyOnly, Row: row, Rev: v.rev()}
		if row != nil {
			c.Key = row[:t.Keys]
		}
		return append(out, c), err
	}
	value, err := get()
	if err != nil {
		return nil, err
	}
	switch state.Space(key[0]) {
	case state.Rollups:
		t := rollups[key[1]].table
		r := row{}
		if value != nil {
			if err := r.parse(value); err != nil {
				return nil, err
			}
		}
		full, err := rollupRow(key, &r, v.e.cfg.Attribution.Lookback.Greatest().Millis(), v.Watermark)
		if full != nil || err != nil {
			return simple(t, full, nil, err)
		}
		r.n[0] = 1 // only to read the key
		keyOnly, err := rollupRow(key, &r, 0, v.Watermark)
		if err != nil {
			return nil, err
		}
		return simple(t, nil, keyOnly[:t.Keys], nil)
	case state.SessionIDs:
		id := table.Row{table.T(string(key[1:]))}
		if value == nil {
			return simple(table.Sessions, nil, id, nil)
		}
		s, err := v.session(value)
		if err != nil {
			return nil, err
		}
		return simple(table.Sessions, v.sessionRow(s), id, nil)
	case state.Conversions:
		id, _, err := state.CutText(key[1:])
		if err != nil {
			return nil, err
		}
		c, err := v.conversion(id)
		if err != nil {
			return nil, err
		}
		out = append(out, Changed{Table: table.Credits, Key: table.Row{table.T(id), table.T(""), table.I(0)}, Rev: v.rev()})
		if c == nil {
			return simple(table.Conversions, nil, table.Row{table.T(id)}, nil)
		}
		v.conversionRows(table.Credits, c, func(r table.Row) bool {
			out = append(out, Changed{Table: table.Credits, Key: r[:table.Credits.Keys], Row: r, Rev: c.Rev})
			return true
		})
		return simple(table.Conversions, conversionRow(c, v.Watermark), nil, nil)
	case state.Journal:
		if value == nil {
			if isJournalRecord(key) { // erased: its rows stand in the outbox one by one
				return out, nil
			}
			return simple(table.Journal, nil, table.Row{table.T(string(key[1:]))}, nil)
		}
		_, err := v.journalRows(key, value, func(r table.Row) bool {
			out, _ = simple(table.Journal, r, nil, nil)
			return true
		})
		return out, err
	case state.Verdicts:
		full := value
		if full == nil {
			full = appendVerdict(nil, &history.Event{}, "", "")
		}
		r, err := verdictRow(key, full)
		if err != nil {
			return nil, err
		}
		if value == nil {
			return simple(table.Verdicts, nil, r[:table.Verdicts.Keys], nil)
		}
		return simple(table.Verdicts, r, nil, nil)
	case state.LateEvents:
		if value == nil { // erased: the key says which row it was
			r, err := lateRow(key, state.AppendText(state.AppendTime(nil, 0), ""))
			if err != nil {
				return nil, err
			}
			return simple(table.LateEvents, nil, r[:table.LateEvents.Keys], nil)
		}
		r, err := lateRow(key, value)
		return simple(table.LateEvents, r, nil, err)
	case state.DeadLetters:
		r, err := parsed(deadLetterRow, key, value)
		return simple(table.DeadLetters, r, table.Row{table.T(string(key[1:]))}, err)
	}
	bug("the outbox holds a key of space %q", key[0])
	return nil, nil
}

func parsed(parse func(k, v []byte) (table.Row, error), key, value []byte) (table.Row, error) {
	if value == nil {
		return nil, nil
	}
	return parse(key, value)
}

func (v *View) rev() uint64 { return uint64(v.e.store.Epoch())<<40 | v.Commit }

// Outbox is the last commit, and how many keys went into the outbox since the
// engine was opened.
func (e *Engine) Outbox() (commit uint64, keys int64) {
	e.published.RLock()
	defer e.published.RUnlock()
	return e.published.commit, e.published.outbox
}

// LastCommit is the number of a store's last commit, without opening an engine.
func LastCommit(s *state.Store) (uint64, error) {
	m, err := readMeta(s)
	return m.Commit, err
}

// Published is what readers see: the last tick that was applied.
type Published struct {
	Commit    uint64
	Watermark event.Millis
	Counts    Counts
}

// Published never waits for the disk.
func (e *Engine) Published() Published {
	e.published.RLock()
	defer e.published.RUnlock()
	return Published{e.published.commit, e.published.watermark, e.published.counts.clone()}
}

// Shards is how many shards share the work.
func (e *Engine) Shards() int { return len(e.shards) }
