package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tributary-data/tributary/attribution"
	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/sessionize"
	"github.com/tributary-data/tributary/state"
)

// storedRules is what rules writes, read back.
type storedRules struct {
	Time        Lateness
	Sessions    sessionize.Config
	Attribution attribution.Config
	Rules       fraud.Rules
	NoLateness  bool
}

// ErrNoRules is returned for a store that no engine has written to.
var ErrNoRules = errors.New("the state holds no events and no rules yet")

// StoredConfig is the configuration that a state was made by, as far as its
// tables depend on it; the rest is as by default. noLateness is the option of
// that name.
func StoredConfig(s *state.Store) (cfg Config, noLateness bool, err error) {
	v, err := s.Get(metaConfig)
	if errors.Is(err, state.ErrNotFound) {
		return Config{}, false, ErrNoRules
	}
	var r storedRules
	if err == nil {
		err = json.Unmarshal(v, &r)
	}
	if err != nil {
		return Config{}, false, fmt.Errorf("read the rules of the state: %w", err)
	}
	cfg = DefaultConfig()
	cfg.Time.AllowedLateness, cfg.Sessions, cfg.Attribution, cfg.Fraud.Rules = r.Time, r.Sessions, r.Attribution, r.Rules
	return cfg, r.NoLateness, nil
}

// OpenReader opens what a store holds for reading, under the rules that it was
// made by: no configuration has to match. The engine has no shards to work
// with; Tick, Rejudge and Close must not be called.
func OpenReader(store *state.Store) (*Engine, error) {
	cfg, noLateness, err := StoredConfig(store)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", store.Dir(), err)
	}
	e := &Engine{
		cfg: cfg, opt: Options{NoLateness: noLateness}.withDefaults(), store: store, modes: newModeSets(cfg.Fraud.Rules),
		touches: newTouchKinds(&cfg.Attribution),
	}
	m, err := readMeta(store)
	if err != nil {
		return nil, err
	}
	e.commit, e.watermark, e.maxTime, e.retained, e.inputs = m.Commit, m.Watermark, m.MaxTime, m.Retained, m.Inputs
	if err := e.load(); err != nil {
		return nil, err
	}
	// One shard in which nothing changes: readers that ask it for what the tick
	// at hand did to a person find nothing.
	s := &shard{e: e}
	s.chain.reset(0)
	e.shards = []*shard{s}
	e.published.commit, e.published.watermark = e.commit, e.watermark
	e.published.counts, e.published.buckets = m.Counts, e.buckets.Clone()
	return e, nil
}

// Span is the range of event time that a key space holds, by its buckets.
type Span struct {
	From, To event.Millis // NoTime when it holds nothing; To is the end of the last bucket
	Buckets  int
}

// Holds is what a state holds, for an operator.
type Holds struct {
	Impressions, History Span
	MaxTime              event.Millis // greatest event time applied
	DroppedImpressions   event.Millis // everything before was dropped; NoTime or 0: nothing
	DroppedHistory       event.Millis
	OutboxFrom           uint64 // first commit whose changes the outbox keeps
	Inputs               []InputStatus
}

// Holds tells it.
func (e *Engine) Holds() (Holds, error) {
	h := Holds{MaxTime: e.maxTime, DroppedImpressions: e.retained.Impressions, DroppedHistory: e.retained.History}
	h.Impressions = spanOf(e.published.buckets.List(state.Impressions), state.ImpressionBucket)
	h.History = spanOf(e.published.buckets.List(state.History), state.HistoryBucket)
	if len(e.inputs) > 0 {
		if err := json.Unmarshal(e.inputs, &h.Inputs); err != nil {
			return h, fmt.Errorf("read the inputs of the last commit: %w", err)
		}
	}
	v := e.View()
	first, err := v.outboxFirst()
	h.OutboxFrom = first
	return h, errors.Join(err, v.Close())
}

func spanOf(buckets []uint32, width event.Millis) Span {
	if len(buckets) == 0 {
		return Span{From: event.NoTime, To: event.NoTime}
	}
	return Span{event.Millis(buckets[0]) * width, event.Millis(buckets[len(buckets)-1]+1) * width, len(buckets)}
}

// Retention is how long events are kept behind the watermark; the rest of the
// state is kept for ever.
type Retention struct{ Impressions, History, Velocity event.Millis }

// Retention that the configuration asks for: an accepted event or verdict
// reaches back no further than the lateness, the window of adjustments and the
// lookback together (see expire). Whole buckets are dropped, so that up to one
// bucket more is kept.
func (c *Config) Retention() Retention {
	a, late := &c.Attribution, c.Time.AllowedLateness
	latest := max(late.Impression, late.Click, late.Conversion, late.Adjustment, late.Identify, late.Behavioural)
	keep := max(a.AdjustmentWindow.Millis(), idWindow) + latest.Millis()
	return Retention{
		Impressions: keep + a.Lookback.Impression.Millis() + state.ImpressionBucket,
		History:     keep + max(a.Lookback.Greatest().Millis(), a.OrderWindow.Millis()) + state.HistoryBucket,
		Velocity:    late.Click.Millis() + event.Hour + state.VelocityBucket,
	}
}
