package web

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// What the cube keeps never differs from what a scan gives: any ranges, after
// any changes, with little room, and when changes were missed.
func TestCubeIsWhatAScanGives(t *testing.T) {
	h := newHarness(t)
	v := h.view
	r := rand.New(rand.NewPCG(1, 2))
	begin := ms("2025-03-08T00:00:00Z")
	span := 60 * event.Hour
	put := func() {
		at := (begin + event.Millis(r.Int64N(int64(span)))).Floor(event.Minute)
		campaign, currency := fmt.Sprint("c", r.IntN(3)), []string{"USD", "EUR"}[r.IntN(2)]
		switch r.IntN(4) {
		case 0:
			v.put(table.MinuteDelivery, at, campaign, "Email", currency, r.IntN(9), r.IntN(9), 1, 0, 1, 0, r.IntN(1e9), r.IntN(9), "final")
		case 1:
			v.put(table.MinuteConversions, at, "purchase", currency, r.IntN(9), 0, 0, 0, r.IntN(1e9), 0, "final")
		case 2:
			v.put(table.MinuteAttribution, at, []string{"linear", defaultModel}[r.IntN(2)], campaign, "Email", currency, r.IntN(1e6), r.IntN(1e9), "restated")
		case 3:
			v.put(table.HourByTouch, at.Floor(event.Hour), defaultModel, campaign, "Email", currency, r.IntN(1e6), r.IntN(1e9), "final")
		}
	}
	ask := func() string {
		from := begin + event.Millis(r.Int64N(int64(span)))
		return fmt.Sprintf("from=%s&to=%s&model=%s&basis=%s", from, from+event.Minute+event.Millis(r.Int64N(int64(span))),
			[]string{"linear", defaultModel}[r.IntN(2)], []string{conversionTime, touchTime}[r.IntN(2)])
	}
	paths := []string{"/v1/overview?", "/v1/campaigns?sparkline=roas&", "/v1/overview?campaign_id=c1&compare=yesterday&", "/v1/timeseries?interval=hour&", "/v1/timeseries?interval=day&timezone=Europe/Berlin&", "/v1/fraud/summary?"}
	for range 200 {
		put()
	}
	for i := range 160 {
		switch {
		case i == 80:
			h.cube.maxParts = 50 // hardly any room
		case i%40 == 39:
			v.forget = true
		}
		for range r.IntN(4) {
			put()
		}
		v.tick()
		path := paths[r.IntN(len(paths))]
		target := path + ask()
		if path == "/v1/fraud/summary?" {
			target = path + "from=" + begin.String() + "&to=" + (begin + span).String()
		}
		warm := h.do(http.MethodGet, target, nil)
		cold := newHarness(t)
		cold.view.rows, cold.view.status = v.rows, v.status
		fresh := cold.do(http.MethodGet, target, nil)
		if warm.Code != 200 || dataOf(warm.Body.String()) != dataOf(fresh.Body.String()) {
			t.Fatalf("%s after %d changes: %d %.400s, from nothing %.400s", target, i, warm.Code, warm.Body, fresh.Body)
		}
		if h.cube.maxParts == 50 && h.cube.mu.parts > 50 && h.cube.mu.used.Len() > 1 {
			t.Fatalf("the cube holds %d parts; it has room for 50", h.cube.mu.parts)
		}
	}
}

// A window that changes while it is read is not kept as it was before.
func TestCubeChangedWhileRead(t *testing.T) {
	v := &pausing{fakeView: newFakeView(), at: make(chan struct{}), on: make(chan struct{})}
	c := newCube(v)
	minute := ms("2025-03-10T11:00:00Z")
	put := func(n int) {
		v.put(table.MinuteDelivery, minute, fmt.Sprint("c", n), "Email", "USD", 1, 0, 0, 0, 0, 0, 0, 0, "final")
	}
	put(0)
	sum := func() (n int64) {
		c.refresh()
		err := c.each(t.Context(), table.MinuteDelivery, "", minute, minute+event.Minute, nil, func(x *chunk) {
			for i := range x.parts {
				n += x.parts[i].counts[0]
			}
		})
		if err != nil {
			t.Error(err)
		}
		return n
	}
	c.refresh()
	var wg sync.WaitGroup
	v.pause = true
	wg.Go(func() { sum() })
	<-v.at // it has read
	v.pause = false
	put(1)
	if n := sum(); n != 2 {
		t.Errorf("%d impressions; want 2: the reading that began before the change must not be taken", n)
	}
	close(v.on)
	wg.Wait()
	if n := sum(); n != 2 {
		t.Errorf("%d impressions afterwards; want 2", n)
	}
}

// A reading that fails, is given up or panics is not what others get.
func TestCubeFaults(t *testing.T) {
	v := newFakeView()
	c := newCube(v)
	read := func(ctx context.Context) error {
		return c.each(ctx, table.MinuteDelivery, "", 0, event.Hour, nil, func(*chunk) {})
	}
	v.fail = errors.New("the disk")
	if err := read(t.Context()); !errors.Is(err, v.fail) {
		t.Errorf("%v", err)
	}
	v.fail = nil
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := read(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	func() {
		defer func() { _ = recover() }()
		v.panics = true
		_ = read(t.Context())
	}()
	v.panics = false
	if err := read(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if n := len(c.mu.loading); n != 0 {
		t.Errorf("%d readings are still noted", n)
	}
}

// pausing is a view whose scan stops after it has read, until it may go on.
type pausing struct {
	*fakeView
	pause  bool
	at, on chan struct{}
}

func (v *pausing) Scan(ctx context.Context, t *table.Table, from, to event.Millis, fn func(table.Row) error) error {
	err := v.fakeView.Scan(ctx, t, from, to, fn)
	if v.pause {
		close(v.at)
		<-v.on
	}
	return err
}

func dataOf(body string) string {
	for i := 0; i+8 < len(body); i++ {
		if body[i:i+8] == `,"meta":` {
			return body[:i]
		}
	}
	return body
}
