package redis

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// Resync implements sinks.Sink. Every hash and sorted set is written whole and
// takes the place of the old one at once; what the view lacks goes at the end.
// What is held in memory are the rows of a minute and the totals of an hour.
func (s *Sink) Resync(ctx context.Context, v sinks.View) error {
	to := v.Progress()
	if err := s.run(ctx, "begin", to, ""); err != nil {
		return err
	}
	r := &rewriting{w: s.newWriting(to, "write"), tops: map[string]bool{}}
	for _, k := range tables {
		if err := r.table(ctx, v, k); err != nil {
			return fmt.Errorf("writing %s: %w", k.t.Name, err)
		}
	}
	if s.cfg.Lookups.Persons {
		if err := r.persons(ctx, v); err != nil {
			return fmt.Errorf("writing lookups of persons: %w", err)
		}
	}
	if err := r.w.finish(ctx); err != nil {
		return err
	}
	if err := s.sweep(ctx, to, r.tops); err != nil {
		return fmt.Errorf("removing what is no longer there: %w", err)
	}
	return s.run(ctx, "end", to, fmt.Sprintf(`{"epoch":%d,"commit":%d,"watermark":%q,"reset":true}`, to.Epoch, to.Commit, to.Watermark))
}

// rewriting writes a table in the order of its rows, by time.
type rewriting struct {
	w    *writing
	tops map[string]bool // the sorted sets that were written

	k            *kept
	minute, hour event.Millis
	byMinute     map[string]*hash
	byHour       map[string]map[string]int64
	ranked       map[string]map[string]int64 // total, member
}

// hash is what a hash will hold.
type hash struct {
	rows   []string // field, packed, field, packed, ...
	totals map[string]int64
}

func (r *rewriting) table(ctx context.Context, v sinks.View, k *kept) error {
	r.k, r.minute, r.hour = k, event.NoTime, event.NoTime
	r.clearHour()
	r.byMinute = map[string]*hash{}
	take := func(row table.Row, _ uint64) error { return r.row(ctx, row) }
	var err error
	if retention := r.w.s.cfg.Retention.Millis(); retention == 0 {
		err = v.ScanAll(ctx, k.t, take)
	} else {
		now := r.w.s.now()
		for day := (now - retention - event.Hour).Floor(event.Day) / event.Day; day <= now.Add(event.Hour)/event.Day && err == nil; day++ {
			err = v.Scan(ctx, k.t, sinks.Partition{Day: int32(day)}, take)
		}
	}
	if err != nil {
		return err
	}
	return r.endHour(ctx)
}

func (r *rewriting) clearHour() {
	r.byHour, r.ranked = map[string]map[string]int64{}, map[string]map[string]int64{}
}

func (r *rewriting) row(ctx context.Context, row table.Row) error {
	window := event.Millis(row[0].Int)
	if _, ok := r.w.s.alive(window); !ok {
		return nil
	}
	if window != r.minute {
		if err := r.endMinute(ctx); err != nil {
			return err
		}
	}
	if hour := window.Floor(event.Hour); hour != r.hour {
		if err := r.endHour(ctx); err != nil {
			return err
		}
		r.hour = hour
	}
	r.minute = window
	k := r.k
	member := strings.Clone(row[k.member].Text)
	h := r.byMinute[member]
	if h == nil {
		h = &hash{totals: map[string]int64{}}
		r.byMinute[member] = h
	}
	if r.byHour[member] == nil {
		r.byHour[member] = map[string]int64{}
	}
	h.rows = append(h.rows, k.rowField(row), k.pack(row))
	for _, f := range k.figures {
		n := row[f.column].Int
		if n == 0 {
			continue
		}
		total := f.total(row)
		h.totals[total] += n
		r.byHour[member][total] += n
		if f.top {
			if r.ranked[total] == nil {
				r.ranked[total] = map[string]int64{}
			}
			r.ranked[total][member] += n
		}
	}
	return nil
}

// endMinute writes the hashes of the minute that is over.
func (r *rewriting) endMinute(ctx context.Context) error {
	for member, h := range r.byMinute {
		if err := r.hash(ctx, r.w.s.keys.window(r.k.minute, member, r.minute), h); err != nil {
			return err
		}
	}
	clear(r.byMinute)
	return nil
}

// endHour writes the hashes and the ranks of the hour that is over.
func (r *rewriting) endHour(ctx context.Context) error {
	if err := r.endMinute(ctx); err != nil {
		return err
	}
	for member, totals := range r.byHour {
		if err := r.hash(ctx, r.w.s.keys.window(r.k.hour, member, r.hour), &hash{totals: totals}); err != nil {
			return err
		}
	}
	for total, members := range r.ranked {
		if err := r.rank(ctx, total, members); err != nil {
			return err
		}
	}
	r.clearHour()
	return nil
}

