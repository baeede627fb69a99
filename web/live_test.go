package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tributary-data/tributary/table"
)

// Frames lead to what REST answers, at the beginning and after changes, with
// filters, models and ranges.
func TestFramesAgreeWithREST(t *testing.T) {
	s := newServing(t)
	s.fill()
	x := s.dial(t, "")
	x.until("the confirmation", func(m message) bool {
		return m.Op == "subscribed" && m.ID == "kpis" && m.Snapshot == "/v1/overview"
	})
	if m := x.until("the first frame", isFrame("kpis")); m.Prev != 0 {
		t.Errorf("the first frame builds on %d", m.Prev)
	}
	x.agrees("kpis", "/v1/overview", byCurrency)

	x.send(map[string]any{"op": "subscribe", "id": "t", "ch": "campaigns", "params": map[string]any{"model": "linear", "channel": []string{"Display", "Paid Search"}, "limit": 10}})
	m := x.until("the confirmation", func(m message) bool { return m.Op == "subscribed" && m.ID == "t" })
	x.until("the table", isFrame("t"))
	x.agrees("t", m.Snapshot, byCampaign)

	for i := range 5 {
		s.view.put(table.MinuteDelivery, "2025-03-10T11:59:00Z", fmt.Sprint("n", i), "Display", "USD", 7, 1, 0, 0, 0, 0, 1_000_001+i, 0, "provisional")
		s.view.tick()
		x.until("the change of the figures", func(m message) bool {
			return isFrame("kpis")(m) && reflect.DeepEqual(x.state["kpis"]["USD"], at(t, s.get(t, "/v1/overview"), "data.1"))
		})
		x.until("the change of the table", func(message) bool {
			return x.state["t"][fmt.Sprintf("n%d|USD", i)] != nil
		})
	}
	x.agrees("kpis", "/v1/overview", byCurrency)
	x.agrees("t", m.Snapshot, byCampaign)

	s.view.remove(table.MinuteDelivery, func(r table.Row) bool { return r[1].Text == "n1" })
	s.view.tick()
	x.until("the removal", func(m message) bool { return isFrame("t")(m) && len(m.Del) == 1 && m.Del[0] == "n1|USD" })
	x.agrees("t", m.Snapshot, byCampaign)

	x.send(`{"op":"unsubscribe","id":"t"}`)
	x.until("the end of the subscription", func(m message) bool { return m.Op == "unsubscribed" && m.ID == "t" })
	if n := s.streamCount(); n != 1 {
		t.Errorf("%d streams are worked out; want that of kpis", n)
	}
}

