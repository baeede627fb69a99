package clickhouse

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// apply sends what changed after a commit as one batch.
func apply(t *testing.T, s *Sink, src *sinktest.Source, after uint64) {
	t.Helper()
	if err := applyOnce(t, s, src, after); err != nil {
		t.Fatal(err)
	}
}

func applyOnce(t *testing.T, s *Sink, src *sinktest.Source, after uint64) error {
	t.Helper()
	v, err := src.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Next(t.Context(), after, 1000)
	if err != nil {
		t.Fatal(err)
	}
	b.After, b.View = after, v
	return s.Apply(t.Context(), b)
}

func conversionAt(id string, at event.Millis, micros int64) sinktest.Put {
	row := make(table.Row, len(table.Conversions.Columns))
	row[0], row[1], row[2] = table.T(id), table.T("u:1"), table.At(at)
	row[table.Conversions.Col("value_micros")] = table.I(micros)
	row[table.Conversions.Col("currency")], row[table.Conversions.Col("verdict")] = table.T("USD"), table.T("valid")
	row[table.Conversions.Col("touches")] = table.I(1)
	return sinktest.Put{Table: table.Conversions, Row: row}
}

func creditOf(conversion sinktest.Put, model string) sinktest.Put {
	r := conversion.Row
	return sinktest.Put{Table: table.Credits, Row: table.Row{
		r[0], table.T(model), table.I(1), table.At(event.Millis(r[2].Int) - event.Hour), table.T("click-" + r[0].Text), table.T("click"),
		table.T("spring"), table.T(""), table.T(""), table.T("Paid Search"), table.I(1), table.I(1e6), r[table.Conversions.Col("value_micros")], table.T("USD"),
	}}
}

func sessionAt(id string, start event.Millis) sinktest.Put {
	row := make(table.Row, len(table.Sessions.Columns))
	row[0], row[1], row[2], row[3] = table.T(id), table.T("u:1"), table.At(start), table.At(start+event.Minute)
	return sinktest.Put{Table: table.Sessions, Row: row}
}

// TestConversionIDUsedAgain: the row moves to another month, and a reader of
// the old month alone must not find what was there.
func TestConversionIDUsedAgain(t *testing.T) {
	server := testkit.StartClickHouse(t)
	s, src := openSink(t, configFor(server)), sinktest.NewSource()
	january, may := event.Millis(1767571200000), event.Millis(1777593600000)
	old, again := conversionAt("c1", january, 5e6), conversionAt("c1", may, 7e6)
	src.Commit(old, creditOf(old, "linear"))
	resync(t, s, src)
	src.Commit(again, creditOf(again, "linear"))
	apply(t, s, src, 1)
	db := "`" + server.Database + "`."
	if got := server.Query(t, "SELECT count(), sum(value_micros) FROM "+db+"v_conversions WHERE event_time < '2026-02-01'"); got != "0\t0\n" {
		t.Errorf("in January stands %q; want nothing", got)
	}
	rows := readViews(t, s)
	if c := rows["conversions"]; len(c) != 1 || c[0][2].Int != int64(may) {
		t.Errorf("conversions %v; want the one of May", c)
	}
	if c := rows["credits"]; len(c) != 1 || c[0][3].Int != int64(may-event.Hour) || c[0][12].Int != 7e6 {
		t.Errorf("credits %v; want the one of May", c)
	}
}

// TestDeletedSessionStaysDeleted: a deletion knows the id alone; and an insert
// that was sent before and lands after it changes nothing.
func TestDeletedSessionStaysDeleted(t *testing.T) {
	server := testkit.StartClickHouse(t)
	s, src := openSink(t, configFor(server)), sinktest.NewSource()
	a, b := sessionAt("a", monday), sessionAt("b", monday+event.Hour)
	src.Commit(b)
	resync(t, s, src)
	src.Commit(a)

	// The first attempt to send a gets as far as its place; the row is on its way.
	late := newWriting(s, sinks.Rev(1, 2), false)
	if err := late.change(&sinks.Change{Table: table.Sessions, Key: a.Row[:1], Row: a.Row}); err != nil {
		t.Fatal(err)
	}
	l := layoutFor(table.Sessions)
	if err := s.insert(t.Context(), late.blocks[l.byID]); err != nil {
		t.Fatal(err)
	}
	a.Del = true
	src.Commit(a)
	apply(t, s, src, 1)
	if err := s.insert(t.Context(), late.blocks[l]); err != nil {
		t.Fatal(err)
	}
	if got := readViews(t, s)["sessions"]; len(got) != 1 || got[0][0].Text != "b" {
		t.Errorf("sessions %v; want b alone", got)
	}
	server.Query(t, "OPTIMIZE TABLE `"+server.Database+"`.sessions FINAL")
	if got := readViews(t, s)["sessions"]; len(got) != 1 {
		t.Errorf("after a merge: sessions %v; want b alone", got)
	}
}

