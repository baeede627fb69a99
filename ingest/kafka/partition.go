package kafka

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest"
)

// inputName is the name of a partition's input.
func inputName(topicName string, n int32) string {
	return topicName + "/" + strconv.FormatInt(int64(n), 10)
}

func splitName(name string) (topicName string, n int32, ok bool) {
	i := strings.LastIndexByte(name, '/')
	if i <= 0 {
		return "", 0, false
	}
	v, err := strconv.ParseInt(name[i+1:], 10, 32)
	return name[:i], int32(v), err == nil && v >= 0
}

// partition is one that is read. Its worker takes chunks from the queue, which
// the poller and the surveyor fill.
//
// A chunk belongs to a generation: the run of fetches since reading began at a
// place that we chose. When reading begins somewhere else the generation ends,
// and what is left of it is dropped, never mistaken for what comes next.
type partition struct {
	s       *Source
	topic   string
	n       int32
	name    string
	prefix  string // of positions
	implied string
	in      Input
	known   bool // the state knew it when it joined; the surveyor's

	bell chan struct{} // there is something in the queue

	mu struct {
		sync.Mutex
		queue  []chunk
		queued int64 // bytes in it
		gen    int   // that counts now
		live   int   // that is assigned; fetches of another are dropped

		next    int64 // offset after what was queued, and the epoch of that
		epoch   int32
		handed  position // after what was handed in
		durable position // after what is durable
		placed  bool     // reading has begun somewhere

		loss    *loss     // what comes next is gone
		fault   string    // of fetching, for as long as it comes again
		faultAt time.Time // when it came last
		aside   bool      // it is not fetched until the surveyor takes it up again
		held    bool      // it is not fetched while its queue is long: see aligner
		waiting string    // for the schema registry
		end     int64     // of the log, when last asked; -1: unknown
		asked   string    // why the end could not be asked for

		gap   int64 // from handed up to this offset no record is left
		seen  int64 // handed at the last survey, and how often since
		still int

		records, bytes, skipped int64
	}
}

// chunk is a run of records of one generation, or a move to another place.
type chunk struct {
	gen     int
	records []*kgo.Record
	bytes   int64
	end     int64 // the high watermark that came with them
	move    *move
}

// move begins to read at a place. store: it is new to the state.
type move struct {
	to    position
	store bool
}

func newPartition(s *Source, topicName string, n int32, in Input) *partition {
	p := &partition{
		s: s, topic: topicName, n: n, name: inputName(topicName, n), in: in,
		implied: ingest.ImpliedType(topicName), bell: make(chan struct{}, 1),
	}
	p.prefix = p.name + "/"
	p.mu.handed.Offset, p.mu.durable.Offset, p.mu.end = -1, -1, -1
	p.mu.live = -1
	return p
}

func (p *partition) ring() {
	select {
	case p.bell <- struct{}{}:
	default:
	}
}

// move queues a move behind what was read before. What is fetched from the place
// that is left is dropped.
func (p *partition) move(m move) {
	p.mu.Lock()
	p.mu.placed, p.mu.loss, p.mu.fault, p.mu.aside = true, nil, "", false
	p.mu.queue = append(p.mu.queue, chunk{gen: p.mu.gen, move: &m})
	p.mu.Unlock()
	p.ring()
}

// queueRecords is for the poller: records of one fetch, in order.
func (p *partition) queueRecords(records []*kgo.Record, highWatermark int64) {
	for len(records) > 0 {
		part := records[:min(len(records), maxChunk)]
		records = records[len(part):]
		c := chunk{records: part, end: highWatermark}
		for _, r := range part {
			c.bytes += int64(len(r.Key)+len(r.Value)) + recordOverhead
		}
		p.s.budget.take(c.bytes)
		p.mu.Lock()
		c.gen = p.mu.live
		p.mu.queue = append(p.mu.queue, c)
		p.mu.queued += c.bytes
		p.mu.next, p.mu.epoch = part[len(part)-1].Offset+1, part[len(part)-1].LeaderEpoch
		p.mu.Unlock()
	}
	p.ring()
	p.holdBack()
}

