package pipeline_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/table"
)

// genInput makes its records as they are asked for.
type genInput struct {
	n, at int
	make  func(i int) event.Event
}

func (g *genInput) Base() string { return "generated.ndjson" }

func (g *genInput) Next(context.Context) ([]event.Record, error) {
	if g.at == g.n {
		return nil, io.EOF
	}
	const portion = 1024
	out := make([]event.Record, 0, portion)
	for ; g.at < g.n && len(out) < portion; g.at++ {
		e := g.make(g.at)
		e.Type, e.Currency = e.Kind.TypeName(), "USD"
		if e.Channel == "" {
			e.Channel = "Direct"
		}
		if e.Person == "" && e.UserID != "" {
			e.Person = "u:" + e.UserID
		}
		e.Pos = event.Position{Prefix: "generated.ndjson:", N: int64(g.at + 1)}
		e.Raw = []byte("{}")
		out = append(out, event.Record{Event: e})
	}
	return out, nil
}

// hot is how much of the full size these tests have: all of it is for runs by
// hand (go test ./pipeline -run 'Hot|Nobody' -v -hot 1).
var hot = flag.Float64("hot", 0.05, "size of the tests of hot keys; 1 is the full size")

func scale(full int) int {
	n := int(float64(full) * *hot)
	if testing.Short() || raceEnabled {
		n /= 5
	}
	return n
}

