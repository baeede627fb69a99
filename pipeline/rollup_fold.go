package pipeline

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// Folding writes the rollup rows that changed, in cycles. A cycle begins with
// the rows that wait, writes some of them with each commit, and at its end
// forgets the packed changes up to its beginning: every row that they touched
// has been written since, with a revision by which recovery knows what it
// includes. So no commit has to write a hundred thousand rows at once.

// foldState is the part of a rollupStore that folding owns.
type foldState struct {
	waiting []*row // changed, and not in the queue
	queue   []*row // still to be written in this cycle
	commit  uint64 // at which the cycle began; 0: there is none
	least   int    // rows that each commit of a cycle writes at the least
	part    int    // rows that each commit of the cycle writes
	folds   uint64 // cycles so far
	since   int    // commits since everything was last written
}

// foldShare is the least share of the queue that a commit of a cycle writes.
const foldShare = 128

// apply adds a change to a row.
func (r *rollupStore) apply(x *row, n *sums, restated bool, rev uint64) {
	for i := range n {
		x.n[i] += n[i]
	}
	x.restated = x.restated || restated
	x.rev, x.used = rev, r.folds
	if !x.dirty {
		x.dirty = true
		r.waiting = append(r.waiting, x)
	}
	if !x.listed {
		x.listed = true
		k := windowOf(x.key)
		r.mu.listed[k] = append(r.mu.listed[k], x)
	}
}

// fresh copies the rows of a table in [from, to) that changed lately, in the
// order of their keys. A row stays among them for a cycle after it was written,
// so that a reader whose snapshot is from before finds it here.
func (r *rollupStore) fresh(t byte, from, to event.Millis) []*row {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []*row
	for k, rows := range r.mu.listed {
		if k.table != t || k.window < from || k.window >= to {
			continue
		}
		for _, x := range rows {
			copied := *x
			out = append(out, &copied)
		}
	}
	slices.SortFunc(out, func(a, b *row) int { return strings.Compare(a.key, b.key) })
	return out
}

// begin starts a cycle, unless one is under way.
func (r *rollupStore) begin(commit uint64) {
	if r.commit != 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.commit = commit
	r.queue, r.waiting = r.waiting, nil
	r.part = max(r.least, len(r.queue)/foldShare)
	r.folds++
	for k, rows := range r.mu.listed {
		rows = slices.DeleteFunc(rows, func(x *row) bool {
			x.listed = x.dirty || x.used+2 > r.folds
			return !x.listed
		})
		if r.mu.listed[k] = rows; len(rows) == 0 {
			delete(r.mu.listed, k)
		}
	}
	if len(r.mu.rows) > maxRows {
		for k, x := range r.mu.rows {
			if x.used+16 < r.folds && !x.listed {
				delete(r.mu.rows, k)
				delete(r.young, windowOf(k))
			}
		}
		clear(r.byDims)
	}
}

// step goes on with the cycle, if there is one. changed is called for the key of
// every row that is written.
func (r *rollupStore) step(b *state.Batch, changed func(key []byte)) {
	if r.commit == 0 {
		return
	}
	n := min(len(r.queue), r.part)
	r.write(r.queue[:n], b, changed)
	if r.queue = r.queue[n:]; len(r.queue) > 0 {
		return
	}
	b.DeleteRange([]byte{byte(state.Deltas)}, deltaKey(r.commit+1))
	r.commit, r.queue = 0, nil
}

// all writes every row that changed, as of a commit that has been merged.
func (r *rollupStore) all(b *state.Batch, commit uint64, changed func(key []byte)) {
	r.write(r.queue, b, changed)
	r.commit, r.queue = 0, nil
	r.begin(commit)
	r.write(r.queue, b, changed)
	b.DeleteRange([]byte{byte(state.Deltas)}, deltaKey(commit+1))
	r.commit, r.queue, r.since = 0, nil, 0
}

func (r *rollupStore) write(rows []*row, b *state.Batch, changed func(key []byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var key, value []byte
	for _, x := range rows {
		x.dirty = false
		key = append(key[:0], x.key...)
		value = x.appendValue(value[:0], rollups[key[1]].sums)
		b.Set(key, value)
		changed(key)
	}
}

// recover brings rows up to date from the packed changes of commits that were
// not folded in before the process ended. They count as commits since then: also
// when no record comes any more, the rows have to be written, as only that puts
// them into the outbox.
func (r *rollupStore) recover(dict *history.Dict) error {
	var bad error
	err := r.store.Scan([]byte{byte(state.Deltas)}, []byte{byte(state.Deltas) + 1}, func(k, v []byte) bool {
		bad = r.unpack(v, dict)
		r.since++
		return bad == nil
	})
	return errors.Join(err, bad)
}

func (r *rollupStore) unpack(v []byte, dict *history.Dict) error {
	damaged := errors.New("damaged rollup changes")
	if len(v) < 8 {
		return damaged
	}
	rev := binary.BigEndian.Uint64(v)
	v = v[8:]
	for len(v) > 0 {
		if len(v) < 3 {
			return damaged
		}
		kind, flags := v[0], v[1]
		id, k := binary.Uvarint(v[2:])
		if k <= 0 {
			return damaged
		}
		v = v[2+k:]
		var n sums
		switch kind {
		case packedDelivery:
			minute, k := binary.Varint(v)
			if k <= 0 {
				return damaged
			}
			x := &deliveryDelta{minute: event.Millis(minute) * event.Minute, minuteRestated: flags&1 != 0, hourRestated: flags&2 != 0}
			if v = cutSums(v[k:], &x.n); v == nil {
				return damaged
			}
			var err error
			if x.d, err = dict.Get(uint32(id)); err != nil {
				return err
			}
			if err := r.redeliver(x, rev); err != nil {
				return err
			}
		case packedRow:
			if id > uint64(len(v)) || id < 10 {
				return damaged
			}
			x, err := r.find(v[:id])
			if err != nil {
				return err
			}
			if v = cutSums(v[id:], &n); v == nil {
				return damaged
			}
			if rev > x.base {
				r.apply(x, &n, flags&1 != 0, rev)
			}
		default:
			return damaged
		}
	}
	return nil
}

// cutSums reads what appendSums wrote and returns the rest, nil if damaged.
func cutSums(v []byte, n *sums) []byte {
	if len(v) == 0 {
		return nil
	}
	mask := v[0]
	v = v[1:]
	for i := range n {
		if mask>>i&1 == 0 {
			continue
		}
		x, k := binary.Varint(v)
		if k <= 0 {
			return nil
		}
		n[i], v = x, v[k:]
	}
	return v[:len(v):len(v)]
}

// redeliver applies a change of delivery to those of its rows that were written
// before it.
func (r *rollupStore) redeliver(x *deliveryDelta, rev uint64) error {
	minute, err := r.find(minuteDeliveryKey(nil, x.minute, x.d))
	if err != nil {
		return err
	}
	hour, err := r.find(hourDeliveryKey(nil, x.minute.Floor(event.Hour), x.d))
	if err != nil {
		return err
	}
	if rev > minute.base {
		r.apply(minute, &x.n, x.minuteRestated, rev)
	}
	if rev > hour.base {
		r.apply(hour, &x.n, x.hourRestated, rev)
	}
	return nil
}
