package sinks_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/sinktest"
	"github.com/tributary-data/tributary/table"
)

// paced is a memory sink with a pace of its own, that notes what it is sent.
type paced struct {
	memory
	pace    sinks.Pace
	batches []int
	cursors atomic.Int64
	lost    atomic.Bool // the store forgets everything before the next question
	manages int         // rows in one batch; 0: any
}

func (p *paced) Pace() sinks.Pace { return p.pace }

func (p *paced) Cursor(ctx context.Context) (sinks.Progress, error) {
	p.cursors.Add(1)
	if p.lost.Swap(false) {
		p.at = sinks.Progress{}
	}
	return p.memory.Cursor(ctx)
}

func (p *paced) Apply(ctx context.Context, b sinks.Batch) error {
	if p.manages > 0 && len(b.Changes) > p.manages {
		return errors.New("no answer in time")
	}
	err := p.memory.Apply(ctx, b)
	if err == nil {
		p.batches = append(p.batches, len(b.Changes))
	}
	return err
}

// running starts a deliverer in the bubble and lets it come to rest.
func running(t *testing.T, src *sinktest.Source, s sinks.Sink) (*sinks.Deliverer, chan error) {
	t.Helper()
	d := sinks.NewDeliverer(src, s, quiet)
	done := make(chan error, 1)
	go func() { done <- d.Run(t.Context()) }()
	synctest.Wait()
	return d, done
}

func ended(t *testing.T, d *sinks.Deliverer, done chan error) {
	t.Helper()
	d.Drain()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestHealth follows a sink through an outage: a few failures, down, probed with
// little, back.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := sinktest.NewSource(), &paced{}
		d, done := running(t, src, sink)
		expect := func(when string, want sinks.Health, lag time.Duration, rows int64) {
			t.Helper()
			if s := d.State(); s.Health != want || s.Lag != lag || s.LagRows != rows {
				t.Errorf("%s: %s, lag %v, %d rows; want %s, %v, %d", when, s.Health, s.Lag, s.LagRows, want, lag, rows)
			}
		}
		expect("at first", sinks.OK, 0, 0)
		sink.err.Store("no route")
		src.Commit(late("a"))
		time.Sleep(1050 * time.Millisecond)
		synctest.Wait()
		if s := d.State(); s.Health != sinks.CatchingUp || s.InARow < 1 || s.NextTry.Before(time.Now()) {
			t.Errorf("after the first failure: %+v", s)
		}
		for n := range 500 {
			src.Commit(late(fmt.Sprint("row ", n)))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		expect("after a minute", sinks.Down, time.Minute+1050*time.Millisecond, 501)
		sink.err.Store("")
		time.Sleep(11 * time.Second)
		synctest.Wait()
		expect("when it is back", sinks.OK, 0, 0)
		if want := []int{100, 200, 201}; !slices.Equal(sink.batches, want) {
			t.Errorf("sent batches of %v; want %v: 100 to probe it, then twice as many each time", sink.batches, want)
		}
		ended(t, d, done)
	})
}

// TestSlowAfterAnOutage: a sink that comes back to a long backlog and manages no
// full batch in time gets smaller ones, and so all.
func TestSlowAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := sinktest.NewSource(), &paced{manages: 300}
		d, done := running(t, src, sink)
		sink.err.Store("no route")
		for n := range 6000 {
			src.Commit(late(fmt.Sprint("row ", n)))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		sink.err.Store("")
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if s := d.State(); s.LagRows != 0 {
			t.Errorf("%d rows lag after three minutes; want none", s.LagRows)
		}
		ended(t, d, done)
	})
}

// TestBytes: rows of a megabyte make smaller batches than rows of a hundred
// bytes.
func TestBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := sinktest.NewSource(), &paced{pace: sinks.Pace{MaxRows: 1000, MaxBytes: 10 << 20}}
		d, done := running(t, src, sink)
		great := strings.Repeat("x", 1<<20)
		for n := range 3 {
			for i := range 100 {
				p := late(fmt.Sprintf("%d/%d", n, i))
				p.Row[3] = table.T(great)
				src.Commit(p)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		for i, n := range sink.batches {
			if i > 0 && n > 10 {
				t.Errorf("batch %d has %d MB; want at most 10", i, n)
			}
		}
		if s := d.State(); s.Bytes < 300<<20 || s.Rows != 300 {
			t.Errorf("got %+v", s)
		}
		ended(t, d, done)
	})
}

