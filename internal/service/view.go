package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/table"
	"github.com/tributary-data/tributary/web"
)

// view is the service as the HTTP server sees it. Each answer reads one commit.
type view service

var _ web.View = (*view)(nil)

// reading opens a view for one answer. fn is told when the request ended.
func (v *view) reading(ctx context.Context, fn func(x *pipeline.View, goes func() bool) error) (err error) {
	x := v.engine.View()
	defer func() { err = errors.Join(err, x.Close()) }()
	n := 0
	err = fn(x, func() bool {
		n++
		return n%256 != 0 || ctx.Err() == nil
	})
	return errors.Join(err, ctx.Err())
}

// Scan visits rows by time.
func (v *view) Scan(ctx context.Context, t *table.Table, from, to event.Millis, fn func(table.Row) error) error {
	var bad error
	err := v.reading(ctx, func(x *pipeline.View, goes func() bool) error {
		return x.ScanTime(t, from, to, func(r table.Row) bool {
			bad = fn(r)
			return bad == nil && goes()
		})
	})
	if bad != nil {
		return bad
	}
	return err
}

// List visits rows in list order.
func (v *view) List(ctx context.Context, t *table.Table, after table.Row, from, to event.Millis, fn func(table.Row) (bool, error)) error {
	var bad error
	err := v.reading(ctx, func(x *pipeline.View, goes func() bool) error {
		visit := func(r table.Row) bool {
			var more bool
			more, bad = fn(r)
			return more && bad == nil && goes()
		}
		if t != table.Conversions && t != table.Sessions {
			return x.Ordered(t, after, visit)
		}
		at, id := event.NoTime, ""
		if after != nil {
			columns, _ := web.ListOrder(t)
			at, id = event.Millis(after[t.Col(columns[0])].Int), after[t.Col(columns[1])].Text
		}
		return x.Newest(t, from, to, at, id, visit)
	})
	if bad != nil {
		return bad
	}
	return err
}

// Find looks rows up by the first columns of their key.
func (v *view) Find(ctx context.Context, t *table.Table, prefix table.Row, limit int) (rows []table.Row, err error) {
	err = v.reading(ctx, func(x *pipeline.View, _ func() bool) (err error) {
		rows, err = x.Find(t, prefix, limit)
		return err
	})
	return rows, err
}

// Explain says how a conversion came to its credit.
func (v *view) Explain(ctx context.Context, id string) (*web.Explanation, bool, error) {
	var out *web.Explanation
	err := v.reading(ctx, func(x *pipeline.View, _ func() bool) error {
		e, err := x.Explain(id)
		if e != nil && err == nil {
			out = Explanation(e, v.engine.Config())
		}
		return err
	})
	return out, out != nil, err
}

// Changed is closed when the next tick has been applied.
func (v *view) Changed() <-chan struct{} { return v.live.Changed() }

// Status puts together what every part says of itself.
func (v *view) Status() web.Status {
	live := v.live.Status()
	committed := v.engine.Published()
	used, _, paused := v.disk.usage()
	stats := v.decoders.stats()
	st := web.Status{
		Version: v.opt.Version, Started: event.Millis(v.started.UnixMilli()), Watermark: committed.Watermark,
		Lookback: v.cfg.Attribution.Lookback.Greatest(), Commit: committed.Commit, Epoch: uint64(v.store.Epoch()), Shards: v.engine.Shards(),
		Counts: web.Counts{
			Records: committed.Counts.Records, Late: committed.Counts.Late - committed.Counts.TooLate, TooLate: committed.Counts.TooLate,
			Duplicates: committed.Counts.Duplicates, Conflicts: committed.Counts.Conflicts, MoneyRounded: stats.MoneyRounded,
			DeadLetters: committed.Counts.DeadLetters, Dropped: stats.Dropped,
		},
		Tick: quantiles(live.Tick), Durable: quantiles(live.Durable), Latency: quantiles(live.Visible),
		DiskBytes: used, DiskBudget: int64(v.cfg.State.DiskBudget), Ready: true,
	}
	for _, in := range live.Inputs {
		st.Inputs = append(st.Inputs, web.Input{Name: in.Name, Watermark: in.Watermark, Idle: in.Idle, Records: in.Records, Behind: in.Behind, Error: in.Problem})
	}
	if st.Kafka = (*service)(v).kafkaStatus(); st.Kafka != nil {
		st.Degraded = append(st.Degraded, st.Kafka.Problems...)
	}
	for _, d := range v.deliverers {
		s := d.State()
		x := web.Sink{Name: s.Sink, State: string(s.Health), OutboxRows: s.LagRows, Lag: s.Lag, Commit: s.Progress.Commit, Watermark: s.Progress.Watermark, Error: s.LastError}
		if s.Health == sinks.Down {
			st.Degraded = append(st.Degraded, fmt.Sprintf("sink %s is down: %s; its rows wait in the outbox", s.Sink, s.LastError))
		}
		st.OutboxRows = max(st.OutboxRows, s.LagRows)
		st.Sinks = append(st.Sinks, x)
	}
	for _, why := range []error{v.outbox.paused(), paused} {
		if why != nil {
			st.Paused = why.Error()
			st.Degraded = append(st.Degraded, st.Paused)
		}
	}
	v.mu.Lock()
	if v.mu.catchingUp {
		st.Ready, st.NotReady = false, []string{"the history is being loaded"}
	}
	v.mu.Unlock()
	return st
}

func quantiles(s pipeline.Summary) web.Quantiles {
	return web.Quantiles{Count: s.Count, Sum: s.Sum, P50: s.P50, P95: s.P95, P99: s.P99}
}

// Explanation is an explanation in the words of the API.
func Explanation(e *pipeline.Explanation, cfg *pipeline.Config) *web.Explanation {
	lb := &cfg.Attribution.Lookback
	out := &web.Explanation{
		Conversion: e.Row, Lookback: web.Lookback{Click: lb.Click, Impression: lb.Impression, Visit: lb.Visit},
		MaxTouches: cfg.Attribution.MaxTouches, Revisions: e.Journal,
	}
	for _, m := range e.Members {
		out.Members = append(out.Members, web.Member{Person: m.Person, LinkedBy: m.LinkedBy, LinkedAt: m.LinkedAt})
	}
	for i := range e.Candidates {
		c := &e.Candidates[i]
		out.Candidates = append(out.Candidates, web.Candidate{
			EventID: c.ID, Time: c.Time, Type: c.Type, Person: c.Person, Campaign: c.Campaign, AdGroup: c.AdGroup,
			Creative: c.Creative, Channel: c.Channel, Verdict: c.Verdict, Reasons: c.Reasons,
			Counted: c.Position > 0, Position: c.Position, Why: c.Why,
		})
	}
	for _, m := range e.Models {
		x := web.ModelCredit{Model: m.Model}
		for _, s := range m.Shares {
			x.Shares = append(x.Shares, web.Share{
				Position: s.Position, EventID: s.EventID, WeightNum: s.Weight, WeightDen: s.Sum, CreditPPM: s.PPM, Value: s.Micros,
			})
		}
		out.Models = append(out.Models, x)
	}
	for i := range e.Adjustments {
		a := &e.Adjustments[i]
		kind := "retract"
		if a.Restate {
			kind = "restate"
		}
		out.Adjustments = append(out.Adjustments, web.Adjustment{
			EventID: a.ID, Time: a.Time, Kind: kind, Value: a.Amount, Currency: a.Currency, Counted: a.Counted, Why: a.Why,
		})
	}
	return out
}
