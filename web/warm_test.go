package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/table"
)

// scanned counts how much time its scans span.
type scanned struct {
	*fakeView
	hours atomic.Int64
}

func (v *scanned) Scan(ctx context.Context, t *table.Table, from, to event.Millis, fn func(table.Row) error) error {
	v.hours.Add(int64((to - from + event.Hour - 1) / event.Hour))
	return v.fakeView.Scan(ctx, t, from, to, fn)
}

func (v *scanned) ScanModel(ctx context.Context, t *table.Table, model string, from, to event.Millis, fn func(table.Row) error) error {
	v.hours.Add(int64((to - from + event.Hour - 1) / event.Hour))
	return v.fakeView.ScanModel(ctx, t, model, from, to, fn)
}

// month is a server over a month with something in every sixth hour.
func month() (*Server, *scanned) {
	v := &scanned{fakeView: newFakeView()}
	for at := ms(noon) - 31*event.Day; at < ms(noon); at += 6 * event.Hour {
		v.put(table.MinuteDelivery, at, "c1", "Email", "USD", 10, 1, 0, 0, 0, 0, 1_000_000, 0, "final")
		v.put(table.MinuteConversions, at, "purchase", "USD", 1, 0, 0, 0, 5_000_000, 0, "final")
		v.put(table.MinuteAttribution, at, defaultModel, "c1", "Email", "USD", 1_000_000, 5_000_000, "final")
	}
	s := New(DefaultConfig(), v, &fakeCollector{}, slog.New(slog.DiscardHandler))
	s.now = func() time.Time { return ms(noon).Time() }
	return s, v
}

func answerOf(t *testing.T, s *Server, target string) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	return dataOf(w.Body.String())
}

// What was read ahead is not read again, and says what a scan would.
func TestWarm(t *testing.T) {
	s, v := month()
	s.Warm(t.Context())
	if v.hours.Load() < warmHours {
		t.Fatalf("only %d hours were read ahead", v.hours.Load())
	}
	for _, target := range []string{"/v1/overview?from=-30d", "/v1/campaigns?from=-30d", "/v1/timeseries?from=-30d&interval=day"} {
		v.hours.Store(0)
		got := answerOf(t, s, target)
		if n := v.hours.Load(); n > 3*int64(len(warmed)) { // the open hour
			t.Errorf("%s still read %d hours", target, n)
		}
		cold, _ := month()
		if want := answerOf(t, cold, target); got != want {
			t.Errorf("%s: %s, from nothing %s", target, got, want)
		}
	}
}

// Reading ahead waits for the pipeline, and ends with its context.
func TestWarmWaits(t *testing.T) {
	s, v := month()
	for name, status := range map[string]Status{
		"not ready": {Watermark: event.NoTime},
		"paused":    {Watermark: event.NoTime, Ready: true, Paused: "the disk is full"},
		"behind":    {Watermark: event.NoTime, Ready: true, Inputs: []Input{{Name: "a", Behind: warmBehind}, {Name: "b", Behind: 1}, {Name: "c", Behind: -1}}},
	} {
		v.status = status
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // it looks once, and gives up where it would wait
		if s.Warm(ctx); v.hours.Load() > 0 {
			t.Errorf("%s: %d hours were read", name, v.hours.Load())
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Warm(t.Context())
	}()
	v.mu.Lock()
	v.status = Status{Watermark: event.NoTime, Ready: true}
	v.mu.Unlock()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatal("it does not go on")
	}
	if v.hours.Load() < warmHours {
		t.Errorf("only %d hours were read ahead", v.hours.Load())
	}
}

// Reading ahead leaves half of the room to what is asked for.
func TestWarmHasABound(t *testing.T) {
	s, v := month()
	for i := range 500 {
		v.put(table.MinuteDelivery, ms(noon)-event.Day, fmt.Sprint("d", i), "Email", "USD", 10, 1, 0, 0, 0, 0, 1_000_000, 0, "final")
	}
	s.cube.maxParts = 800
	s.Warm(t.Context())
	if hours := v.hours.Load(); hours > warmStep*3*int64(len(warmed)) || s.cube.mu.parts > s.cube.maxParts {
		t.Errorf("%d hours were read, %d parts are kept", hours, s.cube.mu.parts)
	}
}
