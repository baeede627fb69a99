package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/web"
)

// exporter is what web asks: the exports, and the deliverers of the sinks.
type exporter struct {
	*exports
	sinks      []sinks.Sink
	deliverers []*sinks.Deliverer
}

var _ web.Exporter = (*exporter)(nil)

func (x *exporter) find(name string) (*sinks.Deliverer, error) {
	for i, s := range x.sinks {
		if s.Name() == name {
			return x.deliverers[i], nil
		}
	}
	return nil, fmt.Errorf("%w as %q", web.ErrNoSink, name)
}

// placed is a sink that can say where it keeps things.
type placed interface{ Place() string }

// SinkStates says of every sink how far it is and what can be done.
func (x *exporter) SinkStates() []web.SinkState {
	out := make([]web.SinkState, 0, len(x.sinks))
	for i, sink := range x.sinks {
		s := x.deliverers[i].State()
		k := web.SinkState{
			Name: s.Sink, State: string(s.Health), Commit: s.Progress.Commit, Watermark: s.Progress.Watermark, OutboxRows: s.LagRows, Lag: s.Lag,
			Rows: s.Rows, Bytes: s.Bytes, Batches: s.Batches, Resyncs: s.Resyncs, Failures: s.Failures, Resyncing: s.Resyncing,
			LastSuccess: s.LastSuccess, Error: s.LastError, LastError: s.LastErrorAt, NextTry: s.NextTry,
		}
		if s.Progress == (sinks.Progress{}) {
			k.Watermark = event.NoTime // it was never reached, or never written
		}
		if p, ok := sink.(placed); ok {
			k.Where = p.Place()
		}
		_, k.Reconciles = sink.(sinks.Auditor)
		k.Advice = advice(&s)
		out = append(out, k)
	}
	return out
}

// longLag is when a sink that takes rows is said to lag.
const longLag = 5 * time.Minute

// advice is what an operator can do about a sink.
func advice(s *sinks.State) string {
	switch {
	case s.Health == sinks.Down && strings.Contains(s.LastError, sinks.ErrFenced.Error()):
		return "another server writes there under a later epoch: stop one of the two; restart this one to take the sink over"
	case s.Health == sinks.Down:
		return "bring the store back or correct its section in the configuration; changes wait in the outbox, and it goes on by itself"
	case s.Resyncing:
		return "every row is being written again; wait for it"
	case s.InARow > 0:
		return "it is being tried again; look at the error if it stays"
	case s.Lag > longLag:
		return "it takes rows, but slower than they come: look at the store's load, or let changes wait longer so that fewer are sent"
	}
	return ""
}

// Reconcile brings the sink to the newest commit and compares.
func (x *exporter) Reconcile(ctx context.Context, name string) (*web.Reconciliation, error) {
	d, err := x.find(name)
	if err != nil {
		return nil, err
	}
	r, err := d.Reconcile(ctx)
	switch {
	case errors.Is(err, sinks.ErrNoAudit):
		return nil, fmt.Errorf("%w: %w", web.ErrBadExport, err)
	case err != nil && ctx.Err() == nil:
		return nil, fmt.Errorf("%w: sink %s: %w", web.ErrUnreachable, name, err)
	case err != nil:
		return nil, err
	}
	return reconciliation(r), nil
}

func reconciliation(r *sinks.Report) *web.Reconciliation {
	out := &web.Reconciliation{At: web.Snapshot{Epoch: uint64(r.Epoch), Commit: r.Commit, Watermark: r.Watermark}, Total: r.Total}
	for _, t := range r.Tables {
		out.Tables = append(out.Tables, web.ReconciledTable{Table: t.Table.Name, Kept: t.Kept, State: t.State, Sink: t.Sink, Differences: t.Differences})
	}
	for _, d := range r.Differences {
		out.Differences = append(out.Differences, web.ReconciledDifference{Table: d.Table.Name, Group: d.Group.String(), Column: d.Column, State: d.State, Sink: d.Sink})
	}
	return out
}

// Resync has a sink written anew.
func (x *exporter) Resync(ctx context.Context, name string) error {
	d, err := x.find(name)
	if err != nil {
		return err
	}
	return d.Resync(ctx)
}

// newExporter puts the exports of this program together; run makes its jobs.
func (s *service) newExporter(server *web.Server) (*exporter, error) {
	x, err := newExports(s.cfg.State.Dir+".exports", s.log)
	if err != nil {
		return nil, err
	}
	x.view = func(ctx context.Context) (*pipeline.View, uint32, error) {
		v, err := s.live.Exact(ctx)
		if err != nil {
			return nil, 0, err
		}
		if err := s.store.SyncLog(); err != nil { // nothing leaves before it is durable
			return nil, 0, errors.Join(err, v.Close())
		}
		return v, s.store.Epoch(), nil
	}
	x.free = func() int64 {
		_, free, _ := s.disk.usage()
		return free
	}
	if s.door != nil {
		x.mask = server.MaskRow
	}
	if s.cfg.Sinks.Files != nil {
		x.allowed = endpointOf(s.cfg.Sinks.Files.Dir)
	}
	return &exporter{exports: x, sinks: s.sinks, deliverers: s.deliverers}, nil
}
