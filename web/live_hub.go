package web

import (
	"context"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/tributary-data/tributary/internal/auth"
)

// maxLiveStreams bounds the different subscriptions of all clients together.
const maxLiveStreams = 512

// hub knows the streams and the clients of the live feed.
type hub struct {
	s        *Server
	slots    [2]chan struct{} // how many figures are worked out at a time: of the quick channels, and of the others
	streams  sync.WaitGroup
	sessions sync.WaitGroup

	mu struct {
		sync.Mutex
		byKey   map[string]*stream
		clients int
		closed  bool
	}
	latest struct {
		sync.Mutex
		commit uint64 // up to which arrivals were asked for
	}
}

func newHub(s *Server) *hub {
	h := &hub{s: s}
	n := max(1, runtime.GOMAXPROCS(0)/2)
	h.slots = [2]chan struct{}{make(chan struct{}, n), make(chan struct{}, n)}
	h.mu.byKey = map[string]*stream{}
	return h
}

// Arrivals is what a view may also tell: when the records came that ticks
// applied. Then the time from arrival to frame is measured.
type Arrivals interface {
	// OldestArrival is when the first record arrived of those that commits after
	// the given one applied, and the last commit; false when there were none.
	OldestArrival(after uint64) (at time.Time, commit uint64, ok bool)
}

// arrived is when the oldest record came that the figures of now show and those
// before did not; zero where it is not known. It is asked for the channel that
// is published, kpis.
func (h *hub) arrived(ch *channel) time.Time {
	v, ok := h.s.plain.(Arrivals)
	if !ok || ch.name != channels[0].name {
		return time.Time{}
	}
	h.latest.Lock()
	defer h.latest.Unlock()
	at, commit, ok := v.OldestArrival(h.latest.commit)
	if !ok {
		return time.Time{}
	}
	h.latest.commit = commit
	return at
}

// enter takes a place for a client; false when all are taken or the server ends.
func (h *hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.closed || h.mu.clients >= h.s.cfg.liveClients() {
		return false
	}
	h.mu.clients++
	h.sessions.Add(1)
	h.s.metrics.liveClients.Inc()
	return true
}

func (h *hub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.clients--
	h.sessions.Done()
	h.s.metrics.liveClients.Dec()
}

// close waits until all clients have been told to go, for so long.
func (h *hub) close(patience time.Duration) {
	h.mu.Lock()
	h.mu.closed = true
	h.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		h.sessions.Wait()
		h.streams.Wait()
		close(gone)
	}()
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-gone:
	case <-t.C:
	}
}

// join gives the stream of a channel with parameters, made where there is none
// yet. The caller watches it until it leaves.
func (h *hub) join(ch *channel, values url.Values, c *client) (*stream, error) {
	key := ch.name + "?" + values.Encode()
	if c.pii {
		key = "pii " + key
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	st := h.mu.byKey[key]
	if st == nil {
		if len(h.mu.byKey) >= maxLiveStreams {
			return nil, newProblem(http.StatusServiceUnavailable, "too_many_streams", "too many different subscriptions are open; subscribe to what others show, or come back later").after(10 * time.Second)
		}
		st = &stream{s: h.s, key: key, ch: ch, rt: h.s.routeOf(ch.path), values: values}
		// The figures are those that anybody with this much permission may see.
		ctx := context.Background()
		if h.s.door != nil {
			who := auth.Principal{ID: "live", Scopes: auth.Read}
			if c.pii {
				who.Scopes |= auth.ReadPII
			}
			ctx = context.WithValue(ctx, principalKey{}, who)
		}
		st.ctx, st.stop = context.WithCancel(ctx)
		st.mu.watchers, st.mu.entries, st.mu.frames = map[*client]int{}, map[string]*liveEntry{}, map[uint64][]byte{}
		h.mu.byKey[key] = st
		h.streams.Add(1)
		h.s.metrics.liveStreams.Inc()
		go st.run()
	}
	st.users++
	st.mu.Lock()
	st.mu.watchers[c]++
	st.mu.Unlock()
	return st, nil
}

// part ends a client's watching; a stream that nobody watches ends.
func (h *hub) part(st *stream, c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	st.mu.Lock()
	if st.mu.watchers[c]--; st.mu.watchers[c] == 0 {
		delete(st.mu.watchers, c)
	}
	st.mu.Unlock()
	if st.users--; st.users == 0 {
		delete(h.mu.byKey, st.key)
		st.stop()
		h.s.metrics.liveStreams.Dec()
	}
}

func (s *Server) routeOf(path string) *route {
	i := slices.IndexFunc(s.table, func(rt *route) bool { return rt.path == path })
	return s.table[i]
}
