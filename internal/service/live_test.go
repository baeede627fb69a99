package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
	"github.com/tributary-data/tributary/web"
)

var (
	liveClients = flag.Int("live.clients", 20, "TestLiveLatency: clients of the live feed")
	liveSlow    = flag.Int("live.slow", 2, "TestLiveLatency: of them, those that read nothing")
	liveRate    = flag.Int("live.rate", 500, "TestLiveLatency: events a second beside the marked ones")
	liveFor     = flag.Duration("live.for", 2*time.Second, "TestLiveLatency: how long")
	liveProgram = flag.String("live.program", "", "TestLiveLatency: `FILE` of the program to measure, in a process of its own (default: in this one)")
)

// liveWait is how long a test waits for what must come.
const liveWait = 2 * time.Minute

// feed is a client of the live feed that keeps the entries of one subscription.
type feed struct {
	conn    *websocket.Conn
	epoch   string
	seq     uint64
	entries map[string]any
}

func (r *running) follow(query string) *feed {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), liveWait)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, strings.Replace(r.url, "http:", "ws:", 1)+"/v1/live?"+query, nil) //nolint:bodyclose // it is the connection that is closed
	if err != nil {
		r.t.Fatal(err)
	}
	conn.SetReadLimit(64 << 20)
	r.t.Cleanup(func() { _ = conn.CloseNow() })
	return &feed{conn: conn}
}

// next applies one message; true when it was a frame.
func (f *feed) next(ctx context.Context) (bool, error) {
	_, b, err := f.conn.Read(ctx)
	if err != nil {
		return false, err
	}
	var m struct {
		Op, Epoch string
		Seq, Prev uint64
		Set       map[string]any
		Del       []string
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return false, err
	}
	switch m.Op {
	case "hello":
		f.epoch = m.Epoch
	case "error":
		return false, fmt.Errorf("refused: %s", b)
	case "frame":
		if m.Prev > f.seq || m.Seq <= f.seq {
			return false, fmt.Errorf("frame %d on %d after %d", m.Seq, m.Prev, f.seq)
		}
		if m.Prev == 0 {
			f.entries = map[string]any{}
		}
		for k, v := range m.Set {
			f.entries[k] = v
		}
		for _, k := range m.Del {
			delete(f.entries, k)
		}
		f.seq = m.Seq
		return true, nil
	}
	return false, nil
}

// rest are the entries of an answer, by the members of the key.
func (r *running) rest(path string, key ...string) map[string]any {
	r.t.Helper()
	code, _, text := r.get(path)
	var doc struct{ Data []map[string]any }
	if err := json.Unmarshal([]byte(text), &doc); err != nil || code != http.StatusOK {
		r.t.Fatalf("%s: %d %s", path, code, text)
	}
	out := map[string]any{}
	for _, e := range doc.Data {
		parts := make([]string, len(key))
		for i, k := range key {
			parts[i] = e[k].(string)
		}
		out[strings.Join(parts, "|")] = e
	}
	return out
}

