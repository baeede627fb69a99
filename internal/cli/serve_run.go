package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
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

// demoFeed is the simulator's traffic: a day and a bit of history at once, then
// what arrives while the demo runs.
type demoFeed struct{ o demoOptions }

func (f *demoFeed) Name() string { return "generator" }

// maxHistory bounds the rate of the demo's past, so that it starts in seconds
// whatever the rate of its present.
const maxHistory = 10

// portion is how many records are handed in at once.
const portion = 16 << 10

// Run begins a day and a bit before now, or, on a state that has seen traffic,
// where that ends: with people of its own, so that no id comes twice.
func (f *demoFeed) Run(ctx context.Context, since event.Millis, submit func(context.Context, []service.FeedRecord) error, ready func()) error {
	start := event.Millis(time.Now().UnixMilli())
	opt := generate.LiveOptions{Seed: f.o.Seed, Rate: float64(f.o.Rate), HistoryRate: float64(min(f.o.Rate, maxHistory)), Start: start}
	if since != event.NoTime {
		opt.Seed += uint64(since)
		if gone := start - since; gone < 26*event.Hour {
			opt.History = max(gone, event.Minute)
		}
	}
	traffic := generate.NewLive(opt)
	var batch []service.FeedRecord
	send := func(least int, items []generate.Item) error {
		for _, it := range items {
			batch = append(batch, service.FeedRecord{Topic: it.Topic, Raw: it.Raw})
		}
		if len(batch) == 0 || len(batch) < least {
			return nil
		}
		err := submit(ctx, batch)
		batch = batch[:0]
		return err
	}
	for at := traffic.Begin(); at < start; at += event.Hour / 4 {
		if err := send(portion, traffic.Next(min(at+event.Hour/4, start))); err != nil {
			return err
		}
	}
	if err := send(0, nil); err != nil {
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
			if err := send(0, traffic.Next(event.Millis(now.UnixMilli()))); err != nil {
				return err
			}
		}
	}
}
