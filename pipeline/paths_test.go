package pipeline_test

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/fraud"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/oracle"
	"github.com/tributary-data/tributary/pipeline"
)

// pathHistory draws what paths are made of, and little else: clicks and
// impressions of one user under several ids and of somebody else, around a few
// conversions, on a grid on which they meet. Ids do not repeat, so that order
// cannot matter. They arrive in any order: most touches after their conversion.
func pathHistory(t *rapid.T) []oracle.Judged {
	return touchHistory(t, rapid.IntRange(1, 4).Draw(t, "conversions"), rapid.IntRange(4, 33).Draw(t, "touches"), 6)
}

// touchHistory draws the same in greater or smaller.
func touchHistory(t *rapid.T, conversions, touches, persons int) []oracle.Judged {
	const start = event.Millis(1772323200000) // 2026-03-01
	pick := func(what string, n int) int { return rapid.IntRange(0, n-1).Draw(t, what) }
	var events []event.Event
	add := func(kind event.Kind, time event.Millis, user, anonymous string) *event.Event {
		e := event.Event{
			ID: fmt.Sprintf("%c%d", "abcd"[pick("letter", 4)], len(events)), Kind: kind, Type: kind.TypeName(), Time: start + time,
			UserID: user, AnonymousID: anonymous, Channel: "Email", Currency: "USD",
		}
		switch {
		case user != "":
			e.Person = "u:" + user
		case anonymous != "":
			e.Person = "a:" + anonymous
		}
		events = append(events, e)
		return &events[len(events)-1]
	}
	who := func() (user, anonymous string) {
		switch n := pick("who", persons); n {
		case 0, 1:
			return "1", ""
		case 5:
			return "2", ""
		default:
			return "", fmt.Sprint(n)
		}
	}
	for range conversions {
		user, anonymous := who()
		e := add(event.Conversion, 10*event.Hour+event.Millis(pick("at", 30))*event.Hour, user, anonymous)
		e.Name, e.Amount = "conversion", event.Micros(pick("amount", 1000))
	}
	for range touches {
		user, anonymous := who()
		kind := event.Click
		if rapid.Bool().Draw(t, "impression") {
			kind = event.Impression
		}
		e := add(kind, event.Millis(pick("at", 40))*event.Hour, user, anonymous)
		e.Campaign, e.Creative = fmt.Sprintf("c%d", pick("campaign", 3)), fmt.Sprintf("k%d", pick("creative", 2))
		if pick("blocked", 8) == 1 {
			e.IP, e.Lists = blockedAddress, event.BlockedIP.Set()
		}
	}
	for range pick("links", 4) {
		add(event.Identify, event.Millis(pick("at", 40))*event.Hour, []string{"1", "1", "2"}[pick("user", 3)], fmt.Sprint(2+pick("anonymous", 3)))
	}
	order := rapid.Permutation(events).Draw(t, "order")
	out := make([]oracle.Judged, len(order))
	for i, e := range order {
		e.Raw, e.Pos = fmt.Appendf(nil, `{"n":%d}`, i), event.Position{Prefix: "f.ndjson:", N: int64(i + 1)}
		out[i] = oracle.Judged{Rec: event.Record{Event: e}, Watermark: event.NoTime}
	}
	// Somewhere the watermark begins to stand after everything: what comes from
	// there restates.
	for i := pick("final from", len(out)+1); i < len(out); i++ {
		out[i].Watermark = start + 41*event.Hour
	}
	return out
}

// blockedAddress is where the invalid touches come from.
var blockedAddress = netip.MustParseAddr("192.0.2.1")

// pathConfig draws paths that are cut early and clicks that make each other
// invalid.
func pathConfig(t *rapid.T) oracle.Config {
	cfg := oracle.DefaultConfig()
	cfg.NoLateness = true
	hour := event.Duration(event.Hour)
	a := &cfg.Attribution
	a.MaxTouches = rapid.SampledFrom([]int{2, 3, 4, 5, 200}).Draw(t, "max touches")
	a.Lookback.Click = rapid.SampledFrom([]event.Duration{40 * hour, 12 * hour, hour}).Draw(t, "click lookback")
	a.Lookback.Impression = rapid.SampledFrom([]event.Duration{40 * hour, 24 * hour, 0}).Draw(t, "impression lookback")
	r := &cfg.Fraud.Rules
	r.ClickRatePerson.PerMinute = rapid.SampledFrom([]int{1, 5}).Draw(t, "clicks per minute")
	r.FastClick.Mode = rapid.SampledFrom([]fraud.Mode{fraud.Off, fraud.Enforce}).Draw(t, "fast click")
	return cfg
}

// TestLatePathsAreTheModel: paths that grow touch by touch, of several linked
// persons, with verdicts that change between, end as the model finds them.
func TestLatePathsAreTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := pathConfig(t)
		judged := pathHistory(t)
		logJudged(t, judged)
		want := oracle.Run(cfg, judged)
		n := rapid.SampledFrom([]int{1, 2, 3, 8, 4096}).Draw(t, "tick")
		opt := pathOptions(t)
		got := apply(t, engineConfig(cfg), opt, n, judged)
		report(t, "model", conform.Compare(want.Tables, got.tables, conform.Options{Tables: ordered()}))
		report(t, "invariant", conform.Invariants(got.tables))
	})
}

func pathOptions(t *rapid.T) pipeline.Options {
	return pipeline.Options{
		Shards: rapid.SampledFrom([]int{1, 2, 7}).Draw(t, "shards"), NoLateness: true, FoldEvery: 3, SeenBytes: 1 << 20, RecentPersons: 7,
		LongRun: rapid.SampledFrom([]int{1, 4, 16, 1 << 10}).Draw(t, "long run"),
	}
}

// TestBusyPersonsAreTheModel: the same of a few persons with many touches each
// between their conversions, statuses included.
func TestBusyPersonsAreTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := pathConfig(t)
		cfg.Attribution.MaxTouches = rapid.IntRange(2, 5).Draw(t, "most")
		judged := touchHistory(t, 6+rapid.IntRange(0, 10).Draw(t, "conversions"), 40+rapid.IntRange(0, 80).Draw(t, "touches"), 2)
		n := rapid.SampledFrom([]int{1, 2, 8, 32}).Draw(t, "tick")
		want, compare := oracle.Run(cfg, judged), conform.Options{Tables: ordered()}
		if n == 1 {
			want, compare.Status = oracle.RunWithStatus(cfg, judged), true
		}
		got := apply(t, engineConfig(cfg), pathOptions(t), n, judged)
		report(t, "model", conform.Compare(want.Tables, got.tables, compare))
		report(t, "invariant", conform.Invariants(got.tables))
	})
}
