package pipeline

import (
	"sort"
	"sync"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/history"
)

// The path of a conversion is its person's first touch and the latest ones, with
// the number of those between. Of a person with very many events, such as a
// screen in a shop, that number is not counted anew for each conversion: how
// many there are in each stretch of time is kept in memory, and only the two
// ends are read.

// runIndex holds these counts for the persons of one shard that had long runs.
// Bounded: when both generations are full the older is forgotten and counted
// again when it is needed. mu is for the phase in which the shards find paths;
// only their owner changes counts, in a phase of its own.
type runIndex struct {
	mu       sync.Mutex
	now, old map[runKey]*run
	size     int // stretches in now
}

type runKey struct {
	kind   event.Kind
	person uint64
}

// run counts a person's events of a kind, and all that is stored beside them,
// from a time on.
type run struct {
	person    string
	last      event.Millis // greatest time
	full      int32        // events of a stretch, after which the next begins
	stretches []stretch
}

// stretch is what lies from its beginning to that of the next.
type stretch struct {
	from     event.Millis
	all, net int32
}

// maxStretches bounds a generation: about 16 MB, and the paths of as many more
// events than these hold have to be read whole.
const maxStretches = 1 << 20

func (x *runIndex) find(k runKey) *run {
	if r := x.now[k]; r != nil {
		return r
	}
	r := x.old[k]
	if r != nil {
		delete(x.old, k)
		x.put(k, r)
	}
	return r
}

func (x *runIndex) put(k runKey, r *run) {
	if x.size >= maxStretches {
		x.old, x.now, x.size = x.now, nil, 0
	}
	if x.now == nil {
		x.now = map[runKey]*run{}
	}
	x.now[k] = r
	x.size += len(r.stretches)
}

func (x *runIndex) drop(k runKey) {
	delete(x.now, k)
	delete(x.old, k)
}

func (x *runIndex) clear() { x.now, x.old, x.size = nil, nil, 0 }

// add counts an event, or changes what was counted of it.
func (r *run) add(t event.Millis, all, net int32) (ok bool) {
	if t < r.stretches[0].from {
		return true // before what is indexed
	}
	i := len(r.stretches) - 1
	if last := &r.stretches[i]; all > 0 && last.all >= r.full && t > r.last {
		r.stretches = append(r.stretches, stretch{from: t})
		i++
	} else if t < last.from {
		i = r.at(t)
	}
	s := &r.stretches[i]
	s.all += all
	s.net += net
	r.last = max(r.last, t)
	return s.all <= 16*r.full // else it is counted anew: many came late
}

// at is the stretch that holds t, which is not before the first.
func (r *run) at(t event.Millis) int {
	return sort.Search(len(r.stretches), func(i int) bool { return r.stretches[i].from > t }) - 1
}

// remember brings the indexed runs up to date with the tick: its last phase.
func (s *shard) remember() {
	x := &s.runs
	if len(x.now) == 0 && len(x.old) == 0 {
		return
	}
	count := func(kind event.Kind, hash uint64, person string, t event.Millis, all, net int32) {
		k := runKey{kind, hash}
		r := x.now[k]
		if r == nil {
			r = x.old[k]
		}
		if r == nil || r.person != person {
			return
		}
		before := len(r.stretches)
		if !r.add(t, all, net) {
			x.drop(k)
		}
		x.size += len(r.stretches) - before
	}
	for _, it := range s.chain.items {
		net := int32(0)
		if it.ev.Lists&s.e.modes.enforce == 0 {
			net = 1
		}
		count(event.Impression, it.person, it.ev.Person, it.ev.Time, 1, net)
	}
	for id, p := range s.people {
		if len(p.changes) == 0 && len(p.flipped) == 0 {
			continue
		}
		hash := hashText(id)
		for _, f := range p.flipped {
			count(event.Impression, hash, id, f.ev.Time, 0, one(f.ev.Reasons == 0)-one(f.was == 0))
		}
		for _, c := range p.changes {
			net := int32(0)
			if c.ev.Kind == event.Click {
				net = one(c.net()) - one(c.wasNet())
			}
			count(event.Click, hash, id, c.ev.Time, one(!c.removed)-one(c.existed), net)
		}
	}
}

func one(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// touchesOf reads a run of a person's events, as history.Reader.Touches does.
func (e *Engine) touchesOf(r *history.Reader, k event.Kind, person string, from, to event.Millis, keep int) (history.Run, error) {
	hash := hashText(person)
	key := runKey{k, hash}
	x := &e.owner(hash, person, "").runs
	x.mu.Lock()
	known := x.find(key)
	cut := runCut{}
	if known != nil && known.person == person {
		cut = known.cut(from, to, keep)
	}
	x.mu.Unlock()
	if cut.ok {
		return cut.read(r, k, person, from, to, keep)
	}
	out, err := r.Touches(k, person, from, to, keep)
	if err != nil || known != nil || out.Total < e.opt.LongRun {
		return out, err
	}
	built := &run{person: person, full: int32(max(1, e.opt.LongRun/4))}
	err = r.Times(k, person, from, func(t event.Millis, net bool) {
		if built.stretches == nil {
			built.stretches = []stretch{{from: from}}
		}
		built.add(t, 1, one(net))
	})
	if err != nil {
		return out, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.find(key) == nil {
		x.put(key, built)
	}
	return out, nil
}

// runCut says what of a run has to be read: its beginning up to head, for the
// first event, and from tail on, for the latest. Between them are net events,
// the first of them not before middle.
type runCut struct {
	ok                 bool
	head, middle, tail event.Millis
	net                int
}

// cut finds what has to be read of [from, to]; not ok: all of it.
func (r *run) cut(from, to event.Millis, keep int) runCut {
	if from < r.stretches[0].from || to < from {
		return runCut{}
	}
	first, i := r.at(from)+1, r.at(to)
	for have := 0; have < keep; { // stretches that lie in [from, to] whole
		if i--; i < first {
			return runCut{}
		}
		have += int(r.stretches[i].net)
	}
	c := runCut{ok: true, head: r.stretches[first].from - 1, middle: event.NoTime, tail: r.stretches[i].from}
	for _, s := range r.stretches[first:i] {
		if s.net > 0 && c.middle == event.NoTime {
			c.middle = s.from
		}
		c.net += int(s.net)
	}
	return c
}

func (c *runCut) read(r *history.Reader, k event.Kind, person string, from, to event.Millis, keep int) (history.Run, error) {
	out, err := r.Touches(k, person, c.tail, to, keep)
	if err != nil {
		return out, err
	}
	first := out.First
	if c.middle != event.NoTime {
		if first, err = r.First(k, person, c.middle, c.tail-1); err != nil {
			return out, err
		}
		if first == nil {
			bug("%d events of %s are counted from %d to %d; none is there", c.net, person, c.middle, c.tail)
		}
	}
	head, err := r.Touches(k, person, from, c.head, 1)
	if err != nil {
		return out, err
	}
	if head.Total > 0 {
		first = head.First
	}
	out.First = first
	out.Total += c.net + head.Total
	return out, nil
}

// forgetCounts drops what shards keep of paths and runs: something was erased.
func (e *Engine) forgetCounts() {
	for _, s := range e.shards {
		s.runs.clear()
		s.ends = pathEnds{}
	}
}