// Every channel can be subscribed to and says what its schema says.
func TestChannels(t *testing.T) {
	s := newServing(t)
	s.fill()
	creditsOf(s.harness)
	x := s.dial(t, "?ch="+strings.Join(channelNames(), ","))
	seen := map[string]message{}
	for len(seen) < len(channels) {
		m := x.next()
		if m.Op == "error" {
			t.Fatalf("%+v", m)
		}
		if m.Op == "frame" {
			if _, again := seen[m.ID]; !again {
				seen[m.ID] = m
			}
		}
	}
	for _, c := range channels {
		if len(seen[c.name].Set) == 0 && c.name != "alerts" {
			t.Errorf("%s is empty", c.name)
		}
	}
	if o := x.order["conversions"]; len(o) != 3 || o[0] != "k3" || o[2] != "k1" {
		t.Errorf("the latest conversions are %v", o)
	}
	if x.state["paths"]["Display>Email|USD"] == nil || x.state["paths"]["#time_lags"] == nil || x.state["health"]["inputs"] == nil || x.state["fraud"]["by_campaign"] == nil {
		t.Errorf("keys: %v", x.state)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	s := newServing(t)
	x := s.dial(t, "?ch=")
	for text, code := range map[string]string{
		`nonsense`:                       "bad_message",
		`{"op":"shout"}`:                 "bad_message",
		`{"op":"subscribe","ch":"gold"}`: "bad_parameter",
		`{"op":"subscribe","ch":"kpis","params":{"model":"magic"}}`:             "bad_parameter",
		`{"op":"subscribe","ch":"kpis","params":{"nonsense":1}}`:                "unknown_parameter",
		`{"op":"subscribe","ch":"kpis","params":{"from":{"x":1}}}`:              "bad_parameter",
		`{"op":"subscribe","ch":"campaigns","params":{"cursor":"x"}}`:           "bad_parameter",
		`{"op":"subscribe","id":"` + strings.Repeat("x", 65) + `","ch":"kpis"}`: "bad_message",
		`{"op":"subscribe","ch":"series","params":{"from":"-30d"}}`:             "too_many_points",
	} {
		x.send(text)
		if m := x.until("the refusal", func(m message) bool { return m.Op == "error" }); m.Problem.Code != code {
			t.Errorf("%s: %s, want %s", text, m.Problem.Code, code)
		}
	}
	x.send(`{"op":"ping"}`)
	x.until("the beat", func(m message) bool { return m.Op == "beat" && m.Epoch == x.epoch })
	for i := range maxSubscriptions { // one more is there: that of too many points
		x.send(fmt.Sprintf(`{"op":"subscribe","id":"s%d","ch":"kpis"}`, i))
	}
	x.until("the limit", func(m message) bool { return m.Op == "error" && m.Problem.Code == "too_many_subscriptions" })
	if n := s.streamCount(); n != 2 {
		t.Errorf("%d streams; subscriptions to the same must share one", n)
	}
	for _, target := range []string{"/v1/live?ch=gold", "/v1/live?ch=kpis&interval=day", "/v1/live/events?model=magic"} {
		res, err := http.Get("http://" + s.addr + target)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if want := map[bool]int{true: 426, false: 400}[!strings.Contains(target, "events")]; res.StatusCode != want {
			t.Errorf("%s: %d, want %d", target, res.StatusCode, want)
		}
	}
}

// A client goes on from a REST answer: what it has is not sent again. Another
// epoch leads to a reset and a complete frame.
func TestResume(t *testing.T) {
	s := newServing(t)
	s.fill()
	other := s.dial(t, "?ch=campaigns") // keeps the stream alive
	other.until("the table", isFrame("campaigns"))
	doc := s.get(t, "/v1/campaigns")
	epoch, seq := at(t, doc, "meta.epoch").(string), at(t, doc, "meta.seq").(float64)

	x := s.dial(t, "?ch=")
	x.seqs["campaigns"] = uint64(seq)
	x.state["campaigns"] = map[string]map[string]any{}
	for _, e := range doc["data"].([]any) {
		x.state["campaigns"][byCampaign(e.(map[string]any))] = e.(map[string]any)
	}
	x.send(map[string]any{"op": "subscribe", "ch": "campaigns", "epoch": epoch, "seq": seq})
	x.until("the confirmation", func(m message) bool { return m.Op == "subscribed" })
	s.view.put(table.MinuteDelivery, "2025-03-10T11:59:00Z", "new", "Display", "USD", 7, 1, 0, 0, 0, 0, 1, 0, "provisional")
	s.view.tick()
	m := x.until("the change", func(m message) bool { return m.Op == "frame" && m.Set["new|USD"] != nil })
	if m.Prev == 0 || len(m.Set) != 1 {
		t.Errorf("the frame on %d sets %d entries; want the one that changed", m.Prev, len(m.Set))
	}
	x.agrees("campaigns", "/v1/campaigns", byCampaign)

	y := s.dial(t, "?ch=")
	y.send(map[string]any{"op": "subscribe", "ch": "campaigns", "epoch": "another", "seq": 77})
	y.until("the reset", func(m message) bool { return m.Op == "reset" && m.Reason == "epoch" })
	if m := y.next(); m.Op != "frame" || m.Prev != 0 {
		t.Errorf("after the reset comes %+v", m)
	}
	y.agrees("campaigns", "/v1/campaigns", byCampaign)
}

// A client that does not read holds nobody up, costs the server one write, and
// when it reads again gets to the present without what was in between.
func TestSlowClient(t *testing.T) {
	s := newServing(t)
	s.fill()
	const campaigns = 600
	long := strings.Repeat("x", 200)
	for i := range campaigns {
		s.view.put(table.MinuteDelivery, "2025-03-10T11:59:00Z", fmt.Sprintf("%s%d", long, i), "Display", "USD", 7, 1, 0, 0, 0, 0, 1, 0, "provisional")
	}
	slow := s.dial(t, "?ch=campaigns&limit=1000")
	fast := s.dial(t, "?ch=kpis")
	before := s.framesWritten(t, "campaigns")
	deadline := time.Now().Add(patience)
	ticks := 0
	// Until the socket's buffers are full: frames no longer leave for the slow one.
	for stuck := 0; stuck < 3; {
		if time.Now().After(deadline) {
			t.Fatal("the buffers of the socket are never full")
		}
		ticks++
		for i := range campaigns {
			s.view.put(table.MinuteDelivery, "2025-03-10T11:59:00Z", fmt.Sprintf("%s%d", long, i), "Display", "USD", ticks, 1, 0, 0, 0, 0, ticks, 0, "provisional")
		}
		s.view.compact(table.MinuteDelivery)
		s.view.tick()
		want := at(t, s.get(t, "/v1/overview"), "data.1")
		fast.until("the figures of the fast client", func(message) bool { return reflect.DeepEqual(fast.state["kpis"]["USD"], want) })
		time.Sleep(tableGap) // the least time between two frames
		n := s.framesWritten(t, "campaigns")
		if n == before {
			stuck++
		}
		before = n
	}
	for {
		m := slow.until("the frames of the slow client", isFrame("campaigns"))
		if m.Seq >= fast.seqs["kpis"] {
			break
		}
	}
	slow.agrees("campaigns", "/v1/campaigns?limit=1000", byCampaign)
	if slow.got > ticks {
		t.Errorf("the slow client got %d frames of %d ticks", slow.got, ticks)
	}
}

// What was removed beyond what a stream remembers leads to a reset.
func TestGap(t *testing.T) {
	s := newHarness(t)
	st := &stream{s: s.Server, ch: channelByName("campaigns"), rt: s.routeOf("/v1/campaigns")}
	st.mu.watchers, st.mu.entries, st.mu.frames = map[*client]int{}, map[string]*liveEntry{}, map[uint64][]byte{}
	q := &query{now: ms(noon)}
	publish := func(keys ...string) {
		var data []obj
		for _, k := range keys {
			data = append(data, obj{{"campaign_id", k}, {"currency", "USD"}})
		}
		st.publish(q, &answer{body: obj{{"data", data}}}, time.Time{})
	}
	publish("first")
	_, sent, _ := st.since(0)
	var many []string
	for i := range maxRemoved + 10 {
		many = append(many, fmt.Sprint(i))
	}
	publish(many...)
	publish("last")
	if tail, _, gap := st.since(sent); !gap || !strings.Contains(string(tail), `"prev":0,`) {
		t.Errorf("gap %v after %d removals: %.120s", gap, len(many)+1, tail)
	}
	_, sent, _ = st.since(0)
	publish("last", "more")
	if tail, _, gap := st.since(sent); gap || strings.Contains(string(tail), `"last|USD"`) {
		t.Errorf("gap %v: %s", gap, tail)
	}
}

func TestLiveClientsAreLimited(t *testing.T) {
	h := newHarness(t)
	h.cfg.MaxLiveClients = 2
	s := serve(t, h)
	a, _ := s.dial(t, ""), s.dial(t, "?ch=")
	_, res, err := websocket.Dial(t.Context(), "ws://"+s.addr+"/v1/live", nil) //nolint:bodyclose // Dial has read it
	if err == nil || res == nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Fatalf("the third client: %v %+v", err, res)
	}
	if _, body := s.fetch(t, "/v1/live/events"); !strings.Contains(body, "too_many_clients") {
		t.Errorf("a stream beyond the limit: %s", body)
	}
	_ = a.conn.Close(websocket.StatusNormalClosure, "")
	deadline := time.Now().Add(patience)
	for {
		conn, _, err := websocket.Dial(t.Context(), "ws://"+s.addr+"/v1/live", nil) //nolint:bodyclose // likewise
		if err == nil {
			_ = conn.CloseNow()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a place does not become free: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestOrigins(t *testing.T) {
	h := newHarness(t)
	h.origins.allowed = []string{"https://good.example"}
	h.handler = h.build()
	s := serve(t, h)
	dial := func(origin string) (int, string) {
		conn, res, err := websocket.Dial(t.Context(), "ws://"+s.addr+"/v1/live", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}}) //nolint:bodyclose // Dial has read it
		if err == nil {
			_ = conn.CloseNow()
			return 101, ""
		}
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	if code, body := dial("https://evil.example"); code != 403 || !strings.Contains(body, "cross_origin") {
		t.Errorf("another origin: %d %s", code, body)
	}
	if log := h.logged(); !strings.Contains(log, "https://evil.example") || !strings.Contains(log, "allowed_origins") {
		t.Errorf("the log does not tell what to do: %s", log)
	}
	for _, origin := range []string{"https://good.example", "http://" + s.addr} {
		if code, body := dial(origin); code != 101 {
			t.Errorf("%s: %d %s", origin, code, body)
		}
	}
	if got := h.do(http.MethodGet, "/v1/overview", nil, "Origin", "https://good.example").Header().Get("Access-Control-Allow-Origin"); got != "https://good.example" {
		t.Errorf("CORS for an allowed origin: %q", got)
	}
	w := h.do(http.MethodOptions, "/v1/events", nil, "Origin", "https://good.example", "Access-Control-Request-Method", "POST")
	if w.Code != 204 || !strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "Idempotency-Key") {
		t.Errorf("preflight: %d %v", w.Code, w.Header())
	}
	if got := h.do(http.MethodGet, "/v1/overview", nil, "Origin", "https://evil.example").Header().Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("CORS for another origin: %q", got)
	}
}

