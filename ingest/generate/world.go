package generate

import (
	"github.com/tributary-data/tributary/event"
)

// world runs the simulation in the order of simulated time: actors wake, plan
// records that arrive later, and sleep again; records leave in the order of
// their arrival. One goroutine owns it.
type world struct {
	seed    uint64
	rng     rng // decides who comes when
	queue   queue
	seq     uint64
	now     event.Millis
	perMs   func(t event.Millis) float64 // expected records per ms, before the day curve
	fraud   float64
	pace    float64 // the time between visits, relative to life
	actors  uint64
	people  int   // journeys begun
	crowd   int   // journeys to begin at most; 0 for no end
	emitted int64 // records planned, of all kinds
	clicks  int64 // of them, clicks that are no repeats
	ids     uint64
	begin   event.Millis
	early   event.Millis // the first of each scenario come this far apart
	attacks served
	hard    served
	finish  func(*journey) // called when all that a person sent has arrived; nil where no truth is kept
	stamp   stamp
}

// actor is whoever makes records. wake is called at the time it asked for and
// says when to wake it next; false ends it.
type actor interface {
	wake(w *world, now event.Millis) (next event.Millis, again bool)
}

// recordsPerStart is how many records one start of a person or group makes on
// average; a test holds it to within a quarter.
const recordsPerStart = 9

// hardShare is the share of clicks that are of a hard clean case.
const hardShare = 0.08

func newWorld(seed uint64, start event.Millis, fraud float64, perMs func(event.Millis) float64) *world {
	w := &world{seed: seed, rng: newRNG(seed, 1), now: start, perMs: perMs, fraud: fraud, pace: 1, stamp: newStamp(), begin: start, early: event.Hour}
	w.queue.push(item{at: start, actor: &arrivals{last: start}})
	return w
}

// next is the next record to arrive, or nil if none arrives up to until.
func (w *world) next(until event.Millis) *record {
	for len(w.queue) > 0 && w.queue[0].at <= until {
		it := w.queue.pop()
		w.now = it.at
		if it.record != nil {
			return it.record
		}
		if next, again := it.actor.wake(w, it.at); again {
			w.schedule(it.actor, max(next, it.at))
		}
	}
	return nil
}

func (w *world) schedule(a actor, at event.Millis) {
	w.seq++
	w.queue.push(item{at: at, seq: w.seq, actor: a})
}

func (w *world) send(r *record) {
	if r.arrival < w.now {
		panic("BUG: a " + r.typ + " of " + r.label + " arrives before it is sent")
	}
	w.seq++
	r.seq = w.seq
	w.emitted++
	if r.typ == "click" && r.first == nil && r.malformed == "" {
		w.clicks++
	}
	w.queue.push(item{at: r.arrival, seq: w.seq, record: r})
}

// arrivals lets people and attackers begin, as many as give the rate asked
// for. Most records of a person come hours after the first, so a fixed rate of
// starts would begin too low: steer compares what was sent with what was due
// and corrects.
type arrivals struct {
	rate    float64 // the rate asked for, to notice that it changed
	gain    float64 // starts relative to rate / recordsPerStart
	last    event.Millis
	checked event.Millis
	emitted int64
	due     float64
}

const (
	steerEvery = 3 * event.Minute
	firstGain  = 3 // a first visit is about a third of a person's records
)

func (a *arrivals) wake(w *world, now event.Millis) (event.Millis, bool) {
	perMs := w.perMs(now)
	if perMs <= 0 {
		return now + event.Minute, true
	}
	a.steer(w, now, perMs)
	if c, ok := w.attacks.due(attacks, w, now, w.fraud); ok {
		w.start(c, now)
	} else if c, ok := w.hard.due(hardCases, w, now, hardShare); ok && w.fraud > 0 {
		w.start(c, now)
	} else {
		w.actors++
		w.people++
		w.schedule(newJourney(w, w.actors), now)
		if w.people == w.crowd {
			return 0, false
		}
	}
	starts := float64(perMs*dayCurve(now)) / recordsPerStart
	if w.crowd == 0 {
		starts *= a.gain
	}
	return now + event.Millis(w.rng.exponential(1/starts)+0.5), true
}

// steer corrects the gain by at most a third at a time, within bounds.
func (a *arrivals) steer(w *world, now event.Millis, perMs float64) {
	a.due += float64(float64(now-a.last) * float64(perMs*dayCurve(now)))
	a.last = now
	if perMs != a.rate {
		a.rate, a.gain, a.checked, a.emitted, a.due = perMs, firstGain, now, w.emitted, 0
		return
	}
	sent := float64(w.emitted - a.emitted)
	if now-a.checked < steerEvery || a.due < 200 {
		return
	}
	a.gain = min(max(a.gain*min(max(a.due/max(sent, 1), 0.75), 1.33), 0.2), 6)
	a.checked, a.emitted, a.due = now, w.emitted, 0
}

// hours is the share of each UTC hour in a day's traffic, of 2,400: a market
// that is mostly American, partly European.
var hours = [24]int{104, 92, 76, 62, 50, 44, 44, 52, 62, 72, 80, 92, 106, 118, 126, 130, 132, 132, 134, 138, 144, 146, 140, 124}

// dayCurve is the traffic at t relative to the mean, going straight from the
// middle of one hour to the next.
func dayCurve(t event.Millis) float64 {
	at := t - event.Hour/2
	h := at.Floor(event.Hour)
	part := float64(at-h) / float64(event.Hour)
	i := int((h - h.Floor(event.Day)) / event.Hour)
	a, b := float64(hours[i]), float64(hours[(i+1)%24])
	return float64(a+float64((b-a)*part)) / 100
}

// item waits in the queue: a record for its arrival, or an actor to wake.
type item struct {
	at     event.Millis
	seq    uint64
	record *record
	actor  actor
}

// queue is a binary heap by time, then by age.
type queue []item

func (q queue) less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}

func (q *queue) push(it item) {
	*q = append(*q, it)
	h := *q
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(i, up) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (q *queue) pop() item {
	h := *q
	top := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h[last] = item{}
	h = h[:last]
	*q = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && h.less(child+1, child) {
			child++
		}
		if !h.less(child, i) {
			break
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
	return top
}
