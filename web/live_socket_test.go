package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

// serving is a harness behind a real listener.
type serving struct {
	*harness
	addr string
	stop func()
}

func newServing(t *testing.T) *serving {
	t.Helper()
	h := newHarness(t)
	return serve(t, h)
}

func serve(t *testing.T, h *harness) *serving {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Serve(ctx, l) }()
	stopped := false
	s := &serving{harness: h, addr: l.Addr().String()}
	s.stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	t.Cleanup(s.stop)
	return s
}

// message is anything that the server sends.
type message struct {
	Op, ID, Ch, Epoch, Snapshot, Reason string
	Seq, Prev                           uint64
	AsOf                                string `json:"as_of"`
	Meta                                map[string]any
	Set                                 map[string]any
	Del, Order                          []string
	Problem                             struct{ Code, Parameter string }
}

// socket is a client that follows the rules of docs/api.md.
type socket struct {
	t     *testing.T
	h     *harness
	conn  *websocket.Conn
	epoch string
	seqs  map[string]uint64                    // by subscription
	state map[string]map[string]map[string]any // by subscription and key
	order map[string][]string
	got   int // frames
}

func (s *serving) dial(t *testing.T, query string) *socket {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+s.addr+"/v1/live"+query, nil) //nolint:bodyclose // of a socket that is open it is nil, else Dial closed it
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(64 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	x := &socket{t: t, h: s.harness, conn: conn, seqs: map[string]uint64{}, state: map[string]map[string]map[string]any{}, order: map[string][]string{}}
	if m := x.next(); m.Op != "hello" || m.Epoch == "" || m.Snapshot == "" {
		t.Fatalf("the first message is %+v", m)
	}
	return x
}

func (x *socket) send(v any) {
	x.t.Helper()
	b, ok := v.(string)
	if !ok {
		raw, err := json.Marshal(v)
		if err != nil {
			x.t.Fatal(err)
		}
		b = string(raw)
	}
	ctx, cancel := context.WithTimeout(x.t.Context(), patience)
	defer cancel()
	if err := x.conn.Write(ctx, websocket.MessageText, []byte(b)); err != nil {
		x.t.Fatal(err)
	}
}

// next is the next message; every one is checked against its schema, and frames
// are applied.
func (x *socket) next() message {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), patience)
	defer cancel()
	_, b, err := x.conn.Read(ctx)
	if err != nil {
		x.t.Fatalf("no message came: %v", err)
	}
	validateSchema(x.t, x.h, "LiveMessage", b)
	return x.take(b)
}

func (x *socket) take(b []byte) message {
	x.t.Helper()
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		x.t.Fatalf("%v: %s", err, b)
	}
	switch m.Op {
	case "hello":
		x.epoch = m.Epoch
	case "reset":
		delete(x.state, m.ID)
		x.seqs[m.ID] = 0
	case "frame":
		x.got++
		x.apply(m)
	}
	return m
}

func (x *socket) apply(m message) {
	x.t.Helper()
	had := x.seqs[m.ID]
	switch {
	case m.Epoch != x.epoch:
		x.t.Fatalf("a frame of epoch %s after hello said %s", m.Epoch, x.epoch)
	case m.Seq <= had:
		x.t.Fatalf("frame %d after %d", m.Seq, had)
	case m.Prev == 0:
		x.state[m.ID] = map[string]map[string]any{}
	case m.Prev > had:
		x.t.Fatalf("a frame on %d, and the client is at %d", m.Prev, had)
	}
	for k, v := range m.Set {
		e, ok := v.(map[string]any)
		if !ok {
			e = map[string]any{"value": v}
		}
		x.state[m.ID][k] = e
	}
	for _, k := range m.Del {
		delete(x.state[m.ID], k)
	}
	if m.Order != nil {
		x.order[m.ID] = m.Order
	}
	x.seqs[m.ID] = m.Seq
}

// until reads on until a message is what is waited for.
func (x *socket) until(what string, ok func(message) bool) message {
	x.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if m := x.next(); ok(m) {
			return m
		}
	}
	x.t.Fatalf("%s did not come", what)
	return message{}
}

func isFrame(id string) func(message) bool {
	return func(m message) bool { return m.Op == "frame" && m.ID == id }
}

// agrees compares what the client has with the REST answer, text by text.
func (x *socket) agrees(id, target string, key func(map[string]any) string) {
	x.t.Helper()
	doc := x.h.get(x.t, target)
	rest := map[string]map[string]any{}
	for _, e := range doc["data"].([]any) {
		entry := e.(map[string]any)
		rest[key(entry)] = entry
	}
	if !reflect.DeepEqual(rest, x.state[id]) {
		x.t.Errorf("%s: the frames lead to %v, REST says %v", target, x.state[id], rest)
	}
}

func byCurrency(e map[string]any) string { return e["currency"].(string) }

func byCampaign(e map[string]any) string {
	return e["campaign_id"].(string) + "|" + e["currency"].(string)
}

func (s *serving) fetch(t *testing.T, target string) (int, string) {
	t.Helper()
	res, err := http.Get("http://" + s.addr + target)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func (h *harness) streamCount() int {
	h.hub.mu.Lock()
	defer h.hub.mu.Unlock()
	return len(h.hub.mu.byKey)
}

func (h *harness) framesWritten(t *testing.T, channel string) int {
	t.Helper()
	for line := range strings.Lines(h.do(http.MethodGet, "/metrics", nil).Body.String()) {
		var n int
		if _, err := fmt.Sscanf(line, `tributary_ws_frames_total{channel="`+channel+`"} %d`, &n); err == nil {
			return n
		}
	}
	t.Fatal("no metric of frames")
	return 0
}
