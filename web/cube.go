package web

import (
	linked "container/list"
	"context"
	"errors"
	"sync"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// cube keeps the sums of windows that were read, so that an answer over a month
// or over the last hour reads only what changed since the one before. Every
// figure of the API and of the live feed comes through it.
//
// A chunk holds one minute or one hour of one table (and model). It is dropped
// when the view says that a window in it changed; until then it is what a scan
// would give. Statuses are not stored but follow from the watermark, as a row
// becomes final without being written.
type cube struct {
	view View

	mu struct {
		sync.Mutex
		cursor  Cursor
		chunks  map[chunkKey]*linked.Element // of *chunk, the last used in front
		used    *linked.List
		parts   int
		loading map[chunkKey]*load
		hot     map[chunkKey]bool // hours that were dropped: they are put together of minutes
	}
	maxParts int
}

// maxParts bounds the cube: about 150 bytes a part.
const maxParts = 700_000

type chunkKey struct {
	table *table.Table
	model string // of the attribution tables
	start event.Millis
	hour  bool // an hour of a table that has minutes
}

// chunk is one window. Nothing in it changes once it is made.
type chunk struct {
	key    chunkKey
	parts  []part
	totals []total // by currency
}

// part is the sum of the rows of one place.
type part struct {
	place
	counts   [6]int64
	a, b     sum
	restated bool
	minute   event.Millis // the last window in the part: it is closed when that is
}

// total is what the parts of one currency come to.
type total struct {
	currency string
	figures  figures
	restated bool
	minute   event.Millis
}

// load is a chunk being read; stale when a window in it changed meanwhile.
type load struct {
	done  chan struct{}
	stale bool
	chunk *chunk
	err   error
}

func newCube(v View) *cube {
	c := &cube{view: v, maxParts: maxParts}
	c.forgetLocked()
	c.mu.loading = map[chunkKey]*load{}
	return c
}

func (c *cube) forgetLocked() {
	c.mu.chunks, c.mu.used, c.mu.parts = map[chunkKey]*linked.Element{}, linked.New(), 0
	c.mu.hot = map[chunkKey]bool{}
	for _, l := range c.mu.loading {
		l.stale = true
	}
}

// refresh drops what has changed. Whoever reads calls it first.
func (c *cube) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	windows, next, known := c.view.Changes(c.mu.cursor)
	c.mu.cursor = next
	if !known {
		c.forgetLocked()
		return
	}
	for _, w := range windows {
		c.dropLocked(chunkKey{table: w.Table, start: w.Start})
		if widthOf(w.Table) == event.Minute {
			c.dropLocked(chunkKey{table: w.Table, start: w.Start.Floor(event.Hour), hour: true})
		}
	}
}

// dropLocked drops a window under every model.
func (c *cube) dropLocked(k chunkKey) {
	drop := func(k chunkKey) {
		if e := c.mu.chunks[k]; e != nil {
			c.removeLocked(e)
			if k.hour {
				c.mu.hot[k] = true
			}
		}
		if l := c.mu.loading[k]; l != nil {
			l.stale = true
		}
	}
	if k.table != table.MinuteAttribution && k.table != table.HourByTouch {
		drop(k)
		return
	}
	for _, k.model = range Models {
		drop(k)
	}
}

func (c *cube) removeLocked(e *linked.Element) {
	x := e.Value.(*chunk)
	c.mu.parts -= x.size()
	delete(c.mu.chunks, x.key)
	c.mu.used.Remove(e)
}

func (x *chunk) size() int { return len(x.parts) + 1 }

func widthOf(t *table.Table) event.Millis {
	if t == table.HourByTouch || t == table.HourDelivery {
		return event.Hour
	}
	return event.Minute
}

// each calls fn for the chunks that make up [from, to), whose ends are multiples
// of the table's width: whole hours where they fit, and cut does not say that
// something divides them.
func (c *cube) each(ctx context.Context, t *table.Table, model string, from, to event.Millis, cut func(from, to event.Millis) bool, fn func(*chunk)) error {
	width, read := widthOf(t), from
	for at := from; at < to; {
		k := chunkKey{table: t, model: model, start: at}
		next := at + width
		if width == event.Minute && at.Floor(event.Hour) == at && at+event.Hour <= to && (cut == nil || !cut(at, at+event.Hour)) {
			k.hour, next = true, at+event.Hour
		}
		if at >= read { // what is missing from here on is read together
			read = min(to, at.Floor(event.Hour)+event.Hour)
			step := width
			if k.hour || width == event.Hour {
				step = event.Hour
				for read = at + step; read+step <= to && read-at < togetherHours*event.Hour && (cut == nil || !cut(read, read+step)); {
					read += step
				}
			}
			if err := c.readTogether(ctx, k, step, read); err != nil {
				return err
			}
		}
		x, err := c.get(ctx, k)
		if err != nil {
			return err
		}
		fn(x)
		at = next
	}
	return nil
}

