package cli

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/table"
)

// How long no sink can be reached: some seconds in make test, minutes by hand
// (go test ./internal/cli -run TestSinkFaults -outage 10m -timeout 1h -v).
var outage = flag.Duration("outage", 3*time.Second, "how long no sink can be reached in TestSinkFaults")

// TestSinkFaults runs the program with all sinks under traffic that does not
// stop, and lets everything happen to them that does: no sink can be reached,
// what was asked is done and the answer lost, servers are killed, the outbox is
// full, the program is killed meanwhile. Then verdicts, a refund and a login
// come late. In the end every store holds what the state holds, to the micro,
// and that is what a plain replay of the records says.
func TestSinkFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many servers")
	}
	if _, err := binary(); err != nil {
		t.Fatal(err)
	}
	t.Run("stores", func(t *testing.T) {
		r := newRig(t)
		k := kit{t: t, site: r.site, sql: testkit.StartWarehouseSQL(t)}
		r.run(k.files(), k.redis(), k.clickhouse(), k.postgres(), k.bigquery(), k.snowflake(), k.kafka())
	})
	t.Run("bucket", func(t *testing.T) {
		r := newRig(t)
		r.run(kit{t: t}.bucket())
	})
}

// rig is a site whose program listens at one address however often it is
// started, and traffic into it.
type rig struct {
	*site
	addr   string
	stores []*store
	wait   time.Duration // that a change may, in all sinks; 0: the default of each
	memory int64         // the greatest that a process of the program has had

	mu struct {
		sync.Mutex
		sent    *os.File
		n       int // requests
		records int
		refused map[int]int // answers by status
	}
}

const rigStart = event.Millis(1_767_571_200_000)

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{site: newSite(t), addr: freeAddr(t)}
	r.base = "http://" + r.addr
	var err error
	if r.mu.sent, err = os.Create(filepath.Join(r.dir, "events.ndjson")); err != nil {
		t.Fatal(err)
	}
	r.mu.refused = map[int]int{}
	t.Cleanup(func() { _ = r.mu.sent.Close() })
	return r
}

// configure writes the site's configuration: with the sinks, and lists.
func (r *rig) configure(lists string) {
	r.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "state: {dir: %q}\nsinks:\n", r.data())
	for _, s := range r.stores {
		fmt.Fprintf(&b, "  %s: %s\n", s.name, s.waiting(r.wait))
		for _, e := range s.env {
			name, value, _ := strings.Cut(e, "=")
			r.t.Setenv(name, value)
		}
	}
	b.WriteString("time: {allowed_lateness: {impression: 30d, click: 30d, conversion: 30d, adjustment: 30d, identify: 30d, behavioural: 30d}}\npipeline: {shards: 2}\n" + lists)
	if err := os.WriteFile(r.config, []byte(b.String()), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// launch starts the program and waits until it answers.
func (r *rig) launch(args ...string) {
	r.t.Helper()
	path, err := binary()
	if err != nil {
		r.t.Fatal(err)
	}
	r.log = &bytes.Buffer{}
	r.cmd = exec.Command(path, append([]string{"serve", "--config", r.config, "--listen", r.addr}, args...)...)
	r.cmd.Stderr = r.log
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	cmd, log := r.cmd, r.log
	r.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			how := syscall.SIGKILL
			if r.t.Failed() {
				how = syscall.SIGQUIT // it says where it stands
			}
			_ = cmd.Process.Signal(how)
			_ = cmd.Wait()
		}
		if r.t.Failed() {
			r.t.Logf("the log of a process:\n%s", tailOf(log.String()))
		}
	})
	testkit.WaitUntil(r.t, 3*time.Minute, "the program to be ready", func() bool {
		res, err := http.Get(r.base + "/readyz")
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	})
}

// launchWithout starts the program while sinks are cut, but for those that it
// needs at its start.
func (r *rig) launchWithout(cut ...*store) {
	r.t.Helper()
	for _, s := range cut {
		if s.needed {
			s.heal()
		}
	}
	r.launch()
	for _, s := range cut {
		if s.needed {
			s.cut()
		}
	}
}

func tailOf(text string) string {
	if len(text) > 40000 {
		return "..." + text[len(text)-40000:]
	}
	return text
}

func (r *rig) measure() { r.memory = max(r.memory, rss(r.cmd.Process.Pid)) }

func (r *rig) die() {
	r.t.Helper()
	r.measure()
	r.kill()
}

func (r *rig) end() {
	r.t.Helper()
	r.measure()
	r.stop()
}

