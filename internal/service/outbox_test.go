package service

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/sinks"
	"github.com/tributary-data/tributary/state"
)

// held is a sink of a name and nothing else.
type held string

func (h held) Name() string                                 { return string(h) }
func (held) Cursor(context.Context) (sinks.Progress, error) { return sinks.Progress{}, nil }
func (held) Apply(context.Context, sinks.Batch) error       { return nil }
func (held) Resync(context.Context, sinks.View) error       { return nil }
func (held) Close() error                                   { return nil }

// TestOutboxGuard: what is behind is estimated from marks; the slowest sink
// decides what is forgotten, and at the quota it pauses intake until it is back.
func TestOutboxGuard(t *testing.T) {
	store, err := state.Open(t.TempDir(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	engine, err := pipeline.Open(pipeline.DefaultConfig(), store, pipeline.Options{Shards: 1, Outbox: true})
	if err != nil {
		t.Fatal(err)
	}
	commit := func(n int) {
		t.Helper()
		for range n {
			c, err := engine.Tick(&pipeline.Tick{})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Wait(); err != nil {
				t.Fatal(err)
			}
		}
	}
	g := newOutboxGuard(engine, store, 1, []sinks.Sink{held("fast"), held("slow")})
	first := engine.Commit()
	if b := g.behind(first); b != (sinks.Backlog{}) {
		t.Errorf("nothing is behind, and yet %+v", b)
	}
	begin := time.Now().Add(-time.Hour)
	for n := range maxMarks * 2 {
		commit(1)
		g.note(begin.Add(time.Duration(n) * time.Second))
	}
	last := engine.Commit()
	if n := len(g.mu.marks); n > maxMarks {
		t.Errorf("%d marks are kept", n)
	}
	if b := g.behind(last); b != (sinks.Backlog{}) {
		t.Errorf("nothing is behind, and yet %+v", b)
	}
	b := g.behind(first + 1000)
	if off := b.Oldest.Sub(begin) - 1000*time.Second; off < 0 || off > 10*time.Second {
		t.Errorf("the oldest is %v off", off)
	}
	if err := errors.Join(g.ack("fast", last), g.ack("slow", first+10)); err != nil {
		t.Fatal(err)
	}
	if g.mu.trimmed != first+10 {
		t.Errorf("forgotten up to %d; want %d", g.mu.trimmed, first+10)
	}
	g.quota = 0 // reached by anything
	g.look()
	if err := g.paused(); !errors.Is(err, errDiskFull) || !strings.Contains(err.Error(), "sink slow") || !strings.Contains(err.Error(), "outbox_quota") {
		t.Errorf("at the quota: %v", err)
	}
	if err := g.ack("slow", last); err != nil {
		t.Fatal(err)
	}
	g.look()
	if err := g.paused(); err != nil {
		t.Errorf("with all delivered: %v", err)
	}
}
