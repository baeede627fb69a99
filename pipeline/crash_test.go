package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/oracle"
	"github.com/tributary-data/tributary/internal/oracle/draw"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/state"
)

// process is one life of the program on a file system that can crash: it
// applies the ticks that the state does not hold yet.
type process struct {
	t      tester
	store  *state.Store
	engine *pipeline.Engine
	ticks  []*pipeline.Tick
}

// start opens what the last life left.
func start(t tester, fs vfs.FS, cfg pipeline.Config, opt pipeline.Options, ticks []*pipeline.Tick) *process {
	t.Helper()
	store, err := state.Open("data", state.Options{FS: fs, CacheSize: 1 << 20})
	if err != nil {
		t.Fatalf("open the store after a crash: %v", err)
	}
	e, err := pipeline.Open(cfg, store, opt)
	if err != nil {
		t.Fatalf("open the engine after a crash: %v", err)
	}
	return &process{t, store, e, ticks}
}

// left are the ticks after the position that the last commit stored.
func (p *process) left() []*pipeline.Tick {
	p.t.Helper()
	in := p.engine.Inputs()
	if in == nil {
		return p.ticks
	}
	if p.engine.Watermark() == event.EndOfTime { // commits may be more than ticks: a close makes one
		return nil
	}
	for i, tick := range p.ticks {
		if string(tick.Inputs) == string(in) {
			return p.ticks[i+1:]
		}
	}
	p.t.Fatalf("the state stands at position %q, where no tick ended", in)
	return nil
}

func (p *process) end() ran {
	p.t.Helper()
	out := ran{tables: readTables(p.t, p.engine)}
	v := p.engine.View()
	out.counts = v.Counts
	if err := v.Close(); err != nil {
		p.t.Fatalf("close the view: %v", err)
	}
	return out
}

// abandon ends the life of a process whose disk was cloned: what it still
// writes goes to a disk that nobody reads.
func (p *process) abandon() {
	if err := p.store.Close(); err != nil {
		p.t.Fatalf("close the abandoned store: %v", err)
	}
}

func same(t tester, what string, want, got ran) {
	t.Helper()
	differ(t, what, text(want.tables), text(got.tables))
	if fmt.Sprintf("%+v", want.counts) != fmt.Sprintf("%+v", got.counts) {
		t.Errorf("%s: counts are %+v, want %+v", what, got.counts, want.counts)
	}
	report(t, what, conform.Invariants(got.tables))
}

// TestCrashesChangeNothing: whatever of what was not synced survives, at any
// commit and more than once, the tables end as if nothing had happened.
func TestCrashesChangeNothing(t *testing.T) {
	fewer(t, 4, func(t *rapid.T) {
		cfg := draw.Config(t)
		judged := oracle.Replay(cfg, draw.History(t, cfg, draw.Options{Dead: true}))
		logJudged(t, judged)
		n := rapid.SampledFrom([]int{1, 2, 7}).Draw(t, "tick")
		opt := drawOptions(t, cfg)
		all := ticks(judged, n)
		if rapid.Bool().Draw(t, "fold in cycles") { // a few rows with each commit
			opt.FoldEvery, opt.FoldPart = 0, rapid.IntRange(1, 3).Draw(t, "fold part")
			for _, x := range all {
				if rapid.IntRange(0, 3).Draw(t, "begin") == 0 {
					x.Fold = pipeline.FoldBegin
				}
			}
		}
		want := apply(t, engineConfig(cfg), opt, n, judged)

		fs := vfs.NewCrashableMem()
		p := start(t, fs, engineConfig(cfg), opt, all)
		crashes := rapid.IntRange(1, 4).Draw(t, "crashes")
		for crashes > 0 {
			left := p.left()
			if len(left) == 0 {
				break
			}
			at := rapid.IntRange(0, len(left)-1).Draw(t, "crash at")
			how := rapid.SampledFrom([]string{"before wait", "after wait", "unwaited run", "after close"}).Draw(t, "how")
			t.Logf("crash %s at tick %d of %d left", how, at, len(left))
			var durable uint64
			waiting := []*pipeline.Commit{}
			for i, tick := range left[:at+1] {
				c, err := p.engine.Tick(tick)
				if err != nil {
					t.Fatalf("tick: %v", err)
				}
				if how == "unwaited run" || how == "before wait" && i == at {
					waiting = append(waiting, c)
					continue
				}
				if err := c.Wait(); err != nil {
					t.Fatalf("wait: %v", err)
				}
				durable = c.Number
			}
			if how == "after close" {
				if err := p.engine.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
			}
			keep := rapid.SampledFrom([]int{0, 20, 50, 80, 100}).Draw(t, "unsynced data that survives")
			seed := rapid.Uint64().Draw(t, "seed")
			clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: rand.New(rand.NewPCG(seed, 1))})
			for _, c := range waiting {
				if err := c.Wait(); err != nil {
					t.Fatalf("wait: %v", err)
				}
			}
			p.abandon()
			fs = clone
			opt.Shards = rapid.SampledFrom([]int{1, 2, 7}).Draw(t, "shards after the crash")
			p = start(t, fs, engineConfig(cfg), opt, all)
			if got := p.engine.Commit(); got < durable {
				t.Fatalf("commit %d was durable; after the crash the state is at %d", durable, got)
			}
			crashes--
		}
		for _, tick := range p.left() {
			mustTick(t, p.engine, tick)
		}
		same(t, "after crashes", want, p.end())
		p.abandon()
	})
}

