package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tributary-data/tributary/event"
)

const (
	maxSubscriptions = 32
	maxReplies       = 64 // answers to requests that wait to be written; a client that asks faster than it reads is cut off
	maxSubID         = 64
	liveBeat         = 10 * time.Second
	keptBuffer       = 64 << 10
)

// errLoggedOut ends a client whose key was revoked or whose session is over.
var errLoggedOut = errors.New("the login has ended")

// client is one socket or stream of a browser. Its memory does not depend on how
// slowly it reads: it holds for each subscription the number of the state that
// it was sent last, and has one write in flight.
type client struct {
	s         *Server
	pii       bool            // may see persons
	loggedOut <-chan struct{} // closed when the login ends; nil where nobody logs in
	send      func(op string, seq uint64, body []byte) error
	wake      chan struct{}
	buf       []byte // of the writer

	mu struct {
		sync.Mutex
		subs    []*subscription
		replies []reply
		flooded bool
	}
}

// reply is the answer to a request; it is written before any frame.
type reply struct {
	op   string
	body []byte
}

// subscription is a client's hold on a stream. Its fields behind st belong to
// the writer.
type subscription struct {
	id   string
	head []byte // of its frames
	st   *stream

	sent   uint64
	reset  string // reason of a reset that must be sent first
	faults uint64 // of the stream, that were told
}

func (s *Server) newClient(ctx context.Context, send func(op string, seq uint64, body []byte) error) *client {
	return &client{s: s, pii: s.mayPII(ctx), send: send, wake: make(chan struct{}, 1)}
}

// poke lets the writer look for something to write.
func (c *client) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write is the loop of the one goroutine that writes to the client.
func (c *client) write(ctx context.Context) error {
	if err := c.hello(); err != nil {
		return err
	}
	beat := time.NewTimer(liveBeat)
	defer beat.Stop()
	for {
		wrote, err := c.flush()
		if err != nil {
			return err
		}
		if wrote {
			beat.Reset(liveBeat)
		}
		select {
		case <-c.wake:
		case <-beat.C:
			if err := c.sendObj("beat", c.state("beat")); err != nil {
				return err
			}
			beat.Reset(liveBeat)
		case <-ctx.Done():
			return ctx.Err()
		case <-c.s.stopping:
			return ErrStopping
		case <-c.loggedOut:
			return errLoggedOut
		}
	}
}

// state is what every message without figures says.
func (c *client) state(op string) obj {
	return obj{{"op", op}, {"epoch", c.s.seq.epoch}, {"seq", c.s.seq.at(c.s.view.Status().Commit)}, {"as_of", c.s.nowMillis().String()}}
}

func (c *client) hello() error {
	return c.sendObj("hello", append(c.state("hello"),
		field{"snapshot", channels[0].path},
		field{"channels", channelNames()},
		field{"beat_ms", liveBeat.Milliseconds()},
		field{"max_subscriptions", maxSubscriptions}))
}

func (c *client) sendObj(op string, o obj) error {
	b, err := plainJSON(o)
	if err != nil {
		panic("BUG: a message does not marshal: " + err.Error())
	}
	return c.send(op, 0, b)
}

// flush writes replies, then what each subscription lacks. What changes while
// it writes to a slow client is taken together the next time.
func (c *client) flush() (wrote bool, err error) {
	c.mu.Lock()
	replies, subs, flooded := c.mu.replies, slices.Clone(c.mu.subs), c.mu.flooded
	c.mu.replies = nil
	c.mu.Unlock()
	if flooded {
		return false, errFlooded
	}
	for _, r := range replies {
		if err := c.send(r.op, 0, r.body); err != nil {
			return true, err
		}
		wrote = true
	}
	for _, sub := range subs {
		n, err := c.feed(sub)
		if err != nil {
			return true, err
		}
		wrote = wrote || n
	}
	return wrote, nil
}

var errFlooded = fmt.Errorf("more than %d requests wait to be answered", maxReplies)

