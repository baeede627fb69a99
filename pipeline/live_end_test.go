package pipeline

import (
	"context"
	"errors"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/state"
)

// TestHandAtTheEnd: what comes into the queue as Run returns is refused, not
// left waiting for a tick that never comes.
func TestHandAtTheEnd(t *testing.T) {
	store, err := state.OpenMemory(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	e, err := Open(DefaultConfig(), store, Options{Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLive(e, []string{"http"}, LiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wait, err := l.Hand(0, []event.Record{{}}) // it found the pipeline working
	if err != nil {
		t.Fatal(err)
	}
	close(l.done) // and by now Run has returned
	if _, err := wait(context.Background()); !errors.Is(err, ErrStopping) {
		t.Errorf("waiting gives %v, want %v", err, ErrStopping)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l.done = make(chan struct{})
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Submit(context.Background(), 0, []event.Record{{}}); !errors.Is(err, ErrStopping) {
		t.Errorf("handing in after the end gives %v, want %v", err, ErrStopping)
	}
}
