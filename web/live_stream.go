package web

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

const (
	// maxRemoved bounds what a stream remembers of entries that are gone.
	maxRemoved = 4096
	// computeShare is the part of one core that a stream may take: a stream that
	// needs 10 ms for its figures makes them every 80 ms.
	computeShare = 8
	retryGap     = 5 * time.Second // after figures that could not be worked out
	maxLagging   = 16              // frames of different lengths kept for clients that lag
)

// stream is one subscription's figures, shared by all clients that subscribe to
// the same. Its goroutine answers the channel's route whenever something
// changed, and notes which entries are not as before. Clients take from it what
// they lack: what is the same for many is written once.
type stream struct {
	s      *Server
	key    string
	ch     *channel
	rt     *route
	values url.Values
	ctx    context.Context //nolint:containedctx // the life of the stream, not of a call
	stop   context.CancelFunc
	users  int // owned by the hub

	mu struct {
		sync.Mutex
		watchers map[*client]int
		born     uint64 // seq of the first frame; 0: there is none yet
		seq      uint64
		prev     uint64
		asOf     string
		meta     []byte // as of this frame
		steady   []byte // meta without what always changes
		arrived  time.Time

		entries map[string]*liveEntry
		order   []string
		ordered uint64    // seq at which the order changed
		removed []removal // oldest first
		horizon uint64    // what was removed up to here is forgotten

		frames  map[uint64][]byte // tails of the frame to seq, by what they build on
		problem *problem
		faults  uint64
	}
}

type liveEntry struct {
	json []byte
	seq  uint64 // at which it became so
}

type removal struct {
	key string
	seq uint64
}

// run works the figures out, until nobody watches any more.
func (st *stream) run() {
	defer st.s.hub.streams.Done()
	for {
		changed := st.s.view.Changed() // before reading, so that no tick is missed
		began := time.Now()
		gap, ok := st.step(began)
		if !ok || !sleep(st.ctx, gap-time.Since(began)) {
			return
		}
		clock := time.NewTimer(st.untilClock())
		select {
		case <-changed:
		case <-clock.C:
		case <-st.ctx.Done():
		}
		clock.Stop()
		if st.ctx.Err() != nil {
			return
		}
	}
}

// step makes one frame, and says how long after its beginning the next may come.
func (st *stream) step(began time.Time) (time.Duration, bool) {
	slot := st.s.hub.slots[0]
	if st.ch.gap >= tableGap {
		slot = st.s.hub.slots[1] // what takes long does not hold up what is watched by the tick
	}
	select {
	case slot <- struct{}{}:
		defer func() { <-slot }()
	case <-st.ctx.Done():
		return 0, false
	}
	arrived := st.s.hub.arrived(st.ch)
	ctx, cancel := context.WithTimeout(st.ctx, answerTimeout)
	defer cancel()
	at := time.Now()
	q, a, err := st.answer(ctx)
	if err != nil {
		if st.ctx.Err() != nil {
			return 0, false
		}
		st.fail(err)
		return retryGap, true
	}
	st.publish(q, a, arrived)
	took := time.Since(at)
	st.s.metrics.streamSeconds.WithLabelValues(st.ch.name).Observe(took.Seconds())
	return max(st.pace(), computeShare*took) + at.Sub(began), true
}

// crowd is how many clients get frames at the channel's own pace; for twice as
// many and more it is half of that, as the frames themselves then take the time.
const crowd = 250

// pace is the least time between two frames. At 1,000 clients, 50 ms of kpis are
// 20,000 writes a second.
func (st *stream) pace() time.Duration {
	st.mu.Lock()
	n := len(st.mu.watchers)
	st.mu.Unlock()
	return st.ch.gap * time.Duration(min(max(n, crowd), 2*crowd)) / crowd
}

func (st *stream) answer(ctx context.Context) (*query, *answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, st.rt.path+"?"+st.values.Encode(), http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	q, err := st.s.queryOf(st.rt, r)
	if err != nil {
		return nil, nil, err
	}
	a, err := st.rt.handle(st.s, q)
	return q, a, err
}

// untilClock is when figures may differ although nothing was committed.
func (st *stream) untilClock() time.Duration {
	if st.rt.volatile {
		return slowGap
	}
	now := st.s.now()
	return now.Truncate(time.Minute).Add(time.Minute).Sub(now) + time.Millisecond
}

