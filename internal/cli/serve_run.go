package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/service"
	"github.com/tributary-data/tributary/state"
)

func runServe(ctx context.Context, env *Env, o serveOptions) error {
	cfg, _, err := o.Config.load(env)
	if err != nil {
		return err
	}
	if o.OnDataLoss != "" {
		if cfg.Kafka == nil {
			return usagef("--on-data-loss is for the source Kafka, which the configuration does not have")
		}
		cfg.Kafka.OnDataLoss = o.OnDataLoss
	}
	return service.Run(ctx, service.Options{Config: cfg, Stdout: env.Stdout, Log: env.Log, Version: buildVersion()})
}

// buildVersion is the version on one line, for answers and logs.
func buildVersion() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

func runDemo(ctx context.Context, env *Env, o demoOptions) (err error) {
	c := configOptions{}
	c.override("server.listen", o.Listen)
	cfg, _, err := c.load(&Env{Stderr: env.Stderr})
	if err != nil {
		return err
	}
	cfg.State.Dir = o.Data
	if o.Data == "" {
		dir, err := os.MkdirTemp("", "tributary-demo-")
		if err != nil {
			return fmt.Errorf("make a directory for the demo's data: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		cfg.State.Dir = dir + "/data"
	}
	cfg.State.DiskBudget = 5 * state.GB
	return service.Run(ctx, service.Options{Config: cfg, Stdout: env.Stdout, Log: newLog(configs.Default().Log, env.Stderr), Version: buildVersion(), Feed: &demoFeed{o}})
}

// demoFeed is the simulator's traffic: two days and a bit of history at once,
// then what arrives while the demo runs.
type demoFeed struct{ o demoOptions }

func (f *demoFeed) Name() string { return "generator" }

const (
	// demoHistory lets the last 24 hours be compared with the 24 before them;
	// the first hour or two fill up, as nobody comes back yet.
	demoHistory = 50 * event.Hour

	// maxHistory bounds the rate of the demo's past, so that it starts in seconds
	// whatever the rate of its present.
	maxHistory = 10

	// portion is how many records are handed in at once.
	portion = 16 << 10
)

// Run begins two days and a bit before now, or, on a state that has seen
// traffic, where that ends: with people of its own, so that no id comes twice.
func (f *demoFeed) Run(ctx context.Context, since event.Millis, submit func(context.Context, []service.FeedRecord) error, ready func()) error {
	start := event.Millis(time.Now().UnixMilli())
	opt := generate.LiveOptions{Seed: f.o.Seed, Rate: float64(f.o.Rate), HistoryRate: float64(min(f.o.Rate, maxHistory)), Start: start, History: demoHistory}
	if since != event.NoTime {
		opt.Seed += uint64(since)
		opt.History = min(max(start-since, event.Minute), demoHistory)
	}
	traffic := generate.NewLive(opt)
	if err := sendPast(ctx, traffic, start, submit); err != nil {
		return err
	}
	ready()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if records := feedRecords(nil, traffic.Next(event.Millis(now.UnixMilli()))); len(records) > 0 {
				if err := submit(ctx, records); err != nil {
					return err
				}
			}
		}
	}
}

func feedRecords(to []service.FeedRecord, items []generate.Item) []service.FeedRecord {
	for _, it := range items {
		to = append(to, service.FeedRecord{Topic: it.Topic, Raw: it.Raw})
	}
	return to
}

// sendPast hands in what arrived up to start. One portion is drawn while the
// one before it is applied.
func sendPast(ctx context.Context, traffic *generate.Live, start event.Millis, submit func(context.Context, []service.FeedRecord) error) error {
	drawing, stop := context.WithCancel(ctx)
	portions := make(chan []service.FeedRecord)
	var drawer sync.WaitGroup
	drawer.Go(func() {
		defer close(portions)
		var records []service.FeedRecord
		for at := traffic.Begin(); at < start; at += event.Hour / 4 {
			until := min(at+event.Hour/4, start)
			records = feedRecords(records, traffic.Next(until))
			if len(records) < portion && until < start || len(records) == 0 {
				continue
			}
			select {
			case portions <- records:
				records = nil
			case <-drawing.Done():
				return
			}
		}
	})
	defer drawer.Wait()
	defer stop()
	for records := range portions {
		if err := submit(ctx, records); err != nil {
			return err
		}
	}
	return ctx.Err()
}
