package bigquery

import (
	"strings"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/testkit"
	"github.com/tributary-data/tributary/sinks/sinktest"
)

// TestCutOff: when the network goes while streams are open and rows are under
// way, a batch ends within the limits of its requests, whenever that is.
func TestCutOff(t *testing.T) {
	b := testkit.NewBigQuery(t)
	proxy := testkit.NewProxy(t, strings.TrimPrefix(b.Endpoint, "http://"))
	cfg := config(b)
	cfg.Endpoint, cfg.Timeout = "http://"+proxy.Addr, event.Duration(event.Second)
	s := open(t, cfg)
	src := sinktest.NewSource()
	src.Commit(everything(1)...)
	deliver(t, src, s, 100)
	for n := range 12 {
		at, err := s.Cursor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for k := range 20 {
			src.Commit(everything(n + 20*k)...)
		}
		v, err := src.View(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next, err := v.Next(t.Context(), at.Commit, 10_000)
		if err != nil {
			t.Fatal(err)
		}
		next.After, next.View = at.Commit, v
		ended := make(chan error, 1)
		go func() { ended <- s.Apply(t.Context(), next) }()
		time.Sleep(time.Duration(2*n) * time.Millisecond) // any moment will do
		proxy.CutAfter(0)
		select {
		case <-ended: // well, or with an error
		case <-time.After(2 * time.Minute):
			panic("the batch is stuck") // shows where
		}
		proxy.Heal()
		deliver(t, src, s, 100)
	}
}
