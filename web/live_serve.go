package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/tributary-data/tributary/internal/auth"
)

const (
	maxLiveMessage = 16 << 10 // of a client
	livePing       = 25 * time.Second
	livePong       = 10 * time.Second
)

// streamWrites is how long a reader may take nothing before it is dropped.
const streamWrites = 10 * time.Second

func (s *Server) mayPII(ctx context.Context) bool { return s.may(ctx, auth.ReadPII) }

// serveLive is the WebSocket; who asks for server-sent events instead gets them.
func (s *Server) serveLive(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
			s.serveLiveEvents(w, r)
			return
		}
		p := newProblem(http.StatusUpgradeRequired, "upgrade_required", "this is a WebSocket; connect with one, or take /v1/live/events")
		p.with("Upgrade", "websocket").with("Connection", "Upgrade").write(w, r)
		return
	}
	wanted, p := s.wanted(r)
	if p != nil {
		p.write(w, r)
		return
	}
	if !s.hub.enter() {
		s.tooManyClients(w, r)
		return
	}
	defer s.hub.leave()
	// Origins were checked before (foreignOrigin). Compression would cost a fixed
	// 1.2 MB a connection, for frames that are small.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }() // after a close that was tried
	conn.SetReadLimit(maxLiveMessage)
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.Context()))
	defer cancel(nil)
	c := s.newClient(ctx, func(_ string, _ uint64, body []byte) error {
		ctx, done := context.WithTimeout(ctx, streamWrites)
		defer done()
		return conn.Write(ctx, websocket.MessageText, body)
	})
	defer c.close()
	c.loggedOut = s.watchLogin(ctx, r)
	for _, x := range wanted {
		if p := c.subscribe(x.name, x.name, x.values, "", 0); p != nil {
			c.refuse(x.name, p)
		}
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		cancel(c.read(ctx, conn))
	}()
	pinged := make(chan struct{})
	go func() {
		defer close(pinged)
		keepAlive(ctx, conn, cancel)
	}()
	err = c.write(ctx)
	sayGoodbye(conn, err, func() { cancel(nil) })
	cancel(nil)
	<-read
	<-pinged
}

// keepAlive pings now and then; who does not answer is cut off.
func keepAlive(ctx context.Context, conn *websocket.Conn, cancel context.CancelCauseFunc) {
	for sleep(ctx, livePing) {
		pong, done := context.WithTimeout(ctx, livePong)
		err := conn.Ping(pong)
		done()
		if err != nil {
			cancel(err)
			return
		}
	}
}

// read takes the client's requests until it goes.
func (c *client) read(ctx context.Context, conn *websocket.Conn) error {
	for {
		kind, text, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		if kind != websocket.MessageText {
			c.refuse("", newProblem(http.StatusBadRequest, "bad_message", "requests are texts of JSON"))
			continue
		}
		c.request(text)
	}
}

// goodbye is how long a client may take to answer that it is told to go.
const goodbye = time.Second

// sayGoodbye tells a client that is still there why the connection ends.
// Cutting off the reader closes the connection under a client that does not
// answer.
func sayGoodbye(conn *websocket.Conn, err error, cut func()) {
	late := time.AfterFunc(goodbye, cut)
	defer late.Stop()
	switch {
	case errors.Is(err, ErrStopping):
		_ = conn.Close(websocket.StatusGoingAway, "the server is stopping; connect anew")
	case errors.Is(err, errLoggedOut):
		_ = conn.Close(websocket.StatusPolicyViolation, "the login has ended")
	case errors.Is(err, errFlooded):
		_ = conn.Close(websocket.StatusPolicyViolation, "too many requests wait to be answered")
	}
}

func (s *Server) tooManyClients(w http.ResponseWriter, r *http.Request) {
	s.metrics.liveRefused.Inc()
	newProblem(http.StatusServiceUnavailable, "too_many_clients",
		"all "+strconv.Itoa(s.cfg.liveClients())+" places of the live feed are taken; server.max_live_clients sets how many there are").after(10*time.Second).write(w, r)
}

