package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// start is the hour that the rows of these tests begin in.
const start = event.Millis(1768435200000)

// delivery is a row of a campaign's minute; clicks are in all its figures.
func delivery(minute int, campaign string, clicks int64) sinktest.Put {
	row := make(table.Row, len(table.MinuteDelivery.Columns))
	row[0], row[1], row[2], row[3] = table.At(start+event.Millis(minute)*event.Minute), table.T(campaign), table.T("Paid Search"), table.T("USD")
	for i := 4; i < len(row)-1; i++ {
		row[i] = table.I(clicks * int64(i))
	}
	row[len(row)-1] = table.T("provisional")
	return sinktest.Put{Table: table.MinuteDelivery, Row: row}
}

func credit(minute int, model, campaign string, micros int64) sinktest.Put {
	row := table.Row{
		table.At(start + event.Millis(minute)*event.Minute), table.T(model), table.T(campaign), table.T("Email"), table.T("USD"),
		table.I(1_000_000), table.I(micros), table.T("final"),
	}
	return sinktest.Put{Table: table.MinuteAttribution, Row: row}
}

// delivering runs a deliverer until the function it returns stops it, which
// gives what Run answered after everything was delivered.
func delivering(t *testing.T, src *sinktest.Source, s sinks.Sink, opt sinks.Options) (*sinks.Deliverer, func() error) {
	t.Helper()
	opt.MinBackoff, opt.MaxBackoff, opt.Logger = 5*time.Millisecond, 50*time.Millisecond, slog.New(slog.DiscardHandler)
	d := sinks.NewDeliverer(src, s, opt)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	var run sync.WaitGroup
	var err error
	run.Go(func() { err = d.Run(ctx) })
	stop := sync.OnceValue(func() error {
		d.Drain()
		run.Wait()
		cancel()
		return err
	})
	t.Cleanup(func() { cancel(); _ = stop() })
	return d, stop
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	testkit.WaitUntil(t, 2*time.Minute, what, ok)
}

// agrees compares the store with the source.
func agrees(t *testing.T, src *sinktest.Source, s *Sink) {
	t.Helper()
	got, want := readTables(t, s), src.Tables()
	for _, k := range tables {
		g, w := got[k.t.Name], want[k.t.Name]
		if len(g) != len(w) {
			t.Errorf("%s: %d rows; want %d", k.t.Name, len(g), len(w))
			continue
		}
		for i := range g {
			if k.t.Compare(g[i], w[i]) != 0 || k.pack(g[i]) != k.pack(w[i]) {
				t.Fatalf("%s: got %v; want %v", k.t.Name, g[i], w[i])
			}
		}
	}
}

