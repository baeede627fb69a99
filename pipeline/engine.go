// Package pipeline is the event-time core: it puts the inputs in one order,
// cuts that into ticks, and carries each tick through admission, verdicts,
// sessions and credits into one commit.
//
// Invariants:
//  1. What a tick changes (state, watermark, input positions, outbox) is in one
//     commit, or nowhere.
//  2. The tables do not depend on how records are cut into ticks, on the number
//     of shards, or on where a crash fell.
//  3. Stages see values and event time only: no clock, no randomness.
//  4. Each shard owns its keys; between the phases of a tick all shards meet.
package pipeline

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/history"
	"github.com/tributary-data/tributary/state"
)

// Options decide how the tables are made, not what they say.
type Options struct {
	Shards        int    // 0: one per core
	VerdictSample uint64 // one in so many invalid impressions gets a row of verdicts; 0 and 1: all
	NoLateness    bool   // nothing is too late
	KeepEvents    bool   // old events are never dropped: for a replay, whose links may reach back without limit
	Outbox        bool   // note which rows changed, for sinks
	FoldEvery     int    // commits after which all rollup rows are written; 0: only when a tick says so
	FoldPart      int    // rollup rows that a commit of a cycle writes at the least; 0: 512
	SeenBytes     int    // memory for remembering ids, over all shards; 0: 1 GiB
	RecentPersons int    // persons remembered with their latest event, over all shards; 0: 4 million
	LongRun       int    // events of a person on one path, from which on they are counted in memory; 0: 1024
	Version       string // of the lists, for the table of verdicts
}

func (o Options) withDefaults() Options {
	if o.Shards == 0 {
		o.Shards = runtime.GOMAXPROCS(0)
	}
	if o.FoldPart == 0 {
		o.FoldPart = 512
	}
	if o.SeenBytes == 0 {
		o.SeenBytes = 1 << 30
	}
	if o.RecentPersons == 0 {
		o.RecentPersons = 4 << 20
	}
	if o.LongRun == 0 {
		o.LongRun = 1 << 10
	}
	return o
}

// Engine applies ticks to a store. One goroutine calls Tick; readers use View.
type Engine struct {
	cfg   Config
	opt   Options
	store *state.Store

	dict       *history.Dict
	buckets    *history.Buckets
	links      *links
	rollups    *rollupStore
	shards     []*shard
	modes      modeSets
	touches    touchKinds
	clickRules []fraud.ClickRule
	version    string

	commit    uint64
	rev       uint64 // epoch and commit: the revision of rows written in this tick
	seq       uint64
	watermark event.Millis // after the tick at hand
	maxTime   event.Millis // greatest event time ever applied
	retained  retention
	expired   []string // texts whose adjustments stop waiting in this tick
	inputs    []byte
	tuple     []byte
	items     []item
	packed    []byte
	dead      map[string]string // dead letters of the tick at hand, by key
	counts    Counts

	published struct {
		sync.RWMutex // held by Tick while what readers see changes
		commit       uint64
		watermark    event.Millis
		counts       Counts
		buckets      *history.Buckets
		outbox       int64 // keys put into the outbox since the start
	}
}

var (
	metaEngine = []byte("Mengine")
	metaConfig = []byte("Mconfig")
)

// meta is what the engine keeps of itself.
type meta struct {
	Commit    uint64
	Watermark event.Millis
	MaxTime   event.Millis
	Retained  retention
	Counts    Counts
	Inputs    []byte
}

// Open continues on a store.
func Open(cfg Config, store *state.Store, opt Options) (*Engine, error) {
	opt = opt.withDefaults()
	e := &Engine{
		cfg: cfg, opt: opt, store: store, modes: newModeSets(cfg.Fraud.Rules), touches: newTouchKinds(&cfg.Attribution),
		dead: map[string]string{}, clickRules: cfg.Fraud.Rules.ClickRules(), version: opt.Version, watermark: event.NoTime, maxTime: event.NoTime,
	}
	counts, err := e.restore()
	if err != nil {
		return nil, err
	}
	if err := e.prepareOutbox(); err != nil {
		return nil, err
	}
	if err := e.load(); err != nil {
		return nil, err
	}
	for i := range opt.Shards {
		e.shards = append(e.shards, &shard{
			e: e, id: i, deltas: newDeltas(cfg.Attribution.Lookback.Greatest().Millis()), mail: make([]mail, opt.Shards),
			writes:      store.NewBatch(),
			impressions: newSeen(e.maxTime, opt.SeenBytes*3/4/opt.Shards), others: newSeen(e.maxTime, opt.SeenBytes/4/opt.Shards),
			recent: newRecent(e.maxTime, opt.RecentPersons/opt.Shards), clicked: newRecent(e.maxTime, opt.RecentPersons/opt.Shards/4),
			latest: newLatest(e.maxTime),
			people: map[string]*person{}, ids: map[string][]history.Known{},
			linked: map[string]string{}, members: map[string]map[string]membership{},
		})
	}
	if err := e.loadDeferred(); err != nil {
		return nil, fmt.Errorf("find what waits for conversions: %w", err)
	}
	e.counts = counts
	e.published.commit, e.published.watermark = e.commit, e.watermark
	e.published.counts, e.published.buckets = counts.clone(), e.buckets.Clone()
	return e, nil
}