// fail lets the clients know, once for each kind of fault.
func (st *stream) fail(err error) {
	var p *problem
	if !errors.As(err, &p) {
		st.s.log.Error("live figures could not be worked out", slog.String("channel", st.ch.name), slog.Any("err", err))
		p = newProblem(http.StatusInternalServerError, "internal", "the figures cannot be worked out for now; the log of the server says more")
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.mu.problem != nil && st.mu.problem.Code == p.Code {
		return
	}
	st.mu.problem = p
	st.mu.faults++
	st.wakeLocked()
}

// publish compares the answer with the one before.
func (st *stream) publish(q *query, a *answer, arrived time.Time) {
	entries, order := st.entriesOf(a)
	meta, _ := a.body.get("meta").(obj)
	st.mu.Lock()
	defer st.mu.Unlock()
	first := st.mu.born == 0
	seq := st.s.seq.after(st.mu.seq, st.s.view.Status().Commit) // after reading: the frame is no newer than it says
	steady := encodeMeta(meta, "", 0)
	changed := first || st.mu.problem != nil || !bytes.Equal(steady, st.mu.steady)
	st.mu.problem = nil
	for key, json := range entries {
		if e := st.mu.entries[key]; e == nil || !bytes.Equal(e.json, json) {
			st.mu.entries[key] = &liveEntry{json, seq}
			changed = true
		}
	}
	for key := range st.mu.entries {
		if _, ok := entries[key]; !ok {
			delete(st.mu.entries, key)
			st.mu.removed = append(st.mu.removed, removal{key, seq})
			changed = true
		}
	}
	if n := len(st.mu.removed) - maxRemoved; n > 0 {
		st.mu.horizon = st.mu.removed[n-1].seq
		st.mu.removed = slices.Clone(st.mu.removed[n:])
	}
	if st.ch.ordered && !slices.Equal(order, st.mu.order) {
		st.mu.order, st.mu.ordered = order, seq
		changed = true
	}
	if !changed {
		return
	}
	if first {
		st.mu.born, st.mu.horizon = seq, seq-1
	}
	st.mu.prev, st.mu.seq = st.mu.seq, seq
	st.mu.asOf = q.now.String()
	st.mu.meta, st.mu.steady = encodeMeta(meta, st.mu.asOf, seq), steady
	st.mu.arrived = arrived
	clear(st.mu.frames)
	st.wakeLocked()
}

func (st *stream) wakeLocked() {
	for c := range st.mu.watchers {
		c.poke()
	}
}

// encodeMeta writes the meta of the REST answer as of a frame; without a seq,
// what is left when all that always changes is taken away.
func encodeMeta(meta obj, asOf string, seq uint64) []byte {
	out := make(obj, 0, len(meta))
	for _, f := range meta {
		switch {
		case f.name == "as_of" && seq == 0, f.name == "seq" && seq == 0:
			continue
		case f.name == "as_of":
			f.value = asOf
		case f.name == "seq":
			f.value = seq
		}
		out = append(out, f)
	}
	b, err := plainJSON(out)
	if err != nil {
		panic("BUG: a meta does not marshal: " + err.Error())
	}
	return b
}

// entriesOf takes an answer apart: the entries of its data by key, and what
// stands beside data as "#name".
func (st *stream) entriesOf(a *answer) (map[string][]byte, []string) {
	entries := map[string][]byte{}
	var order []string
	add := func(key string, v any) {
		b, err := plainJSON(v)
		if err != nil {
			panic("BUG: an entry does not marshal: " + err.Error())
		}
		entries[key] = b
	}
	for _, f := range a.body {
		switch {
		case f.name == "meta", f.name == "next_cursor":
		case f.name != "data":
			add("#"+f.name, f.value)
		case st.ch.section:
			for _, part := range f.value.(obj) {
				add(part.name, part.value)
			}
		default:
			for _, e := range f.value.([]obj) {
				key := st.ch.key(e)
				add(key, e)
				if st.ch.ordered {
					order = append(order, key)
				}
			}
		}
	}
	return entries, order
}

// since is what a client lacks: the part of a frame behind its id, the seq that
// it leads to, and whether what the client has must be dropped. Nil: nothing.
func (st *stream) since(sent uint64) (tail []byte, seq uint64, gap bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.mu.born == 0 || sent == st.mu.seq {
		return nil, sent, false
	}
	if sent < st.mu.born || sent < st.mu.horizon || sent > st.mu.seq {
		gap, sent = sent != 0, 0
	}
	tail = st.mu.frames[sent]
	if tail == nil {
		tail = st.frameLocked(sent)
		if len(st.mu.frames) < maxLagging {
			st.mu.frames[sent] = tail
		}
	}
	return tail, st.mu.seq, gap
}

// frameLocked writes a frame that builds on prev; of 0 it is complete.
func (st *stream) frameLocked(prev uint64) []byte {
	b := make([]byte, 0, 1024)
	b = appendText(append(b, `"ch":`...), st.ch.name)
	b = appendText(append(b, `,"epoch":`...), st.s.seq.epoch)
	b, _ = appendJSON(append(b, `,"seq":`...), st.mu.seq)
	b, _ = appendJSON(append(b, `,"prev":`...), prev)
	b = appendText(append(b, `,"as_of":`...), st.mu.asOf)
	b = append(append(b, `,"meta":`...), st.mu.meta...)
	b = append(b, `,"set":{`...)
	keys := make([]string, 0, len(st.mu.entries))
	for key, e := range st.mu.entries {
		if e.seq > prev {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys) // the same frame for the same change
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, key), ':')
		b = append(b, st.mu.entries[key].json...)
	}
	b = append(b, `},"del":[`...)
	if prev > 0 {
		gone := map[string]bool{}
		for _, r := range st.mu.removed {
			if r.seq <= prev || gone[r.key] || st.mu.entries[r.key] != nil {
				continue // or it has come back
			}
			if len(gone) > 0 {
				b = append(b, ',')
			}
			gone[r.key] = true
			b = appendText(b, r.key)
		}
	}
	b = append(b, ']')
	if st.ch.ordered && (prev == 0 || st.mu.ordered > prev) {
		order := st.mu.order
		if order == nil {
			order = []string{}
		}
		b, _ = appendJSON(append(b, `,"order":`...), order)
	}
	return append(b, '}')
}

// fault is the problem that the figures have now, and its number.
func (st *stream) fault() (*problem, uint64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.mu.problem, st.mu.faults
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
