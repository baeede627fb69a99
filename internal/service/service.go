// Package service puts the running program together: the state, the engine, the
// collector and other inputs, the sinks and the HTTP server. It owns their order
// of start and stop and the adapters between them, and no rule of its own.
//
// Invariants:
//  1. Things start from the state outward and stop in reverse, so that nothing
//     is asked of what is gone.
//  2. Whoever starts a goroutine here waits for it.
//  3. When anything fails that the rest cannot do without, all stops and the
//     first failure is the answer.
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/ingest"
	"github.com/tributary-data/tributary/ingest/kafka"
	"github.com/tributary-data/tributary/internal/auth"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/web"
)

// VerdictSample is how many invalid impressions have one row of verdicts in a
// live pipeline; a replay keeps all.
const VerdictSample = 1000

// Feed is a source beside the collector, such as the demo's traffic. Run hands
// in records until ctx ends; ready is closed once the feed has caught up with
// its past, until when the program is not ready; since is the watermark that the
// state stands at, NoTime when it is new.
type Feed interface {
	Name() string
	Run(ctx context.Context, since event.Millis, submit func(ctx context.Context, records []FeedRecord) error, ready func()) error
}

// FeedRecord is one record of a feed; its topic implies the type.
type FeedRecord struct {
	Topic string
	Raw   []byte
}

// Options are what Run needs beside the configuration.
type Options struct {
	Config  *configs.Config
	Feed    Feed      // nil: the collector alone
	Stdout  io.Writer // gets the address, once ready
	Log     *slog.Logger
	Version string
}

// Rules is the part of a configuration that decides what the tables say.
func Rules(cfg *configs.Config) pipeline.Config {
	return pipeline.Config{Time: cfg.Time, Sessions: cfg.Sessions, Attribution: cfg.Attribution, Fraud: cfg.Fraud}
}

// Decoding is the part that decides what a record says.
func Decoding(cfg *configs.Config) ingest.DecodeConfig {
	return ingest.DecodeConfig{Ignore: cfg.Identity.Ignore, DefaultCurrency: cfg.Money.DefaultCurrency}
}

// Judges makes one judge of the lists for each decoding goroutine.
func Judges(lists *fraud.Lists) func() func(*event.Event) event.Reasons {
	return func() func(*event.Event) event.Reasons {
		cache := fraud.NewUACache()
		return func(e *event.Event) event.Reasons { return lists.Judge(e, cache) }
	}
}

// service is the program while it runs.
type service struct {
	opt        Options
	cfg        *configs.Config
	log        *slog.Logger
	started    time.Time
	store      *state.Store
	engine     *pipeline.Engine
	live       *pipeline.Live
	disk       *diskGuard
	outbox     *outboxGuard
	decoders   *decoders
	source     *source
	kafka      *kafka.Source // nil: the section is not there
	sinks      []sinks.Sink
	deliverers []*sinks.Deliverer
	door       *auth.Door // nil: everything is open, to this machine alone
	offset     int64      // of the feed's last record; its goroutine's

	mu struct {
		sync.Mutex
		catchingUp bool // the feed's past is not in yet
	}
}

// Run serves until ctx ends, then drains.
func Run(ctx context.Context, opt Options) (err error) {
	s := &service{opt: opt, cfg: opt.Config, log: opt.Log, started: time.Now()}
	lists, err := fraud.LoadLists(s.cfg.Fraud.Lists, s.cfg.Dir)
	if err != nil {
		return &configs.Error{Faults: []configs.Fault{{Key: "fraud.lists", Message: err.Error()}}}
	}
	if s.door, err = openDoor(s.cfg, s.log); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Server.Listen)
	if err != nil {
		return fmt.Errorf("server.listen: %w", err)
	}
	defer func() { err = errors.Join(err, closed(listener.Close())) }()

	began := time.Now()
	if s.store, err = state.Open(s.cfg.State.Dir, state.Options{Logger: s.log}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	if err := s.openSinks(ctx); err != nil {
		return err
	}
	s.engine, err = pipeline.Open(Rules(s.cfg), s.store, pipeline.Options{
		Shards: s.cfg.Pipeline.Shards, VerdictSample: VerdictSample, Outbox: len(s.sinks) > 0, Version: lists.Version(),
	})
	if err != nil {
		return err
	}
	s.log.Info("state opened", slog.String("dir", s.store.Dir()), slog.Uint64("epoch", uint64(s.store.Epoch())), slog.Uint64("commit", s.engine.Commit()), slog.Duration("took", time.Since(began).Round(time.Millisecond)))
	s.disk = newDiskGuard(s.store, int64(s.cfg.State.DiskBudget))
	s.outbox = newOutboxGuard(s.engine, s.store, int64(s.cfg.State.OutboxQuota), s.sinks)
	s.decoders = newDecoders(Decoding(s.cfg), Judges(lists))
	names := []string{"http"}
	if opt.Feed != nil {
		names = append(names, opt.Feed.Name())
		s.mu.catchingUp = true
	}
	s.live, err = pipeline.NewLive(s.engine, names, pipeline.LiveOptions{
		Tick: time.Duration(s.cfg.Pipeline.Tick) * time.Millisecond, Paused: s.paused, Awaits: s.awaits,
	})
	if err != nil {
		return err
	}
	if err := s.openKafka(); err != nil {
		return err
	}
	return s.run(ctx, listener)
}

