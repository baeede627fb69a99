package cli

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
)

func TestProgressLine(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	p := &Progress{label: "replay", total: 400, start: start, now: func() time.Time { return start.Add(10 * time.Second) }}
	p.Set(5000, 100, event.Millis(1_772_323_200_000))
	if got, want := p.line(), "replay: 5000 rows, 500 rows/s, 25 %, ETA 30s, watermark 2026-03-01T00:00:00.000Z"; got != want {
		t.Errorf("line = %q; want %q", got, want)
	}
	p.total = 0
	p.Set(0, 0, event.NoTime)
	if got, want := p.line(), "replay: 0 rows, 0 rows/s"; got != want {
		t.Errorf("line = %q; want %q", got, want)
	}
}

func TestProgressIsSilentOffATerminal(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&Env{Stderr: &b}, "x", 1)
	p.Set(1, 1, event.NoTime)
	p.Stop()
	if b.Len() > 0 {
		t.Errorf("wrote %q to a buffer", b.String())
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	if isTerminal(null) {
		t.Error("the null device counts as a terminal")
	}
}
