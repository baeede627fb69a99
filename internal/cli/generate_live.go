package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/producer"
)

// livePortion is how many records are sent to Kafka at once.
const livePortion = 4 << 10

// livePartitions is of topics that the generator makes.
const livePartitions = 8

// runGenerateLive sends traffic to Kafka as it would arrive, until it is stopped.
func runGenerateLive(ctx context.Context, env *Env, o generateOptions) error {
	opening, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	p, err := producer.Open(opening, o.Kafka)
	if err != nil {
		return &Exit{ExitUnreachable, err}
	}
	defer p.Close()
	if err := p.Ensure(opening, livePartitions, generate.Topics...); err != nil {
		return err
	}
	start := event.Millis(time.Now().UnixMilli())
	// The seed of yesterday's run would send yesterday's ids again.
	traffic := generate.NewLive(generate.LiveOptions{Seed: o.Seed + uint64(start), Rate: o.Rate, Start: start, History: event.Minute, HistoryRate: o.Rate, Fraud: o.Fraud})
	if _, err := fmt.Fprintf(env.Stdout, "sending %g records a second to %v\n", o.Rate, o.Kafka); err != nil {
		return err
	}
	sent, said := int64(0), time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			env.Log.Info("stopped", slog.Int64("records", sent))
			return nil
		case now := <-tick.C:
			items := traffic.Next(event.Millis(now.UnixMilli()))
			for len(items) > 0 {
				n := min(len(items), livePortion)
				if err := p.Send(ctx, forKafka(items[:n])); err != nil {
					if ctx.Err() != nil {
						return nil // it was stopped
					}
					return &Exit{ExitUnreachable, err}
				}
				sent += int64(n)
				items = items[n:]
			}
			if now.Sub(said) >= time.Minute {
				said = now
				env.Log.Info("sent to Kafka", slog.Int64("records", sent))
			}
		}
	}
}

// forKafka keys each record by its person, so that those of one person keep
// their order.
func forKafka(items []generate.Item) []producer.Record {
	out := make([]producer.Record, len(items))
	for i := range items {
		var who struct {
			User      json.RawMessage `json:"user_id"`
			Anonymous json.RawMessage `json:"anonymous_id"`
		}
		_ = json.Unmarshal(items[i].Raw, &who) // what is malformed on purpose has no key
		key := who.User
		if len(key) == 0 {
			key = who.Anonymous
		}
		out[i] = producer.Record{Topic: items[i].Topic, Key: key, Value: items[i].Raw, Time: items[i].Arrival.Time()}
	}
	return out
}
