package service_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/service"
)

var (
	monthDays = flag.Int("month.days", 1, "TestRoutesOverAMonth: days of history")
	monthRate = flag.Float64("month.rate", .1, "TestRoutesOverAMonth: events a second of history")
	monthAsks = flag.Int("month.asks", 3, "TestRoutesOverAMonth: how often each route is asked")
)

// past is a feed that hands in a history and then is silent.
type past struct{}

func (past) Name() string { return "generator" }

func (past) Run(ctx context.Context, _ event.Millis, submit func(context.Context, []service.FeedRecord) error, ready func()) error {
	start := event.Millis(time.Now().UnixMilli())
	traffic := generate.NewLive(generate.LiveOptions{
		Seed: 1, Rate: *monthRate, HistoryRate: *monthRate, History: event.Millis(*monthDays) * event.Day, Start: start,
	})
	for at := traffic.Begin(); at < start; at += event.Hour {
		var batch []service.FeedRecord
		for _, it := range traffic.Next(min(at+event.Hour, start)) {
			batch = append(batch, service.FeedRecord{Topic: it.Topic, Raw: it.Raw})
		}
		for part := range slices.Chunk(batch, 16<<10) {
			if err := submit(ctx, part); err != nil {
				return err
			}
		}
	}
	ready()
	<-ctx.Done()
	return nil
}

// TestRoutesOverAMonth asks every route of the first screen over the last hour,
// a day and all of a history, and shows how long the first answer and the next
// ones took. A new process must answer the same. The figures in docs/benchmarks.md
// come from -v -month.days 30 -month.rate 2 -month.asks 200.
func TestRoutesOverAMonth(t *testing.T) {
	s := newSite(t)
	s.cfg.Sinks.Files = nil
	s.cfg.Pipeline.Tick = 20
	r := s.feed(past{})
	to := event.Millis(time.Now().UnixMilli()).Floor(event.Minute)
	routes := []string{
		"/v1/overview?compare=yesterday", "/v1/timeseries?interval=hour&compare=yesterday", "/v1/campaigns?sparkline=spend&compare=yesterday",
		"/v1/campaigns?basis=touch_time", "/v1/attribution", "/v1/attribution/compare", "/v1/paths", "/v1/fraud/summary", "/v1/conversions?expand=top&limit=20",
		"/v1/overview?country=DE",
	}
	answers := map[string]string{}
	for _, span := range []event.Millis{event.Hour, event.Day, event.Millis(*monthDays) * event.Day} {
		for _, route := range routes {
			join := "?"
			if strings.Contains(route, "?") {
				join = "&"
			}
			path := route + join + "from=" + (to - span).String() + "&to=" + to.String()
			var took []time.Duration
			for i := range *monthAsks {
				// An answer that is kept would be given at once: ask in another order.
				began := time.Now()
				code, _, body := r.get(path + strings.Repeat("&currency=USD,EUR", min(1, i%2)))
				took = append(took, time.Since(began))
				if code != http.StatusOK {
					t.Fatalf("%s: %d %s", path, code, body)
				}
				if i == 0 {
					answers[path] = withoutClock(body)
				}
			}
			first := took[0]
			slices.Sort(took)
			t.Logf("%-110s first %8.1f ms, P50 %6.1f, P99 %6.1f", path, first.Seconds()*1e3, took[len(took)/2].Seconds()*1e3, took[len(took)*99/100].Seconds()*1e3)
		}
	}
	began := time.Now()
	if code, _, body := r.get("/v1/alerts"); code != http.StatusOK {
		t.Fatalf("alerts: %d %s", code, body)
	}
	t.Logf("/v1/alerts %s", time.Since(began).Round(time.Millisecond))
	r.stop()
	r = s.start()
	for path, body := range answers {
		if _, _, again := r.get(path); withoutClock(again) != body {
			t.Errorf("%s: a new process answers %.300s, the one before %.300s", path, withoutClock(again), body)
		}
	}
}

// withoutClock cuts off the meta, which tells the clock and the process.
func withoutClock(body string) string {
	data, _, _ := strings.Cut(body, `,"meta":`)
	return data
}

// feed runs the program with a feed and waits until it is ready.
func (s *site) feed(f service.Feed) *running {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := service.Run(ctx, service.Options{Config: s.cfg, Stdout: in, Log: slog.New(slog.DiscardHandler), Version: "test", Feed: f})
		_ = in.CloseWithError(errors.Join(err, io.EOF))
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	stopped := false
	r := &running{t: s.t, url: strings.TrimSpace(line)}
	r.stop = func() {
		cancel()
		if !stopped {
			stopped = true
			if err := <-ended; err != nil {
				s.t.Errorf("the program ended with %v", err)
			}
		}
	}
	s.t.Cleanup(r.stop)
	if err != nil {
		s.t.Fatalf("the program did not say where it is: %v", err)
	}
	return r
}
