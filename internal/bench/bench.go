// Package bench measures the program on the machine that it runs on: the
// traffic is generated before, everything is on, commits are durable, and what
// came out is checked against what went in. docs/benchmarks.md says what the
// figures mean.
package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/ingest"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/state"
)

// Options of a run.
type Options struct {
	Events  int64 // measured at full speed, and a fifth of it again at the load
	Preload int64 // in the state before
	Load    float64
	Shards  int
	Dir     string       // for traffic and state; it is emptied at the end
	Log     func(string) // told what goes on
}

// Result is what was measured.
type Result struct {
	Events, Preload int64
	BytesPerEvent   float64 // of the input
	Shards, Cores   int

	Seconds         float64
	EventsPerSecond float64
	CPUPerEvent     float64            // microseconds, of all threads
	Steps           map[string]float64 // the same by step, from a profile
	AllocsPerEvent  float64
	BytesAllocated  float64 // per event
	CommitP50       time.Duration
	CommitP99       time.Duration
	RSS             int64 // greatest, of the process

	DiskPerEvent    float64 // bytes that the state grew by
	WrittenPerEvent float64 // bytes that flushes, compactions and the log wrote
	Debt            uint64  // bytes waiting for compaction at the end
	Stalls          int64

	Paced *Paced
	Check []Check
}

// Paced is the run at a part of the greatest rate. Latency runs from the
// scheduled arrival of a record to its being durable.
type Paced struct {
	Load                float64
	EventsPerSecond     float64
	CPUPerEvent         float64
	Steps               map[string]float64
	P50, P99, P999, Max time.Duration
}

// Check compares what came out with what the generator knows it sent.
type Check struct {
	What      string
	Got, Want int64
}

// Run generates, preloads, measures and checks.
func Run(ctx context.Context, opt Options) (r *Result, err error) {
	b := &bench{opt: opt, ctx: ctx}
	defer func() { err = errors.Join(err, b.cleanUp()) }()
	if err := b.generate(); err != nil {
		return nil, err
	}
	if err := b.open(); err != nil {
		return nil, err
	}
	if opt.Preload > 0 {
		opt.Log("preloading")
		if err := b.replay(b.path("preload"), nil); err != nil {
			return nil, err
		}
	}
	r = &Result{
		Events: opt.Events, Preload: opt.Preload, Shards: b.engine.Shards(), Cores: runtime.GOMAXPROCS(0),
		BytesPerEvent: float64(b.bytes) / float64(opt.Events),
	}
	if err := b.fullSpeed(r); err != nil {
		return nil, err
	}
	b.settle()
	if err := b.paced(r); err != nil {
		return nil, err
	}
	b.check(r)
	return r, nil
}

type bench struct {
	opt    Options
	ctx    context.Context //nolint:containedctx // a bench lives no longer than Run
	lists  *fraud.Lists
	store  *state.Store
	engine *pipeline.Engine
	bytes  int64 // of the measured file
	sent   generate.BenchSummary
}

func (b *bench) path(name string) string { return filepath.Join(b.opt.Dir, name+".ndjson") }

// pacedEvents is how many events the paced run has.
func (b *bench) pacedEvents() int64 { return min(max(b.opt.Events/5, 200_000), 1_000_000) }

// generate writes one stream of traffic into three files.
func (b *bench) generate() error {
	b.opt.Log("generating the traffic")
	s, err := generate.NewBenchStream(generate.BenchOptions{Seed: 1})
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		n    int64
	}{{"preload", b.opt.Preload}, {"measured", b.opt.Events}, {"paced", b.pacedEvents()}} {
		f, err := os.Create(b.path(part.name))
		if err != nil {
			return err
		}
		w := bufio.NewWriterSize(f, 1<<20)
		var line []byte
		for range part.n {
			line = append(s.Append(line[:0]), '\n')
			if part.name == "measured" {
				b.bytes += int64(len(line))
			}
			if _, err := w.Write(line); err != nil {
				return errors.Join(err, f.Close())
			}
		}
		if err := errors.Join(w.Flush(), f.Close(), b.ctx.Err()); err != nil {
			return err
		}
	}
	b.sent = s.Summary()
	return nil
}

func (b *bench) open() (err error) {
	cfg := pipeline.DefaultConfig()
	if cfg.Fraud.Lists.BlockIPs, err = b.list("block", generate.BenchBlocked); err != nil {
		return err
	}
	if cfg.Fraud.Lists.HostingIPs, err = b.list("hosting", generate.BenchHosting); err != nil {
		return err
	}
	if b.lists, err = fraud.LoadLists(cfg.Fraud.Lists, ""); err != nil {
		return err
	}
	if b.store, err = state.Open(filepath.Join(b.opt.Dir, "state"), state.Options{}); err != nil {
		return err
	}
	b.engine, err = pipeline.Open(cfg, b.store, pipeline.Options{Shards: b.opt.Shards, VerdictSample: 1000, SeenBytes: 512 << 20})
	return err
}

func (b *bench) list(name string, lines []string) ([]string, error) {
	path := filepath.Join(b.opt.Dir, name+".txt")
	var text []byte
	for _, l := range lines {
		text = append(append(text, l...), '\n')
	}
	return []string{path}, os.WriteFile(path, text, 0o600)
}

func (b *bench) input(path string) (*ingest.File, error) {
	return ingest.OpenFile(path, ingest.FileOptions{
		Decode: ingest.DefaultDecodeConfig(), Clock: event.EndOfTime / 2, Workers: b.engine.Shards(), Ahead: ingest.Ahead(1),
		NewJudge: func() func(*event.Event) event.Reasons {
			cache := fraud.NewUACache()
			return func(e *event.Event) event.Reasons { return b.lists.Judge(e, cache) }
		},
	})
}

