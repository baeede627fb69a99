package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/state"
	"github.com/tributary-data/tributary/web"
)

// eraseLive erases a person beside the running pipeline.
func (s *service) eraseLive(ctx context.Context, person string) (*web.Erasure, error) {
	x, err := s.live.Erase(ctx, person, nil)
	if errors.Is(err, pipeline.ErrStillComing) || errors.Is(err, pipeline.ErrStopping) {
		err = errors.Join(web.ErrNotErased, err)
	}
	if err != nil {
		return nil, err
	}
	return Erasure(&x), nil
}

// Erasure is what was erased in the words of the API.
func Erasure(x *pipeline.Erased) *web.Erasure {
	out := &web.Erasure{
		Persons: x.Persons, Impressions: x.Impressions, Clicks: x.Clicks, Behavioural: x.Behavioural, Conversions: x.Conversions,
		Sessions: x.Sessions, Verdicts: x.Verdicts, LateEvents: x.LateEvents, DeadLetters: x.DeadLetters, Adjustments: x.Adjustments,
		References: x.References, Value: map[string]web.Money{}, Commit: x.Commit,
	}
	for currency, v := range x.Value {
		out.Value[currency] = web.Money{Amount: v.String(), Currency: currency}
	}
	return out
}

// EraseOffline erases a person from a directory that no process has open, and
// from the sinks of the configuration.
func EraseOffline(ctx context.Context, opt Options, person string) (x pipeline.Erased, err error) {
	s := &service{opt: opt, cfg: opt.Config, log: opt.Log, started: time.Now()}
	dir := s.cfg.State.Dir
	if s.store, err = state.Open(dir, state.Options{ReadOnly: true, Logger: s.log}); err != nil {
		return x, err // a write would make one where there is none
	}
	if err := s.store.Close(); err != nil {
		return x, err
	}
	if s.store, err = state.Open(dir, state.Options{Logger: s.log}); err != nil {
		return x, err
	}
	err = func() (err error) {
		defer func() { err = errors.Join(err, s.store.Close()) }()
		if err := s.openSinks(ctx); err != nil {
			return err
		}
		defer func() {
			for _, sink := range s.sinks {
				err = errors.Join(err, sink.Close())
			}
		}()
		// The outbox is kept whatever sinks are configured here: the ones that
		// serve has must learn of it.
		s.engine, err = pipeline.Open(Rules(s.cfg), s.store, pipeline.Options{Shards: s.cfg.Pipeline.Shards, VerdictSample: VerdictSample, Outbox: true})
		if err != nil {
			return err
		}
		if x, err = s.engine.Erase(ctx, person, func(do func() error) error { return do() }, nil); err != nil {
			return err
		}
		if err := s.engine.Close(); err != nil {
			return err
		}
		if err := s.deliverOnce(ctx); err != nil {
			return fmt.Errorf("the person is erased from the state, but not from every sink: %w; serve delivers the rest", err)
		}
		return s.store.Purge(ctx, []state.Range{{From: []byte{byte(state.Outbox)}, To: []byte{byte(state.Outbox) + 1}}})
	}()
	if err != nil {
		return x, err
	}
	return x, state.Renew(dir, state.Options{Logger: s.log})
}

// deliverOnce brings every sink up to the state as it is.
func (s *service) deliverOnce(ctx context.Context) error {
	src := &stillSource{engine: s.engine, epoch: s.store.Epoch(), left: map[string]bool{}}
	for _, sink := range s.sinks {
		src.left[sink.Name()] = true
	}
	errs := make([]error, len(s.sinks))
	var wg sync.WaitGroup
	for i, sink := range s.sinks {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, 10*drainSinks)
			defer cancel()
			d := sinks.NewDeliverer(src, sink, sinks.Options{Logger: s.log.With(slog.String("sink", sink.Name()))})
			d.Drain()
			if err := d.Run(ctx); err != nil {
				errs[i] = fmt.Errorf("sink %s: %w", sink.Name(), errors.Join(err, errors.New(d.State().LastError)))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// stillSource is a state in which nothing happens any more, as deliverers see it.
type stillSource struct {
	engine *pipeline.Engine
	epoch  uint32
	mu     sync.Mutex
	left   map[string]bool // sinks that are not up to date
}

// View is the state as it is.
func (s *stillSource) View(context.Context) (sinks.View, error) {
	return &sinkView{v: s.engine.View(), epoch: s.epoch}, nil
}

// Pending is not asked for by anybody here.
func (s *stillSource) Pending(uint64) sinks.Backlog { return sinks.Backlog{} }

// Ack lets the outbox be forgotten when every sink has all of it.
func (s *stillSource) Ack(_ context.Context, sink string, commit uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if commit >= s.engine.Commit() {
		delete(s.left, sink)
	}
	if len(s.left) > 0 {
		return nil
	}
	return s.engine.TrimOutbox(s.engine.Commit())
}
