package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest"
	"github.com/tributary-data/tributary/internal/service"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks/files"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/table"
)

func runReplay(ctx context.Context, env *Env, o replayOptions) (err error) {
	cfg, _, err := o.Config.load(env)
	if err != nil {
		return err
	}
	lists, err := loadLists(cfg)
	if err != nil {
		return err
	}
	clock := o.AsOf
	if clock == event.NoTime {
		clock = event.Millis(time.Now().UnixMilli())
	}
	var inputs []pipeline.Input
	var opened []*ingest.File
	defer func() {
		for _, f := range opened {
			err = errors.Join(err, f.Close())
		}
	}()
	for _, path := range o.Files {
		f, err := ingest.OpenFile(path, ingest.FileOptions{Decode: service.Decoding(cfg), Clock: clock, Ahead: ingest.Ahead(len(o.Files)), Mappings: cfg.Ingest.Mappings, NewJudge: service.Judges(lists)})
		if err != nil {
			return err
		}
		inputs, opened = append(inputs, f), append(opened, f)
	}
	history, err := o.History.open(ctx, env, cfg, clock, lists)
	if err != nil {
		return err
	}
	for _, h := range history {
		inputs = append(inputs, h)
	}
	defer func() {
		for _, h := range history {
			err = errors.Join(err, h.Close())
		}
	}()
	out, err := files.OpenDir(o.Out, o.Force)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, out.Abort())
		}
	}()
	scratch, err := os.MkdirTemp("", "tributary-replay-")
	if err != nil {
		return fmt.Errorf("make a directory for the state of the replay: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	store, err := state.Open(scratch, state.Options{Ephemeral: true, OnDiskFull: func(err error) {
		// The writers wait for room that will not come: nothing but ending the
		// process ends them.
		fmt.Fprintf(env.Stderr, "tributary replay: the state of the replay does not fit: %v; set TMPDIR to a directory on a larger disk\n", err)
		err = errors.Join(os.RemoveAll(scratch), out.Abort())
		if err != nil {
			fmt.Fprintf(env.Stderr, "tributary replay: %v\n", err)
		}
		os.Exit(ExitFailure)
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	config := service.Rules(cfg)
	opt := pipeline.Options{Shards: cfg.Pipeline.Shards, KeepEvents: true, Version: lists.Version()}
	switch {
	case o.Lateness.None:
		opt.NoLateness = true
	case o.Lateness.Set:
		d := o.Lateness.All
		config.Time.AllowedLateness = pipeline.Lateness{Impression: d, Click: d, Conversion: d, Adjustment: d, Identify: d, Behavioural: d}
	}
	engine, err := pipeline.Open(config, store, opt)
	if err != nil {
		return err
	}
	progress := newReplayProgress(env, opened)
	result, err := pipeline.Replay(ctx, engine, inputs, pipeline.ReplayOptions{Progress: progress.set})
	progress.Stop()
	if err != nil {
		return unreachableExit(err)
	}
	if err := engine.Close(); err != nil {
		return err
	}
	if err := writeTables(engine, out, files.Format(o.Format)); err != nil {
		return err
	}
	reportReplay(env, result)
	return nil
}

// replayProgress shows how much of the files has been read.
type replayProgress struct {
	*Progress
	files []*ingest.File
}

func newReplayProgress(env *Env, opened []*ingest.File) replayProgress {
	total := int64(0)
	for _, f := range opened {
		size, _ := f.Size()
		total += size
	}
	return replayProgress{NewProgress(env, "replay", total), opened}
}

func (p replayProgress) set(records int64, watermark event.Millis) {
	done := int64(0)
	for _, f := range p.files {
		_, read := f.Size()
		done += read
	}
	p.Set(records, done, watermark)
}

// writeTables writes every table's current rows into the directory.
func writeTables(engine *pipeline.Engine, out *files.Dir, format files.Format) (err error) {
	view := engine.View()
	defer func() { err = errors.Join(err, view.Close()) }()
	for _, t := range table.All {
		w, err := out.Create(t, format)
		if err != nil {
			return err
		}
		var bad error
		err = view.Scan(t, func(r table.Row) bool {
			bad = w.Write(r)
			return bad == nil
		})
		if err = errors.Join(err, bad, w.Close()); err != nil {
			return fmt.Errorf("write %s: %w", t.Name, err)
		}
	}
	return out.Commit()
}

// reportReplay says what a reader of the tables must know.
func reportReplay(env *Env, r *pipeline.ReplayResult) {
	c := r.Counts
	fmt.Fprintf(env.Stdout, "%d records: %d impressions, %d clicks, %d conversions, %d behavioural, %d adjustments, %d identifications\n",
		c.Records, c.Impressions, c.Clicks, c.Conversions, c.Behavioural, c.Adjustments, c.Identifies)
	fmt.Fprintf(env.Stdout, "%d duplicates (%d with other content), %d late and applied\n", c.Duplicates, c.Conflicts, c.Late-c.TooLate)
	for code, n := range c.DeadLetters {
		fmt.Fprintf(env.Stdout, "%d dead letters: %s\n", n, code)
	}
	if c.TooLate > 0 {
		fmt.Fprintf(env.Stderr, "WARNING: %d records came too late and changed nothing; they are in late_events. If the files are complete, replay them with --lateness none\n", c.TooLate)
	}
	for _, j := range r.Jumps {
		fmt.Fprintf(env.Stderr, "WARNING: at %s the time jumps from %s to %s; is the file sorted by event time?\n", j.Position, j.From, j.To)
	}
}
