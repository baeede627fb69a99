package pipeline_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tributary-data/tributary/event"
	"github.com/tributary-data/tributary/internal/oracle"
	"github.com/tributary-data/tributary/internal/oracle/draw"
	"github.com/tributary-data/tributary/pipeline"
	"github.com/tributary-data/tributary/table"
)

// clockStep is something that happens to one input, and the watermark after it.
type clockStep struct {
	input int
	seen  event.Millis // an input time; 0: the input leaves (finished or idle)
	want  event.Millis // less 15,001 ms; 0: none yet
}

func TestClock(t *testing.T) {
	const h = event.Hour
	for _, c := range []struct {
		name  string
		steps []clockStep
	}{
		{"one input", []clockStep{{0, h, h}, {0, h + 5, h + 5}, {0, h + 3, h + 5}}},
		{"the slowest holds", []clockStep{{0, h, h}, {1, h + 1000, h}, {1, 9 * h, h}, {0, h + 500, h + 500}, {0, 10 * h, 9 * h}}},
		{"one that has not begun is left out", []clockStep{{0, h, h}, {0, 2 * h, 2 * h}, {1, h, 2 * h}, {0, 3 * h, 2 * h}, {1, 4 * h, 3 * h}}},
		{"one that lags or cannot be reached holds", []clockStep{{0, h, h}, {1, h, h}, {1, 5 * h, h}, {1, 50 * h, h}}},
		{"idle is left out, and never goes back when it resumes", []clockStep{
			{0, h, h}, {1, 2 * h, h}, {0, 0, 2 * h}, {1, 3 * h, 3 * h}, {0, h + 1, 3 * h}, {1, 4 * h, 3 * h}, {0, 5 * h, 4 * h},
		}},
		{"all idle: it stays", []clockStep{{0, h, h}, {1, 2 * h, h}, {0, 0, 2 * h}, {1, 0, 2 * h}, {0, h, 2 * h}, {0, 3 * h, 3 * h}}},
		{"the last to leave leaves no trace", []clockStep{{0, h, h}, {1, 2 * h, h}, {1, 0, h}, {0, 0, h}}},
		{"a record of the far future in one input", []clockStep{{0, h, h}, {1, h, h}, {1, 1000 * h, h}, {0, 2 * h, 2 * h}, {1, 2 * h, 2 * h}}},
		{"a finished file", []clockStep{{0, h, h}, {1, 4 * h, h}, {0, 0, 4 * h}}},
		{"the beginning of time", []clockStep{{0, 1, 1}, {1, 1, 1}, {0, 2, 1}, {1, 3, 2}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := pipeline.NewClock(event.Duration(15*event.Second), 3, event.NoTime)
			for i, s := range c.steps {
				if s.seen == 0 {
					clock.Leave(s.input)
				} else {
					clock.Seen(s.input, s.seen)
				}
				if want := s.want - 15_001; clock.Watermark() != want {
					t.Fatalf("step %d: the watermark is %d, want %d", i, clock.Watermark(), want)
				}
				if clock.Out(s.input) != (s.seen == 0) {
					t.Fatalf("step %d: out is %v", i, clock.Out(s.input))
				}
			}
		})
	}
}

// TestClockContinues: after a restart the clock begins at the stored watermark,
// and inputs that stand before it do not take it back.
func TestClockContinues(t *testing.T) {
	clock := pipeline.NewClock(0, 1, event.Hour)
	if clock.Watermark() != event.Hour || clock.Reached(0) != event.NoTime {
		t.Fatalf("begins at %d, reached %d", clock.Watermark(), clock.Reached(0))
	}
	clock.Seen(0, event.Minute)
	if clock.Watermark() != event.Hour || clock.Reached(0) != event.Minute-1 {
		t.Fatalf("after an old record: %d, reached %d", clock.Watermark(), clock.Reached(0))
	}
}

// TestClockIsMonotonous: whatever happens the watermark does not go back, and
// stands behind every input that counts.
func TestClockIsMonotonous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const inputs = 4
		disorder := event.Duration(rapid.Int64Range(0, 20_000).Draw(t, "disorder"))
		clock := pipeline.NewClock(disorder, inputs, event.NoTime)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			before, i := clock.Watermark(), rapid.IntRange(0, inputs-1).Draw(t, "input")
			if rapid.IntRange(0, 4).Draw(t, "leaves") == 0 {
				clock.Leave(i)
			} else {
				clock.Seen(i, event.Millis(rapid.Int64Range(0, 1_000_000).Draw(t, "time")))
			}
			low, live := event.EndOfTime, 0
			for j := range inputs {
				if r := clock.Reached(j); r != event.NoTime && !clock.Out(j) {
					low, live = min(low, r), live+1
				}
			}
			want := before
			if live > 0 {
				want = max(before, low)
			}
			if clock.Watermark() != want {
				t.Fatalf("the watermark is %d, want %d (before %d, slowest %d of %d)", clock.Watermark(), want, before, low, live)
			}
		}
	})
}

