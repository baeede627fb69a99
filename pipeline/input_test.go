package pipeline

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

// liveTest is a live pipeline in virtual time over a state in memory.
type liveTest struct {
	t     *testing.T
	store *state.Store
	live  *Live
	pause atomic.Pointer[error]
	stop  func()
}

func startLive(t *testing.T, store *state.Store, awaits func(string) bool) *liveTest {
	t.Helper()
	e, err := Open(DefaultConfig(), store, Options{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	x := &liveTest{t: t, store: store}
	x.live, err = NewLive(e, []string{"http"}, LiveOptions{Awaits: awaits, Paused: x.paused})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- x.live.Run(ctx) }()
	x.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	return x
}

var errFull = errors.New("the disk is full")

func (x *liveTest) paused() error {
	if err := x.pause.Load(); err != nil {
		return *err
	}
	return nil
}

func (x *liveTest) join(name string) *LiveInput {
	x.t.Helper()
	in, err := x.live.Join(x.t.Context(), name, JoinOptions{Holds: true})
	if err != nil {
		x.t.Fatal(err)
	}
	return in
}

func impressionAt(at event.Millis, id string) event.Record {
	return event.Record{Event: event.Event{ID: id, Kind: event.Impression, Type: "impression", Time: at, Person: "a:p", Currency: "USD", Channel: "Direct"}}
}

// hand waits until the records are durable.
func (x *liveTest) hand(in *LiveInput, h Handing) {
	x.t.Helper()
	wait, err := in.HandIn(x.t.Context(), h)
	if err == nil {
		_, err = wait(x.t.Context())
	}
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *liveTest) watermark() event.Millis {
	x.t.Helper()
	v := x.live.e.View()
	if err := v.Close(); err != nil {
		x.t.Fatal(err)
	}
	return v.Watermark
}

func nowMillis() event.Millis { return event.Millis(time.Now().UnixMilli()) }

// An input whose records wait elsewhere holds the watermark until it begins, is
// at its end for long enough, or leaves; not while it cannot be reached.
func TestAJoinedInputHoldsTheWatermark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := startLive(t, memStore(t), nil)
		defer x.stop()
		a, b := x.join("clicks/0"), x.join("clicks/1")
		now := nowMillis()
		x.hand(a, Handing{Records: []event.Record{impressionAt(now, "1")}})
		if got := x.watermark(); got != event.NoTime {
			t.Fatalf("the watermark is %v while a partition has not begun; want none", got)
		}
		// Unreachable for ten minutes.
		time.Sleep(10 * time.Minute)
		now = nowMillis()
		x.hand(a, Handing{Records: []event.Record{impressionAt(now, "2")}})
		if got := x.watermark(); got != event.NoTime {
			t.Fatalf("the watermark is %v while a partition cannot be reached; want none", got)
		}
		b.Quiet(true)
		time.Sleep(2 * time.Second) // it has been silent for longer than makes it idle
		x.hand(a, Handing{Records: []event.Record{impressionAt(now, "3")}})
		want := now - 15*event.Second - 1
		if got := x.watermark(); got != want {
			t.Fatalf("the watermark is %v once the silent partition is known to be at its end; want %v", got, want)
		}
		// It lags again: what has been said stays said, and nothing moves on.
		b.Quiet(false)
		time.Sleep(2 * time.Second)
		x.hand(a, Handing{Records: []event.Record{impressionAt(nowMillis(), "4")}})
		if got := x.watermark(); got != want {
			t.Fatalf("the watermark went to %v although a partition lags; want %v", got, want)
		}
		x.hand(b, Handing{Records: []event.Record{impressionAt(nowMillis(), "5")}})
		if got := x.watermark(); got <= want {
			t.Fatalf("the watermark is %v after both have come; want it past %v", got, want)
		}
	})
}

func TestABrokersTimeBoundsTheInputTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := startLive(t, memStore(t), nil)
		defer x.stop()
		a := x.join("clicks/0")
		now := nowMillis()
		x.hand(a, Handing{Records: []event.Record{impressionAt(now, "1")}, Received: []event.Millis{now - event.Hour}})
		if got, want := x.watermark(), now-event.Hour-15*event.Second-1; got != want {
			t.Errorf("the watermark is %v; want %v: the broker's time bounds a fast clock", got, want)
		}
	})
}

