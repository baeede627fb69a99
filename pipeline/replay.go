package pipeline

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tributary-data/tributary/event"
)

// Input is one file of a replay. Next returns its next records in order, io.EOF
// after the last. What it returned must stay as it is.
type Input interface {
	Base() string
	Next(ctx context.Context) ([]event.Record, error)
}

// recycler is an Input that takes back what Next returned, once it has been
// applied.
type recycler interface{ Recycle(batch []event.Record) }

// ReplayTick is the number of records in a tick of a replay, and denseTick of one
// in which the watermark moves by less than denseSpan: larger ticks are cheaper,
// but what becomes final and is restated in one tick is not told apart. Both
// depend on the records alone, so that the same files give the same bytes.
const (
	ReplayTick = 4096
	denseTick  = 4 * ReplayTick
	denseSpan  = event.Second
)

// replayFold is the number of ticks between the beginnings of two cycles of
// folding.
const replayFold = 64

// Jump is an input whose time went ahead by more than a day from one record to
// the next: what follows in it may be judged late.
type Jump struct {
	Position string
	From, To event.Millis
}

// ReplayOptions steer a replay.
type ReplayOptions struct {
	TickRecords int // 0: ReplayTick
	// Progress is called after every tick.
	Progress func(records int64, watermark event.Millis)
	// Open leaves the end open: more is to come, nothing closes.
	Open bool
	// Committed is called when a tick is durable: how long after its beginning
	// it was applied, and durable.
	Committed func(applied, durable time.Duration)
}

// ReplayResult is what a replay found.
type ReplayResult struct {
	Counts Counts
	Jumps  []Jump // the first of each input
}

// Replay applies inputs to an engine: records in order of the smallest next
// event time over the inputs, each input's own order kept, a dead letter at
// once. At the end everything closes.
func Replay(ctx context.Context, e *Engine, inputs []Input, opt ReplayOptions) (*ReplayResult, error) {
	if opt.TickRecords == 0 {
		opt.TickRecords = ReplayTick
	}
	m := &merger{e: e, ctx: ctx, opt: opt, clock: NewClock(e.cfg.Time.OutOfOrderness, len(inputs), e.watermark), commits: newCommits(opt.Committed)}
	for i, in := range inputs {
		m.queue = append(m.queue, &queued{Input: in, n: i, last: event.NoTime})
	}
	err := m.run()
	if err2 := m.commits.close(); err == nil {
		err = err2
	}
	return &ReplayResult{Counts: e.counts.clone(), Jumps: m.jumps}, err
}

// queued is an input with the records read ahead of it; the first is an event.
type queued struct {
	Input
	n       int
	records []event.Record
	batch   []event.Record // what records is the rest of
	last    event.Millis
	jumped  bool
}

// used is a batch all of whose records have been taken into ticks.
type used struct {
	input Input
	batch []event.Record
}

// merger takes records from the inputs in the order of replay. It is a heap of
// the inputs that have a next event.
type merger struct {
	e       *Engine
	ctx     context.Context //nolint:containedctx // a merger lives no longer than Replay
	opt     ReplayOptions
	clock   *Clock
	queue   []*queued
	tick    []Stamped
	jumps   []Jump
	ticks   int
	ended   bool // what remains is the last tick
	used    []used
	commits *commits
}

func (m *merger) Len() int      { return len(m.queue) }
func (m *merger) Swap(i, j int) { m.queue[i], m.queue[j] = m.queue[j], m.queue[i] }
func (m *merger) Push(x any)    { m.queue = append(m.queue, x.(*queued)) }

func (m *merger) Pop() any {
	last := m.queue[len(m.queue)-1]
	m.queue = m.queue[:len(m.queue)-1]
	return last
}

func (m *merger) Less(i, j int) bool {
	a, b := m.queue[i], m.queue[j]
	if at, bt := a.records[0].Event.Time, b.records[0].Event.Time; at != bt {
		return at < bt
	}
	return a.n < b.n
}