// get is a chunk, read when it is not there.
func (c *cube) get(ctx context.Context, k chunkKey) (*chunk, error) {
	for {
		c.mu.Lock()
		if e := c.mu.chunks[k]; e != nil {
			c.mu.used.MoveToFront(e)
			c.mu.Unlock()
			return e.Value.(*chunk), nil
		}
		l := c.mu.loading[k]
		if l == nil || l.stale {
			l = &load{done: make(chan struct{})}
			c.mu.loading[k] = l
			hot := c.mu.hot[k]
			c.mu.Unlock()
			c.fill(ctx, k, l, hot)
			return l.chunk, l.err
		}
		c.mu.Unlock()
		select {
		case <-l.done:
			if l.err == nil {
				return l.chunk, nil
			}
			if !errors.Is(l.err, context.Canceled) && !errors.Is(l.err, context.DeadlineExceeded) {
				return nil, l.err
			}
			// whoever read it gave up; this one has not
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// errEnded is what others see of a reading that panicked.
var errEnded = errors.New("reading figures ended early")

func (c *cube) fill(ctx context.Context, k chunkKey, l *load, hot bool) {
	l.err = errEnded
	defer c.put(k, l)
	l.chunk, l.err = c.read(ctx, k, hot)
}

func (c *cube) put(k chunkKey, l *load) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(l.done)
	if c.mu.loading[k] == l {
		delete(c.mu.loading, k)
	}
	if l.err != nil || l.stale {
		return
	}
	c.mu.chunks[k] = c.mu.used.PushFront(l.chunk)
	for c.mu.parts += l.chunk.size(); c.mu.parts > c.maxParts && c.mu.used.Len() > 1; {
		c.removeLocked(c.mu.used.Back())
	}
}

// read makes a chunk. An hour that keeps changing is put together of its
// minutes, of which only those that changed are read.
func (c *cube) read(ctx context.Context, k chunkKey, hot bool) (*chunk, error) {
	b := builder{at: map[place]int{}}
	if k.hour && hot {
		if err := c.readTogether(ctx, chunkKey{table: k.table, model: k.model, start: k.start}, event.Minute, k.start+event.Hour); err != nil {
			return nil, err
		}
		for at := k.start; at < k.start+event.Hour; at += event.Minute {
			x, err := c.get(ctx, chunkKey{table: k.table, model: k.model, start: at})
			if err != nil {
				return nil, err
			}
			for i := range x.parts {
				b.merge(&x.parts[i])
			}
		}
		return b.chunk(k), nil
	}
	end := k.start + widthOf(k.table)
	if k.hour {
		end = k.start + event.Hour
	}
	if err := c.scan(ctx, k, end, func(event.Millis) *builder { return &b }); err != nil {
		return nil, err
	}
	return b.chunk(k), nil
}

// scan adds the rows from the chunk's start to end to the builders of their
// windows.
func (c *cube) scan(ctx context.Context, k chunkKey, end event.Millis, of func(window event.Millis) *builder) error {
	switch k.table {
	case table.MinuteDelivery:
		return c.view.Scan(ctx, k.table, k.start, end, func(r table.Row) error { return of(event.Millis(r[0].Int)).delivery(r) })
	case table.MinuteConversions:
		return c.view.Scan(ctx, k.table, k.start, end, func(r table.Row) error { return of(event.Millis(r[0].Int)).conversions(r) })
	}
	return c.view.ScanModel(ctx, k.table, k.model, k.start, end, func(r table.Row) error { return of(event.Millis(r[0].Int)).credit(r) })
}

const (
	leastTogether = 4  // chunks that are missing, from which on one scan is better than several
	togetherHours = 24 // the longest that is read with one scan
)

// readTogether reads the chunks from k's start to end, each one step long, that
// are not there, with one scan where they are several. What others are reading
// is left to them, and so are hours that keep changing.
func (c *cube) readTogether(ctx context.Context, k chunkKey, step, end event.Millis) error {
	keyAt := func(at event.Millis) chunkKey {
		m := k
		m.start = at
		return m
	}
	loads, builders := map[event.Millis]*load{}, map[event.Millis]*builder{}
	first, last := end, k.start
	c.mu.Lock()
	for at := k.start; at < end; at += step {
		m := keyAt(at)
		if c.mu.chunks[m] == nil && c.mu.loading[m] == nil && !c.mu.hot[m] {
			loads[at], builders[at] = &load{done: make(chan struct{}), err: errEnded}, &builder{at: map[place]int{}}
			first, last = min(first, at), max(last, at)
		}
	}
	if len(loads) < leastTogether {
		c.mu.Unlock()
		return nil
	}
	for at, l := range loads {
		c.mu.loading[keyAt(at)] = l
	}
	c.mu.Unlock()
	defer func() {
		for at, l := range loads {
			c.put(keyAt(at), l)
		}
	}()
	var others builder
	err := c.scan(ctx, keyAt(first), last+step, func(window event.Millis) *builder {
		if b := builders[window.Floor(step)]; b != nil {
			return b
		}
		others = builder{at: map[place]int{}} // it is there, or another reads it
		return &others
	})
	for at, l := range loads {
		if l.err = err; err == nil {
			l.chunk = builders[at].chunk(keyAt(at))
		}
	}
	return err
}

// builder sums rows by place.
type builder struct {
	at    map[place]int
	parts []part
}

func (b *builder) part(p place, window event.Millis) *part {
	i, ok := b.at[p]
	if !ok {
		i = len(b.parts)
		b.at[p] = i
		b.parts = append(b.parts, part{place: p, minute: window})
	}
	x := &b.parts[i]
	x.minute = max(x.minute, window)
	return x
}

func (b *builder) delivery(r table.Row) error {
	x := b.part(place{campaign: r[1].Text, channel: r[2].Text, currency: r[3].Text}, event.Millis(r[0].Int))
	n := r[dlvImpressions:]
	for i := range 6 {
		x.counts[i] += n[i].Int
	}
	x.a.add(n[6].Int)
	x.b.add(n[7].Int)
	x.restated = x.restated || r[dlvStatus].Text == "restated"
	return nil
}

func (b *builder) conversions(r table.Row) error {
	x := b.part(place{currency: r[2].Text}, event.Millis(r[0].Int))
	n := r[cnvCounts:]
	for i := range 4 {
		x.counts[i] += n[i].Int
	}
	x.a.add(n[4].Int)
	x.counts[4] += n[5].Int
	x.restated = x.restated || r[cnvStatus].Text == "restated"
	return nil
}

func (b *builder) credit(r table.Row) error {
	x := b.part(place{campaign: r[2].Text, channel: r[3].Text, currency: r[4].Text}, event.Millis(r[0].Int))
	x.a.add(r[attPPM].Int)
	x.b.add(r[attPPM+1].Int)
	x.restated = x.restated || r[attPPM+2].Text == "restated"
	return nil
}

func (b *builder) merge(o *part) {
	x := b.part(o.place, o.minute)
	for i, n := range o.counts {
		x.counts[i] += n
	}
	x.a.addSum(o.a)
	x.b.addSum(o.b)
	x.restated = x.restated || o.restated
}

func (b *builder) chunk(k chunkKey) *chunk {
	x := &chunk{key: k, parts: b.parts}
	for i := range b.parts {
		c := &b.parts[i]
		j := 0
		for j < len(x.totals) && x.totals[j].currency != c.currency {
			j++
		}
		if j == len(x.totals) {
			x.totals = append(x.totals, total{currency: c.currency})
		}
		t := &x.totals[j]
		c.addTo(&t.figures, k.table)
		t.restated = t.restated || c.restated
		t.minute = max(t.minute, c.minute)
	}
	return x
}

// addTo adds the part's sums to figures; the status is the caller's.
func (x *part) addTo(f *figures, t *table.Table) {
	switch t {
	case table.MinuteDelivery:
		f.impressions += x.counts[0]
		f.clicks += x.counts[1]
		f.givtImpressions += x.counts[2]
		f.sivtImpressions += x.counts[3]
		f.givtClicks += x.counts[4]
		f.sivtClicks += x.counts[5]
		f.spend.addSum(x.a)
		f.invalidSpend.addSum(x.b)
	case table.MinuteConversions:
		f.conversions += x.counts[0]
		f.invalid += x.counts[1]
		f.duplicates += x.counts[2]
		f.retracted += x.counts[3]
		f.unattributed += x.counts[4]
		f.value.addSum(x.a)
	default:
		if x.unattributed() {
			f.unattributedPPM.addSum(x.a)
			f.unattributedValue.addSum(x.b)
		} else {
			f.creditPPM.addSum(x.a)
			f.creditValue.addSum(x.b)
		}
	}
}