// Server-sent events carry the same messages.
func TestEventStream(t *testing.T) {
	s := newServing(t)
	s.fill()
	for target, accept := range map[string]string{"/v1/live/events?ch=kpis": "*/*", "/v1/live?ch=kpis": "text/event-stream"} {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+target, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", accept)
		r.Header.Set("Last-Event-ID", "another-7")
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		x := &socket{t: t, h: s.harness, seqs: map[string]uint64{}, state: map[string]map[string]map[string]any{}, order: map[string][]string{}}
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		var ops []string
		id := ""
		for len(ops) == 0 || ops[len(ops)-1] != "frame" {
			if !lines.Scan() {
				t.Fatalf("the stream ended after %v", ops)
			}
			if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				id = text
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				validateSchema(t, s.harness, "LiveMessage", []byte(data))
				ops = append(ops, x.take([]byte(data)).Op)
			}
		}
		if got := strings.Join(ops, " "); got != "hello subscribed reset frame" {
			t.Errorf("%s: %s", target, got)
		}
		if id != fmt.Sprintf("%s-%d", x.epoch, x.seqs["kpis"]) {
			t.Errorf("id %s", id)
		}
		x.agrees("kpis", "/v1/overview", byCurrency)
		cancel()
		_ = res.Body.Close()
	}
}