// send gives one request to the program until it says that it has it, whatever
// happens to it meanwhile; what it said before is counted.
func (r *rig) send(stop <-chan struct{}, body string) bool {
	r.mu.Lock()
	r.mu.n++
	n := r.mu.n
	r.mu.records += strings.Count(body, "\n")
	_, err := r.mu.sent.WriteString(body)
	r.mu.Unlock()
	if err != nil {
		r.t.Error(err)
		return false
	}
	for {
		req, err := http.NewRequest(http.MethodPost, r.base+"/v1/events", strings.NewReader(body))
		if err != nil {
			r.t.Error(err)
			return false
		}
		req.Header.Set("Content-Type", "application/x-ndjson")
		req.Header.Set("X-Request-ID", fmt.Sprintf("request-%07d", n))
		if res, err := http.DefaultClient.Do(req); err == nil {
			answer, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			switch {
			case err == nil && res.StatusCode == http.StatusOK:
				if !bytes.Contains(answer, []byte(`"late":0`)) {
					r.t.Errorf("request %d: %s", n, answer)
				}
				return true
			case res.StatusCode == http.StatusServiceUnavailable, res.StatusCode == http.StatusTooManyRequests:
				if res.Header.Get("Retry-After") == "" {
					r.t.Errorf("request %d: %d without Retry-After", n, res.StatusCode)
				}
			case err == nil:
				r.t.Errorf("request %d: %d %s", n, res.StatusCode, answer)
				return false
			}
			r.mu.Lock()
			r.mu.refused[res.StatusCode]++
			r.mu.Unlock()
		}
		select {
		case <-stop:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (r *rig) refusals(status int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.refused[status]
}

// traffic sends generated records, about 500 a second, until the end of it is
// asked for; that returns when the last is in.
func (r *rig) traffic() (end func()) {
	enough, done, given := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		live := generate.NewLive(generate.LiveOptions{Seed: 11, Rate: 1, HistoryRate: 0.02, History: 36 * event.Hour, Fraud: 0.1, Start: rigStart})
		for at := rigStart; ; at += 50 * event.Second {
			var b strings.Builder
			for _, it := range live.Next(at) {
				b.Write(it.Raw)
				b.WriteByte('\n')
				if b.Len() > 256<<10 {
					r.send(given, b.String())
					b.Reset()
				}
			}
			if b.Len() > 0 && !r.send(given, b.String()) {
				return
			}
			select {
			case <-enough:
				// The last moves the watermark behind everything.
				r.send(given, fmt.Sprintf(`{"event_id":"end","type":"page_view","event_time":%q,"anonymous_id":"nobody"}`+"\n", at+event.Day))
				return
			case <-time.After(pace * 100 * time.Millisecond):
			}
		}
	}()
	var once sync.Once
	end = func() {
		once.Do(func() { close(enough) })
		select {
		case <-done:
		case <-time.After(5 * time.Minute):
			r.t.Error("the last requests were not taken within 5 minutes")
		}
	}
	r.t.Cleanup(func() { close(given); once.Do(func() { close(enough) }); <-done })
	return end
}

// waitsFor says why intake pauses for a sink; empty when it does not.
func (x *said) waitsFor(sink string) string {
	for _, d := range x.Degraded {
		if strings.Contains(d, "intake is paused") && strings.Contains(d, "sink "+sink) && strings.Contains(d, "state.outbox_quota") {
			return d
		}
	}
	return ""
}

// said is what the program says of itself.
type said struct {
	Ready    bool
	Degraded []string
	Commit   uint64
	Sinks    []struct {
		Name, State, Error string
		Commit             uint64
	}
}

func (r *rig) ask() (x said, ok bool) {
	var answer struct{ Data said }
	res, err := http.Get(r.base + "/v1/pipeline")
	if err != nil {
		return x, false
	}
	err = json.NewDecoder(res.Body).Decode(&answer)
	return answer.Data, res.Body.Close() == nil && err == nil
}

// metric reads one value of /metrics.
func (r *rig) metric(name string) string {
	res, err := http.Get(r.base + "/metrics")
	if err != nil {
		return ""
	}
	text, err := io.ReadAll(res.Body)
	if err != nil || res.Body.Close() != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// await waits until the program says something.
func (r *rig) await(what string, ok func(x said) bool) {
	r.t.Helper()
	var last said
	began := time.Now()
	defer func() {
		if r.t.Failed() {
			r.t.Logf("the program said %+v", last)
		}
	}()
	testkit.WaitUntil(r.t, 3*time.Minute+2**outage, what, func() bool {
		x, answered := r.ask()
		if answered {
			last = x
		}
		return answered && ok(x)
	})
	r.t.Logf("%6.1f s for: %s", time.Since(began).Seconds(), what)
}

// allStand says whether every sink works and has what stood at the commit.
func allStand(commit uint64) func(said) bool {
	return func(x said) bool {
		for _, k := range x.Sinks {
			if k.State != "ok" || k.Commit < commit {
				return false
			}
		}
		return len(x.Sinks) > 0
	}
}

// recovered waits until all sinks have what stands now.
func (r *rig) recovered(after string) {
	r.t.Helper()
	var x said
	testkit.WaitUntil(r.t, time.Minute, "the program to answer", func() (ok bool) { x, ok = r.ask(); return ok })
	r.await("all sinks to be in step after "+after, allStand(x.Commit))
}

func (r *rig) failures(sink string) string {
	return r.metric(fmt.Sprintf("tributary_sink_failures_total{sink=%q}", sink))
}

func (r *rig) run(stores ...*store) {
	t := r.t
	t.Helper()
	r.stores, r.wait = stores, 500*time.Millisecond
	r.configure("")
	r.launch()
	end := r.traffic()
	r.tell(early...)
	r.recovered("the start")
	r.unreachable()
	r.answersLost()
	r.serversKilled()
	r.programKilled()
	r.outboxFull()
	r.corrected()
	end()
	r.recovered("everything")
	for _, s := range stores {
		if !s.silent {
			want(t, ExitOK, "reconcile", s.name, "--server", r.base)
		}
	}
	r.end()
	r.settled()
	t.Logf("%d records in %d requests; %d answers were 503, %d were 429; a process of the program took %d MiB at most", r.mu.records, r.mu.n, r.refusals(503), r.refusals(429), r.memory>>20)
	if r.memory > 3<<30 {
		t.Errorf("a process took %d MiB: memory is not bounded", r.memory>>20)
	}
}

// unreachable cuts all sinks; the program is killed and started meanwhile.
func (r *rig) unreachable() {
	r.t.Helper()
	for _, s := range r.stores {
		s.cut()
	}
	began := time.Now()
	down := func(x said) bool {
		for _, k := range x.Sinks {
			if k.State != "down" || k.Error == "" {
				return false
			}
		}
		return len(x.Degraded) >= len(r.stores) && x.Ready
	}
	r.await("all sinks to be down", down)
	r.die()
	r.launchWithout(r.stores...)
	r.await("all sinks to be down for the next process too", down)
	if x, _ := r.ask(); *outage > time.Since(began) {
		time.Sleep(*outage - time.Since(began))
		if y, _ := r.ask(); y.Commit <= x.Commit {
			r.t.Errorf("while no sink can be reached the state stands still at commit %d", y.Commit)
		}
	}
	r.measure()
	for _, s := range r.stores {
		s.heal()
	}
	r.recovered(fmt.Sprintf("an outage of %v", time.Since(began).Round(time.Second)))
}

// answersLost lets some answers of each server through and loses the next, while
// what it answers is done: another one each time.
func (r *rig) answersLost() {
	r.t.Helper()
	for n := range 5 {
		before := map[string]string{}
		for _, s := range r.stores {
			if s.proxy != nil {
				before[s.name] = r.failures(s.name)
				s.proxy.CutAfter(1 + n + rand.IntN(3))
			}
		}
		r.await(fmt.Sprintf("answers to be lost, time %d", n+1), func(said) bool {
			for name, f := range before {
				if got := r.failures(name); got == "" || got == f {
					return false
				}
			}
			return true
		})
		for _, s := range r.stores {
			if s.proxy != nil {
				s.heal()
			}
		}
	}
	r.recovered("answers that were lost")
}

// serversKilled kills each server that is a process and starts it on its data.
func (r *rig) serversKilled() {
	r.t.Helper()
	for range 2 {
		for _, s := range r.stores {
			if s.restart != nil {
				s.restart()
			}
		}
		r.recovered("servers that were killed")
	}
}

// programKilled kills the program at random moments, while some sink is cut and
// others are not.
func (r *rig) programKilled() {
	r.t.Helper()
	for n := range 4 {
		s := r.stores[n%len(r.stores)]
		s.cut()
		time.Sleep(rand.N(time.Second)) // any moment will do
		r.die()
		r.launchWithout(s)
		s.heal()
	}
	r.recovered("a program that was killed")
}

// outboxFull has the outbox reach a small quota: intake pauses, says so, and
// goes on by itself.
func (r *rig) outboxFull() {
	r.t.Helper()
	r.end()
	r.launch("--set", "state.outbox_quota=64KB")
	s := r.stores[len(r.stores)-1]
	before := r.refusals(503)
	s.cut()
	r.await("intake to pause at the quota of the outbox", func(x said) bool {
		return x.waitsFor(s.name) != ""
	})
	if ready := r.get("/readyz"); !strings.Contains(ready, `"status":"degraded"`) || !strings.Contains(ready, "state.outbox_quota") {
		r.t.Errorf("readyz says %s", ready)
	}
	if got := r.metric("tributary_intake_paused"); got != "1" {
		r.t.Errorf("tributary_intake_paused is %q", got)
	}
	testkit.WaitUntil(r.t, 2*time.Minute, "senders to be told", func() bool { return r.refusals(503) > before })
	s.heal()
	r.await("intake to go on", func(x said) bool { return x.waitsFor(s.name) == "" })
	r.recovered("a full outbox")
	if got := r.metric("tributary_intake_paused"); got != "0" {
		r.t.Errorf("tributary_intake_paused is %q", got)
	}
	r.end()
	r.launch()
}

// The history that is corrected: a click before each of two purchases, a
// purchase of somebody whose click is known by another id.
var early = []string{
	`{"event_id":"k1","type":"click","event_time":"2026-01-04T12:00:00Z","user_id":"late-verdict","campaign_id":"bought","ip":"203.0.113.77","cost":"0.10"}`,
	`{"event_id":"v1","type":"conversion","event_time":"2026-01-04T12:30:00Z","user_id":"late-verdict","value":"11.000001","order_id":"o1"}`,
	`{"event_id":"k2","type":"click","event_time":"2026-01-04T12:00:00Z","user_id":"refund","campaign_id":"good"}`,
	`{"event_id":"v2","type":"conversion","event_time":"2026-01-04T12:30:00Z","user_id":"refund","value":"22.000002","order_id":"o2"}`,
	`{"event_id":"k3","type":"click","event_time":"2026-01-04T12:00:00Z","anonymous_id":"late-login","campaign_id":"found"}`,
	`{"event_id":"v3","type":"conversion","event_time":"2026-01-04T12:30:00Z","user_id":"login","value":"33.000003"}`,
}

func (r *rig) tell(lines ...string) {
	r.t.Helper()
	r.send(nil, strings.Join(lines, "\n")+"\n")
}

// corrected lets a verdict, a refund and a login come late.
func (r *rig) corrected() {
	r.t.Helper()
	r.end()
	list := filepath.Join(r.dir, "blocked.txt")
	if err := os.WriteFile(list, []byte("203.0.113.77\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.configure(fmt.Sprintf("fraud: {lists: {block_ips: [%q]}}\n", list))
	if out := r.command(ExitOK, "fraud", "rejudge"); !strings.Contains(out, " 1 judged anew") {
		r.t.Errorf("rejudge: %s", out)
	}
	r.launch()
	r.tell(`{"event_id":"a2","type":"adjustment","event_time":"2026-01-05T09:00:00Z","adjusts":"o2","kind":"restate","value":"2.000002"}`)
	r.tell(`{"event_id":"i3","type":"identify","event_time":"2026-01-05T09:00:00Z","anonymous_id":"late-login","user_id":"login"}`)
}

// settled compares everything once the program has ended.
func (r *rig) settled() {
	t := r.t
	t.Helper()
	for _, s := range r.stores {
		if !s.silent {
			r.command(ExitOK, "reconcile", s.name)
		}
	}
	r.command(ExitOK, "state", "verify")
	got := r.exported()
	r.expect("invariants", invariants(got))
	totalsAgree(t, got, r.stores)

	credited := map[string]string{}
	for _, row := range got[table.Credits.Name] {
		if row[1].Text == "last_touch" {
			credited[row[0].Text] = fmt.Sprintf("%s %d", row[table.Credits.Col("campaign_id")].Text, row[table.Credits.Col("value_micros")].Int)
		}
	}
	for id, want := range map[string]string{"v1": " 11000001", "v2": "good 2000002", "v3": "found 33000003"} {
		if credited[id] != want {
			t.Errorf("%s is credited to %q; want %q", id, credited[id], want)
		}
	}

	dir := filepath.Join(r.dir, "replayed")
	r.command(ExitOK, "replay", "--lateness", "none", "--out", dir, r.mu.sent.Name())
	plain, faults, err := conform.Load(dir)
	if err != nil || len(faults) > 0 {
		t.Fatalf("load what was replayed: %v, %v", err, faults)
	}
	if len(plain[table.Credits.Name]) == 0 || len(plain[table.Verdicts.Name]) == 0 {
		t.Fatalf("the traffic has too little in it: %d credits, %d verdicts", len(plain["credits"]), len(plain["verdicts"]))
	}
	// A dead letter is told by its position, which a file has not from a request.
	if a, b := len(plain[table.DeadLetters.Name]), len(got[table.DeadLetters.Name]); a != b || a == 0 {
		t.Errorf("%d dead letters; a plain replay has %d", b, a)
	}
	var others []string
	for _, tab := range table.All {
		if tab != table.DeadLetters {
			others = append(others, tab.Name)
		}
	}
	r.expect("against a plain replay", conform.Compare(settled(plain), settled(got), conform.Options{Provisional: true, Tables: others}))
}
