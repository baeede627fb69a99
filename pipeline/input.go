package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tributary-data/tributary/event"
)

// InputStatus is what is known of one input. What is exported to JSON stands in
// every commit.
type InputStatus struct {
	Name      string
	Max       event.Millis // greatest input time
	Watermark event.Millis
	Begun     bool
	Idle      bool
	Records   int64
	Position  []byte `json:",omitempty"` // where its source goes on, as the source wrote it

	Behind  int64  `json:"-"` // records not yet read; -1: unknown
	Problem string `json:"-"` // what keeps its source from reading; empty when nothing does

	arrived time.Time // of the latest record, else of the input
	atEnd   bool      // the last fetch showed that there was no more
	parked  bool      // known from an earlier run, and not joined in this one
}

// JoinOptions say how an input takes part.
type JoinOptions struct {
	// Holds: it holds the watermark also before its first record, until it has
	// been at its end for as long as makes an input idle. For an input whose
	// records wait somewhere, as in Kafka.
	Holds bool
}

// LiveInput is one input of a live pipeline, as its source sees it. HandIn belongs
// to one goroutine; the others may be called by any.
type LiveInput struct {
	l        *Live
	i        int
	position []byte
}

// Join adds an input while the pipeline runs. One that the state knows goes on
// from where it was; one that has joined already is an error.
func (l *Live) Join(ctx context.Context, name string, opt JoinOptions) (*LiveInput, error) {
	var in *LiveInput
	var err error
	done := make(chan struct{})
	ask := func() {
		defer close(done)
		in, err = l.join(name, opt)
	}
	select {
	case l.joins <- ask:
		<-done
		return in, err
	case <-l.stop:
		return nil, ErrStopping
	case <-l.done:
		return nil, ErrStopping
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// park notes the inputs of an earlier run. Their positions stay in the commits
// also while nobody reads them. One that will be joined holds the watermark
// until then.
func (l *Live) park(stored []InputStatus) {
	for _, in := range stored {
		in.parked, in.arrived, in.Idle, in.Behind = true, l.opt.Now(), false, -1
		awaited := l.opt.Awaits != nil && l.opt.Awaits(in.Name)
		i := l.clock.Add(awaited)
		if in.Begun {
			l.clock.Restore(i, in.Max)
		}
		if !awaited {
			l.clock.Leave(i)
		}
		l.mu.inputs = append(l.mu.inputs, in)
	}
}

// join is for the goroutine of Run, or before it runs.
func (l *Live) join(name string, opt JoinOptions) (*LiveInput, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.mu.inputs {
		in := &l.mu.inputs[i]
		if in.Name != name {
			continue
		}
		if !in.parked {
			return nil, fmt.Errorf("input %s has joined already", name)
		}
		in.parked, in.arrived, in.atEnd = false, l.opt.Now(), !opt.Holds
		l.clock.inputs[i].holds = opt.Holds
		if in.Begun || opt.Holds {
			l.clock.Hold(i)
		}
		return &LiveInput{l, i, in.Position}, nil
	}
	i := l.clock.Add(opt.Holds)
	l.mu.inputs = append(l.mu.inputs, InputStatus{
		Name: name, Watermark: event.NoTime, Behind: -1, arrived: l.opt.Now(), atEnd: !opt.Holds,
	})
	return &LiveInput{l, i, nil}, nil
}

// Position is what the state knew when the input joined; nil when nothing.
func (in *LiveInput) Position() []byte { return in.position }

// Handing is a run of records in the order of their input.
type Handing struct {
	Records  []event.Record // belong to the pipeline
	Received []event.Millis // when each reached its broker, which bounds its input time; nil: now
	Position []byte         // where the input stands after them; stands in the same commit
	AtEnd    bool           // the fetch that they came with showed that there was no more
}

// HandIn queues records, which may be none when only the position moves, and
// blocks while the queue is full or the pipeline is paused. wait blocks until
// they are durable. Of one input what was handed in later is applied later, and
// not at all when something before it was not: after an error the source goes
// on from the position of the state.
func (in *LiveInput) HandIn(ctx context.Context, h Handing) (wait func(context.Context) ([]Outcome, error), err error) {
	l := in.l
	s := &submission{
		input: in.i, records: h.Records, times: h.Received, position: h.Position, atEnd: h.AtEnd, keep: true,
		received: l.opt.Now(), done: make(chan error, 1),
	}
	for {
		l.mu.Lock()
		paused := l.mu.paused != nil
		l.mu.Unlock()
		if !paused {
			break
		}
		select {
		case <-time.After(pausedPoll):
		case <-l.stop:
			return nil, ErrStopping
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	select {
	case <-l.stop:
		return nil, ErrStopping
	default:
	}
	select {
	case l.queue <- s:
		return l.waiter(s), nil
	case <-l.stop:
		return nil, ErrStopping
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pausedPoll is how often a source looks whether the pipeline goes on.
const pausedPoll = 50 * time.Millisecond

// Quiet says how the input stands when nothing has come: a fetch has just shown
// its end, or it lags or cannot be reached and so holds the watermark.
func (in *LiveInput) Quiet(atEnd bool) {
	in.l.mu.Lock()
	in.l.mu.inputs[in.i].atEnd = atEnd
	in.l.mu.Unlock()
}

// SetNote says how many records are not yet read (-1: unknown), and what keeps
// the source from reading, for whoever looks at the pipeline.
func (in *LiveInput) SetNote(behind int64, problem string) {
	in.l.mu.Lock()
	in.l.mu.inputs[in.i].Behind, in.l.mu.inputs[in.i].Problem = behind, problem
	in.l.mu.Unlock()
}

// Leave ends the input: it holds the watermark no more until it joins again.
func (in *LiveInput) Leave(ctx context.Context) error {
	done := make(chan struct{})
	ask := func() {
		defer close(done)
		in.l.clock.Leave(in.i)
		in.l.mu.Lock()
		in.l.mu.inputs[in.i].parked = true
		in.l.mu.Unlock()
	}
	select {
	case in.l.joins <- ask:
		<-done
		return nil
	case <-in.l.stop:
		return ErrStopping
	case <-in.l.done:
		return ErrStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Paused says why nothing is taken in now; nil when it is.
func (l *Live) Paused() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.paused
}

// refuse answers what may not be applied now. What came by HandIn waits, in its
// order: later positions must not overtake it.
func (l *Live) refuse(batch []*submission, err error) {
	for _, s := range batch {
		if s.keep {
			l.held = append(l.held, s)
		} else {
			s.done <- err
		}
	}
}

// noteInputs brings the status of the inputs up to date and encodes it.
func (l *Live) noteInputs(batch []*submission) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range batch {
		in := &l.mu.inputs[s.input]
		in.atEnd = s.atEnd
		if s.position != nil {
			in.Position = s.position
		}
		if len(s.records) > 0 {
			in.Records += int64(len(s.records))
			in.arrived = s.received
		}
	}
	for i := range l.mu.inputs {
		in, c := &l.mu.inputs[i], &l.clock.inputs[i]
		in.Max, in.Begun, in.Idle, in.Watermark = c.max, c.begun, c.out, l.clock.Reached(i)
	}
	b, err := json.Marshal(l.mu.inputs)
	if err != nil {
		bug("encode inputs: %v", err)
	}
	return b
}

// leaveIdle takes inputs out of the watermark that have been silent at their
// end for long, takes those back in that are no more at their end, and says
// whether that moved the watermark.
func (l *Live) leaveIdle() bool {
	before, now := l.clock.Watermark(), l.opt.Now()
	l.mu.Lock()
	for i := range l.mu.inputs {
		in, c := &l.mu.inputs[i], &l.clock.inputs[i]
		switch {
		case in.parked:
		case !in.atEnd && c.out:
			l.clock.Hold(i)
		case in.atEnd && !c.out && (c.begun || c.holds) && now.Sub(in.arrived) >= l.opt.IdleAfter:
			l.clock.Leave(i)
		}
		in.Idle = c.out
	}
	l.mu.Unlock()
	return l.clock.Watermark() > before
}