func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// run starts everything, waits for the end, and stops in reverse.
func (s *service) run(ctx context.Context, listener net.Listener) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	fail := func(what string, err error) {
		if err != nil {
			stop(fmt.Errorf("%s: %w", what, err))
		}
	}

	pipelineCtx, stopPipeline := context.WithCancel(context.Background())
	defer stopPipeline()
	var pipe, deliveries, front sync.WaitGroup
	since := s.engine.Watermark() // before the pipeline moves it on
	pipe.Go(func() { fail("pipeline", s.live.Run(pipelineCtx)) })
	pipe.Go(func() { s.disk.watch(pipelineCtx) })
	pipe.Go(func() { s.outbox.watch(pipelineCtx) })

	sinkCtx, stopSinks := context.WithCancel(context.Background())
	defer stopSinks()
	s.source = newSource(s)
	for _, sink := range s.sinks {
		d := sinks.NewDeliverer(s.source, sink, sinks.Options{Logger: s.log, StopWhenAhead: true})
		s.deliverers = append(s.deliverers, d)
		deliveries.Go(func() {
			if err := d.Run(sinkCtx); err != nil && !errors.Is(err, context.Canceled) {
				fail("sink "+sink.Name(), err)
			}
		})
	}
	if s.opt.Feed != nil {
		front.Go(func() {
			err := s.opt.Feed.Run(ctx, since, s.submitFeed, func() {
				s.mu.Lock()
				s.mu.catchingUp = false
				s.mu.Unlock()
				s.announce(listener)
			})
			if err != nil && ctx.Err() == nil {
				fail(s.opt.Feed.Name(), err)
			}
		})
	}
	if s.kafka != nil {
		front.Go(func() { fail("kafka", s.runKafka(ctx)) })
	}
	server := web.New(s.cfg.Server, (*view)(s), (*collector)(s), s.log)
	server.AllowErase(s.eraseLive)
	server.MakeBackups(&backups{store: s.store, dir: s.cfg.State.Backups()})
	if s.door != nil {
		server.Protect(s.door)
		front.Go(func() { s.door.Run(ctx) })
	}
	if x, err := s.newExporter(server); err != nil {
		fail("exports", err)
	} else {
		server.ServeExports(x)
		front.Go(func() { x.run(ctx) })
	}
	front.Go(func() { fail("http", server.Serve(ctx, listener)) })
	front.Go(func() { server.Warm(ctx) })
	if s.opt.Feed == nil {
		s.announce(listener)
	}

	<-ctx.Done()
	s.log.Info("stopping: requests are finished, then what was taken is made durable, then sinks are drained")
	front.Wait()
	stopPipeline()
	pipe.Wait()
	drained := time.AfterFunc(drainSinks, stopSinks)
	for _, d := range s.deliverers {
		d.Drain()
	}
	deliveries.Wait()
	drained.Stop()
	var err error
	for _, sink := range s.sinks {
		err = errors.Join(err, sink.Close())
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return errors.Join(cause, err)
	}
	return err
}

// askSinks is how long a start waits for a sink that does not answer. Should it
// turn out later that the sink is ahead of the state, the program ends, so that
// the next start can take a later epoch.
const askSinks = 5 * time.Second

// drainSinks is how long a stop waits for sinks; what they lack then is sent
// after the next start.
const drainSinks = 30 * time.Second

// announce tells on stdout where the dashboard is.
func (s *service) announce(l net.Listener) {
	if _, err := fmt.Fprintf(s.opt.Stdout, "http://%s\n", l.Addr()); err != nil {
		s.log.Error("write the address to stdout", slog.Any("err", err))
	}
}

// openSinks opens the configured sinks, and takes a later epoch where one of
// them has seen more than the state: the state was put back to an earlier time.
func (s *service) openSinks(ctx context.Context) error {
	for _, name := range SinkNames(s.cfg) {
		sink, err := OpenSink(ctx, s.cfg, name, s.opt.Version, s.log)
		if err != nil {
			return err
		}
		s.sinks = append(s.sinks, sink)
	}
	commit, err := pipeline.LastCommit(s.store)
	if err != nil {
		return err
	}
	// All at once: a start waits for the slowest, not for one after the other.
	type answer struct {
		at  sinks.Progress
		err error
	}
	answers := make([]answer, len(s.sinks))
	var asked sync.WaitGroup
	asking, cancel := context.WithTimeout(ctx, askSinks)
	for i, sink := range s.sinks {
		asked.Go(func() { answers[i].at, answers[i].err = sink.Cursor(asking) })
	}
	asked.Wait()
	cancel()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for i, sink := range s.sinks {
		at, err := answers[i].at, answers[i].err
		if err != nil {
			s.log.Warn("the sink does not answer yet; what it lacks waits in the outbox", slog.String("sink", sink.Name()), slog.Any("err", err))
			continue
		}
		if at.Epoch > s.store.Epoch() || at.Epoch == s.store.Epoch() && at.Commit > commit {
			s.log.Warn("the sink is ahead of the state, which was put back to an earlier time; everything is sent anew under a new epoch",
				slog.String("sink", sink.Name()), slog.String("sink_at", at.String()), slog.Uint64("commit", commit))
			if err := s.store.SetEpoch(max(at.Epoch, s.store.Epoch()) + 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// paused says why nothing may be taken in; nil when it may.
func (s *service) paused() error {
	if err := s.disk.paused(); err != nil {
		return err
	}
	return s.outbox.paused()
}