// wantedChannel is a subscription that stands in the address.
type wantedChannel struct {
	name   string
	values url.Values
}

// wanted reads the subscriptions of the address: each parameter goes to the
// channels whose route knows it, and one that none knows is an error.
func (s *Server) wanted(r *http.Request) ([]wantedChannel, *problem) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "bad_query", "the query string is not well-formed: "+err.Error())
	}
	names := []string{channels[0].name}
	if values.Has("ch") {
		names = slices.DeleteFunc(strings.Split(strings.Join(values["ch"], ","), ","), func(n string) bool { return n == "" })
		values.Del("ch")
	}
	slices.Sort(names)
	names = slices.Compact(names)
	used := map[string]bool{}
	var out []wantedChannel
	accepted := []string{"ch"}
	for _, name := range names {
		ch := channelByName(name)
		if ch == nil {
			return nil, badParameter("ch", "there is no channel "+strconv.Quote(name), channelNames()...)
		}
		x := wantedChannel{name, url.Values{}}
		rt := s.routeOf(ch.path)
		for k, v := range values {
			if rt.param(k) != nil && k != "cursor" {
				x.values[k] = slices.Clone(v)
				used[k] = true
			}
		}
		for _, k := range rt.queryNames() {
			if k != "cursor" && !slices.Contains(accepted, k) {
				accepted = append(accepted, k)
			}
		}
		out = append(out, x)
	}
	for _, k := range sortedKeys(values, strings.Compare) {
		if !used[k] {
			p := newProblem(http.StatusBadRequest, "unknown_parameter", "none of the channels knows a parameter "+strconv.Quote(k))
			p.Parameter, p.Accepted = k, accepted
			return nil, p
		}
	}
	for i := range out { // a wrong value is told before anything is opened
		rt := s.routeOf(channelByName(out[i].name).path)
		probe := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: rt.path, RawQuery: out[i].values.Encode()}}
		if _, err := s.queryOf(rt, probe); err != nil {
			return nil, problemOf(err)
		}
	}
	return out, nil
}

// serveLiveEvents sends the same messages as server-sent events.
func (s *Server) serveLiveEvents(w http.ResponseWriter, r *http.Request) {
	wanted, p := s.wanted(r)
	if p == nil && accepts(strings.Join(r.Header.Values("Accept"), ","), "text/event-stream") == "" {
		p = newProblem(http.StatusNotAcceptable, "not_acceptable", "this is a stream of server-sent events")
		p.Accepted = []string{"text/event-stream"}
	}
	if p != nil {
		p.write(w, r)
		return
	}
	if !s.hub.enter() {
		s.tooManyClients(w, r)
		return
	}
	defer s.hub.leave()
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // else the server's ReadTimeout ends the stream
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	buf := []byte("retry: 2000\n")
	c := s.newClient(r.Context(), func(op string, seq uint64, body []byte) error {
		buf = append(append(buf, "event: "...), op...)
		if seq > 0 {
			buf = append(append(append(buf, "\nid: "...), s.seq.epoch...), '-')
			buf = strconv.AppendUint(buf, seq, 10)
		}
		buf = append(append(append(buf, "\ndata: "...), body...), "\n\n"...)
		_ = control.SetWriteDeadline(time.Now().Add(streamWrites))
		_, err := w.Write(buf)
		if buf = buf[:0]; cap(buf) > keptBuffer {
			buf = nil
		}
		if err != nil {
			return err
		}
		return control.Flush()
	})
	defer c.close()
	c.loggedOut = s.watchLogin(r.Context(), r)
	epoch, _, _ := strings.Cut(r.Header.Get("Last-Event-ID"), "-")
	if epoch == s.seq.epoch {
		epoch = "" // the same process, but whether all channels got as far is not known
	}
	for _, x := range wanted {
		if p := c.subscribe(x.name, x.name, x.values, epoch, 0); p != nil {
			c.refuse(x.name, p)
		}
	}
	_ = c.write(r.Context()) // the client has gone, or the server goes
}
