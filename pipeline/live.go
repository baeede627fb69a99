package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tributary-data/tributary/event"
)

// LiveOptions set the pace of a live pipeline.
type LiveOptions struct {
	Tick       time.Duration // least time between the beginnings of two ticks; 0: 20 ms
	MaxRecords int           // in a tick; 0: 32768
	IdleAfter  time.Duration // 0: as the engine's configuration says
	Now        func() time.Time
	// Paused says why nothing may be taken in now, such as a full disk; nil
	// when it may. It is asked before every tick and must be quick.
	Paused func() error
	// Awaits says of an input that the state knows whether it will be joined:
	// until then it holds the watermark where it was. Nil: none is.
	Awaits func(name string) bool
}

// What Submit answers when the records were not taken.
var (
	ErrStopping = errors.New("the pipeline is stopping")
	ErrBusy     = errors.New("the pipeline has as much to do as it may hold")
)

// Live sequences what arrives, cuts ticks, and answers when they are durable.
// The goroutine of Run owns the engine and the clock.
type Live struct {
	e     *Engine
	opt   LiveOptions
	clock *Clock
	queue chan *submission
	views chan chan *View
	joins chan func()   // run by the goroutine of Run, between ticks
	held  []*submission // handed in, and then the pipeline paused; Run's

	folded   time.Time     // when rollups were last written
	stop     chan struct{} // closed when nothing more is taken
	stopOnce sync.Once
	done     chan struct{} // closed when Run has returned

	mu struct {
		sync.Mutex
		inputs  []InputStatus
		changed chan struct{}
		arrived []arrival // of the latest ticks with records, in order
		tick    Durations
		durable Durations
		visible Durations
		paused  error
	}
}

// submission is a run of records of one input.
type submission struct {
	input    int
	records  []event.Record
	received time.Time
	times    []event.Millis // of each record's arrival at its broker; nil: received
	position []byte         // where the input stands after them; nil: as it was
	atEnd    bool
	keep     bool // when the pipeline pauses it waits instead of being refused
	outcomes []Outcome
	done     chan error
}

// maxQueued is how many submissions may wait for a tick: enough for many
// clients at once, little enough to hold in memory.
const maxQueued = 256

// foldAfter is how long rollup rows may stay in memory and packed changes. More
// changes then meet in each row, but a crash leaves more to bring up to date:
// some seconds' worth at full speed. Readers of the live figures see them at
// once; a sink's view folds first.
const foldAfter = 15 * time.Second