// load brings into memory what every tick and reader needs of the state.
func (e *Engine) load() (err error) {
	if e.dict, err = history.NewDict(e.store); err != nil {
		return err
	}
	if e.buckets, err = history.LoadBuckets(e.store); err != nil {
		return fmt.Errorf("find what the state holds: %w", err)
	}
	if e.links, err = loadLinks(e.store); err != nil {
		return fmt.Errorf("load identity links: %w", err)
	}
	if e.rollups, err = openRollups(e.store); err != nil {
		return fmt.Errorf("open rollups: %w", err)
	}
	e.rollups.least = e.opt.FoldPart
	if err := e.rollups.recover(e.dict); err != nil {
		return fmt.Errorf("bring rollups up to date: %w", err)
	}
	return nil
}

// restore reads what the last commit left, and refuses a state that was made by
// other rules: figures of two rules in one table are neither's.
func (e *Engine) restore() (Counts, error) {
	want, err := json.Marshal(e.cfg.rules(e.opt))
	if err != nil {
		return Counts{}, err
	}
	have, err := e.store.Get(metaConfig)
	if errors.Is(err, state.ErrNotFound) {
		b := e.store.NewBatch()
		b.Set(metaConfig, want)
		return Counts{}, b.Commit()
	}
	if err != nil {
		return Counts{}, fmt.Errorf("read the rules of the state: %w", err)
	}
	if string(have) != string(want) {
		return Counts{}, &RulesError{Dir: e.store.Dir(), Have: string(have), Want: string(want)}
	}
	m, err := readMeta(e.store)
	if err != nil {
		return Counts{}, err
	}
	e.commit, e.watermark, e.maxTime, e.retained, e.inputs = m.Commit, m.Watermark, m.MaxTime, m.Retained, m.Inputs
	return m.Counts, nil
}

// readMeta reads what the last commit left; zero before the first.
func readMeta(s *state.Store) (meta, error) {
	m := meta{Watermark: event.NoTime, MaxTime: event.NoTime}
	v, err := s.Get(metaEngine)
	if errors.Is(err, state.ErrNotFound) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(v, &m)
	}
	if err != nil {
		return m, fmt.Errorf("read the last commit: %w", err)
	}
	return m, nil
}

// RulesError says that a state was made by another configuration.
type RulesError struct{ Dir, Have, Want string }

func (e *RulesError) Error() string {
	return fmt.Sprintf("the state in %s was made by other rules (sections time, sessions, attribution or fraud.rules); start a new directory and replay, or go back to\n  %s\nfrom\n  %s", e.Dir, e.Have, e.Want)
}

// rules is the part of the configuration that the tables depend on. Lists are
// not in it: fraud rejudge applies new ones.
func (c *Config) rules(o Options) any {
	return struct {
		Time        Lateness
		Sessions    any
		Attribution any
		Rules       any
		NoLateness  bool
	}{c.Time.AllowedLateness, c.Sessions, c.Attribution, c.Fraud.Rules, o.NoLateness}
}

func (m *meta) encode() []byte {
	b, err := json.Marshal(m)
	if err != nil {
		bug("encode the commit record: %v", err)
	}
	return b
}

// Watermark as of the last tick.
func (e *Engine) Watermark() event.Millis { return e.watermark }

// Inputs is what the last commit stored for the sequencer.
func (e *Engine) Inputs() []byte { return e.inputs }

// Commit is the number of the last commit.
func (e *Engine) Commit() uint64 { return e.commit }

// Config is what the engine was opened with.
func (e *Engine) Config() *Config { return &e.cfg }

// Close writes what is still only packed or waits, in a commit of its own: a
// sink that is at the last one learns of these rows too. The store stays open.
func (e *Engine) Close() error {
	if e.rollups.since == 0 && e.Unsettled() == 0 {
		return nil
	}
	c, err := e.Tick(&Tick{Watermark: e.watermark, Inputs: e.inputs, Fold: FoldAll})
	if err != nil {
		return err
	}
	return c.Wait()
}

// foldsAll says whether the tick at hand writes all rollup rows.
func (e *Engine) foldsAll(f Fold) bool {
	return f == FoldAll || e.opt.FoldEvery > 0 && e.rollups.since+1 >= e.opt.FoldEvery
}

// fold writes rollup rows into the commit at hand, as the tick says. Unless these
// are all, they are as of the commit before.
func (e *Engine) fold(f Fold, b *state.Batch) {
	n := uint32(0)
	changed := func(key []byte) {
		if e.opt.Outbox {
			b.Set(outboxKey(e.commit, n|1<<31), key)
			n++
		}
	}
	defer func() { e.published.outbox += int64(n) }() // Tick holds the lock
	r := e.rollups
	r.since++
	if f == FoldAll {
		r.all(b, e.commit, changed)
		return
	}
	if f == FoldBegin && e.commit > 1 {
		r.begin(e.commit - 1)
	}
	r.step(b, changed)
}

func outboxKey(commit uint64, n uint32) []byte {
	b := binary.BigEndian.AppendUint64([]byte{byte(state.Outbox)}, commit)
	return binary.BigEndian.AppendUint32(b, n)
}

// parallel runs a phase on all shards and waits for them.
func (e *Engine) parallel(phase func(*shard)) error {
	if len(e.shards) == 1 {
		phase(e.shards[0])
		return e.shards[0].err
	}
	var wg sync.WaitGroup
	for _, s := range e.shards[1:] {
		wg.Go(func() { phase(s) })
	}
	phase(e.shards[0])
	wg.Wait()
	for _, s := range e.shards {
		if s.err != nil {
			return s.err
		}
	}
	return nil
}
