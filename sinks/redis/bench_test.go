package redis

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/sinks/sinktest"
)

func quantiles(b *testing.B, took []time.Duration, name string) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), name+"-p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), name+"-p99-us")
}

// BenchmarkApply sends batches of 5,000 rows of minute_delivery, every second of
// which replaces one; an operation is a row.
func BenchmarkApply(b *testing.B) {
	for _, publish := range []bool{false, true} {
		b.Run(fmt.Sprintf("publish=%t", publish), func(b *testing.B) {
			r := testkit.StartRedis(b)
			cfg := forever(r.Addr)
			cfg.Publish = publish
			s := open(b, cfg)
			src := sinktest.NewSource()
			v, err := src.View(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.Cursor(b.Context()); err != nil {
				b.Fatal(err)
			}
			if err := s.Resync(b.Context(), v); err != nil {
				b.Fatal(err)
			}
			commit := uint64(0)
			b.ResetTimer()
			for n := 0; n < b.N; {
				batch := sinks.Batch{Progress: sinks.Progress{Epoch: 1, Commit: commit + 1}, After: commit, View: v}
				for range min(5000, b.N-n) {
					p := delivery(n/2%60, fmt.Sprintf("campaign %d", n%1000), int64(n))
					batch.Changes = append(batch.Changes, sinks.Change{Table: p.Table, Key: p.Row[:p.Table.Keys], Row: p.Row})
					n++
				}
				if err := s.Apply(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				commit++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkResync writes 200,000 rows anew; an operation is a resync.
func BenchmarkResync(b *testing.B) {
	r := testkit.StartRedis(b)
	s := open(b, forever(r.Addr))
	src := sinktest.NewSource()
	const rows = 200_000
	var puts []sinktest.Put
	for n := range rows {
		puts = append(puts, delivery(n/200, fmt.Sprintf("campaign %d", n%200), int64(n)))
	}
	src.Commit(puts...)
	v, err := src.View(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		if _, err := s.Cursor(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := s.Resync(b.Context(), v); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkLookup reads the hash of a campaign's minute, a person, and the ten
// greatest of an hour, one after the other.
func BenchmarkLookup(b *testing.B) {
	r := testkit.StartRedis(b)
	cfg := forever(r.Addr)
	cfg.Lookups.Persons = true
	s := open(b, cfg)
	src := sinktest.NewSource()
	now := event.Millis(time.Now().UnixMilli())
	var puts []sinktest.Put
	for n := range 60_000 {
		puts = append(puts, delivery(n%60, fmt.Sprintf("campaign %d", n/60), int64(n)))
	}
	for n := range 20_000 {
		puts = append(puts, sessionOf(fmt.Sprint(n), fmt.Sprintf("u:%d", n), now))
	}
	src.Commit(puts...)
	v, err := src.View(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Cursor(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := s.Resync(b.Context(), v); err != nil {
		b.Fatal(err)
	}
	var minute, person, top []time.Duration
	b.ResetTimer()
	for n := range b.N {
		at := time.Now()
		if got := s.client.HGetAll(b.Context(), s.keys.window("m", fmt.Sprintf("campaign %d", n%1000), start+event.Millis(n%60)*event.Minute)).Val(); len(got) == 0 {
			b.Fatal("no such minute")
		}
		minute = append(minute, time.Since(at))
		at = time.Now()
		if got := s.client.HGet(b.Context(), s.keys.person(fmt.Sprintf("u:%d", n%20_000)), "session").Val(); got == "" {
			b.Fatal("no such person")
		}
		person = append(person, time.Since(at))
		at = time.Now()
		if got := s.client.ZRevRangeWithScores(b.Context(), s.keys.top("clicks", start), 0, 9).Val(); len(got) != 10 {
			b.Fatal("no ten greatest")
		}
		top = append(top, time.Since(at))
	}
	quantiles(b, minute, "minute")
	quantiles(b, person, "person")
	quantiles(b, top, "top10")
}

// BenchmarkVisible is the time from a commit to the message that says that it is
// in Redis; an operation is a commit, 10 ms after the one before.
func BenchmarkVisible(b *testing.B) {
	r := testkit.StartRedis(b)
	cfg := forever(r.Addr)
	cfg.Flush = DefaultConfig().Flush
	s := open(b, cfg)
	src := sinktest.NewSource()
	listener := s.client.Subscribe(b.Context(), s.keys.channel)
	defer func() { _ = listener.Close() }()
	heard := listener.Channel()
	d := sinks.NewDeliverer(src, s, sinks.Options{Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	<-heard // reset
	made := map[uint64]time.Time{}
	var took []time.Duration
	n := uint64(0)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	b.ResetTimer()
	for len(took) < b.N {
		select {
		case <-tick.C:
			if n < uint64(b.N) {
				n++
				made[n] = time.Now()
				src.Commit(delivery(int(n)%60, "c", int64(n)))
			}
		case m := <-heard:
			now := time.Now()
			var epoch, commit uint64
			if _, err := fmt.Sscanf(m.Payload, `{"epoch":%d,"commit":%d`, &epoch, &commit); err != nil {
				b.Fatal(err)
			}
			for c, at := range made {
				if c <= commit {
					took = append(took, now.Sub(at))
					delete(made, c)
				}
			}
		}
	}
	quantiles(b, took, "visible")
	d.Drain()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}