// script is a history that does not depend on chance.
func script(seed int, events int) (oracle.Config, []oracle.Judged) {
	type drawn struct {
		cfg    oracle.Config
		judged []oracle.Judged
	}
	d := rapid.Custom(func(t *rapid.T) drawn {
		cfg := oracle.DefaultConfig()
		cfg.Fraud.Rules.MLScore.Mode = "off"
		return drawn{cfg, oracle.Replay(cfg, draw.History(t, cfg, draw.Options{Events: events, Dead: true}))}
	}).Example(seed)
	return d.cfg, d.judged
}

// TestCrashAtEveryOperation ends the process before each operation on the file
// system, of opening, committing, folding and closing: synced data only.
func TestCrashAtEveryOperation(t *testing.T) {
	cfg, judged := script(7, 60)
	opt := pipeline.Options{Shards: 2, FoldEvery: 3, SeenBytes: 1 << 20, RecentPersons: 64, LongRun: 2}
	const n = 4
	all := ticks(judged, n)
	want := apply(t, engineConfig(cfg), opt, n, judged)

	// One whole life; at the operation asked for, the disk is cloned.
	life := func(crashAt int) (clone *vfs.MemFS, operations int, durable uint64) {
		fs := vfs.NewCrashableMem()
		var mu struct {
			sync.Mutex
			operations int
			durable    uint64 // of the last commit that was promised
			atCrash    uint64
		}
		count := errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsRead {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			if mu.operations++; mu.operations == crashAt {
				clone, mu.atCrash = fs.CrashClone(vfs.CrashCloneCfg{}), mu.durable
			}
			return nil
		})
		p := start(t, errorfs.Wrap(fs, count), engineConfig(cfg), opt, all)
		for _, tick := range all {
			c, err := p.engine.Tick(tick)
			if err == nil {
				err = c.Wait()
			}
			if err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			mu.durable = c.Number
			mu.Unlock()
		}
		if err := p.engine.Close(); err != nil {
			t.Fatal(err)
		}
		same(t, "a whole life", want, p.end())
		p.abandon()
		return clone, mu.operations, mu.atCrash
	}
	_, operations, _ := life(0)
	if operations < 2*len(all) {
		t.Fatalf("%d operations for %d commits; the test does not see them", operations, len(all))
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	for at := 1; at <= operations; at += step {
		clone, _, durable := life(at)
		if clone == nil {
			continue // an operation of the background that did not happen this time
		}
		p := start(t, clone, engineConfig(cfg), opt, all)
		if got := p.engine.Commit(); got < durable {
			t.Fatalf("operation %d: commit %d was durable; after the crash the state is at %d", at, durable, got)
		}
		for _, tick := range p.left() {
			mustTick(t, p.engine, tick)
		}
		same(t, "operation "+strconv.Itoa(at), want, p.end())
		p.abandon()
		if t.Failed() {
			break
		}
	}
}