// click is a click of its own person, so that its order is all that matters.
func click(id string, at event.Millis) event.Record {
	return event.Record{Event: event.Event{
		ID: id, Kind: event.Click, Type: "click", Time: at, Person: "u:" + id, UserID: id, Currency: "USD", Channel: "Direct",
		Raw: []byte(id), Pos: event.Position{Prefix: "f:", N: at.Time().Unix()},
	}}
}

// TestReplayWatermark: what files that are sorted otherwise do to it.
func TestReplayWatermark(t *testing.T) {
	const h, d = event.Hour, event.Day
	start := event.Millis(1772323200000) // 2026-03-01
	seq := func(prefix string, at ...event.Millis) (out []event.Record) {
		for i, x := range at {
			out = append(out, click(fmt.Sprintf("%s%d", prefix, i), start+x))
		}
		return out
	}
	for _, c := range []struct {
		name    string
		inputs  [][]event.Record
		tooLate []string
		late    int64
		jumps   int
	}{
		{name: "in order", inputs: [][]event.Record{seq("a", 0, h, 2*h, 30*d), seq("b", 0, 1, 29*d)}, jumps: 2},
		{name: "a file that ends early holds nothing up", inputs: [][]event.Record{seq("a", 0), seq("b", 0, 3*d, d)}, late: 1, tooLate: []string{"b2"}, jumps: 1},
		{name: "a file that begins late is late only behind the others", inputs: [][]event.Record{seq("a", 0, 3*d), seq("b", 2*d)}, jumps: 1},
		{
			name: "sorted by user: what follows the jump is late", late: 3, tooLate: []string{"a2", "a3"}, jumps: 1,
			inputs: [][]event.Record{seq("a", 0, 5*d, d, 2*d, 5*d-h)},
		},
		{
			name: "a record of the far future in one of two", jumps: 1,
			inputs: [][]event.Record{seq("a", 0, 900*d), seq("b", 0, h, 2*h, 3*h)},
		},
		{
			name: "a lagging file holds the watermark for the others",
			// b's second record is taken while a has not passed it.
			inputs: [][]event.Record{seq("a", 0, h, 2*h), seq("b", 0, 2*h, h)}, late: 1,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tooLate []string
			got := replay(t, pipeline.DefaultConfig(), small(2), pipeline.ReplayOptions{}, memInputs(c.inputs, 1))
			for _, r := range got.tables[table.LateEvents.Name] {
				tooLate = append(tooLate, r[0].Text)
			}
			if !slices.Equal(tooLate, c.tooLate) || got.counts.Late != c.late {
				t.Errorf("too late %v and late %d, want %v and %d", tooLate, got.counts.Late, c.tooLate, c.late)
			}
			for _, s := range got.tables[table.Sessions.Name] {
				if s[len(s)-1].Text == "provisional" {
					t.Errorf("all files are finished, but a session is provisional: %v", s)
				}
			}
			e, done := openMem(t, pipeline.DefaultConfig(), small(1))
			defer done()
			r, err := pipeline.Replay(t.Context(), e, memInputs(c.inputs, 0), pipeline.ReplayOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Jumps) != c.jumps {
				t.Errorf("%d jumps, want %d: %v", len(r.Jumps), c.jumps, r.Jumps)
			}
			if e.Watermark() != event.EndOfTime {
				t.Errorf("at the end the watermark is %v", e.Watermark())
			}
		})
	}
}

// TestReplayJudgesAsTheModel: each late event was judged by the watermark that
// the model says stood before it.
func TestReplayJudgesAsTheModel(t *testing.T) {
	fewer(t, 2, func(t *rapid.T) {
		cfg := oracle.DefaultConfig()
		cfg.Lateness = oracle.Lateness{} // whatever is late is too late and shows its watermark
		cfg.Fraud.Rules.MLScore.Mode = "off"
		inputs := draw.History(t, cfg, draw.Options{Dead: true})
		want := oracle.Run(cfg, oracle.Replay(cfg, inputs)).Tables[table.LateEvents.Name]
		got := replay(t, engineConfig(cfg), small(2), pipeline.ReplayOptions{TickRecords: 3}, memInputs(inputs, 2))
		differ(t, "late events", text(map[string][]table.Row{table.LateEvents.Name: want}), text(map[string][]table.Row{table.LateEvents.Name: got.tables[table.LateEvents.Name]}))
	})
}