// TestZombieIsNeverSeen: rows of an older owner that land after the new one has
// taken over, also for keys that the new one does not have.
func TestZombieIsNeverSeen(t *testing.T) {
	server := testkit.StartClickHouse(t)
	zombie, src := openSink(t, configFor(server)), sinktest.NewSource()
	src.Commit(sessionAt("a", monday))
	resync(t, zombie, src)
	src.NewEpoch()
	src.Commit(sessionAt("b", monday))
	owner := openSink(t, configFor(server))
	resync(t, owner, src)
	w := newWriting(zombie, sinks.Rev(1, 900), false)
	for _, p := range []sinktest.Put{sessionAt("a", monday+1), sessionAt("z", monday)} {
		if err := w.change(&sinks.Change{Table: p.Table, Key: p.Row[:1], Row: p.Row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := zombie.publish(t.Context(), sinks.Progress{Epoch: 1, Commit: 900}, 0); err != nil {
		t.Fatal(err)
	}
	got := readViews(t, owner)["sessions"]
	if len(got) != 2 || slices.ContainsFunc(got, func(r table.Row) bool { return r[0].Text == "z" }) {
		t.Errorf("sessions %v; want a and b", got)
	}
	if at, err := owner.Cursor(t.Context()); err != nil || at.Epoch != 2 || at.Commit != 2 {
		t.Errorf("the store is at %v: %v", at, err)
	}
}

// TestStateThatBeginsAgain: the state and its epoch file were removed, the
// store was not. Revisions begin anew and would lose.
func TestStateThatBeginsAgain(t *testing.T) {
	server := testkit.StartClickHouse(t)
	s, src := openSink(t, configFor(server)), sinktest.NewSource()
	for n := range 5 {
		src.Commit(sessionAt(fmt.Sprint(n), monday), sessionAt("same", monday))
	}
	resync(t, s, src)
	src = sinktest.NewSource()
	same := sessionAt("same", monday)
	same.Row[table.Sessions.Col("clicks")] = table.I(7)
	src.Commit(same)
	resync(t, s, src)
	if got := readViews(t, s)["sessions"]; len(got) != 1 || got[0][table.Sessions.Col("clicks")].Int != 7 {
		t.Errorf("sessions %v; want the new one alone", got)
	}
	if at, err := s.Cursor(t.Context()); err != nil || at.Commit != 1 {
		t.Errorf("the store is at %v: %v", at, err)
	}
}

// TestStatusFollowsTheWatermark: becoming final is no change of a row.
func TestStatusFollowsTheWatermark(t *testing.T) {
	server := testkit.StartClickHouse(t)
	s := openSink(t, configFor(server))
	if err := s.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := event.Millis(1768435200000)
	ends := map[*table.Table]event.Millis{
		table.MinuteDelivery: event.Minute - 1, table.HourDelivery: event.Hour - 1, table.MinuteConversions: event.Minute - 1, table.MinuteAttribution: event.Minute - 1,
		table.HourByTouch: event.Hour - 1 + 30*event.Day, table.Sessions: 31 * event.Minute, table.Conversions: 0,
	}
	w := newWriting(s, sinks.Rev(1, 1), false)
	for tab := range ends {
		for _, status := range []string{"provisional", "restated"} {
			row := make(table.Row, len(tab.Columns))
			for i, c := range tab.Columns {
				switch {
				case c.Type == table.Time:
					row[i] = table.At(at)
				case i < tab.Keys:
					row[i] = table.T(status)
				}
			}
			if tab == table.Sessions {
				row[tab.Col("end")] = table.At(at + event.Minute)
			}
			row[len(row)-1] = table.T(status)
			c := sinks.Change{Table: tab, Key: row[:tab.Keys], Row: row}
			if tab == table.Conversions {
				w.blocks[layoutFor(tab)].addConversion(row, nil, w.rev, false)
			} else if err := w.change(&c); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.send(t.Context()); err != nil {
		t.Fatal(err)
	}
	status := func(tab *table.Table, watermark event.Millis) string {
		t.Helper()
		if err := s.publish(t.Context(), sinks.Progress{Epoch: 1, Commit: uint64(watermark) & (1<<40 - 1), Watermark: watermark}, 0); err != nil {
			t.Fatal(err)
		}
		return server.Query(t, "SELECT groupArray(status) FROM (SELECT status FROM `"+server.Database+"`.`v_"+tab.Name+"` ORDER BY status)")
	}
	// In order of their ends, because the progress only rises.
	tabs := []*table.Table{table.Conversions, table.MinuteDelivery, table.MinuteConversions, table.MinuteAttribution, table.Sessions, table.HourDelivery, table.HourByTouch}
	last := event.Millis(-1)
	for _, tab := range tabs {
		if ends[tab] > last+1 {
			if got := status(tab, at+ends[tab]-1); got != "['provisional','restated']\n" {
				t.Errorf("%s 1 ms before its end is %s", tab.Name, got)
			}
		}
		last = ends[tab]
		if got := status(tab, at+ends[tab]); got != "['final','restated']\n" {
			t.Errorf("%s at its end is %s", tab.Name, got)
		}
	}
}

func TestProgressOfAFinishedReplay(t *testing.T) {
	server := testkit.StartClickHouse(t)
	s := openSink(t, configFor(server))
	if err := s.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		watermark event.Millis
		shown     string
	}{{event.NoTime, "1900-01-01 00:00:00.000"}, {monday, "2026-01-05 00:00:00.000"}, {event.EndOfTime, "2262-04-11 23:47:16.854"}} {
		want := sinks.Progress{Epoch: 1, Commit: uint64(len(x.shown)) + uint64(x.watermark>>63)&1 + uint64(x.watermark)%7, Watermark: x.watermark}
		server.Query(t, "TRUNCATE TABLE `"+server.Database+"`.sync_progress")
		if err := s.publish(t.Context(), want, 0); err != nil {
			t.Fatal(err)
		}
		if at, err := s.Cursor(t.Context()); err != nil || at != want {
			t.Errorf("%v came back as %v: %v", want, at, err)
		}
		got := server.Query(t, "SELECT DISTINCT shard, commit, watermark FROM `"+server.Database+"`.progress")
		if got != fmt.Sprintf("0\t%d\t%s\n", want.Commit, x.shown) {
			t.Errorf("progress shows %q; want %s", got, x.shown)
		}
	}
}

func TestNewerAndForeignSchemasAreRefused(t *testing.T) {
	server := testkit.StartClickHouse(t)
	db := "`" + server.Database + "`"
	server.Query(t, "CREATE DATABASE "+db)
	server.Query(t, "CREATE TABLE "+db+".sessions (mine String) ENGINE = MergeTree ORDER BY mine")
	s := openSink(t, configFor(server))
	if _, err := s.Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "a database of its own") {
		t.Errorf("somebody's table was taken over: %v", err)
	}
	server.Query(t, "DROP TABLE "+db+".sessions SYNC")
	if at, err := s.Cursor(t.Context()); err != nil || at != (sinks.Progress{}) {
		t.Errorf("an empty database is at %v: %v", at, err)
	}
	server.Query(t, "INSERT INTO "+db+".sync_schema (id, version, fingerprint, n) VALUES (0, 99, 'x', 1000)")
	if _, err := s.Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "upgrade the program") {
		t.Errorf("a newer schema was taken over: %v", err)
	}
}

// TestRetention: what is beyond it is not seen, whenever merges drop it; and a
// change of it is a change of the tables, not of the rows.
func TestRetention(t *testing.T) {
	server := testkit.StartClickHouse(t)
	cfg := configFor(server)
	src := sinktest.NewSource()
	now := event.Millis(time.Now().UnixMilli())
	src.Commit(sessionAt("old", now-10*event.Day), sessionAt("new", now-event.Day))
	resync(t, openSink(t, cfg), src)
	count := func(want string) {
		t.Helper()
		if got := server.Query(t, "SELECT count() FROM `"+server.Database+"`.v_sessions"); got != want+"\n" {
			t.Errorf("%s sessions; want %s", got, want)
		}
	}
	count("2")
	cfg.Retention = event.Duration(400 * event.Day)
	cfg.RetentionByTable = map[string]event.Duration{"sessions": event.Duration(2 * event.Day)}
	s := openSink(t, cfg)
	if at, err := s.Cursor(t.Context()); err != nil || at.Commit != 1 {
		t.Fatalf("another retention makes the store forget: %v, %v", at, err)
	}
	count("1")
	definition := func(name string) string {
		return server.Query(t, "SELECT create_table_query FROM system.tables WHERE database = '"+server.Database+"' AND name = '"+name+"'")
	}
	if got := definition("sessions"); !strings.Contains(got, "TTL toDateTime(start) + toIntervalSecond(3628800)") {
		t.Errorf("sessions: %s", got)
	}
	if got := definition("minute_delivery"); !strings.Contains(got, " TTL ") {
		t.Errorf("minute_delivery: %s", got)
	}
	if have, err := s.existing(t.Context()); err != nil || len(s.alterTTLs(have)) > 0 {
		t.Errorf("what is as it should be is altered: %v, %v", s.alterTTLs(have), err)
	}
	s = openSink(t, configFor(server))
	if _, err := s.Cursor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := definition("sessions"); strings.Contains(got, " TTL ") {
		t.Errorf("without retention: %s", got)
	}
	count("2")
}

func TestServerThatIsNotThere(t *testing.T) {
	port := testkit.FreePorts(t, 1)[0]
	cfg := DefaultConfig()
	cfg.Addrs = []string{net.JoinHostPort("127.0.0.1", fmt.Sprint(port))}
	cfg.Password = "hunter2"
	for _, protocol := range []string{"native", "http"} {
		cfg.Protocol = protocol
		s := openSink(t, cfg) // a start does not need it
		_, err := s.Cursor(t.Context())
		if err == nil || !strings.Contains(err.Error(), cfg.Addrs[0]) || !strings.Contains(err.Error(), "is the server up?") {
			t.Errorf("%s: got %v; want the address and what to look at", protocol, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the password is in %v", protocol, err)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	server := testkit.StartClickHouse(t)
	s, src := openSink(t, configFor(server)), sinktest.NewSource()
	resync(t, s, src)
	src.Commit(sessionAt("a", monday))
	server.Break(func(*http.Request) testkit.Fault { return testkit.ServerError })
	v, _ := src.View(t.Context())
	b, _ := v.Next(t.Context(), 0, 10)
	b.View = v
	if err := s.Apply(t.Context(), b); err == nil || !strings.Contains(err.Error(), "merges do not keep up") {
		t.Errorf("got %v; want what to do about too many parts", err)
	}
}

// TestLargeInsertsAreCut: an insert holds a bounded number of rows and bytes.
func TestLargeInsertsAreCut(t *testing.T) {
	server := testkit.StartClickHouse(t)
	cfg := configFor(server)
	cfg.MaxInsertRows = 7
	s, src := openSink(t, cfg), sinktest.NewSource()
	var puts []sinktest.Put
	for n := range 100 {
		c := conversionAt(fmt.Sprintf("c%03d", n), monday, int64(n))
		puts = append(puts, c, creditOf(c, "linear"), creditOf(c, "last_touch"), sessionAt(fmt.Sprint(n), monday))
	}
	src.Commit(puts...)
	inserts := 0
	server.Break(func(r *http.Request) testkit.Fault {
		if strings.Contains(r.URL.Query().Get("query"), "`conversions` (") {
			inserts++
		}
		return testkit.NoFault
	})
	resync(t, s, src)
	if inserts != 15 {
		t.Errorf("%d inserts; want 100 rows in pieces of 7", inserts)
	}
	inserts = 0
	src.Commit(puts...)
	apply(t, s, src, 1)
	if inserts != 15 {
		t.Errorf("%d inserts for a batch; want 100 rows in pieces of 7", inserts)
	}
	if got := readViews(t, s); len(got["conversions"]) != 100 || len(got["credits"]) != 200 || len(got["sessions"]) != 100 {
		t.Errorf("%d conversions, %d credits, %d sessions", len(got["conversions"]), len(got["credits"]), len(got["sessions"]))
	}
}

// TestInvariantsHoldWheneverRead: somebody reads all the time, while conversions
// are restated and statements are lost in every way. Credits always sum to
// their conversion, and progress never goes back.
func TestInvariantsHoldWheneverRead(t *testing.T) {
	server := testkit.StartClickHouse(t)
	s, src := openSink(t, configFor(server)), sinktest.NewSource()
	const conversions, rounds = 20, 25
	restate := func(n int) {
		var puts []sinktest.Put
		for i := range conversions {
			c := conversionAt(fmt.Sprintf("c%d", i), monday, int64(i*1000+n))
			a, b := creditOf(c, "linear"), creditOf(c, "linear")
			part := int64((n*37 + i) % 1_000_000)
			a.Row[11], b.Row[11] = table.I(part), table.I(1_000_000-part)
			a.Row[12], b.Row[12] = table.I(part%7), table.I(int64(i*1000+n)-part%7)
			b.Row[2], b.Row[4] = table.I(2), table.T("other")
			b.Del = n%3 == 0 // then one touch has it all
			if b.Del {
				a.Row[11], a.Row[12] = table.I(1_000_000), table.I(int64(i*1000+n))
			}
			puts = append(puts, c, a, b)
		}
		src.Commit(puts...)
	}
	restate(0)
	resync(t, s, src)
	var faults atomic.Int64
	server.Break(func(*http.Request) testkit.Fault {
		if rand.IntN(12) > 0 {
			return testkit.NoFault
		}
		return testkit.Fault(1 + faults.Add(1)%4)
	})
	stop, done := make(chan struct{}), make(chan int, 1)
	end := sync.OnceValue(func() int { close(stop); return <-done })
	defer end()
	db := "`" + server.Database + "`."
	go func() {
		reads, last := 0, ""
		for {
			select {
			case <-stop:
				done <- reads
				return
			default:
			}
			bad, err := server.Try("SELECT countIf(ppm != 1000000) FROM (SELECT sum(credit_ppm) AS ppm FROM " + db + "v_credits GROUP BY conversion_id, model)")
			worth, err2 := server.Try("SELECT countIf(arraySum(credit_micros) != value_micros), count() FROM " + db + "conversions FINAL")
			at, err3 := server.Try("SELECT leftPad(toString(min(commit)), 9, '0') FROM " + db + "progress")
			if err := errors.Join(err, err2, err3); err != nil || bad != "0\n" || worth != fmt.Sprintf("0\t%d\n", conversions) || at < last {
				t.Errorf("a reader sees %q, %q, progress %q after %q: %v", bad, worth, at, last, err)
			}
			last = at
			reads++
		}
	}()
	for n := 1; n <= rounds; n++ {
		restate(n)
		for try := 0; ; try++ {
			at, err := s.Cursor(t.Context())
			if err == nil && at.Commit == uint64(n)+1 {
				break
			}
			if err == nil {
				err = applyOnce(t, s, src, at.Commit)
			}
			if try > 100 {
				t.Fatalf("it never gets through: %v", err)
			}
		}
	}
	if reads := end(); reads < 5 || faults.Load() < 4 {
		t.Errorf("only %d reads, %d faults", reads, faults.Load())
	}
	server.Break(nil)
	got := readViews(t, s)
	want := src.Tables()
	if len(got["credits"]) != len(want["credits"]) || len(got["conversions"]) != conversions {
		t.Errorf("%d credits of %d conversions; want %d of %d", len(got["credits"]), len(got["conversions"]), len(want["credits"]), conversions)
	}
}

func TestFencing(t *testing.T) {
	server := testkit.StartClickHouse(t)
	s, src := openSink(t, configFor(server)), sinktest.NewSource()
	src.Commit(sessionAt("a", monday))
	v, _ := src.View(t.Context())
	src.NewEpoch()
	resync(t, s, src)
	b := sinks.Batch{Progress: v.Progress(), View: v}
	if err := s.Apply(t.Context(), b); !errors.Is(err, sinks.ErrFenced) {
		t.Errorf("a batch of an older epoch: %v", err)
	}
	b.Epoch, b.Commit, b.After = 2, 9, 5
	if err := s.Apply(t.Context(), b); !errors.Is(err, sinks.ErrGap) {
		t.Errorf("a batch after a gap: %v", err)
	}
	b.Epoch, b.After = 3, 0
	if err := s.Apply(t.Context(), b); !errors.Is(err, sinks.ErrGap) {
		t.Errorf("a batch of a newer epoch without a resync: %v", err)
	}
}