// TestIdle: a sink that has all is not asked for anything, unless it may forget.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, still, volatile := sinktest.NewSource(), &paced{}, &paced{pace: sinks.Pace{Recheck: 10 * time.Second}}
		src.Commit(late("a"))
		d1, done1 := running(t, src, still)
		d2, done2 := running(t, src, volatile)
		time.Sleep(time.Minute)
		synctest.Wait()
		if still.cursors.Load() != 1 || volatile.cursors.Load() < 5 {
			t.Errorf("asked %d and %d times in a minute; want 1, and every 10 s", still.cursors.Load(), volatile.cursors.Load())
		}
		volatile.lost.Store(true)
		time.Sleep(12 * time.Second)
		synctest.Wait()
		if volatile.resyncs != 2 || d2.State().Resyncs != 2 {
			t.Errorf("%d resyncs of a sink that lost everything", volatile.resyncs)
		}
		ended(t, d1, done1)
		ended(t, d2, done2)
	})
}

// TestSinkWentBack: a sink that lost its last commits gets those again, and not
// everything.
func TestSinkWentBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := sinktest.NewSource(), &paced{}
		d, done := running(t, src, sink)
		for n := range 10 {
			src.Commit(late(fmt.Sprint("row ", n)))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		sink.at.Commit = 4
		src.Commit(late("one more"))
		time.Sleep(time.Second)
		synctest.Wait()
		if s := d.State(); s.Resyncs != 1 || s.Failures != 0 || sink.at.Commit != 11 || len(sink.batches) != 2 || sink.batches[1] != 7 {
			t.Errorf("batches %v, %+v", sink.batches, s)
		}
		ended(t, d, done)
	})
}

// auditing answers an audit from the rows of its own.
type auditing struct {
	paced
	rows map[*table.Table][]table.Row
	from int32
}

func (a *auditing) Audit(_ context.Context, t *table.Table) (map[sinks.Group]sinks.Sums, error) {
	if a.rows[t] == nil {
		return nil, sinks.ErrNotKept
	}
	return sinks.AddUp(t, func(fn func(table.Row) error) error {
		for _, r := range a.rows[t] {
			if err := fn(r); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *auditing) KeepsFrom(*table.Table) int32 { return a.from }

func minute(day int, campaign string, clicks int64) sinktest.Put {
	row := make(table.Row, len(table.MinuteDelivery.Columns))
	row[0] = table.At(1768435200000 + 86_400_000*event.Millis(day))
	row[1], row[3] = table.T(campaign), table.T("USD")
	row[table.MinuteDelivery.Col("clicks")] = table.I(clicks)
	return sinktest.Put{Table: table.MinuteDelivery, Row: row}
}

func TestReconcile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := sinktest.NewSource()
		sink := &auditing{from: sinks.NoDay}
		src.Commit(minute(0, "a", 1), minute(0, "b", 2), minute(1, "a", 3))
		sink.rows = map[*table.Table][]table.Row{table.MinuteDelivery: {minute(0, "a", 1).Row, minute(1, "a", 3).Row, minute(2, "a", 9).Row}}
		d, done := running(t, src, sink)
		src.Commit(late("not there yet"))
		r, err := d.Reconcile(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, x := range r.Differences {
			told = append(told, x.String())
		}
		want := []string{
			"minute_delivery 2026-01-15 USD: rows is 2 in the state, 1 in the sink", "minute_delivery 2026-01-15 USD: clicks is 3 in the state, 1 in the sink",
			"minute_delivery 2026-01-17 USD: rows is 0 in the state, 1 in the sink", "minute_delivery 2026-01-17 USD: clicks is 0 in the state, 9 in the sink",
		}
		if fmt.Sprint(told) != fmt.Sprint(want) || r.Total != 4 || r.Commit != 2 || sink.at.Commit != 2 {
			t.Errorf("got %q at %v, the sink at %v", told, r.Progress, sink.at)
		}
		sink.from = int32(1768435200000/86_400_000) + 1
		if r, err = d.Reconcile(t.Context()); err != nil || r.Total != 2 || r.Tables[0].State != 1 || r.Tables[0].Sink != 2 {
			t.Errorf("a sink that keeps the later days: %+v, %v", r, err)
		}
		sink.err.Store("down")
		src.Commit(late("more"))
		if _, err := d.Reconcile(t.Context()); err == nil || !strings.Contains(err.Error(), "down") {
			t.Errorf("of a sink that is down: %v", err)
		}
		sink.err.Store("")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.Reconcile(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("the asker is gone: %v", err)
		}
		ended(t, d, done)
		if _, err := d.Reconcile(t.Context()); !errors.Is(err, sinks.ErrStopped) {
			t.Errorf("after the end: %v", err)
		}
		if _, err := sinks.NewDeliverer(src, &memory{}, quiet).Reconcile(t.Context()); !errors.Is(err, sinks.ErrNoAudit) {
			t.Errorf("of a sink without sums: %v", err)
		}
	})
}