func (r *rewriting) hash(ctx context.Context, key string, h *hash) error {
	if err := r.w.room(ctx, 1); err != nil {
		return err
	}
	at, _ := r.w.s.alive(r.hour)
	args := []any{"W", r.w.key(key), int64(at), 0}
	for _, s := range h.rows {
		args = append(args, s)
	}
	for total, n := range h.totals {
		if n != 0 {
			args = append(args, total, n)
		}
	}
	args[3] = (len(args) - 4) / 2
	r.w.add(args...)
	return nil
}

// ranksAtOnce are written to a sorted set by one call.
const ranksAtOnce = 2000

func (r *rewriting) rank(ctx context.Context, total string, members map[string]int64) error {
	var pairs []any
	for member, n := range members {
		if n != 0 {
			pairs = append(pairs, n, member)
		}
	}
	key := r.w.s.keys.top(total, r.hour)
	at, _ := r.w.s.alive(r.hour)
	for first := true; len(pairs) > 0; first = false {
		part := pairs[:min(len(pairs), 2*ranksAtOnce)]
		pairs = pairs[len(part):]
		if err := r.w.room(ctx, 2); err != nil {
			return err
		}
		r.w.add("Z", r.w.key(key), r.w.key(r.w.s.keys.aside), int64(at), flag(first), flag(len(pairs) == 0), len(part)/2)
		r.w.add(part...)
		r.tops[key] = true
	}
	return nil
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// persons writes the entries of persons that have not expired.
func (r *rewriting) persons(ctx context.Context, v sinks.View) error {
	s := r.w.s
	since := s.now() - s.cfg.Lookups.Expire.Millis()
	err := v.ScanAll(ctx, table.Sessions, func(row table.Row, _ uint64) error {
		if event.Millis(row[sessionEnd].Int) <= since {
			return nil
		}
		e := s.session(row[0].Text, row)
		return r.w.person(ctx, &e)
	})
	if err != nil {
		return err
	}
	return v.ScanAll(ctx, table.Conversions, func(row table.Row, _ uint64) error {
		if event.Millis(row[conversionTime].Int) <= since {
			return nil
		}
		credits, err := v.Find(ctx, table.Credits, table.Row{row[0], table.T(linear)})
		if err != nil {
			return err
		}
		e := s.conversion(row[0].Text, row, credits)
		if e.json == "" {
			return nil
		}
		return r.w.person(ctx, &e)
	})
}

// sweep removes the keys of this shard that the resync did not write.
func (s *Sink) sweep(ctx context.Context, to sinks.Progress, tops map[string]bool) error {
	w := s.newWriting(to, "sweep")
	err := s.eachKey(ctx, func(key string) error {
		kind, _, _ := strings.Cut(strings.TrimPrefix(key, s.keys.base), ":")
		var what string
		switch kind {
		case "cursor":
			return nil
		case "m", "mh", "a", "ah", "c", "ch":
			what = "hash"
		case "top":
			if tops[key] {
				return nil
			}
			what = "key"
		case "p":
			if what = "person"; !s.cfg.Lookups.Persons {
				what = "key"
			}
		case "of":
			if s.cfg.Lookups.Persons {
				return nil // expires by itself
			}
			what = "key"
		default:
			what = "key" // of an older layout, or left aside
		}
		if err := w.room(ctx, 1); err != nil {
			return err
		}
		w.add("D", w.key(key), what)
		return nil
	})
	if err != nil {
		return err
	}
	return w.finish(ctx)
}

// eachKey visits the keys of this shard, some of them perhaps twice.
func (s *Sink) eachKey(ctx context.Context, fn func(key string) error) error {
	node, err := s.node(ctx)
	if err != nil {
		return err
	}
	it := node.Scan(ctx, 0, s.keys.base+"*", 1000).Iterator()
	for it.Next(ctx) {
		if err := fn(it.Val()); err != nil {
			return err
		}
	}
	return explained(it.Err())
}

// node is the server that has the keys of this shard.
func (s *Sink) node(ctx context.Context) (redis.Cmdable, error) {
	c, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return s.client, nil
	}
	master, err := c.MasterForKey(ctx, s.keys.cursor)
	if err != nil {
		return nil, explained(fmt.Errorf("finding the node of %s: %w", s.keys.cursor, err))
	}
	return master, nil
}