// heavy replays n generated records, and tells time and memory.
func heavy(t *testing.T, cfg pipeline.Config, n int, mk func(i int) event.Event) (*pipeline.Engine, func(), pipeline.Counts) {
	t.Helper()
	opt := pipeline.Options{Shards: 2, SeenBytes: 64 << 20, RecentPersons: 1 << 16}
	e, done := openMemCache(t, cfg, opt, 256<<20)
	peak, ticks, slowest, last := uint64(0), 0, time.Duration(0), time.Now()
	began := time.Now()
	r, err := pipeline.Replay(context.Background(), e, []pipeline.Input{&genInput{n: n, make: mk}}, pipeline.ReplayOptions{
		Progress: func(int64, event.Millis) {
			now := time.Now()
			slowest, last = max(slowest, now.Sub(last)), now
			if ticks++; ticks%16 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("%d records in %v (%.1f us each), slowest tick %v, greatest heap %d MB", n, took.Round(time.Millisecond), float64(took.Microseconds())/float64(n), slowest.Round(time.Millisecond), peak>>20)
	return e, done, r.Counts
}

const hotStart = event.Millis(1772323200000) // 2026-03-01

// sumColumn adds up a column of a table.
func sumColumn(t *testing.T, e *pipeline.Engine, tab *table.Table, column string) (sum int64) {
	t.Helper()
	v := e.View()
	err := v.Scan(tab, func(r table.Row) bool {
		sum += r[tab.Col(column)].Int
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	return sum
}

// TestHotAddress: a click farm on one address, many clicks a second from ever
// new persons. All but the first 60 of its clicks are over the limit.
func TestHotAddress(t *testing.T) {
	n := scale(1_000_000)
	cfg := pipeline.DefaultConfig()
	cfg.Fraud.Rules.ClickRateIPAny.Mode = "enforce"
	ip := netip.MustParseAddr("192.0.2.7")
	e, done, counts := heavy(t, cfg, n, func(i int) event.Event {
		return event.Event{
			ID: fmt.Sprintf("c%d", i), Kind: event.Click, Time: hotStart + event.Millis(i/4), UserID: fmt.Sprintf("p%d", i%50_000),
			Campaign: "c", IP: ip, UserAgent: "farm", Amount: 3,
		}
	})
	defer done()
	if counts.Clicks != int64(n) {
		t.Errorf("%d clicks were applied, want %d", counts.Clicks, n)
	}
	if got := sumColumn(t, e, table.MinuteDelivery, "clicks"); got != int64(n) {
		t.Errorf("delivery counts %d clicks, want %d", got, n)
	}
	// The first 60 are within the limit; a person's own rate adds reasons to
	// clicks that are over it anyway, and GIVT goes before SIVT.
	invalid := sumColumn(t, e, table.MinuteDelivery, "sivt_clicks") + sumColumn(t, e, table.MinuteDelivery, "givt_clicks")
	if invalid != int64(n-60) {
		t.Errorf("%d clicks are invalid, want %d", invalid, n-60)
	}
	if got := sumColumn(t, e, table.MinuteDelivery, "invalid_spend_micros"); got != 3*int64(n-60) {
		t.Errorf("invalid spend is %d, want %d", got, 3*(n-60))
	}
}

// TestHotPerson: one person with clicks without end and a conversion after
// every so many: each path holds the first and the latest 199 touches.
func TestHotPerson(t *testing.T) {
	n := scale(100_000)
	const every = 100
	cfg := pipeline.DefaultConfig()
	cfg.Fraud.Rules.ClickRatePerson.Mode = "off"
	e, done, counts := heavy(t, cfg, n, func(i int) event.Event {
		out := event.Event{ID: fmt.Sprintf("e%07d", i), Kind: event.Click, Time: hotStart + event.Millis(i)*10*event.Second, UserID: "hot", Campaign: "c"}
		if i%every == every-1 {
			out.Kind, out.Amount, out.Name = event.Conversion, 1_000_000, "conversion"
		}
		return out
	})
	defer done()
	if want := int64(n / every); counts.Conversions != want {
		t.Fatalf("%d conversions, want %d", counts.Conversions, want)
	}
	v := e.View()
	defer v.Close()
	lookback := cfg.Attribution.Lookback.Click.Millis()
	i := 0
	err := v.Scan(table.Conversions, func(r table.Row) bool {
		at := i*every + every - 1 // index of the conversion
		first := max(0, at-int(lookback/(10*event.Second)))
		touches := (at - first) - (at/every - (first+every-1-every+1)/every)
		if m := first % every; m == every-1 {
			touches = (at - first) - (at/every - first/every)
		}
		want, dropped := min(touches, 200), max(0, touches-200)
		if got, left := r[10].Int, r[11].Int; got != int64(want) || left != int64(dropped) {
			t.Errorf("conversion %d: %d touches and %d left out, want %d and %d", i, got, left, want, dropped)
		}
		i++
		return i < 5000 && !t.Failed()
	})
	if err != nil {
		t.Fatal(err)
	}
	// Everything within the gap: one session holds all.
	if got := sumColumn(t, e, table.Sessions, "events"); got != int64(n) {
		t.Errorf("sessions hold %d events, want %d", got, n)
	}
}

// TestNobody: half of the traffic has no person; it counts in delivery, and no
// part of the engine gathers it under one key.
func TestNobody(t *testing.T) {
	n := scale(400_000)
	e, done, counts := heavy(t, pipeline.DefaultConfig(), n, func(i int) event.Event {
		out := event.Event{ID: fmt.Sprintf("e%d", i), Kind: event.Impression, Time: hotStart + event.Millis(i), Campaign: "c", Creative: "k", Amount: 2}
		if i%10 == 0 {
			out.Kind = event.Click
			out.IP = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		}
		if i%2 == 1 {
			out.UserID = fmt.Sprint(i % 10_007)
		}
		return out
	})
	defer done()
	if counts.Impressions+counts.Clicks != int64(n) {
		t.Errorf("%d impressions and %d clicks were applied, want %d", counts.Impressions, counts.Clicks, n)
	}
	if got := sumColumn(t, e, table.MinuteDelivery, "impressions") + sumColumn(t, e, table.MinuteDelivery, "clicks"); got != int64(n) {
		t.Errorf("delivery counts %d events, want %d", got, n)
	}
	if got := sumColumn(t, e, table.MinuteDelivery, "spend_micros"); got != 2*int64(n) {
		t.Errorf("spend is %d, want %d", got, 2*n)
	}
	if got := sumColumn(t, e, table.Sessions, "events"); got != 0 {
		t.Errorf("sessions hold %d events of nobody, want none", got)
	}
}
