package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/service"
	"github.com/tributary-data/tributary/pipeline"
)

func runFraudRejudge(ctx context.Context, env *Env, o rejudgeOptions) (err error) {
	cfg, _, err := o.config.load(env)
	if err != nil {
		return err
	}
	for _, name := range o.BlockIPs {
		path, err := filepath.Abs(name) // relative to here, not to the configuration
		if err != nil {
			return fmt.Errorf("find --block-ips %s: %w", name, err)
		}
		cfg.Fraud.Lists.BlockIPs = append(cfg.Fraud.Lists.BlockIPs, path)
	}
	lists, err := loadLists(cfg)
	if err != nil {
		return err
	}
	store, err := openToChange(env, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	// The outbox is kept whatever sinks are configured here: the one that serve
	// has must learn of every change.
	engine, err := pipeline.Open(service.Rules(cfg), store, pipeline.Options{
		Shards: cfg.Pipeline.Shards, VerdictSample: service.VerdictSample, Outbox: true, Version: lists.Version(),
	})
	if err != nil {
		return err
	}
	bar := NewProgress(env, "rejudge", 0)
	judge := service.Judges(lists)()
	read, changed := 0, 0
	err = engine.Rejudge(func(e *event.Event) event.Reasons {
		return judge(e)
	}, func(r, c int) {
		read, changed = r, c
		bar.Set(int64(r), 0, engine.Watermark())
	})
	bar.Stop()
	if err != nil {
		return err
	}
	if err := engine.Close(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(env.Stdout, "%d events looked at, %d judged anew (lists version %s)\n", read, changed, lists.Version()); err != nil {
		return err
	}
	if len(o.BlockIPs) > 0 {
		env.Log.Warn("events to come are judged by the configured lists alone; add the files to fraud.lists.block_ips", slog.Any("files", o.BlockIPs))
	}
	return nil
}