// Positions are in the commit of the records that they follow, outlive runs in
// which nobody reads them, and an awaited input holds the watermark until it
// has joined.
func TestPositionsSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memStore(t)
		x := startLive(t, store, nil)
		a, b := x.join("clicks/0"), x.join("clicks/1")
		now := nowMillis()
		x.hand(b, Handing{Records: []event.Record{impressionAt(now-event.Hour, "0")}, Position: []byte("b9")})
		x.hand(a, Handing{Records: []event.Record{impressionAt(now, "1")}, Position: []byte("a1")})
		x.hand(a, Handing{Records: []event.Record{impressionAt(now, "2")}, Position: []byte("a2")})
		want := x.watermark()
		x.stop()

		x = startLive(t, store, nil) // nobody joins
		x.stop()

		x = startLive(t, store, func(name string) bool { return name == "clicks/1" })
		a = x.join("clicks/0")
		if got := string(a.Position()); got != "a2" {
			t.Errorf("the input goes on from %q; want a2", got)
		}
		x.hand(a, Handing{Records: []event.Record{impressionAt(nowMillis(), "3")}, Position: []byte("a3")})
		if got := x.watermark(); got != want {
			t.Errorf("the watermark went to %v before the slow input was back; want %v", got, want)
		}
		b = x.join("clicks/1")
		if got := string(b.Position()); got != "b9" {
			t.Errorf("the input goes on from %q; want b9", got)
		}
		if _, err := x.live.Join(t.Context(), "clicks/1", JoinOptions{}); err == nil {
			t.Error("an input joined twice")
		}
		if err := b.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		x.hand(a, Handing{Records: []event.Record{impressionAt(nowMillis(), "4")}})
		if got := x.watermark(); got <= want {
			t.Errorf("the watermark stayed at %v although the slow input has left", got)
		}
		x.stop()
	})
}

// While the pipeline is paused, what was handed in waits in its order; a stop
// refuses it, and nothing later takes its place.
func TestAPauseKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memStore(t)
		x := startLive(t, store, nil)
		a := x.join("clicks/0")
		x.pause.Store(&errFull)
		var waits []func(context.Context) ([]Outcome, error)
		for _, id := range []string{"1", "2"} {
			// The first is queued before the pause is known, the second blocks.
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			wait, err := a.HandIn(ctx, Handing{Records: []event.Record{impressionAt(nowMillis(), id)}, Position: []byte(id)})
			cancel()
			if err == nil {
				waits = append(waits, wait)
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if len(waits) == 0 {
			t.Fatal("nothing was queued before the pause")
		}
		if _, err := x.live.Submit(t.Context(), 0, []event.Record{impressionAt(nowMillis(), "h")}); err == nil {
			t.Error("a request was taken during the pause")
		}
		x.pause.Store(nil)
		for _, wait := range waits {
			if _, err := wait(t.Context()); err != nil {
				t.Errorf("after the pause: %v", err)
			}
		}
		x.stop()
		if !slices.ContainsFunc(x.live.Status().Inputs, func(in InputStatus) bool { return string(in.Position) == "1" }) {
			t.Error("the position of what waited is not in the commit")
		}

		x = startLive(t, store, nil)
		a = x.join("clicks/0")
		x.pause.Store(&errFull)
		wait, err := a.HandIn(t.Context(), Handing{Records: []event.Record{impressionAt(nowMillis(), "9")}, Position: []byte("9")})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		x.stop()
		if _, err := wait(t.Context()); !errors.Is(err, ErrStopping) {
			t.Errorf("what waited at the stop got %v; want ErrStopping", err)
		}
	})
}

func memStore(t *testing.T) *state.Store {
	t.Helper()
	store, err := state.Open("data", state.Options{FS: vfs.NewMem(), Ephemeral: true, CacheSize: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// After a crash the rows of rollups that were only packed reach the outbox also
// when nothing more comes.
func TestRecoveredRollupsReachTheOutbox(t *testing.T) {
	store := memStore(t)
	opt := Options{Shards: 1, Outbox: true}
	e, err := Open(DefaultConfig(), store, opt)
	if err != nil {
		t.Fatal(err)
	}
	rec := impressionAt(nowMillis(), "1")
	c, err := e.Tick(&Tick{Records: []Stamped{{&rec, event.NoTime}}, Watermark: event.NoTime})
	if err == nil {
		err = c.Wait()
	}
	if err != nil {
		t.Fatal(err)
	}
	crashed := c.Number
	if e, err = Open(DefaultConfig(), store, opt); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	v := e.View()
	defer func() { _ = v.Close() }()
	changed, _, _, err := v.ChangesAfter(crashed, 100)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(changed, func(c Changed) bool { return c.Table == table.MinuteDelivery }) {
		t.Errorf("a sink that was at the commit before the crash learns of %d rows, none of them of minute_delivery", len(changed))
	}
}
