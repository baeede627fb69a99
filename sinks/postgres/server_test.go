package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/rows/rowstest"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// deliver brings the sink to the source's commit, whatever happens to the
// server meanwhile.
func deliver(t *testing.T, src *sinktest.Source, s sinks.Sink, rows int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	d := sinks.NewDeliverer(src, s, sinks.Options{MaxRows: rows, MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	d.Drain()
	if err := d.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// equal wants no difference between the state and what the sink adds up.
func equal(t *testing.T, src *sinktest.Source, s sinks.Sink) {
	t.Helper()
	v, err := src.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := sinks.Compare(t.Context(), v, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range r.Differences {
		t.Error(d)
	}
	for _, tr := range r.Tables {
		if !tr.Kept || tr.State == 0 {
			t.Errorf("%s was not compared: kept %t, %d rows", tr.Table.Name, tr.Kept, tr.State)
		}
	}
}

// everything puts rows into every table.
func everything(n int) []sinktest.Put {
	var puts []sinktest.Put
	for _, tab := range table.All {
		if tab != table.Credits && tab != table.Conversions {
			puts = append(puts, sinktest.Put{Table: tab, Row: rowstest.Row(tab, n)})
		}
	}
	return append(puts, rowstest.Sale(fmt.Sprintf("sale-%d", n), int64(n+1)*1_000_001)...)
}

func TestKilledServer(t *testing.T) {
	server := testkit.StartPostgres(t)
	s := open(t, config(server, ""))
	src := sinktest.NewSource()
	for n := range 300 {
		src.Commit(everything(n)...)
	}
	done := make(chan struct{})
	stop := make(chan struct{})
	go func() { // commits go on while the server dies and comes back
		defer close(done)
		for n := 300; ; n++ {
			select {
			case <-stop:
				return
			default:
				src.Commit(everything(n % 500)...)
				time.Sleep(time.Millisecond)
			}
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	d := sinks.NewDeliverer(src, s, sinks.Options{MaxRows: 50, MaxAge: time.Millisecond, MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	for range 3 {
		at := d.State().Progress.Commit
		testkit.WaitUntil(t, 5*time.Minute, "rows to go on", func() bool { return d.State().Progress.Commit > at })
		server.Kill()
		server.Start()
	}
	close(stop)
	<-done
	cancel()
	<-ended
	deliver(t, src, s, 1000)
	equal(t, src, s)
}

// TestEveryReadIsOneCommit: a reader that looks all the time never sees credits
// that do not add up to their conversion.
func TestEveryReadIsOneCommit(t *testing.T) {
	server := testkit.StartPostgres(t, "fsync=off")
	cfg := config(server, "")
	s := open(t, cfg)
	src := sinktest.NewSource()
	src.Commit(everything(0)...)
	deliver(t, src, s, 10)
	conn := connect(t, server.DSN(""))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type result struct {
		reads, torn int
		err         error
	}
	got := make(chan result, 1)
	go func() {
		var r result
		defer func() { got <- r }()
		q := fmt.Sprintf(`SELECT count(*) FROM %[1]s.v_conversions c FULL JOIN (SELECT conversion_id, sum(value_micros) v FROM %[1]s.v_credits GROUP BY 1) x USING (conversion_id)
WHERE c.value_micros <> COALESCE(x.v, 0) OR c.conversion_id IS NULL`, cfg.Schema)
		for ctx.Err() == nil {
			var n int
			if err := conn.QueryRow(t.Context(), q).Scan(&n); err != nil {
				r.err = err
				return
			}
			r.reads++
			r.torn += n
		}
	}()
	for n := range 40 {
		for i := range 20 {
			src.Commit(rowstest.Sale(fmt.Sprintf("sale-%d", i), int64((n*7+i)%5)*1_000_000)...)
		}
		if n == 20 {
			src.NewEpoch() // and a resync in the midst of it
		}
		deliver(t, src, s, 3)
	}
	cancel()
	if r := <-got; r.err != nil || r.reads == 0 || r.torn > 0 {
		t.Errorf("%d reads saw %d torn conversions: %v", r.reads, r.torn, r.err)
	}
}

func TestStatusFollowsTheWatermark(t *testing.T) {
	server := testkit.StartPostgres(t, "fsync=off")
	cfg := config(server, "")
	s := open(t, cfg)
	conn := connect(t, server.DSN(""))
	src := sinktest.NewSource()
	const now = rowstest.Start + 12*event.Hour // the source's watermark is just after
	put := func(tab *table.Table, n int, at event.Millis, status string) {
		row := rowstest.Row(tab, n)
		for i, c := range tab.Columns {
			if c.Type == table.Time {
				row[i] = table.At(at)
			}
		}
		row[len(row)-1] = table.T(status)
		src.Commit(sinktest.Put{Table: tab, Row: row})
	}
	put(table.MinuteDelivery, 1, now-2*event.Minute, "final")
	put(table.MinuteDelivery, 2, now, "provisional")
	put(table.MinuteDelivery, 3, now-event.Hour, "restated")
	put(table.Sessions, 1, now-20*event.Minute, "provisional")
	put(table.Sessions, 2, now-40*event.Minute, "final")
	put(table.Conversions, 1, now-event.Minute, "final")
	put(table.HourByTouch, 1, now-29*event.Day, "provisional")
	put(table.HourByTouch, 2, now-31*event.Day, "final")
	deliver(t, src, s, 100)
	want := src.Tables()
	for name, got := range read(t, conn, cfg.Schema) {
		for i, row := range got {
			if g, w := row[len(row)-1].Text, want[name][i][len(row)-1].Text; g != w {
				t.Errorf("%s row %d is %s; want %s", name, i, g, w)
			}
		}
	}
}

func TestTextsThatAreTooMuch(t *testing.T) {
	server := testkit.StartPostgres(t, "fsync=off")
	cfg := config(server, "")
	s := open(t, cfg)
	src := sinktest.NewSource()
	long := strings.Repeat("x9Z", 200_000)
	for i, text := range []string{long, long + "y", "nul\x00nul", "nul\u2400nul"} {
		row := rowstest.Row(table.MinuteDelivery, i)
		row[1] = table.T(text)
		sale := rowstest.Sale(text, 5_000_000)
		src.Commit(append(sale, sinktest.Put{Table: table.MinuteDelivery, Row: row})...)
	}
	deliver(t, src, s, 100)
	got := read(t, connect(t, server.DSN("")), cfg.Schema)
	if len(got["minute_delivery"]) != 4 || len(got["conversions"]) != 4 {
		t.Fatalf("%d and %d rows; want 4 and 4", len(got["minute_delivery"]), len(got["conversions"]))
	}
	for i, want := range []string{long, long + "y", "nul\u2400nul", "nul\u2400nul"} {
		if got["minute_delivery"][i][1].Text != want {
			t.Errorf("text %d is not as it was", i)
		}
	}
}

func TestSchemaOfAnotherVersion(t *testing.T) {
	server := testkit.StartPostgres(t, "fsync=off")
	cfg := config(server, "")
	conn := connect(t, server.DSN(""))
	src := sinktest.NewSource()
	src.Commit(everything(1)...)
	s := open(t, cfg)
	deliver(t, src, s, 100)
	exec := func(q string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), strings.ReplaceAll(q, "S.", cfg.Schema+".")); err != nil {
			t.Fatal(err)
		}
	}
	exec("DROP VIEW S.v_verdicts")
	exec("ALTER TABLE S.verdicts DROP COLUMN score")
	exec("CREATE VIEW S.v_verdicts AS SELECT 1 AS other")
	exec("DROP VIEW S.v_triggers")
	exec("DROP TABLE S.triggers")
	exec("UPDATE S.tributary_schema SET hash = 'older'")
	_ = s.Close()
	again := open(t, cfg)
	deliver(t, src, again, 100)
	equal(t, src, again)
	_ = again.Close()

	// Other rules of the status, and somebody built upon our view.
	exec("CREATE VIEW S.mine AS SELECT * FROM S.v_sessions")
	other := deps
	other.SessionGap *= 2
	views, err := Open(t.Context(), cfg, other)
	if err != nil {
		t.Fatal(err)
	}
	defer views.Close()
	if at, err := views.Cursor(t.Context()); err != nil || at.Commit != 1 {
		t.Errorf("with other views it stands at %v: %v", at, err)
	}
	exec("UPDATE S.tributary_schema SET version = 99, hash = 'newer'")
	if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "newer release") {
		t.Errorf("tables of a newer release: %v", err)
	}
	exec("UPDATE S.tributary_schema SET version = 1, hash = 'older'")
	cfg.Migrate = false
	if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "migrate is false") {
		t.Errorf("without migrate: %v", err)
	}
}

func TestTablesMadeByHand(t *testing.T) {
	server := testkit.StartPostgres(t, "fsync=off")
	cfg := config(server, "")
	cfg.Migrate = false
	conn := connect(t, server.DSN(""))
	for _, q := range DDL(cfg, deps) {
		if _, err := conn.Exec(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	// A role that may only do what docs/postgres.md says.
	for _, q := range []string{
		"CREATE ROLE writer LOGIN",
		"GRANT USAGE ON SCHEMA " + cfg.Schema + " TO writer",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + cfg.Schema + " TO writer",
	} {
		if _, err := conn.Exec(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	cfg.DSN = strings.Replace(cfg.DSN, "postgres@", "writer@", 1)
	s := open(t, cfg)
	src := sinktest.NewSource()
	src.Commit(everything(1)...)
	deliver(t, src, s, 100)
	equal(t, src, s)
}

func TestForeignTablesAreLeftAlone(t *testing.T) {
	server := testkit.StartPostgres(t, "fsync=off")
	cfg := config(server, "")
	cfg.Schema = "" // public, as without the setting
	conn := connect(t, server.DSN(""))
	if _, err := conn.Exec(t.Context(), "CREATE TABLE sessions (id int)"); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), "table sessions that is not ours") {
		t.Errorf("got %v", err)
	}
	if _, err := conn.Exec(t.Context(), "DROP TABLE sessions"); err != nil {
		t.Fatal(err)
	}
	s := open(t, cfg)
	src := sinktest.NewSource()
	src.Commit(everything(1)...)
	deliver(t, src, s, 100)
	if n := len(read(t, conn, "public")["sessions"]); n != 1 {
		t.Errorf("%d sessions in public; want 1", n)
	}
}

func TestFaultsSayWhatToDo(t *testing.T) {
	server := testkit.StartPostgres(t, "fsync=off")
	conn := connect(t, server.DSN(""))
	if _, err := conn.Exec(t.Context(), "CREATE ROLE nobody LOGIN"); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ dsn, want string }{
		{strings.Replace(server.DSN(""), "/postgres?", "/nowhere?", 1), "createdb"},
		{strings.Replace(server.DSN(""), "postgres@", "nobody@", 1), "GRANT"},
		{"postgres://postgres@127.0.0.1:1/postgres", "is the server up"},
		{strings.Replace(server.DSN(""), "disable", "require", 1), "sslmode"},
	} {
		cfg := config(server, "")
		cfg.DSN = x.dsn
		if _, err := open(t, cfg).Cursor(t.Context()); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v; want a word of %q", x.dsn, err, x.want)
		}
	}
}

// TestLockedOut: a session that somebody left open delays, and does not stop.
func TestLockedOut(t *testing.T) {
	server := testkit.StartPostgres(t, "fsync=off")
	cfg := config(server, "")
	cfg.Timeout = event.Duration(3 * event.Second)
	s := open(t, cfg)
	src := sinktest.NewSource()
	src.Commit(everything(1)...)
	deliver(t, src, s, 100)
	tx, err := connect(t, server.DSN("")).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT 1 FROM "+cfg.Schema+".progress FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	src.Commit(everything(2)...)
	v, _ := src.View(t.Context())
	b, _ := v.Next(t.Context(), 1, 100)
	b.After, b.View = 1, v
	if err := s.Apply(t.Context(), b); err == nil || errors.Is(err, sinks.ErrGap) || !strings.Contains(err.Error(), "locked") {
		t.Errorf("got %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	deliver(t, src, s, 100)
	equal(t, src, s)
}
