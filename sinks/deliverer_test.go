package sinks_test

import (
	"context"
	"errors"
	"log/slog"
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

// memory is the simplest sink: a cursor, and errors on demand.
type memory struct {
	at      sinks.Progress
	rows    int
	resyncs int
	err     atomic.Value // the error of every write: a string
	calls   int
}

func (m *memory) Name() string                                   { return "memory" }
func (m *memory) Cursor(context.Context) (sinks.Progress, error) { return m.at, nil }
func (m *memory) Close() error                                   { return nil }

func (m *memory) fault() error {
	if text, _ := m.err.Load().(string); text != "" {
		return errors.New(text)
	}
	return nil
}

func (m *memory) Apply(_ context.Context, b sinks.Batch) error {
	m.calls++
	if err := m.fault(); err != nil {
		return err
	}
	if b.After != m.at.Commit {
		return sinks.ErrGap
	}
	m.rows += len(b.Changes)
	m.at = b.Progress
	return nil
}

func (m *memory) Resync(ctx context.Context, v sinks.View) error {
	if err := m.fault(); err != nil {
		return err
	}
	m.resyncs++
	m.rows = 0
	m.at = v.Progress()
	return sinks.EachRow(ctx, v, func(sinks.Change) error { m.rows++; return nil })
}

var quiet = sinks.Options{MaxAge: time.Second, MinBackoff: 100 * time.Millisecond, MaxBackoff: 10 * time.Second, Logger: slog.New(slog.DiscardHandler)}

func late(position string) sinktest.Put {
	row := make(table.Row, len(table.DeadLetters.Columns))
	row[0] = table.T(position)
	return sinktest.Put{Table: table.DeadLetters, Row: row}
}

func TestDelivererGoesOnAndDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := sinktest.NewSource(), &memory{}
		src.Commit(late("a"), late("b"))
		d := sinks.NewDeliverer(src, sink, quiet)
		done := make(chan error)
		go func() { done <- d.Run(t.Context()) }()
		synctest.Wait()
		if sink.resyncs != 1 || sink.rows != 2 {
			t.Errorf("a new store: %d resyncs, %d rows; want 1, 2", sink.resyncs, sink.rows)
		}
		src.Commit(late("c"))
		if s := d.State(); s.LagRows != 1 || s.Progress.Commit != 1 || s.LastSuccess.IsZero() || s.LastError != "" {
			t.Errorf("before the round: %+v", s)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s := d.State(); s.LagRows != 0 || s.Rows != 1 || src.Acked("memory") != 2 {
			t.Errorf("after the round: %+v", s)
		}
		src.Commit(late("d"))
		at := time.Now()
		d.Drain()
		d.Drain()
		if err := <-done; err != nil || time.Since(at) != 0 || sink.at.Commit != 3 {
			t.Errorf("drain: %v after %v at %v", err, time.Since(at), sink.at)
		}
	})
}

func TestDelivererBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := sinktest.NewSource(), &memory{}
		d := sinks.NewDeliverer(src, sink, quiet)
		done := make(chan error)
		go func() { done <- d.Run(t.Context()) }()
		synctest.Wait()
		sink.err.Store("down")
		src.Commit(late("a"))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if s := d.State(); sink.calls < 60 || sink.calls > 140 || s.Failures != uint64(sink.calls) || !strings.Contains(s.LastError, "down") || s.LagRows != 1 {
			t.Errorf("%d tries in 10 minutes; %+v", sink.calls, s)
		}
		if src.Acked("memory") != 0 {
			t.Error("acknowledged what did not arrive")
		}
		d.Drain() // goes on trying
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("gave up: %v", err)
		default:
		}
		sink.err.Store("")
		if err := <-done; err != nil || sink.rows != 1 || src.Acked("memory") != 1 {
			t.Errorf("after the outage: %v, %d rows", err, sink.rows)
		}
	})
}

func TestDelivererStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := sinktest.NewSource(), &memory{at: sinks.Progress{Epoch: 2, Commit: 1}}
		if err := sinks.NewDeliverer(src, sink, quiet).Run(t.Context()); !errors.Is(err, sinks.ErrFenced) {
			t.Errorf("under an older epoch: %v", err)
		}
		src.Fail(errors.New("no state"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		d := sinks.NewDeliverer(src, sink, quiet)
		if err := d.Run(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(d.State().LastError, "no state") {
			t.Errorf("got %v, state %+v", err, d.State())
		}
	})
}

func TestSinkAheadOrBehindResyncs(t *testing.T) {
	for _, at := range []sinks.Progress{{Epoch: 1, Commit: 9}, {Epoch: 0, Commit: 1}} {
		src, sink := sinktest.NewSource(), &memory{at: at}
		src.Commit(late("a"))
		d := sinks.NewDeliverer(src, sink, quiet)
		d.Drain()
		if err := d.Run(t.Context()); err != nil || sink.resyncs != 1 || sink.at.Commit != 1 || d.State().Resyncs != 1 {
			t.Errorf("from %v: %v, %d resyncs, at %v", at, err, sink.resyncs, sink.at)
		}
	}
}

// TestSinkAheadStops: where the state can take a later epoch, nothing is written
// under the old one.
func TestSinkAheadStops(t *testing.T) {
	src, sink := sinktest.NewSource(), &memory{at: sinks.Progress{Epoch: 1, Commit: 9}}
	src.Commit(late("a"))
	opt := quiet
	opt.StopWhenAhead = true
	d := sinks.NewDeliverer(src, sink, opt)
	if err := d.Run(t.Context()); !errors.Is(err, sinks.ErrAhead) || sink.resyncs != 0 || d.State().Health != sinks.Down {
		t.Errorf("got %v, %d resyncs", err, sink.resyncs)
	}
}

func TestPartitions(t *testing.T) {
	day := table.Row{table.At(1768435200000 + 5), table.T("c"), table.T(""), table.T("")}
	if p := sinks.PartitionOf(table.MinuteDelivery, day); p.String() != "2026-01-15" {
		t.Errorf("got %s", p)
	}
	day[0] = table.At(-1)
	if p := sinks.PartitionOf(table.MinuteDelivery, day); p.String() != "1969-12-31" {
		t.Errorf("got %s", p)
	}
	late := table.Row{table.T("id"), table.At(event.Day), table.T("p")}
	if p := sinks.PartitionOf(table.LateEvents, late); p.String() != "1970-01-02" {
		t.Errorf("got %s", p)
	}
	seen := map[string]bool{}
	for _, id := range strings.Split("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "") {
		p := sinks.PartitionOf(table.Credits, table.Row{table.T(id), table.T("m"), table.I(1)})
		if p != sinks.PartitionOf(table.Conversions, table.Row{table.T(id)}) || p.Bucket < 1 || p.Bucket > sinks.Buckets {
			t.Errorf("credits of %s in %s", id, p)
		}
		seen[p.String()] = true
	}
	if len(seen) != sinks.Buckets || !seen["bucket-01"] {
		t.Errorf("%d buckets", len(seen))
	}
	if sinks.Rev(2, 1) <= sinks.Rev(1, 1<<40-1) {
		t.Error("a newer epoch does not supersede")
	}
}
