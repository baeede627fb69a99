package service

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/state"
)

// outboxGuard knows how far every sink is behind, forgets what all of them have,
// and pauses intake when what waits for the slowest reaches the quota. Nothing
// is dropped to keep going.
type outboxGuard struct {
	engine *pipeline.Engine
	store  *state.Store
	quota  int64
	none   bool // there are no sinks, and no outbox

	flushed int64 // keys that the outbox had been given at the last flush; look's goroutine's

	mu struct {
		sync.Mutex
		acked   map[string]uint64
		trimmed uint64
		marks   []mark // in order; the first is the commit at the start
		used    int64
		why     error
	}
}

// mark is when a commit was seen, and how many keys the outbox had been given by
// then.
type mark struct {
	commit uint64
	keys   int64
	at     time.Time
}

const (
	// maxMarks bounds what is remembered of an outage: beyond it every second
	// mark is forgotten, and the estimate becomes coarser.
	maxMarks = 2048
	// excused is how far a sink may be behind and not be blamed for the size of
	// the outbox: what it has acknowledged may still wait for compaction.
	excused = 10 * time.Second
	// keyBytes is about what a key takes in memory. Files are smaller.
	keyBytes = 64
	// minFlush is how much memory is worth a flush.
	minFlush = 256 << 10
)

func newOutboxGuard(e *pipeline.Engine, st *state.Store, quota int64, all []sinks.Sink) *outboxGuard {
	g := &outboxGuard{engine: e, store: st, quota: quota, none: len(all) == 0}
	g.mu.acked = map[string]uint64{}
	for _, s := range all {
		g.mu.acked[s.Name()] = 0
	}
	g.note(time.Now())
	return g
}

// watch looks every second until ctx ends.
func (g *outboxGuard) watch(ctx context.Context) {
	if g.none {
		return
	}
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			g.note(now)
			g.look()
		}
	}
}

// note remembers where the outbox stands now.
func (g *outboxGuard) note(now time.Time) {
	commit, keys := g.engine.Outbox()
	g.mu.Lock()
	defer g.mu.Unlock()
	marks := g.mu.marks
	if n := len(marks); n > 0 && marks[n-1].commit >= commit {
		return
	}
	if len(marks) == maxMarks {
		half := marks[:1]
		for i := 2; i < len(marks); i += 2 {
			half = append(half, marks[i])
		}
		marks = half
	}
	g.mu.marks = append(marks, mark{commit, keys, now})
}

// behind estimates what lies after a commit. Of what was there before the start
// only the commits are known.
func (g *outboxGuard) behind(after uint64) (b sinks.Backlog) {
	commit, keys := g.engine.Outbox()
	if commit <= after {
		return b
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	marks := g.mu.marks
	last := mark{commit, keys, time.Now()}
	if first := marks[0]; after < first.commit {
		b.Rows = keys + int64(first.commit-after)
		b.Oldest = first.at
		return b
	}
	for i := len(marks) - 1; i >= 0; i-- {
		if m := marks[i]; m.commit <= after {
			// Between two marks keys are taken to be spread evenly.
			part := float64(after-m.commit) / float64(last.commit-m.commit)
			b.Rows = keys - m.keys - int64(part*float64(last.keys-m.keys))
			b.Oldest = last.at
			return b
		}
		last = marks[i]
	}
	return b
}

// ack notes how far a sink is, and lets the outbox forget what every sink has.
func (g *outboxGuard) ack(sink string, commit uint64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.acked[sink] = max(g.mu.acked[sink], commit)
	_, low := g.slowest()
	if low <= g.mu.trimmed {
		return nil
	}
	g.mu.trimmed = low
	return g.engine.TrimOutbox(low)
}

// slowest is called with the lock held.
func (g *outboxGuard) slowest() (sink string, commit uint64) {
	for name, c := range g.mu.acked {
		if sink == "" || c < commit || c == commit && name < sink {
			sink, commit = name, c
		}
	}
	return sink, commit
}

// look measures the outbox. Intake goes on by itself at nine tenths of the
// quota.
func (g *outboxGuard) look() {
	used, err := g.store.DiskUsage(state.Outbox)
	if err != nil {
		return // the next second is soon; a store that is broken says so elsewhere
	}
	g.mu.Lock()
	sink, at := g.slowest()
	limit := g.quota
	if g.mu.why != nil {
		limit -= g.quota / 10
	}
	g.mu.Unlock()
	b := g.behind(at)
	var why error
	late := !b.Oldest.IsZero() && time.Since(b.Oldest) > excused
	if late && int64(used) < limit {
		g.flush()
	}
	if late && int64(used) >= limit {
		why = fmt.Errorf("%w: %d MB wait for sink %s, which lacks about %d rows since %s; state.outbox_quota is %d MB. Bring the sink back, take its section out of the configuration, or raise the quota",
			errDiskFull, used>>20, sink, b.Rows, b.Oldest.UTC().Format(time.RFC3339), g.quota>>20)
	}
	g.mu.Lock()
	g.mu.used, g.mu.why = int64(used), why
	g.mu.Unlock()
}

// flush has what is in memory written to files, where the next look sees it:
// each time that about an eighth of the quota may have come.
func (g *outboxGuard) flush() {
	_, keys := g.engine.Outbox()
	if (keys-g.flushed)*keyBytes < max(g.quota/8, minFlush) {
		return
	}
	if g.store.Flush() == nil { // an error is that of the store, which says so elsewhere
		g.flushed = keys
	}
}

// paused says why nothing may be taken in; nil when it may.
func (g *outboxGuard) paused() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.why
}