// take waits for the next chunk of the generation that counts.
func (p *partition) take(ctx context.Context) (chunk, bool) {
	for {
		p.mu.Lock()
		for len(p.mu.queue) > 0 {
			c := p.mu.queue[0]
			p.mu.queue[0] = chunk{} // what it holds can go
			p.mu.queue = p.mu.queue[1:]
			p.mu.queued -= c.bytes
			if c.gen == p.mu.gen {
				enough := !p.mu.held || p.mu.queued > p.s.share.Load()/4*3
				p.mu.Unlock()
				if !enough {
					p.s.orders.add(p.letGo)
				}
				return c, true
			}
			p.s.budget.give(c.bytes)
		}
		p.mu.queue = nil
		p.mu.Unlock()
		select {
		case <-p.bell:
		case <-ctx.Done():
			return chunk{}, false
		}
	}
}

// work hands in what was read, until ctx ends.
func (p *partition) work(ctx context.Context) {
	for {
		c, ok := p.take(ctx)
		if !ok {
			return
		}
		if c.move != nil {
			ok = p.begin(ctx, *c.move)
		} else if err := p.handInMapped(ctx, c); err != nil {
			p.s.budget.give(c.bytes)
			var away *registryError
			if !errors.As(err, &away) {
				return // ctx ended, or the pipeline stops
			}
			ok = p.awaitSchema(ctx, away)
		}
		if !ok {
			return
		}
	}
}

// begin begins to read at a place. A new place is committed before anything is
// read from it: else a restart would choose again, and choose another.
func (p *partition) begin(ctx context.Context, m move) bool {
	if m.store {
		wait, err := p.in.HandIn(ctx, Batch{Position: m.to.encode()})
		if err != nil || wait(ctx) != nil {
			return false
		}
	}
	p.mu.Lock()
	p.mu.handed = m.to
	if m.store {
		p.mu.durable = m.to
	}
	p.mu.Unlock()
	p.assign(m.to)
	return true
}

// assign has the poller read from a place on, as a new generation.
func (p *partition) assign(at position) {
	p.s.orders.add(func() {
		p.unassign()
		p.mu.Lock()
		p.mu.live = p.mu.gen
		p.mu.next, p.mu.epoch = at.Offset, at.Epoch
		p.mu.Unlock()
		p.fetch()
	})
}

// fetch is for the poller: what comes next is fetched.
func (p *partition) fetch() {
	p.mu.Lock()
	p.mu.aside = false
	next, epoch := p.mu.next, p.mu.epoch
	p.mu.Unlock()
	p.letGo()
	p.s.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{
		p.topic: {p.n: kgo.NoResetOffset().At(next).WithEpoch(epoch)},
	})
}

// takeUp goes on with what was put aside, behind what is queued already.
func (p *partition) takeUp() {
	p.s.orders.add(func() {
		p.mu.Lock()
		again := p.mu.aside && p.mu.loss == nil && p.mu.waiting == ""
		if again {
			p.mu.live = p.mu.gen
		}
		p.mu.Unlock()
		if again {
			p.fetch()
		}
	})
}

// unassign is for the poller: nothing more is fetched.
func (p *partition) unassign() {
	p.mu.Lock()
	was := p.mu.live >= 0
	p.mu.live = -1
	p.mu.Unlock()
	if was {
		p.s.cl.RemoveConsumePartitions(map[string][]int32{p.topic: {p.n}})
	}
}

// handInMapped hands in a chunk, and asks once for each schema that it needs.
func (p *partition) handInMapped(ctx context.Context, c chunk) error {
	for {
		err := p.handIn(ctx, c)
		var missing *schemaMissing
		if !errors.As(err, &missing) {
			return err
		}
		if err := p.s.registry.load(ctx, missing.id); err != nil {
			return err
		}
	}
}

