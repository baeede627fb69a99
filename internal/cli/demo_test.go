package cli

import (
	"context"
	"errors"
	"testing"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/ingest/generate"
	"github.com/tributary-data/tributary/internal/service"
)

// The past of the demo is handed in whole and in order, however it is cut; when
// it cannot be handed in, nothing goes on behind.
func TestDemoPast(t *testing.T) {
	const start = event.Millis(1_741_600_000_000)
	world := func() *generate.Live {
		return generate.NewLive(generate.LiveOptions{Seed: 1, HistoryRate: 10, Start: start, History: 3 * event.Hour})
	}
	want := world().Next(start)
	if len(want) <= 2*portion {
		t.Fatalf("%d records are not several portions", len(want))
	}
	var got []service.FeedRecord
	err := sendPast(t.Context(), world(), start, func(_ context.Context, records []service.FeedRecord) error {
		got = append(got, records...)
		return nil
	})
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d records of %d were handed in: %v", len(got), len(want), err)
	}
	for i, it := range want {
		if got[i].Topic != it.Topic || string(got[i].Raw) != string(it.Raw) {
			t.Fatalf("record %d is %s %s, want %s %s", i, got[i].Topic, got[i].Raw, it.Topic, it.Raw)
		}
	}

	full := errors.New("the disk is full")
	err = sendPast(t.Context(), world(), start, func(context.Context, []service.FeedRecord) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("what was handed in failed, and the answer is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = sendPast(ctx, world(), start, func(context.Context, []service.FeedRecord) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a demo that is stopped in its past says %v", err)
	}
}