// A stop tells clients to come again; another process has another epoch.
func TestStopAndRestart(t *testing.T) {
	s := newServing(t)
	x := s.dial(t, "")
	x.until("the figures", isFrame("kpis"))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.stop()
	}()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, _, err := x.conn.Read(ctx)
		cancel()
		if err == nil {
			continue
		}
		if got := websocket.CloseStatus(err); got != websocket.StatusGoingAway {
			t.Errorf("the connection ends with %v", err)
		}
		break
	}
	<-stopped
	if n := s.streamCount(); n != 0 {
		t.Errorf("%d streams after the stop", n)
	}
	if again := newServing(t).dial(t, ""); again.epoch == x.epoch {
		t.Error("another server has the same epoch")
	}
}

// A client that sends more than it reads is cut off.
func TestFlood(t *testing.T) {
	s := newHarness(t)
	c := s.newClient(t.Context(), func(string, uint64, []byte) error { return nil })
	for range maxReplies + 1 {
		c.request([]byte(`{"op":"ping"}`))
	}
	if err := c.write(t.Context()); !errors.Is(err, errFlooded) {
		t.Errorf("write: %v", err)
	}
}

// The sequence rises by commits, and never falls.
func TestSequence(t *testing.T) {
	s := newSequence()
	a, b, c := s.at(1), s.at(1), s.at(2)
	if a != b || c <= b {
		t.Errorf("%d %d %d", a, b, c)
	}
	if d := s.after(c, 2); d <= c || s.at(2) != d || s.at(1) != d {
		t.Errorf("after %d: %d", c, d)
	}
}