// handIn decodes a chunk and hands it in, in parts where other partitions are
// further behind.
func (p *partition) handIn(ctx context.Context, c chunk) error {
	select {
	case p.s.cpu <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	d, err := p.decode(c)
	<-p.s.cpu
	if err != nil {
		return err
	}
	times := inputTimes(d.records, d.received)
	for from := 0; ; {
		to := len(d.records)
		if from < to {
			n, err := p.s.aligner.upTo(ctx, p, times[from:])
			if err != nil {
				return err
			}
			to = from + n
		}
		whole := to == len(d.records)
		upTo := len(c.records)
		if !whole {
			upTo = d.index[to]
		}
		last := c.records[upTo-1]
		p.mu.Lock()
		after := p.mu.handed
		p.mu.Unlock()
		after.Offset, after.Epoch = last.Offset+1, last.LeaderEpoch
		atEnd := c.end >= 0 && after.Offset >= c.end
		wait, err := p.in.HandIn(ctx, Batch{Records: d.records[from:to:to], Received: d.received[from:to:to], Position: after.encode(), AtEnd: atEnd})
		if err != nil {
			return err
		}
		switch {
		case from < to:
			p.s.aligner.move(p, times[to-1], !atEnd)
		case atEnd:
			p.s.aligner.move(p, event.NoTime, false)
		}
		a := ack{p: p, wait: wait, after: after}
		p.mu.Lock()
		p.mu.handed = after
		p.mu.records += int64(to - from)
		if whole {
			p.mu.bytes += c.bytes - int64(len(c.records))*recordOverhead
			p.mu.skipped += d.skipped
			a.bytes = c.bytes
		}
		p.mu.Unlock()
		p.s.acks <- a
		if whole {
			return nil
		}
		from = to
	}
}

// decoded is what a chunk says.
type decoded struct {
	records  []event.Record
	received []event.Millis
	index    []int // of each in the chunk
	skipped  int64 // without a value
}

// decode makes of a chunk what is handed in. Control records are markers of
// transactions, and a record without a value is a tombstone of a compacted
// topic: neither is an event, and the second is counted.
func (p *partition) decode(c chunk) (d decoded, err error) {
	now := event.Millis(time.Now().UnixMilli())
	type converted struct {
		raw  []byte // what is decoded
		from []byte // what it was made from; nil: itself
		id   int    // of its schema
		pos  event.Position
		dead *event.DeadLetter
	}
	items := make([]converted, 0, len(c.records))
	d.received, d.index = make([]event.Millis, 0, len(c.records)), make([]int, 0, len(c.records))
	whole := true
	for i, r := range c.records {
		if r.Attrs.IsControl() {
			continue
		}
		if r.Value == nil {
			d.skipped++
			continue
		}
		it := converted{raw: r.Value, pos: event.Position{Prefix: p.prefix, N: r.Offset}}
		if isWire(r.Value) && len(r.Value) <= ingest.MaxRecord {
			json, id, fault, err := p.s.registry.convert(r.Value)
			if err != nil {
				return d, err
			}
			if fault != nil {
				it.dead = &event.DeadLetter{Pos: it.pos, Code: fault.code, Message: fault.message, Raw: r.Value}
				whole = false
			}
			it.raw, it.from, it.id = json, r.Value, id
		}
		items = append(items, it)
		received := now
		if t := event.Millis(r.Timestamp.UnixMilli()); t > 0 && t < now {
			received = t
		}
		d.received, d.index = append(d.received, received), append(d.index, i)
	}
	if whole {
		d.records = p.s.opt.Decode(len(items), func(i int) ([]byte, string, event.Position) { return items[i].raw, p.implied, items[i].pos })
	} else {
		var good []int
		d.records = make([]event.Record, len(items))
		for i, it := range items {
			if d.records[i].Dead = it.dead; it.dead == nil {
				good = append(good, i)
			}
		}
		for i, r := range p.s.opt.Decode(len(good), func(i int) ([]byte, string, event.Position) {
			return items[good[i]].raw, p.implied, items[good[i]].pos
		}) {
			d.records[good[i]] = r
		}
	}
	for i := range d.records {
		// What is kept of a dead letter is what was sent.
		if dead := d.records[i].Dead; dead != nil && items[i].from != nil {
			dead.Raw = items[i].from
			if items[i].dead == nil {
				dead.Message += schemaNote(items[i].id)
			}
		}
	}
	return d, nil
}

// awaitSchema waits until the registry answers, then reads again from what was
// not handed in. What was fetched meanwhile is dropped, so that partitions that
// wait hold no memory.
func (p *partition) awaitSchema(ctx context.Context, away *registryError) bool {
	p.s.orders.add(p.unassign)
	p.mu.Lock()
	p.mu.gen++
	p.mu.aside = false
	p.mu.waiting = away.Error()
	p.mu.Unlock()
	p.s.counts.registryWaits.Add(1)
	p.s.ring()
	for delay := registryRetry; ; delay = min(2*delay, registryRetryMax) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(delay):
		}
		err := p.s.registry.load(ctx, away.id)
		p.mu.Lock()
		if err != nil {
			p.mu.waiting = err.Error()
			p.mu.Unlock()
			continue
		}
		// What was found to be lost lies behind what was dropped now: it will be
		// found again, and then in its order.
		p.mu.waiting, p.mu.loss = "", nil
		at := p.mu.handed
		p.mu.Unlock()
		p.assign(at)
		p.s.ring()
		return true
	}
}