func (c *client) feed(sub *subscription) (wrote bool, err error) {
	if p, n := sub.st.fault(); p != nil && n != sub.faults {
		sub.faults = n
		if err := c.sendObj("error", obj{{"op", "error"}, {"id", sub.id}, {"problem", p}}); err != nil {
			return true, err
		}
		wrote = true
	}
	tail, seq, gap := sub.st.since(sub.sent)
	if tail == nil {
		return wrote, nil
	}
	reason := sub.reset
	if gap && reason == "" {
		reason = "gap"
	}
	if reason != "" {
		o := obj{{"op", "reset"}, {"id", sub.id}, {"ch", sub.st.ch.name}, {"epoch", c.s.seq.epoch}, {"seq", seq}, {"reason", reason}}
		if err := c.sendObj("reset", o); err != nil {
			return true, err
		}
		sub.reset = ""
		c.s.metrics.liveResets.WithLabelValues(reason).Inc()
	}
	c.buf = append(append(c.buf[:0], sub.head...), tail...)
	if err := c.send("frame", seq, c.buf); err != nil {
		return true, err
	}
	if cap(c.buf) > keptBuffer {
		c.buf = nil
	}
	c.s.metrics.framed(sub.st, seq)
	sub.sent = seq
	return true, nil
}

// close gives everything back.
func (c *client) close() {
	c.mu.Lock()
	subs := c.mu.subs
	c.mu.subs = nil
	c.mu.Unlock()
	for _, sub := range subs {
		c.s.hub.part(sub.st, c)
	}
}

// reply queues an answer for the writer.
func (c *client) reply(op string, o obj) {
	b, err := plainJSON(o)
	if err != nil {
		panic("BUG: a message does not marshal: " + err.Error())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.mu.replies) >= maxReplies {
		c.mu.flooded = true
	} else {
		c.mu.replies = append(c.mu.replies, reply{op, b})
	}
	c.poke()
}

func (c *client) refuse(id string, p *problem) {
	c.reply("error", obj{{"op", "error"}, {"id", id}, {"problem", p}})
}

// liveRequest is what a client may send.
type liveRequest struct {
	Op     string                     `json:"op"`
	ID     string                     `json:"id"`
	Ch     string                     `json:"ch"`
	Params map[string]json.RawMessage `json:"params"`
	Epoch  string                     `json:"epoch"`
	Seq    uint64                     `json:"seq"`
}

// request does what a message asks for.
func (c *client) request(text []byte) {
	var r liveRequest
	if err := json.Unmarshal(text, &r); err != nil {
		c.refuse("", newProblem(http.StatusBadRequest, "bad_message", "the message is not a request in JSON: "+err.Error()))
		return
	}
	if r.ID == "" {
		r.ID = r.Ch
	}
	if len(r.ID) > maxSubID {
		c.refuse("", newProblem(http.StatusBadRequest, "bad_message", fmt.Sprintf("the id is longer than %d bytes", maxSubID)))
		return
	}
	switch r.Op {
	case "subscribe":
		values, p := valuesOf(r.Params)
		if p == nil {
			p = c.subscribe(r.ID, r.Ch, values, r.Epoch, r.Seq)
		}
		if p != nil {
			c.refuse(r.ID, p)
		}
	case "unsubscribe":
		c.unsubscribe(r.ID)
		c.reply("unsubscribed", obj{{"op", "unsubscribed"}, {"id", r.ID}})
	case "ping":
		c.reply("beat", c.state("beat"))
	default:
		p := newProblem(http.StatusBadRequest, "bad_message", fmt.Sprintf("there is no op %q", r.Op))
		p.Accepted = []string{"subscribe", "unsubscribe", "ping"}
		c.refuse(r.ID, p)
	}
}

