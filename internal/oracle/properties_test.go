package oracle_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/conform"
	"github.com/tributary-data/tributary/internal/oracle"
	"github.com/tributary-data/tributary/internal/oracle/draw"
	"github.com/tributary-data/tributary/table"
)

// journalless are the tables without the journal, which the oracle does not keep.
func journalless(r *oracle.Result) conform.Tables {
	out := maps.Clone(r.Tables)
	delete(out, table.Journal.Name)
	return out
}

// ordered are the tables that no order of arrival may change.
func ordered() (names []string) {
	for _, t := range table.All {
		if t != table.Journal && t != table.LateEvents && t != table.DeadLetters {
			names = append(names, t.Name)
		}
	}
	return names
}

func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := draw.Config(t)
		cfg.NoLateness = true
		judged := oracle.Replay(cfg, draw.History(t, cfg, draw.Options{Unique: true}))
		want := oracle.Run(cfg, judged)
		got := oracle.Run(cfg, rapid.Permutation(judged).Draw(t, "order"))
		report(t, conform.Compare(want.Tables, got.Tables, conform.Options{Tables: ordered()}))
	})
}

func TestSendingTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := draw.Config(t)
		cfg.NoLateness = true
		judged := oracle.Replay(cfg, draw.History(t, cfg, draw.Options{Unique: true}))
		once, twice := oracle.Run(cfg, judged), oracle.Run(cfg, slices.Concat(judged, judged))
		report(t, conform.Compare(once.Tables, twice.Tables, conform.Options{}))
		if want := 2*once.Duplicates + once.Applied; twice.Duplicates != want || twice.Conflicts != 0 {
			t.Fatalf("%d duplicates and %d conflicts, want %d and 0", twice.Duplicates, twice.Conflicts, want)
		}
	})
}

func TestInvariantsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := draw.Config(t)
		inputs := draw.History(t, cfg, draw.Options{Dead: true})
		records := 0
		for _, in := range inputs {
			records += len(in)
		}
		got := oracle.Run(cfg, oracle.Replay(cfg, inputs))
		report(t, conform.Invariants(journalless(got)))
		if n := got.Applied + got.Duplicates + got.TooLate + got.Dead; n != records {
			t.Fatalf("%d records have an outcome, want %d", n, records)
		}
	})
}

func TestStatusChangesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := draw.Config(t)
		judged := oracle.Replay(cfg, draw.History(t, cfg, draw.Options{Events: 12}))
		report(t, conform.Compare(oracle.Run(cfg, judged).Tables, oracle.RunWithStatus(cfg, judged).Tables, conform.Options{}))
	})
}

// rules are what drawn histories must reach.
var rules = []string{
	"duplicate", "conflict", "too late", "order duplicate", "adjusted retracted", "adjusted restated", "dropped touches",
	"touch click", "touch impression", "touch visit", "touch ", "bad adjustment", "bot_user_agent", "blocked_ip",
	"datacenter_ip", "duplicate_click", "click_rate_person", "click_rate_ip", "click_rate_ip_any", "fast_click", "fast_conversion",
}

// TestDrawnHistoriesReachTheRules: a generator that misses what it is for
// would make every property above hold for nothing.
func TestDrawnHistoriesReachTheRules(t *testing.T) {
	seen := map[string]bool{}
	unseen := func() []string {
		return slices.DeleteFunc(slices.Clone(rules), func(r string) bool { return seen[r] })
	}
	const rounds = 30 // of which the first mostly sees everything
	for i := 0; i < rounds && len(unseen()) > 0; i++ {
		rapid.Check(t, func(t *rapid.T) {
			cfg := draw.Config(t)
			r := oracle.Run(cfg, oracle.Replay(cfg, draw.History(t, cfg, draw.Options{})))
			saw := func(what string, yes bool) { seen[what] = seen[what] || yes }
			saw("duplicate", r.Duplicates > 0)
			saw("conflict", r.Conflicts > 0)
			saw("too late", r.TooLate > 0)
			for _, v := range r.Tables[table.Verdicts.Name] {
				for _, reason := range slices.Concat(v[7].List, v[8].List) {
					saw(reason, true)
				}
				saw("order duplicate", v[5].Text == "duplicate")
			}
			for _, c := range r.Tables[table.Conversions.Name] {
				saw("adjusted "+c[9].Text, true)
				saw("dropped touches", c[11].Int > 0)
			}
			for _, c := range r.Tables[table.Credits.Name] {
				saw("touch "+c[5].Text, true)
			}
			for _, d := range r.Tables[table.DeadLetters.Name] {
				saw("bad adjustment", d[1].Text == string(event.BadAdjustment))
			}
		})
	}
	if left := unseen(); len(left) > 0 {
		t.Errorf("no history has %q", left)
	}
}