// replay applies a file as fast as it can.
func (b *bench) replay(path string, committed func(applied, durable time.Duration)) (err error) {
	f, err := b.input(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = pipeline.Replay(b.ctx, b.engine, []pipeline.Input{f}, pipeline.ReplayOptions{Open: true, Committed: committed})
	return err
}

func (b *bench) fullSpeed(r *Result) error {
	b.opt.Log("measuring at full speed")
	runtime.GC()
	before, sizes := usage(), b.store.Sizes()
	var commits []time.Duration
	profile, err := startProfile()
	if err != nil {
		return err
	}
	began := time.Now()
	err = b.replay(b.path("measured"), func(_, durable time.Duration) { commits = append(commits, durable) })
	took := time.Since(began)
	if r.Steps, err = profile.stop("full", err, b.opt.Events); err != nil {
		return err
	}
	after, grown := usage(), b.store.Sizes()
	n := float64(b.opt.Events)
	r.Seconds, r.EventsPerSecond = took.Seconds(), n/took.Seconds()
	r.CPUPerEvent = float64((after.cpu - before.cpu).Microseconds()) / n
	r.AllocsPerEvent, r.BytesAllocated = float64(after.mallocs-before.mallocs)/n, float64(after.allocated-before.allocated)/n
	slices.Sort(commits)
	r.CommitP50, r.CommitP99 = quantile(commits, 0.5), quantile(commits, 0.99)
	r.RSS = after.rss
	r.DiskPerEvent = (float64(grown.Disk) - float64(sizes.Disk)) / n
	r.WrittenPerEvent = float64(grown.Written-sizes.Written) / n
	r.Debt, r.Stalls = grown.Debt, grown.Stalls
	return nil
}

// settle lets the store catch up with what full speed left to be compacted: at a
// part of the rate it would not have been behind.
func (b *bench) settle() {
	quiet := 0
	for range 600 {
		if quiet++; b.store.Sizes().Compacting {
			quiet = 0
		}
		if quiet > 5 || b.ctx.Err() != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// paced sends batches at their scheduled times, whether or not earlier ones
// have been answered, and measures from the schedule.
func (b *bench) paced(r *Result) (err error) {
	b.opt.Log("measuring latency at a part of the rate")
	live, err := pipeline.NewLive(b.engine, []string{"bench"}, pipeline.LiveOptions{})
	if err != nil {
		return err
	}
	f, err := b.input(b.path("paced"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- live.Run(ctx) }()
	rate := r.EventsPerSecond * b.opt.Load
	var sending sync.WaitGroup
	var mu sync.Mutex
	var latencies []time.Duration
	var failed error
	before, began := usage(), time.Now()
	profile, err := startProfile()
	if err != nil {
		return err
	}
	sent := int64(0)
	broken := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return failed != nil
	}
	for !broken() {
		records, err := f.Next(ctx)
		if err != nil {
			break // the end of the file
		}
		sent += int64(len(records))
		at := began.Add(time.Duration(float64(sent) / rate * float64(time.Second)))
		time.Sleep(time.Until(at))
		// The order of submissions is kept by handing over in this goroutine.
		done, err := live.Hand(0, records)
		for errors.Is(err, pipeline.ErrBusy) { // it waits, and the wait counts
			time.Sleep(time.Millisecond)
			done, err = live.Hand(0, records)
		}
		if err != nil {
			mu.Lock()
			failed = errors.Join(failed, err)
			mu.Unlock()
			break
		}
		sending.Go(func() {
			_, err := done(ctx)
			took := time.Since(at)
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
			latencies = append(latencies, took)
		})
	}
	sending.Wait()
	took, after := time.Since(began), usage()
	steps, err := profile.stop("paced", nil, sent)
	stop()
	if err != nil {
		return err
	}
	if err := errors.Join(failed, <-ended); err != nil {
		return err
	}
	slices.Sort(latencies)
	r.Paced = &Paced{
		Load: b.opt.Load, EventsPerSecond: float64(sent) / took.Seconds(),
		CPUPerEvent: float64((after.cpu - before.cpu).Microseconds()) / float64(sent),
		Steps:       steps,
		P50:         quantile(latencies, 0.5), P99: quantile(latencies, 0.99), P999: quantile(latencies, 0.999), Max: quantile(latencies, 1),
	}
	return nil
}

// check compares the totals of the tables' source with the generator's.
func (b *bench) check(r *Result) {
	c := b.engine.Published().Counts
	add := func(what string, got, want int64) { r.Check = append(r.Check, Check{what, got, want}) }
	add("records", c.Records, b.sent.Records)
	add("impressions applied", c.Impressions, b.sent.Impressions)
	add("clicks applied", c.Clicks, b.sent.Clicks)
	add("page views applied", c.Behavioural, b.sent.PageViews)
	add("conversions applied", c.Conversions, b.sent.Conversions)
	add("duplicates", c.Duplicates, b.sent.Duplicates)
}

func (b *bench) cleanUp() error {
	var err error
	if b.store != nil {
		err = b.store.Close()
	}
	for _, name := range []string{"preload", "measured", "paced"} {
		err = errors.Join(err, os.RemoveAll(b.path(name)))
	}
	return errors.Join(err, os.RemoveAll(filepath.Join(b.opt.Dir, "state")), os.RemoveAll(filepath.Join(b.opt.Dir, "state.epoch")))
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// Differs says what is not as it should be.
func (r *Result) Differs() error {
	for _, c := range r.Check {
		if c.Got != c.Want {
			return fmt.Errorf("%s: got %d; want %d", c.What, c.Got, c.Want)
		}
	}
	return nil
}