// valuesOf makes a query of the parameters of a message: a list is a comma list.
func valuesOf(params map[string]json.RawMessage) (url.Values, *problem) {
	values := url.Values{}
	for name, raw := range params {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, badParameter(name, "is no JSON value")
		}
		switch v := v.(type) {
		case string:
			values.Set(name, v)
		case bool, float64:
			values.Set(name, strings.TrimSpace(string(raw)))
		case nil:
		case []any:
			parts := make([]string, len(v))
			for i, x := range v {
				s, ok := x.(string)
				if !ok {
					return nil, badParameter(name, "a list holds texts only")
				}
				parts[i] = strings.NewReplacer(`\`, `\\`, ",", `\,`).Replace(s)
			}
			values.Set(name, strings.Join(parts, ","))
		default:
			return nil, badParameter(name, "must be a text, a number, true, false, or a list of texts")
		}
	}
	return values, nil
}

// subscribe joins a stream. What the client says that it has is believed where
// the stream can tell what changed since.
func (c *client) subscribe(id, name string, values url.Values, epoch string, seq uint64) *problem {
	ch := channelByName(name)
	if ch == nil {
		p := badParameter("ch", fmt.Sprintf("there is no channel %q", name), channelNames()...)
		return p
	}
	if id == "" {
		id = name
	}
	for k, v := range ch.defs {
		if !values.Has(k) {
			values.Set(k, v)
		}
	}
	if values.Has("cursor") {
		return badParameter("cursor", "a live subscription shows the first page")
	}
	rt := c.s.routeOf(ch.path)
	probe := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: rt.path, RawQuery: values.Encode()}}
	if _, err := c.s.queryOf(rt, probe); err != nil {
		return problemOf(err)
	}
	c.unsubscribe(id)
	c.mu.Lock()
	full := len(c.mu.subs) >= maxSubscriptions
	c.mu.Unlock()
	if full {
		return newProblem(http.StatusTooManyRequests, "too_many_subscriptions", fmt.Sprintf("a client may hold %d subscriptions", maxSubscriptions))
	}
	st, err := c.s.hub.join(ch, values, c)
	if err != nil {
		return problemOf(err)
	}
	sub := &subscription{id: id, st: st, head: append(appendText([]byte(`{"op":"frame","id":`), id), ',')}
	switch {
	case epoch == "":
	case epoch != c.s.seq.epoch:
		sub.reset = "epoch"
	default:
		sub.sent = st.known(seq)
	}
	snapshot := ch.path
	if len(values) > 0 {
		snapshot += "?" + values.Encode()
	}
	c.reply("subscribed", obj{
		{"op", "subscribed"},
		{"id", id},
		{"ch", name},
		{"epoch", c.s.seq.epoch},
		{"seq", c.s.seq.at(c.s.view.Status().Commit)},
		{"snapshot", snapshot},
		{"gap_ms", ch.gap.Milliseconds()},
	})
	c.mu.Lock()
	c.mu.subs = append(c.mu.subs, sub)
	c.mu.Unlock()
	c.poke()
	return nil
}

// known is the state that a client has of the stream; 0 where it cannot be said
// what changed since.
func (st *stream) known(seq uint64) uint64 {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.mu.born == 0 || seq < st.mu.born || seq < st.mu.horizon {
		return 0
	}
	return min(seq, st.mu.seq)
}

func problemOf(err error) *problem {
	if p, ok := err.(*problem); ok { //nolint:errorlint // what queryOf and join return is not wrapped
		return p
	}
	return newProblem(http.StatusInternalServerError, "internal", err.Error())
}

func (c *client) unsubscribe(id string) {
	c.mu.Lock()
	i := slices.IndexFunc(c.mu.subs, func(s *subscription) bool { return s.id == id })
	var sub *subscription
	if i >= 0 {
		sub = c.mu.subs[i]
		c.mu.subs = slices.Delete(c.mu.subs, i, i+1)
	}
	c.mu.Unlock()
	if sub != nil {
		c.s.hub.part(sub.st, c)
	}
}

func (s *Server) nowMillis() event.Millis { return event.Millis(s.now().UnixMilli()) }