// TestLiveAgrees: while events come in, late ones, repeats and refunds too, the
// frames of every subscription come to what REST answers, and what REST answers
// from what it keeps is what a new process answers from the state alone.
func TestLiveAgrees(t *testing.T) {
	s := newSite(t)
	r := s.start()
	within := fmt.Sprintf("from=%s&to=%s", s.base, s.base+3*event.Hour)
	subs := []struct {
		feed *feed
		path string
		key  []string
	}{
		{r.follow("ch=kpis&" + within), "/v1/overview?" + within, []string{"currency"}},
		{r.follow("ch=kpis&campaign_id=k1&model=linear&" + within), "/v1/overview?campaign_id=k1&model=linear&" + within, []string{"currency"}},
		{r.follow("ch=campaigns&traffic=gross&basis=touch_time&" + within), "/v1/campaigns?traffic=gross&basis=touch_time&" + within, []string{"campaign_id", "currency"}},
		{r.follow("ch=series&" + within + "&interval=minute"), "/v1/timeseries?interval=minute&" + within, []string{"start", "currency"}},
	}
	lines := strings.SplitAfter(strings.TrimSpace(s.traffic()), "\n")
	for i := 0; i < len(lines); i += 7 {
		r.send(strings.Join(lines[i:min(i+7, len(lines))], ""))
		for _, path := range []string{"/v1/overview?", "/v1/campaigns?basis=touch_time&", "/v1/attribution/compare?", "/v1/timeseries?interval=hour&"} {
			if code, _, text := r.get(path + within); code != http.StatusOK { // what was read is kept
				t.Fatalf("%s: %d %s", path, code, text)
			}
		}
	}
	r.send(fmt.Sprintf(`{"type":"adjustment","event_id":"j2","event_time":%d,"adjusts":"v2","kind":"retract"}`, s.base+151*event.Minute))
	r.send(fmt.Sprintf(`{"type":"click","event_id":"c11","event_time":%d,"user_id":"p2","campaign_id":"k2","channel":"Email","cost":"0.25"}`, s.base+40*event.Minute))
	for _, x := range subs {
		want := r.rest(x.path, x.key...)
		ctx, cancel := context.WithTimeout(context.Background(), liveWait)
		for !reflect.DeepEqual(x.feed.entries, want) {
			if _, err := x.feed.next(ctx); err != nil {
				t.Fatalf("%s: %v; the frames led to %v, REST says %v", x.path, err, x.feed.entries, want)
			}
		}
		cancel()
	}
	warm := r.answers(s)
	credited := map[string]string{}
	for _, model := range web.Models {
		for k, e := range r.rest("/v1/campaigns?model="+model+"&"+within, "campaign_id", "currency") {
			credited[model+"|"+k] = e.(map[string]any)["credited_value"].(map[string]any)["amount"].(string)
		}
	}
	epoch := subs[0].feed.epoch
	r.stop()
	tables, _, _, _ := s.stored()
	sums := map[string]int64{}
	for _, row := range tables[table.MinuteAttribution.Name] {
		if campaign := row[2].Text; campaign != "" || row[3].Text != "(none)" {
			sums[row[1].Text+"|"+campaign+"|"+row[4].Text] += row[table.MinuteAttribution.Col("value_micros")].Int
		}
	}
	for k, micros := range sums {
		if want := fmt.Sprintf("%d.%06d", micros/1e6, micros%1e6); strings.TrimRight(want, "0") != strings.TrimRight(credited[k], "0") {
			t.Errorf("%s: REST says %s, the rows of the table sum to %s", k, credited[k], want)
		}
	}
	if len(sums) < len(web.Models) {
		t.Errorf("only %d sums: %v", len(sums), sums)
	}
	r = s.start()
	for path, body := range r.answers(s) {
		if body != warm[path] {
			t.Errorf("%s: a new process answers %s, the one before %s", path, body, warm[path])
		}
	}
	f := r.follow("ch=kpis")
	ctx, cancel := context.WithTimeout(context.Background(), liveWait)
	defer cancel()
	for ok := false; !ok; {
		var err error
		if ok, err = f.next(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if f.epoch == epoch {
		t.Error("the epoch is that of the process before")
	}
}

// TestLiveLatency measures the time from the scheduled arrival of an event to the
// frame that shows it being read by a client, with other clients, slow ones and
// other traffic beside it, and the memory that the clients take. By default it is
// small and only sees that every event arrives at every client; the figures of
// docs/dashboard.md come from
//
//	go test ./internal/service -run TestLiveLatency -v -live.program $PWD/bin/tributary -live.clients 1000 -live.slow 100 -live.rate 10000 -live.for 30s
func TestLiveLatency(t *testing.T) {
	r := startMeasured(t)
	memory := r.memory()
	const query = "ch=kpis&campaign_id=marked"
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const gap = 20 * time.Millisecond
	marks := int(*liveFor / gap)
	due := make([]time.Time, marks)
	var mu sync.Mutex
	var latencies []time.Duration
	var readers sync.WaitGroup
	start := make(chan struct{})
	for i := range *liveClients {
		f := r.follow(query)
		if i < *liveSlow {
			continue // its buffers fill
		}
		readers.Go(func() {
			<-start
			seen := 0
			var mine []time.Duration
			for seen < marks {
				if ok, err := f.next(ctx); err != nil {
					t.Errorf("client %d after %d events: %v", i, seen, err)
					return
				} else if !ok {
					continue
				}
				now := time.Now()
				e, _ := f.entries["USD"].(map[string]any)
				n, _ := e["impressions"].(float64)
				for ; seen < int(n); seen++ {
					mine = append(mine, now.Sub(due[seen]))
				}
			}
			mu.Lock()
			latencies = append(latencies, mine...)
			mu.Unlock()
		})
	}
	r.awaitClients(*liveClients)
	quiet := r.memory()
	begin := time.Now().Add(200 * time.Millisecond)
	for i := range due {
		due[i] = begin.Add(time.Duration(i) * gap)
	}
	close(start)
	defer time.AfterFunc(*liveFor+liveWait, cancel).Stop()
	var senders sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	post := func(body string) {
		res, err := client.Post(r.url+"/v1/events", "application/x-ndjson", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	senders.Go(func() { // other traffic, in portions of a marked one's gap
		n := 0
		for i := range marks {
			time.Sleep(time.Until(due[i]))
			var b bytes.Buffer
			for range *liveRate * int(gap/time.Millisecond) / 1000 {
				n++
				fmt.Fprintf(&b, `{"type":"impression","event_id":"o%d","event_time":%d,"user_id":"p%d","campaign_id":"k%d","source":"google","medium":"cpc","cost":"0.01"}`+"\n", n, time.Now().UnixMilli(), n%5000, n%50)
			}
			if b.Len() > 0 {
				senders.Go(func() { post(b.String()) })
			}
		}
	})
	for i := range marks {
		time.Sleep(time.Until(due[i]))
		senders.Go(func() {
			post(fmt.Sprintf(`{"type":"impression","event_id":"m%d","event_time":%d,"user_id":"m%d","campaign_id":"marked"}`, i, time.Now().UnixMilli(), i))
		})
	}
	senders.Wait()
	readers.Wait()
	if want := marks * (*liveClients - *liveSlow); len(latencies) != want {
		t.Fatalf("%d of %d frames were seen", len(latencies), want)
	}
	slices.Sort(latencies)
	at := func(q float64) time.Duration {
		return latencies[int(q*float64(len(latencies)-1))].Round(100 * time.Microsecond)
	}
	t.Logf("%d clients (%d slow), %d+%d events/s, %d samples: arrival to frame read P50 %s, P90 %s, P99 %s, P99.9 %s, greatest %s",
		*liveClients, *liveSlow, *liveRate, int(time.Second/gap), len(latencies), at(.5), at(.9), at(.99), at(.999), at(1))
	busy := r.memory()
	whose := "of the program and of the clients here"
	if *liveProgram != "" {
		whose = "of the program"
	}
	each := func(m residence) string {
		return fmt.Sprintf("%.1f KiB of heap and stacks, %.1f KiB resident", (m.used-memory.used)/1024/float64(*liveClients), (m.resident-memory.resident)/1024/float64(*liveClients))
	}
	t.Logf("memory %s for each client: %s when connected; %s at the end, with what the traffic took", whose, each(quiet), each(busy))
}