// TestKilledUnderLoad: the server is killed again and again while commits come;
// it forgets all, the end of its log, or nothing.
func TestKilledUnderLoad(t *testing.T) {
	for name, args := range map[string][]string{
		"forgets all":      nil,
		"append-only file": {"--appendonly", "yes", "--appendfsync", "everysec"},
	} {
		t.Run(name, func(t *testing.T) {
			r := testkit.StartRedis(t, args...)
			src := sinktest.NewSource()
			s := open(t, forever(r.Addr))
			d, stop := delivering(t, src, s, sinks.Options{})
			n := 0
			for range 4 {
				for range 150 {
					n++
					src.Commit(delivery(n%700, fmt.Sprintf("c%d", n%13), int64(n)), credit(n%70, "linear", fmt.Sprintf("c%d", n%7), int64(n)*1e9+1))
					time.Sleep(time.Millisecond / 2)
				}
				failures := d.State().Failures
				r.Kill()
				for range 20 {
					n++
					src.Commit(delivery(n%700, "while down", int64(n)))
				}
				until(t, "a flush fails", func() bool { return d.State().Failures > failures })
				r.Start()
				until(t, "the sink is back", func() bool { st := d.State(); return st.InARow == 0 && st.LagRows < 1000 })
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			agrees(t, src, s)
		})
	}
}

// TestLateScripts: while the server stands still the client gives up and tries
// again; when it goes on, everything that was sent is done, in any order.
func TestLateScripts(t *testing.T) {
	r := testkit.StartRedis(t)
	src := sinktest.NewSource()
	cfg := forever(r.Addr)
	cfg.Timeout = 250
	s := open(t, cfg)
	d, stop := delivering(t, src, s, sinks.Options{MaxRows: 50})
	for n := range 300 {
		src.Commit(delivery(n%7, "c", int64(n)), delivery(n, "d", 1))
		if n%60 == 30 {
			before := d.State().Failures
			r.Pause()
			for m := range 500 {
				src.Commit(delivery(m, "e", int64(n+m)))
			}
			until(t, "the client gives up", func() bool { return d.State().Failures > before+1 })
			r.Resume()
			until(t, "the sink is back", func() bool { return d.State().InARow == 0 })
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	agrees(t, src, s)
}

// TestWhatIsOlderIsRefused: a call that was given up arrives after the sink has
// asked anew.
func TestWhatIsOlderIsRefused(t *testing.T) {
	r := testkit.StartRedis(t)
	src := sinktest.NewSource()
	s := open(t, forever(r.Addr))
	_, stop := delivering(t, src, s, sinks.Options{})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	src.Commit(delivery(1, "c", 1))
	v, err := src.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old, err := v.Next(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	late := *s // what is on its way
	if _, err := s.Cursor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := late.Apply(t.Context(), old); !errors.Is(err, errStale) {
		t.Errorf("got %v; want %v", err, errStale)
	}
	if err := s.Apply(t.Context(), old); err != nil {
		t.Error(err)
	}
	agrees(t, src, s)
}

// TestForgotten: what was lost while nothing changes is noticed, too.
func TestForgotten(t *testing.T) {
	r := testkit.StartRedis(t)
	src := sinktest.NewSource()
	s := open(t, forever(r.Addr))
	for n := range 100 {
		src.Commit(delivery(n, "c", int64(n)))
	}
	d := sinks.NewDeliverer(src, impatient{s}, sinks.Options{Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	until(t, "the first resync", func() bool { return d.State().Progress.Commit == 100 })
	r.Do("FLUSHALL")
	until(t, "another resync", func() bool { return d.State().Resyncs == 2 && !d.State().Resyncing })
	d.Drain()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	agrees(t, src, s)
}

// impatient looks again at once.
type impatient struct{ *Sink }

func (i impatient) Pace() sinks.Pace {
	p := i.Sink.Pace()
	p.Recheck = time.Millisecond
	return p
}

// TestEvicted: a server that throws keys away cannot be right; the sink says so
// and what to do, and is right again when there is room.
func TestEvicted(t *testing.T) {
	r := testkit.StartRedis(t, "--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru")
	src := sinktest.NewSource()
	s := open(t, forever(r.Addr))
	d, stop := delivering(t, src, s, sinks.Options{})
	until(t, "the first resync", func() bool { return d.State().Health == sinks.OK })
	for n := range 12_000 {
		src.Commit(delivery(n/20, fmt.Sprintf("campaign %d", n%20), int64(n)))
	}
	until(t, "the sink complains", func() bool { return strings.Contains(d.State().LastError, "noeviction") })
	r.Do("CONFIG SET maxmemory 200mb")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	agrees(t, src, s)
}

// TestFull: a server that keeps what it has and takes no more says so.
func TestFull(t *testing.T) {
	r := testkit.StartRedis(t, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
	src := sinktest.NewSource()
	s := open(t, forever(r.Addr))
	d, stop := delivering(t, src, s, sinks.Options{})
	until(t, "the first resync", func() bool { return d.State().Health == sinks.OK })
	for n := range 12_000 {
		src.Commit(delivery(n/20, fmt.Sprintf("campaign %d", n%20), int64(n)))
	}
	until(t, "the sink complains", func() bool { return strings.Contains(d.State().LastError, "raise it") })
	r.Do("CONFIG SET maxmemory 200mb")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	agrees(t, src, s)
}

// TestFailover: the master is killed, a sentinel makes the replica the master,
// and what the replica had not got is sent again.
func TestFailover(t *testing.T) {
	servers := testkit.StartRedisSentinel(t)
	cfg := forever(servers.Sentinels...)
	cfg.MasterName, cfg.Timeout = "mymaster", 500
	src := sinktest.NewSource()
	s := open(t, cfg)
	d, stop := delivering(t, src, s, sinks.Options{})
	for n := range 400 {
		src.Commit(delivery(n, "c", int64(n)))
		if n == 200 {
			until(t, "something is there", func() bool { return d.State().Rows > 0 })
			servers.Master.Kill()
		}
		time.Sleep(time.Millisecond)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	agrees(t, src, s)
	if got := servers.Replica.Do("ROLE"); !strings.Contains(got, "master") {
		t.Errorf("the replica is %q", got)
	}
}

// TestHugeBatch: one commit of many rows is cut into calls of bounded size, and
// the cursor moves with the last.
func TestHugeBatch(t *testing.T) {
	r := testkit.StartRedis(t)
	src := sinktest.NewSource()
	s := open(t, forever(r.Addr))
	d, stop := delivering(t, src, s, sinks.Options{})
	until(t, "the first resync", func() bool { return d.State().Health == sinks.OK })
	var puts []sinktest.Put
	for n := range 20_000 {
		puts = append(puts, delivery(n%600, fmt.Sprintf("campaign %d", n/600), int64(n)))
	}
	src.Commit(puts...)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	agrees(t, src, s)
	w := s.newWriting(sinks.Progress{}, "write")
	for i := range puts {
		p := &puts[i]
		if err := w.change(t.Context(), &sinks.Change{Table: p.Table, Key: p.Row[:p.Table.Keys], Row: p.Row}); err != nil {
			break // sent without being the writer
		}
		if len(w.keys) > 200 {
			t.Fatalf("%d keys in one call", len(w.keys))
		}
	}
	if st := d.State(); st.Resyncs != 1 || st.Failures != 0 {
		t.Errorf("got %+v", st)
	}
}

// TestGreatFigures: what a double cannot hold stays exact in rows and totals.
func TestGreatFigures(t *testing.T) {
	r := testkit.StartRedis(t)
	src := sinktest.NewSource()
	s := open(t, forever(r.Addr))
	const great = int64(1)<<60 + 1
	put := func(n int64) sinktest.Put {
		p := delivery(1, "c", 0)
		p.Row[4] = table.I(1)
		p.Row[table.MinuteDelivery.Col("spend_micros")] = table.I(n)
		return p
	}
	key := s.keys.window("m", "c", start+event.Minute)
	for _, n := range []int64{1, great, great + 2, -3, great - 6} { // the first one is a resync
		src.Commit(put(n))
		_, stop := delivering(t, src, s, sinks.Options{})
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if got := s.client.HGet(t.Context(), key, "spend_micros:USD").Val(); got != fmt.Sprint(n) {
			t.Errorf("spend_micros:USD is %s; want %d", got, n)
		}
	}
}

// TestRetention: rows whose hour is over for good are not written, and those
// that are go with their hour.
func TestRetention(t *testing.T) {
	r := testkit.StartRedis(t)
	cfg := forever(r.Addr)
	cfg.Retention = event.Duration(48 * event.Hour)
	now := start + 50*event.Hour
	src := sinktest.NewSource()
	s := open(t, cfg)
	s.now = func() event.Millis { return now }
	src.Commit(delivery(0, "old", 1), delivery(70, "old", 1), delivery(65*60, "new", 5)) // 0:00, 1:10, and later than now
	_, stop := delivering(t, src, s, sinks.Options{})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	_, stop = delivering(t, src, s, sinks.Options{})
	src.Commit(delivery(100, "old", 3), delivery(121, "kept", 4)) // 1:40, 2:01
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	// Redis has its own clock, for which all of this is long ago: what was
	// written has expired, what was not is not there either.
	if got := readTables(t, s); len(got[table.MinuteDelivery.Name]) != 0 {
		t.Errorf("got %v", got)
	}
	if at, ok := s.alive(start + 121*event.Minute); !ok || at != start+51*event.Hour {
		t.Errorf("02:01 expires at %v, %t; want %v", at, ok, start+51*event.Hour)
	}
	if _, ok := s.alive(start + 100*event.Minute); ok {
		t.Error("01:40 is still alive")
	}
	if got, want := s.KeepsFrom(nil), int32((start+50*event.Hour-48*event.Hour)/event.Day)+1; got != want {
		t.Errorf("kept from day %d; want %d", got, want)
	}
}

// TestReconcile: the comparison finds what somebody else changed.
func TestReconcile(t *testing.T) {
	r := testkit.StartRedis(t)
	src := sinktest.NewSource()
	s := open(t, forever(r.Addr))
	for n := range 100 {
		src.Commit(delivery(n, "c", int64(n)), credit(n, "linear", "c", 10))
	}
	d, stop := delivering(t, src, s, sinks.Options{})
	report, err := d.Reconcile(t.Context())
	if err != nil || report.Total != 0 || report.Progress.Commit != 100 {
		t.Fatalf("got %+v, %v", report, err)
	}
	key := s.keys.window("m", "c", start+5*event.Minute)
	if err := s.client.Del(t.Context(), key).Err(); err != nil {
		t.Fatal(err)
	}
	report, err = d.Reconcile(t.Context())
	if err != nil || report.Total != 8+1 || report.Differences[0].String() != "minute_delivery 2026-01-15 USD: rows is 100 in the state, 99 in the sink" {
		t.Fatalf("got %+v, %v", report, err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Reconcile(t.Context()); !errors.Is(err, sinks.ErrStopped) {
		t.Errorf("after the end: %v", err)
	}
}

// TestAccess: the commands of docs/redis.md are enough, on the keys and the
// channel of the prefix alone.
func TestAccess(t *testing.T) {
	r := testkit.StartRedis(t)
	doc, err := os.ReadFile("../../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "With ACLs the user needs")
	_, rest, _ = strings.Cut(rest, ": `")
	commands, _, ok := strings.Cut(rest, "`")
	if !ok {
		t.Fatal("docs/redis.md does not list the commands")
	}
	rule := "ACL SETUSER writer on >secret ~tributary:* resetchannels &tributary:live"
	for c := range strings.FieldsSeq(commands) {
		rule += " +" + c
	}
	if got := r.Do(rule); got != "+OK" {
		t.Fatalf("%s: %s", rule, got)
	}
	cfg := forever(r.Addr)
	cfg.Username, cfg.Password, cfg.Lookups.Persons = "writer", "secret", true
	src := sinktest.NewSource()
	s := open(t, cfg)
	now := event.Millis(time.Now().UnixMilli())
	for range 2 { // a resync, and what follows it
		d, stop := delivering(t, src, s, sinks.Options{})
		src.Commit(append(conversionOf("c", "u:1", now, 2), delivery(1, "c", 5), credit(1, "linear", "c", 5), sessionOf("s", "u:1", now))...)
		if report, err := d.Reconcile(t.Context()); err != nil || report.Total != 0 {
			t.Errorf("got %+v, %v", report, err)
		}
		gone := delivery(1, "c", 5)
		gone.Del = true
		src.Commit(gone, del(sessionOf("s", "u:1", now)))
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	agrees(t, src, open(t, forever(r.Addr))) // who may look at everything
	cfg.Password = "wrong"
	if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "check sinks.redis.username and password") {
		t.Errorf("with a wrong password: %v", err)
	}
}

// TestPublished: whoever listens hears every change once, in whole batches, and
// of resyncs.
func TestPublished(t *testing.T) {
	r := testkit.StartRedis(t)
	src := sinktest.NewSource()
	s := open(t, forever(r.Addr))
	listener := s.client.Subscribe(t.Context(), s.keys.channel)
	defer func() { _ = listener.Close() }()
	if _, err := listener.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	type message struct {
		Epoch, Commit uint64
		Reset, Last   bool
		Rows          []map[string]any
	}
	hear := func() (m message) {
		t.Helper()
		got, err := listener.ReceiveMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(got.Payload), &m); err != nil {
			t.Fatalf("%v in %s", err, got.Payload)
		}
		return m
	}
	d, stop := delivering(t, src, s, sinks.Options{})
	if m := hear(); !m.Reset {
		t.Errorf("got %+v; want a reset", m)
	}
	until(t, "the resync is over", func() bool { return d.State().Health == sinks.OK })
	gone := delivery(2, "d", 1)
	gone.Del = true
	src.Commit(delivery(1, `odd "name"`, 7), gone)
	m := hear()
	if !m.Last || m.Commit != 1 || len(m.Rows) != 2 || m.Rows[0]["campaign_id"] != `odd "name"` || m.Rows[0]["impressions"] != 28.0 || m.Rows[1]["deleted"] != true {
		t.Errorf("got %+v", m)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}