// NewLive prepares a pipeline over the named inputs. Inputs that the state
// knows go on from where they were.
func NewLive(e *Engine, names []string, opt LiveOptions) (*Live, error) {
	if opt.Tick == 0 {
		opt.Tick = 20 * time.Millisecond
	}
	if opt.MaxRecords == 0 {
		opt.MaxRecords = 32768
	}
	if opt.IdleAfter == 0 {
		opt.IdleAfter = time.Duration(e.cfg.Time.IdleAfter) * time.Millisecond
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	l := &Live{
		e: e, opt: opt, queue: make(chan *submission, maxQueued), views: make(chan chan *View), joins: make(chan func()),
		done: make(chan struct{}), stop: make(chan struct{}), clock: NewClock(e.cfg.Time.OutOfOrderness, 0, e.watermark),
	}
	l.mu.changed = make(chan struct{})
	var stored []InputStatus
	if len(e.inputs) > 0 {
		if err := json.Unmarshal(e.inputs, &stored); err != nil {
			return nil, fmt.Errorf("read the inputs of the last commit: %w", err)
		}
	}
	l.park(stored)
	for _, name := range names {
		if _, err := l.join(name, JoinOptions{}); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Submit hands in records of an input and blocks until what they changed is
// durable. The records belong to the pipeline. After an error nothing of them
// may be relied on; sending them again changes nothing where they were applied.
func (l *Live) Submit(ctx context.Context, input int, records []event.Record) ([]Outcome, error) {
	wait, err := l.Hand(input, records)
	if err != nil {
		return nil, err
	}
	return wait(ctx)
}

// Hand is Submit in two steps: records handed in by one goroutine keep their
// order, and wait blocks until they are durable. It does not block itself; when
// too much is waiting it answers ErrBusy.
func (l *Live) Hand(input int, records []event.Record) (wait func(context.Context) ([]Outcome, error), err error) {
	s := &submission{input: input, records: records, received: l.opt.Now(), atEnd: true, done: make(chan error, 1)}
	select {
	case <-l.stop:
		return nil, ErrStopping
	default:
	}
	l.mu.Lock()
	paused := l.mu.paused
	l.mu.Unlock()
	if paused != nil {
		return nil, paused
	}
	select {
	case l.queue <- s:
	case <-l.stop:
		return nil, ErrStopping
	default:
		return nil, ErrBusy
	}
	return l.waiter(s), nil
}

// waiter gives what blocks until the submission is durable.
func (l *Live) waiter(s *submission) func(context.Context) ([]Outcome, error) {
	return func(ctx context.Context) ([]Outcome, error) {
		select {
		case err := <-s.done:
			return s.outcomes, err
		case <-l.done:
			// Run ended while this was put into the queue; it has answered
			// everything that it took out.
			select {
			case err := <-s.done:
				return s.outcomes, err
			default:
				return nil, ErrStopping
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Run works until ctx ends, then takes nothing more, finishes what was taken,
// and returns. An error means that the engine must not be used again.
func (l *Live) Run(ctx context.Context) error {
	defer close(l.done)
	durable := newSyncer(l)
	err := l.loop(ctx, durable)
	l.stopOnce.Do(func() { close(l.stop) })
	if err == nil {
		err = l.drain(durable)
	}
	err = errors.Join(err, durable.close())
	for {
		select {
		case s := <-l.queue:
			s.done <- ErrStopping
			continue
		default:
		}
		break
	}
	if err == nil {
		err = l.e.Close()
	}
	return err
}

func (l *Live) loop(ctx context.Context, durable *syncer) error {
	quiet := time.NewTicker(min(time.Second, max(l.opt.IdleAfter/8, 10*time.Millisecond)))
	defer quiet.Stop()
	var next time.Time // before it no tick begins
	for {
		var batch []*submission
		var settle <-chan time.Time // conversions wait for a tick
		if l.e.Unsettled() > 0 && l.Paused() == nil {
			settle = time.After(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-durable.failed:
			return durable.err
		case <-settle:
			next = time.Now().Add(l.opt.Tick)
			if err := l.tick(nil, FoldOn, durable); err != nil {
				return err
			}
			continue
		case <-quiet.C:
			if l.checkPause() == nil && (l.leaveIdle() || len(l.held) > 0 || l.e.rollups.since > 0 && time.Since(l.folded) >= foldAfter) {
				batch, l.held = l.held, nil
				if err := l.tick(batch, FoldAll, durable); err != nil {
					return err
				}
			}
			continue
		case to := <-l.views:
			err := l.foldNow(durable)
			v := l.e.View()
			v.exact = true
			to <- v
			if err != nil {
				return err
			}
			continue
		case do := <-l.joins:
			do()
			continue
		case s := <-l.queue:
			batch = append(batch, s)
		}
		batch = l.gather(ctx, batch, time.Until(next))
		if err := l.checkPause(); err != nil {
			l.refuse(batch, err)
			continue
		}
		batch, l.held = append(l.held, batch...), nil
		next = time.Now().Add(l.opt.Tick)
		if err := l.tick(batch, FoldOn, durable); err != nil {
			return err
		}
	}
}

// settleLive is how many conversions a tick brings up to date for touches out of
// order, on each shard: all of them, unless persons are very busy. One of 200
// touches takes half a millisecond.
const settleLive = 2

// foldNow writes the rollup rows that wait in memory.
func (l *Live) foldNow(durable *syncer) error {
	if l.e.rollups.since == 0 {
		return nil
	}
	return l.tick(nil, FoldAll, durable)
}

// Exact is a view in which nothing waits in memory: one commit of all tables.
func (l *Live) Exact(ctx context.Context) (*View, error) {
	to := make(chan *View, 1)
	select {
	case l.views <- to:
		return <-to, nil
	case <-l.done:
		return l.e.View(), nil // the last thing that Run did was to fold
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *Live) checkPause() error {
	var err error
	if l.opt.Paused != nil {
		err = l.opt.Paused()
	}
	l.mu.Lock()
	l.mu.paused = err
	l.mu.Unlock()
	return err
}

// gather takes what else is waiting, for as long as the tick may not begin.
func (l *Live) gather(ctx context.Context, batch []*submission, wait time.Duration) []*submission {
	n := len(batch[0].records)
	var timer <-chan time.Time
	if wait > 0 {
		timer = time.After(wait)
	}
	for n < l.opt.MaxRecords {
		if timer == nil {
			select {
			case s := <-l.queue:
				batch, n = append(batch, s), n+len(s.records)
				continue
			default:
				return batch
			}
		}
		select {
		case s := <-l.queue:
			batch, n = append(batch, s), n+len(s.records)
		case <-timer:
			timer = nil
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// drain applies what was taken before the stop. Behind what a pause holds back
// nothing of the same order may be applied: its sources send it again.
func (l *Live) drain(durable *syncer) error {
	paused := len(l.held) > 0
	for _, s := range l.held {
		s.done <- ErrStopping
	}
	l.held = nil
	for {
		var batch []*submission
		for len(batch) < maxQueued {
			select {
			case s := <-l.queue:
				if paused && s.keep {
					s.done <- ErrStopping
				} else {
					batch = append(batch, s)
				}
				continue
			default:
			}
			break
		}
		if len(batch) == 0 {
			return nil
		}
		if err := l.tick(batch, FoldOn, durable); err != nil {
			return err
		}
	}
}

// tick stamps the records of the submissions and applies them.
func (l *Live) tick(batch []*submission, fold Fold, durable *syncer) error {
	began := time.Now()
	t := &Tick{Settle: settleLive}
	for _, s := range batch {
		now := event.Millis(s.received.UnixMilli())
		for i := range s.records {
			r := &s.records[i]
			t.Records = append(t.Records, Stamped{r, l.clock.Watermark()})
			if r.Dead == nil {
				at := min(r.Event.Time, now)
				if s.times != nil {
					at = min(at, s.times[i])
				}
				l.clock.Seen(s.input, at)
			}
		}
	}
	t.Watermark = l.clock.Watermark()
	t.Inputs = l.noteInputs(batch)
	if t.Fold = fold; fold != FoldOn {
		l.folded = began
	} else if began.Sub(l.folded) >= foldAfter {
		t.Fold, l.folded = FoldBegin, began
	}
	c, err := l.e.Tick(t)
	if err != nil {
		for _, s := range batch {
			s.done <- err
		}
		return err
	}
	applied := time.Now()
	l.mu.Lock()
	l.mu.tick.Add(applied.Sub(began))
	for _, s := range batch {
		l.mu.visible.Add(applied.Sub(s.received))
	}
	if len(batch) > 0 {
		l.mu.arrived = append(l.mu.arrived, arrival{c.Number, batch[0].received})
		if over := len(l.mu.arrived) - maxArrivals; over > 0 {
			l.mu.arrived = slices.Delete(l.mu.arrived, 0, over)
		}
	}
	close(l.mu.changed)
	l.mu.changed = make(chan struct{})
	l.mu.Unlock()
	at := 0
	for _, s := range batch {
		s.outcomes = c.Outcomes[at : at+len(s.records) : at+len(s.records)]
		at += len(s.records)
	}
	durable.add(c, batch, applied)
	return nil
}

// LiveStatus is a copy of what the pipeline knows of itself.
type LiveStatus struct {
	Inputs                 []InputStatus
	Tick, Durable, Visible Summary
	Paused                 error
}

// Status may be asked by any goroutine.
func (l *Live) Status() LiveStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LiveStatus{
		Inputs: append([]InputStatus(nil), l.mu.inputs...),
		Tick:   l.mu.tick.Summary(), Durable: l.mu.durable.Summary(), Visible: l.mu.visible.Summary(),
		Paused: l.mu.paused,
	}
}

// arrival is when the first record of a tick came.
type arrival struct {
	commit uint64
	at     time.Time
}

// maxArrivals is how many ticks back arrivals are known: 20 seconds of them.
const maxArrivals = 1024

// OldestArrival is when the first record came that was applied after a commit,
// and the last commit with records; false when none came since.
func (l *Live) OldestArrival(after uint64) (at time.Time, commit uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.mu.arrived {
		if a.commit <= after {
			continue
		}
		if !ok {
			at, ok = a.at, true
		}
		commit = a.commit
	}
	return at, commit, ok
}

// Changed is closed when the next tick has been applied.
func (l *Live) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.changed
}

// syncer waits for commits in their order and answers whoever sent them.
type syncer struct {
	l       *Live
	waiting chan syncing
	failed  chan struct{}
	done    chan struct{}
	err     error
}

type syncing struct {
	commit  *Commit
	batch   []*submission
	applied time.Time
}

func newSyncer(l *Live) *syncer {
	s := &syncer{l: l, waiting: make(chan syncing, maxWaiting), failed: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s
}

func (s *syncer) run() {
	defer close(s.done)
	for x := range s.waiting {
		err := x.commit.Wait()
		if err != nil && s.err == nil {
			s.err = err
			close(s.failed)
		}
		if s.err != nil {
			err = s.err // nothing after a failed commit is durable either
		}
		s.l.mu.Lock()
		s.l.mu.durable.Add(time.Since(x.applied))
		s.l.mu.Unlock()
		for _, sub := range x.batch {
			sub.done <- err
		}
	}
}

func (s *syncer) add(c *Commit, batch []*submission, applied time.Time) {
	s.waiting <- syncing{c, batch, applied}
}

func (s *syncer) close() error {
	close(s.waiting)
	<-s.done
	return s.err
}