func (m *merger) run() error {
	all := m.queue
	m.queue = nil
	for _, q := range all {
		more, err := m.fill(q)
		if err != nil {
			return err
		}
		if more {
			m.queue = append(m.queue, q)
		}
	}
	heap.Init(m)
	for len(m.queue) > 0 {
		q := m.queue[0]
		rec := &q.records[0]
		q.records = q.records[1:]
		m.noteJump(q, &rec.Event)
		if err := m.take(rec); err != nil {
			return err
		}
		m.clock.Seen(q.n, rec.Event.Time)
		more, err := m.fill(q)
		if err != nil {
			return err
		}
		if more {
			heap.Fix(m, 0)
		} else {
			heap.Pop(m)
			m.clock.Leave(q.n)
		}
	}
	m.ended = true
	if err := m.flush(m.clock.Watermark()); err != nil || m.opt.Open {
		return err
	}
	return m.flush(event.EndOfTime)
}

// fill makes the next record of an input an event, taking dead letters at once;
// no means that the input is finished.
func (m *merger) fill(q *queued) (more bool, err error) {
	for {
		for len(q.records) == 0 {
			records, err := q.Next(m.ctx)
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			if err != nil {
				return false, fmt.Errorf("read %s: %w", q.Base(), err)
			}
			if q.batch != nil {
				m.used = append(m.used, used{q.Input, q.batch})
			}
			q.records, q.batch = records, records
		}
		if q.records[0].Dead == nil {
			return true, nil
		}
		if err := m.take(&q.records[0]); err != nil {
			return false, err
		}
		q.records = q.records[1:]
	}
}

// recycle gives back the batches whose records are all in applied ticks.
func (m *merger) recycle() {
	for _, u := range m.used {
		if r, ok := u.input.(recycler); ok {
			r.Recycle(u.batch)
		}
	}
	m.used = m.used[:0]
}

func (m *merger) noteJump(q *queued, ev *event.Event) {
	if q.last != event.NoTime && ev.Time-q.last > event.Day && !q.jumped {
		q.jumped = true
		m.jumps = append(m.jumps, Jump{ev.Pos.String(), q.last, ev.Time})
	}
	q.last = max(q.last, ev.Time)
}

func (m *merger) take(rec *event.Record) error {
	m.tick = append(m.tick, Stamped{rec, m.clock.Watermark()})
	switch n := len(m.tick); {
	case n < m.opt.TickRecords:
		return nil
	case m.opt.TickRecords == ReplayTick && n < denseTick && m.tick[n-1].Watermark-m.tick[0].Watermark < denseSpan:
		return nil
	}
	return m.flush(m.clock.Watermark())
}

// flush ends the tick.
func (m *merger) flush(watermark event.Millis) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	began := time.Now()
	fold := FoldOn
	if m.ticks++; m.ticks%replayFold == 0 {
		fold = FoldBegin
	}
	settle := Later
	if m.ended {
		settle = 0
	}
	c, err := m.e.Tick(&Tick{Records: m.tick, Watermark: watermark, Settle: settle, Fold: fold})
	if err != nil {
		return err
	}
	applied := time.Since(began)
	m.tick = m.tick[:0]
	m.recycle()
	if m.opt.Progress != nil {
		m.opt.Progress(m.e.counts.Records, watermark)
	}
	m.commits.waiting <- replayed{c, began, applied}
	return nil
}

// commits waits for commits to become durable, a few ticks behind the engine.
type commits struct {
	waiting chan replayed
	done    chan error
}

type replayed struct {
	*Commit
	began   time.Time
	applied time.Duration
}

// maxWaiting is how many ticks may be applied and not yet durable.
const maxWaiting = 4

func newCommits(committed func(applied, durable time.Duration)) *commits {
	c := &commits{waiting: make(chan replayed, maxWaiting), done: make(chan error, 1)}
	go func() {
		var first error
		for x := range c.waiting {
			if err := x.Wait(); err != nil && first == nil {
				first = err
			}
			if committed != nil {
				committed(x.applied, time.Since(x.began))
			}
		}
		c.done <- first
	}()
	return c
}

func (c *commits) close() error {
	close(c.waiting)
	return <-c.done
}
