package sinktest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
)

// testSchemaThere: two processes open the same empty store, as after a start
// that was cut off; the second finds what the first made.
func testSchemaThere(t *testing.T, h *harness) {
	h.deliver()
	second := h.store.Open(t)
	defer func() { _ = second.Close() }()
	h.step()
	if err := h.run(second, 100); err != nil {
		t.Fatal(err)
	}
	h.check()
	h.step()
	h.deliver()
	h.check()
}

func testOlderSchema(t *testing.T, h *harness) {
	if h.store.Older == nil {
		t.Skip("the store's layout has no other version")
	}
	h.step()
	h.deliver()
	if err := h.sink.Close(); err != nil {
		t.Fatal(err)
	}
	h.store.Older(t)
	h.sink = h.store.Open(t)
	h.deliver()
	h.check()
	h.step()
	h.deliver()
	h.check()
}

// testHalfBatch: the process dies between the batches of a round, and what it
// had sent comes once more when the store is further.
func testHalfBatch(t *testing.T, h *harness) {
	h.step()
	h.deliver()
	for range 3 {
		from := uint64(h.n)
		h.step()
		old := h.batches(from, 3)
		if len(old) < 2 || !old[0].More {
			t.Fatalf("got %d batches; want several", len(old))
		}
		for _, b := range old[:len(old)-1] {
			if err := h.sink.Apply(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.sink.Close(); err != nil {
			t.Fatal(err)
		}
		h.sink = h.store.Open(t)
		h.src.Commit(delivery(int(from)*97, 5), deleted(delivery(h.n*97, 0)))
		h.n++
		h.deliver()
		h.check()
		for _, b := range old {
			if err := h.sink.Apply(t.Context(), b); err != nil && !errors.Is(err, sinks.ErrGap) {
				t.Fatal(err)
			}
		}
		h.check()
	}
}

// away is a store that cannot be reached until it is back; it counts what is
// sent to it.
type away struct {
	sinks.Sink
	back    atomic.Bool
	probes  atomic.Int64
	rows    int
	largest int
}

func (a *away) Cursor(ctx context.Context) (sinks.Progress, error) {
	if !a.back.Load() {
		a.probes.Add(1)
		return sinks.Progress{}, errors.New("connection refused")
	}
	return a.Sink.Cursor(ctx)
}

func (a *away) Apply(ctx context.Context, b sinks.Batch) error {
	a.rows += len(b.Changes)
	a.largest = max(a.largest, len(b.Changes))
	return a.Sink.Apply(ctx, b)
}

// testDownForLong: while the store is down thousands of commits change a few
// rows over and over; afterwards each row is sent a few times, in batches of
// bounded size, and what was superseded never.
func testDownForLong(t *testing.T, h *harness) {
	h.step()
	h.deliver()
	const commits, keys, limit = 3000, 40, 60
	sink := &away{Sink: h.sink}
	d := sinks.NewDeliverer(h.src, sink, sinks.Options{MaxRows: limit, MinBackoff: time.Millisecond, MaxBackoff: 4 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	for n := range commits {
		h.src.Commit(delivery(n%keys*97, n))
	}
	for sink.probes.Load() < 5 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if s := d.State(); s.Health != sinks.Down || s.Lag <= 0 || s.LagRows < commits {
		t.Errorf("while it is down: %+v", s)
	}
	sink.back.Store(true)
	d.Drain()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	h.check()
	if sink.rows > 2*keys+limit || sink.largest > limit {
		t.Errorf("sent %d rows, at most %d at once; want about the %d that differ, at most %d at once", sink.rows, sink.largest, keys, limit)
	}
	if s := d.State(); s.Health != sinks.OK || s.Lag != 0 || s.LagRows != 0 {
		t.Errorf("afterwards: %+v", s)
	}
}

// testProgress: at any time the store holds everything up to what its cursor
// says, faults or not. Every commit has one entry of the journal, which is never
// changed.
func testProgress(t *testing.T, h *harness) {
	if h.store.Tables != nil {
		t.Skip("the store does not keep the journal")
	}
	for n := range 12 {
		h.step()
		heal := func() {}
		if h.store.Break != nil {
			heal = h.store.Break(n * 3)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		d := sinks.NewDeliverer(h.src, h.sink, sinks.Options{MaxRows: 4, MinBackoff: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
		d.Drain()
		_ = d.Run(ctx)
		cancel()
		heal()
		_ = h.sink.Close()
		h.sink = h.store.Open(t)
		at, err := h.sink.Cursor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		there := map[string]bool{}
		for _, r := range h.store.Read(t)[table.Journal.Name] {
			there[r[0].Text] = true
		}
		for c := uint64(1); c <= at.Commit; c++ {
			if !there[fmt.Sprintf("j%06d", c)] {
				t.Fatalf("the store says that it holds everything up to commit %d, but the journal of commit %d is not there", at.Commit, c)
			}
		}
	}
	h.deliver()
	h.check()
}

func testWiped(t *testing.T, h *harness) {
	if h.store.Wipe == nil {
		t.Skip("the store cannot be wiped from outside")
	}
	h.step()
	h.deliver()
	h.store.Wipe(t)
	h.step()
	for _, b := range h.batches(5, 100) {
		if err := h.sink.Apply(t.Context(), b); !errors.Is(err, sinks.ErrGap) {
			t.Fatalf("what follows on rows that are gone was taken: %v", err)
		}
	}
	h.deliver()
	h.check()
	h.store.Wipe(t)
	h.deliver() // nothing has changed, and yet
	h.check()
}

// testOddTexts: names come from outside and hold anything that is UTF-8.
func testOddTexts(t *testing.T, h *harness) {
	odd := []string{"", "a:b", "{x}y", "a b", "a/b", `a"b\c`, "a'b;--", "tab\tnew\nline", "ümläut \u20ac \U0001F600", strings.Repeat("long", 60), "%s%d", "*?[a-z]", "null", "\ufffd"}
	for i, name := range odd {
		p := delivery(i*97, i+1)
		p.Row[1], p.Row[2] = table.T(name), table.T(odd[(i+3)%len(odd)])
		q := sale("odd-"+name, int64(i+1)*1e6, 2)
		q[len(q)-1].Row[1] = table.T("u:" + name)
		h.src.Commit(append(q, p)...)
	}
	h.deliver()
	h.check()
	for i, name := range odd[:5] {
		p := delivery(i*97, 0)
		p.Row[1], p.Row[2] = table.T(name), table.T(odd[(i+3)%len(odd)])
		h.src.Commit(deleted(p), noCredits("odd-"+name), deleted(conversion("odd-"+name, 0, "")))
	}
	h.deliver()
	h.check()
}
